"""Offers, promises, suspicions and changes of a request; hours and reported mistakes."""

import sqlalchemy as sa
from alembic import op

revision = "0003_request_life"
down_revision = "0002_finder_points"
branch_labels = None
depends_on = None

_REQUEST = "appointment_request"


def upgrade() -> None:
    """Add tables and columns; what is there keeps its arrival as the time it is sorted by."""
    op.create_table(
        "mistake_report",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("location_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_by", sa.Integer(), nullable=True),
        sa.Column("row_key", sa.LargeBinary(length=16), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["done_by"], ["staff_member.id"], name=op.f("fk_mistake_report_done_by")
        ),
        sa.ForeignKeyConstraint(
            ["location_id"], ["location.id"], name=op.f("fk_mistake_report_location_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mistake_report")),
        sa.UniqueConstraint("row_key", name=op.f("uq_mistake_report_row_key")),
    )
    op.create_index(
        "ix_mistake_report_location_id_done_at", "mistake_report", ["location_id", "done_at"]
    )
    op.create_table(
        "offer",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("request_id", sa.Integer(), nullable=False),
        sa.Column("location_id", sa.Integer(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["location_id"], ["location.id"], name=op.f("fk_offer_location_id")
        ),
        sa.ForeignKeyConstraint(["made_by"], ["staff_member.id"], name=op.f("fk_offer_made_by")),
        sa.ForeignKeyConstraint(
            ["request_id"], ["appointment_request.id"], name=op.f("fk_offer_request_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offer")),
    )
    op.create_index("ix_offer_request_id", "offer", ["request_id"])
    op.create_index("ix_offer_state_starts_at", "offer", ["state", "starts_at"])
    _add_to_requests()
    op.add_column(
        "location", sa.Column("closed_days", sa.JSON(), nullable=False, server_default="[]")
    )
    op.add_column("location", sa.Column("answers_within_min", sa.Integer(), nullable=True))


def _add_to_requests() -> None:
    for column in (
        sa.Column("first_contact_at", sa.DateTime(timezone=True), nullable=True),
        # Code from before this version writes no such time: its rows then stand first in lists.
        sa.Column(
            "due_at", sa.DateTime(timezone=True), nullable=False, server_default="1970-01-01 00:00"
        ),
        sa.Column("answers_version", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("calendar_sequence", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("suspicions", sa.JSON(), nullable=False, server_default="[]"),
    ):
        op.add_column(_REQUEST, column)
    op.execute("update appointment_request set due_at = created_at")
    for columns in (["location_id", "status", "due_at"], ["status", "due_at"]):
        op.create_index(f"ix_{_REQUEST}_{'_'.join(columns)}", _REQUEST, columns)


def downgrade() -> None:
    """Drop them, with everything in them."""
    op.drop_column("location", "answers_within_min")
    op.drop_column("location", "closed_days")
    op.drop_index("ix_appointment_request_location_id_status_due_at", _REQUEST)
    op.drop_index("ix_appointment_request_status_due_at", _REQUEST)
    for name in (
        "suspicions",
        "calendar_sequence",
        "answers_version",
        "due_at",
        "first_contact_at",
    ):
        op.drop_column(_REQUEST, name)
    op.drop_index("ix_offer_state_starts_at", "offer")
    op.drop_index("ix_offer_request_id", "offer")
    op.drop_table("offer")
    op.drop_index("ix_mistake_report_location_id_done_at", "mistake_report")
    op.drop_table("mistake_report")
