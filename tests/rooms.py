"""Subscribers of one server, whose executions may be shared."""

from contextlib import aclosing

import orjson

from gateway.auth import context_for
from gateway.documents import Documents
from gateway.limits import Limits
from gateway.schema import schema
from gateway.transports.execution import Executor, Request


def read(response):
    """Return a response as its client reads it."""
    return orjson.loads(orjson.dumps(response))


class Room:
    """Subscribers of one server."""

    def __init__(self, stack):
        self.stack = stack
        self.executor = Executor(
            schema, Documents(schema._schema, limits=Limits(), introspection=True)
        )

    @property
    def running(self):
        return self.executor.shared_executions

    async def follow(self, api, query, **variables):
        """Subscribe; return the responses to come."""
        request = Request(query=query, variables=variables)
        context = await context_for(
            api.services, authorization=api.headers.get("authorization"), request_id="test"
        )
        operation = await self.executor.operation(request, context)
        responses = self.executor.subscribe(request, operation=operation, context=context)
        return await self.stack.enter_async_context(aclosing(responses))
