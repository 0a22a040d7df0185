"""The engine answers as graphql-core does: documents, data and faults made up at random."""

import asyncio
import json
import os
from copy import copy

import pytest

from gateway.engine import compiled_executor
from gateway.schema import batch_resolver_of
from resolvers.batching import Batches
from tests.nasty import World
from tests.writing import nulled, questions

COUNT = int(os.environ.get("TEST_DOCUMENTS", "240"))
WORLDS = 8
SCALARS = {"Odd": (1, 3), "Date": ("2024-02-03",), "Decimal": ("1.5",)}


class Context:
    def __init__(self):
        self.batches = Batches()


def compiled(schema):
    chosen = copy(schema)
    chosen.execution_context_class = compiled_executor(batch_resolver_of)
    return chosen


async def answer(schema, question, world):
    result = await schema.execute(
        question.text,
        variable_values=question.variables,
        root_value=world.root(),
        context_value=Context(),
    )
    return json.dumps(result.data), [error.formatted for error in result.errors or ()]


def places(answered):
    return {place for place, _ in nulled(*answered)}


def asked(core, count, seed):
    roots = [core.query_type, core.query_type, core.mutation_type]
    return questions(core, count, seed=seed, scalars=SCALARS, roots=roots, depth=4)


# graphql-core itself leaves promises behind when an error makes their place null
@pytest.mark.filterwarnings(
    "ignore:.*never awaited", "ignore::pytest.PytestUnraisableExceptionWarning"
)
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(WORLDS))
async def test_the_nasty_schema_gets_the_same_answers_as_from_graphql_core(seed):
    waiting, still = World(seed, waiting=True), World(seed, waiting=False)
    engine, still_engine = compiled(waiting.schema), compiled(still.schema)
    core = still.schema._schema
    faults = 0
    for question in asked(core, max(1, COUNT // WORLDS), seed):
        expected = await answer(still.schema, question, still)
        assert await answer(still_engine, question, still) == expected, question
        assert await answer(engine, question, waiting) == expected, question
        waited = await answer(waiting.schema, question, waiting)
        assert waited[0] == expected[0]
        assert places(waited) == places(expected)
        faults += len(expected[1])
    assert set(engine.execution_context_class.plans.outcomes) == {"compiled"}
    assert faults > COUNT // WORLDS / 5


async def test_nothing_is_left_behind():
    world = World(99, waiting=True)
    engine = compiled(world.schema)
    for question in asked(world.schema._schema, 40, 99):
        await answer(engine, question, world)
        assert world.running == 0
        assert asyncio.all_tasks() == {asyncio.current_task()}


# promises in lists that nobody had looked at yet
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_client_that_goes_away_takes_all_of_its_tasks_along():
    world = World(7, waiting=True)
    engine = compiled(world.schema)
    cancelled = 0
    for number, question in enumerate(asked(world.schema._schema, 60, 7)):
        task = asyncio.create_task(answer(engine, question, world))
        for _ in range(number % 9):
            await asyncio.sleep(0)
        task.cancel()
        (outcome,) = await asyncio.gather(task, return_exceptions=True)
        cancelled += isinstance(outcome, asyncio.CancelledError)
        assert world.running == 0
        assert asyncio.all_tasks() == {asyncio.current_task()}
    assert cancelled > 20
