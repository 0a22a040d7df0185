"""Hold every kind of transaction, their corrections, and lot methods.

Positions and lots are derived: what is new in them is filled by deriving them anew afterwards.
"""

import sqlalchemy as sa
from alembic import op

import models.types

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "transaction_revisions",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "transaction_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("at", models.types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.Column("after", sa.JSON(), nullable=False),
        sa.Column("undone_at", models.types.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["transaction_id"],
            ["transactions.id"],
            name=op.f("fk_transaction_revisions_transaction_id_transactions"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name=op.f("fk_transaction_revisions_user_id_users"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transaction_revisions")),
    )
    with op.batch_alter_table("transaction_revisions", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_transaction_revisions_transaction_id"), ["transaction_id"], unique=False
        )

    with op.batch_alter_table("lots", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("fees", models.types.ExactDecimal(), nullable=False, server_default="0")
        )
        batch_op.add_column(sa.Column("fees_base", models.types.ExactDecimal(), nullable=True))

    with op.batch_alter_table("portfolios", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("lot_method", sa.String(), nullable=False, server_default="FIFO")
        )

    with op.batch_alter_table("positions", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("fees", models.types.ExactDecimal(), nullable=False, server_default="0")
        )
        batch_op.add_column(sa.Column("fees_base", models.types.ExactDecimal(), nullable=True))
        batch_op.add_column(
            sa.Column("missing", models.types.ExactDecimal(), nullable=False, server_default="0")
        )
        batch_op.add_column(
            sa.Column("inflow", models.types.ExactDecimal(), nullable=False, server_default="0")
        )
        batch_op.add_column(
            sa.Column(
                "inflow_days", models.types.ExactDecimal(), nullable=False, server_default="0"
            )
        )
        batch_op.add_column(
            sa.Column("outflow", models.types.ExactDecimal(), nullable=False, server_default="0")
        )
        batch_op.add_column(
            sa.Column(
                "outflow_days", models.types.ExactDecimal(), nullable=False, server_default="0"
            )
        )
        batch_op.add_column(sa.Column("unrated", sa.Integer(), nullable=False, server_default="0"))
        batch_op.alter_column("realized", existing_type=models.types.ExactDecimal(), nullable=True)
        batch_op.alter_column("income", existing_type=models.types.ExactDecimal(), nullable=True)

    with op.batch_alter_table("transactions", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_transactions_trade_or_amount"), type_="check")
        batch_op.add_column(
            sa.Column(
                "related_instrument_id",
                sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
                nullable=True,
            )
        )
        batch_op.add_column(
            sa.Column(
                "origin_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True
            )
        )
        batch_op.add_column(
            sa.Column("acquired_at", models.types.UtcDateTime(timezone=True), nullable=True)
        )
        batch_op.add_column(sa.Column("fee_currency", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("fee_rate", models.types.ExactDecimal(), nullable=True))
        batch_op.add_column(sa.Column("fee_rate_source", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("tax_currency", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("tax_rate", models.types.ExactDecimal(), nullable=True))
        batch_op.add_column(sa.Column("tax_rate_source", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("instrument_currency", sa.String(), nullable=True))
        batch_op.add_column(
            sa.Column("instrument_rate", models.types.ExactDecimal(), nullable=True)
        )
        batch_op.add_column(sa.Column("instrument_rate_source", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("ratio_new", models.types.ExactDecimal(), nullable=True))
        batch_op.add_column(sa.Column("ratio_old", models.types.ExactDecimal(), nullable=True))
        batch_op.add_column(sa.Column("cost_share", models.types.ExactDecimal(), nullable=True))
        batch_op.add_column(sa.Column("lots", sa.JSON(), nullable=True))
        batch_op.add_column(sa.Column("lot_rates", sa.JSON(), nullable=True))
        batch_op.add_column(
            sa.Column("updated_at", models.types.UtcDateTime(timezone=True), nullable=True)
        )
        batch_op.create_index(
            "ix_transactions_links",
            ["portfolio_id"],
            unique=False,
            sqlite_where=sa.text("related_instrument_id IS NOT NULL OR origin_id IS NOT NULL"),
            postgresql_where=sa.text("related_instrument_id IS NOT NULL OR origin_id IS NOT NULL"),
        )
        batch_op.create_index(batch_op.f("ix_transactions_origin_id"), ["origin_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_transactions_related_instrument_id"),
            ["related_instrument_id"],
            unique=False,
        )
        batch_op.create_foreign_key(
            batch_op.f("fk_transactions_origin_id_transactions"),
            "transactions",
            ["origin_id"],
            ["id"],
            ondelete="SET NULL",
        )
        batch_op.create_foreign_key(
            batch_op.f("fk_transactions_related_instrument_id_instruments"),
            "instruments",
            ["related_instrument_id"],
            ["id"],
        )


def downgrade() -> None:
    """Go back to trades, dividends, interest, cash and charges; all other entries are lost.

    So are those with a fee, tax or instrument in a currency other than their own.
    Positions must be derived anew afterwards (``folioql verify --rebuild``).
    """
    op.execute("DELETE FROM lots")
    op.execute("DELETE FROM positions")
    op.execute("DELETE FROM transaction_revisions")
    op.execute("UPDATE transactions SET origin_id = NULL")
    op.execute(
        "DELETE FROM transactions WHERE kind NOT IN ('BUY', 'SELL', 'DIVIDEND', 'INTEREST', "
        "'DEPOSIT', 'WITHDRAWAL', 'FEE', 'TAX') "
        "OR (quantity IS NULL) <> (price IS NULL) OR (quantity IS NULL) = (amount IS NULL) "
        "OR fee_currency IS NOT NULL OR tax_currency IS NOT NULL "
        "OR instrument_currency IS NOT NULL"
    )

    with op.batch_alter_table("transactions", schema=None) as batch_op:
        batch_op.drop_constraint(
            batch_op.f("fk_transactions_related_instrument_id_instruments"), type_="foreignkey"
        )
        batch_op.drop_constraint(
            batch_op.f("fk_transactions_origin_id_transactions"), type_="foreignkey"
        )
        batch_op.drop_index(batch_op.f("ix_transactions_related_instrument_id"))
        batch_op.drop_index(batch_op.f("ix_transactions_origin_id"))
        batch_op.drop_index(
            "ix_transactions_links",
            sqlite_where=sa.text("related_instrument_id IS NOT NULL OR origin_id IS NOT NULL"),
            postgresql_where=sa.text("related_instrument_id IS NOT NULL OR origin_id IS NOT NULL"),
        )
        batch_op.drop_column("updated_at")
        batch_op.drop_column("lot_rates")
        batch_op.drop_column("lots")
        batch_op.drop_column("cost_share")
        batch_op.drop_column("ratio_old")
        batch_op.drop_column("ratio_new")
        batch_op.drop_column("instrument_rate_source")
        batch_op.drop_column("instrument_rate")
        batch_op.drop_column("instrument_currency")
        batch_op.drop_column("tax_rate_source")
        batch_op.drop_column("tax_rate")
        batch_op.drop_column("tax_currency")
        batch_op.drop_column("fee_rate_source")
        batch_op.drop_column("fee_rate")
        batch_op.drop_column("fee_currency")
        batch_op.drop_column("acquired_at")
        batch_op.drop_column("origin_id")
        batch_op.drop_column("related_instrument_id")
        batch_op.create_check_constraint(
            batch_op.f("ck_transactions_trade_or_amount"),
            "(quantity IS NULL) = (price IS NULL) AND (quantity IS NULL) <> (amount IS NULL)",
        )

    with op.batch_alter_table("positions", schema=None) as batch_op:
        batch_op.alter_column("income", existing_type=models.types.ExactDecimal(), nullable=False)
        batch_op.alter_column("realized", existing_type=models.types.ExactDecimal(), nullable=False)
        batch_op.drop_column("unrated")
        batch_op.drop_column("outflow_days")
        batch_op.drop_column("outflow")
        batch_op.drop_column("inflow_days")
        batch_op.drop_column("inflow")
        batch_op.drop_column("missing")
        batch_op.drop_column("fees_base")
        batch_op.drop_column("fees")

    with op.batch_alter_table("portfolios", schema=None) as batch_op:
        batch_op.drop_column("lot_method")

    with op.batch_alter_table("lots", schema=None) as batch_op:
        batch_op.drop_column("fees_base")
        batch_op.drop_column("fees")

    with op.batch_alter_table("transaction_revisions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_transaction_revisions_transaction_id"))

    op.drop_table("transaction_revisions")
