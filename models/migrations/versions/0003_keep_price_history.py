"""Keep price history by series, corporate actions, vendors' symbols and more identifiers."""

from typing import Any

import sqlalchemy as sa
from alembic import op

import models.types

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

PRICES = "close, currency, open, high, low, volume"


def _identifier() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _prices() -> list[sa.Column[Any]]:
    return [
        sa.Column("close", models.types.ExactDecimal(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        *(
            sa.Column(name, models.types.ExactDecimal(), nullable=True)
            for name in ("open", "high", "low", "volume")
        ),
    ]


def _create_series() -> None:
    op.create_table(
        "price_series",
        sa.Column("id", _identifier(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("adjusted", sa.Boolean(), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=True),
        sa.Column("last_day", sa.Date(), nullable=True),
        sa.Column("checked_at", models.types.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_price_series")),
        sa.UniqueConstraint(
            "symbol", "source", "adjusted", name=op.f("uq_price_series_symbol_source_adjusted")
        ),
    )
    op.rename_table("daily_bars", "old_bars")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE old_bars RENAME CONSTRAINT pk_daily_bars TO pk_old_bars")
    op.create_table(
        "daily_bars",
        sa.Column("series_id", _identifier(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        *_prices(),
        sa.ForeignKeyConstraint(
            ["series_id"],
            ["price_series.id"],
            name=op.f("fk_daily_bars_series_id_price_series"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("series_id", "day", name=op.f("pk_daily_bars")),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO price_series (symbol, source, adjusted) "
        "SELECT DISTINCT symbol, source, adjusted FROM old_bars"
    )
    op.execute(
        f"INSERT INTO daily_bars (series_id, day, {PRICES}) SELECT price_series.id, day, {PRICES} "  # noqa: S608  # our own names
        "FROM old_bars JOIN price_series ON price_series.symbol = old_bars.symbol AND "
        "price_series.source = old_bars.source AND price_series.adjusted = old_bars.adjusted"
    )
    op.drop_table("old_bars")
    op.create_table(
        "empty_days",
        sa.Column("series_id", _identifier(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("checked_at", models.types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("confirmed", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["series_id"],
            ["price_series.id"],
            name=op.f("fk_empty_days_series_id_price_series"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("series_id", "day", name=op.f("pk_empty_days")),
    )


def upgrade() -> None:
    _create_series()
    op.create_table(
        "corporate_actions",
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("new", models.types.ExactDecimal(), nullable=True),
        sa.Column("old", models.types.ExactDecimal(), nullable=True),
        sa.Column("amount", models.types.ExactDecimal(), nullable=True),
        sa.Column("currency", sa.String(), nullable=True),
        sa.Column("pay_day", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint(
            "symbol", "source", "kind", "day", "place", name=op.f("pk_corporate_actions")
        ),
    )
    op.create_table(
        "action_coverage",
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("checked_at", models.types.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("symbol", "source", name=op.f("pk_action_coverage")),
    )
    op.create_table(
        "dismissed_proposals",
        sa.Column("portfolio_id", _identifier(), nullable=False),
        sa.Column("proposal", sa.String(), nullable=False),
        sa.Column("dismissed_at", models.types.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["portfolio_id"],
            ["portfolios.id"],
            name=op.f("fk_dismissed_proposals_portfolio_id_portfolios"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("portfolio_id", "proposal", name=op.f("pk_dismissed_proposals")),
    )
    op.create_table(
        "vendor_symbols",
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("vendor_symbol", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("provider", "symbol", name=op.f("pk_vendor_symbols")),
    )
    op.add_column("instruments", sa.Column("figi", sa.String(), nullable=True))
    op.add_column("company_profiles", sa.Column("isin", sa.String(), nullable=True))
    op.add_column("company_profiles", sa.Column("figi", sa.String(), nullable=True))


def downgrade() -> None:
    """Go back to one bar a symbol and day: of several series the one as traded is kept."""
    with op.batch_alter_table("company_profiles") as batch_op:
        batch_op.drop_column("figi")
        batch_op.drop_column("isin")
    with op.batch_alter_table("instruments") as batch_op:
        batch_op.drop_column("figi")
    for table in ("vendor_symbols", "dismissed_proposals", "action_coverage", "corporate_actions"):
        op.drop_table(table)
    op.drop_table("empty_days")
    op.rename_table("daily_bars", "new_bars")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE new_bars RENAME CONSTRAINT pk_daily_bars TO pk_new_bars")
    op.create_table(
        "daily_bars",
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        *_prices(),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("adjusted", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("symbol", "day", name=op.f("pk_daily_bars")),
    )
    op.execute(
        f"INSERT INTO daily_bars (symbol, day, source, adjusted, {PRICES}) "  # noqa: S608  # our own names
        f"SELECT symbol, day, source, adjusted, {PRICES} FROM ("
        f"SELECT symbol, day, source, adjusted, {PRICES}, row_number() OVER "
        "(PARTITION BY symbol, day ORDER BY adjusted, price_series.id) AS rank "
        "FROM new_bars JOIN price_series ON price_series.id = series_id) AS ranked WHERE rank = 1"
    )
    op.drop_table("new_bars")
    op.drop_table("price_series")
