"""What readers say is wrong about a location: taken in, listed, marked as done."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select, true

from clinicdir.audit.operations import record
from clinicdir.audit.rules import Actor, location_chain
from clinicdir.db import db
from clinicdir.errors import NotFound
from clinicdir.locations.models import Location, MistakeReport

TEXT_LENGTH = 1000


@dataclass(frozen=True)
class Mistake:
    """One report, opened."""

    id: int
    location: Location
    at: datetime
    text: str


def report_mistake(location: Location, text: str, *, now: datetime) -> None:
    """Keep what a reader says is wrong, sealed; the page has checked its length."""
    report = MistakeReport(location_id=location.id, at=now)
    report.seal({"text": text.strip()})
    db.session.add(report)
    db.session.flush()


def list_mistakes(location_ids: Collection[int] | None, limit: int) -> list[Mistake]:
    """Return what is not done yet at these locations (None: at all), the oldest first."""
    query = (
        select(MistakeReport, Location)
        .join(Location, Location.id == MistakeReport.location_id)
        .where(MistakeReport.done_at.is_(None), _at(location_ids))
        .order_by(MistakeReport.id)
    )
    rows = db.session.execute(query.limit(limit)).all()
    return [Mistake(row.id, location, row.at, row.unseal()["text"]) for row, location in rows]


def count_mistakes(location_ids: Collection[int] | None) -> int:
    """Return how many are not done yet at these locations (None: at all)."""
    query = select(func.count()).select_from(MistakeReport)
    return db.session.scalar(query.where(MistakeReport.done_at.is_(None), _at(location_ids))) or 0


def close_mistake(
    number: int, location_ids: Collection[int] | None, *, actor: Actor, now: datetime
) -> None:
    """Mark a report as done, once; one at another location is NotFound."""
    query = (
        select(MistakeReport, Location.slug)
        .join(Location, Location.id == MistakeReport.location_id)
        .where(MistakeReport.id == number, _at(location_ids))
        .with_for_update(of=MistakeReport)
    )
    found = db.session.execute(query).one_or_none()
    if found is None:
        raise NotFound
    report, slug = found
    if report.done_at is not None:
        return
    report.done_at, report.done_by = now, actor.staff_id
    chain = location_chain(report.location_id)
    record("mistake_done", actor=actor, now=now, subject=slug, chain=chain)


def _at(location_ids: Collection[int] | None) -> ColumnElement[bool]:
    return true() if location_ids is None else MistakeReport.location_id.in_(location_ids)
