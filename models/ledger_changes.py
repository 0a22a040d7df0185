"""What is new in ledgers since they were read, and what ties their pools of lots."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import aliased
from sqlmodel import col

from models.portfolios import Portfolio
from models.reading import one_of
from models.transactions import Revision, Transaction


def links(
    owner_ids: list[int],
) -> Select[int, int | None, int | None, int, int | None, int | None]:
    """Select what ties two pools of lots in the ledgers of owners: transfers, corporate actions.

    Rows are portfolio, instrument (null for cash), related instrument, the portfolio a transfer
    came from, and the keys of the entry and of the one that left there.
    """
    origin = aliased(Transaction)
    return (
        select(
            col(Transaction.portfolio_id),
            col(Transaction.instrument_id),
            col(Transaction.related_instrument_id),
            col(origin.portfolio_id),
            col(Transaction.id),
            col(Transaction.origin_id),
        )
        .join(Portfolio, col(Portfolio.id) == col(Transaction.portfolio_id))
        .outerjoin(origin, col(origin.id) == col(Transaction.origin_id))
        .where(
            col(Portfolio.owner_id).in_(owner_ids),
            or_(
                col(Transaction.related_instrument_id).is_not(None),
                col(Transaction.origin_id).is_not(None),
            ),
            col(Transaction.voided_at).is_(None),
        )
    )


def touched_since(
    portfolio_ids: Sequence[int], key: int
) -> Select[int | None, int, int | None, int | None]:
    """Select of ledgers the keys above one, each with its portfolio and both instruments."""
    return select(
        col(Transaction.id),
        col(Transaction.portfolio_id),
        col(Transaction.instrument_id),
        col(Transaction.related_instrument_id),
    ).where(one_of(col(Transaction.portfolio_id), portfolio_ids), col(Transaction.id) > key)


def revised_since(
    portfolio_ids: Sequence[int], key: int
) -> Select[int | None, int, int | None, int | None, dict[str, Any]]:
    """Select of ledgers the revisions above a key, with what their entries are about and were."""
    return (
        select(
            col(Revision.id),
            col(Transaction.portfolio_id),
            col(Transaction.instrument_id),
            col(Transaction.related_instrument_id),
            col(Revision.before),
        )
        .join(Transaction, col(Transaction.id) == col(Revision.transaction_id))
        .where(one_of(col(Transaction.portfolio_id), portfolio_ids), col(Revision.id) > key)
    )


def newest_revision(portfolio_ids: Sequence[int]) -> Select[int | None]:
    """Select the highest key of the revisions of ledgers."""
    return (
        select(func.max(col(Revision.id)))
        .join(Transaction, col(Transaction.id) == col(Revision.transaction_id))
        .where(one_of(col(Transaction.portfolio_id), portfolio_ids))
    )
