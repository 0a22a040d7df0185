"""Keep alerts and their events."""

import sqlalchemy as sa
from alembic import op

import models.types

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def _identifier() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _moment(name: str, *, nullable: bool = False) -> sa.Column[sa.types.DateTime]:
    return sa.Column(name, models.types.UtcDateTime(timezone=True), nullable=nullable)


def _reference(table: str, name: str, to: str, *, cascade: bool = True) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [name],
        [f"{to}.id"],
        name=op.f(f"fk_{table}_{name}_{to}"),
        ondelete="CASCADE" if cascade else None,
    )


def upgrade() -> None:
    op.create_table(
        "alerts",
        sa.Column("id", _identifier(), nullable=False),
        sa.Column("user_id", _identifier(), nullable=False),
        sa.Column("instrument_id", _identifier(), nullable=False),
        sa.Column("measure", sa.String(), nullable=False),
        sa.Column("direction", sa.String(), nullable=False),
        sa.Column("threshold", models.types.ExactDecimal(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("reference_price", models.types.ExactDecimal(), nullable=True),
        sa.Column("repeats", sa.Boolean(), nullable=False),
        sa.Column("note", sa.String(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("times_triggered", sa.Integer(), nullable=False),
        _moment("created_at"),
        _moment("changed_at"),
        _moment("expires_at", nullable=True),
        _moment("armed_at", nullable=True),
        _moment("triggered_at", nullable=True),
        _moment("judged_at", nullable=True),
        sa.Column("judged_close", models.types.ExactDecimal(), nullable=True),
        _reference("alerts", "user_id", "users"),
        _reference("alerts", "instrument_id", "instruments", cascade=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alerts")),
    )
    op.create_table(
        "alert_events",
        sa.Column("id", _identifier(), nullable=False),
        sa.Column("alert_id", _identifier(), nullable=False),
        sa.Column("user_id", _identifier(), nullable=False),
        sa.Column("threshold", models.types.ExactDecimal(), nullable=False),
        sa.Column("price", models.types.ExactDecimal(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("base", models.types.ExactDecimal(), nullable=True),
        _moment("as_of"),
        sa.Column("source", sa.String(), nullable=False),
        _moment("triggered_at"),
        _moment("delivered_at", nullable=True),
        _reference("alert_events", "alert_id", "alerts"),
        _reference("alert_events", "user_id", "users"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_events")),
        sqlite_autoincrement=True,
    )
    for table, column in (
        ("alerts", "user_id"),
        ("alerts", "instrument_id"),
        ("alerts", "changed_at"),
        ("alert_events", "alert_id"),
        ("alert_events", "user_id"),
        ("alert_events", "delivered_at"),
    ):
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column])


def downgrade() -> None:
    op.drop_table("alert_events")
    op.drop_table("alerts")
