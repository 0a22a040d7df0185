"""Documents asked for by a name: automatic persisted queries, and trusted ones from a manifest.

A name is ``sha256:`` and the hash of the text, or whatever else a manifest calls a document.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
from graphql import GraphQLError

from datasources.shared import SharedServer
from gateway.documents import Documents, RefusedDocumentError
from gateway.settings import SettingsError

SHA256 = "sha256:"
KEPT_OF_USERS = 1_000
KEPT_OF_NOBODY = 100
"""So many texts of anonymous callers are kept, apart from others': they push out only their own."""

LONGEST = 20_000
"""Longer texts are not kept: their clients send them each time."""

SHARED_FOR = timedelta(days=1)
"""Counted anew each time that a replica asks for the text."""
SHARED_OF_ONE_USER = 200
"""So many new texts of one user are shared in a day; the rest stays where it was sent."""

_SHARE = """
if redis.call('pexpire', KEYS[1], ARGV[2]) == 1 then return 1 end
local count = redis.call('incr', KEYS[2])
if count == 1 then redis.call('pexpire', KEYS[2], ARGV[2]) end
if count > tonumber(ARGV[3]) then return 0 end
redis.call('set', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
SETTING = "FOLIOQL_TRUSTED_DOCUMENTS"


def name_of(text: str) -> str:
    """Return the name that every text has."""
    return SHA256 + hashlib.sha256(text.encode()).hexdigest()


class _Recent(OrderedDict[str, str]):
    """The texts that were used last."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def use(self, name: str) -> str | None:
        text = self.get(name)
        if text is not None:
            self.move_to_end(name)
        return text

    def keep(self, name: str, text: str) -> None:
        self[name] = text
        if len(self) > self._most:
            self.popitem(last=False)


class PersistedDocuments:
    """Finds the texts of documents by their names.

    Replicas share what users' clients have sent. Without the server each has its own memory, and
    clients send the text once more to each.
    """

    def __init__(self, trusted: Mapping[str, str] | None = None, *, only: bool = False) -> None:
        texts = trusted or {}
        self._trusted = dict(texts)
        for name, text in texts.items():
            # Clients of a manifest send its names where others send hashes.
            self._trusted.setdefault(SHA256 + name, text)
            self._trusted.setdefault(name_of(text), text)
        self._texts = frozenset(texts.values())
        self._only = only
        self._of_users = _Recent(KEPT_OF_USERS)
        self._of_nobody = _Recent(KEPT_OF_NOBODY)

    async def text(self, name: str | None, sent: str, *, server: SharedServer | None) -> str:
        """Return the text to run for a name, a text sent, or both; raises RefusedDocumentError."""
        if name is None:
            if self._only and sent not in self._texts:
                raise self._untrusted()
            return sent
        text = self._trusted.get(name)
        if text is None:
            if self._only:
                raise self._untrusted()
            text = self._of_users.use(name) or self._of_nobody.use(name)
        if sent:
            if text is None and name_of(sent) == name:
                return sent
            if sent != text:
                message = "The hash or id is not that of the document sent with it."
                raise RefusedDocumentError("BAD_REQUEST", GraphQLError(message))
        elif text is None and server is not None:
            text = await self._shared(name, server)
        if text is None:
            raise RefusedDocumentError(
                "PERSISTED_QUERY_NOT_FOUND",
                GraphQLError("PersistedQueryNotFound"),  # the words that older clients look for
            )
        return text

    async def _shared(self, name: str, server: SharedServer) -> str | None:
        values = await server.get_many([f"document:{name}"])
        if values is None or values[0] is None:
            return None
        text = values[0].decode(errors="replace")
        if name_of(text) != name:
            return None
        self._of_users.keep(name, text)
        await server.set_many({f"document:{name}": values[0]}, ttl=SHARED_FOR)
        return text

    async def keep(
        self, name: str, text: str, *, user: int | None, server: SharedServer | None
    ) -> None:
        """Remember a valid document by its name; no user stands for anonymous callers."""
        if len(text) > LONGEST or name in self._trusted or name in self._of_users:
            return
        if user is None:
            self._of_nobody.keep(name, text)
            return
        self._of_users.keep(name, text)
        if server is not None:
            await server.evaluate(
                _SHARE,
                [f"document:{name}", f"documents-of:{user}"],
                [text, SHARED_FOR // timedelta(milliseconds=1), SHARED_OF_ONE_USER],
            )

    @staticmethod
    def _untrusted() -> RefusedDocumentError:
        message = "Only documents of the list that this server trusts are run."
        return RefusedDocumentError("PERSISTED_QUERY_NOT_IN_LIST", GraphQLError(message))


def read_manifest(path: Path) -> dict[str, str]:
    """Return the texts of a manifest by their names; raises SettingsError.

    It is Apollo's (``operations`` with ``id`` and ``body``), or relay-compiler's and others': an
    object, or a list of pairs, of names and texts.
    """
    try:
        content = orjson.loads(path.read_bytes())
    except OSError as error:
        raise SettingsError(f"{SETTING}: {path} cannot be read: {error.strerror}.") from error
    except orjson.JSONDecodeError as error:
        raise SettingsError(f"{SETTING}: {path} is not JSON: {error}.") from error
    try:
        texts = dict(_pairs(content))
    except (KeyError, TypeError, ValueError) as error:
        raise SettingsError(
            f"{SETTING}: {path} is neither Apollo's manifest nor a map of ids to documents."
        ) from error
    if not all(isinstance(part, str) and part for pair in texts.items() for part in pair):
        raise SettingsError(f"{SETTING}: {path} has an id or a document that is not a string.")
    return texts


def _pairs(content: Any) -> Any:
    if isinstance(content, dict) and isinstance(content.get("operations"), list):
        return [(entry["id"], entry["body"]) for entry in content["operations"]]
    return content.items() if isinstance(content, dict) else content


def trusted_documents(path: Path, documents: Documents) -> dict[str, str]:
    """Read a manifest and check each document; raises SettingsError for one that cannot run."""
    texts = read_manifest(path)
    for name, text in texts.items():
        try:
            documents.operation(text, name=None)
        except RefusedDocumentError as refused:
            if refused.code == "BAD_REQUEST":
                continue  # several operations: the request says which
            reason = refused.errors[0].message
            message = f"{SETTING}: the document {name!r:.80} cannot be run: {reason}"
            raise SettingsError(message) from None
    return texts
