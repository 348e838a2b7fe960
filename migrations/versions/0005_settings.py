"""Which goals a clinic does not take, and by which ways it does not contact patients."""

import sqlalchemy as sa
from alembic import op

revision = "0005_settings"
down_revision = "0004_desk"
branch_labels = None
depends_on = None

_COLUMNS = ("goals_not_taken", "ways_not_used")


def upgrade() -> None:
    """Add both, empty: every clinic goes on taking every goal and using every way."""
    for name in _COLUMNS:
        op.add_column("location", sa.Column(name, sa.JSON(), nullable=False, server_default="[]"))


def downgrade() -> None:
    """Drop them, with what managers chose."""
    for name in reversed(_COLUMNS):
        op.drop_column("location", name)
