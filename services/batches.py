"""Books many rows at once, all or nothing, and tells what became of each."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

from sqlalchemy.ext.asyncio import AsyncSession

from models.base import row_key
from models.drafts import Draft
from models.portfolios import Portfolio
from services.booking import Prepared, RefusedPlacesError, book, taken_external_ids
from services.errors import Mistake, RefusedError


class Fate(Enum):
    """What became of a row."""

    ADDED = "ADDED"
    KNOWN = "KNOWN"
    REFUSED = "REFUSED"
    HELD_BACK = "HELD_BACK"
    SKIPPED = "SKIPPED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row by its number: a draft, or what is wrong with it, or why it is none."""

    line: int
    draft: Draft | None = None
    mistakes: tuple[Mistake, ...] = ()
    skipped: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one row, and why if it was refused or skipped; ``key`` is of its entry."""

    line: int
    fate: Fate
    mistakes: tuple[Mistake, ...] = ()
    skipped: str | None = None
    key: int | None = None


class RefusedRowsError(Exception):
    """Some rows were refused, so none may be booked: the transaction must be rolled back."""

    def __init__(self, outcomes: Sequence[Outcome]) -> None:
        super().__init__("some rows were refused")
        self.outcomes = tuple(
            replace(outcome, fate=Fate.HELD_BACK, key=None)
            if outcome.fate is Fate.ADDED
            else outcome
            for outcome in outcomes
        )


async def book_rows(
    session: AsyncSession,
    portfolio: Portfolio,
    *,
    rows: Sequence[Row],
    prepared: Prepared,
    lenient: bool,
    skip_refused: bool,
    now: datetime,
) -> list[Outcome]:
    """Book rows into a held portfolio and tell what became of each, in order.

    ``prepared`` has one draft for each row that has one, in order. Rows whose external id the
    portfolio has already are known and left alone. Raises RefusedRowsError when a row is refused,
    unless ``skip_refused``; a ``lenient`` batch may take more units than are held.
    """
    taken = await taken_external_ids(session, row_key(portfolio.id), prepared.drafts)
    outcomes, spots = _judge(rows, prepared=prepared, taken=taken)
    while True:
        if not skip_refused and any(outcome.fate is Fate.REFUSED for outcome in outcomes):
            raise RefusedRowsError(outcomes)
        try:
            async with session.begin_nested():
                entries = await book(
                    session,
                    portfolio,
                    prepared=prepared,
                    places=list(spots),
                    now=now,
                    lenient=lenient,
                )
        except RefusedPlacesError as error:
            for place, mistake in error.mistakes.items():
                if place is None:
                    raise RefusedError([mistake]) from error
                spot = spots.pop(place)
                outcomes[spot] = replace(outcomes[spot], fate=Fate.REFUSED, mistakes=(mistake,))
            await session.refresh(portfolio)
        else:
            break
    for spot, entry in zip(spots.values(), entries, strict=True):
        outcomes[spot] = replace(outcomes[spot], key=entry.id)
    return outcomes


def _judge(
    rows: Sequence[Row], *, prepared: Prepared, taken: set[str]
) -> tuple[list[Outcome], dict[int, int]]:
    """Tell what is to become of each row, and where in that list the drafts to book are."""
    outcomes: list[Outcome] = []
    spots: dict[int, int] = {}
    drafts = iter(enumerate(prepared.drafts))
    for row in rows:
        if row.skipped is not None:
            outcomes.append(Outcome(line=row.line, fate=Fate.SKIPPED, skipped=row.skipped))
            continue
        if row.draft is None:
            outcomes.append(Outcome(line=row.line, fate=Fate.REFUSED, mistakes=row.mistakes))
            continue
        place, draft = next(drafts)
        mistakes = prepared.mistakes.get(place, ())
        if draft.external_id in taken:
            outcomes.append(Outcome(line=row.line, fate=Fate.KNOWN))
            continue
        if mistakes:
            outcomes.append(Outcome(line=row.line, fate=Fate.REFUSED, mistakes=mistakes))
            continue
        if draft.external_id is not None:
            taken.add(draft.external_id)
        spots[place] = len(outcomes)
        outcomes.append(Outcome(line=row.line, fate=Fate.ADDED))
    return outcomes, spots
