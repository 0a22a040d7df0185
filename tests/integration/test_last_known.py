"""The database's memory of market data, on SQLite and PostgreSQL."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from datasources.providers.ecb import Ecb
from datasources.providers.simulated import Simulated
from models.market import (
    Attempt,
    Bar,
    CloseQuestion,
    Doubt,
    EuroRate,
    Outcome,
    PriceDoubt,
    RateQuestion,
)
from services.last_known import StoredMarket
from tests.conftest import NOW

FRIDAY = date(2024, 6, 7)


async def test_quotes_and_profiles_come_back_as_they_were(database):
    stored, source = StoredMarket(database), Simulated(clock=lambda: NOW)
    quotes, profiles = await source.quotes(["AAPL", "SAP.DE"]), await source.profiles(["AAPL"])
    await stored.remember(quotes=quotes.values(), profiles=profiles.values())
    assert await stored.quotes(["AAPL", "SAP.DE", "MSFT"]) == quotes
    assert await stored.profiles(["AAPL", "MSFT"]) == profiles


async def test_a_name_that_the_database_cannot_hold_keeps_nothing_from_it(database):
    stored = StoredMarket(database)
    (profile,) = (await Simulated(clock=lambda: NOW).profiles(["AAPL"])).values()
    await stored.remember(profiles=[replace(profile, name="App\0le")])
    assert (await stored.profiles(["AAPL"]))["AAPL"].name == "Apple"


async def test_a_newer_quote_takes_the_place_of_the_older(database):
    stored = StoredMarket(database)
    (quote,) = (await Simulated(clock=lambda: NOW).quotes(["AAPL"])).values()
    newer = replace(quote, price=Decimal("1.23"), as_of=datetime(2024, 6, 15, tzinfo=UTC))
    await stored.remember(quotes=[quote])
    await stored.remember(quotes=[newer])
    assert await stored.quotes(["AAPL"]) == {"AAPL": newer}


async def test_how_a_price_was_found_and_doubted_is_not_kept(database):
    stored = StoredMarket(database)
    (quote,) = (await Simulated(clock=lambda: NOW).quotes(["AAPL"])).values()
    attempt = Attempt(provider="test", outcome=Outcome.ANSWERED, at=NOW, milliseconds=12)
    doubt = PriceDoubt(
        doubt=Doubt.JUMP,
        rejected=False,
        price=quote.price,
        source="test",
        against=Decimal(1),
        against_source="other",
        against_as_of=NOW,
    )
    await stored.remember(quotes=[replace(quote, attempts=(attempt,), doubt=doubt)])
    assert await stored.quotes(["AAPL"]) == {"AAPL": quote}


async def test_a_close_answers_for_later_days_and_never_for_earlier_ones(database):
    stored = StoredMarket(database)
    bars = await Simulated(clock=lambda: NOW).bars("AAPL", first=FRIDAY, last=FRIDAY)
    await stored.remember(bars=bars)
    sunday, thursday = (CloseQuestion(symbol="AAPL", day=date(2024, 6, day)) for day in (9, 6))
    assert await stored.closes([sunday, thursday]) == {sunday: bars[0]}


async def test_thousands_of_closes_are_answered_at_once(database):
    stored = StoredMarket(database)
    first = date(2019, 1, 1)
    days = [first + timedelta(days=number) for number in range(2001)]
    # A close of every second day: 100 on the first, one more each time.
    bars = [
        Bar(symbol="A", day=day, close=Decimal(100 + number), currency="USD", source="test")
        for number, day in enumerate(days[::2])
    ]
    await stored.remember(bars=bars)
    found = await stored.closes([CloseQuestion(symbol="A", day=day) for day in days])
    assert [bar.close for bar in found.values()] == [100 + number // 2 for number in range(2001)]


async def test_rates_cross_as_the_source_has_them_and_not_beyond_a_week(database):
    stored = StoredMarket(database)
    question = RateQuestion(base="USD", target="JPY", day=date(2022, 12, 28))
    rate = (await Ecb().rates([question]))[question]
    await stored.remember(rates=rate.legs)
    within, beyond, before = (
        replace(question, day=day)
        for day in (date(2023, 1, 4), date(2023, 1, 5), date(2022, 12, 27))
    )
    found = await stored.rates([question, within, beyond, before])
    assert {asked: (one.value, one.day) for asked, one in found.items()} == {
        question: (rate.value, date(2022, 12, 28)),
        within: (rate.value, date(2022, 12, 28)),
    }


async def test_vendors_that_take_turns_to_tell_the_same_rate_draw_no_version(database):
    stored = StoredMarket(database)
    rate = EuroRate(currency="USD", day=FRIDAY, value=Decimal("1.0890"), source="one")
    await stored.remember(rates=[rate])
    versions = await stored.rate_versions(["USD", "GBP"])
    assert (versions["USD"] != 0, versions["GBP"]) == (True, 0)
    before = database.statements
    for source, value in (("two", "1.0890"), ("one", "1.089"), ("two", "1.08900")):
        await stored.remember(rates=[replace(rate, source=source, value=Decimal(value))])
        assert await stored.rate_versions(["USD", "GBP"]) == versions
    assert database.statements - before == 2 * 3  # what is stored, and the versions
    await stored.remember(rates=[replace(rate, source="two", value=Decimal("1.0891"))])
    assert (await stored.rate_versions(["USD"]))["USD"] not in (0, versions["USD"])
    found = await stored.euro_rates(["USD"], first=FRIDAY, last=FRIDAY)
    assert [(one.value, one.source) for one in found["USD"]] == [(Decimal("1.0891"), "two")]


async def test_stored_rates_come_in_the_order_of_their_days_and_of_the_span_alone(database):
    stored = StoredMarket(database)
    days = [FRIDAY + timedelta(days=number) for number in (3, 0, 2, 1)]
    rates = [
        EuroRate(currency=currency, day=day, value=Decimal(2), source="test")
        for day in days
        for currency in ("USD", "GBP", "CHF")
    ]
    await stored.remember(rates=rates)
    found = await stored.euro_rates(["USD", "GBP"], first=FRIDAY, last=FRIDAY + timedelta(days=2))
    assert {one: [rate.day.day for rate in some] for one, some in found.items()} == {
        "USD": [7, 8, 9],
        "GBP": [7, 8, 9],
    }


async def test_an_answer_of_the_market_is_kept_across_a_restart(api):
    await api.services.market.quotes(["AAPL"])
    await api.services.market.flush()
    assert list(await StoredMarket(api.services.database).quotes(["AAPL"])) == ["AAPL"]


async def test_no_secret_reaches_a_log(demo, capfd):
    token = demo.headers["authorization"].removeprefix("Bearer ")
    await demo.ask(
        "mutation($input: SignInInput!) { signIn(input: $input) { session { accessToken } } }",
        {"input": {"username": "demo", "password": "demo123"}},
    )
    await demo.ask("{ nope }")
    await demo.ask("{ viewer { username } }")
    logged = "".join(capfd.readouterr())
    assert "/graphql" in logged
    assert token not in logged
    assert "demo123" not in logged
    assert "eyJ" not in logged
