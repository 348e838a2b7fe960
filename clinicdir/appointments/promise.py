"""By when a clinic has said it will answer; never made up where it has said nothing."""

from datetime import datetime

from clinicdir.appointments.models import AppointmentRequest
from clinicdir.locations.hours import after_open_time, hours_of
from clinicdir.locations.models import Location


def promised_by(location: Location, *, arrived_at: datetime) -> datetime | None:
    """Return by when a clinic answers what arrived then, in UTC; None where it makes no promise.

    It counts the clinic's minutes over its open time: real minutes, whatever clocks do.
    """
    hours, minutes = hours_of(location), location.answers_within_min
    if hours is None or minutes is None:
        return None
    return after_open_time(hours, arrived_at, minutes)


def is_overdue(appointment_request: AppointmentRequest, now: datetime) -> bool:
    """Say whether a promise has passed while the patient has heard nothing."""
    return (
        appointment_request.promise_at is not None
        and appointment_request.promise_at < now
        and appointment_request.first_contact_at is None
        and appointment_request.status.is_open
    )
