"""Indexes for lists that read more than they show: who is booked, and mistakes at all clinics."""

from alembic import op

revision = "0008_indexes"
down_revision = "0007_retention"
branch_labels = None
depends_on = None

_INDEXES = (
    (
        "ix_appointment_request_location_id_status_booked_at",
        "appointment_request",
        ["location_id", "status", "booked_at"],
    ),
    ("ix_mistake_report_done_at", "mistake_report", ["done_at"]),
)


def upgrade() -> None:
    """Add them; on PostgreSQL beside those who write, one after the other."""
    if op.get_bind().dialect.name != "postgresql":
        for name, table, columns in _INDEXES:
            op.create_index(name, table, columns)
        return
    with op.get_context().autocommit_block():
        op.execute("set lock_timeout = 0")  # it waits for older transactions, and keeps nobody out
        for name, table, columns in _INDEXES:
            # A run that was killed leaves an index that is not used.
            op.drop_index(name, table, if_exists=True, postgresql_concurrently=True)
            op.create_index(name, table, columns, postgresql_concurrently=True)


def downgrade() -> None:
    """Drop them."""
    for name, table, _ in reversed(_INDEXES):
        op.drop_index(name, table)
