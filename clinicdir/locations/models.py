"""The tables of the clinic group, its locations and their contact points."""

import enum
from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from clinicdir.db import Base, Sealed
from clinicdir.locations.rules import TelecomSystem


class LocationStatus(enum.StrEnum):
    """Whether a location takes requests; a closed one is kept, never deleted."""

    OPEN = "open"
    LIMITED = "limited"
    CLOSED = "closed"


class Organization(Base):
    """The clinic group; one row."""

    __tablename__ = "organization"

    name: Mapped[str]
    seed: Mapped[dict[str, Any]] = mapped_column(JSON)


class Location(Base):
    """One place where patients are seen."""

    __tablename__ = "location"
    __table_args__ = (
        # The nearest-clinic box query walks this index on both engines.
        Index("ix_location_latitude_longitude", "latitude", "longitude"),
        CheckConstraint("latitude between -90 and 90", name="latitude"),
        CheckConstraint("longitude between -180 and 180", name="longitude"),
    )

    slug: Mapped[str] = mapped_column(unique=True)
    ordinal: Mapped[int]
    name: Mapped[str]
    line: Mapped[str]
    unit: Mapped[str | None]
    city: Mapped[str]
    state: Mapped[str]
    postal_code: Mapped[str]
    latitude: Mapped[float | None]
    longitude: Mapped[float | None]
    position_source: Mapped[str | None]
    position_error_m: Mapped[int | None]
    position_is_estimate: Mapped[bool]
    time_zone: Mapped[str]
    status: Mapped[LocationStatus] = mapped_column(default=LocationStatus.OPEN)
    notice: Mapped[str | None]
    # In the words of OpenStreetMap's opening_hours; None where nobody has told us.
    hours: Mapped[str | None]
    # Days besides public holidays on which nobody answers, as YYYY-MM-DD.
    closed_days: Mapped[list[str]] = mapped_column(JSON, default=list)
    # How many minutes of open time the desk takes to answer; None makes no promise.
    answers_within_min: Mapped[int | None]
    # How many patients can begin at the same minute; None sets no limit.
    capacity: Mapped[int | None]
    # How long the personal data of closed requests is kept; None: as the group's setting says.
    retention_days: Mapped[int | None]
    # What is left out, not what is taken: a goal that the group adds later is taken at once.
    goals_not_taken: Mapped[list[str]] = mapped_column(JSON, default=list)
    ways_not_used: Mapped[list[str]] = mapped_column(JSON, default=list)
    source: Mapped[str]
    checked_at: Mapped[date | None]
    # What the last seed load wrote, so that a field edited since then is seen and kept.
    seed: Mapped[dict[str, Any]] = mapped_column(JSON)
    version: Mapped[int] = mapped_column(default=1)

    telecom: Mapped[list["Telecom"]] = relationship(
        back_populates="location",
        cascade="all, delete-orphan",
        order_by="Telecom.id",
        lazy="selectin",
    )

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy's own form

    def takes(self, goal: str | None) -> bool:
        """Say whether it takes patients with this goal, None for one that is not told yet."""
        return goal not in self.goals_not_taken

    def contacts_by(self, way: str | None) -> bool:
        """Say whether it contacts patients by this way, None for one that is not told yet."""
        return way not in self.ways_not_used

    def telecom_value(self, system: TelecomSystem) -> str | None:
        """Return the location's first value of a system: E.164 for phone and fax."""
        return next((point.value for point in self.telecom if point.system == system), None)


class Telecom(Base):
    """One contact point; several locations may share a value, so it is unique only here."""

    __tablename__ = "telecom"
    __table_args__ = (
        UniqueConstraint("location_id", "system", "use"),
        Index("ix_telecom_system_value", "system", "value"),
    )

    location_id: Mapped[int] = mapped_column(ForeignKey("location.id"))
    system: Mapped[TelecomSystem]
    use: Mapped[str] = mapped_column(default="work")
    value: Mapped[str]

    location: Mapped[Location] = relationship(back_populates="telecom")


class MistakeReport(Sealed, Base):
    """What a reader says is wrong about a location; sealed, for people write what they like."""

    __tablename__ = "mistake_report"
    __table_args__ = (
        Index("ix_mistake_report_location_id_done_at", "location_id", "done_at"),
        Index("ix_mistake_report_done_at", "done_at"),
    )

    location_id: Mapped[int] = mapped_column(ForeignKey("location.id"))
    at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    done_by: Mapped[int | None] = mapped_column(ForeignKey("staff_member.id"))
