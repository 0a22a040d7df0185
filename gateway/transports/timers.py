"""Timers by the thousand, of which many end at once: each by itself would wake the process."""

import asyncio
from collections.abc import Callable
from typing import Protocol

import structlog

log = structlog.get_logger(__name__)

STEP = 0.25
"""Seconds within which all that is due is done at once."""

PARTS = 32
"""No timer ends sooner than it should by more than such a part of its time."""


class Timer(Protocol):
    """Something that is to be done later."""

    def cancel(self) -> None:
        """Do it no more."""
        ...


class _Due:
    """An action among those of its moment."""

    __slots__ = ("_moment", "action")

    def __init__(self, moment: dict["_Due", None], action: Callable[[], None]) -> None:
        self._moment = moment
        self.action = action
        moment[self] = None

    def cancel(self) -> None:
        """Do it no more."""
        self._moment.pop(self, None)


_Moments = dict[float, dict[_Due, None]]


def _pass(moments: _Moments, when: float) -> None:
    moment = moments.pop(when)
    for due in tuple(moment):
        if due in moment:  # or else another's action has cancelled it
            try:
                due.action()
            except Exception:
                log.exception("timer_failed")


class Timers:
    """Does things in so many seconds, or a moment before: what is due at one moment in one go."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._moments: _Moments = {}

    def __call__(self, seconds: float, action: Callable[[], None]) -> Timer:
        """Do something in so many seconds."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # what the former one has scheduled is not this one's to do
            self._loop, self._moments = loop, {}
        step = min(STEP, seconds / PARTS)
        when = loop.time() + seconds
        if step > 0:
            when -= when % step
        if when not in self._moments:
            self._moments[when] = {}
            loop.call_at(when, _pass, self._moments, when)
        return _Due(self._moments[when], action)
