"""The engine answers as graphql-core does: documents, data and faults made up at random."""

import asyncio
import os
from copy import copy

import pytest

from gateway.engine import compiled_executor
from gateway.schema import batch_resolver_of
from tests.nasty import Context, World
from tests.writing import answer, nulled, questions

COUNT = int(os.environ.get("TEST_DOCUMENTS", "400"))
SEED = int(os.environ.get("TEST_SEED", "0"))
EACH = 50
"""Documents asked of one world."""
WORLDS = max(1, COUNT // EACH)
SCALARS = {"Odd": (1, 3), "Date": ("2024-02-03",), "Decimal": ("1.5",)}

# graphql-core itself leaves promises behind when an error makes their place null
pytestmark = [
    pytest.mark.filterwarnings(
        "ignore:.*never awaited", "ignore::pytest.PytestUnraisableExceptionWarning"
    ),
    pytest.mark.timeout(3600),
]


def compiled(schema):
    chosen = copy(schema)
    chosen.execution_context_class = compiled_executor(batch_resolver_of)
    return chosen


def ask(schema, question, world):
    return answer(schema, question, context=Context(), root=world.root(question))


def places(answered):
    return {place for place, _ in nulled(*answered)}


def asked(core, count, seed):
    roots = [core.query_type, core.query_type, core.mutation_type]
    return questions(core, count, seed=seed, scalars=SCALARS, roots=roots, depth=4)


@pytest.mark.parametrize("seed", range(SEED, SEED + WORLDS))
async def test_the_nasty_schema_gets_the_same_answers_as_from_graphql_core(seed):
    waiting, still = World(seed, waiting=True), World(seed, waiting=False)
    engine, still_engine = compiled(waiting.schema), compiled(still.schema)
    faults = 0
    for question in asked(still.schema._schema, EACH, seed):
        expected = await ask(still.schema, question, still)
        assert await ask(still_engine, question, still) == expected, question
        assert await ask(engine, question, waiting) == expected, question
        assert waiting.running == 0
        assert asyncio.all_tasks() == {asyncio.current_task()}
        waited = await ask(waiting.schema, question, waiting)
        assert waited[0] == expected[0]
        assert places(waited) == places(expected)
        faults += len(expected[1])
    assert set(engine.execution_context_class.plans.outcomes) == {"compiled"}
    assert faults > EACH / 5


@pytest.mark.parametrize("seed", range(SEED, SEED + max(1, WORLDS // 4)))
async def test_a_client_that_goes_away_takes_all_of_its_tasks_along(seed):
    world = World(seed, waiting=True)
    engine = compiled(world.schema)
    cancelled = 0
    for number, question in enumerate(asked(world.schema._schema, EACH, seed)):
        task = asyncio.create_task(ask(engine, question, world))
        for _ in range(number % 9):
            await asyncio.sleep(0)
        task.cancel()
        (outcome,) = await asyncio.gather(task, return_exceptions=True)
        cancelled += isinstance(outcome, asyncio.CancelledError)
        assert world.running == 0
        assert asyncio.all_tasks() == {asyncio.current_task()}
    assert cancelled > EACH / 3
