"""What the parts of portfolios are worth in one currency: each position, and each kind of cash."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from analytics.measures import Reason
from analytics.money import ONE, convert_known
from analytics.valuation import Missing, market_value
from models.market import Quote
from resolvers.context import Context
from resolvers.figures import HoldingFacts, PortfolioFacts, price_of, quotes_at, rates_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """A position, or the cash of one currency (``held`` null), in the currency asked for.

    ``quote`` is the price it rests on. Without a value ``missing`` says why.
    """

    held: HoldingFacts | None
    currency: str
    quote: Quote | None
    rate: Decimal | None
    value: Decimal | None
    missing: Missing | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Worths:
    """All parts of a portfolio in one currency."""

    facts: PortfolioFacts
    currency: str
    parts: tuple[Worth, ...]


async def worths_of(
    context: Context, facts: Sequence[PortfolioFacts], *, currency: str | None = None
) -> list[Worths]:
    """Value the parts of portfolios in their base currency or another."""
    held = [(fact, one) for fact in facts for one in fact.holdings if one.quantity]
    wanted = [(one.instrument.symbol, fact.as_of) for fact, one in held]
    quotes = dict(zip(wanted, await quotes_at(context, wanted), strict=True))
    today = context.now().date()
    targets = [currency or fact.portfolio.base_currency for fact in facts]
    rates = await rates_at(
        context,
        [
            (source, target, fact.as_of or today)
            for fact, target in zip(facts, targets, strict=True)
            for source in _currencies(fact) - {target}
        ],
    )

    def parts(fact: PortfolioFacts, target: str) -> Iterator[Worth]:
        for one in fact.holdings:
            source, quote = one.instrument.currency, quotes.get((one.instrument.symbol, fact.as_of))
            if one.quantity:
                yield _position(one, quote, rates.get((source, target, fact.as_of or today), ONE))
        for source, amount in sorted(fact.cash.items()):
            if amount:
                yield _cash(amount, source, rates.get((source, target, fact.as_of or today), ONE))

    return [
        Worths(facts=fact, currency=target, parts=tuple(parts(fact, target)))
        for fact, target in zip(facts, targets, strict=True)
    ]


def _currencies(fact: PortfolioFacts) -> set[str]:
    held = {one.instrument.currency for one in fact.holdings if one.quantity}
    return held | {source for source, amount in fact.cash.items() if amount}


def _position(held: HoldingFacts, quote: Quote | None, rate: Decimal | None) -> Worth:
    price, currency = price_of(held, quote), held.instrument.currency
    missing = None
    if price is None:
        missing = Missing(figure="value", reason=Reason.NO_PRICE, about=held.instrument.symbol)
    elif rate is None:
        missing = Missing(figure="value", reason=Reason.NO_RATE, about=currency)
    return Worth(
        held=held,
        currency=currency,
        quote=quote,
        rate=rate,
        value=convert_known(market_value(held.quantity, price), rate),
        missing=missing,
    )


def _cash(amount: Decimal, currency: str, rate: Decimal | None) -> Worth:
    lacks = Missing(figure="value", reason=Reason.NO_RATE, about=currency)
    return Worth(
        held=None,
        currency=currency,
        quote=None,
        rate=rate,
        value=convert_known(amount, rate),
        missing=lacks if rate is None else None,
    )
