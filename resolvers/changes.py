"""What all changes of the ledger share: repeating safely, trying out, and how they answer."""

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any, TypeVar

import strawberry
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from analytics.money import plain
from models.access import Role
from models.drafts import Draft
from models.portfolios import Portfolio
from resolvers.context import Context
from resolvers.ids import encode_id, key_of
from resolvers.values import UserError, user_errors
from services.access import portfolio_as
from services.booking import OutdatedError
from services.errors import RefusedError
from services.idempotency import Request, check_key, remember, replayed
from services.preparing import Prepared, prepare
from services.preview import Preview, preview

T = TypeVar("T")

KEY = (
    "Makes repeating safe: the same key with the same input happens once, and the repeat answers "
    "with `replayed: true`. 1 to 200 characters, such as a UUID."
)
DRY_RUN = (
    "Try it out: everything is checked, `preview` tells what would become of positions, lots, "
    "gains and cash, and nothing is written. The idempotencyKey is not used up."
)
REPLAYED = "Whether this answers a repeat of an earlier request with the same idempotencyKey."
ERRORS = "What is wrong with the input; empty when it worked. On an error nothing was changed."
ATTEMPTS = 3


@strawberry.input
class Repeatable:
    """An input that can be sent again without happening again."""

    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input
class LedgerChange(Repeatable):
    """An input that changes a ledger, or only tries to."""

    dry_run: bool = strawberry.field(default=False, description=DRY_RUN)


@dataclass(frozen=True, slots=True)
class Done:
    """The row a mutation made or changed, if an earlier request did it, or what it would do."""

    key: int = 0
    replayed: bool = False
    preview: Preview | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The row a mutation made or changed, null where it was refused, and why."""

    key: int | None
    replayed: bool
    user_errors: list[UserError]

    def id_of(self, type_name: str) -> strawberry.ID | None:
        """Return the id of the row, also of one that is deleted; null where it was refused."""
        return None if self.key is None else strawberry.ID(encode_id(type_name, self.key))


Act = Callable[[AsyncSession], Awaitable[int | None]]


async def once(context: Context, operation: str, *, given: Repeatable, act: Act) -> Done:
    """Run a change within one transaction, or find what an earlier request with its key did.

    With ``dry_run`` the change is made, looked at and taken back.
    """
    request = Request(
        user_id=context.user_id,
        key=given.idempotency_key,
        operation=operation,
        content=_content(given),
    )
    check_key(request)
    database = context.services.database
    for attempt in range(ATTEMPTS):
        try:
            async with database.writing() as session:
                if getattr(given, "dry_run", False):
                    seen = await preview(session, change=act)
                    return Done(preview=seen)
                known = await replayed(session, request)
                if known is not None:
                    return Done(known, replayed=True)
                key = await act(session)
                remember(session, request, result_id=key, now=context.now())
        except IntegrityError:
            # Someone else took the same key, name or symbol a moment before us: look again.
            if attempt == ATTEMPTS - 1:
                raise
            continue
        context.forget()
        return Done(key or 0)
    raise AssertionError("unreachable")


async def outcome(context: Context, operation: str, *, given: Repeatable, act: Act) -> Outcome:
    """Run a change as ``once`` does; a refusal comes as what is wrong."""
    try:
        done = await once(context, operation, given=given, act=act)
    except RefusedError as error:
        return Outcome(key=None, replayed=False, user_errors=user_errors(error))
    return Outcome(key=done.key, replayed=done.replayed, user_errors=[])


def _content(given: Repeatable) -> str:
    """Write an input so that equal ones read the same, 1.50 like 1.5."""
    return repr(_plain(asdict(given)))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return sorted((name, _plain(item)) for name, item in value.items())
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, bytes):
        return hashlib.sha256(value).hexdigest()
    return plain(value) if isinstance(value, Decimal) else value


async def prepare_in(
    context: Context, portfolio_id: str, drafts: Sequence[Draft]
) -> tuple[Portfolio, Prepared]:
    """Find a portfolio the caller may change, and what drafts need that are to be booked there.

    Raises RefusedError. Market data is asked for here, before the ledger is held.
    """
    services = context.services
    async with services.database.reading() as session:
        portfolio = await portfolio_as(
            session,
            Role.EDITOR,
            user_id=context.user_id,
            portfolio_id=key_of(portfolio_id, type_name="Portfolio"),
        )
    prepared = await prepare(
        services.database, services.market, base_currency=portfolio.base_currency, drafts=drafts
    )
    return portfolio, prepared


async def prepared_anew(attempt: Callable[[], Awaitable[T]]) -> T:
    """Run a change that is prepared outside its transaction, again while that is outdated."""
    while True:
        try:
            return await attempt()
        except OutdatedError:
            continue  # somebody else made progress, so this ends
