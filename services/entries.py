"""Reads stored transactions as what the pure functions understand: events, movements, states."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from analytics.events import Amounts, Conversion, Event, Fill, Method, Move, Pool, Repayment
from analytics.holdings import Holding
from analytics.ledger import Levy, Movement, Nature, Totals, cash_of, flow_totals, sum_totals
from analytics.lots import fold
from analytics.money import EXACT, ONE, ZERO, convert_known, exact, settle, total_known
from models.base import row_key
from models.portfolios import Portfolio
from models.transactions import CHARGES, EXCHANGES, FLOWS, INCOME, TRADES, Kind, Transaction
from services.order import in_order

_KINDS = {kind.value: kind for kind in Kind}

_SIGN = (
    dict.fromkeys((Kind.BUY, Kind.COVER, Kind.INTEREST_PAID, Kind.FEE, Kind.TAX), -1)
    | dict.fromkeys((Kind.CASH_TRANSFER_OUT, Kind.EXCHANGE_OUT, Kind.WITHDRAWAL), -1)
    | dict.fromkeys((Kind.SELL, Kind.SHORT, Kind.DIVIDEND, Kind.DIVIDEND_REINVESTED), 1)
    | dict.fromkeys((Kind.DIVIDEND_IN_KIND, Kind.INTEREST, Kind.FEE_REFUND, Kind.TAX_REFUND), 1)
    | dict.fromkeys((Kind.DEPOSIT, Kind.CASH_TRANSFER_IN, Kind.EXCHANGE_IN), 1)
    | dict.fromkeys((Kind.OPENING_BALANCE,), 1)
    | dict.fromkeys((Kind.RETURN_OF_CAPITAL, Kind.SPLIT, Kind.SPIN_OFF, Kind.MERGER), 1)
)
"""Which way an entry's main amount moves the cash; kinds that are not here move none."""

_LEVIES = dict.fromkeys((Kind.FEE, Kind.FEE_REFUND), Levy.FEE) | dict.fromkeys(
    (Kind.TAX, Kind.TAX_REFUND), Levy.TAX
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What of a portfolio decides how its ledger is read."""

    allow_short: bool = False
    method: Method = Method.FIFO


_USUAL = Terms()


def terms_of(portfolios: Iterable[Portfolio], *, method: Method | None = None) -> dict[int, Terms]:
    """Return the terms of portfolios by key, with another lot method if one is asked for."""
    return {
        row_key(portfolio.id): Terms(
            allow_short=portfolio.allow_short, method=method or Method(portfolio.lot_method)
        )
        for portfolio in portfolios
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentState:
    """What a ledger says of one instrument; income is gross, in the instrument's currency."""

    holding: Holding = field(default_factory=Holding)
    income: Decimal | None = ZERO
    income_base: Decimal | None = ZERO
    flows: Totals = field(default_factory=Totals)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerState:
    """All that is derived from one ledger."""

    instruments: Mapping[int, InstrumentState] = field(default_factory=dict)
    cash: Mapping[str, Decimal] = field(default_factory=dict)
    totals: Totals = field(default_factory=Totals)
    first_day: date | None = None


def is_kind(transaction: Transaction, kinds: frozenset[Kind]) -> bool:
    """Tell whether a transaction is of one of some kinds."""
    return _KINDS[transaction.kind] in kinds


def pool_of(entry: Transaction) -> Pool:
    """Return the heap of lots that an entry about an instrument concerns."""
    return (entry.portfolio_id, entry.instrument_id or 0)


def _rate_of(entry: Transaction, currency: str | None, rate: Decimal | None) -> Decimal | None:
    """Return the base rate of a fee or tax: its own, or the entry's."""
    return entry.rate if rate is None and currency in (None, entry.currency) else rate


def _own(
    entry: Transaction,
    amount: Decimal,
    *,
    currency: str | None = None,
    rate: Decimal | None = None,
) -> Decimal | None:
    """Convert an amount of an entry into the instrument's currency.

    ``rate`` is the amount's own; without a currency it is in the entry's.
    """
    source = currency or entry.currency
    target = entry.instrument_currency or entry.currency
    if source == target or not amount:
        return amount
    to_base = _rate_of(entry, currency, rate)
    target_rate = entry.rate if target == entry.currency else entry.instrument_rate
    if to_base is None or target_rate is None:
        return None
    return settle(EXACT.divide(EXACT.multiply(amount, to_base), target_rate))


_FREE = Amounts()


def _levied(
    entry: Transaction, amount: Decimal, *, currency: str | None, rate: Decimal | None
) -> Amounts:
    own = _known(_own(entry, amount, currency=currency, rate=rate))
    base = convert_known(amount, _rate_of(entry, currency, rate))
    return Amounts(own, base, own, base)


def _fees(entry: Transaction, *, with_tax: bool = True) -> Amounts:
    """Return the fee, and the transaction tax unless it is one on income."""
    paid = _FREE
    if entry.fee:
        paid = _levied(entry, entry.fee, currency=entry.fee_currency, rate=entry.fee_rate)
    if with_tax and entry.tax:
        tax = _levied(entry, entry.tax, currency=entry.tax_currency, rate=entry.tax_rate)
        paid = paid.plus(tax)
    return paid


def _known(amount: Decimal | None) -> Decimal:
    if amount is None:
        raise ValueError("an entry in two currencies always has the rates between them")
    return amount


def _gross_outlay(entry: Transaction, gross: Decimal, *, sign: int = 1) -> Amounts:
    """Return what left (``sign`` 1) or came in (-1) for units, before fees."""
    outlay = Amounts(_known(_own(entry, gross)), convert_known(gross, entry.rate))
    return outlay if sign > 0 else outlay.received()


def _outlay(entry: Transaction, gross: Decimal, *, sign: int = 1) -> Amounts:
    """Return what left (``sign`` 1) or came in (-1) for units, fees and taxes included."""
    paid, fees = _gross_outlay(entry, gross, sign=sign), _fees(entry)
    return paid if fees is _FREE else paid.plus(fees)


def gross_of(entry: Transaction) -> Decimal:
    """Return the main amount of an entry in its own currency, before fee and tax."""
    if entry.amount is not None:
        return entry.amount
    return EXACT.multiply(entry.quantity or ZERO, entry.price or ZERO)


def _reinvested(entry: Transaction) -> Decimal:
    """Return what a reinvested dividend bought units for, before the fee within it."""
    if entry.price is not None:
        return (entry.quantity or ZERO) * entry.price
    return (entry.amount or ZERO) - entry.tax - entry.fee


def _chosen(entry: Transaction) -> tuple[tuple[int, Decimal], ...]:
    return tuple((int(key), Decimal(units)) for key, units in entry.lots) if entry.lots else ()


def _fill(
    entry: Transaction, *, sign: int, outlay: Amounts, may_open: bool = True, passing: bool = False
) -> Fill:
    quantity = entry.quantity or ZERO
    return Fill(
        row_key(entry.id),
        entry.occurred_at,
        pool_of(entry),
        quantity if sign > 0 else quantity.copy_negate(),
        outlay,
        entry.instrument_rate if entry.instrument_rate is not None else entry.rate,
        may_open,
        _chosen(entry),
        entry.acquired_at,
        passing,
    )


def _trade(entry: Transaction, terms: Terms) -> Event:
    kind = _KINDS[entry.kind]
    sign = 1 if kind is Kind.BUY or kind is Kind.COVER else -1
    may_open = terms.allow_short if kind is Kind.SELL else kind is not Kind.COVER
    return _fill(
        entry, sign=sign, outlay=_outlay(entry, gross_of(entry), sign=sign), may_open=may_open
    )


def _arrival(entry: Transaction, _terms: Terms) -> Event:
    if _KINDS[entry.kind] is Kind.TRANSFER_IN:
        # What the units cost has their fees within, and these were paid elsewhere.
        within = _fees(entry)
        paid = _gross_outlay(entry, gross_of(entry))
        outlay = paid._replace(fees=within.fees, fees_base=within.fees_base)
        return _fill(entry, sign=1, outlay=outlay, passing=True)._replace(fees_paid=True)
    return _fill(entry, sign=1, outlay=_outlay(entry, gross_of(entry)), passing=True)


def _departure(entry: Transaction, _terms: Terms) -> Event:
    if entry.amount is not None or entry.price is not None:
        outlay = _outlay(entry, gross_of(entry), sign=-1)
        return _fill(entry, sign=-1, outlay=outlay, may_open=False, passing=True)
    return Move(
        id=row_key(entry.id),
        at=entry.occurred_at,
        source=pool_of(entry),
        target=None,
        quantity=entry.quantity or ZERO,
        chosen=_chosen(entry),
    )


def _reinvestment(entry: Transaction, _terms: Terms) -> Event:
    outlay = _gross_outlay(entry, _reinvested(entry)).plus(_fees(entry, with_tax=False))
    return _fill(entry, sign=1, outlay=outlay)


def _in_kind(entry: Transaction, _terms: Terms) -> Event:
    outlay = _gross_outlay(entry, entry.amount or ZERO).plus(_fees(entry, with_tax=False))
    return _fill(entry, sign=1, outlay=outlay)


def _conversion(entry: Transaction, _terms: Terms) -> Event:
    kind = _KINDS[entry.kind]
    source = pool_of(entry)
    related = entry.related_instrument_id
    target = source if kind is Kind.SPLIT else None
    if related is not None:
        target = (entry.portfolio_id, related)
    paid = None
    if entry.amount is not None:
        paid = _outlay(entry, entry.amount, sign=-1).received()
    merger = kind is Kind.MERGER
    share = entry.cost_share if entry.cost_share is not None else (ZERO if merger else ONE)
    return Conversion(
        id=row_key(entry.id),
        at=entry.occurred_at,
        source=source,
        target=target,
        new=entry.ratio_new or ONE,
        old=entry.ratio_old or ONE,
        keeps=kind is Kind.SPIN_OFF,
        share=ONE if merger else share,
        cash=paid if merger else None,
        cash_share=(share if target is not None else ONE) if merger else ZERO,
        in_lieu=None if merger else paid,
        rate=entry.instrument_rate if entry.instrument_rate is not None else entry.rate,
    )


def _repayment(entry: Transaction, _terms: Terms) -> Event:
    return Repayment(
        id=row_key(entry.id),
        at=entry.occurred_at,
        pool=pool_of(entry),
        paid=_outlay(entry, entry.amount or ZERO, sign=-1).received(),
        rate=entry.instrument_rate if entry.instrument_rate is not None else entry.rate,
    )


_EVENTS: Mapping[Kind, Callable[[Transaction, Terms], Event]] = (
    dict.fromkeys(TRADES, _trade)
    | dict.fromkeys((Kind.DELIVERY_IN, Kind.TRANSFER_IN, Kind.OPENING_BALANCE), _arrival)
    | dict.fromkeys((Kind.DELIVERY_OUT, Kind.TRANSFER_OUT), _departure)
    | dict.fromkeys((Kind.SPLIT, Kind.SYMBOL_CHANGE, Kind.SPIN_OFF, Kind.MERGER), _conversion)
    | {
        Kind.DIVIDEND_REINVESTED: _reinvestment,
        Kind.DIVIDEND_IN_KIND: _in_kind,
        Kind.RETURN_OF_CAPITAL: _repayment,
    }
)
"""What each kind of entry does to lots; kinds that are not here do nothing to them."""


def _transfer(entry: Transaction, origin: Transaction) -> Event:
    """Read both halves of a transfer as the one move they are."""
    rates = entry.lot_rates
    return Move(
        id=row_key(entry.id),
        at=entry.occurred_at,
        source=pool_of(origin),
        target=pool_of(entry),
        quantity=entry.quantity or ZERO,
        chosen=_chosen(origin),
        base_rates=None
        if rates is None
        else {date.fromisoformat(day): Decimal(rate) for day, rate in rates.items()},
    )


@exact
def events_of(entries: Iterable[Transaction], *, terms: Mapping[int, Terms]) -> list[Event]:
    """Read entries, given in the order they count, as what they do to lots.

    Of a transfer between portfolios both halves must be there, or only the leaving one.
    """
    return list(events_in_turn(list(entries), terms=terms))


def events_in_turn(
    ordered: Sequence[Transaction], *, terms: Mapping[int, Terms]
) -> Iterator[Event]:
    """Read entries one by one as ``events_of`` does; whoever takes them works exactly."""
    by_id = {entry.id: entry for entry in ordered}
    moved = {entry.origin_id for entry in ordered if entry.origin_id is not None}
    for entry in ordered:
        if entry.instrument_id is None or entry.id in moved:
            continue
        make = _EVENTS.get(_KINDS[entry.kind])
        if entry.origin_id is not None:
            yield _transfer(entry, by_id[entry.origin_id])
        elif make is not None:
            yield make(entry, terms.get(entry.portfolio_id, _USUAL))


_NATURES: Mapping[Kind, Nature] = (
    dict.fromkeys(INCOME, Nature.INCOME)
    | dict.fromkeys(FLOWS, Nature.FLOW)
    | dict.fromkeys(CHARGES, Nature.CHARGE)
    | dict.fromkeys(EXCHANGES, Nature.EXCHANGE)
)
"""What the cash of a kind means; of others it is a trade's, or a flow without an instrument."""


def _costs_follow_units(entry: Transaction, kind: Kind) -> bool:
    """Tell whether fee and tax are part of a cost or of proceeds, and no charges of their own."""
    if entry.origin_id is not None or kind not in _EVENTS or entry.instrument_id is None:
        return False
    return kind in TRADES or entry.amount is not None or entry.price is not None


@exact
def movements_of(entry: Transaction, *, rated: bool = True) -> list[Movement]:
    """Read any entry as movements of cash, which may cancel out.

    Unless they are ``rated``, what they come to in base currency is left out.
    """
    kind = _KINDS[entry.kind]
    nature = _NATURES.get(kind) or (Nature.FLOW if entry.instrument_id is None else Nature.TRADE)
    parts: list[_MovementPart] = []
    if kind in _SIGN and not (nature is Nature.TRADE and kind in _ARRIVALS):
        gross = gross_of(entry)
        amount = gross if _SIGN[kind] > 0 else gross.copy_negate()
        parts.append((nature, _LEVIES.get(kind), amount, None, None))
        if kind is Kind.DIVIDEND_REINVESTED:
            parts.append((Nature.TRADE, None, _reinvested(entry).copy_negate(), None, None))
        if kind is Kind.DIVIDEND_IN_KIND:
            parts.append((Nature.TRADE, None, gross.copy_negate(), None, None))
    if entry.fee or entry.tax:
        costs = Nature.TRADE if _costs_follow_units(entry, kind) else Nature.CHARGE
        withheld = Nature.CHARGE if kind in INCOME else costs
        fee, tax = entry.fee.copy_negate(), entry.tax.copy_negate()
        if kind is not Kind.TRANSFER_IN:
            parts.append((costs, Levy.FEE, fee, entry.fee_currency, entry.fee_rate))
        parts.append((withheld, Levy.TAX, tax, entry.tax_currency, entry.tax_rate))
    return [_movement(entry, part, rated=rated) for part in parts if part[2]]


_ARRIVALS = frozenset({Kind.DELIVERY_IN, Kind.TRANSFER_IN, Kind.OPENING_BALANCE})
"""Kinds of units that come without cash, but for their fees."""

_MovementPart = tuple[Nature, Levy | None, Decimal, str | None, Decimal | None]
"""What of an entry is one movement: an amount in its currency, null for the entry's, at a rate."""


def _movement(entry: Transaction, part: _MovementPart, *, rated: bool) -> Movement:
    nature, levy, amount, currency, rate = part
    own = currency is None or currency == entry.currency
    settled = own and entry.settlement_currency != entry.currency
    base = None
    if rated or settled:
        base = convert_known(amount, entry.rate if rate is None and own else rate)
    if settled:
        amount, currency = _known(base), entry.settlement_currency
    day = entry.occurred_at.date()
    return Movement(day, nature, currency or entry.currency, amount, base, levy)


def cash_effects(entry: Transaction) -> dict[str, Decimal]:
    """Return the signed cash of an entry by currency; the one it was settled in comes first."""
    return {entry.settlement_currency: ZERO} | cash_of(movements_of(entry))


def cash_effect(entry: Transaction) -> Decimal:
    """Return the signed cash of an entry in the currency it was settled in."""
    return cash_effects(entry)[entry.settlement_currency]


def income_of(entries: Iterable[Transaction]) -> tuple[Decimal | None, Decimal | None]:
    """Return what entries earned before tax, in the instrument's and in base currency."""
    amounts = [
        (entry, EXACT.multiply(gross_of(entry), Decimal(_SIGN[_KINDS[entry.kind]])))
        for entry in entries
        if is_kind(entry, INCOME)
    ]
    return (
        total_known(_own(entry, amount) for entry, amount in amounts),
        total_known(convert_known(amount, entry.rate) for entry, amount in amounts),
    )


def instrument_states(
    entries: Iterable[Transaction], *, terms: Mapping[int, Terms]
) -> dict[Pool, InstrumentState]:
    """Derive the state of each pair of portfolio and instrument that entries concern.

    Entries come in any order; what other pools they are tied to must be among them.
    """
    ordered = in_order(entries)
    holdings = fold(
        events_of(ordered, terms=terms),
        method=lambda pool: terms.get(pool[0], _USUAL).method,
    )
    groups: dict[Pool, list[Transaction]] = {}
    for entry in ordered:
        if entry.instrument_id is not None:
            groups.setdefault(pool_of(entry), []).append(entry)
    states = {}
    for pool in groups.keys() | holdings.keys():
        holding = holdings.get(pool, Holding())
        income, income_base = income_of(groups.get(pool, ()))
        states[pool] = InstrumentState(
            holding=holding,
            income=income,
            income_base=income_base,
            flows=flow_totals(holding.passages),
        )
    return states


def by_portfolio(entries: Iterable[Transaction]) -> dict[int, list[Transaction]]:
    """Group entries by portfolio."""
    groups: dict[int, list[Transaction]] = {}
    for entry in entries:
        groups.setdefault(entry.portfolio_id, []).append(entry)
    return groups


def ledger_states(
    entries: Iterable[Transaction], *, terms: Mapping[int, Terms]
) -> dict[int, LedgerState]:
    """Derive everything from the ledgers of portfolios, given in any order and complete."""
    ordered = in_order(entries)
    instruments: dict[int, dict[int, InstrumentState]] = {}
    for (portfolio_id, instrument_id), state in instrument_states(ordered, terms=terms).items():
        instruments.setdefault(portfolio_id, {})[instrument_id] = state
    states = {}
    for portfolio_id, group in by_portfolio(ordered).items():
        movements = [movement for entry in group for movement in movements_of(entry)]
        states[portfolio_id] = LedgerState(
            instruments=instruments.get(portfolio_id, {}),
            cash=cash_of(movements),
            totals=sum_totals(movements),
            first_day=group[0].occurred_at.date(),
        )
    return states
