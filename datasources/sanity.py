"""Whether a price can be believed: compared with the last one believed, never with a feeling.

A hundredfold or hundredth price is most likely pence taken for pounds, and a price at a usual split
ratio most likely a split; other jumps are rare enough to want a second source.
"""

from datetime import timedelta
from decimal import Context, Decimal

from models.market import Doubt, PriceDoubt, Quote, QuoteQuality

DIVISION = Context(prec=28)

LARGEST_MOVE = Decimal(3)
"""Up to threefold, or down to a third, is a market's own business."""

NEAR = Decimal("0.06")
"""How far from a ratio, as a part of it, a price may be and still be taken for it."""

AGREEMENT = Decimal("0.05")
"""How far two sources may be apart, as a part of the price, and still confirm each other."""

HUNDREDFOLD = (Decimal(100), Decimal(1000))
SPLITS = (Decimal("1.5"), *map(Decimal, (2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 40, 50)))

LEAST = min(SPLITS) * (1 - NEAR)
"""The smallest ratio that is odd at all: nearly every price is nearer to the one before."""

PATIENCE = {
    Doubt.MINOR_UNIT: (timedelta(days=7), timedelta(days=90)),
    Doubt.SPLIT: (timedelta(0), timedelta(days=4)),
    Doubt.JUMP: (timedelta(days=1), timedelta(days=5)),
}
"""How long the last believed price stands in for a doubted one, and how long the doubt is told.

A market that really moved must win in the end, though no second source confirms it. A long weekend
must not pass for confirmation, nor a month in which nobody looked for that of another unit.
"""


def ratio_of(price: Decimal, against: Decimal) -> Decimal:
    """Return the larger of two prices over the smaller."""
    return DIVISION.divide(max(price, against), min(price, against))


def agree(price: Decimal, other: Decimal) -> bool:
    """Tell whether two sources' prices confirm each other."""
    return ratio_of(price, other) <= 1 + AGREEMENT


def _near(ratio: Decimal, usual: Decimal, *, within: Decimal = NEAR) -> bool:
    return abs(ratio - usual) <= usual * within


def _kind(ratio: Decimal) -> Doubt | None:
    if ratio < LEAST:
        return None
    # A day may move a price by a fifth beside the change of unit.
    if any(_near(ratio, usual, within=Decimal("0.2")) for usual in HUNDREDFOLD):
        return Doubt.MINOR_UNIT
    if any(_near(ratio, usual) for usual in SPLITS):
        return Doubt.SPLIT
    return Doubt.JUMP if ratio > LARGEST_MOVE else None


def doubt_of(quote: Quote, reference: Quote | None) -> PriceDoubt | None:
    """Return what is odd about a quote beside the last one believed; null if nothing is.

    Made-up prices and prices in another currency prove nothing and are not compared.
    """
    if (
        reference is None
        or reference.currency != quote.currency
        or QuoteQuality.SIMULATED in {reference.quality, quote.quality}
    ):
        return None
    kind = _kind(ratio_of(quote.price, reference.price))
    if kind is None:
        return None
    # A clock that was put back must not make a reference wait for less than nothing.
    waited = max(quote.received_at - reference.received_at, timedelta(0))
    rejected_for, told_for = PATIENCE[kind]
    if waited >= told_for:
        return None
    return PriceDoubt(
        doubt=kind,
        rejected=waited < rejected_for,
        price=quote.price,
        source=quote.source,
        against=reference.price,
        against_source=reference.source,
        against_as_of=reference.as_of,
    )


def disagreement(quote: Quote, other: Quote) -> PriceDoubt | None:
    """Return the doubt that another source's price casts on a quote; null if they agree.

    What is made up, or older than it should be, casts none.
    """
    if (
        other.quality in {QuoteQuality.SIMULATED, QuoteQuality.STALE}
        or other.currency != quote.currency
        or agree(quote.price, other.price)
    ):
        return None
    return PriceDoubt(
        doubt=Doubt.DISAGREEMENT,
        rejected=False,
        price=quote.price,
        source=quote.source,
        against=other.price,
        against_source=other.source,
        against_as_of=other.as_of,
    )
