"""What a desk needs: second factors, sign-ins that name their device, times held, tries again."""

import sqlalchemy as sa
from alembic import op

revision = "0004_desk"
down_revision = "0003_request_life"
branch_labels = None
depends_on = None


def _columns() -> list[tuple[str, sa.Column[object]]]:
    """Return the new columns, made anew: each belongs to one statement."""
    return [
        (
            "appointment_request",
            sa.Column("try_again_at", sa.DateTime(timezone=True), nullable=True),
        ),
        (
            "appointment_request",
            sa.Column("email_refused_at", sa.DateTime(timezone=True), nullable=True),
        ),
        ("location", sa.Column("capacity", sa.Integer(), nullable=True)),
        (
            "staff_member",
            sa.Column("shortcuts", sa.Boolean(), nullable=False, server_default=sa.true()),
        ),
        ("staff_session", sa.Column("passed_at", sa.DateTime(timezone=True), nullable=True)),
        ("staff_session", sa.Column("device", sa.Text(), nullable=False, server_default="")),
    ]


def upgrade() -> None:
    """Add tables and columns; whoever is signed in stays so."""
    for table, column in _columns():
        op.add_column(table, column)
    op.execute("update staff_session set passed_at = created_at")
    op.create_table(
        "held_time",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("location_id", sa.Integer(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("request_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["location_id"], ["location.id"], name=op.f("fk_held_time_location_id")
        ),
        sa.ForeignKeyConstraint(
            ["request_id"], ["appointment_request.id"], name=op.f("fk_held_time_request_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_held_time")),
        sa.UniqueConstraint(
            "location_id",
            "starts_at",
            "place",
            name=op.f("uq_held_time_location_id_starts_at_place"),
        ),
    )
    op.create_index("ix_held_time_request_id", "held_time", ["request_id"])
    op.create_table(
        "staff_factor",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_step", sa.Integer(), nullable=False),
        sa.Column("row_key", sa.LargeBinary(length=16), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["staff_id"], ["staff_member.id"], name=op.f("fk_staff_factor_staff_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_factor")),
        sa.UniqueConstraint("row_key", name=op.f("uq_staff_factor_row_key")),
        sa.UniqueConstraint("staff_id", name=op.f("uq_staff_factor_staff_id")),
    )
    op.create_table(
        "staff_recovery_code",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["staff_id"], ["staff_member.id"], name=op.f("fk_staff_recovery_code_staff_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_recovery_code")),
        sa.UniqueConstraint(
            "staff_id", "code_hash", name=op.f("uq_staff_recovery_code_staff_id_code_hash")
        ),
    )


def downgrade() -> None:
    """Drop them, with everything in them."""
    op.drop_table("staff_recovery_code")
    op.drop_table("staff_factor")
    op.drop_index("ix_held_time_request_id", "held_time")
    op.drop_table("held_time")
    for table, column in reversed(_columns()):
        op.drop_column(table, column.name)
