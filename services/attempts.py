"""Attempts to sign in or up: few for each account and each address, whoever the account is.

An attempt counts before it is known how it ends, so the limit tells nothing about an account: one
that does not exist is limited like one that does.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta

from datasources.errors import QuotaExhaustedError, RateLimitedError
from datasources.pacing import Budget, Limit, Server

KEPT = 10_000
"""Accounts and addresses that are remembered."""

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


class TooManyAttemptsError(Exception):
    """Too many attempts for one account or from one address; ``until`` there is no room."""

    def __init__(self, until: datetime) -> None:
        super().__init__("Too many attempts to sign in or up. Wait and try again.")
        self.until = until


class Attempts:
    """Counts attempts; ``per_minute`` for an account, and ten times as many for an address."""

    def __init__(
        self, per_minute: int, *, clock: Callable[[], datetime], server: Server | None = None
    ) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._server = server
        self._budgets: OrderedDict[str, Budget] = OrderedDict()

    async def count(self, *, account: str, address: str) -> None:
        """Count an attempt; raises TooManyAttemptsError, and then nothing was done."""
        name = hashlib.sha256(account.strip().casefold().encode()).hexdigest()[:32]
        # The address first: whoever guesses at many accounts must not lock their owners out.
        budgets = [
            self._budget(f"address:{address}", per_minute=10 * self._per_minute),
            self._budget(f"account:{name}", per_minute=self._per_minute),
        ]
        for budget in budgets:
            try:
                await budget.take()
            except (RateLimitedError, QuotaExhaustedError) as full:
                raise TooManyAttemptsError(full.until or self._clock() + MINUTE) from None

    def _budget(self, key: str, *, per_minute: int) -> Budget:
        budget = self._budgets.get(key)
        if budget is None:
            budget = self._budgets[key] = Budget(
                [Limit(per_minute, MINUTE), Limit(10 * per_minute, HOUR)],
                name=f"attempts:{key}",
                clock=self._clock,
                server=self._server,
            )
            if len(self._budgets) > KEPT:
                self._budgets.popitem(last=False)
        self._budgets.move_to_end(key)
        return budget
