"""The tables of staff accounts, their locations, sign-ins and one-time links."""

from datetime import datetime

from flask_security import UserMixin
from sqlalchemy import Column, ForeignKey, Index, LargeBinary, Table, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from clinicdir.db import Base, Sealed
from clinicdir.staff.rules import LinkPurpose, Role, Scope, scope_of

staff_location = Table(
    "staff_location",
    Base.metadata,
    Column("staff_id", ForeignKey("staff_member.id"), primary_key=True),
    Column("location_id", ForeignKey("location.id"), primary_key=True, index=True),
)


class StaffMember(Base, UserMixin):
    """A person who answers requests, with one role at some locations."""

    __tablename__ = "staff_member"

    email: Mapped[str] = mapped_column(unique=True)
    password: Mapped[str | None]
    active: Mapped[bool] = mapped_column(default=True)
    fs_uniquifier: Mapped[str] = mapped_column(unique=True)
    role: Mapped[Role]
    shared_line: Mapped[bool] = mapped_column(default=False)
    # Single keys act as shortcuts; speech input and some hands need them off (WCAG 2.1.4).
    shortcuts: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]

    # The target by name: the location table belongs to a lower package, its class is not needed.
    locations: Mapped[list["Location"]] = relationship(  # type: ignore[name-defined]  # noqa: F821
        secondary=staff_location, order_by="Location.ordinal", lazy="selectin"
    )

    @property
    def scope(self) -> Scope:
        """Return the locations whose requests this person may see."""
        return scope_of(self.role, frozenset(location.id for location in self.locations))


class StaffSession(Base):
    """One sign-in; the cookie opens nothing unless this row is live."""

    __tablename__ = "staff_session"
    __table_args__ = (Index("ix_staff_session_staff_id", "staff_id"),)

    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff_member.id"))
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    # When the second factor was given; a sign-in without it opens nothing but the page that asks.
    passed_at: Mapped[datetime | None]
    # The browser and system as it names itself, so that people know their own sign-ins.
    device: Mapped[str] = mapped_column(default="")
    ended_at: Mapped[datetime | None]
    end_reason: Mapped[str | None]


class StaffLink(Base):
    """A link that works once and for a short time; only its hash is kept."""

    __tablename__ = "staff_link"
    __table_args__ = (Index("ix_staff_link_staff_id", "staff_id"),)

    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff_member.id"))
    purpose: Mapped[LinkPurpose]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class StaffFactor(Sealed, Base):
    """The second factor of a person: the sealed secret of an authenticator app (RFC 6238)."""

    __tablename__ = "staff_factor"

    staff_id: Mapped[int] = mapped_column(ForeignKey("staff_member.id"), unique=True)
    made_at: Mapped[datetime]
    # None until the app has shown a right code once.
    confirmed_at: Mapped[datetime | None]
    # The step of the last code taken, so that none counts twice.
    last_step: Mapped[int] = mapped_column(default=0)


class StaffRecoveryCode(Base):
    """A code that stands in once for a lost authenticator app; only its keyed hash is kept."""

    __tablename__ = "staff_recovery_code"
    __table_args__ = (UniqueConstraint("staff_id", "code_hash"),)

    staff_id: Mapped[int] = mapped_column(ForeignKey("staff_member.id"))
    code_hash: Mapped[bytes] = mapped_column(LargeBinary)
    used_at: Mapped[datetime | None]
