"""Books into ledgers through the graph, and reads what came of it."""

ENTRIES = {
    "recordTrade": "trade",
    "recordIncome": "income",
    "recordCashTransfer": "cashTransfer",
    "recordCharge": "charge",
    "recordCurrencyExchange": "exchange",
    "recordDelivery": "delivery",
    "recordCorporateAction": "corporateAction",
    "recordOpeningBalance": "openingBalance",
    "transferUnits": "transfer",
    "transferCash": "transfer",
    "updateTransaction": "transaction",
    "voidTransaction": "transaction",
    "undoTransactionChange": "transaction",
}
"""The field of each mutation's payload that is the entry."""

MONEY = "{ amount currency }"
ENTRY = (
    f"id kind occurredAt cashEffect {MONEY} cashEffects {MONEY} exchangeRate "
    f"fee {MONEY} tax {MONEY} note externalId voidedAt updatedAt"
)
LOT = f"quantity cost {MONEY} fees {MONEY} openedAt openedById"
POSITION = (
    f"symbol quantity costBasis {MONEY} fees {MONEY} realizedGain {MONEY} income {MONEY} "
    f"missingQuantity lots {{ {LOT} }}"
)
GAIN = (
    f"quantity cost {MONEY} proceeds {MONEY} gain {MONEY} gainInBaseCurrency {MONEY} "
    "openedAt closedAt holdingDays instrument { symbol }"
)
PREVIEW = (
    f"portfolios {{ portfolio {{ id version }} cashBefore {MONEY} cashAfter {MONEY} "
    "positions { instrument { symbol } "
    f"before {{ {POSITION} }} after {{ {POSITION} }} realizedGains {{ {GAIN} }} }} }}"
)
ERRORS = "userErrors { code message field }"
OUTCOMES = (
    f"counts {{ fate count }} outcomes {{ line fate reason transaction {{ id kind }} {ERRORS} }}"
)
OVERVIEW = (
    f"cash {MONEY} invested {MONEY} realizedGain {MONEY} income {MONEY} charges {MONEY} "
    f"netContributions {MONEY}"
)


def flat(value):
    """Write each amount of money as words, such as 175.5 USD."""
    if isinstance(value, dict):
        if value.keys() == {"amount", "currency"}:
            return f"{value['amount']} {value['currency']}"
        return {name: flat(item) for name, item in value.items()}
    return [flat(item) for item in value] if isinstance(value, list) else value


async def change(api, mutation, given):
    """Send a change of the ledger and return its payload; its entry is under ``entry``."""
    title = mutation[0].upper() + mutation[1:]
    own = OUTCOMES
    if mutation in ENTRIES:
        own = f"entry: {ENTRIES[mutation]} {{ {ENTRY} }} position {{ {POSITION} }}"
    answer = await api.data(
        f"mutation($input: {title}Input!) {{ {mutation}(input: $input) {{ replayed {ERRORS} {own} "
        f"portfolio {{ id version cash {MONEY} }} preview {{ {PREVIEW} }} }} }}",
        {"input": given},
    )
    return flat(answer[mutation])


class Ledger:
    """One portfolio of the signed-in user."""

    def __init__(self, api, key):
        self.api = api
        self.key = key

    @classmethod
    async def create(cls, api, name="Main", **terms):
        answer = await api.data(
            "mutation($input: CreatePortfolioInput!) { createPortfolio(input: $input) "
            f"{{ portfolio {{ id }} {ERRORS} }} }}",
            {"input": {"name": name} | terms},
        )
        assert answer["createPortfolio"]["userErrors"] == []
        return cls(api, answer["createPortfolio"]["portfolio"]["id"])

    async def try_to(self, mutation, *, day="2024-03-01", **fields):
        """Send a booking that may be refused."""
        own = {"fromPortfolioId" if mutation.startswith("transfer") else "portfolioId": self.key}
        if mutation in ENTRIES:
            own["occurredAt"] = f"{day}T15:00:00Z"
        return await change(self.api, mutation, own | fields)

    async def record(self, mutation, **fields):
        """Send a booking that is good."""
        done = await self.try_to(mutation, **fields)
        assert done["userErrors"] == [], done["userErrors"]
        return done

    async def trade(self, side, quantity, price, symbol="AAPL", **fields):
        given = {"side": side, "quantity": quantity, "price": price, "symbol": symbol}
        return await self.record("recordTrade", **given | fields)

    async def refused(self, mutation, **fields):
        """Send a booking that is wrong; return what is wrong by code and field."""
        done = await self.try_to(mutation, **fields)
        return [(error["code"], ".".join(error["field"] or ())) for error in done["userErrors"]]

    async def change_terms(self, mutation="updatePortfolio", **terms):
        """Change the portfolio itself; return what is wrong by code and field."""
        title = mutation[0].upper() + mutation[1:]
        answer = await self.api.data(
            f"mutation($input: {title}Input!) {{ {mutation}(input: $input) {{ {ERRORS} }} }}",
            {"input": {"portfolioId": self.key} | terms},
        )
        errors = answer[mutation]["userErrors"]
        return [(error["code"], ".".join(error["field"] or ())) for error in errors]

    async def see(self, fields):
        """Read fields of the portfolio."""
        answer = await self.api.data(
            f"query($id: ID!) {{ viewer {{ portfolio(id: $id) {{ {fields} }} }} }}",
            {"id": self.key},
        )
        return flat(answer["viewer"]["portfolio"])

    async def overview(self):
        return (await self.see(f"overview {{ {OVERVIEW} }}"))["overview"]

    async def position(self, symbol="AAPL", fields=POSITION):
        """Read one position, closed or not."""
        found = await self.see(f"positions(includeClosed: true) {{ symbol {fields} }}")
        (position,) = [one for one in found["positions"] if one["symbol"] == symbol]
        return position

    async def lots(self, symbol="AAPL"):
        """Read a position's lots in short: day, units, cost."""
        return [in_short(lot) for lot in (await self.position(symbol))["lots"]]


def in_short(lot):
    """Return a lot's day, units and cost."""
    return (lot["openedAt"][:10], lot["quantity"], lot["cost"])


async def combined(api, fields):
    """Read fields of all portfolios as one."""
    return flat((await api.data(f"{{ viewer {{ combined {{ {fields} }} }} }}"))["viewer"])[
        "combined"
    ]


async def correct(api, mutation, key, **fields):
    """Send a change of one entry that is good."""
    done = await change(api, mutation, {"id": key} | fields)
    assert done["userErrors"] == []
    return done


async def corrections_refused(api, mutation, key, **fields):
    """Send a change of one entry that is wrong; return what is wrong by code and field."""
    done = await change(api, mutation, {"id": key} | fields)
    return [(error["code"], ".".join(error["field"] or ())) for error in done["userErrors"]]


def _at(day, kind, **fields):
    return {"kind": kind, "occurredAt": f"2024-{day}T15:00:00Z"} | fields


ALL_SORTS = (
    _at("01-02", "OPENING_BALANCE", amount="50000"),
    _at(
        "01-02",
        "OPENING_BALANCE",
        symbol="AAPL",
        quantity="10",
        amount="1000",
        acquiredAt="2020-01-02T00:00:00Z",
    ),
    _at("01-03", "DEPOSIT", amount="5000", currency="EUR", fee="1.5", note='a "first", and\nlast'),
    _at(
        "01-04",
        "BUY",
        symbol="AAPL",
        quantity="10",
        price="120.123456",
        fee="1.11",
        feeCurrency="CHF",
        feeExchangeRate="1.17",
        externalId="aapl-2",
    ),
    _at(
        "01-05",
        "BUY",
        symbol="SAP.DE",
        quantity="7",
        price="142.1",
        exchangeRate="1.0921",
        settlementCurrency="USD",
    ),
    _at("01-08", "BUY", symbol="VOD.L", quantity="1000", price="75", currency="GBp"),
    _at("01-09", "BUY", symbol="AAPL", quantity="3", price="90.5", currency="EUR", tax="0.77"),
    _at("02-02", "SHORT", symbol="MSFT", quantity="5", price="400", fee="1"),
    _at("02-05", "COVER", symbol="MSFT", quantity="2", price="390", fee="1"),
    _at("02-06", "DIVIDEND", symbol="SAP.DE", amount="12.34", tax="3.21"),
    _at("02-06", "DIVIDEND_REINVESTED", symbol="AAPL", amount="9", tax="1", quantity="0.051234567"),
    _at("02-06", "DIVIDEND_IN_KIND", symbol="AAPL", amount="15", quantity="0.1"),
    _at("02-07", "INTEREST", amount="3.33"),
    _at("02-07", "INTEREST_PAID", amount="1.11", currency="EUR"),
    _at("02-07", "WITHDRAWAL", amount="100"),
    _at("02-08", "EXCHANGE_OUT", amount="100", currency="EUR", fee="1"),
    _at("02-08", "EXCHANGE_IN", amount="105"),
    _at("02-07", "FEE", amount="4", symbol="AAPL"),
    _at("02-07", "FEE_REFUND", amount="1"),
    _at("02-07", "TAX", amount="2.5", currency="GBP", exchangeRate="1.26"),
    _at("02-07", "TAX_REFUND", amount="0.5"),
    _at(
        "02-12",
        "DELIVERY_IN",
        symbol="KO",
        quantity="31",
        price="55",
        fee="3",
        acquiredAt="2021-06-07T08:09:10Z",
    ),
    _at("02-12", "DELIVERY_OUT", symbol="KO", quantity="3"),
    _at("02-12", "DELIVERY_OUT", symbol="KO", quantity="2", amount="130"),
    _at("02-13", "SPLIT", symbol="AAPL", newUnits="3", oldUnits="2", amount="5"),
    _at(
        "02-14",
        "SPIN_OFF",
        symbol="AAPL",
        relatedSymbol="SPUN",
        newUnits="1",
        oldUnits="3",
        costShare="0.1",
        amount="7",
    ),
    _at("02-15", "SYMBOL_CHANGE", symbol="VOD.L", relatedSymbol="VODA.L"),
    _at(
        "02-16",
        "MERGER",
        symbol="KO",
        relatedSymbol="PEP",
        newUnits="0.7",
        costShare="0.2",
        amount="100",
    ),
    _at("02-20", "RETURN_OF_CAPITAL", symbol="SAP.DE", amount="33"),
)


async def all_sorts(api, **terms):
    """Return a ledger with every kind of entry, tied to another one by transfers."""
    ledger = await Ledger.create(api, "All sorts", **terms)
    away = await Ledger.create(api, "Away", baseCurrency="EUR")
    await ledger.record("recordTransactions", transactions=ALL_SORTS)
    newest = (await ledger.position())["lots"][-1]["openedById"]
    chosen = [{"openedById": newest, "quantity": "0.05"}]
    await ledger.trade("SELL", "7.77", "151.5", fee="1", lots=chosen, day="2024-02-21")
    await away.trade("BUY", "5", "150", "SAP.DE", fee="2", day="2024-02-22")
    opener = (await away.position("SAP.DE"))["lots"][0]["openedById"]
    await away.trade("BUY", "5", "160", "SAP.DE", day="2024-02-23")
    await away.record(
        "transferUnits",
        toPortfolioId=ledger.key,
        symbol="SAP.DE",
        quantity="8",
        day="2024-02-26",
    )
    await ledger.record(
        "transferUnits", toPortfolioId=away.key, symbol="AAPL", quantity="4.5", day="2024-02-27"
    )
    await ledger.record("transferCash", toPortfolioId=away.key, amount="12.5", day="2024-02-27")
    await away.record("transferCash", toPortfolioId=ledger.key, amount="2.5", day="2024-02-28")
    chosen = [{"openedById": opener, "quantity": "1"}]
    await ledger.trade("SELL", "9", "170", "SAP.DE", lots=chosen, day="2024-02-29")
    voided = await ledger.record("recordCharge", kind="FEE", amount="99")
    await correct(api, "voidTransaction", voided["entry"]["id"])
    return ledger
