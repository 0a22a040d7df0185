"""Verifies, and if asked rebuilds, the projection of every portfolio."""

from sqlalchemy import select
from sqlmodel import col

from models.base import row_key
from models.database import Database
from models.migrate import upgrade
from models.portfolios import Portfolio, portfolio_for_update
from models.users import user_for_update
from services.projection import Difference, verify
from services.projection import rebuild as rebuild_projection


async def verify_all(database: Database, *, rebuild: bool = False) -> tuple[int, list[Difference]]:
    """Return how many portfolios were checked, and every difference found."""
    async with database.reading() as session:
        portfolios = list(await session.scalars(select(Portfolio).order_by(col(Portfolio.id))))
    differences: list[Difference] = []
    for portfolio in portfolios:
        async with database.snapshot() as session:
            found = await verify(session, portfolio)
        if found and rebuild:
            await _rebuild(database, portfolio)
        differences.extend(found)
    return len(portfolios), differences


async def _rebuild(database: Database, portfolio: Portfolio) -> None:
    async with database.writing() as session:
        # All of a person's ledgers at once, for what is tied to this one is derived with it.
        await session.execute(user_for_update(portfolio.owner_id))
        held = await session.scalar(
            portfolio_for_update(owner_id=portfolio.owner_id, portfolio_id=row_key(portfolio.id))
        )
        if held is not None:
            await rebuild_projection(session, held, repair=True)


async def bring_up_to_date(database: Database) -> None:
    """Migrate to the newest revision, and derive anew what is not as today's rules derive it.

    The second also when there was nothing to migrate: an earlier try may have died in between.
    """
    await upgrade(database)
    await verify_all(database, rebuild=True)
