"""Answers in parts, in both forms, for graphql-core's own results."""

import asyncio

import pytest
from graphql import (
    build_schema,
    experimental_execute_incrementally,
    parse,
)

from gateway.transports.incremental import Form, form_of, parts_of

SCHEMA = build_schema("""
  directive @defer(if: Boolean! = true, label: String) on FRAGMENT_SPREAD | INLINE_FRAGMENT
  directive @stream(if: Boolean! = true, label: String, initialCount: Int! = 0) on FIELD
  type Query { hero: Hero }
  type Hero { name: String, bad: String!, friends: [String], needed: [String!], home: Home }
  type Home { town: String, friends: [Hero] }
""")


class Hero:
    name = "Luke"
    friends = ("Han", "Leia", "Obi")
    needed = ("Han", None)

    async def bad(self, info):
        raise ValueError("no")

    async def home(self, info):
        await asyncio.sleep(0)
        return {"town": "Mos Eisley", "friends": [{"name": "Wuher"}, {"name": "Greedo"}]}


def present(errors):
    return [{"message": error.message, "path": error.path} for error in errors]


async def answered(query, form):
    results = experimental_execute_incrementally(SCHEMA, parse(query), {"hero": Hero()})
    if not hasattr(results, "initial_result"):
        results = await results
    return [part async for part in parts_of(results, form=form, present=present)]


DEFER = '{ hero { name ... @defer(label: "Home") { home { town } } } }'


async def test_a_deferred_fragment_is_announced_delivered_and_completed_by_its_id():
    assert await answered(DEFER, Form.IDS) == [
        {
            "data": {"hero": {"name": "Luke"}},
            "pending": [{"id": "0", "path": ["hero"], "label": "Home"}],
            "hasNext": True,
        },
        {
            "hasNext": False,
            "incremental": [{"data": {"home": {"town": "Mos Eisley"}}, "id": "0"}],
            "completed": [{"id": "0"}],
        },
    ]


async def test_the_older_form_gives_each_part_its_path_and_label():
    assert await answered(DEFER, Form.PATHS) == [
        {"data": {"hero": {"name": "Luke"}}, "hasNext": True},
        {
            "hasNext": False,
            "incremental": [
                {"data": {"home": {"town": "Mos Eisley"}}, "path": ["hero"], "label": "Home"}
            ],
        },
    ]


async def test_both_forms_at_once_say_all_of_it():
    _, last = await answered(DEFER, Form.BOTH)
    assert last == {
        "hasNext": False,
        "incremental": [
            {
                "data": {"home": {"town": "Mos Eisley"}},
                "id": "0",
                "path": ["hero"],
                "label": "Home",
            }
        ],
        "completed": [{"id": "0"}],
    }


def items(parts):
    return [
        (entry["path"], entry["items"])
        for part in parts
        for entry in part.get("incremental", ())
        if "items" in entry
    ]


async def test_a_stream_goes_on_where_its_list_ended():
    first, *rest = await answered("{ hero { friends @stream(initialCount: 1) } }", Form.PATHS)
    assert first == {"data": {"hero": {"friends": ["Han"]}}, "hasNext": True}
    told = dict(enumerate(["Han"]))
    for path, values in items(rest):
        assert path[:-1] == ["hero", "friends"]
        assert path[-1] == len(told)
        told |= dict(enumerate(values, path[-1]))
    assert told == {0: "Han", 1: "Leia", 2: "Obi"}
    assert rest[-1]["hasNext"] is False


async def test_a_stream_within_a_deferred_fragment_goes_on_there():
    parts = await answered(
        "{ hero { ... @defer { home { friends @stream(initialCount: 1) { name } } } } }", Form.PATHS
    )
    assert items(parts) == [(["hero", "home", "friends", 1], [{"name": "Greedo"}])]


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (
            Form.IDS,
            {
                "hasNext": False,
                "completed": [{"id": "0", "errors": [{"message": "no", "path": ["hero", "bad"]}]}],
            },
        ),
        (
            Form.PATHS,
            {
                "hasNext": False,
                "incremental": [
                    {
                        "data": None,
                        "path": ["hero"],
                        "errors": [{"message": "no", "path": ["hero", "bad"]}],
                    }
                ],
            },
        ),
        (
            Form.BOTH,
            {
                "hasNext": False,
                "incremental": [
                    {
                        "id": "0",
                        "path": ["hero"],
                        "errors": [{"message": "no", "path": ["hero", "bad"]}],
                    }
                ],
                "completed": [{"id": "0", "errors": [{"message": "no", "path": ["hero", "bad"]}]}],
            },
        ),
    ],
)
async def test_a_fragment_that_an_error_makes_null_fails_as_a_whole(form, expected):
    *_, last = await answered("{ hero { name ... @defer { bad } } }", form)
    assert last == expected


async def test_a_stream_that_an_error_ends_is_null_where_it_would_have_gone_on():
    *_, last = await answered("{ hero { needed @stream(initialCount: 1) } }", Form.PATHS)
    (entry,) = last["incremental"]
    assert (entry["items"], entry["path"]) == (None, ["hero", "needed", 1])
    assert [error["path"] for error in entry["errors"]] == [["hero", "needed", 1]]


async def test_closing_early_ends_the_work_that_is_left():
    ended = asyncio.Event()

    class Slow(Hero):
        async def home(self, info):
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

    results = experimental_execute_incrementally(SCHEMA, parse(DEFER), {"hero": Slow()})
    if not hasattr(results, "initial_result"):
        results = await results
    parts = parts_of(results, form=Form.IDS, present=present)
    assert (await anext(parts))["hasNext"]
    coming = asyncio.ensure_future(anext(parts))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not ended.is_set()
    coming.cancel()
    await asyncio.wait([coming])
    await parts.aclose()
    assert ended.is_set()


def test_the_accepted_media_type_names_the_form():
    assert form_of({"incrementalspec": "v0.2"}) is Form.IDS
    assert form_of({"deferspec": "20220824"}) is Form.PATHS
    assert form_of({}) is Form.BOTH
