"""Reconciles a period: what made the value at its end out of the value at its start.

    start + inflows - outflows + realised + unrealised + income - fees - taxes + currency = end

Cost is re-based: units held at the start cost their value at the start, units that come in without
cash their value that day. Gains are before fees and taxes, which are lines of their own, and are
what prices did; what exchange rates did to positions and to cash is the currency line. With cost
C at rate s0, and value or proceeds at rate s1, that is C x (s1 - s0).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from decimal import Decimal

from analytics.events import Amounts, Event, Fill, Method, Pool
from analytics.gains import Split, split_realized, split_unrealized
from analytics.holdings import Holding, Lot
from analytics.ledger import Levy, Movement, Nature, cash_of
from analytics.lots import fold
from analytics.measures import Reason
from analytics.money import ZERO, convert_known, exact, round_to, total, total_known
from analytics.valuation import Missing, market_value


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A price, and the report currency for one unit of the price's; null where not known."""

    price: Decimal | None
    rate: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One instrument at both ends of the period: lots at the start, units at the end."""

    pool: Pool
    symbol: str
    currency: str
    lots: tuple[Lot, ...]
    start: Mark
    quantity: Decimal
    end: Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """All that a statement rests on; base figures of events and movements are as reported.

    Events are without fees and taxes, and units that pass without cash come and go at their value.
    ``unsold`` are the events by which units left so: nothing was realised. ``missing`` is what
    was found missing in between.
    """

    assets: tuple[Asset, ...]
    events: tuple[Event, ...]
    unsold: frozenset[int]
    movements: tuple[Movement, ...]
    start_cash: Mapping[str, Decimal]
    end_cash: Mapping[str, Decimal]
    start_rates: Mapping[str, Decimal | None]
    end_rates: Mapping[str, Decimal | None]
    method: Method
    missing: tuple[Missing, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """The lines of a statement; all but gains, income and currency are positive as a rule."""

    start: Decimal
    inflows: Decimal
    outflows: Decimal
    realized: Decimal
    unrealized: Decimal
    income: Decimal
    fees: Decimal
    taxes: Decimal
    currency: Decimal
    end: Decimal

    @property
    def residual(self) -> Decimal:
        """Return what the lines do not explain: zero."""
        return total(_signed(self).values())

    @exact
    def rounded(self, places: int) -> "Lines":
        """Round each line so that they still add up: who is off most takes what is over.

        Both ends are rounded as anywhere else; each other line is off by less than one unit of
        the last place.
        """
        whole = Lines(**{name: round_to(getattr(self, name), places) for name in _SIGNS})
        unit, over = Decimal(1).scaleb(-places), whole.residual
        given, wanted = _signed(whole), _signed(self)
        between = [name for name in _SIGNS if name not in {"start", "end"}]
        step = unit.copy_sign(over)
        worst = sorted(between, key=lambda name: (wanted[name] - given[name]) * step)
        changes = {
            name: getattr(whole, name) - _SIGNS[name] * step
            for name in worst[: int(abs(over) / unit)]
        }
        return replace(whole, **changes)


_SIGNS = {field.name: 1 for field in fields(Lines)} | dict.fromkeys(
    ("outflows", "fees", "taxes", "end"), -1
)


@exact
def _signed(lines: Lines) -> dict[str, Decimal]:
    return {name: sign * getattr(lines, name) for name, sign in _SIGNS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A reconciled period; without lines something is missing."""

    start: Decimal | None
    end: Decimal | None
    lines: Lines | None
    missing: tuple[Missing, ...]


class UnbalancedError(Exception):
    """The lines of a statement do not add up, which is a defect and no property of the data."""

    def __init__(self, lines: Lines) -> None:
        super().__init__(f"a residual of {lines.residual} is left: {lines}")
        self.lines = lines


@exact
def worth(quantity: Decimal, mark: Mark) -> Amounts:
    """Return what units are worth at a mark; the base figure is null without price or rate."""
    value = market_value(quantity, mark.price)
    return Amounts(own=value or ZERO, base=convert_known(value, mark.rate))


def unmarked(quantity: Decimal, mark: Mark, *, figure: str, asset: Asset) -> list[Missing]:
    """Tell what is missing to value units at a mark."""
    found = []
    if quantity and mark.price is None:
        found.append(Missing(figure=figure, reason=Reason.NO_PRICE, about=asset.symbol))
    if quantity and mark.rate is None:
        found.append(Missing(figure=figure, reason=Reason.NO_RATE, about=asset.currency))
    return found


def _units(asset: Asset) -> Decimal:
    return total(lot.quantity for lot in asset.lots)


@exact
def _opening(asset: Asset) -> list[Fill]:
    """Bring in the lots of the start at their value; all of them together cost exactly that."""
    left, units = worth(_units(asset), asset.start), _units(asset)
    fills = []
    for lot in asset.lots:
        if not lot.quantity:  # a reverse split can leave a cost without units: worth nothing
            continue
        paid = left.share(lot.quantity, units)
        left, units = left.minus(paid), units - lot.quantity
        fills.append(
            Fill(
                id=lot.fill_id,
                at=lot.opened_at,
                pool=asset.pool,
                quantity=lot.quantity,
                outlay=paid,
                rate=asset.start.rate,
            )
        )
    return fills


def _value(
    assets: Iterable[tuple[Decimal, Mark]],
    cash: Mapping[str, Decimal],
    rates: Mapping[str, Decimal | None],
) -> Decimal | None:
    return total_known(
        [
            *(worth(quantity, mark).base for quantity, mark in assets),
            *(convert_known(amount, rates.get(currency)) for currency, amount in cash.items()),
        ]
    )


def _unrated(
    cash: Mapping[str, Decimal], rates: Mapping[str, Decimal | None], *, figure: str
) -> list[Missing]:
    return [
        Missing(figure=figure, reason=Reason.NO_RATE, about=currency)
        for currency, amount in cash.items()
        if amount and rates.get(currency) is None
    ]


def _missing(period: Period) -> list[Missing]:
    found = list(period.missing)
    for asset in period.assets:
        found += unmarked(_units(asset), asset.start, figure="startValue", asset=asset)
        found += unmarked(asset.quantity, asset.end, figure="endValue", asset=asset)
    found += _unrated(period.start_cash, period.start_rates, figure="startValue")
    found += _unrated(period.end_cash, period.end_rates, figure="endValue")
    found += [
        Missing(figure="currencyGain", reason=Reason.NO_RATE, about=movement.currency)
        for movement in period.movements
        if movement.amount_base is None and movement.nature is not Nature.EXCHANGE
    ]
    return list(dict.fromkeys(found))


@exact
def reconcile(period: Period) -> Statement:
    """Work out every line of a statement; raises UnbalancedError if they do not add up."""
    start = _value(
        ((_units(asset), asset.start) for asset in period.assets),
        period.start_cash,
        period.start_rates,
    )
    end = _value(
        ((asset.quantity, asset.end) for asset in period.assets),
        period.end_cash,
        period.end_rates,
    )
    missing = _missing(period)
    lines = None
    if start is not None and end is not None and not missing:
        lines = _lines(period, start=start, end=end)
        if lines is None:
            missing.append(Missing(figure="realizedGain", reason=Reason.NO_RATE))
        elif lines.residual:
            raise UnbalancedError(lines)
    return Statement(start=start, end=end, lines=lines, missing=tuple(missing))


def _lines(period: Period, *, start: Decimal, end: Decimal) -> Lines | None:
    """Work out the lines; null when an event has no rate though no money of it lacks one."""
    opening = [fill for asset in period.assets for fill in _opening(asset)]
    holdings = fold([*opening, *period.events], method=period.method)
    realized: list[Split | None] = []
    unrealized: list[Split | None] = []
    for asset in period.assets:
        holding = holdings.get(asset.pool, Holding())
        for closing in holding.closings:
            kind = unrealized if closing.event_id in period.unsold else realized
            kind.append(split_realized(closing))
        if holding.lots:
            value = worth(holding.quantity, asset.end)  # not what the end says: see residual
            unrealized.append(
                split_unrealized(
                    value=value.own,
                    cost=holding.cost,
                    cost_base=holding.cost_base,
                    rate=asset.end.rate or ZERO,  # without units at the end none is needed
                )
            )
    splits = [split for split in (*realized, *unrealized) if split is not None]
    if len(splits) < len(realized) + len(unrealized):
        return None
    flows = [
        *(
            passage.worth.base or ZERO
            for asset in period.assets
            for passage in holdings.get(asset.pool, Holding()).passages
        ),
        *_of(period, Nature.FLOW),
    ]
    return Lines(
        start=start,
        inflows=total(flow for flow in flows if flow > 0),
        outflows=-total(flow for flow in flows if flow < 0),
        realized=total(split.price for split in realized if split is not None),
        unrealized=total(split.price for split in unrealized if split is not None),
        income=total(_of(period, Nature.INCOME)),
        fees=-total(_levied(period, Levy.FEE)),
        taxes=-total(_levied(period, Levy.TAX)),
        currency=total(split.currency for split in splits) + _cash_gain(period),
        end=end,
    )


def _of(period: Period, nature: Nature) -> list[Decimal]:
    """Return what of one nature moved, fees and taxes left out."""
    return [
        movement.amount_base or ZERO
        for movement in period.movements
        if movement.nature is nature and movement.levy is None
    ]


def _levied(period: Period, levy: Levy) -> list[Decimal]:
    return [movement.amount_base or ZERO for movement in period.movements if movement.levy is levy]


def _cash_gain(period: Period) -> Decimal:
    """Return what exchange rates did to the cash: its change less what was moved at its day.

    The cash at the end is what moved, not what the end says: the residual is to tell. What an
    exchange of currencies cost, or brought, is part of it.
    """
    moved = cash_of(period.movements)
    balances = {
        currency: period.start_cash.get(currency, ZERO) + moved.get(currency, ZERO)
        for currency in period.start_cash.keys() | moved.keys()
    }
    end = _value((), balances, period.end_rates) or ZERO
    start = _value((), period.start_cash, period.start_rates) or ZERO
    return (
        end
        - start
        - total(
            movement.amount_base or ZERO
            for movement in period.movements
            if movement.nature is not Nature.EXCHANGE
        )
    )
