"""Transactions: the ledger's entries as a client reads them."""

import dataclasses
from collections.abc import Collection
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import strawberry
from strawberry.types import Info

from analytics.money import ZERO, ratio, total_known
from models import transactions
from models.transactions import (
    CHARGES,
    CORPORATE_ACTIONS,
    EXCHANGES,
    FLOWS,
    INCOME,
    OPENINGS,
    TRADES,
    UNIT_TRANSFERS,
    Kind,
)
from resolvers.access import portfolios_in_reach
from resolvers.batching import batched
from resolvers.context import Context
from resolvers.histories import TransactionChange, histories_of_entries
from resolvers.ids import encode_id
from resolvers.instruments import Instrument, instrument_of
from resolvers.loaders import Booked, state_key
from resolvers.lots import LotMethod, method_of
from resolvers.scalars import Ratio
from resolvers.values import Money, Node, fraction, money, money_or_none, unit_price
from services.entries import cash_effects, gross_of

if TYPE_CHECKING:
    from resolvers.portfolios import Portfolio

PortfolioReference = Annotated["Portfolio", strawberry.lazy("resolvers.portfolios")]
"""Portfolios list transactions, so the way back is told by name."""


async def portfolios_of_keys(context: Context, keys: Collection[int]) -> list[PortfolioReference]:
    """Return portfolios that the caller has come through, by their keys."""
    from resolvers.portfolios import portfolio_of  # noqa: PLC0415  # the way back

    rows = await context.loaders.portfolios.load_many(keys)
    return [portfolio_of(row) for row in rows if row is not None]


async def portfolios_of_transactions(
    parents: "list[Transaction]", info: Info[Context, None]
) -> list[PortfolioReference]:
    """Find the portfolios of a level of transactions."""
    return await portfolios_of_keys(info.context, [parent.row.portfolio_id for parent in parents])


_KINDS = {
    Kind.BUY: "Units bought.",
    Kind.SELL: "Units sold; beyond what is held only where the portfolio allows shorts.",
    Kind.SHORT: "Units sold short, meant as such: whatever the portfolio allows.",
    Kind.COVER: "Units bought back to close a short position, never more than are short.",
    Kind.DIVIDEND: "A dividend received in cash.",
    Kind.DIVIDEND_REINVESTED: "A dividend that bought units instead of being paid out.",
    Kind.DIVIDEND_IN_KIND: "A dividend paid in units.",
    Kind.INTEREST: "Interest received.",
    Kind.INTEREST_PAID: "Interest paid.",
    Kind.DEPOSIT: "Cash paid into the portfolio.",
    Kind.WITHDRAWAL: "Cash taken out.",
    Kind.CASH_TRANSFER_IN: "Cash that came from another portfolio of the owner.",
    Kind.CASH_TRANSFER_OUT: "Cash that went to another portfolio of the owner.",
    Kind.EXCHANGE_IN: "Cash that came for cash of another currency.",
    Kind.EXCHANGE_OUT: "Cash that went for cash of another currency.",
    Kind.FEE: "A fee that belongs to no trade.",
    Kind.FEE_REFUND: "A fee paid back.",
    Kind.TAX: "A tax that belongs to no trade or income.",
    Kind.TAX_REFUND: "A tax paid back.",
    Kind.TRANSFER_IN: "Units that came from another portfolio of the owner, with their lots.",
    Kind.TRANSFER_OUT: "Units that went to another portfolio of the owner, with their lots.",
    Kind.DELIVERY_IN: "Units that came from elsewhere, at a cost.",
    Kind.DELIVERY_OUT: "Units that went elsewhere, at their cost or at a stated value.",
    Kind.SPLIT: "Units became more, or fewer, at the same total cost.",
    Kind.SYMBOL_CHANGE: "The instrument goes by another symbol from now on.",
    Kind.SPIN_OFF: "Units of another instrument came out of these, with part of their cost.",
    Kind.MERGER: "Units were exchanged for those of another instrument, for cash, or for both.",
    Kind.RETURN_OF_CAPITAL: "Capital paid back, which lowers the cost of the units.",
    Kind.OPENING_BALANCE: "Units or cash that were there when the ledger began.",
}


@strawberry.enum(description="What a transaction is.")
class TransactionKind(Enum):
    """What a transaction is."""

    BUY = strawberry.enum_value("BUY", description=_KINDS[Kind.BUY])
    SELL = strawberry.enum_value("SELL", description=_KINDS[Kind.SELL])
    SHORT = strawberry.enum_value("SHORT", description=_KINDS[Kind.SHORT])
    COVER = strawberry.enum_value("COVER", description=_KINDS[Kind.COVER])
    DIVIDEND = strawberry.enum_value("DIVIDEND", description=_KINDS[Kind.DIVIDEND])
    DIVIDEND_REINVESTED = strawberry.enum_value(
        "DIVIDEND_REINVESTED", description=_KINDS[Kind.DIVIDEND_REINVESTED]
    )
    DIVIDEND_IN_KIND = strawberry.enum_value(
        "DIVIDEND_IN_KIND", description=_KINDS[Kind.DIVIDEND_IN_KIND]
    )
    INTEREST = strawberry.enum_value("INTEREST", description=_KINDS[Kind.INTEREST])
    INTEREST_PAID = strawberry.enum_value("INTEREST_PAID", description=_KINDS[Kind.INTEREST_PAID])
    DEPOSIT = strawberry.enum_value("DEPOSIT", description=_KINDS[Kind.DEPOSIT])
    WITHDRAWAL = strawberry.enum_value("WITHDRAWAL", description=_KINDS[Kind.WITHDRAWAL])
    CASH_TRANSFER_IN = strawberry.enum_value(
        "CASH_TRANSFER_IN", description=_KINDS[Kind.CASH_TRANSFER_IN]
    )
    CASH_TRANSFER_OUT = strawberry.enum_value(
        "CASH_TRANSFER_OUT", description=_KINDS[Kind.CASH_TRANSFER_OUT]
    )
    EXCHANGE_IN = strawberry.enum_value("EXCHANGE_IN", description=_KINDS[Kind.EXCHANGE_IN])
    EXCHANGE_OUT = strawberry.enum_value("EXCHANGE_OUT", description=_KINDS[Kind.EXCHANGE_OUT])
    FEE = strawberry.enum_value("FEE", description=_KINDS[Kind.FEE])
    FEE_REFUND = strawberry.enum_value("FEE_REFUND", description=_KINDS[Kind.FEE_REFUND])
    TAX = strawberry.enum_value("TAX", description=_KINDS[Kind.TAX])
    TAX_REFUND = strawberry.enum_value("TAX_REFUND", description=_KINDS[Kind.TAX_REFUND])
    TRANSFER_IN = strawberry.enum_value("TRANSFER_IN", description=_KINDS[Kind.TRANSFER_IN])
    TRANSFER_OUT = strawberry.enum_value("TRANSFER_OUT", description=_KINDS[Kind.TRANSFER_OUT])
    DELIVERY_IN = strawberry.enum_value("DELIVERY_IN", description=_KINDS[Kind.DELIVERY_IN])
    DELIVERY_OUT = strawberry.enum_value("DELIVERY_OUT", description=_KINDS[Kind.DELIVERY_OUT])
    SPLIT = strawberry.enum_value("SPLIT", description=_KINDS[Kind.SPLIT])
    SYMBOL_CHANGE = strawberry.enum_value("SYMBOL_CHANGE", description=_KINDS[Kind.SYMBOL_CHANGE])
    SPIN_OFF = strawberry.enum_value("SPIN_OFF", description=_KINDS[Kind.SPIN_OFF])
    MERGER = strawberry.enum_value("MERGER", description=_KINDS[Kind.MERGER])
    RETURN_OF_CAPITAL = strawberry.enum_value(
        "RETURN_OF_CAPITAL", description=_KINDS[Kind.RETURN_OF_CAPITAL]
    )
    OPENING_BALANCE = strawberry.enum_value(
        "OPENING_BALANCE", description=_KINDS[Kind.OPENING_BALANCE]
    )


@strawberry.enum(description="The direction of a trade.")
class TradeSide(Enum):
    """The direction of a trade."""

    BUY = strawberry.enum_value("BUY", description=_KINDS[Kind.BUY])
    SELL = strawberry.enum_value("SELL", description=_KINDS[Kind.SELL])
    SHORT = strawberry.enum_value("SHORT", description=_KINDS[Kind.SHORT])
    COVER = strawberry.enum_value("COVER", description=_KINDS[Kind.COVER])


@strawberry.enum(description="Whose exchange rate an entry counts by.")
class ExchangeRateSource(Enum):
    """Whose exchange rate an entry counts by, as `models.transactions.RateSource` has it."""

    BOOKED = strawberry.enum_value("BOOKED", description="The booking's own.")
    MARKET = strawberry.enum_value("MARKET", description="The market's of its day.")


@strawberry.interface(description="One entry of a portfolio's ledger.")
class Transaction(Node):
    """One entry of a portfolio's ledger."""

    row: strawberry.Private[transactions.Transaction]
    kind: TransactionKind = strawberry.field(description="What it is.")
    occurred_at: datetime = strawberry.field(
        description="When it took place; midnight UTC where only the day is known."
    )
    fee: Money = strawberry.field(description="Fee within it, zero or more.")
    tax: Money = strawberry.field(description="Tax within it, zero or more.")
    cash_effect: Money = strawberry.field(
        description="What it did to the cash, after fee and tax, in the currency it was settled "
        "in: positive in, negative out."
    )
    exchange_rate: Decimal | None = strawberry.field(
        description="Units of the portfolio's base currency for one unit of the entry's, by which "
        "it counts: the booking's own or the market's of its day. Null if none was known."
    )
    exchange_rate_source: ExchangeRateSource | None = strawberry.field(
        description="Whose rate it is; null where none was needed or known."
    )
    exchange_rate_date: date | None = strawberry.field(
        description="The day the market's rate is of: that of the entry or the last one before, "
        "never a later one. Null for any other rate."
    )
    note: str | None = strawberry.field(description="The owner's words, if any.")
    external_id: str | None = strawberry.field(
        description="Id in the system it comes from, unique within the portfolio."
    )
    voided_at: datetime | None = strawberry.field(
        description="When it was voided: it then counts for nothing. Null while it counts."
    )
    updated_at: datetime | None = strawberry.field(
        description="When it was last corrected; null if it never was."
    )
    cash_effects: list[Money] = strawberry.field(
        description="What it did to the cash, by currency: more than one when a fee or tax was "
        "paid in another currency."
    )
    history: list[TransactionChange] = batched(
        histories_of_entries, description="Every change since it was recorded, oldest first."
    )
    portfolio: PortfolioReference = batched(
        portfolios_of_transactions, description="The portfolio it belongs to."
    )


async def gains_of_trades(
    parents: "list[Trade]",
    info: Info[Context, None],
    lot_method: LotMethod | None = None,
) -> list[Money | None]:
    """Work out what each trade of a level realised."""
    loaders, method = info.context.loaders, method_of(lot_method)
    ids = [parent.row.portfolio_id for parent in parents]
    owners = await loaders.portfolios.load_many(ids)
    keys = [state_key(owner, method=method) for owner in owners if owner is not None]
    states = await loaders.ledger_states.load_many(keys)
    gains: list[Money | None] = []
    for parent, state in zip(parents, states, strict=True):
        instrument_state = state.instruments.get(parent.row.instrument_id or 0)
        closings = () if instrument_state is None else instrument_state.holding.closings
        closed = [closing.gain for closing in closings if closing.event_id == parent.row.id]
        gain = total_known(closed) if closed else None
        gains.append(money_or_none(gain, parent.instrument.currency))
    return gains


@strawberry.type(description="A purchase or sale.")
class Trade(Transaction):
    """A purchase or sale."""

    instrument: Instrument = strawberry.field(description="What was traded.")
    side: TradeSide = strawberry.field(description="The direction.")
    quantity: Decimal = strawberry.field(description="Units traded, always above zero.")
    price: Money = strawberry.field(description="Price of one unit.")
    amount: Money = strawberry.field(description="Price of all units, before fee and tax.")
    realized_gain: Money | None = batched(
        gains_of_trades,
        description="Proceeds after fees less the cost of the units closed, in the instrument's "
        "currency, by the portfolio's lot method or the one asked for. Null when the trade closed "
        "nothing, or when an acquisition is missing.",
    )


@strawberry.type(description="A dividend or interest, received or paid.")
class Income(Transaction):
    """A dividend or interest."""

    instrument: Instrument | None = strawberry.field(
        description="What paid it; null for interest on cash."
    )
    amount: Money = strawberry.field(
        description="What was earned, before tax withheld; for interest paid what was paid."
    )
    quantity: Decimal | None = strawberry.field(
        description="Units received instead of cash; null for one paid in cash."
    )


@strawberry.type(description="Cash that came into or left the portfolio: an external flow.")
class CashTransfer(Transaction):
    """Cash that came in or left."""

    amount: Money = strawberry.field(description="How much, always above zero: see `kind`.")


@strawberry.type(
    description="One half of cash that was exchanged for cash of another currency: no external "
    "flow, whatever the other half is worth."
)
class CurrencyExchange(Transaction):
    """One half of an exchange of currencies."""

    amount: Money = strawberry.field(description="How much, always above zero: see `kind`.")


@strawberry.type(description="A fee or tax that belongs to no other entry, or its refund.")
class Charge(Transaction):
    """A fee or tax of its own."""

    instrument: Instrument | None = strawberry.field(
        description="What it was paid for, if that is known."
    )
    amount: Money = strawberry.field(description="How much, always above zero: see `kind`.")


@strawberry.type(
    description="Units that came in or went out without cash: between the owner's portfolios "
    "(lots keep their date, cost and fees), or from and to elsewhere."
)
class UnitTransfer(Transaction):
    """Units that came in or went out without cash."""

    instrument: Instrument = strawberry.field(description="What was moved.")
    quantity: Decimal = strawberry.field(description="Units moved, always above zero.")
    amount: Money | None = strawberry.field(
        description="Their cost, or for a delivery out their stated value. Null where the lots "
        "bring their cost along, or leave at it."
    )
    acquired_at: datetime | None = strawberry.field(
        description="When the units were acquired, if that was before they came here."
    )


@strawberry.type(description="Something a company did to its shares.")
class CorporateAction(Transaction):
    """Something a company did to its shares."""

    instrument: Instrument = strawberry.field(description="The shares it was done to.")
    related_instrument: Instrument | None = strawberry.field(
        description="The shares that came of it; null for a split, cash merger or repayment."
    )
    new_units: Decimal | None = strawberry.field(
        description="So many new units for every `oldUnits`; null where units do not change."
    )
    old_units: Decimal | None = strawberry.field(description="The units that `newUnits` is for.")
    cost_share: Ratio | None = strawberry.field(
        description="Spin-off: the fraction of the cost that goes to the new units. Merger: the "
        "fraction that the cash was paid for."
    )
    amount: Money | None = strawberry.field(
        description="Cash that came with it: in lieu of a fraction, for the merger, or the "
        "capital repaid. Null for none."
    )


@strawberry.type(description="What was there when the ledger began: units at a cost, or cash.")
class OpeningBalance(Transaction):
    """What was there when the ledger began."""

    instrument: Instrument | None = strawberry.field(description="The units; null for cash.")
    quantity: Decimal | None = strawberry.field(description="How many units; null for cash.")
    amount: Money = strawberry.field(description="The cost of the units, or the cash.")
    acquired_at: datetime | None = strawberry.field(description="When the units were acquired.")


Entry = (
    Trade
    | Income
    | CashTransfer
    | CurrencyExchange
    | Charge
    | UnitTransfer
    | CorporateAction
    | OpeningBalance
)
ENTRY_TYPES: dict[frozenset[Kind], type[Entry]] = {
    TRADES: Trade,
    INCOME: Income,
    FLOWS: CashTransfer,
    EXCHANGES: CurrencyExchange,
    CHARGES: Charge,
    UNIT_TRANSFERS: UnitTransfer,
    CORPORATE_ACTIONS: CorporateAction,
    OPENINGS: OpeningBalance,
}
TYPES = {kind: made for kinds, made in ENTRY_TYPES.items() for kind in kinds}
KINDS_BY_TYPE_NAME = {made.__name__: kinds for kinds, made in ENTRY_TYPES.items()}


def entry_id(kind: Kind, key: int | None) -> strawberry.ID:
    """Return the global id of a ledger entry."""
    return strawberry.ID(encode_id(TYPES[kind].__name__, key))


def transaction_of(booked: Booked) -> Entry:
    """Build the outward shape of a ledger entry."""
    row, instrument, related = booked
    kind = Kind(row.kind)
    made = TYPES[kind]
    amount = gross_of(row)
    stated = row.amount is not None or row.price is not None
    effects = cash_effects(row)
    price = row.price if row.price is not None else ratio(row.amount, row.quantity)
    fields: dict[str, Any] = {
        "id": entry_id(kind, row.id),
        "row": row,
        "kind": TransactionKind(kind.value),
        "occurred_at": row.occurred_at,
        "fee": money(row.fee, row.fee_currency or row.currency),
        "tax": money(row.tax, row.tax_currency or row.currency),
        "cash_effect": money(effects[row.settlement_currency], row.settlement_currency),
        "cash_effects": [money(part, currency) for currency, part in effects.items()],
        "exchange_rate": row.rate,
        "exchange_rate_source": None
        if row.rate_source is None
        else ExchangeRateSource(row.rate_source),
        "exchange_rate_date": row.rate_day,
        "note": row.note,
        "external_id": row.external_id,
        "voided_at": row.voided_at,
        "updated_at": row.updated_at,
        "instrument": None if instrument is None else instrument_of(instrument),
        "related_instrument": None if related is None else instrument_of(related),
        "side": TradeSide(kind.value) if kind in TRADES else None,
        "quantity": row.quantity,
        "price": unit_price(price or ZERO, row.currency),
        "amount": money(amount, row.currency) if stated or made not in _MAY_LACK_AMOUNT else None,
        "acquired_at": row.acquired_at,
        "new_units": row.ratio_new,
        "old_units": row.ratio_old,
        "cost_share": fraction(row.cost_share),
    }
    names = {field.name for field in dataclasses.fields(made) if field.init}
    return made(**{name: value for name, value in fields.items() if name in names})


_MAY_LACK_AMOUNT = frozenset({UnitTransfer, CorporateAction})


async def transaction_by_key(context: Context, key: int, *, type_name: str) -> Entry | None:
    """Return a ledger entry by key and type; null for one out of the caller's reach."""
    booked = await context.loaders.transactions.load(key)
    if booked is None or TYPES[Kind(booked[0].kind)].__name__ != type_name:
        return None
    (portfolio,) = await portfolios_in_reach(context, [booked[0].portfolio_id])
    return None if portfolio is None else transaction_of(booked)
