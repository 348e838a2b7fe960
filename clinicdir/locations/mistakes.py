"""Takes in what readers say is wrong about a location."""

from datetime import datetime

from clinicdir.db import db
from clinicdir.locations.models import Location, MistakeReport


def report_mistake(location: Location, text: str, *, now: datetime) -> None:
    """Store what a reader says is wrong about a location, sealed, for its managers."""
    report = MistakeReport(location_id=location.id, at=now)
    report.seal({"text": text})
    db.session.add(report)
    db.session.flush()
