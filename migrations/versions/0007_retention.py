"""How long a clinic keeps personal data of closed requests, and which requests are erased."""

import sqlalchemy as sa
from alembic import op

revision = "0007_retention"
down_revision = "0006_notices"
branch_labels = None
depends_on = None


def _columns() -> list[tuple[str, sa.Column[object]]]:
    """Return the new columns, made anew: each belongs to one statement."""
    return [
        ("location", sa.Column("retention_days", sa.Integer(), nullable=True)),
        (
            "appointment_request",
            sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True),
        ),
    ]


def upgrade() -> None:
    """Add both, empty: every clinic keeps as long as the group's setting says."""
    if op.get_bind().dialect.name != "postgresql":
        for table, column in _columns():
            op.add_column(table, column)
        return
    # One table after the other: who writes a request locks both, and a lock on both would be a
    # deadlock again and again while many write.
    with op.get_context().autocommit_block():
        for table, column in _columns():
            op.add_column(table, column, if_not_exists=True)


def downgrade() -> None:
    """Drop them; what was erased stays erased, and looks like a request without answers."""
    op.drop_column("appointment_request", "erased_at")
    op.drop_column("location", "retention_days")
