"""The hub: a slot for each topic and listener, and nothing left behind."""

import asyncio
from datetime import timedelta

import pytest

from datasources.hub import Hub

A, B, URGENT = ("quote", "A"), ("quote", "B"), ("access", 1)
HOUR = timedelta(hours=1)


@pytest.fixture
async def hub():
    return Hub()


async def test_all_that_is_new_comes_in_one_go_and_of_each_topic_the_newest(hub):
    with hub.listen([A, B]) as listener:
        for event in range(1000):
            hub.publish(A, event)
        hub.publish(B, "b")
        assert await listener.changes() == {A: 999, B: "b"}


async def test_what_says_the_same_as_the_last_is_not_new_but_what_says_nothing_is(hub):
    with hub.listen([A, B]) as listener:
        hub.publish(A, 1, says="one")
        hub.publish(B, 1)
        await listener.changes()
        hub.publish(A, 2, says="one")
        hub.publish(B, 2)
        assert await listener.changes() == {B: 2}


async def test_changes_from_what_was_seen_elsewhere_alone_are_new(hub):
    with hub.listen([A]) as listener:
        listener.saw(A, says=1)
        hub.publish(A, "same", says=1)
        hub.publish(A, "other", says=2)
        assert await listener.changes() == {A: "other"}


async def test_the_last_known_event_does_not_replace_one_that_came_meanwhile(hub):
    with hub.listen([A, B]) as listener:
        hub.publish(A, "newer", says=2)
        for topic in (A, B):
            listener.begin(topic, "known", says=1)
        assert await listener.changes() == {A: "newer", B: "known"}


async def test_what_is_urgent_does_not_wait_for_the_interval_and_takes_nothing_along(hub):
    with hub.listen([A, URGENT], min_interval=HOUR, urgent=[URGENT]) as listener:
        hub.publish(A, "later")
        waiting = asyncio.create_task(listener.changes())
        await asyncio.sleep(0)
        assert not waiting.done()
        hub.publish(URGENT, "now")
        assert await waiting == {URGENT: "now"}


async def test_topics_can_change_and_what_is_left_says_nothing_more(hub):
    with hub.listen([A]) as listener:
        hub.publish(A, 1)
        hub.follow(listener, [B])
        assert (hub.heard("quote"), hub.listeners) == ({"B"}, 1)
        hub.publish(A, 2)
        hub.publish(B, 3)
        assert await listener.changes() == {B: 3}


async def test_those_of_a_kind_are_stirred_and_no_others(hub):
    with hub.listen([A, URGENT]) as listener:
        hub.stir("access", "ledger")
        assert await listener.changes() == {URGENT: None}


async def test_the_end_comes_as_nothing_new(hub):
    with hub.listen([A]) as listener:
        waiting = asyncio.create_task(listener.changes())
        await asyncio.sleep(0)
        hub.close()
        assert await waiting == {}


async def test_a_thousand_listeners_that_leave_leave_nothing(hub):
    for _ in range(1000):
        with hub.listen([A, B]):
            pass
    assert (hub.listeners, hub.heard("quote"), vars(hub)) == (
        0,
        frozenset(),
        {"_listeners": {}, "_all": {}},
    )
