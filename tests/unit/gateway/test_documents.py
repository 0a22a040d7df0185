"""Documents: each refusal typed, and none kept alive by being refused again."""

import traceback

import pytest

from gateway.documents import Documents, RefusedDocumentError
from gateway.schema import schema


@pytest.fixture
def documents():
    return Documents(schema, max_tokens=5000, max_depth=20, introspection=True)


def refused(documents, text):
    with pytest.raises(RefusedDocumentError) as caught:
        documents.operation(text, name=None)
    return caught.value


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{ nope }", "GRAPHQL_VALIDATION_FAILED"),
        ("{a" * 30 + "}" * 30, "MAX_DEPTH_LIMIT"),
    ],
)
def test_a_document_refused_again_is_a_new_error_that_says_the_same(documents, text, code):
    first, *_, last = [refused(documents, text) for _ in range(5)]
    assert first is not last
    assert (first.code, last.code) == (code, code)
    assert [error.formatted for error in first.errors] == [error.formatted for error in last.errors]
    assert len(traceback.extract_tb(first.__traceback__)) == 2
    assert len(traceback.extract_tb(last.__traceback__)) == 2
    assert [error.__traceback__ for error in last.errors] == [None]
