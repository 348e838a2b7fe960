"""What notices need: leases that name their worker, jobs to follow, channels of a clinic."""

import sqlalchemy as sa
from alembic import op

revision = "0006_notices"
down_revision = "0005_settings"
branch_labels = None
depends_on = None


def _columns() -> list[sa.Column[object]]:
    """Return the new columns of a message, made anew: each belongs to one statement."""
    return [
        sa.Column("leased_by", sa.Text(), nullable=True),
        sa.Column("follows_id", sa.Integer(), nullable=True),
        sa.Column("troubled_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("job", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
    ]


def upgrade() -> None:
    """Add columns and tables; what waits goes on waiting."""
    for column in _columns():
        op.add_column("outbox_message", column)
    op.create_index("ix_outbox_message_follows_id", "outbox_message", ["follows_id"])
    op.create_index("ix_outbox_message_job", "outbox_message", ["job"])
    op.create_table(
        "channel_state",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(length=40), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("paused_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("troubled_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_channel_state")),
        sa.UniqueConstraint("channel", name=op.f("uq_channel_state_channel")),
    )
    op.create_table(
        "delivery_worker",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("beat_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery_worker")),
        sa.UniqueConstraint("name", name=op.f("uq_delivery_worker_name")),
    )
    op.create_table(
        "notice_plan",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("location_id", sa.Integer(), nullable=False),
        sa.Column("quiet_from_min", sa.Integer(), nullable=True),
        sa.Column("quiet_until_min", sa.Integer(), nullable=True),
        sa.Column("digested_on", sa.Date(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("row_key", sa.LargeBinary(length=16), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["location_id"], ["location.id"], name=op.f("fk_notice_plan_location_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice_plan")),
        sa.UniqueConstraint("location_id", name=op.f("uq_notice_plan_location_id")),
        sa.UniqueConstraint("row_key", name=op.f("uq_notice_plan_row_key")),
    )
    op.create_table(
        "notice_channel",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("plan_id", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(length=40), nullable=False),
        sa.Column("follows", sa.String(length=40), nullable=True),
        sa.Column("after_min", sa.Integer(), nullable=False),
        sa.Column("row_key", sa.LargeBinary(length=16), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["plan_id"], ["notice_plan.id"], name=op.f("fk_notice_channel_plan_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice_channel")),
        sa.UniqueConstraint("plan_id", "channel", name=op.f("uq_notice_channel_plan_id_channel")),
        sa.UniqueConstraint("row_key", name=op.f("uq_notice_channel_row_key")),
    )


def downgrade() -> None:
    """Drop them, with everything in them."""
    op.drop_table("notice_channel")
    op.drop_table("notice_plan")
    op.drop_table("delivery_worker")
    op.drop_table("channel_state")
    op.drop_index("ix_outbox_message_job", "outbox_message")
    op.drop_index("ix_outbox_message_follows_id", "outbox_message")
    for column in reversed(_columns()):
        op.drop_column("outbox_message", column.name)
