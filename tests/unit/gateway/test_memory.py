"""However many documents come, no more than so many are kept, and the rest is freed."""

import gc
import os
import weakref
from types import SimpleNamespace

import pytest
import strawberry

from gateway import documents
from gateway.documents import Documents
from gateway.engine.rows import KEPT_CODE
from gateway.engine.selections import WORTH_IT
from gateway.schema import executed_by
from gateway.settings import Settings
from gateway.transports.execution import Executor, Request

COUNT = int(os.environ.get("TEST_DISTINCT_DOCUMENTS", "2000"))
CONTEXT = SimpleNamespace(
    services=SimpleNamespace(server=None, buckets=None),
    principal=None,
    spending=None,
    request_id="",
    loaders=None,
)
KEPT = 50
"""As many documents as are kept here: fewer than usual, so that the tests are quick."""


@strawberry.type
class Person:
    name: str = "ann"


@strawberry.type
class Query:
    @strawberry.field
    def person(self) -> Person:
        return Person()


@pytest.fixture
def executor(monkeypatch):
    monkeypatch.setattr(documents, "KEPT", KEPT)
    schema = executed_by(strawberry.Schema(Query), "compiled")
    settings = Settings(secret="s" * 32)
    kept = Documents(schema._schema, limits=settings.document_limits, introspection=True)
    return Executor(schema, kept)


async def ask(executor, text):
    request = Request(query=text)
    operation = await executor.operation(request, CONTEXT)
    answer = await executor.execute(request, operation=operation, context=CONTEXT)
    assert "errors" not in answer
    return operation


def living():
    gc.collect()
    return len(gc.get_objects())


@pytest.mark.timeout(7200)
async def test_distinct_documents_do_not_grow_what_is_kept(executor):
    plans = executor.schema.execution_context_class.plans

    async def ask_again(number):
        for _ in range(WORTH_IT):  # until functions are made for what is asked
            await ask(executor, f"{{ a{number}: person {{ b{number}: name }} }}")

    for number in range(KEPT_CODE + KEPT):
        await ask_again(number)
    before = living()
    assert len(plans) == KEPT
    for number in range(COUNT):
        await ask_again(KEPT_CODE + KEPT + number)
    assert living() - before < COUNT / 2  # a leak would be an object of each at least
    assert len(plans) == KEPT


async def test_what_is_refused_is_forgotten_too(executor):
    for number in range(2 * KEPT):
        request = Request(query=f"{{ nothing{number} }}")
        with pytest.raises(Exception, match="GRAPHQL_VALIDATION_FAILED"):
            await executor.operation(request, CONTEXT)
    assert len(executor.documents._kept) == KEPT


async def test_a_document_that_others_push_out_is_freed_with_its_plan(executor):
    operation = await ask(executor, "{ first: person { name } }")
    plans = executor.schema.execution_context_class.plans
    ((_, plan),) = plans._plans.values()
    freed = [weakref.ref(one) for one in (operation, operation.document, plan)]
    del operation, plan
    for number in range(KEPT - 1):
        await ask(executor, f"{{ c{number}: person {{ name }} }}")
    assert [one() is None for one in freed] == [False, False, False]
    await ask(executor, "{ last: person { name } }")
    gc.collect()
    assert [one() is None for one in freed] == [True, True, True]
