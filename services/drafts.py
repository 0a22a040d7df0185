"""Checks drafts: which fields each kind of booking has, and what each may hold."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from analytics.money import ONE, PLACES, exact, total
from datasources.symbols import major_unit
from models.drafts import Draft
from models.transactions import CHARGES, EXCHANGES, FLOWS, TRADES, Kind, RateSource, Transaction
from services.checks import MAX_KEY, MONEY_PLACES, RATE_PLACES, Checks
from services.errors import MistakeCode


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Which fields a kind needs and which more it may have; of ``money`` it needs exactly one."""

    needs: frozenset[str] = frozenset()
    money: frozenset[str] = frozenset()
    may: frozenset[str] = frozenset()

    def allows(self, field: str) -> bool:
        """Tell whether a field may be given."""
        return field in self.needs | self.money | self.may


def _shape(needs: str = "", *, money: str = "", may: str = "") -> Shape:
    return Shape(
        needs=frozenset(needs.split()), money=frozenset(money.split()), may=frozenset(may.split())
    )


_ARRIVAL = _shape("symbol quantity", money="price amount", may="acquired_at")
_DEPARTURE = _shape("symbol quantity", may="price amount lots")
SHAPES: dict[Kind, Shape] = (
    dict.fromkeys(
        TRADES, _shape("symbol quantity", money="price amount", may="settlement_currency lots")
    )
    | dict.fromkeys(FLOWS | EXCHANGES, _shape("amount"))
    | dict.fromkeys(CHARGES, _shape("amount", may="symbol settlement_currency"))
    | dict.fromkeys((Kind.DELIVERY_IN, Kind.TRANSFER_IN), _ARRIVAL)
    | dict.fromkeys((Kind.DELIVERY_OUT, Kind.TRANSFER_OUT), _DEPARTURE)
    | {
        Kind.OPENING_BALANCE: _shape(money="price amount", may="symbol quantity acquired_at"),
        Kind.DIVIDEND: _shape("symbol amount", may="settlement_currency"),
        Kind.DIVIDEND_REINVESTED: _shape("symbol quantity amount", may="price settlement_currency"),
        Kind.DIVIDEND_IN_KIND: _shape("symbol quantity", may="amount"),
        Kind.INTEREST: _shape("amount", may="symbol settlement_currency"),
        Kind.INTEREST_PAID: _shape("amount", may="symbol settlement_currency"),
        Kind.SPLIT: _shape("symbol ratio_new", may="ratio_old amount settlement_currency"),
        Kind.SYMBOL_CHANGE: _shape("symbol related_symbol"),
        Kind.SPIN_OFF: _shape(
            "symbol related_symbol ratio_new cost_share", may="ratio_old amount settlement_currency"
        ),
        Kind.MERGER: _shape(
            "symbol",
            may="related_symbol ratio_new ratio_old amount cost_share settlement_currency",
        ),
        Kind.RETURN_OF_CAPITAL: _shape("symbol amount", may="settlement_currency"),
    }
)
"""What each kind of booking is made of; every kind may have fee, tax, rates, note and id."""

FREE_FIELDS = frozenset(
    {"kind", "occurred_at", "currency", "rate", "instrument_rate", "note", "external_id", "isin"}
    | {"fee", "fee_currency", "fee_rate", "tax", "tax_currency", "tax_rate"}
)
_NO_COSTS = frozenset({Kind.SYMBOL_CHANGE, Kind.TRANSFER_OUT})
"""Kinds without a currency to pay a fee in, or whose fee is an entry of its own."""

_OUTWARD = {
    "occurred_at": "occurredAt",
    "fee_currency": "feeCurrency",
    "fee_rate": "feeExchangeRate",
    "tax_currency": "taxCurrency",
    "tax_rate": "taxExchangeRate",
    "settlement_currency": "settlementCurrency",
    "rate": "exchangeRate",
    "instrument_rate": "instrumentExchangeRate",
    "related_symbol": "relatedSymbol",
    "ratio_new": "newUnits",
    "ratio_old": "oldUnits",
    "cost_share": "costShare",
    "acquired_at": "acquiredAt",
    "external_id": "externalId",
}


def outward(field: str) -> str:
    """Return the name a field of a draft has for clients."""
    return _OUTWARD.get(field, field)


def draft_of(entry: Transaction, *, symbol: str | None, related_symbol: str | None) -> Draft:
    """Return the draft that would book an entry again; the market's rates are left to be asked."""

    def booked(rate: Decimal | None, source: str | None) -> Decimal | None:
        return rate if source == RateSource.BOOKED.value else None

    return Draft(
        kind=Kind(entry.kind),
        occurred_at=entry.occurred_at,
        symbol=symbol,
        quantity=entry.quantity,
        price=entry.price,
        amount=entry.amount,
        currency=entry.currency,
        fee=entry.fee,
        fee_currency=entry.fee_currency,
        fee_rate=booked(entry.fee_rate, entry.fee_rate_source),
        tax=entry.tax,
        tax_currency=entry.tax_currency,
        tax_rate=booked(entry.tax_rate, entry.tax_rate_source),
        settlement_currency=entry.settlement_currency
        if entry.settlement_currency != entry.currency
        else None,
        rate=booked(entry.rate, entry.rate_source),
        instrument_rate=booked(entry.instrument_rate, entry.instrument_rate_source),
        related_symbol=related_symbol,
        ratio_new=entry.ratio_new,
        ratio_old=entry.ratio_old,
        cost_share=entry.cost_share,
        acquired_at=entry.acquired_at,
        lots=tuple((int(key), Decimal(units)) for key, units in entry.lots or ()),
        note=entry.note,
        external_id=entry.external_id,
    )


_RATED = {
    "fee_rate": {"fee_currency"},
    "tax_rate": {"tax_currency"},
    "instrument_rate": {"symbol"},
    "rate": {"currency", "symbol"},
}
"""The fields that decide of which currency a rate is."""


def changed_draft(draft: Draft, changes: Mapping[str, Any]) -> Draft:
    """Apply changes to a draft; a rate goes with the currency it is of."""
    for rate, sources in _RATED.items():
        if sources & changes.keys() and rate not in changes:
            changes = {**changes, rate: None}
    for one, other in (("price", "amount"), ("amount", "price")):
        # Kinds that take either take the one that is given now.
        either = {"price", "amount"} <= SHAPES[draft.kind].money
        if either and changes.get(one) is not None and other not in changes:
            changes = {**changes, other: None}
    return replace(draft, **changes)


@exact
def in_major_units(draft: Draft) -> Draft:
    """Turn money in pence, cents and the like (GBp, ZAc, ILA) into the currency itself."""
    currency, factor = major_unit(draft.currency or "")
    fee_currency, fee_factor = major_unit(draft.fee_currency or draft.currency or "")
    tax_currency, tax_factor = major_unit(draft.tax_currency or draft.currency or "")
    settlement, _ = major_unit(draft.settlement_currency or "")
    return replace(
        draft,
        currency=currency or None,
        price=None if draft.price is None else draft.price * factor,
        amount=None if draft.amount is None else draft.amount * factor,
        fee=draft.fee * fee_factor,
        fee_currency=fee_currency if draft.fee_currency else None,
        fee_rate=None if draft.fee_rate is None else draft.fee_rate / fee_factor,
        tax=draft.tax * tax_factor,
        tax_currency=tax_currency if draft.tax_currency else None,
        tax_rate=None if draft.tax_rate is None else draft.tax_rate / tax_factor,
        settlement_currency=settlement or None,
        rate=None if draft.rate is None else draft.rate / factor,
    )


def _places(name: str) -> int:
    """Return how many decimals a number may have."""
    if name.endswith("rate"):
        return RATE_PLACES
    return MONEY_PLACES if name in {"amount", "fee", "tax"} else PLACES


def _check_shape(draft: Draft, checks: Checks) -> None:
    shape = SHAPES[draft.kind]
    given = {
        "lots" if field.name == "lot_ids" else field.name
        for field in fields(draft)
        if getattr(draft, field.name) not in (None, ()) and field.name not in FREE_FIELDS
    }
    word = draft.kind.value.lower().replace("_", " ")
    for name in sorted(given):
        if not shape.allows(name):
            message = f"A {word} has no {outward(name)}."
            checks.note(MistakeCode.INVALID, message, outward(name))
    # An ISIN stands in for the symbol; which one it is, is looked up later.
    known = given | ({"symbol"} if draft.isin is not None else set())
    for name in sorted(shape.needs - known):
        checks.required(outward(name))
    if shape.money and not shape.money & given:
        checks.required(outward("price" if "quantity" in given else "amount"))
    # A reinvested dividend has both: what was paid out, and the price it bought at.
    both = {"price", "amount"} <= given and draft.kind is not Kind.DIVIDEND_REINVESTED
    if both:
        checks.note(MistakeCode.INVALID, "Give price or amount, not both.", "amount")
    if draft.kind is Kind.TRANSFER_IN and draft.tax:
        checks.note(MistakeCode.INVALID, "Book the tax as an entry of its own.", "tax")
    if draft.kind in _NO_COSTS and (draft.fee or draft.tax):
        field = "fee" if draft.fee else "tax"
        checks.note(MistakeCode.INVALID, f"Book the {field} as an entry of its own.", field)
    if draft.kind is Kind.OPENING_BALANCE and ("symbol" in given) != ("quantity" in given):
        checks.required("quantity" if "symbol" in given else "symbol")
    if draft.kind is Kind.MERGER:
        _check_merger(given, checks)


def _check_merger(given: set[str], checks: Checks) -> None:
    if not {"related_symbol", "amount"} & given:
        checks.required("relatedSymbol")
    if ("related_symbol" in given) != ("ratio_new" in given):
        checks.required("newUnits" if "related_symbol" in given else "relatedSymbol")
    if {"related_symbol", "amount"} <= given and "cost_share" not in given:
        checks.note(
            MistakeCode.REQUIRED,
            "Units and cash: say which fraction of the cost the cash was paid for.",
            "costShare",
        )


def _check_numbers(draft: Draft, checks: Checks) -> Draft:
    zero_amount = draft.kind not in FLOWS | EXCHANGES | CHARGES | {
        Kind.DIVIDEND,
        Kind.RETURN_OF_CAPITAL,
    }
    numbers: dict[str, Any] = {
        name: checks.decimal(
            value,
            outward(name),
            zero=zero,
            places=_places(name),
        )
        for name, zero in (
            ("quantity", False),
            ("price", True),
            ("amount", zero_amount),
            ("fee", True),
            ("fee_rate", False),
            ("tax", True),
            ("tax_rate", False),
            ("rate", False),
            ("instrument_rate", False),
            ("ratio_new", False),
            ("ratio_old", False),
            ("cost_share", True),
        )
        if (value := getattr(draft, name)) is not None
    }
    return replace(draft, **numbers)


def check_draft(draft: Draft, *, now: datetime) -> Draft:
    """Check every field of a draft and return it clean; raises RefusedError with all mistakes."""
    checks = Checks(now=now)
    # Before and after: what is no number cannot be converted, and pounds have more decimals.
    draft = _check_numbers(in_major_units(_check_numbers(draft, checks)), checks)
    _check_shape(draft, checks)
    if draft.cost_share is not None and draft.cost_share > ONE:
        checks.note(MistakeCode.OUT_OF_RANGE, "Is a fraction: at most 1.", "costShare")
    clean = replace(
        draft,
        occurred_at=checks.moment(draft.occurred_at, "occurredAt"),
        acquired_at=None
        if draft.acquired_at is None
        else checks.moment(draft.acquired_at, "acquiredAt"),
        symbol=None if draft.symbol is None else checks.symbol(draft.symbol, "symbol") or None,
        related_symbol=None
        if draft.related_symbol is None
        else checks.symbol(draft.related_symbol, "relatedSymbol") or None,
        currency=checks.optional_currency(draft.currency, "currency"),
        fee_currency=checks.optional_currency(draft.fee_currency, "feeCurrency"),
        tax_currency=checks.optional_currency(draft.tax_currency, "taxCurrency"),
        settlement_currency=checks.optional_currency(
            draft.settlement_currency, "settlementCurrency"
        ),
        ratio_old=draft.ratio_old
        if draft.ratio_old is not None or draft.ratio_new is None
        else ONE,
        lots=tuple((key, checks.decimal(units, "lots")) for key, units in draft.lots),
        lot_ids=tuple(
            (checks.text(name, "lots", limit=MAX_KEY) or "", checks.decimal(units, "lots"))
            for name, units in draft.lot_ids
        ),
        isin=checks.text(draft.isin, "isin", limit=MAX_KEY),
        note=checks.text(draft.note, "note"),
        external_id=checks.text(draft.external_id, "externalId", limit=MAX_KEY),
    )
    if clean.acquired_at is not None and clean.acquired_at > clean.occurred_at:
        checks.note(MistakeCode.OUT_OF_RANGE, "Must not be after the units arrived.", "acquiredAt")
    chosen = total(units for _, units in (*clean.lots, *clean.lot_ids))
    if clean.quantity is not None and chosen > clean.quantity:
        checks.note(MistakeCode.OUT_OF_RANGE, "Names more units than there are.", "lots")
    if clean.symbol is not None and clean.symbol == clean.related_symbol:
        checks.note(MistakeCode.INVALID, "Must be another instrument.", "relatedSymbol")
    checks.finish()
    return clean
