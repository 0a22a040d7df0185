"""Documents: each refusal typed, and none kept alive by being refused again."""

import asyncio
import gc
import traceback
import weakref

import pytest
from graphql import parse

from gateway.documents import Documents, PerOperation, RefusedDocumentError, operations_of
from gateway.limits import Limits
from gateway.schema import schema

VALIDATION = "GRAPHQL_VALIDATION_FAILED"


@pytest.fixture
def documents():
    return Documents(schema._schema, limits=Limits(), introspection=True)


def refused(documents, text):
    with pytest.raises(RefusedDocumentError) as caught:
        documents.operation(text, name=None)
    return caught.value


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{ nope }", VALIDATION),
        ("{a" * 30 + "}" * 30, "MAX_DEPTH_LIMIT"),
    ],
)
def test_a_document_refused_again_is_a_new_error_that_says_the_same(documents, text, code):
    first, *_, last = [refused(documents, text) for _ in range(5)]
    assert first is not last
    assert (first.code, last.code) == (code, code)
    assert [error.formatted for error in first.errors] == [error.formatted for error in last.errors]
    assert len(traceback.extract_tb(first.__traceback__)) == 3
    assert len(traceback.extract_tb(last.__traceback__)) == 3
    assert [error.__traceback__ for error in last.errors] == [None]


def chain(length):
    """Fragments each of which spreads only the next."""
    links = [f"fragment F{link} on Query {{ ...F{link + 1} }}" for link in range(length)]
    return " ".join(["{ ...F0 }", *links, f"fragment F{length} on Query {{ __typename }}"])


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (chain(600), "MAX_DEPTH_LIMIT"),
        (chain(200), "MAX_FRAGMENTS_LIMIT"),
        ("{a" * 1000 + "}" * 1000, "GRAPHQL_PARSE_FAILED"),
        ("{ node(id: " + "[" * 1000 + "]" * 1000 + ") { id } }", "GRAPHQL_PARSE_FAILED"),
        (f'{{ searchInstruments(text: "a", first: {"9" * 5000}) {{ symbol }} }}', VALIDATION),
        (f"query($a: Int = {'9' * 5000}) {{ node(id: $a) {{ id }} }}", VALIDATION),
        ("{" + " ".join(f"a{n}: viewer {{ id }}" for n in range(500)) + "}", "MAX_FIELDS_LIMIT"),
    ],
)
def test_an_absurd_document_is_refused_as_the_callers_mistake(documents, text, code):
    refusal = refused(documents, text)
    assert refusal.code == code
    assert [error.original_error for error in refusal.errors] == [None] * len(refusal.errors)


LONG = (
    "{ "
    + " ".join(f'n{n}: node(id: "x") {{ id }}' for n in range(8))
    + " "
    + "# long" * 2000
    + "\n}"
)


def test_long_documents_are_kept_as_far_as_their_characters_together_allow(documents):
    texts = [LONG.replace("# long", f"# {number:>4}") for number in range(50)]
    for text in texts:
        documents.operation(text, name=None)
    kept = 500_000 // len(LONG)
    assert [*documents._kept] == texts[-kept:]
    assert documents._kept_length == kept * len(LONG) < 500_000


async def test_others_go_on_while_a_long_document_is_read(documents):
    text = "{ viewer { " + " ".join(f"wrong{n}" for n in range(2_000)) + " } }"
    reading = asyncio.create_task(documents.find(text, name=None))
    turns = 0
    while not reading.done():
        await asyncio.sleep(0)
        turns += 1
    with pytest.raises(RefusedDocumentError):
        await reading
    assert turns > 10


async def test_a_long_document_that_many_ask_for_is_read_once(documents, monkeypatch):
    read, texts = documents._read, []
    monkeypatch.setattr(documents, "_read", lambda text: texts.append(text) or read(text))
    found = await asyncio.gather(*(documents.find(LONG, name=None) for _ in range(5)))
    assert len(set(map(id, found))) == 1
    assert texts == [LONG]
    assert documents.operation(LONG, name=None) is found[0]


async def test_a_short_document_is_read_without_waiting(documents):
    coming = documents.find("{ viewer { id } }", name=None)
    with pytest.raises(StopIteration) as done:
        coming.send(None)
    assert done.value.value.type.value == "query"


def test_what_is_made_of_an_operation_is_made_once_even_if_it_is_null():
    asked = []
    made = PerOperation(lambda operation: asked.append(operation.name))
    (operation,) = operations_of(parse("query Mine { viewer { id } }"), ()).values()
    assert [made.of(operation), made.of(operation)] == [None, None]
    assert asked == ["Mine"]


def test_what_is_made_of_an_operation_goes_with_it():
    made = PerOperation(lambda operation: {operation.name})
    (operation,) = operations_of(parse("{ viewer { id } }"), ()).values()
    gone = weakref.ref(made.of(operation))
    gc.collect()
    assert (gone() is None) is False
    del operation
    gc.collect()
    assert gone() is None
