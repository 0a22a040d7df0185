"""Targets through the graph: set, replaced and cleared, and how far off them portfolios are."""

import pytest

from tests.people import another, person, send, share, token_of, wrong

PRICES = """date,symbol,close,currency
2024-06-13,ACME,60,USD
2024-06-13,BETA,25,USD
"""
RATES = "Date,USD\n2024-03-01,1.25\n2024-06-13,1.25\n2024-06-14,1.25\n"
# 10 ACME are 600, 8 BETA are 200, and 200 are cash: 1,000 in all.
SHOWN = "by classification rest tolerance weights { key label weight }"
DRIFT = """rest tolerance isWithinTolerance
  slices { kind key label weight target drift amount { amount } isWithinTolerance }"""
ASK = f"""query($by: AllocationDimension!, $targets: [TargetWeightInput!], $tolerance: Ratio) {{
  viewer {{ portfolios {{ allocationTargets {{ {SHOWN} }}
    allocation(by: $by) {{ drift(targets: $targets, tolerance: $tolerance) {{ {DRIFT} }} }} }} }} }}"""


@pytest.fixture
async def api(open_market, books):
    started = await open_market(prices=PRICES, rates=RATES)
    ledger = started.books = books(started)
    started.main = await ledger.portfolio("Main", baseCurrency="USD")
    day = "2024-03-01"
    await ledger.record("recordCashTransfer", started.main, day, direction="DEPOSIT", amount="1000")
    for symbol, quantity, price in (("ACME", "10", "60"), ("BETA", "8", "25")):
        await ledger.record(
            "recordTrade",
            started.main,
            day,
            symbol=symbol,
            side="BUY",
            quantity=quantity,
            price=price,
        )
    return started


def targets(**weights):
    return [{"key": key, "weight": weight} for key, weight in weights.items()]


async def put(api, by="INSTRUMENT", whose="main", **given):
    place = {"portfolioId": api.main} if whose == "main" else {}
    return await send(
        api, "setAllocationTargets", place | {"by": by} | given, f"replayed targets {{ {SHOWN} }}"
    )


async def asked(api, by="INSTRUMENT", **variables):
    answer = await api.data(ASK, {"by": by} | variables)
    return answer["viewer"]["portfolios"][0]


async def drift(api, by="INSTRUMENT", **variables):
    return (await asked(api, by, **variables))["allocation"]["drift"]


async def test_drift_is_the_weight_less_the_target_and_cash_has_the_rest(api):
    done = await put(api, targets=targets(ACME=0.5, GOLD=0.2), tolerance=0.1)
    assert done["userErrors"] == []
    found = await drift(api)
    assert (found["rest"], found["tolerance"], found["isWithinTolerance"]) == (0.3, 0.1, False)
    assert [
        (one["key"] or one["kind"], one["weight"], one["target"], one["drift"])
        for one in found["slices"]
    ] == [
        ("BETA", 0.2, 0, 0.2),
        ("GOLD", 0, 0.2, -0.2),
        ("ACME", 0.6, 0.5, 0.1),
        ("CASH", 0.2, 0.3, -0.1),
    ]
    assert [one["amount"]["amount"] for one in found["slices"]] == ["-200", "200", "-100", "100"]
    assert [one["isWithinTolerance"] for one in found["slices"]] == [False, False, True, True]


async def test_targets_that_are_given_count_before_those_that_are_kept(api):
    assert await drift(api) is None
    await put(api, targets=targets(ACME=1))
    found = await drift(api, targets=targets(ACME=0.6, BETA=0.2))
    assert (found["isWithinTolerance"], found["tolerance"]) == (True, 0.05)
    assert {one["drift"] for one in found["slices"]} == {0}


async def test_targets_are_replaced_and_cleared_by_dimension(api):
    await put(api, targets=targets(ACME=0.5))
    await put(api, "CURRENCY", targets=targets(USD=0.6, EUR=0.4), tolerance=0.02)
    await put(api, targets=targets(BETA=0.25, ACME=0.333333333333))
    assert (await asked(api))["allocationTargets"] == [
        {
            "by": "CURRENCY",
            "classification": None,
            "rest": 0,
            "tolerance": 0.02,
            "weights": [
                {"key": "EUR", "label": "EUR", "weight": 0.4},
                {"key": "USD", "label": "USD", "weight": 0.6},
            ],
        },
        {
            "by": "INSTRUMENT",
            "classification": None,
            "rest": 0.416666666667,
            "tolerance": 0.05,
            "weights": [
                {"key": "ACME", "label": "ACME", "weight": 0.333333333333},
                {"key": "BETA", "label": "BETA", "weight": 0.25},
            ],
        },
    ]
    cleared = await put(api, targets=[])
    assert [one["by"] for one in cleared["targets"]] == ["CURRENCY"]
    assert await drift(api) is None
    in_currency = await drift(api, "CURRENCY")
    assert {one["key"]: one["drift"] for one in in_currency["slices"]} == {"USD": 0.4, "EUR": -0.4}


async def test_binary_fractions_of_a_whole_are_the_whole(api):
    sixths = {f"X{place}": 1 / 6 for place in range(6)}
    for weights in (sixths, {"ACME": 0.1 + 0.2, "BETA": 0.7}, {"ACME": 1 / 3, "BETA": 2 / 3}):
        done = await put(api, targets=targets(**weights))
        assert done["userErrors"] == []
        assert done["targets"][0]["rest"] == 0
        found = {one["key"]: one["weight"] for one in done["targets"][0]["weights"]}
        assert found == pytest.approx(weights, abs=1e-9)


async def test_by_asset_class_what_has_no_target_is_too_much(api):
    found = await drift(api, "ASSET_CLASS", targets=targets(BOND=0.8))
    assert {one["label"]: one["drift"] for one in found["slices"]} == {
        "Bond": -0.8,
        "Equity": 0.8,
        "Cash": 0,
    }


async def test_targets_of_all_together_are_their_own(api):
    query = f"{{ viewer {{ combined {{ allocationTargets {{ {SHOWN} }} "
    query += f'allocation(by: INSTRUMENT, currency: "USD") {{ drift {{ {DRIFT} }} }} }} }} }}'
    await put(api, targets=targets(ACME=0.1))
    combined = (await api.data(query))["viewer"]["combined"]
    assert combined == {"allocationTargets": [], "allocation": {"drift": None}}
    await put(api, whose="all", targets=targets(ACME=0.9))
    combined = (await api.data(query))["viewer"]["combined"]
    assert combined["allocationTargets"][0]["weights"][0]["weight"] == 0.9
    by_key = {one["key"]: one["drift"] for one in combined["allocation"]["drift"]["slices"]}
    assert by_key == {"ACME": -0.3, "BETA": 0.2, None: 0.1}
    assert (await asked(api))["allocationTargets"][0]["weights"][0]["weight"] == 0.1
    await put(api, whose="all", targets=targets(ACME=0.8))
    combined = (await api.data(query))["viewer"]["combined"]
    assert len(combined["allocationTargets"]) == 1


async def test_targets_that_name_a_tag_go_with_the_tag(api):
    made = [await send(api, "createTag", {"name": name}, "tag { id }") for name in ("Core", "Play")]
    core, play = (one["tag"]["id"] for one in made)
    for tag, symbol in ((core, "ACME"), (play, "BETA")):
        await send(api, "tagInstrument", {"tagId": tag, "symbol": symbol})
    both = [{"key": core, "weight": 0.5}, {"key": play, "weight": 0.4}]
    done = await put(api, "TAG", targets=both)
    assert [(one["key"], one["label"]) for one in done["targets"][0]["weights"]] == [
        (core, "Core"),
        (play, "Play"),
    ]
    found = await drift(api, "TAG")
    assert {one["label"]: one["drift"] for one in found["slices"]} == {
        "Core": 0.1,
        "Play": -0.2,
        "Cash": 0.1,
    }
    await put(api, targets=targets(ACME=0.5))
    await send(api, "deleteTag", {"tagId": play})
    (left,) = (await asked(api))["allocationTargets"]
    assert left["by"] == "INSTRUMENT"
    assert wrong(await put(api, "TAG", targets=both)) == [("NOT_FOUND", "targets.1.key")]
    assert wrong(await put(api, "TAG", classification="Risk", targets=both[:1])) == [
        ("NOT_FOUND", "targets.0.key")
    ]


@pytest.mark.parametrize(
    ("by", "given", "expected"),
    [
        ("INSTRUMENT", targets(ACME=0.7, BETA=0.4), [("OUT_OF_RANGE", "targets")]),
        ("INSTRUMENT", targets(ACME=-0.1), [("OUT_OF_RANGE", "targets.0.weight")]),
        ("INSTRUMENT", targets(ACME=0.1, BETA=1.5), [("OUT_OF_RANGE", "targets.1.weight")]),
        ("INSTRUMENT", targets(ACME=0.1, acme=0.1), [("INVALID", "targets.1.key")]),
        ("INSTRUMENT", [{"key": "?!", "weight": 0.1}], [("INVALID", "targets.0.key")]),
        ("INSTRUMENT", targets(ACME=1e-20), [("OUT_OF_RANGE", "targets.0.weight")]),
        ("ASSET_CLASS", targets(SHARES=0.1), [("INVALID", "targets.0.key")]),
        ("CURRENCY", targets(USD=0.5), [("OUT_OF_RANGE", "targets")]),
        ("CURRENCY", targets(DOLLAR=1), [("INVALID", "targets.0.key")]),
        ("SECTOR", [{"key": " ", "weight": 0.1}], [("INVALID", "targets.0.key")]),
        ("TAG", targets(nonsense=0.1), [("INVALID", "targets.0.key")]),
        (
            "COUNTRY",
            [{"key": f"C{place}", "weight": 0} for place in range(101)],
            [("OUT_OF_RANGE", "targets")],
        ),
    ],
)
async def test_targets_that_make_no_sense_are_refused(api, by, given, expected):
    await put(api, by="EXCHANGE", targets=targets(Xetra=0.5))
    before = await asked(api)
    assert wrong(await put(api, by, targets=given)) == expected
    assert await asked(api) == before
    answer = await api.ask(ASK, {"by": by, "targets": given})
    assert answer["errors"][0]["message"].startswith(f"`{expected[0][1]}`: ")
    assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_what_is_no_tag_is_told_by_its_name(api):
    for key in ("AAPL", "7"):
        (error,) = (await put(api, "TAG", targets=[{"key": key, "weight": 1}]))["userErrors"]
        assert error["message"] == f"'{key}' names nothing by TAG: write the id of one of the tags."


async def test_a_tolerance_is_a_fraction_and_goes_with_its_targets(api):
    assert wrong(await put(api, targets=[], tolerance=2)) == [("OUT_OF_RANGE", "tolerance")]
    answer = await api.ask(ASK, {"by": "SECTOR", "tolerance": 0.1})
    assert "goes with `targets`" in answer["errors"][0]["message"]
    answer = await api.ask(ASK, {"by": "SECTOR", "targets": [], "tolerance": "a lot"})
    assert "write it as a number" in answer["errors"][0]["message"]


async def test_whose_weights_are_not_known_is_not_judged(api):
    await api.books.record(
        "recordCashTransfer", api.main, "2024-06-13", direction="WITHDRAWAL", amount="2000"
    )
    found = await drift(api, targets=targets(ACME=1))
    assert (found["slices"], found["isWithinTolerance"]) == ([], None)


async def test_editors_set_targets_and_viewers_do_not(api):
    bob, cid = [await person(api, name) for name in ("bob", "cid")]
    await share(api, api.main, "bob", "VIEWER")
    await share(api, api.main, "cid", "EDITOR")
    bob.main = cid.main = api.main
    assert wrong(await put(bob, targets=targets(ACME=1))) == [("NOT_FOUND", "portfolioId")]
    assert wrong(await put(cid, targets=targets(ACME=1))) == []
    assert (await asked(api))["allocationTargets"][0]["rest"] == 0
    _, secret = await token_of(api, "READ")
    reader = another(api, token=secret)
    answer = await reader.ask(
        "mutation { setAllocationTargets(input: {by: SECTOR, targets: []}) { replayed } }"
    )
    assert answer["errors"][0]["extensions"] == {"code": "FORBIDDEN", "scope": "TRADE"}


async def test_a_repeat_with_the_same_key_answers_alike(api):
    given = {"targets": targets(ACME=0.5), "idempotencyKey": "k"}
    first, again = await put(api, **given), await put(api, **given)
    assert (first["replayed"], again["replayed"]) == (False, True)
    assert again["targets"] == first["targets"]
    everything = {"whose": "all"} | given | {"idempotencyKey": "l"}
    assert [(await put(api, **everything))["replayed"] for _ in "ab"] == [False, True]
