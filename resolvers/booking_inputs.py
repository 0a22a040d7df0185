"""What bookings are made from: the inputs of the mutations that book into a ledger."""

from dataclasses import fields, replace
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any

import strawberry

from analytics.money import ZERO
from models.drafts import Draft
from models.transactions import Kind
from resolvers.changes import LedgerChange
from resolvers.ids import key_of
from resolvers.lots import LOT
from resolvers.scalars import CurrencyCode, Symbol
from resolvers.transactions import TradeSide
from services.drafts import check_draft
from services.errors import MistakeCode, RefusedError, refuse

QUANTITY = "Units, more than zero, at most 15 digits before the point and 18 after."
PRICE = "Per unit, zero or more; give `price` or `amount`."
AMOUNT = "For all units, before fee and tax; give `price` or `amount`."
RELATED = "The instrument that comes of it; found through the market-data sources if it is new."
IN_LIEU = "Cash paid in lieu of the fraction of a unit, if any."


@strawberry.input(description="Units of one lot, for a sale that picks its lots.")
class LotChoice:
    """Units of one lot."""

    opened_by_id: strawberry.ID = strawberry.field(description="The lot, by `Lot.openedById`.")
    quantity: Decimal = strawberry.field(description="Units of it, more than zero.")


@strawberry.input
class EntryInput(LedgerChange):
    """What every booking has."""

    occurred_at: datetime = strawberry.field(
        description="When; not in the future. Midnight UTC where only the day is known."
    )
    note: str | None = strawberry.field(default=None, description="At most 2,000 characters.")
    external_id: str | None = strawberry.field(
        default=None, description="Id in the system it comes from, unique within the portfolio."
    )


@strawberry.input
class MoneyInput(EntryInput):
    """A booking in a currency, into one portfolio."""

    portfolio_id: strawberry.ID = strawberry.field(description="Where to book it.")
    currency: CurrencyCode | None = strawberry.field(
        default=None,
        description="What its money is in: the instrument's or else the portfolio's if left out. "
        "Minor units such as GBp, ZAc and ILA are converted.",
    )
    exchange_rate: Decimal | None = strawberry.field(
        default=None,
        description="The booking's own rate: units of the portfolio's base currency for one unit "
        "of `currency`. The market's of the day if left out.",
    )


@strawberry.input
class CostsInput(MoneyInput):
    """A booking that may have a fee and a tax within it."""

    fee: Decimal = strawberry.field(default=ZERO, description="In total, zero or more.")
    fee_currency: CurrencyCode | None = strawberry.field(
        default=None, description="What the fee was paid in; `currency` if left out."
    )
    fee_exchange_rate: Decimal | None = strawberry.field(
        default=None,
        description="Units of the base currency for one unit of `feeCurrency`; the market's of "
        "the day if left out.",
    )
    tax: Decimal = strawberry.field(
        default=ZERO, description="Tax on it, withheld tax for income; in total, zero or more."
    )
    tax_currency: CurrencyCode | None = strawberry.field(
        default=None, description="What the tax was paid in; `currency` if left out."
    )
    tax_exchange_rate: Decimal | None = strawberry.field(
        default=None,
        description="Units of the base currency for one unit of `taxCurrency`; the market's of "
        "the day if left out.",
    )
    instrument_exchange_rate: Decimal | None = strawberry.field(
        default=None,
        description="Where `currency` is not the instrument's: units of the base currency for "
        "one unit of the instrument's currency; the market's of the day if left out.",
    )


@strawberry.input
class SettledInput(CostsInput):
    """A booking whose cash may move in the portfolio's base currency."""

    settlement_currency: CurrencyCode | None = strawberry.field(
        default=None,
        description="The cash that moves: `currency`, as if left out, or the portfolio's base "
        "currency, converted at the exchange rate.",
    )


@strawberry.input(description="A purchase or sale that took place.")
class RecordTradeInput(SettledInput):
    """A purchase or sale that took place."""

    symbol: Symbol = strawberry.field(
        description="What was traded; found through the market-data sources if it is new."
    )
    side: TradeSide = strawberry.field(description="The direction.")
    quantity: Decimal = strawberry.field(description=QUANTITY)
    price: Decimal | None = strawberry.field(default=None, description=PRICE)
    amount: Decimal | None = strawberry.field(default=None, description=AMOUNT)
    lots: list[LotChoice] | None = strawberry.field(
        default=None,
        description="The lots it closes, for the method SPECIFIC; units beyond them come from "
        "the oldest.",
    )


@strawberry.enum(description="What an income is.")
class IncomeKind(Enum):
    """What an income is."""

    DIVIDEND = strawberry.enum_value("DIVIDEND", description="A dividend received in cash.")
    DIVIDEND_REINVESTED = strawberry.enum_value(
        "DIVIDEND_REINVESTED", description="A dividend that bought units."
    )
    DIVIDEND_IN_KIND = strawberry.enum_value(
        "DIVIDEND_IN_KIND", description="A dividend paid in units."
    )
    INTEREST = strawberry.enum_value("INTEREST", description="Interest received.")
    INTEREST_PAID = strawberry.enum_value("INTEREST_PAID", description="Interest paid.")


@strawberry.input(description="A dividend or interest.")
class RecordIncomeInput(SettledInput):
    """A dividend or interest."""

    kind: IncomeKind = strawberry.field(description="What it is.")
    symbol: Symbol | None = strawberry.field(
        default=None, description="What paid it; may be left out for interest alone."
    )
    amount: Decimal | None = strawberry.field(
        default=None,
        description="Before fee and tax. For a dividend in kind the value of the units, zero if "
        "left out.",
    )
    quantity: Decimal | None = strawberry.field(
        default=None, description="Units received, for a dividend reinvested or in kind."
    )
    price: Decimal | None = strawberry.field(
        default=None,
        description="What a reinvested dividend bought at, per unit. If left out, all of the "
        "amount after fee and tax was reinvested.",
    )


@strawberry.enum(description="The direction of a cash transfer.")
class CashDirection(Enum):
    """The direction of a cash transfer."""

    DEPOSIT = strawberry.enum_value("DEPOSIT", description="Cash comes in.")
    WITHDRAWAL = strawberry.enum_value("WITHDRAWAL", description="Cash goes out.")


@strawberry.input(description="Cash paid into or taken out of a portfolio.")
class RecordCashTransferInput(CostsInput):
    """Cash paid in or taken out."""

    direction: CashDirection = strawberry.field(description="In or out.")
    amount: Decimal = strawberry.field(description="How much, more than zero.")


@strawberry.input(description="Cash of one currency that became cash of another.")
class RecordCurrencyExchangeInput(EntryInput):
    """Cash of one currency that became cash of another."""

    portfolio_id: strawberry.ID = strawberry.field(description="Where to book it.")
    sold_amount: Decimal = strawberry.field(description="What went, more than zero.")
    sold_currency: CurrencyCode = strawberry.field(description="What it was in.")
    bought_amount: Decimal = strawberry.field(description="What came for it, more than zero.")
    bought_currency: CurrencyCode = strawberry.field(description="What that is in.")
    fee: Decimal = strawberry.field(
        default=ZERO, description="Taken on top, in `soldCurrency`; zero or more."
    )


@strawberry.enum(description="What a charge is.")
class ChargeKind(Enum):
    """What a charge is."""

    FEE = strawberry.enum_value("FEE", description="A fee that belongs to no trade.")
    FEE_REFUND = strawberry.enum_value("FEE_REFUND", description="A fee paid back.")
    TAX = strawberry.enum_value("TAX", description="A tax that belongs to no trade or income.")
    TAX_REFUND = strawberry.enum_value("TAX_REFUND", description="A tax paid back.")


@strawberry.input(description="A fee or tax of its own, or its refund.")
class RecordChargeInput(MoneyInput):
    """A fee or tax of its own, or its refund."""

    kind: ChargeKind = strawberry.field(description="What it is.")
    amount: Decimal = strawberry.field(description="How much, more than zero.")
    symbol: Symbol | None = strawberry.field(
        default=None, description="What it was paid for, if that is one instrument."
    )
    settlement_currency: CurrencyCode | None = strawberry.field(
        default=None,
        description="The cash that moves: `currency`, as if left out, or the portfolio's base "
        "currency.",
    )


@strawberry.enum(description="The direction of a delivery of units.")
class DeliveryDirection(Enum):
    """The direction of a delivery."""

    IN = strawberry.enum_value("DELIVERY_IN", description="Units come in from elsewhere.")
    OUT = strawberry.enum_value("DELIVERY_OUT", description="Units go elsewhere.")


@strawberry.input(description="Units that came from or went to somewhere outside, without cash.")
class RecordDeliveryInput(CostsInput):
    """Units that came from or went to somewhere outside."""

    direction: DeliveryDirection = strawberry.field(description="In or out.")
    symbol: Symbol = strawberry.field(description="What was delivered.")
    quantity: Decimal = strawberry.field(description=QUANTITY)
    price: Decimal | None = strawberry.field(default=None, description=PRICE)
    amount: Decimal | None = strawberry.field(
        default=None,
        description="In: what the units had cost. Out: what they were worth, which realises the "
        "gain; without price and amount they leave at their cost, and nothing is realised.",
    )
    acquired_at: datetime | None = strawberry.field(
        default=None, description="In: when the units were acquired, if before they came."
    )
    lots: list[LotChoice] | None = strawberry.field(
        default=None, description="Out: the lots that go, for the method SPECIFIC."
    )


@strawberry.enum(description="What a corporate action is.")
class CorporateActionKind(Enum):
    """What a corporate action is."""

    SPLIT = strawberry.enum_value(
        "SPLIT", description="`newUnits` for every `oldUnits`; fewer for a reverse split."
    )
    SYMBOL_CHANGE = strawberry.enum_value("SYMBOL_CHANGE", description="A new symbol.")
    SPIN_OFF = strawberry.enum_value(
        "SPIN_OFF", description="Units of another company, with a share of the cost."
    )
    MERGER = strawberry.enum_value(
        "MERGER", description="Exchanged for units of another instrument, for cash, or for both."
    )
    RETURN_OF_CAPITAL = strawberry.enum_value(
        "RETURN_OF_CAPITAL", description="Capital paid back: lowers the cost."
    )


@strawberry.input(description="Something a company did to its shares; it concerns all units held.")
class RecordCorporateActionInput(SettledInput):
    """Something a company did to its shares."""

    kind: CorporateActionKind = strawberry.field(description="What it is.")
    symbol: Symbol = strawberry.field(description="The shares it was done to.")
    related_symbol: Symbol | None = strawberry.field(default=None, description=RELATED)
    new_units: Decimal | None = strawberry.field(
        default=None, description="So many new units for every `oldUnits`."
    )
    old_units: Decimal | None = strawberry.field(
        default=None, description="The units that `newUnits` is for; one if left out."
    )
    cost_share: Decimal | None = strawberry.field(
        default=None,
        description="From 0 to 1. Spin-off: the fraction of the cost that goes to the new units. "
        "Merger for units and cash: the fraction that the cash was paid for.",
    )
    amount: Decimal | None = strawberry.field(
        default=None,
        description="Merger: the cash part. Return of capital: what was paid back. Otherwise cash "
        "in lieu of a fraction of a unit.",
    )


@strawberry.input(
    description="What was there when the ledger began: units with `symbol` and `quantity` at a "
    "cost, or without them cash. It counts as paid in on that day."
)
class RecordOpeningBalanceInput(CostsInput):
    """What was there when the ledger began."""

    symbol: Symbol | None = strawberry.field(default=None, description="The units; none for cash.")
    quantity: Decimal | None = strawberry.field(default=None, description="How many units.")
    price: Decimal | None = strawberry.field(default=None, description="Cost per unit.")
    amount: Decimal | None = strawberry.field(
        default=None, description="Cost of all units, or the cash."
    )
    acquired_at: datetime | None = strawberry.field(
        default=None, description="When the units were acquired, if before."
    )


@strawberry.input
class TransferInput(EntryInput):
    """A transfer between two of one's own portfolios."""

    from_portfolio_id: strawberry.ID = strawberry.field(description="Where it leaves.")
    to_portfolio_id: strawberry.ID = strawberry.field(description="Where it arrives.")


@strawberry.input(description="Units that move to another of your portfolios, with their lots.")
class TransferUnitsInput(TransferInput):
    """Units that move to another portfolio."""

    symbol: Symbol = strawberry.field(description="What moves.")
    quantity: Decimal = strawberry.field(description=QUANTITY)
    lots: list[LotChoice] | None = strawberry.field(
        default=None, description="The lots that move, for the method SPECIFIC."
    )


@strawberry.input(description="Cash that moves to another of your portfolios.")
class TransferCashInput(TransferInput):
    """Cash that moves to another portfolio."""

    amount: Decimal = strawberry.field(description="How much, more than zero.")
    currency: CurrencyCode | None = strawberry.field(
        default=None, description="The base currency of the portfolio it leaves if left out."
    )


_DRAFT_FIELDS = {field.name for field in fields(Draft)}
_RENAMED = {
    "exchange_rate": "rate",
    "fee_exchange_rate": "fee_rate",
    "tax_exchange_rate": "tax_rate",
    "instrument_exchange_rate": "instrument_rate",
    "new_units": "ratio_new",
    "old_units": "ratio_old",
}
"""Fields of inputs by what a draft calls them, where that differs."""


def values_of(given: Any) -> dict[str, Any]:
    """Read what an input and a draft have in common, by the draft's names."""
    named = {
        _RENAMED.get(field.name, field.name): getattr(given, field.name) for field in fields(given)
    }
    values = {name: value for name, value in named.items() if name in _DRAFT_FIELDS}
    if "lots" in values and values["lots"] is not strawberry.UNSET:
        values["lots"] = lots_of(values["lots"])
    if isinstance(values.get("kind"), Enum):
        values["kind"] = Kind(values["kind"].value)
    return values


def lots_of(given: list[LotChoice] | None) -> tuple[tuple[int, Decimal], ...]:
    """Read the lots that an input names; raises RefusedError for what is no lot."""
    chosen = []
    for choice in given or ():
        key = key_of(choice.opened_by_id, type_name=LOT)
        if key is None:
            raise refuse(MistakeCode.NOT_FOUND, "There is no such lot.", "lots", "openedById")
        chosen.append((key, choice.quantity))
    return tuple(chosen)


def halves_of(given: RecordCurrencyExchangeInput, *, now: datetime) -> list[Draft]:
    """Read an exchange as what went and what came; raises RefusedError."""
    halves: list[Draft] = []
    for kind, side, end in ((Kind.EXCHANGE_OUT, "sold", "out"), (Kind.EXCHANGE_IN, "bought", "in")):
        draft = Draft(
            kind=kind,
            occurred_at=given.occurred_at,
            amount=getattr(given, f"{side}_amount"),
            currency=getattr(given, f"{side}_currency"),
            fee=given.fee if side == "sold" else ZERO,
            note=given.note,
            external_id=given.external_id and f"{given.external_id}:{end}",
        )
        try:
            halves.append(check_draft(draft, now=now))
        except RefusedError as error:
            names = {"amount": f"{side}Amount", "currency": f"{side}Currency"}
            raise RefusedError(
                [
                    replace(one, field=tuple(names.get(part, part) for part in one.field))
                    for one in error.mistakes
                ]
            ) from error
    # Compared now that pence are pounds.
    if halves[0].currency == halves[1].currency:
        raise refuse(MistakeCode.INVALID, "Must be another currency.", "boughtCurrency")
    return halves
