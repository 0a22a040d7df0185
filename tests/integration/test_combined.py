"""All portfolios as one: lots across them, one currency, corporate actions where they were booked."""

import pytest

TRADE = """mutation($input: RecordTradeInput!) { recordTrade(input: $input) {
  userErrors { code message field } } }"""
ACTION = """mutation($input: RecordCorporateActionInput!) { recordCorporateAction(input: $input) {
  userErrors { code message field } } }"""
CASH = """mutation($input: RecordCashTransferInput!) { recordCashTransfer(input: $input) {
  userErrors { code message field } } }"""
COMBINED = """{ viewer { combined {
  positions { symbol quantity costBasis { amount } lots { quantity cost { amount } } }
  overview { value { amount } cash { amount } netContributions { amount } totalGain { amount }
             issues { reason } } } } }"""


@pytest.fixture
async def ann(api):
    """A signed-in user of US dollars with two portfolios, whose ids are ``one`` and ``two``."""
    await api.sign_up("ann")
    ids = []
    for name in ("One", "Two"):
        made = await api.data(
            "mutation($input: CreatePortfolioInput!) "
            "{ createPortfolio(input: $input) { portfolio { id } } }",
            {"input": {"name": name}},
        )
        ids.append(made["createPortfolio"]["portfolio"]["id"])
    api.one, api.two = ids
    return api


async def done(api, mutation, **given):
    answer = await api.data(mutation, {"input": given})
    (payload,) = answer.values()
    assert payload["userErrors"] == []


async def buys(api, portfolio_id, *, day, price, quantity="10", side="BUY", symbol="AAPL"):
    await done(
        api,
        TRADE,
        portfolioId=portfolio_id,
        symbol=symbol,
        side=side,
        quantity=quantity,
        price=price,
        occurredAt=f"2024-03-{day:02}T15:00:00Z",
    )


async def splits(api, portfolio_id, *, day):
    await done(
        api,
        ACTION,
        portfolioId=portfolio_id,
        kind="SPLIT",
        symbol="AAPL",
        newUnits="4",
        occurredAt=f"2024-04-{day:02}T09:00:00Z",
    )


async def held(api):
    answer = await api.data(COMBINED)
    (position,) = answer["viewer"]["combined"]["positions"]
    return (
        position["quantity"],
        position["costBasis"]["amount"],
        [(lot["quantity"], lot["cost"]["amount"]) for lot in position["lots"]],
    )


async def test_a_split_that_both_portfolios_book_counts_once_for_each(ann):
    await buys(ann, ann.one, day=1, price="100")
    await buys(ann, ann.two, day=2, price="110")
    await splits(ann, ann.one, day=5)
    await splits(ann, ann.two, day=7)  # another broker, other days
    assert await held(ann) == ("80", "2100", [("40", "1000"), ("40", "1100")])


async def test_a_split_that_one_portfolio_books_leaves_the_other_s_units_alone(ann):
    await buys(ann, ann.one, day=1, price="100")
    await buys(ann, ann.two, day=2, price="110")
    await splits(ann, ann.one, day=5)
    assert await held(ann) == ("50", "2100", [("40", "1000"), ("10", "1100")])


async def test_a_sale_takes_the_oldest_lot_of_all_and_each_portfolio_keeps_its_number(ann):
    # Two sells 4 of the 10 it bought; across both, One's older lot is what goes first.
    await buys(ann, ann.one, day=1, price="100")
    await buys(ann, ann.two, day=2, price="110")
    await buys(ann, ann.two, day=3, price="120", quantity="4", side="SELL")
    assert await held(ann) == ("16", "1700", [("6", "600"), ("10", "1100")])
    # One still holds 10 units: 6 of the older lot, 4 of the newer; Two holds 6 of the newer.
    await splits(ann, ann.one, day=5)
    assert await held(ann) == ("46", "1700", [("24", "600"), ("22", "1100")])
    await splits(ann, ann.two, day=7)
    assert (await held(ann))[:2] == ("64", "1700")


async def test_units_that_moved_between_portfolios_follow_the_one_that_holds_them(ann):
    await buys(ann, ann.one, day=1, price="100")
    await done(
        ann,
        "mutation($input: TransferUnitsInput!) "
        "{ transferUnits(input: $input) { userErrors { code message field } } }",
        fromPortfolioId=ann.one,
        toPortfolioId=ann.two,
        symbol="AAPL",
        quantity="3",
        occurredAt="2024-03-02T15:00:00Z",
    )
    await splits(ann, ann.two, day=5)
    assert (await held(ann))[:2] == ("19", "1000")  # 7 of One, 3 x 4 of Two


async def test_money_in_the_common_currency_is_not_converted_there_and_back(ann):
    # 1,000 dollars into a portfolio of euros, booked at 0.90: they are 1,000 dollars.
    made = await ann.data(
        'mutation { createPortfolio(input: {name: "Euro", baseCurrency: "EUR"}) '
        "{ portfolio { id } } }"
    )
    await done(
        ann,
        CASH,
        portfolioId=made["createPortfolio"]["portfolio"]["id"],
        direction="DEPOSIT",
        amount="1000",
        currency="USD",
        exchangeRate="0.90",
        occurredAt="2024-03-01T15:00:00Z",
    )
    answer = await ann.data(COMBINED)
    assert answer["viewer"]["combined"]["overview"] == {
        "value": {"amount": "1000"},
        "cash": {"amount": "1000"},
        "netContributions": {"amount": "1000"},
        "totalGain": {"amount": "0"},
        "issues": [],
    }
