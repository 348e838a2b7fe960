"""What the shared line shows of other clinics' requests: name, clinic and state, no more."""

from collections.abc import Sequence
from dataclasses import dataclass

from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.rules import Action, allowed_actions
from clinicdir.locations.models import Location, LocationStatus
from clinicdir.locations.queries import list_all_locations, on_same_line
from clinicdir.staff.rules import NOWHERE, OnLine, Scope, has_line
from clinicdir.web.staff_labels import patient_words


@dataclass(frozen=True)
class LineHit:
    """One request of another clinic on the line."""

    reference: str
    patient: str
    clinic: str
    status: str
    version: int
    can_take: bool


def line_scope(person: OnLine) -> Scope:
    """Return the other clinics that answer a number of the person's own ones.

    Nowhere without the right to the line, and for an admin, to whom no clinic is another one.
    """
    own = person.scope.location_ids
    if own is None or not has_line(person):
        return NOWHERE
    return Scope(on_same_line(own))


def line_hits(found: Sequence[AppointmentRequest]) -> list[LineHit]:
    """Return the hits on these requests."""
    return [line_hit(request) for request in found]


def line_hit(request: AppointmentRequest) -> LineHit:
    """Return the hit on a request."""
    return LineHit(
        reference=request.reference,
        patient=patient_words(request),
        clinic=request.location.name,
        status=request.status.value,
        version=request.version,
        can_take=not request.erased_at and Action.TRANSFER in allowed_actions(request.status),
    )


def own_places(scope: Scope) -> list[Location]:
    """Return the person's clinics to which a request can be passed on, in seed order."""
    return [
        place
        for place in list_all_locations()
        if scope.holds(place.id) and place.status is not LocationStatus.CLOSED
    ]
