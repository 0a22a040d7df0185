"""How fast a socket's client may speak."""

import asyncio

from gateway.transports.crowds import MESSAGES_AT_ONCE, MESSAGES_PER_SECOND, Pace


async def test_who_speaks_at_the_pace_may_go_on_for_ever(monkeypatch):
    now = 0.0
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now)
    pace = Pace()
    assert [pace.allows() for _ in range(MESSAGES_AT_ONCE + 1)] == [True] * MESSAGES_AT_ONCE + [
        False
    ]
    for _ in range(3):
        now += 1
        assert [pace.allows() for _ in range(MESSAGES_PER_SECOND + 1)] == (
            [True] * MESSAGES_PER_SECOND + [False]
        )
