"""Books many rows at once, all or nothing, and tells what became of each."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import Enum
from fractions import Fraction

from sqlalchemy.ext.asyncio import AsyncSession

from analytics.money import ONE
from models.base import row_key
from models.database import chunks
from models.drafts import Draft
from models.portfolios import Portfolio
from models.transactions import Kind, Transaction, splits_of
from services.booking import RefusedPlacesError, book
from services.entry_ids import taken_external_ids
from services.errors import Mistake, MistakeCode, RefusedError
from services.preparing import Prepared

ROUNDS = 10
"""How often a batch is booked again without rows that named lots of rows refused before."""

_OTHER_SPLIT = Mistake(
    MistakeCode.ALREADY_EXISTS, "Another split of that day is booked already.", ("occurredAt",)
)


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
    portfolio has already are known and left alone, and so are splits that it has. Raises
    RefusedRowsError when a row is refused, unless ``skip_refused``; a ``lenient`` batch may take
    more units than are held.
    """
    outcomes, spots = await _judge(session, row_key(portfolio.id), rows=rows, prepared=prepared)
    for _ in range(ROUNDS):
        if not skip_refused and any(outcome.fate is Fate.REFUSED for outcome in outcomes):
            break
        try:
            async with session.begin_nested() if skip_refused else nullcontext():
                entries = await book(
                    session, portfolio, prepared=prepared, places=[*spots], now=now, lenient=lenient
                )
        except RefusedPlacesError as error:
            for place, mistake in error.mistakes.items():
                if place is None:
                    raise RefusedError([mistake]) from error
                spot = spots.pop(place)
                outcomes[spot] = replace(outcomes[spot], fate=Fate.REFUSED, mistakes=(mistake,))
            await session.refresh(portfolio)
        else:
            for spot, entry in zip(spots.values(), entries, strict=True):
                outcomes[spot] = replace(outcomes[spot], key=entry.id)
            _tie_exchanges(outcomes, {row_key(entry.id): entry for entry in entries})
            return outcomes
    raise RefusedRowsError(outcomes)


def _tie_exchanges(outcomes: Sequence[Outcome], entries: Mapping[int, Transaction]) -> None:
    """Tie both halves of an exchange that one row told of, so that they are voided together."""
    leaving: dict[int, Transaction] = {}
    for outcome in outcomes:
        entry = None if outcome.key is None else entries[outcome.key]
        if entry is not None and entry.kind == Kind.EXCHANGE_OUT.value:
            leaving[outcome.line] = entry
        elif entry is not None and entry.kind == Kind.EXCHANGE_IN.value:
            other = leaving.pop(outcome.line, None)
            entry.origin_id = None if other is None else other.id


async def _judge(
    session: AsyncSession, portfolio_id: int, *, rows: Sequence[Row], prepared: Prepared
) -> tuple[list[Outcome], dict[int, int]]:
    """Tell what becomes of each row if all that look good are booked.

    The second result has the places of these drafts, and where their outcomes stand.
    """
    taken = await taken_external_ids(session, portfolio_id, prepared.drafts)
    splits = await _splits(session, portfolio_id, prepared.drafts)
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
        ratio = _ratio(draft)
        split = ratio and splits.get(_occasion(draft))
        mistakes = (_OTHER_SPLIT,) if split else prepared.mistakes.get(place, ())
        if draft.external_id in taken or (ratio and split == ratio):
            outcomes.append(Outcome(line=row.line, fate=Fate.KNOWN))
        elif mistakes:
            outcomes.append(Outcome(line=row.line, fate=Fate.REFUSED, mistakes=mistakes))
        else:
            taken.add(draft.external_id or "")
            splits |= {_occasion(draft): ratio} if ratio else {}
            spots[place] = len(outcomes)
            outcomes.append(Outcome(line=row.line, fate=Fate.ADDED))
    return outcomes, spots


def _occasion(draft: Draft) -> tuple[str | None, date]:
    return (draft.symbol, draft.occurred_at.date())


def _ratio(draft: Draft) -> Fraction | None:
    """Return the ratio of a split; null for any other draft."""
    if draft.kind is not Kind.SPLIT:
        return None
    return Fraction(draft.ratio_new or ONE) / Fraction(draft.ratio_old or ONE)


async def _splits(
    session: AsyncSession, portfolio_id: int, drafts: Sequence[Draft]
) -> dict[tuple[str | None, date], Fraction]:
    """Return the ratios of the splits that a portfolio has of what drafts split."""
    symbols = {draft.symbol for draft in drafts if draft.kind is Kind.SPLIT and draft.symbol}
    return {
        (symbol, occurred_at.date()): Fraction(new or ONE) / Fraction(old or ONE)
        for chunk in chunks(sorted(symbols))
        for symbol, occurred_at, new, old in await session.execute(
            splits_of(portfolio_id, list(chunk))
        )
    }
