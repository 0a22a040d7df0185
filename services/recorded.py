"""What was booked since: a ledger read on from where one has read it."""

from models.database import Database
from models.instruments import Instrument
from models.transactions import Transaction, newest_key_of, trades_after

PAGE = 100

Recorded = tuple[Transaction, Instrument, Instrument | None]


class TradeReader:
    """Reads a portfolio's trades on, in the order they were booked, a page at a time.

    Whoever writes to a portfolio holds it until the end of the transaction, so a booking with a
    lower key never comes after one with a higher key.
    """

    def __init__(self, database: Database, portfolio_id: int) -> None:
        self._database = database
        self._portfolio_id = portfolio_id
        self._read_to = 0

    async def skip(self) -> None:
        """Leave out all that is booked by now."""
        async with self._database.reading() as session:
            self._read_to = await session.scalar(newest_key_of(self._portfolio_id)) or 0

    async def page(self) -> list[Recorded]:
        """Return the next trades; none when all are read."""
        statement = trades_after(self._portfolio_id, self._read_to, limit=PAGE)
        async with self._database.reading() as session:
            rows = (await session.execute(statement)).all()
        found = [(row, instrument, related) for row, instrument, related in rows]
        if found:
            self._read_to = found[-1][0].id or 0
        return found
