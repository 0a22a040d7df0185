"""External ids: which a portfolio has, and those that entries without one are exported by."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from models.base import row_key
from models.database import chunks
from models.drafts import Draft
from models.transactions import Transaction, entries_by_key, external_ids
from services.errors import MistakeCode, RefusedError, refuse

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MAX_LENGTH = 60


@dataclass(frozen=True, slots=True)
class OwnId:
    """What such an id says: which entry, and when it was recorded, in microseconds.

    The time tells apart the entries of different installations. A transfer's lots have an id each,
    with ``/`` and a number at the end.
    """

    key: int
    recorded: int

    def names(self, entry: Transaction) -> bool:
        """Tell whether this is the id of an entry."""
        return self == own_id(entry)

    def __str__(self) -> str:
        """Write the id."""
        return f"entry:{self.key}@{self.recorded}"


def own_id(entry: Transaction) -> OwnId:
    """Return the id of an entry."""
    return OwnId(entry.id or 0, (entry.created_at - EPOCH) // timedelta(microseconds=1))


def read_own_id(text: str) -> OwnId | None:
    """Read an id; null for any other text."""
    key, _, rest = text.removeprefix("entry:").partition("@")
    recorded = rest.partition("/")[0]
    if not text.startswith("entry:") or len(text) > MAX_LENGTH:
        return None
    if not (key.isdecimal() and recorded.isdecimal() and int(key) < 2**63):
        return None
    return OwnId(int(key), int(recorded))


async def taken_external_ids(
    session: AsyncSession, portfolio_id: int, drafts: Sequence[Draft]
) -> set[str]:
    """Return which of the drafts' external ids the portfolio already has."""
    wanted = {draft.external_id for draft in drafts if draft.external_id is not None}
    return set(await keys_of_ids(session, portfolio_id, wanted))


async def keys_of_ids(
    session: AsyncSession, portfolio_id: int, wanted: Collection[str]
) -> dict[str, int]:
    """Return the entries that a portfolio has under external ids, by id.

    Those without one are known by the id they are exported by.
    """
    found: dict[str, int] = {}
    for texts in chunks(sorted(wanted)):
        for text, key in await session.execute(external_ids(portfolio_id, list(texts))):
            found[text or ""] = key or 0
    own = {text: one for text in wanted if (one := read_own_id(text)) is not None}
    for keys in chunks(sorted({one.key for one in own.values()})):
        rows = await session.scalars(entries_by_key(portfolio_id, list(keys)))
        entries = {row_key(row.id): row for row in rows}
        found |= {
            text: one.key
            for text, one in own.items()
            if one.key in entries and one.names(entries[one.key])
        }
    return found


async def refuse_taken_ids(
    session: AsyncSession, portfolio_id: int, drafts: Sequence[Draft]
) -> None:
    """Raise RefusedError if the portfolio already has an external id of the drafts."""
    taken = await taken_external_ids(session, portfolio_id, drafts)
    if taken:
        raise id_taken(min(taken))


def id_taken(external_id: str, field: str = "externalId") -> RefusedError:
    """Build the refusal of an external id that the portfolio already has."""
    message = f"The portfolio already has a booking with the external id {external_id!r}."
    return refuse(MistakeCode.ALREADY_EXISTS, message, field)
