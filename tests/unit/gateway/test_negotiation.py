"""What a client accepts decides the form of its answer."""

import pytest
from graphql import parse

from gateway.documents import operations_of
from gateway.transports.negotiation import accepted, wanted_stream

# What clients send, word by word.
URQL = "application/graphql-response+json, application/graphql+json, application/json, text/event-stream, multipart/mixed"
APOLLO = (
    "multipart/mixed;deferSpec=20220824,application/graphql-response+json,application/json;q=0.9"
)
APOLLO_LIVE = "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/graphql-response+json,application/json;q=0.9"


def stream(accept, document):
    (operation,) = operations_of(parse(document), ()).values()
    found = wanted_stream(accepted(accept), operation)
    return found and found.kind


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", None),
        ("", None),
        ("application/json", None),
        ("text/event-stream", "text/event-stream"),
        ("application/json, text/event-stream", None),
        ("text/event-stream, application/json", "text/event-stream"),
        ("text/event-stream;q=0.5, application/json", None),
        ("application/json;q=0.5, text/event-stream", "text/event-stream"),
        ("text/event-stream, */*", "text/event-stream"),
        ("text/event-stream;q=0", None),
        ("text/event-stream;q=much", None),
        ("multipart/mixed, application/json", None),
        ("multipart/mixed", "multipart/mixed"),
        (URQL, None),
        (APOLLO, None),
    ],
)
def test_a_query_comes_as_json_unless_events_are_wanted_more(accept, kind):
    assert stream(accept, "{ viewer { username } }") == kind


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", None),
        ("application/json", None),
        ("multipart/mixed", "multipart/mixed"),
        ("application/json, multipart/mixed", "multipart/mixed"),
        ("application/json, multipart/mixed;q=0.5", None),
        ("text/event-stream, application/json", "text/event-stream"),
        (URQL, "multipart/mixed"),
        (APOLLO, "multipart/mixed"),
    ],
)
def test_an_operation_with_parts_comes_in_parts_where_they_are_accepted(accept, kind):
    assert stream(accept, "{ viewer { ... @defer { username } } }") == kind


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", None),
        ("application/json", None),
        ("multipart/mixed", None),
        ("application/json, text/event-stream;q=0.1", "text/event-stream"),
        (URQL, "text/event-stream"),
        (APOLLO_LIVE, "multipart/mixed"),
        ("multipart/mixed;subscriptionSpec=1.0;q=0.8, text/event-stream", "text/event-stream"),
    ],
)
def test_a_subscription_comes_by_the_stream_that_its_client_names(accept, kind):
    assert stream(accept, "subscription { a }") == kind


def test_the_most_specific_range_tells_the_quality():
    accept = accepted('text/*;q=0.3, text/html;level="1";q=0.7, */*;q=0.5, text/html;q=0.4')
    assert accept.match("text/html").quality == 0.7
    assert accept.match("text/html").parameters == {"level": "1"}
    assert accept.match("text/plain").quality == 0.3
    assert accept.match("image/png").quality == 0.5


def test_a_type_with_quality_zero_is_refused_though_a_wider_range_has_it():
    assert accepted("application/json;q=0, */*").match("application/json") is None


def test_events_are_wanted_when_they_come_first():
    assert accepted("text/event-stream, application/json").events
    assert not accepted("application/json, text/event-stream").events
    assert not accepted("*/*").events
