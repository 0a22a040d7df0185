"""Turns rows into drafts so that each draft moves exactly the cash that its row says.

Fields of a row: ``quantity`` and ``price`` in ``currency``; ``amount``, the cash that moved after
fee and tax, in ``settlement_currency`` or, without one, in ``currency``. A price that explains the
cash to the last digit is kept, else the cash itself is.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from datasources.brokers.table import Row, SkipError
from datasources.symbols import VENUES, major_unit
from models.drafts import ZERO, Draft
from models.transactions import EXCHANGES, FLOWS, TRADES, UNIT_TRANSFERS, Kind

Rule = Kind | tuple[Kind, Kind] | str | Callable[[Row], tuple[Draft, ...]]
"""What an action's word means: a kind, one for cash in and one for cash out, why it is no entry,
or a function."""

STEP = Decimal("1e-12")
"""What numbers that were worked out, or were floats, are rounded to."""

OUTGOING = frozenset(
    {Kind.BUY, Kind.COVER, Kind.INTEREST_PAID, Kind.FEE, Kind.TAX}
    | {
        Kind.CASH_TRANSFER_OUT,
        Kind.EXCHANGE_OUT,
        Kind.WITHDRAWAL,
        Kind.DELIVERY_IN,
        Kind.TRANSFER_IN,
    }
)
"""Kinds whose fee adds to what the units or the service cost."""

_ISIN = re.compile(r"[A-Z]{2}[A-Z0-9]{9}[0-9]")
_CLASS_SHARE = re.compile(r"(?<=[A-Z])[ /](?=[A-Z]$)")
_RATIO = re.compile(r"([0-9.]+)\s*(?:-?\s*for\s*-?|:|/)\s*([0-9.]+)", re.IGNORECASE)
_SUFFIXES = Counter(venue.currency for venue in VENUES.values())
_SUFFIX_OF = {
    venue.currency: f".{suffix}"
    for suffix, venue in VENUES.items()
    if _SUFFIXES[venue.currency] == 1
} | {"USD": ""}
"""How symbols end by currency, where one currency means one exchange."""


def apply(
    row: Row, rules: Mapping[str, Rule], word: str, *, signed: bool = True, fee_sign: int = 0
) -> tuple[Draft, ...]:
    """Book a row by the rule for its action; one that is not known is never guessed at."""
    rule = rules.get(" ".join(word.casefold().split()))
    if rule is None:
        raise row.wrong("type", f"{word[:60]!r} is not a type we know: book the row by hand.")
    if isinstance(rule, str):
        raise SkipError(rule)
    if callable(rule):
        return rule(row)
    if isinstance(rule, tuple):
        rule = rule[0] if row.needed("amount") >= 0 else rule[1]
    return (booking(row, rule, signed=signed, fee_sign=fee_sign),)


def by_hand(message: str) -> Rule:
    """Return the rule for an action that is known, but says too little to be booked."""

    def refuse(row: Row) -> tuple[Draft, ...]:
        raise row.wrong("type", message)

    return refuse


def ticker(text: str) -> str | None:
    """Return a symbol in our form, BRK.B for BRK/B or BRK B; null for an empty one."""
    return _CLASS_SHARE.sub(".", text.strip().upper()) or None


def listed(symbol: str, currency: str, isin: str | None) -> str | None:
    """Return a European broker's bare ticker with the suffix of its exchange.

    Null, so that the ISIN decides, if the currency does not tell which exchange it is.
    """
    found = ticker(symbol)
    if found is None or ("." in found and found.rpartition(".")[2] in VENUES):
        return found
    suffix = _SUFFIX_OF.get(major_unit(currency)[0])
    if suffix is None:
        return None if isin else found
    return found + suffix


def rounded(number: Decimal) -> Decimal:
    """Return a product, quotient or former float without decimals that mean nothing."""
    exponent = number.as_tuple().exponent
    return number.quantize(STEP) if isinstance(exponent, int) and exponent < -12 else number


def isin_of(text: str) -> str | None:
    """Return an ISIN, null for anything else."""
    return text if _ISIN.fullmatch(text) else None


def _factor(source: str, target: str) -> Decimal | None:
    """Return what an amount is multiplied by to go from pounds to pence or back, else null."""
    (major, down), (other, up) = major_unit(source), major_unit(target)
    return down / up if major == other else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """A fee or tax of a row; a negative one is money given back."""

    amount: Decimal
    currency: str

    def within(self, currency: str) -> Decimal:
        """Return how much of cash in a currency it made up, nothing if it was paid in another."""
        return self.amount * (_factor(self.currency, currency) or ZERO)


def _cost(row: Row, name: str, *, sign: int, paid_in: str) -> Cost:
    number = row.number(name) or ZERO
    currency = row.text(f"{name}_currency") or paid_in
    return Cost(amount=number * sign if sign else abs(number), currency=currency)


def booking(row: Row, kind: Kind, *, signed: bool = True, fee_sign: int = 0) -> Draft:
    """Book a row as one draft of a kind; raises CellError.

    ``signed`` amounts are negative when cash went out. A positive fee is a cost with ``fee_sign``
    1, a negative one with -1; 0 takes either for a cost.
    """
    own = row.text("currency") or row.facts.get("currency", "")
    paid_in = row.text("settlement_currency") or own
    costs = {name: _cost(row, name, sign=fee_sign, paid_in=paid_in) for name in ("fee", "tax")}
    cash = row.number("amount")
    if cash is not None and kind in OUTGOING and (kind in UNIT_TRANSFERS or not signed):
        cash = -abs(cash)
    if cash is not None:
        cash = _gross(
            row, kind, cash, costs=sum((one.within(paid_in) for one in costs.values()), ZERO)
        )
    fields: dict[str, Any] = {
        "occurred_at": row.moment(),
        "note": row.text("note") or None,
        "external_id": row.text("id") or None,
        "currency": paid_in or None,
    }
    if kind not in FLOWS | EXCHANGES:
        fields |= {"symbol": ticker(row.text("symbol")), "isin": isin_of(row.text("isin"))}
    if kind in TRADES | UNIT_TRANSFERS:
        fields |= {"quantity": abs(row.needed("quantity"))}
        fields |= _worth(row, kind, cash, own=own, paid_in=paid_in)
    else:
        fields["amount"] = row.needed("amount") if cash is None else cash
    for name, cost in costs.items():
        # Money given back is part of the cash, but no cost.
        if cost.amount > 0:
            other = cost.currency if cost.currency != fields["currency"] else None
            fields |= {name: cost.amount, f"{name}_currency": other or None}
    return Draft(kind=kind, **fields)


def _gross(row: Row, kind: Kind, cash: Decimal, *, costs: Decimal) -> Decimal:
    """Return what the units or the service came to before costs, from the signed cash."""
    gross = -cash - costs if kind in OUTGOING else cash + costs
    if gross < 0:
        word = kind.value.lower().replace("_", " ")
        message = f"{row.text('amount')} goes the wrong way for a {word}: void what it takes back."
        raise row.wrong("amount", message)
    return gross


def _worth(
    row: Row, kind: Kind, gross: Decimal | None, *, own: str, paid_in: str
) -> dict[str, Any]:
    """Return the money of units: a price that explains the cash, else the cash."""
    price = row.number("price")
    if price is not None:
        price = abs(price)
    if kind in UNIT_TRANSFERS and not gross:
        return {"price": price or None, "currency": own or None}
    if gross is None:
        return {"price": row.needed("price") if price is None else price, "currency": own or None}
    value = abs(row.needed("quantity")) * (price or ZERO)
    factor = _factor(own, paid_in)
    if value and factor is not None and value * factor == gross:
        return {"price": price, "currency": own or None}
    if value and factor is None and gross:
        rate = rounded(gross / value)
        return {
            "price": price,
            "currency": own,
            "settlement_currency": paid_in,
            "rate": rate or None,
        }
    return {"amount": gross, "currency": paid_in or None}


def split(row: Row, *, new: Decimal | None, old: Decimal | None) -> Draft:
    """Book a split into new units for old ones; one side null is in another row."""
    if (new is not None and new <= 0) or (old is not None and old <= 0):
        raise row.wrong("quantity", "A split needs units before and after.")
    return Draft(
        kind=Kind.SPLIT,
        occurred_at=row.moment(),
        symbol=ticker(row.text("symbol")),
        isin=isin_of(row.text("isin")),
        ratio_new=new,
        ratio_old=old,
        note=row.text("note") or None,
        external_id=row.text("id") or None,
    )


def split_in_words(row: Row) -> tuple[Draft, ...]:
    """Book a split whose ratio is told in the note, as in ``4 FOR 1``; raises CellError.

    The units that it added are no ratio: that would take all units held before.
    """
    found = _RATIO.search(row.text("note"))
    if found is None:
        raise row.wrong("type", "The file does not tell the ratio of the split: book it by hand.")
    try:
        new, old = Decimal(found[1]), Decimal(found[2])
    except ArithmeticError as error:
        raise row.wrong("note", f"{found[0]!r} is not a ratio.") from error
    return (split(row, new=new, old=old),)


def split_into(row: Row) -> tuple[Draft, ...]:
    """Book the new side of a split that has a row for each."""
    return (split(row, new=row.needed("quantity"), old=None),)


def split_from(row: Row) -> tuple[Draft, ...]:
    """Book the old side of a split that has a row for each."""
    return (split(row, new=None, old=abs(row.needed("quantity"))),)


def conversion(
    row: Row, *, sold: tuple[Decimal, str], bought: tuple[Decimal, str]
) -> tuple[Draft, ...]:
    """Book cash of one currency that became cash of another."""
    identifier = row.text("id")
    return tuple(
        Draft(
            kind=kind,
            occurred_at=row.moment(),
            amount=abs(amount),
            currency=currency,
            note=row.text("note") or None,
            external_id=f"{identifier}:{end}" if identifier else None,
        )
        for kind, (amount, currency), end in (
            (Kind.EXCHANGE_OUT, sold, "out"),
            (Kind.EXCHANGE_IN, bought, "in"),
        )
    )


def converted(row: Row) -> tuple[Draft, ...]:
    """Book one leg of a conversion that has a row for each."""
    out = row.needed("amount") < 0
    return (booking(row, Kind.EXCHANGE_OUT if out else Kind.EXCHANGE_IN),)
