"""What the graph tells of providers and of how a price was come by."""

STATUSES = """{ providerStatuses {
    name kinds usable breaker probesAt calls lastError budgets { callsLeft } lastSuccessAt
} }"""


async def test_the_state_of_each_provider_is_told_without_asking_it(demo):
    before = demo.services.market.calls.copy()
    statuses = (await demo.data(STATUSES))["providerStatuses"]
    assert demo.services.market.calls == before
    assert [status["name"] for status in statuses] == ["simulated", "ecb_file"]
    simulated, _ = statuses
    assert simulated["kinds"] == ["QUOTES", "PROFILES", "BARS", "SEARCH"]
    assert (simulated["usable"], simulated["breaker"], simulated["lastError"]) == (
        True,
        "CLOSED",
        None,
    )


async def test_strangers_learn_nothing_of_providers(api):
    answer = await api.ask(STATUSES)
    assert answer["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_a_price_tells_on_request_who_was_asked_for_it(demo):
    answer = await demo.data(
        """{ instrument(symbol: "AAPL") { quoteAttempts { provider outcome }
             quote { doubt { doubt } attempts { provider outcome detail attemptedAt } } } }"""
    )
    quote = answer["instrument"]["quote"]
    assert quote["doubt"] is None
    assert quote["attempts"] == [
        {
            "provider": "simulated",
            "outcome": "ANSWERED",
            "detail": None,
            "attemptedAt": "2024-06-14T15:00:00Z",
        }
    ]
    assert answer["instrument"]["quoteAttempts"] == [
        {"provider": "simulated", "outcome": "ANSWERED"}
    ]
