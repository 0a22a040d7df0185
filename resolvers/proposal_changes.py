"""Mutations of proposals: accepting one books it, dismissing one puts it out of sight."""

import strawberry
from sqlalchemy.ext.asyncio import AsyncSession
from strawberry.types import Info

from models.access import Role
from resolvers.bookings import BOOKING_ERRORS, NULL, LedgerPayload, answer
from resolvers.changes import ERRORS, Done, LedgerChange, once, prepare_in
from resolvers.context import Context
from resolvers.ids import key_of
from resolvers.portfolios import Portfolio, portfolio_by_key
from resolvers.proposals import proposals_for
from resolvers.transactions import Transaction
from resolvers.values import UserError, user_errors
from services.access import portfolio_as
from services.booking import book_one, hold_portfolio
from services.drafts import check_draft
from services.entry_ids import keys_of_ids
from services.errors import MistakeCode, RefusedError, refuse
from services.proposals import dismiss

PROPOSAL = "Which proposal, by `LedgerProposal.key`."


@strawberry.input(description="A proposal to book as it is.")
class AcceptProposalInput(LedgerChange):
    """A proposal to book as it is."""

    portfolio_id: strawberry.ID = strawberry.field(description="The portfolio it was made to.")
    proposal_key: str = strawberry.field(description=PROPOSAL)


@strawberry.input(description="A proposal that is not wanted.")
class DismissProposalInput:
    """A proposal that is not wanted."""

    portfolio_id: strawberry.ID = strawberry.field(description="The portfolio it was made to.")
    proposal_key: str = strawberry.field(description=PROPOSAL)
    dismissed: bool = strawberry.field(
        default=True, description="False takes an earlier dismissal back."
    )


@strawberry.type(description="The outcome of `acceptProposal`.")
class AcceptProposalPayload(LedgerPayload):
    """The outcome of accepting a proposal."""

    transaction: Transaction | None = strawberry.field(
        default=None, description=f"The entry it became; {NULL}"
    )


@strawberry.type(description="The outcome of `dismissProposal`.")
class DismissProposalPayload:
    """The outcome of dismissing a proposal."""

    portfolio: Portfolio | None = strawberry.field(
        default=None, description="The portfolio; null on an error."
    )
    user_errors: list[UserError] = strawberry.field(default_factory=list, description=ERRORS)


async def _accept(context: Context, given: AcceptProposalInput) -> Done:
    now, user_id = context.now(), context.user_id
    async with context.services.database.reading() as session:
        row = await portfolio_as(
            session,
            Role.EDITOR,
            user_id=user_id,
            portfolio_id=key_of(given.portfolio_id, type_name="Portfolio"),
        )
        booked = await keys_of_ids(session, row.id or 0, {given.proposal_key})
    if booked:
        return Done(booked[given.proposal_key], replayed=True)
    (found,) = await proposals_for(context, [row])
    proposal = next((one for one in found if one.key == given.proposal_key), None)
    if proposal is None:
        raise refuse(MistakeCode.NOT_FOUND, "There is no such proposal.", "proposalKey")
    draft = check_draft(proposal.draft(), now=now)
    portfolio, prepared = await prepare_in(context, given.portfolio_id, [draft])

    async def act(session: AsyncSession) -> int | None:
        held = await hold_portfolio(session, user_id=user_id, portfolio_id=portfolio.id or 0)
        return (await book_one(session, held, prepared=prepared, now=now)).id

    return await once(context, "acceptProposal", given=given, act=act)


@strawberry.type
class ProposalMutations:
    """Root fields that decide on proposals."""

    @strawberry.mutation(
        description="Book a proposal as it is. Accepting it again answers with the same entry. "
        f"{BOOKING_ERRORS}"
    )
    async def accept_proposal(
        self, info: Info[Context, None], input: AcceptProposalInput
    ) -> AcceptProposalPayload | None:
        """Book a proposal."""
        return await answer(
            info.context,
            AcceptProposalPayload,
            field="transaction",
            change=lambda: _accept(info.context, input),
        )

    @strawberry.mutation(description="Put a proposal out of sight, or back. Errors: NOT_FOUND.")
    async def dismiss_proposal(
        self, info: Info[Context, None], input: DismissProposalInput
    ) -> DismissProposalPayload | None:
        """Dismiss a proposal."""
        context = info.context
        database = context.services.database
        try:
            async with database.reading() as session:
                row = await portfolio_as(
                    session,
                    Role.EDITOR,
                    user_id=context.user_id,
                    portfolio_id=key_of(input.portfolio_id, type_name="Portfolio"),
                )
            (found,) = await proposals_for(context, [row])
            if all(one.key != input.proposal_key for one in found):
                raise refuse(MistakeCode.NOT_FOUND, "There is no such proposal.", "proposalKey")
        except RefusedError as error:
            return DismissProposalPayload(user_errors=user_errors(error))
        async with database.writing() as session:
            await dismiss(
                session,
                portfolio_id=row.id or 0,
                proposal=input.proposal_key,
                dismissed=input.dismissed,
                now=context.now(),
            )
        context.forget()
        return DismissProposalPayload(portfolio=await portfolio_by_key(context, row.id or 0))
