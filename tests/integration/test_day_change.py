"""The day change: value now, less value at yesterday's end, less what came in from outside."""

from decimal import Decimal

import pytest

OVERVIEW = "{ viewer { portfolios { overview { dayChange { amount } } } } }"


@pytest.fixture
async def ann(api):
    """A signed-in user with 10 AAPL since March, bought with cash that was paid in for them."""
    await api.sign_up("ann")
    made = await api.data(
        'mutation { createPortfolio(input: {name: "Main"}) { portfolio { id } } }'
    )
    api.portfolio = made["createPortfolio"]["portfolio"]["id"]
    await api.data(
        "mutation($input: RecordTradeInput!) { recordTrade(input: $input) { trade { id } } }",
        {
            "input": {
                "portfolioId": api.portfolio,
                "symbol": "AAPL",
                "side": "BUY",
                "quantity": "10",
                "price": "100",
                "occurredAt": "2024-03-01T15:00:00Z",
            }
        },
    )
    return api


async def closes(api, *symbols):
    answer = await api.data(
        "query($symbols: [Symbol!]!) { instruments(symbols: $symbols) "
        "{ quote { price previousClose } } }",
        {"symbols": symbols},
    )
    quotes = [one["quote"] for one in answer["instruments"]]
    return [(Decimal(quote["price"]), Decimal(quote["previousClose"])) for quote in quotes]


async def act(api, **given):
    answer = await api.data(
        "mutation($input: RecordCorporateActionInput!) "
        "{ recordCorporateAction(input: $input) { userErrors { code message } } }",
        {
            "input": {
                "portfolioId": api.portfolio,
                "symbol": "AAPL",
                "occurredAt": "2024-06-14T09:00:00Z",
            }
            | given
        },
    )
    assert answer["recordCorporateAction"]["userErrors"] == []


async def day_change(api):
    answer = await api.data(OVERVIEW)
    return Decimal(answer["viewer"]["portfolios"][0]["overview"]["dayChange"]["amount"])


async def test_a_takeover_for_cash_changes_the_day_by_the_cash_over_yesterday_s_value(ann):
    ((_, before),) = await closes(ann, "AAPL")
    await act(ann, kind="MERGER", amount="2000")
    assert await day_change(ann) == 2000 - round(10 * before, 2)


async def test_units_that_a_spin_off_brought_were_not_there_yesterday(ann):
    await act(ann, kind="SPIN_OFF", relatedSymbol="KO", newUnits="1", oldUnits="2", costShare="0.2")
    (apple, apple_before), (coke, _) = await closes(ann, "AAPL", "KO")
    assert await day_change(ann) == round(10 * (apple - apple_before) + 5 * coke, 2)
