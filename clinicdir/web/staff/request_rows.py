"""The rows of a list of requests, as the inbox and the search show them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.operations import lease_holder
from clinicdir.staff.queries import names_of
from clinicdir.web.answers import area_words, goal_line_of
from clinicdir.web.language import gettext
from clinicdir.web.parts import parts
from clinicdir.web.staff_labels import patient_words


@dataclass(frozen=True)
class RequestRow:
    """One request of a list; `holder` says in words who is on it, empty where nobody is."""

    request: AppointmentRequest
    patient: str
    phone: str | None
    phone_e164: str | None
    goal: str
    area: str
    holder: str


def request_rows(
    found: Sequence[AppointmentRequest], reader_id: int, *, now: datetime
) -> list[RequestRow]:
    """Return the rows of these requests for a reader."""
    holders = {request.id: lease_holder(request, now=now) for request in found}
    names = names_of({holder for holder in holders.values() if holder is not None})
    words = {staff_id: gettext("%(who)s is on it", who=name) for staff_id, name in names.items()}
    words[reader_id] = gettext("you are on it")
    return [_row(request, words.get(holders[request.id] or 0, ""), now) for request in found]


def _row(request: AppointmentRequest, holder: str, now: datetime) -> RequestRow:
    personal = request.personal
    return RequestRow(
        request=request,
        patient=patient_words(request),
        phone=personal["phone"],
        phone_e164=personal["phone_e164"],
        goal=goal_line_of(request, parts().intake, now=now),
        area=area_words(request.body_area, parts().intake),
        holder=holder,
    )
