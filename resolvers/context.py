"""What a resolver can reach: one fresh context for each operation."""

from asyncio import Semaphore
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from math import ceil
from typing import Any

from graphql import GraphQLError

from datasources.feed import Feed
from datasources.market import Market
from datasources.shared import SharedServer
from models.access import Scope
from models.database import Database
from resolvers.batching import Batches
from resolvers.loaders import Loaders
from services.access import MissingScopeError, Principal, require
from services.alert_watch import AlertWatch
from services.api_tokens import ApiTokens
from services.attempts import Attempts, TooManyAttemptsError
from services.kept_values import KeptValues
from services.passwords import Passwords
from services.spending import USER, Buckets, Spending
from services.tokens import Tokens

SOLVERS = 2


class UnauthenticatedError(GraphQLError):
    """The caller is not signed in, or no longer."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, extensions={"code": "UNAUTHENTICATED"})


class ForbiddenError(GraphQLError):
    """The caller's token is not good for this; the code says so, and the scope it lacks."""

    def __init__(self, lack: MissingScopeError) -> None:
        super().__init__(str(lack), extensions={"code": "FORBIDDEN", "scope": lack.scope.value})


class RateLimitedError(GraphQLError):
    """The caller has asked for too much, or too often; the extensions say when to come again."""

    def __init__(self, reason: str, *, retry_in: int) -> None:
        super().__init__(reason, extensions={"code": "RATE_LIMITED", "retryAfter": retry_in})


class PersonalError(Exception):
    """What is made for several people depends on who asks: a defect of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What lives as long as the process and is shared by all operations."""

    database: Database
    market: Market
    kept: KeptValues
    feed: Feed
    alerts: AlertWatch
    tokens: Tokens
    api_tokens: ApiTokens
    passwords: Passwords
    clock: Callable[[], datetime]
    server: SharedServer | None = None
    """What replicas share beside the database."""
    buckets: Buckets | None = None
    """What callers may spend; null where nothing is counted."""
    attempts: Attempts | None = None
    """How often callers may try to sign in or up; null where that is not counted."""
    solvers: Semaphore = field(default_factory=partial(Semaphore, SOLVERS))
    """Places for optimisations, so that they keep nobody from returns and values."""


@dataclass(slots=True, kw_only=True)
class Context:
    """One operation's surroundings; ``auth_failure`` tells why there is no principal."""

    services: Services
    principal: Principal | None
    auth_failure: str = "Sign in first: send an access token as Authorization: Bearer."
    request_id: str = ""
    address: str = ""
    """Where the request came from; the network of it where one caller has a whole network."""
    payer: str = field(init=False)
    """Who pays for the operation: the user, or else the address."""
    readers_of: int | None = None
    """The portfolio whose readers all get what comes of this: nobody in particular asks."""
    narrowed: Mapping[str, Any] | None = None
    """What arguments of the root field are instead, where this is a part of what is asked for."""
    spending: Spending | None = None
    """What the operation costs; null where nothing is counted."""
    batches: Batches = field(default_factory=Batches)
    loaders: Loaders = field(init=False)

    def __post_init__(self) -> None:
        principal = self.principal
        self.payer = f"{USER}{principal.user_id}" if principal else f"address:{self.address}"
        self.loaders = self._new_loaders()

    def _new_loaders(self) -> Loaders:
        services = self.services
        return Loaders(services.database, services.market, kept=services.kept, clock=services.clock)

    @property
    def caller(self) -> Principal:
        """Return who is calling, by what token; raises UnauthenticatedError for nobody."""
        if self.readers_of is not None:
            raise PersonalError
        return self._caller()

    def _caller(self) -> Principal:
        principal = self.principal
        if principal is None:
            raise UnauthenticatedError(self.auth_failure)
        if principal.expires_at <= self.services.clock():
            raise UnauthenticatedError("The access token has expired.")
        return principal

    @property
    def user_id(self) -> int:
        """Return who is calling; raises UnauthenticatedError for nobody."""
        return self.caller.user_id

    def require(self, scope: Scope) -> None:
        """Raise ForbiddenError unless the caller's token has a scope."""
        if self.readers_of is not None and scope is not Scope.READ:
            raise PersonalError
        try:
            require(self._caller(), scope)
        except MissingScopeError as lack:
            raise ForbiddenError(lack) from None

    async def count_attempt(self, *, account: str) -> None:
        """Count an attempt to sign in or up; raises RateLimitedError for one too many."""
        try:
            if self.services.attempts is not None:
                await self.services.attempts.count(account=account, address=self.address)
        except TooManyAttemptsError as full:
            wait = (full.until - self.now()).total_seconds()
            raise RateLimitedError(str(full), retry_in=max(1, ceil(wait))) from None

    def now(self) -> datetime:
        """Return the time of the one clock."""
        return self.services.clock()

    def forget(self) -> None:
        """Drop what was loaded, so that a mutation answers with the new state."""
        self.loaders = self._new_loaders()
        self.batches = Batches()

    def begin_after_prices(self, loaders: Loaders) -> None:
        """Begin with what was loaded for an earlier event, but for what prices change."""
        self.loaders = loaders.after_prices()
        self.batches = Batches()
