"""Tell by a version whether rates of a currency were written."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rate_versions",
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("currency", name="pk_rate_versions"),
    )


def downgrade() -> None:
    op.drop_table("rate_versions")
