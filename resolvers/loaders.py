"""Loaders, named by access path: each batch is one statement on a short session of its own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any, TypeVar

from analytics.events import Method
from analytics.money import ONE
from datasources.market import Market
from models.access import ApiToken, PortfolioShare, Role, shared_with, shares_of, tokens_of
from models.corporate_actions import dismissed_by_portfolio
from models.database import Database, chunks, packed
from models.drafts import Draft
from models.instruments import Instrument, instruments_by_id, instruments_by_symbol
from models.market import (
    Actions,
    Bar,
    CloseQuestion,
    CompanyProfile,
    HistoryQuestion,
    InstrumentMatch,
    Quote,
    Rate,
    RateQuestion,
)
from models.portfolios import (
    CashBalance,
    Portfolio,
    PortfolioTotals,
    cash_by_portfolio,
    portfolio_keys,
    portfolios_by_id,
    portfolios_by_owner,
    totals_by_portfolio,
)
from models.positions import (
    Lot,
    Position,
    lots_by_position,
    positions_by_id,
    positions_by_portfolio,
)
from models.reading import Prepared
from models.transactions import (
    PageCut,
    Revision,
    Transaction,
    TransactionFilter,
    ledger_since,
    revisions,
    transaction_counts,
    transactions_by_id,
    transactions_pages,
)
from models.users import User, users_by_id
from resolvers.batching import lasting, loading
from resolvers.watching import WatchLoaders, grouped, nothing
from services.access import roles_in
from services.aside import aside
from services.benchmarks import Level, LevelKey, levels_of
from services.combined import Report, combined_state, days_of
from services.entries import LedgerState, Terms, ledger_states, terms_of
from services.exports import export_drafts
from services.kept_values import KeptValues
from services.projection import ledger_entries
from services.tags import Tagged, tags_of_users
from services.targets import KeptTargets, targets_of_scopes
from services.valuing import Valued, Valuer, Wanted

T = TypeVar("T")

# Statements that differ in nothing but the keys asked for: put together once.
USERS: Prepared[User] = Prepared(users_by_id())
PORTFOLIOS: Prepared[Portfolio] = Prepared(portfolios_by_id())
PORTFOLIOS_BY_OWNER: Prepared[Portfolio] = Prepared(portfolios_by_owner())
INSTRUMENTS: Prepared[Instrument] = Prepared(instruments_by_id())
INSTRUMENTS_BY_SYMBOL: Prepared[Instrument] = Prepared(instruments_by_symbol())
POSITIONS: Prepared[Any] = Prepared(positions_by_id())
LOTS_BY_POSITION: Prepared[Lot] = Prepared(lots_by_position())
PROJECTIONS: Prepared[Any] = Prepared(
    positions_by_portfolio(), cash_by_portfolio(), totals_by_portfolio()
)

QUESTIONS = 100
"""How many questions that differ in more than a key are asked by one statement."""

PAGES = 100
"""How many pages of different questions one statement reads: more cost more than they save."""

Held = tuple[Position, Instrument]
Booked = tuple[Transaction, Instrument | None, Instrument | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageKey:
    """One portfolio's page of transactions."""

    portfolio_id: int
    chosen: TransactionFilter
    cut: PageCut


@dataclass(frozen=True, slots=True)
class StateKey:
    """One portfolio's ledger up to a day (null: all of it), by a lot method (null: its own)."""

    portfolio: Portfolio = field(compare=False)
    portfolio_id: int
    day: date | None = None
    method: Method | None = None


def state_key(
    portfolio: Portfolio, *, day: date | None = None, method: Method | None = None
) -> StateKey:
    """Build the key of a portfolio's derived state."""
    own = method is not None and method.value == portfolio.lot_method
    return StateKey(portfolio, portfolio.id or 0, day, None if own else method)


@dataclass(frozen=True, slots=True)
class ValueKey:
    """One portfolio valued day by day up to a day, in a currency."""

    portfolio: Portfolio = field(compare=False)
    portfolio_id: int
    currency: str
    last: date


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Projection:
    """What is stored of one portfolio, all of the same moment."""

    positions: tuple[Held, ...] = ()
    cash: tuple[CashBalance, ...] = ()
    totals: PortfolioTotals | None = None


@dataclass(frozen=True, slots=True)
class Ledger:
    """The entries of portfolios and of what they are tied to, and the terms they are read by."""

    entries: tuple[Transaction, ...] = ()
    terms: Mapping[int, Terms] = field(default_factory=dict)


def end_of(day: date) -> datetime:
    """Return the last moment of a day, UTC."""
    return datetime.combine(day, time.max, UTC)


def start_of(day: date) -> datetime:
    """Return the first moment of a day, UTC."""
    return datetime.combine(day, time.min, UTC)


class Loaders(WatchLoaders):
    """All loaders of one operation."""

    def __init__(
        self,
        database: Database,
        market: Market,
        *,
        kept: KeptValues,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._market = market
        self._kept = kept
        self._clock = clock

    def after_prices(self) -> "Loaders":
        """Return loaders that know what these do, but for what prices change."""
        fresh = Loaders(self._database, self._market, kept=self._kept, clock=self._clock)
        vars(fresh).update(lasting(self))
        return fresh

    @loading(default=nothing, lasts=True)
    async def users(self, ids: list[int]) -> dict[int, User | None]:
        """Load users by key."""
        return {row.id or 0: row for row in await self._database.scalars(USERS, keys=ids)}

    @loading(default=nothing, lasts=True)
    async def portfolios(self, ids: list[int]) -> dict[int, Portfolio | None]:
        """Load portfolios by key, whoever owns them."""
        return {row.id or 0: row for row in await self._database.scalars(PORTFOLIOS, keys=ids)}

    @loading(default=list)
    async def portfolios_by_owner(self, owners: list[int]) -> dict[int, list[Portfolio]]:
        """Load the portfolios of owners, oldest first."""
        rows = await self._database.scalars(PORTFOLIOS_BY_OWNER, keys=owners)
        return grouped(rows, lambda row: row.owner_id)

    @loading(default=nothing)
    async def roles(self, keys: list[tuple[int, int]]) -> dict[tuple[int, int], Role | None]:
        """Find in what roles portfolios are shared, by user and portfolio."""
        async with self._database.reading() as session:
            return dict(await roles_in(session, keys))

    @loading(default=list)
    async def shared_with(self, users: list[int]) -> dict[int, list[Portfolio]]:
        """Load the portfolios that are shared with users."""
        rows = grouped(await self._database.rows(shared_with(users)), lambda row: row[0] or 0)
        return {user: [portfolio for _, portfolio in group] for user, group in rows.items()}

    @loading(default=list)
    async def shares(self, ids: list[int]) -> dict[int, list[PortfolioShare]]:
        """Load the shares of portfolios."""
        return grouped(await self._database.scalars(shares_of(ids)), lambda row: row.portfolio_id)

    @loading(default=list)
    async def api_tokens(self, users: list[int]) -> dict[int, list[ApiToken]]:
        """Load the API tokens of users."""
        return grouped(await self._database.scalars(tokens_of(users)), lambda row: row.user_id)

    @loading(default=list)
    async def tags(self, owners: list[int]) -> dict[int, list[Tagged]]:
        """Load the tags of users with what they are on."""
        async with self._database.reading() as session:
            return await tags_of_users(session, owners)

    @loading(default=list)
    async def targets(self, scopes: list[int]) -> dict[int, list[KeptTargets]]:
        """Load the targets of portfolios, or of all of owners."""
        async with self._database.reading() as session:
            return await targets_of_scopes(session, scopes)

    @loading(default=nothing, lasts=True)
    async def instruments(self, ids: list[int]) -> dict[int, Instrument | None]:
        """Load instruments by key."""
        return {row.id or 0: row for row in await self._database.scalars(INSTRUMENTS, keys=ids)}

    @loading(default=nothing)
    async def instruments_by_symbol(self, symbols: list[str]) -> dict[str, Instrument | None]:
        """Load instruments by symbol."""
        rows = await self._database.scalars(INSTRUMENTS_BY_SYMBOL, keys=symbols)
        return {row.symbol: row for row in rows}

    @loading(default=nothing, lasts=True)
    async def positions(self, ids: list[int]) -> dict[int, Held | None]:
        """Load positions by key with their instruments."""
        rows = await self._database.rows(POSITIONS, keys=ids)
        return {position.id or 0: (position, held) for position, held in rows}

    @loading(default=Projection, lasts=True)
    async def projections(self, ids: list[int]) -> dict[int, Projection]:
        """Load what is stored of portfolios."""
        # Of one moment: a booking in between must not show in the cash alone.
        held, balances, sums = await self._database.read(PROJECTIONS, keys=ids)
        held.sort(key=lambda pair: pair[1].symbol)
        positions = grouped(held, lambda pair: pair[0].portfolio_id)
        cash = grouped([row for (row,) in balances], lambda row: row.portfolio_id)
        totals = {row.portfolio_id: row for (row,) in sums}
        return {
            key: Projection(
                tuple(positions.get(key, ())), tuple(cash.get(key, ())), totals.get(key)
            )
            for key in ids
        }

    @loading(default=list, lasts=True)
    async def lots_by_position(self, ids: list[int]) -> dict[int, list[Lot]]:
        """Load the open lots of positions, oldest first."""
        rows = await self._database.scalars(LOTS_BY_POSITION, keys=ids)
        return grouped(rows, lambda row: row.position_id)

    @loading(default=list, lasts=True)
    async def recent_by_portfolio(
        self, keys: list[tuple[int, date]]
    ) -> dict[tuple[int, date], list[Transaction]]:
        """Load the entries since a day of portfolios, or of all of an owner."""
        earliest = start_of(min(day for _, day in keys))
        owners = sorted({-key for key, _ in keys if key < 0})
        ids_of = {key: [key] for key, _ in keys if key > 0}
        if owners:
            for portfolio_id, owner_id in await self._database.rows(portfolio_keys(owners)):
                ids_of.setdefault(-owner_id, []).append(portfolio_id or 0)
        ids = sorted({one for ids in ids_of.values() for one in ids})
        rows = await self._database.scalars(ledger_since(ids, earliest))
        groups = grouped(rows, lambda row: row.portfolio_id)
        return {
            (key, day): [
                row
                for portfolio_id in ids_of.get(key, ())
                for row in groups.get(portfolio_id, [])
                if row.occurred_at >= start_of(day)
            ]
            for key, day in keys
        }

    @loading(default=LedgerState, lasts=True)
    async def ledger_states(self, keys: list[StateKey]) -> dict[StateKey, LedgerState]:
        """Derive the states of ledgers."""
        # Siblings share their arguments, so this is one round but for aliased fields.
        rounds = []
        async with self._database.reading() as session:
            for day, method in {(key.day, key.method) for key in keys}:
                asked = [key for key in keys if (key.day, key.method) == (day, method)]
                owned = list(
                    await session.scalars(
                        portfolios_by_owner(sorted({key.portfolio.owner_id for key in asked}))
                    )
                )
                whole = {key.portfolio.owner_id for key in asked if key.portfolio.is_all}
                named = {key.portfolio_id for key in asked}
                wanted = [row for row in owned if row.id in named or row.owner_id in whole]
                entries = await ledger_entries(
                    session, wanted, until=None if day is None else end_of(day)
                )
                rounds.append((asked, owned, entries, terms_of(owned, method=method)))
        states: dict[StateKey, LedgerState] = {}
        for asked, owned, entries, terms in rounds:
            single = [key for key in asked if not key.portfolio.is_all]
            if single:
                found = await aside(entries, ledger_states, entries, terms=terms)
                states |= {key: found.get(key.portfolio_id, LedgerState()) for key in single}
            for key in asked:
                if key.portfolio.is_all:
                    mine = [row for row in owned if row.owner_id == key.portfolio.owner_id]
                    states[key] = await self._combined(key, entries, mine)
        return states

    async def _combined(
        self, key: StateKey, entries: list[Transaction], owned: list[Portfolio]
    ) -> LedgerState:
        """Derive the state of all of an owner's portfolios as one."""
        bases = {row.id or 0: row.base_currency for row in owned}
        mine = [entry for entry in entries if entry.portfolio_id in bases]
        target = key.portfolio.base_currency
        questions = {
            (portfolio_id, day): RateQuestion(base=bases[portfolio_id], target=target, day=day)
            for portfolio_id, day in days_of(mine)
        }
        foreign = {question for question in questions.values() if question.base != target}
        rates = await self._market.rates(foreign) if foreign else {}
        return await aside(
            mine,
            combined_state,
            mine,
            terms=terms_of(owned),
            method=key.method or Method(key.portfolio.lot_method),
            report=Report(
                currency=target,
                factors={
                    place: ONE
                    if question.base == target
                    else (rate.value if (rate := rates.get(question)) else None)
                    for place, question in questions.items()
                },
            ),
        )

    @loading(default=Ledger, lasts=True)
    async def ledgers(self, keys: list[StateKey]) -> dict[StateKey, Ledger]:
        """Read the whole ledgers of portfolios at once; all of them share one answer."""
        portfolios = [key.portfolio for key in keys]
        async with self._database.reading() as session:
            entries = await ledger_entries(session, portfolios)
            owned = await session.scalars(
                portfolios_by_owner(sorted({row.owner_id for row in portfolios}))
            )
            return dict.fromkeys(keys, Ledger(tuple(entries), terms_of(owned)))

    @loading(default=nothing)
    async def valued(self, keys: list[ValueKey]) -> dict[ValueKey, Valued | None]:
        """Value portfolios day by day; the ledgers of those that changed are read at once."""
        owners = sorted({key.portfolio.owner_id for key in keys})
        owned = await self._database.scalars(PORTFOLIOS_BY_OWNER, keys=owners)
        now = self._clock()
        wanted = [
            Wanted(
                portfolios=tuple(
                    row
                    for row in owned
                    if row.id == key.portfolio_id
                    or (key.portfolio.is_all and row.owner_id == key.portfolio.owner_id)
                ),
                currency=key.currency,
                live=key.last >= now.date(),
            )
            for key in keys
        ]
        valuer = Valuer(kept=self._kept, database=self._database, market=self._market, now=now)
        return dict(zip(keys, await valuer.values(wanted), strict=True))

    @loading(default=nothing)
    async def levels(self, keys: list[LevelKey]) -> Mapping[LevelKey, Level | None]:
        """Load what units of instruments were worth day by day."""
        return await levels_of(self._market, self._kept, keys, now=self._clock())

    @loading(default=list)
    async def exports(self, ids: list[int]) -> dict[int, list[Draft]]:
        """Load the entries of portfolios as they are exported."""
        async with self._database.snapshot() as session:
            rows = list(await session.scalars(portfolios_by_id(ids)))
            return {row.id or 0: await export_drafts(session, row) for row in rows}

    @loading(default=frozenset)
    async def dismissed(self, ids: list[int]) -> dict[int, frozenset[str]]:
        """Load which proposals were dismissed in portfolios."""
        rows = await self._database.scalars(dismissed_by_portfolio(ids))
        groups = grouped(rows, lambda row: row.portfolio_id)
        return {key: frozenset(row.proposal for row in group) for key, group in groups.items()}

    @loading(default=list, lasts=True)
    async def revisions(self, ids: list[int]) -> dict[int, list[Revision]]:
        """Load the revisions of entries."""
        rows = await self._database.scalars(revisions(ids))
        return grouped(rows, lambda row: row.transaction_id)

    @loading(default=nothing, lasts=True)
    async def transactions(self, ids: list[int]) -> dict[int, Booked | None]:
        """Load entries by key with their instruments."""
        rows = await self._database.rows(transactions_by_id(ids))
        return {row[0].id or 0: (row[0], row[1], row[2]) for row in rows}

    @loading(default=list, lasts=True)
    async def transaction_pages(self, keys: list[PageKey]) -> dict[PageKey, list[Booked]]:
        """Load pages of entries, one for each portfolio."""
        pages: dict[PageKey, list[Booked]] = {}
        # Siblings share their arguments, so this is most often one question.
        groups = grouped(keys, lambda key: (key.chosen, key.cut))
        asked = [
            (chosen, cut, [key.portfolio_id for key in some])
            for (chosen, cut), same in groups.items()
            for some in chunks(same)
        ]
        for questions in packed(asked, PAGES, lambda question: len(question[2])):
            for number, *booked in await self._database.rows(transactions_pages(questions)):
                chosen, cut, _ = questions[number]
                key = PageKey(portfolio_id=booked[0].portfolio_id, chosen=chosen, cut=cut)
                pages.setdefault(key, []).append((booked[0], booked[1], booked[2]))
        return pages

    @loading(default=int, lasts=True)
    async def transaction_counts(
        self, keys: list[tuple[int, TransactionFilter]]
    ) -> dict[tuple[int, TransactionFilter], int]:
        """Count the entries of portfolios."""
        counts: dict[tuple[int, TransactionFilter], int] = {}
        groups = grouped(keys, lambda key: key[1])
        for some in chunks(list(groups.items()), QUESTIONS):
            statements = [transaction_counts([key for key, _ in same], one) for one, same in some]
            found = await self._database.read(Prepared(*statements))
            for (chosen, _), rows in zip(some, found, strict=True):
                counts |= {(portfolio_id, chosen): count for portfolio_id, count in rows}
        return counts

    @loading(default=nothing)
    async def quotes(self, symbols: list[str]) -> Mapping[str, Quote | None]:
        """Load current quotes by symbol."""
        return await self._market.quotes(symbols)

    @loading(default=nothing)
    async def profiles(self, symbols: list[str]) -> Mapping[str, CompanyProfile | None]:
        """Load company profiles by symbol."""
        return await self._market.profiles(symbols)

    @loading(default=nothing)
    async def closes(self, questions: list[CloseQuestion]) -> Mapping[CloseQuestion, Bar | None]:
        """Load the last closes on or before days."""
        return await self._market.closes(questions)

    @loading(default=list)
    async def bars(self, questions: list[HistoryQuestion]) -> Mapping[HistoryQuestion, list[Bar]]:
        """Load histories of prices."""
        return await self._market.bars(questions)

    @loading(default=Actions)
    async def actions(self, questions: list[HistoryQuestion]) -> Mapping[HistoryQuestion, Actions]:
        """Load dividends and splits."""
        return await self._market.actions(questions)

    @loading(default=nothing)
    async def rates(self, questions: list[RateQuestion]) -> Mapping[RateQuestion, Rate | None]:
        """Load exchange rates."""
        return await self._market.rates(questions)

    @loading(default=nothing)
    async def found(self, symbols: list[str]) -> Mapping[str, InstrumentMatch | None]:
        """Load what the market knows symbols to be."""
        return await self._market.find(symbols)
