"""Delivering what alerts have fired: stored first, and pending until it was handed over."""

from datetime import datetime

from models.alerts import AlertEvent, event_delivered, events_to_deliver, newest_event
from models.base import row_key
from models.database import Database

PAGE = 100


class Deliveries:
    """A user's events for one listener: those that are pending, then each new one.

    Another listener of the user gets the new ones as well; what is pending, whoever looks first.
    """

    def __init__(self, database: Database, user_id: int) -> None:
        self._database = database
        self._user_id = user_id
        self._read_to = 0

    async def begin(self) -> None:
        """Take for read what is delivered by now."""
        async with self._database.reading() as session:
            self._read_to = await session.scalar(newest_event(self._user_id)) or 0

    async def page(self) -> list[AlertEvent]:
        """Return the next events; none when all are read."""
        wanted = events_to_deliver(self._user_id, after=self._read_to, limit=PAGE)
        return await self._database.scalars(wanted)

    async def handed_over(self, event: AlertEvent, *, at: datetime) -> None:
        """Note that the listener has got an event; until then it is pending."""
        async with self._database.writing() as session:
            await session.execute(
                event_delivered(row_key(event.id), at=at),
                execution_options={"synchronize_session": False},
            )
        self._read_to = max(self._read_to, row_key(event.id))
