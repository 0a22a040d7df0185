"""Those who follow what is executed for many, and how long those who are slower are waited for."""

import asyncio
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

import orjson
from graphql import GraphQLError

from models.changes import Topic

Response = dict[str, Any]
"""An answer to be written as JSON; its data may be written already, as a fragment."""

MOST_WAITING = 1_000
"""Responses that may wait for one follower while others have passed them on."""

MOST_BYTES = 1 << 20
"""How long what waits for one connection may be, but for what comes first."""

ENOUGH_WAITING, ENOUGH_BYTES = 100, MOST_BYTES // 4
"""With more than that somebody is waited for, until it is half of it, if it goes on reading."""

STALLED_SECONDS = 5.0
"""Who has passed nothing on for so long is not waited for."""

CATCHING_UP_SECONDS = 30.0
"""How long somebody may take to come from enough to half of it."""


@dataclass(frozen=True, slots=True)
class Written:
    """A response, and the JSON of its parts: written once, however many get it."""

    response: Response
    data: bytes
    rest: bytes
    """What comes after the data within the braces of the response."""

    def __len__(self) -> int:
        """Return how many bytes it has."""
        return len(self.data) + len(self.rest)


def written(response: Response) -> Written:
    """Write a response that has data."""
    data = orjson.dumps(response["data"])
    beside = {name: value for name, value in response.items() if name != "data"}
    rest = b"," + orjson.dumps(beside)[1:-1] if beside else b""
    return Written({"data": orjson.Fragment(data)} | beside, data, rest)


class Follower(Protocol):
    """Whoever follows an execution: takes at once whatever comes, and keeps nobody waiting.

    It tells its seat whenever it has passed on something that it has taken.
    """

    @property
    def waiting(self) -> int:
        """Return how many responses it has taken and not passed on by now."""
        ...

    @property
    def burden(self) -> int:
        """Return how many bytes wait that may not be left out, with all else on its connection.

        What comes first does not count if it is all there is.
        """
        ...

    def offer(self, topic: Topic, event: Written) -> None:
        """Take a response; of the same topic only the newest matters."""
        ...

    def end(self, final: Response | None, *, at_once: bool = False) -> None:
        """Take it that nothing more comes, but for what it ended with.

        What it has not passed on by now is for nobody any more if it ends ``at_once``.
        """
        ...


class Stragglers:
    """Those who are slower than others: who reads on is waited for, who does not is left behind."""

    def __init__(self, followers: Collection[Follower]) -> None:
        self._followers = followers
        self._left = set[Follower]()

    def forget(self, follower: Follower) -> None:
        """Take it that somebody follows no more."""
        self._left.discard(follower)

    async def caught_up(self, passed: asyncio.Event) -> None:
        """Wait until nobody who reads on has much before them; ``passed`` tells of each step."""
        if self._left:
            self._left = {one for one in self._left if one in self._followers and _behind(one, 2)}
        behind = {one for one in self._followers if one.waiting and _behind(one)} - self._left
        if not behind:
            return
        time = asyncio.get_running_loop().time
        last = time() + CATCHING_UP_SECONDS
        steps = {one: (one.waiting, time() + STALLED_SECONDS) for one in behind}
        while steps:
            passed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout_at(min(last, *(until for _, until in steps.values()))):
                    await passed.wait()
            now = time()
            for one, (waiting, until) in tuple(steps.items()):
                if one not in self._followers or not _behind(one, 2):
                    del steps[one]
                elif now >= last or (one.waiting >= waiting and now >= until):
                    del steps[one]
                    self._left.add(one)
                elif one.waiting < waiting:
                    steps[one] = (one.waiting, now + STALLED_SECONDS)


def _behind(follower: Follower, part: int = 1) -> bool:
    return follower.waiting * part > ENOUGH_WAITING or follower.burden * part > ENOUGH_BYTES


def is_too_slow(follower: Follower) -> bool:
    """Tell whether more waits for a follower than may."""
    return follower.waiting > MOST_WAITING or follower.burden > MOST_BYTES


def too_slow() -> GraphQLError:
    """Build the error of a subscription whose follower was too slow for what it may not miss."""
    message = (
        f"More than {MOST_WAITING:,} events, or {MOST_BYTES >> 20} MiB, waited to be read. "
        "Subscribe again, and ask for what has come meanwhile."
    )
    return GraphQLError(message, extensions={"code": "TOO_SLOW"})
