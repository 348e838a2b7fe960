"""How long a clinic keeps personal data of closed requests, and which requests are erased."""

import sqlalchemy as sa
from alembic import op

revision = "0007_retention"
down_revision = "0006_notices"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add both, empty: every clinic keeps as long as the group's setting says."""
    op.add_column("location", sa.Column("retention_days", sa.Integer(), nullable=True))
    op.add_column(
        "appointment_request", sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True)
    )


def downgrade() -> None:
    """Drop them; what was erased stays erased, and looks like a request without answers."""
    op.drop_column("appointment_request", "erased_at")
    op.drop_column("location", "retention_days")
