"""FolioQL's own schema over the demo's data: the engine answers as graphql-core does."""

import os

import pytest

from gateway.auth import context_for
from gateway.engine import selections
from gateway.schema import executed_by, schema
from tests.writing import answer, nulled, questions

COUNT = int(os.environ.get("TEST_DOCUMENTS", "60"))
SEED = int(os.environ.get("TEST_SEED", "5"))
SCALARS = {
    "Decimal": ("1.5", "0"),
    "Date": ("2024-01-05", "2023-06-01"),
    "DateTime": ("2024-02-01T00:00:00Z",),
    "Ratio": (0.5,),
    "CurrencyCode": ("USD", "EUR", "XXX"),
    "Symbol": ("AAPL", "SIMPLE", "NONE"),
    "Int": (1, 2, *[5] * 20, -1),
}
ARGUMENTS = {
    "text": ("AAPL", "s"),
    "from": ("2023-06-01",),
    "first": (1, 2, *[5] * 20, -1),
    "last": (2, 3, 4, 5),
    "to": ("2024-01-05",),
}


async def ask(chosen, question, api):
    context = await context_for(
        api.services, authorization=api.headers["authorization"], request_id="test"
    )
    return await answer(chosen, question, context=context)


# graphql-core itself leaves promises behind when an error makes their place null
@pytest.mark.filterwarnings(
    "ignore:.*never awaited", "ignore::pytest.PytestUnraisableExceptionWarning"
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # the engine sees no database
@pytest.mark.timeout(3600)
async def test_our_own_schema_gets_the_same_answers_from_both_engines(demo, monkeypatch):
    monkeypatch.setattr(selections, "WORTH_IT", 1)  # documents are asked once here
    engine = executed_by(schema, "compiled")
    known = await demo.data(
        "{ viewer { portfolios { id positions { id symbol } "
        "transactions(first: 3) { nodes { id } } } } }"
    )
    portfolios = known["viewer"]["portfolios"]
    ids = [one["id"] for one in portfolios]
    ids += [one["id"] for portfolio in portfolios for one in portfolio["positions"][:2]]
    ids += [one["id"] for portfolio in portfolios for one in portfolio["transactions"]["nodes"]]
    symbols = {one["symbol"] for portfolio in portfolios for one in portfolio["positions"]}
    scalars = SCALARS | {"ID": (*ids, "?"), "Symbol": (*sorted(symbols), "NONE")}
    more = {"depth": 7, "most": 6, "without": ("providerStatuses",), "arguments": ARGUMENTS}
    more["seldom"] = ("after", "before", "last")
    answered = 0
    for question in questions(schema._schema, COUNT, seed=SEED, scalars=scalars, **more):
        expected = await ask(schema, question, demo)
        found = await ask(engine, question, demo)
        assert found[0] == expected[0], question
        assert nulled(*found) == nulled(*expected), question
        answered += len(expected[0]) > 100
    assert answered > COUNT / 2
    assert set(engine.execution_context_class.plans.outcomes) == {"compiled"}
