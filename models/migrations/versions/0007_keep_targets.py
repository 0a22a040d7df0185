"""Keep what weights portfolios are meant to have."""

import sqlalchemy as sa
from alembic import op

import models.types

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def _identifier() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "target_sets",
        sa.Column("id", _identifier(), nullable=False),
        sa.Column("owner_id", _identifier(), nullable=False),
        sa.Column("portfolio_id", _identifier(), nullable=True),
        sa.Column("dimension", sa.String(), nullable=False),
        sa.Column("classification", sa.String(), nullable=False),
        sa.Column("tolerance", models.types.ExactDecimal(), nullable=False),
        sa.Column("updated_at", models.types.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id"],
            ["users.id"],
            name=op.f("fk_target_sets_owner_id_users"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["portfolio_id"],
            ["portfolios.id"],
            name=op.f("fk_target_sets_portfolio_id_portfolios"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_target_sets")),
        sa.UniqueConstraint(
            "portfolio_id",
            "dimension",
            "classification",
            name=op.f("uq_target_sets_portfolio_id_dimension_classification"),
        ),
    )
    op.create_index(
        "uq_target_sets_of_all",
        "target_sets",
        ["owner_id", "dimension", "classification"],
        unique=True,
        sqlite_where=sa.text("portfolio_id IS NULL"),
        postgresql_where=sa.text("portfolio_id IS NULL"),
    )
    op.create_table(
        "target_weights",
        sa.Column("set_id", _identifier(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("weight", models.types.ExactDecimal(), nullable=False),
        sa.ForeignKeyConstraint(
            ["set_id"],
            ["target_sets.id"],
            name=op.f("fk_target_weights_set_id_target_sets"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("set_id", "key", name=op.f("pk_target_weights")),
    )


def downgrade() -> None:
    op.drop_table("target_weights")
    op.drop_table("target_sets")
