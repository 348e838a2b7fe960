"""The tables of a patient's request: its life, its history and the draft before it."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from clinicdir.appointments.rules import Action, OfferState, RequestChannel, Status
from clinicdir.audit.rules import ActorKind
from clinicdir.db import Base, Sealed
from clinicdir.locations.models import Location

# The link of a request whose key is no more stands among the sealed fields under this name,
# and the name of its key is then empty.
LINK = "link"
KEPT_LINK = b""


class AppointmentRequest(Sealed, Base):
    """A patient's wish for an appointment at one location; not a booking.

    Sealed: patient_name, asker_name, relation, birth_date, phone, phone_e164, email, goal_text,
    tried, note, access_needs. Everything else is plain, so that lists can sort and filter by it.
    """

    __tablename__ = "appointment_request"
    __table_args__ = (
        Index(
            "ix_appointment_request_location_id_status_created_at",
            "location_id",
            "status",
            "created_at",
        ),
        Index("ix_appointment_request_status_created_at", "status", "created_at"),
        Index(
            "ix_appointment_request_location_id_status_due_at", "location_id", "status", "due_at"
        ),
        Index("ix_appointment_request_status_due_at", "status", "due_at"),
        Index(
            "ix_appointment_request_location_id_status_booked_at",
            "location_id",
            "status",
            "booked_at",
        ),
    )

    reference: Mapped[str] = mapped_column(unique=True)
    location_id: Mapped[int] = mapped_column(ForeignKey("location.id"))
    # Where it went at first: a repeated key is answered as the first time, wherever it is now.
    asked_location_id: Mapped[int] = mapped_column(ForeignKey("location.id"))
    status: Mapped[Status]
    channel: Mapped[RequestChannel]
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    promise_at: Mapped[datetime | None]
    # What lists are sorted by: the promise, else the arrival.
    due_at: Mapped[datetime]
    # When staff first told the patient something: what the promise is measured by.
    first_contact_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)
    # Counts changes of the answers alone, so that a claim does not make a patient's page stale.
    answers_version: Mapped[int] = mapped_column(default=1)

    submission_key: Mapped[str] = mapped_column(unique=True)
    submission_hash: Mapped[bytes] = mapped_column(LargeBinary)
    link_version: Mapped[int] = mapped_column(default=1)
    link_key_id: Mapped[bytes] = mapped_column(LargeBinary)
    link_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)

    goal: Mapped[str]
    body_area: Mapped[str | None]
    target_month: Mapped[date | None]
    stopped: Mapped[list[str]] = mapped_column(JSON)
    for_whom: Mapped[str]
    contact_by: Mapped[str]
    best_time: Mapped[str | None]
    voicemail_ok: Mapped[bool]
    windows: Mapped[list[dict[str, str]]] = mapped_column(JSON)
    returning: Mapped[str | None] = mapped_column("is_returning")  # the word alone is reserved
    referral: Mapped[str | None]
    language: Mapped[str | None]
    interpreter: Mapped[bool]
    short_notice: Mapped[bool]
    consent_version: Mapped[str]
    consented_at: Mapped[datetime]
    locale: Mapped[str]
    source: Mapped[str | None]

    phone_hash: Mapped[bytes | None] = mapped_column(LargeBinary, index=True)
    phone_last4_hash: Mapped[bytes | None] = mapped_column(LargeBinary, index=True)
    email_hash: Mapped[bytes | None] = mapped_column(LargeBinary, index=True)

    claimed_by: Mapped[int | None] = mapped_column(ForeignKey("staff_member.id"))
    claimed_until: Mapped[datetime | None]
    # Until when the row is out of the lists, after somebody tried to reach the patient.
    try_again_at: Mapped[datetime | None]
    # When the patient's mail server refused the address: call instead.
    email_refused_at: Mapped[datetime | None]
    booked_at: Mapped[datetime | None]
    # SEQUENCE of the calendar entry (RFC 5545): raised with each booking and its end.
    calendar_sequence: Mapped[int] = mapped_column(default=0)
    suspicions: Mapped[list[str]] = mapped_column(JSON, default=list)
    decline_reason: Mapped[str | None]
    duplicate_of: Mapped[int | None] = mapped_column(ForeignKey("appointment_request.id"))
    # When its personal data was erased; from then on nothing moves it, and no link opens it.
    erased_at: Mapped[datetime | None]

    location: Mapped[Location] = relationship(
        foreign_keys=[location_id], lazy="joined", innerjoin=True
    )
    asked_location: Mapped[Location] = relationship(foreign_keys=[asked_location_id])
    events: Mapped[list["RequestEvent"]] = relationship(order_by="RequestEvent.id")

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy's own form

    @property
    def personal(self) -> dict[str, Any]:
        """Return the sealed answers, opened; never log them."""
        return {name: value for name, value in self.unseal().items() if name != LINK}


class RequestEvent(Sealed, Base):
    """One line of a request's history; its words (a reason, a note) are sealed."""

    __tablename__ = "request_event"
    __table_args__ = (Index("ix_request_event_request_id", "request_id"),)

    request_id: Mapped[int] = mapped_column(ForeignKey("appointment_request.id"))
    at: Mapped[datetime]
    actor_kind: Mapped[ActorKind]
    staff_id: Mapped[int | None] = mapped_column(ForeignKey("staff_member.id"))
    action: Mapped[Action]
    from_status: Mapped[Status | None]
    to_status: Mapped[Status]


class Offer(Base):
    """A time held out to the patient; of those of one request, one is taken at most."""

    __tablename__ = "offer"
    __table_args__ = (
        Index("ix_offer_request_id", "request_id"),
        Index("ix_offer_state_starts_at", "state", "starts_at"),
    )

    request_id: Mapped[int] = mapped_column(ForeignKey("appointment_request.id"))
    location_id: Mapped[int] = mapped_column(ForeignKey("location.id"))
    starts_at: Mapped[datetime]
    made_at: Mapped[datetime]
    made_by: Mapped[int | None] = mapped_column(ForeignKey("staff_member.id"))
    state: Mapped[OfferState]


class HeldTime(Base):
    """One of the places that a location has at a time: held by an offer or a booking.

    Where a manager has set a capacity, the unique key is what refuses one too many.
    """

    __tablename__ = "held_time"
    __table_args__ = (
        UniqueConstraint("location_id", "starts_at", "place"),
        Index("ix_held_time_request_id", "request_id"),
    )

    location_id: Mapped[int] = mapped_column(ForeignKey("location.id"))
    starts_at: Mapped[datetime]
    place: Mapped[int]
    request_id: Mapped[int] = mapped_column(ForeignKey("appointment_request.id"))


class RequestLocation(Base):
    """A location that the patient ticked, in the order of ticking; the first open one got it."""

    __tablename__ = "request_location"
    __table_args__ = (UniqueConstraint("request_id", "location_id"),)

    request_id: Mapped[int] = mapped_column(ForeignKey("appointment_request.id"))
    location_id: Mapped[int] = mapped_column(ForeignKey("location.id"))
    ordinal: Mapped[int]


class NameWord(Base):
    """The keyed hash of one word of a request's names, by which whole words are found."""

    __tablename__ = "name_word"
    __table_args__ = (
        UniqueConstraint("request_id", "word_hash"),
        Index("ix_name_word_word_hash", "word_hash"),
    )

    request_id: Mapped[int] = mapped_column(ForeignKey("appointment_request.id"))
    word_hash: Mapped[bytes] = mapped_column(LargeBinary)


class RequestDraft(Sealed, Base):
    """Answers of a form that is not sent yet: sealed, found by a cookie, gone in a day."""

    __tablename__ = "request_draft"
    __table_args__ = (Index("ix_request_draft_changed_at", "changed_at"),)

    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    submission_key: Mapped[str] = mapped_column(unique=True)
    changed_at: Mapped[datetime]
