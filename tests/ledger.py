"""Books into ledgers through the graph, and reads what came of it."""

ENTRIES = {
    "recordTrade": "trade",
    "recordIncome": "income",
    "recordCashTransfer": "cashTransfer",
    "recordCharge": "charge",
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
        assert done["userErrors"] == []
        return done

    async def trade(self, side, quantity, price, symbol="AAPL", **fields):
        given = {"side": side, "quantity": quantity, "price": price, "symbol": symbol}
        return await self.record("recordTrade", **given | fields)

    async def refused(self, mutation, **fields):
        """Send a booking that is wrong; return what is wrong by code and field."""
        done = await self.try_to(mutation, **fields)
        return [(error["code"], ".".join(error["field"] or ())) for error in done["userErrors"]]

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
