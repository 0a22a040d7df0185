"""Mutations of shares: sharing with users, creating links, and revoking both."""

from datetime import datetime
from enum import Enum

import strawberry
from strawberry.types import Info

from models.access import Role
from resolvers.changes import ERRORS
from resolvers.context import Context
from resolvers.ids import key_of
from resolvers.portfolios import Portfolio, portfolio_by_key
from resolvers.shares import PortfolioShare, shares_of
from resolvers.token_changes import EXPIRES_AT
from resolvers.values import UserError, user_errors
from services.errors import RefusedError
from services.sharing import MAX_SHARES, create_link, revoke_share, share_portfolio

WHICH = "Which portfolio; it must be yours."


@strawberry.enum(description="In what role to share a portfolio.")
class ShareRole(Enum):
    """In what role to share a portfolio."""

    EDITOR = strawberry.enum_value("EDITOR", description="To read it and to change its ledger.")
    VIEWER = strawberry.enum_value("VIEWER", description="To read it.")


@strawberry.input(description="A portfolio, and whom to share it with.")
class SharePortfolioInput:
    """A portfolio, and whom to share it with."""

    portfolio_id: strawberry.ID = strawberry.field(description=WHICH)
    username: str = strawberry.field(description="Who it is shared with.")
    role: ShareRole = strawberry.field(description="What they may do.")


@strawberry.input(description="A new link to a portfolio.")
class CreatePortfolioLinkInput:
    """A new link to a portfolio."""

    portfolio_id: strawberry.ID = strawberry.field(description=WHICH)
    name: str = strawberry.field(description="1 to 100 characters, such as who it is for.")
    expires_at: datetime | None = strawberry.field(default=None, description=EXPIRES_AT)


@strawberry.input(description="A share to end.")
class RevokePortfolioShareInput:
    """A share to end."""

    share_id: strawberry.ID = strawberry.field(description="Which share, by `PortfolioShare.id`.")


@strawberry.type(description="The outcome of `sharePortfolio`.")
class SharePortfolioPayload:
    """The outcome of sharing a portfolio."""

    share: PortfolioShare | None = strawberry.field(
        default=None, description="The share; null on an error."
    )
    user_errors: list[UserError] = strawberry.field(default_factory=list, description=ERRORS)


@strawberry.type(description="The outcome of `createPortfolioLink`.")
class CreatePortfolioLinkPayload:
    """The outcome of creating a link."""

    share: PortfolioShare | None = strawberry.field(
        default=None, description="The link; null on an error."
    )
    token: str | None = strawberry.field(
        default=None,
        description="What to ask `sharedPortfolio` with. It is shown this once and never again; "
        "null on an error.",
    )
    user_errors: list[UserError] = strawberry.field(default_factory=list, description=ERRORS)


@strawberry.type(description="The outcome of `revokePortfolioShare`.")
class RevokePortfolioSharePayload:
    """The outcome of revoking a share."""

    portfolio: Portfolio | None = strawberry.field(
        default=None,
        description="The portfolio; null on an error, and for one who has left it.",
    )
    user_errors: list[UserError] = strawberry.field(default_factory=list, description=ERRORS)


@strawberry.type
class ShareMutations:
    """Root fields that manage shares."""

    @strawberry.mutation(
        description="Share a portfolio of yours with a user, or give them another role in it. At "
        f"most {MAX_SHARES} shares a portfolio. Errors: NOT_FOUND, INVALID, OUT_OF_RANGE."
    )
    async def share_portfolio(
        self, info: Info[Context, None], input: SharePortfolioInput
    ) -> SharePortfolioPayload | None:
        """Share a portfolio."""
        context = info.context
        try:
            async with context.services.database.writing() as session:
                row = await share_portfolio(
                    session,
                    owner_id=context.user_id,
                    portfolio_id=key_of(input.portfolio_id, type_name="Portfolio") or 0,
                    username=input.username,
                    role=Role.EDITOR if input.role is ShareRole.EDITOR else Role.VIEWER,
                    now=context.now(),
                )
        except RefusedError as error:
            return SharePortfolioPayload(user_errors=user_errors(error))
        context.forget()
        (share,) = await shares_of(context, [row])
        return SharePortfolioPayload(share=share)

    @strawberry.mutation(
        description="Create a link to a portfolio of yours, which shows its percentages and none "
        "of its amounts to whoever has it: see `sharedPortfolio`. At most "
        f"{MAX_SHARES} shares a portfolio. Errors: NOT_FOUND, REQUIRED, TOO_LONG, INVALID, "
        "OUT_OF_RANGE."
    )
    async def create_portfolio_link(
        self, info: Info[Context, None], input: CreatePortfolioLinkInput
    ) -> CreatePortfolioLinkPayload | None:
        """Create a link."""
        context = info.context
        try:
            async with context.services.database.writing() as session:
                row, token = await create_link(
                    session,
                    owner_id=context.user_id,
                    portfolio_id=key_of(input.portfolio_id, type_name="Portfolio") or 0,
                    name=input.name,
                    expires_at=input.expires_at,
                    now=context.now(),
                )
        except RefusedError as error:
            return CreatePortfolioLinkPayload(user_errors=user_errors(error))
        context.forget()
        (share,) = await shares_of(context, [row])
        return CreatePortfolioLinkPayload(share=share, token=token.text)

    @strawberry.mutation(
        description="End a share of a portfolio of yours, or leave one that is shared with you. "
        "Errors: NOT_FOUND."
    )
    async def revoke_portfolio_share(
        self, info: Info[Context, None], input: RevokePortfolioShareInput
    ) -> RevokePortfolioSharePayload | None:
        """End a share."""
        context = info.context
        try:
            async with context.services.database.writing() as session:
                portfolio_id = await revoke_share(
                    session,
                    user_id=context.user_id,
                    share_id=key_of(input.share_id, type_name="PortfolioShare"),
                )
        except RefusedError as error:
            return RevokePortfolioSharePayload(user_errors=user_errors(error))
        context.forget()
        return RevokePortfolioSharePayload(portfolio=await portfolio_by_key(context, portfolio_id))
