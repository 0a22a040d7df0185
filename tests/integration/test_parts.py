"""The parts of an answer, put together as either form has it, are the whole answer."""

import pytest

from tests.streams import parts_of

# Which database it is makes no difference to how an answer is cut up.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

DOCUMENT = """
{ viewer {
    username
    ... @defer(label: "All") {
      portfolios @stream(initialCount: 1, label: "Each") {
        name
        ... @defer { positions {
          symbol
          ... @defer(label: "Price") { quantity instrument { quote { price } profile { sector } } }
        } }
      }
    }
    nobodys: portfolio(id: "x") { name }
    ... @defer { baseCurrency history: portfolios @stream { createdAt } }
} }
"""


def put(data, path, part):
    """Merge a part into what stands at a path."""
    place = data
    for step in path:
        place = place[step]
    merge(place, part)


def merge(into, part):
    for key, value in part.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            merge(into[key], value)
        else:
            into[key] = value


def together_by_ids(parts):
    data = parts[0]["data"]
    pending = {}
    for part in parts:
        pending |= {one["id"]: one["path"] for one in part.get("pending", ())}
        for entry in part.get("incremental", ()):
            path = pending[entry["id"]] + entry.get("subPath", [])
            if "items" in entry:
                place = data
                for step in path:
                    place = place[step]
                place.extend(entry["items"])
            else:
                put(data, path, entry["data"])
        for one in part.get("completed", ()):
            assert "errors" not in one
            del pending[one["id"]]
    assert pending == {}
    return data


def together_by_paths(parts):
    data = parts[0]["data"]
    for part in parts:
        for entry in part.get("incremental", ()):
            if "items" in entry:
                *path, start = entry["path"]
                place = data
                for step in path:
                    place = place[step]
                assert len(place) == start
                place.extend(entry["items"])
            else:
                put(data, entry["path"], entry["data"])
    return data


@pytest.mark.parametrize(
    ("accept", "together"),
    [
        ("multipart/mixed;incrementalSpec=v0.2", together_by_ids),
        ("multipart/mixed;deferSpec=20220824", together_by_paths),
        ("multipart/mixed", together_by_ids),
        ("multipart/mixed", together_by_paths),
    ],
)
async def test_the_parts_are_the_whole(demo, accept, together):
    whole = await demo.data(DOCUMENT)
    assert len(whole["viewer"]["portfolios"]) > 1
    assert whole["viewer"]["portfolios"][0]["positions"][0]["instrument"]["quote"] is not None
    answer = await demo.client.post(
        "/graphql", json={"query": DOCUMENT}, headers=demo.headers | {"accept": accept}
    )
    parts = parts_of(answer.text)
    assert len(parts) > 2
    assert [part["hasNext"] for part in parts] == [True] * (len(parts) - 1) + [False]
    assert together(parts) == whole
