"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001_first_tables"
down_revision = None
branch_labels = None
depends_on = None


_NEVER = "audit entries are never changed or deleted"


def _refuse_changes() -> None:
    """Let the database itself refuse to change or delete an audit entry."""
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("update", "delete"):
            op.execute(
                f"create trigger audit_entry_no_{verb} before {verb} on audit_entry "
                f"begin select raise(abort, '{_NEVER}'); end"
            )
        return
    op.execute(
        "create function refuse_audit_change() returns trigger language plpgsql as "
        f"$$ begin raise exception '{_NEVER}'; end $$"
    )
    op.execute(
        "create trigger audit_entry_no_change before update or delete or truncate on audit_entry "
        "for each statement execute function refuse_audit_change()"
    )


def upgrade() -> None:
    """Make every table of the first release."""
    op.create_table(
        "audit_entry",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("chain", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_kind", sa.String(length=40), nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=True),
        sa.Column("actor_label", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entry")),
        sa.UniqueConstraint("chain", "sequence", name=op.f("uq_audit_entry_chain_sequence")),
    )
    with op.batch_alter_table("audit_entry", schema=None) as batch_op:
        batch_op.create_index(
            "ix_audit_entry_staff_id_action_at", ["staff_id", "action", "at"], unique=False
        )
        batch_op.create_index("ix_audit_entry_subject_at", ["subject", "at"], unique=False)

    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("chain", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_head")),
        sa.UniqueConstraint("chain", name=op.f("uq_audit_head_chain")),
    )
    op.create_table(
        "location",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=True),
        sa.Column("city", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("postal_code", sa.Text(), nullable=False),
        sa.Column("latitude", sa.Double(), nullable=True),
        sa.Column("longitude", sa.Double(), nullable=True),
        sa.Column("position_source", sa.Text(), nullable=True),
        sa.Column("position_error_m", sa.Integer(), nullable=True),
        sa.Column("position_is_estimate", sa.Boolean(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=40), nullable=False),
        sa.Column("notice", sa.Text(), nullable=True),
        sa.Column("hours", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("checked_at", sa.Date(), nullable=True),
        sa.Column("seed", sa.JSON(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("latitude between -90 and 90", name=op.f("ck_location_latitude")),
        sa.CheckConstraint("longitude between -180 and 180", name=op.f("ck_location_longitude")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_location")),
        sa.UniqueConstraint("slug", name=op.f("uq_location_slug")),
    )
    with op.batch_alter_table("location", schema=None) as batch_op:
        batch_op.create_index(
            "ix_location_latitude_longitude", ["latitude", "longitude"], unique=False
        )

    op.create_table(
        "organization",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("seed", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organization")),
    )
    op.create_table(
        "outbox_message",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("message_key", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("channel", sa.String(length=40), nullable=False),
        sa.Column("subject_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("row_key", sa.LargeBinary(length=16), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox_message")),
        sa.UniqueConstraint("message_key", name=op.f("uq_outbox_message_message_key")),
        sa.UniqueConstraint("row_key", name=op.f("uq_outbox_message_row_key")),
    )
    with op.batch_alter_table("outbox_message", schema=None) as batch_op:
        batch_op.create_index("ix_outbox_message_state_due_at", ["state", "due_at"], unique=False)
        batch_op.create_index("ix_outbox_message_subject_id", ["subject_id"], unique=False)

    op.create_table(
        "request_draft",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("submission_key", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_key", sa.LargeBinary(length=16), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_request_draft")),
        sa.UniqueConstraint("row_key", name=op.f("uq_request_draft_row_key")),
        sa.UniqueConstraint("submission_key", name=op.f("uq_request_draft_submission_key")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_request_draft_token_hash")),
    )
    with op.batch_alter_table("request_draft", schema=None) as batch_op:
        batch_op.create_index("ix_request_draft_changed_at", ["changed_at"], unique=False)

    op.create_table(
        "staff_member",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("password", sa.Text(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("fs_uniquifier", sa.Text(), nullable=False),
        sa.Column("role", sa.String(length=40), nullable=False),
        sa.Column("shared_line", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_member")),
        sa.UniqueConstraint("email", name=op.f("uq_staff_member_email")),
        sa.UniqueConstraint("fs_uniquifier", name=op.f("uq_staff_member_fs_uniquifier")),
    )
    op.create_table(
        "appointment_request",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("location_id", sa.Integer(), nullable=False),
        sa.Column("asked_location_id", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=40), nullable=False),
        sa.Column("channel", sa.String(length=40), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("promise_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("submission_key", sa.Text(), nullable=False),
        sa.Column("submission_hash", sa.LargeBinary(), nullable=False),
        sa.Column("link_version", sa.Integer(), nullable=False),
        sa.Column("link_key_id", sa.LargeBinary(), nullable=False),
        sa.Column("link_hash", sa.LargeBinary(), nullable=False),
        sa.Column("goal", sa.Text(), nullable=False),
        sa.Column("body_area", sa.Text(), nullable=True),
        sa.Column("target_month", sa.Date(), nullable=True),
        sa.Column("stopped", sa.JSON(), nullable=False),
        sa.Column("for_whom", sa.Text(), nullable=False),
        sa.Column("contact_by", sa.Text(), nullable=False),
        sa.Column("best_time", sa.Text(), nullable=True),
        sa.Column("voicemail_ok", sa.Boolean(), nullable=False),
        sa.Column("windows", sa.JSON(), nullable=False),
        sa.Column("is_returning", sa.Text(), nullable=True),
        sa.Column("referral", sa.Text(), nullable=True),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("interpreter", sa.Boolean(), nullable=False),
        sa.Column("short_notice", sa.Boolean(), nullable=False),
        sa.Column("consent_version", sa.Text(), nullable=False),
        sa.Column("consented_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("phone_hash", sa.LargeBinary(), nullable=True),
        sa.Column("phone_last4_hash", sa.LargeBinary(), nullable=True),
        sa.Column("email_hash", sa.LargeBinary(), nullable=True),
        sa.Column("claimed_by", sa.Integer(), nullable=True),
        sa.Column("claimed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("booked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decline_reason", sa.Text(), nullable=True),
        sa.Column("duplicate_of", sa.Integer(), nullable=True),
        sa.Column("row_key", sa.LargeBinary(length=16), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["claimed_by"], ["staff_member.id"], name=op.f("fk_appointment_request_claimed_by")
        ),
        sa.ForeignKeyConstraint(
            ["duplicate_of"],
            ["appointment_request.id"],
            name=op.f("fk_appointment_request_duplicate_of"),
        ),
        sa.ForeignKeyConstraint(
            ["location_id"], ["location.id"], name=op.f("fk_appointment_request_location_id")
        ),
        sa.ForeignKeyConstraint(
            ["asked_location_id"],
            ["location.id"],
            name=op.f("fk_appointment_request_asked_location_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_appointment_request")),
        sa.UniqueConstraint("link_hash", name=op.f("uq_appointment_request_link_hash")),
        sa.UniqueConstraint("reference", name=op.f("uq_appointment_request_reference")),
        sa.UniqueConstraint("row_key", name=op.f("uq_appointment_request_row_key")),
        sa.UniqueConstraint("submission_key", name=op.f("uq_appointment_request_submission_key")),
    )
    with op.batch_alter_table("appointment_request", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_appointment_request_email_hash"), ["email_hash"], unique=False
        )
        batch_op.create_index(
            "ix_appointment_request_location_id_status_created_at",
            ["location_id", "status", "created_at"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_appointment_request_phone_hash"), ["phone_hash"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_appointment_request_phone_last4_hash"),
            ["phone_last4_hash"],
            unique=False,
        )
        batch_op.create_index(
            "ix_appointment_request_status_created_at", ["status", "created_at"], unique=False
        )

    op.create_table(
        "staff_link",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=False),
        sa.Column("purpose", sa.String(length=40), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["staff_id"], ["staff_member.id"], name=op.f("fk_staff_link_staff_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_link")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_staff_link_token_hash")),
    )
    with op.batch_alter_table("staff_link", schema=None) as batch_op:
        batch_op.create_index("ix_staff_link_staff_id", ["staff_id"], unique=False)

    op.create_table(
        "staff_location",
        sa.Column("staff_id", sa.Integer(), nullable=False),
        sa.Column("location_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["location_id"], ["location.id"], name=op.f("fk_staff_location_location_id")
        ),
        sa.ForeignKeyConstraint(
            ["staff_id"], ["staff_member.id"], name=op.f("fk_staff_location_staff_id")
        ),
        sa.PrimaryKeyConstraint("staff_id", "location_id", name=op.f("pk_staff_location")),
    )
    with op.batch_alter_table("staff_location", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_staff_location_location_id"), ["location_id"], unique=False
        )

    op.create_table(
        "staff_session",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["staff_id"], ["staff_member.id"], name=op.f("fk_staff_session_staff_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_session")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_staff_session_token_hash")),
    )
    with op.batch_alter_table("staff_session", schema=None) as batch_op:
        batch_op.create_index("ix_staff_session_staff_id", ["staff_id"], unique=False)

    op.create_table(
        "telecom",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("location_id", sa.Integer(), nullable=False),
        sa.Column("system", sa.String(length=40), nullable=False),
        sa.Column("use", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["location_id"], ["location.id"], name=op.f("fk_telecom_location_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_telecom")),
        sa.UniqueConstraint(
            "location_id", "system", "use", name=op.f("uq_telecom_location_id_system_use")
        ),
    )
    with op.batch_alter_table("telecom", schema=None) as batch_op:
        batch_op.create_index("ix_telecom_system_value", ["system", "value"], unique=False)

    op.create_table(
        "name_word",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("request_id", sa.Integer(), nullable=False),
        sa.Column("word_hash", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"], ["appointment_request.id"], name=op.f("fk_name_word_request_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_name_word")),
        sa.UniqueConstraint(
            "request_id", "word_hash", name=op.f("uq_name_word_request_id_word_hash")
        ),
    )
    with op.batch_alter_table("name_word", schema=None) as batch_op:
        batch_op.create_index("ix_name_word_word_hash", ["word_hash"], unique=False)

    op.create_table(
        "request_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("request_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_kind", sa.String(length=40), nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=True),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("from_status", sa.String(length=40), nullable=True),
        sa.Column("to_status", sa.String(length=40), nullable=False),
        sa.Column("row_key", sa.LargeBinary(length=16), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"], ["appointment_request.id"], name=op.f("fk_request_event_request_id")
        ),
        sa.ForeignKeyConstraint(
            ["staff_id"], ["staff_member.id"], name=op.f("fk_request_event_staff_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_request_event")),
        sa.UniqueConstraint("row_key", name=op.f("uq_request_event_row_key")),
    )
    with op.batch_alter_table("request_event", schema=None) as batch_op:
        batch_op.create_index("ix_request_event_request_id", ["request_id"], unique=False)

    op.create_table(
        "request_location",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("request_id", sa.Integer(), nullable=False),
        sa.Column("location_id", sa.Integer(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["location_id"], ["location.id"], name=op.f("fk_request_location_location_id")
        ),
        sa.ForeignKeyConstraint(
            ["request_id"], ["appointment_request.id"], name=op.f("fk_request_location_request_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_request_location")),
        sa.UniqueConstraint(
            "request_id", "location_id", name=op.f("uq_request_location_request_id_location_id")
        ),
    )
    _refuse_changes()


def downgrade() -> None:
    """Drop them all, with everything in them."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("drop trigger audit_entry_no_change on audit_entry")
        op.execute("drop function refuse_audit_change()")
    op.drop_table("request_location")
    with op.batch_alter_table("request_event", schema=None) as batch_op:
        batch_op.drop_index("ix_request_event_request_id")

    op.drop_table("request_event")
    with op.batch_alter_table("name_word", schema=None) as batch_op:
        batch_op.drop_index("ix_name_word_word_hash")

    op.drop_table("name_word")
    with op.batch_alter_table("telecom", schema=None) as batch_op:
        batch_op.drop_index("ix_telecom_system_value")

    op.drop_table("telecom")
    with op.batch_alter_table("staff_session", schema=None) as batch_op:
        batch_op.drop_index("ix_staff_session_staff_id")

    op.drop_table("staff_session")
    with op.batch_alter_table("staff_location", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_staff_location_location_id"))

    op.drop_table("staff_location")
    with op.batch_alter_table("staff_link", schema=None) as batch_op:
        batch_op.drop_index("ix_staff_link_staff_id")

    op.drop_table("staff_link")
    with op.batch_alter_table("appointment_request", schema=None) as batch_op:
        batch_op.drop_index("ix_appointment_request_status_created_at")
        batch_op.drop_index(batch_op.f("ix_appointment_request_phone_last4_hash"))
        batch_op.drop_index(batch_op.f("ix_appointment_request_phone_hash"))
        batch_op.drop_index("ix_appointment_request_location_id_status_created_at")
        batch_op.drop_index(batch_op.f("ix_appointment_request_email_hash"))

    op.drop_table("appointment_request")
    op.drop_table("staff_member")
    with op.batch_alter_table("request_draft", schema=None) as batch_op:
        batch_op.drop_index("ix_request_draft_changed_at")

    op.drop_table("request_draft")
    with op.batch_alter_table("outbox_message", schema=None) as batch_op:
        batch_op.drop_index("ix_outbox_message_subject_id")
        batch_op.drop_index("ix_outbox_message_state_due_at")

    op.drop_table("outbox_message")
    op.drop_table("organization")
    with op.batch_alter_table("location", schema=None) as batch_op:
        batch_op.drop_index("ix_location_latitude_longitude")

    op.drop_table("location")
    op.drop_table("audit_head")
    with op.batch_alter_table("audit_entry", schema=None) as batch_op:
        batch_op.drop_index("ix_audit_entry_subject_at")
        batch_op.drop_index("ix_audit_entry_staff_id_action_at")

    op.drop_table("audit_entry")
