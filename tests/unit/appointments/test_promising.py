"""What a clinic promises of its own words alone, and when a promise is overdue."""

from datetime import UTC, datetime, timedelta

import pytest

from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.promise import is_overdue, promised_by
from clinicdir.appointments.rules import Status
from clinicdir.locations.models import Location

TUESDAY_NOON = datetime(2026, 11, 24, 20, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def clinic(hours: str | None, minutes: int | None) -> Location:
    return Location(
        hours=hours, answers_within_min=minutes, time_zone="America/Los_Angeles", closed_days=[]
    )


@pytest.mark.parametrize(
    ("hours", "minutes", "by"),
    [
        ("Mo-Fr 08:00-17:00", 60, TUESDAY_NOON + HOUR),
        ("Mo-Fr 08:00-17:00", 360, TUESDAY_NOON + 21 * HOUR),
        ("Mo-Fr 08:00-17:00", 0, TUESDAY_NOON),
        (None, 60, None),
        ("Mo-Fr 08:00-17:00", None, None),
        ("nobody can read this", 60, None),
    ],
)
def test_promise_is_what_the_clinic_has_said_over_its_hours(
    hours: str | None, minutes: int | None, by: datetime | None
) -> None:
    assert promised_by(clinic(hours, minutes), arrived_at=TUESDAY_NOON) == by


@pytest.mark.parametrize(
    ("late_by", "heard", "status", "overdue"),
    [
        (timedelta(milliseconds=1), False, Status.RECEIVED, True),
        (timedelta(0), False, Status.RECEIVED, False),
        (-HOUR, False, Status.RECEIVED, False),
        (HOUR, True, Status.RECEIVED, False),
        (HOUR, False, Status.WITHDRAWN, False),
        (None, False, Status.RECEIVED, False),
    ],
)
def test_promise_is_overdue_once_it_has_passed_and_nobody_was_heard(
    late_by: timedelta | None, *, heard: bool, status: Status, overdue: bool
) -> None:
    waiting = AppointmentRequest(
        promise_at=None if late_by is None else TUESDAY_NOON - late_by,
        first_contact_at=TUESDAY_NOON if heard else None,
        status=status,
    )
    assert is_overdue(waiting, TUESDAY_NOON) is overdue
