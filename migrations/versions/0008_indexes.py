"""Indexes for lists that read more than they show: who is booked, and mistakes at all clinics."""

from alembic import op

revision = "0008_indexes"
down_revision = "0007_retention"
branch_labels = None
depends_on = None

_BOOKED = "ix_appointment_request_location_id_status_booked_at"


def upgrade() -> None:
    """Add them."""
    columns = ["location_id", "status", "booked_at"]
    op.create_index(_BOOKED, "appointment_request", columns)
    op.create_index("ix_mistake_report_done_at", "mistake_report", ["done_at"])


def downgrade() -> None:
    """Drop them."""
    op.drop_index("ix_mistake_report_done_at", "mistake_report")
    op.drop_index(_BOOKED, "appointment_request")
