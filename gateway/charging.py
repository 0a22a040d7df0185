"""What operations cost their callers: refused beforehand where it is too much, settled afterwards.

Every transport comes through here, as they all ask which operation a request is for.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import structlog
from graphql import GraphQLError, GraphQLSchema

from gateway.cost import CostPlan
from gateway.documents import Documents, Operation, PerOperation, RefusedDocumentError
from resolvers.context import Context, RateLimitedError
from services.spending import Allowance, Spending

TOO_EXPENSIVE = "COST_ESTIMATED_TOO_EXPENSIVE"
RATE_LIMITED = "RATE_LIMITED"

log = structlog.get_logger(__name__)


class Charges:
    """Estimates, takes and gives back what operations of one schema cost."""

    def __init__(self, schema: GraphQLSchema, documents: Documents) -> None:
        self._documents = documents
        self._plans = PerOperation(lambda one: CostPlan(schema, one.document, one.node))

    async def reading(self, text: str, context: Context) -> None:
        """Take what it costs to read a document that is not known yet: by its characters."""
        buckets = context.services.buckets
        if buckets is not None:
            price = self._documents.price(text)
            self._paid(await buckets.take(context.payer, price), context)

    async def running(
        self, operation: Operation, variables: Mapping[str, Any] | None, context: Context
    ) -> None:
        """Take what an operation can cost at most; raises RefusedDocumentError."""
        estimate = self._plans.of(operation).estimate(variables)
        limits = self._documents.limits
        if estimate > limits.cost:
            self._beyond(TOO_EXPENSIVE, estimate=estimate)
            if limits.enforced:
                message = f"The operation can cost {estimate}; at most {limits.cost} is allowed."
                extensions = {"limit": limits.cost, "found": estimate}
                raise RefusedDocumentError(
                    TOO_EXPENSIVE, GraphQLError(message, extensions=extensions)
                )
        buckets = context.services.buckets
        if buckets is not None:
            self._paid(await buckets.take(context.payer, estimate), context)

    def settle(self, operation: Operation, context: Context, data: Any) -> None:
        """Give back what an operation did not cost by its answer."""
        buckets, spending = context.services.buckets, context.spending
        if buckets is None or spending is None or spending.refused:
            return
        actual = self._plans.of(operation).actual(data, estimated=spending.requested)
        buckets.give_back(context.payer, spending, actual=actual)

    def _paid(self, spending: Spending, context: Context) -> None:
        if spending.refused:
            self._beyond(RATE_LIMITED, estimate=spending.requested)
            if self._documents.limits.enforced:
                context.spending = spending
                message = (
                    f"You have {spending.left} points left and this can cost "
                    f"{spending.requested}. Wait and try again."
                )
                error = RateLimitedError(message, retry_in=spending.retry_in)
                raise RefusedDocumentError(RATE_LIMITED, error)
            spending.refused = False
        context.spending = spending

    def _beyond(self, code: str, *, estimate: int) -> None:
        enforced = self._documents.limits.enforced
        self._documents.beyond_limits[code, "refused" if enforced else "warned"] += 1
        if not enforced:
            log.warning("operation_beyond_limit", code=code, cost=estimate)


def told(spending: Spending) -> dict[str, Any]:
    """Tell what an operation has cost, with the names that Shopify's clients know."""
    return {
        "requestedQueryCost": spending.requested,
        "actualQueryCost": spending.actual,
        "throttleStatus": {
            "maximumAvailable": spending.allowance.capacity,
            "currentlyAvailable": spending.left,
            "restoreRate": spending.allowance.restore_rate,
        },
    }


def rate_headers(spending: Spending | None) -> tuple[tuple[bytes, bytes], ...]:
    """Tell what a caller may spend, by draft-ietf-httpapi-ratelimit-headers-10."""
    if spending is None:
        return ()
    state = f'"{spending.allowance.name}";r={max(0, spending.left)};t={spending.resets_in}'
    headers = (_policy(spending.allowance), (b"ratelimit", state.encode()))
    if not spending.refused:
        return headers
    return (*headers, (b"retry-after", str(spending.retry_in).encode()))


@lru_cache
def _policy(allowance: Allowance) -> tuple[bytes, bytes]:
    """Write out what callers of a kind may spend."""
    window = allowance.seconds_until(allowance.capacity, left=0)
    policy = f'"{allowance.name}";q={allowance.capacity};w={window}'
    return b"ratelimit-policy", policy.encode()
