"""Gathers what a plan of trades rests on: what can be traded at what price, and what is kept."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from analytics.conversions import Conversion, Purse, rebalance_currencies
from analytics.events import Method
from analytics.holdings import Lot
from analytics.money import EXACT, ONE, ZERO, convert_known, total
from analytics.rebalancing import Asset, Constraints, Plan, rebalance
from models.currencies import exponent
from models.instruments import Instrument
from models.market import Quote
from resolvers.context import Context
from resolvers.divisions import CASH, AllocationDimension, Divided, SliceKey
from resolvers.figures import quotes_at, rates_at
from resolvers.lots import lots_of_holdings
from resolvers.worths import Worth
from services.aside import aside

Key = SliceKey | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tradable:
    """An instrument at the price of now; ``rate`` is what brings it into the plan's currency."""

    instrument: Instrument
    quote: Quote
    rate: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What of a portfolio can be traded, by the place of each asset, and what cannot.

    ``purses`` have the cash of each currency that has a rate, where targets are of currencies.
    """

    tradables: Mapping[int, Tradable]
    assets: tuple[Asset[Key], ...]
    kept: Mapping[Key, Decimal]
    cash: Decimal
    purses: tuple[Purse[Key], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A plan, and what it rests on; ``whole`` is what weights are of, new money included."""

    divided: Divided
    offer: Offer
    plan: Plan[Key]
    whole: Decimal
    conversions: tuple[Conversion[Key], ...] = ()


async def offers_of(
    context: Context, divided: Sequence[Divided], goals: Sequence[Mapping[SliceKey, Decimal]]
) -> list[Offer]:
    """Tell what can be traded: what is held, and where targets are of instruments those too."""
    held = [part.held for one in divided for part in one.worths.parts if part.held is not None]
    lots = iter(await lots_of_holdings(context, held))
    bases = {(one.worths.facts.portfolio.base_currency, one.worths.currency) for one in divided}
    today = context.now().date()
    rates = await rates_at(context, [(*pair, today) for pair in sorted(bases)])
    fresh = await _newcomers(context, divided, goals)
    purses = await _purses(context, divided, goals)
    offers = []
    for one, newcomers, own in zip(divided, fresh, purses, strict=True):
        base = (one.worths.facts.portfolio.base_currency, one.worths.currency, today)
        offer = _offer(one, newcomers, [next(lots) for _ in _held(one)], rates[base])
        offers.append(replace(offer, purses=own))
    return offers


async def _purses(
    context: Context, divided: Sequence[Divided], goals: Sequence[Mapping[SliceKey, Decimal]]
) -> list[tuple[Purse[Key], ...]]:
    """Tell what cash there is of each currency that is held, meant or planned in."""
    wanted = [
        sorted({one.worths.currency, *(key.text or "" for key in (*goal, *_keys(one)))} - {""})
        if one.by.dimension is AllocationDimension.CURRENCY
        else []
        for one, goal in zip(divided, goals, strict=True)
    ]
    today = context.now().date()
    asked = [
        (currency, one.worths.currency, today)
        for one, group in zip(divided, wanted, strict=True)
        for currency in group
    ]
    rates = await rates_at(context, asked)
    return [
        tuple(
            Purse(
                key=SliceKey(currency),
                cash=one.worths.facts.cash.get(currency, ZERO),
                rate=rate,
                unit=ONE.scaleb(-exponent(currency)),
            )
            for currency in group
            if (rate := rates[currency, one.worths.currency, today]) is not None
        )
        for one, group in zip(divided, wanted, strict=True)
    ]


def _keys(divided: Divided) -> set[SliceKey]:
    return {key for item in divided.items for key in item.shares}


def _held(divided: Divided) -> list[Worth]:
    return [part for part in divided.worths.parts if part.held is not None]


def _offer(
    divided: Divided,
    newcomers: Sequence[Tradable],
    lots: Sequence[Sequence[Lot]],
    rate: Decimal | None,
) -> Offer:
    tradables: dict[int, Tradable] = {}
    assets: list[Asset[Key]] = []
    kept: dict[Key, Decimal] = {}

    def add(
        one: Tradable, shares: Mapping[Key, Decimal], units: Decimal, own: Iterable[Lot]
    ) -> None:
        place = len(assets)
        tradables[place] = one
        price = convert_known(one.quote.price, one.rate) or ZERO
        costs = tuple(_in_currency(lot, rate) for lot in own)
        assets.append(Asset(id=place, shares=shares, units=units, price=price, lots=costs))

    coming = iter(lots)
    for part, item in zip(divided.worths.parts, divided.items, strict=True):
        if part.held is None:
            continue
        own, shares = next(coming), _with_rest(item.shares)
        long = part.held.quantity > 0
        if item.shares and long and part.quote is not None and part.rate is not None:
            instrument = part.held.instrument
            tradable = Tradable(instrument=instrument, quote=part.quote, rate=part.rate)
            add(tradable, shares, part.held.quantity, own)
        else:
            for key, share in shares.items():
                value = EXACT.multiply(part.value or ZERO, share)
                kept[key] = total([kept.get(key, ZERO), value])
    for newcomer in newcomers:
        add(newcomer, {SliceKey(newcomer.instrument.symbol): ONE}, ZERO, ())
    cash = total(part.value or ZERO for part in divided.worths.parts if part.held is None)
    return Offer(tradables=tradables, assets=tuple(assets), kept=kept, cash=cash)


def _with_rest(shares: Mapping[SliceKey, Decimal]) -> dict[Key, Decimal]:
    """Return shares with what they leave, which belongs to no slice."""
    whole: dict[Key, Decimal] = dict(shares.items())
    rest = total([ONE, *(share.copy_negate() for share in shares.values())])
    return whole | {None: rest} if rest else whole


def _in_currency(lot: Lot, rate: Decimal | None) -> Lot:
    paid = lot.paid._replace(base=convert_known(lot.paid.base, rate))
    return lot.holding(lot.quantity, paid)


async def _newcomers(
    context: Context, divided: Sequence[Divided], goals: Sequence[Mapping[SliceKey, Decimal]]
) -> list[list[Tradable]]:
    """Find instruments that have a target and are not held; those without a price are absent."""
    wanted = [
        [
            key.text
            for key, goal in goal_by_key.items()
            if key.text is not None
            and goal
            and one.by.dimension is AllocationDimension.INSTRUMENT
            and key not in {slice_.key for slice_ in one.found.slices}
        ]
        for one, goal_by_key in zip(divided, goals, strict=True)
    ]
    symbols = sorted({symbol for group in wanted for symbol in group})
    rows = await instruments_known(context, symbols)
    quotes = await quotes_at(context, [(symbol, None) for symbol in rows])
    known = {
        symbol: (row, quote)
        for (symbol, row), quote in zip(rows.items(), quotes, strict=True)
        if quote is not None and quote.currency == row.currency
    }
    today = context.now().date()
    rates = await rates_at(
        context,
        [
            (known[symbol][0].currency, one.worths.currency, today)
            for one, group in zip(divided, wanted, strict=True)
            for symbol in group
            if symbol in known
        ],
    )
    return [
        [
            Tradable(instrument=row, quote=quote, rate=rate)
            for symbol in group
            if symbol in known
            for row, quote in [known[symbol]]
            if (rate := rates[row.currency, one.worths.currency, today]) is not None
        ]
        for one, group in zip(divided, wanted, strict=True)
    ]


async def instruments_known(context: Context, symbols: Sequence[str]) -> dict[str, Instrument]:
    """Return instruments by symbol: ours, or as the market knows them."""
    rows = dict(
        zip(symbols, await context.loaders.instruments_by_symbol.load_many(symbols), strict=True)
    )
    missing = [symbol for symbol, row in rows.items() if row is None]
    matches = dict(zip(missing, await context.loaders.found.load_many(missing), strict=True))
    found: dict[str, Instrument] = {}
    for symbol, row in rows.items():
        if row is not None:
            found[symbol] = row
        elif (match := matches[symbol]) is not None:
            found[symbol] = Instrument(
                symbol=symbol,
                name=match.name,
                asset_class=match.asset_class.value,
                currency=match.currency,
                exchange=match.exchange,
                isin=match.isin,
                figi=match.figi,
                created_at=context.now(),
            )
    return found


async def plan_of(
    divided: Divided,
    offer: Offer,
    goals: Mapping[SliceKey, Decimal],
    *,
    flow: Decimal,
    constraints: Constraints,
) -> Planned | None:
    """Plan trades with what is offered and money that comes or goes; null for a whole of nothing.

    A lot method that is left out of the constraints is the portfolio's own.
    """
    net = divided.found.net
    whole = None if net is None else total([net, flow])
    if whole is None or whole <= 0:
        return None
    targets: dict[Key, Decimal] = {key: goal for key, goal in goals.items() if key != CASH}

    def work() -> tuple[Plan[Key], tuple[Conversion[Key], ...]]:
        if divided.by.dimension is AllocationDimension.CURRENCY:
            return rebalance_currencies(
                offer.assets,
                targets,
                purses=offer.purses,
                home=SliceKey(divided.worths.currency),
                flow=flow,
                kept=offer.kept,
                constraints=constraints,
            )
        plan = rebalance(
            offer.assets,
            targets,
            cash=total([offer.cash, flow]),
            kept=offer.kept,
            aimless=[None],
            constraints=constraints,
        )
        return plan, ()

    lots = [lot for asset in offer.assets for lot in asset.lots]
    plan, conversions = await aside(lots, work)
    return Planned(divided=divided, offer=offer, plan=plan, whole=whole, conversions=conversions)


def method_for(divided: Divided, asked: Method | None) -> Method:
    """Return the lot method that was asked for, or the portfolio's own."""
    return asked or Method(divided.worths.facts.portfolio.lot_method)
