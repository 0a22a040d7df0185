"""Keep tokens of users and shares of portfolios."""

import sqlalchemy as sa
from alembic import op

import models.types

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def _identifier() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "api_tokens",
        sa.Column("id", _identifier(), nullable=False),
        sa.Column("user_id", _identifier(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("scopes", sa.String(), nullable=False),
        sa.Column("lookup", sa.String(), nullable=False),
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("created_at", models.types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("expires_at", models.types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", models.types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", models.types.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name=op.f("fk_api_tokens_user_id_users"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_tokens")),
        sa.UniqueConstraint("lookup", name=op.f("uq_api_tokens_lookup")),
    )
    op.create_index(op.f("ix_api_tokens_user_id"), "api_tokens", ["user_id"])
    op.create_table(
        "portfolio_shares",
        sa.Column("id", _identifier(), nullable=False),
        sa.Column("portfolio_id", _identifier(), nullable=False),
        sa.Column("user_id", _identifier(), nullable=True),
        sa.Column("role", sa.String(), nullable=True),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("lookup", sa.String(), nullable=True),
        sa.Column("token_hash", sa.String(), nullable=True),
        sa.Column("created_at", models.types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("expires_at", models.types.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["portfolio_id"],
            ["portfolios.id"],
            name=op.f("fk_portfolio_shares_portfolio_id_portfolios"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name=op.f("fk_portfolio_shares_user_id_users"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_portfolio_shares")),
        sa.UniqueConstraint("lookup", name=op.f("uq_portfolio_shares_lookup")),
        sa.UniqueConstraint(
            "portfolio_id", "user_id", name=op.f("uq_portfolio_shares_portfolio_id_user_id")
        ),
    )
    op.create_index(op.f("ix_portfolio_shares_user_id"), "portfolio_shares", ["user_id"])


def downgrade() -> None:
    op.drop_table("portfolio_shares")
    op.drop_table("api_tokens")
