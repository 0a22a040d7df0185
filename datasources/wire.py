"""The wire between replicas: a message reaches all that hear now, and is not kept for others."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Protocol

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from datasources.shared import CHANNEL

SAYING = 1.0
"""Seconds that it may take to connect or to say something."""

SILENCE = 3.0
"""Seconds without a message, be it one's own, after which the wire counts as cut."""


class Wire(Protocol):
    """Carries messages between all replicas."""

    async def say(self, message: bytes) -> bool:
        """Send a message to all, oneself included; false if that failed."""
        ...

    def hear(self) -> AsyncIterator[bytes]:
        """Yield messages as they come; ends or raises when the wire is cut."""
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...


class RedisWire:
    """The wire through a Redis or Valkey server, on connections of its own."""

    def __init__(self, url: str) -> None:
        self._client = Redis.from_url(
            url,
            socket_connect_timeout=SAYING,
            # A connection that the server has closed meanwhile is no failure of the server.
            retry=Retry(NoBackoff(), retries=1),
        )

    async def say(self, message: bytes) -> bool:
        """Send a message to all, oneself included; false if that failed."""
        try:
            async with asyncio.timeout(SAYING):
                await self._client.publish(CHANNEL, message)
        except Exception:  # noqa: BLE001  # whatever it is, it was not said
            return False
        return True

    async def hear(self) -> AsyncIterator[bytes]:
        """Yield messages as they come; ends or raises when the wire is cut."""
        async with self._client.pubsub(ignore_subscribe_messages=True) as pubsub:
            await pubsub.subscribe(CHANNEL)
            loop = asyncio.get_running_loop()
            heard_at = loop.time()
            while loop.time() - heard_at < SILENCE:
                message = await pubsub.get_message(timeout=SILENCE)
                if message is not None:
                    heard_at = loop.time()
                    yield message["data"]

    async def close(self) -> None:
        """Close the connections."""
        with suppress(Exception):
            await self._client.aclose()
