"""Cached values, and where replicas find those of others: on the server they share."""

import json
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any, Generic, TypeVar
from zlib import crc32

from pydantic import AwareDatetime, TypeAdapter, ValidationError

from datasources.shared import SharedServer

T = TypeVar("T")

FORMAT = 1
"""Grows when a value's meaning changes and its shape does not: older entries are then not read."""


@dataclass(frozen=True, slots=True)
class Entry(Generic[T]):
    """A cached value; null stands for something the source does not know."""

    value: T | None
    stored_at: AwareDatetime
    stale: bool = False


def _digest(text: str) -> str:
    return f"{crc32(text.encode()):08x}"


@cache
def _form(of: Any) -> tuple[TypeAdapter[Entry[Any]], str]:
    """Return what turns entries of a type to JSON and back, and a digest of the type's shape."""
    adapter: TypeAdapter[Entry[Any]] = TypeAdapter(Entry[of])
    return adapter, _digest(json.dumps(adapter.json_schema(), sort_keys=True))


class SharedEntries:
    """Entries of one type and kind on the server; while it fails it is as good as empty.

    The names of entries hold the shape of the value and what it is made from, so that replicas
    with other code or other providers never read them.
    """

    def __init__(self, server: SharedServer, *, sources: str) -> None:
        self._server = server
        self._sources = sources
        self.prefix = ""
        self.set_apart("")

    def set_apart(self, terms: str) -> None:
        """Have entries in common only with those who go by the same terms beside the sources."""
        self.prefix = f"{FORMAT}:{_digest(self._sources + terms)}"

    def _names(self, kind: str, keys: Collection[str], of: Any) -> list[str]:
        return [f"{self.prefix}:{_form(of)[1]}:{kind}:{key}" for key in keys]

    def _locks(self, kind: str, keys: Collection[str]) -> list[str]:
        return [f"{self.prefix}:lock:{kind}:{key}" for key in keys]

    async def get(self, kind: str, keys: Sequence[str], *, of: Any) -> dict[str, Entry[Any]]:
        """Return the entries that are there and can be read."""
        answers = await self._server.get_many(self._names(kind, keys, of))
        found: dict[str, Entry[Any]] = {}
        for key, answer in zip(keys, answers or (), strict=False):
            if answer is not None:
                with suppress(ValidationError):
                    found[key] = _form(of)[0].validate_json(answer)
        return found

    async def set(
        self, kind: str, entries: Mapping[str, Entry[Any]], *, of: Any, ttl: timedelta
    ) -> None:
        """Offer entries to other replicas."""
        dump = _form(of)[0].dump_json
        names = self._names(kind, entries, of)
        contents = map(dump, entries.values())
        await self._server.set_many(dict(zip(names, contents, strict=True)), ttl=ttl)

    async def lock(
        self, kind: str, keys: Sequence[str], *, holder: str, lease: timedelta
    ) -> list[str]:
        """Return the keys that are the holder's to load: all of them while the server fails."""
        names = dict(zip(self._locks(kind, keys), keys, strict=True))
        taken = await self._server.acquire_many(list(names), holder=holder, ttl=lease)
        return list(keys) if taken is None else [names[name] for name in taken]

    async def unlock(self, kind: str, keys: Collection[str], *, holder: str) -> None:
        """Give back what the holder has locked of keys."""
        await self._server.release_many(self._locks(kind, keys), holder=holder)
