"""The engine answers as graphql-core does: documents, data and faults made up at random."""

import asyncio
import gc
import os
from copy import copy
from pathlib import Path

import pytest

from gateway.engine import compiled_executor, selections
from gateway.engine.rows import Code
from gateway.schema import batch_resolver_of
from tests.nasty import Context, World
from tests.writing import answer, nulled, questions

COUNT = int(os.environ.get("TEST_DOCUMENTS", "240"))
SEED = int(os.environ.get("TEST_SEED", "0"))
EACH = 40
"""Documents asked of one world."""
LOADS = {"batching.py", "dataloader.py"}
"""Where loaders are: what they have begun for many comes to its end without one of them."""
WORLDS = max(1, COUNT // EACH)
SCALARS = {"Odd": (1, 3), "Date": ("2024-02-03",), "Decimal": ("1.5",)}

# graphql-core itself leaves promises behind when an error makes their place null
pytestmark = [
    pytest.mark.filterwarnings(
        "ignore:.*never awaited", "ignore::pytest.PytestUnraisableExceptionWarning"
    ),
    pytest.mark.timeout(300),
]


@pytest.fixture(autouse=True)
def _promises_are_forgotten_here():
    """Let nothing of these tests be warned of in others, or at the end."""
    yield
    gc.collect()


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
    return questions(core, count, seed=seed, scalars=SCALARS, roots=roots, depth=4, fields=100)


@pytest.mark.parametrize("seed", range(SEED, SEED + WORLDS))
async def test_the_nasty_schema_gets_the_same_answers_as_from_graphql_core(seed):
    waiting, still = World(seed, waiting=True), World(seed, waiting=False)
    engine, still_engine = compiled(waiting.schema), compiled(still.schema)
    faults = 0
    for question in asked(still.schema._schema, EACH, seed):
        expected = await ask(still.schema, question, still)
        assert await ask(still_engine, question, still) == expected, question
        assert await ask(engine, question, waiting) == expected, question
        waited = await ask(waiting.schema, question, waiting)
        assert waited[0] == expected[0]
        assert places(waited) == places(expected)
        faults += len(expected[1])
    assert set(engine.execution_context_class.plans.outcomes) == {"compiled"}
    assert faults > EACH / 5


@pytest.mark.parametrize("seed", range(SEED, SEED + WORLDS))
async def test_what_objects_store_is_answered_alike_by_functions_that_are_made_for_it(
    seed, monkeypatch
):
    made, rows_made = [], []

    def noted(code):
        function = make(code)
        made.append(function)

        def rows_of(objects):
            rows = function(objects)
            rows_made.extend(rows or ())
            return rows

        return rows_of

    make = Code.made
    monkeypatch.setattr(Code, "made", noted)
    monkeypatch.setattr(selections, "WORTH_IT", 1)
    world = World(seed, waiting=False, storing=True)
    engine = compiled(world.schema)
    for question in asked(world.schema._schema, EACH, seed):
        expected = await ask(world.schema, question, world)
        for _ in range(2):
            assert await ask(engine, question, world) == expected, question
    assert set(engine.execution_context_class.plans.outcomes) == {"compiled"}
    assert len(made) > EACH / 2
    assert len(rows_made) > EACH / 2


@pytest.mark.parametrize("seed", range(SEED, SEED + max(1, WORLDS // 4)))
async def test_no_task_is_left_behind_and_a_client_that_goes_away_takes_all_along(seed):
    world = World(seed, waiting=True)
    engine = compiled(world.schema)
    cancelled = 0

    async def nothing_runs_but_loads():
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert {Path(task.get_coro().cr_code.co_filename).name for task in left} <= LOADS
        await asyncio.gather(*left, return_exceptions=True)
        assert world.running == 0

    for number, question in enumerate(asked(world.schema._schema, EACH, seed)):
        await ask(engine, question, world)
        await nothing_runs_but_loads()
        task = asyncio.create_task(ask(engine, question, world))
        for _ in range(number % 9):
            await asyncio.sleep(0)
        task.cancel()
        (outcome,) = await asyncio.gather(task, return_exceptions=True)
        cancelled += isinstance(outcome, asyncio.CancelledError)
        await nothing_runs_but_loads()
    assert cancelled > EACH / 3
