"""The ids that entries without an external id are exported by, so that an import knows them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from models.transactions import Transaction

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
