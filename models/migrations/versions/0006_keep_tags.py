"""Keep the tags that users put on instruments."""

import sqlalchemy as sa
from alembic import op

import models.types

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def _identifier() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "tags",
        sa.Column("id", _identifier(), nullable=False),
        sa.Column("owner_id", _identifier(), nullable=False),
        sa.Column("classification", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", models.types.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name=op.f("fk_tags_owner_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tags")),
        sa.UniqueConstraint(
            "owner_id", "classification", "name", name=op.f("uq_tags_owner_id_classification_name")
        ),
    )
    op.create_table(
        "tagged_instruments",
        sa.Column("tag_id", _identifier(), nullable=False),
        sa.Column("instrument_id", _identifier(), nullable=False),
        sa.Column("share", models.types.ExactDecimal(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tag_id"],
            ["tags.id"],
            name=op.f("fk_tagged_instruments_tag_id_tags"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["instrument_id"],
            ["instruments.id"],
            name=op.f("fk_tagged_instruments_instrument_id_instruments"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tag_id", "instrument_id", name=op.f("pk_tagged_instruments")),
    )


def downgrade() -> None:
    op.drop_table("tagged_instruments")
    op.drop_table("tags")
