"""What the factory hands to the audiences: settings, the group's lists, the finder."""

from dataclasses import dataclass
from pathlib import Path

from flask import current_app

from clinicdir.appointments.intake import Intake
from clinicdir.appointments.knowledge import Knowledge
from clinicdir.finder.online import Service
from clinicdir.finder.queries import Geocoder
from clinicdir.settings import Settings


@dataclass(frozen=True)
class Parts:
    """The app's parts that are made once and only read."""

    settings: Settings
    intake: Intake
    knowledge: Knowledge
    seeds: Path
    geocoder: Geocoder
    # The service that a street address may be sent to; None where none ever is.
    online: Service | None = None


def parts() -> Parts:
    """Return the parts of the present app."""
    made: Parts = current_app.extensions["clinicdir"]
    return made
