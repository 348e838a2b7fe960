"""What a patient takes along: the calendar entry read back, and the fax cover sheet."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient
from icalendar import Calendar
from sqlalchemy import update

from clinicdir.appointments.arrival import link_token
from clinicdir.appointments.links import renew_link
from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.rules import Status, show_reference
from clinicdir.audit.rules import OPERATOR
from clinicdir.db import db, transaction
from clinicdir.locations.models import Telecom
from clinicdir.locations.queries import get_location
from tests.conftest import Clock
from tests.own import checked, in_days, make_own
from tests.pages import main_text
from tests.tables import rows

HEALTH: dict[str, Any] = {"goal": "other", "goal_text": "Tapir", "tried": "Gnu", "note": "Ibex"}


def entry(client: FlaskClient, own: str) -> tuple[Any, Any]:
    """Return the calendar of a link and its one entry."""
    answer = client.get(f"{own}/calendar.ics")
    assert (answer.status_code, answer.content_type) == (200, "text/calendar; charset=utf-8")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="appointment.ics"'
    assert answer.headers["Cache-Control"] == "no-store"
    calendar = Calendar.from_ical(answer.get_data())
    (event,) = calendar.walk("VEVENT")
    return calendar, event


def test_entry_says_when_and_where_and_nothing_of_health(
    app: Flask, client: FlaskClient, frozen: Clock
) -> None:
    at = datetime(2026, 12, 1, 22, 30, tzinfo=UTC)
    own = make_own(app, Status.BOOKED, booked_at=at, location="bellevue", **HEALTH)
    (reference,) = rows(app, "appointment_request", "reference")
    calendar, event = entry(client, own)
    assert {
        name: str(event[name]) for name in ("SUMMARY", "LOCATION", "DESCRIPTION", "STATUS")
    } == {
        "SUMMARY": "Appointment at Bellevue",
        "LOCATION": "Bellevue, 13112 NE 20th St, #400, Bellevue, WA 98005",
        "DESCRIPTION": f"Reference {show_reference(reference)}. Call (425) 629-9997.",
        "STATUS": "CONFIRMED",
    }
    assert event["DTSTART"].params["TZID"] == "America/Los_Angeles"
    assert event["DTSTART"].dt == at
    assert event["DTSTAMP"].dt == frozen.now()
    assert (calendar["VERSION"], calendar["METHOD"]) == ("2.0", "PUBLISH")
    assert set(event) == {
        "UID", "DTSTAMP", "SEQUENCE", "DTSTART", "STATUS", "SUMMARY", "LOCATION", "DESCRIPTION",
    }  # fmt: skip
    text = client.get(f"{own}/calendar.ics").get_data(as_text=True)
    assert not [word for word in ("Robin", "0123", "Tapir", "Gnu", "Ibex", own) if word in text]
    assert max(len(line.encode()) for line in text.split("\r\n")) <= 75


def test_entry_on_a_shared_line_names_whom_to_ask_for(app: Flask, client: FlaskClient) -> None:
    own = make_own(app, Status.BOOKED, booked_at=in_days(3))
    _, event = entry(client, own)
    assert str(event["DESCRIPTION"]).endswith(". Call (206) 693-9929, ask for Renton.")


def test_new_time_replaces_the_old_entry(app: Flask, client: FlaskClient, frozen: Clock) -> None:
    own = make_own(app, Status.BOOKED, booked_at=in_days(3))
    _, first = entry(client, own)
    with app.app_context(), transaction():
        found = db.session.query(AppointmentRequest).one()
        found.booked_at, found.calendar_sequence = in_days(4), found.calendar_sequence + 2
        renew_link(found, actor=OPERATOR, now=frozen.now())
        own = f"/requests/{link_token(found)}"
    _, second = entry(client, own)
    assert second["UID"] == first["UID"]
    assert (first["SEQUENCE"], second["SEQUENCE"]) == (0, 2)
    assert second["DTSTART"].dt - first["DTSTART"].dt == timedelta(days=1)


def test_entries_of_two_requests_have_two_names(app: Flask, client: FlaskClient) -> None:
    owns = [make_own(app, Status.BOOKED, booked_at=in_days(3)) for _ in range(2)]
    first, second = (entry(client, own)[1]["UID"] for own in owns)
    assert first != second


def offset(calendar: Any, local: datetime) -> timedelta:  # noqa: ANN401
    """Return the offset that the file's own rules give a local time, by RFC 5545."""
    (zone,) = calendar.walk("VTIMEZONE")
    began = [
        (part["DTSTART"].dt, part["TZOFFSETTO"].td)
        for part in zone.subcomponents
        if part["DTSTART"].dt <= local
    ]
    result: timedelta = max(began)[1]
    return result


@pytest.mark.parametrize(
    "at",
    [
        datetime(2026, 3, 8, 9, 59, tzinfo=UTC),  # 1:59 am, a minute before the clocks go ahead
        datetime(2026, 3, 8, 10, 0, tzinfo=UTC),  # 3:00 am
        datetime(2026, 3, 8, 10, 30, tzinfo=UTC),
        datetime(2026, 7, 1, 17, 0, tzinfo=UTC),
        datetime(2026, 10, 31, 17, 0, tzinfo=UTC),
        datetime(2026, 11, 1, 10, 0, tzinfo=UTC),  # 2:00 am, after the hour that came twice
        datetime(2026, 11, 2, 18, 0, tzinfo=UTC),
        datetime(2027, 3, 14, 10, 0, tzinfo=UTC),
    ],
)
@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Europe/London", "Asia/Kolkata"])
def test_rules_of_the_zone_give_the_instant_back_across_clock_changes(
    app: Flask, client: FlaskClient, at: datetime, zone: str
) -> None:
    own = make_own(app, Status.BOOKED, booked_at=at)
    with app.app_context(), transaction():
        get_location("renton").time_zone = zone
    calendar, event = entry(client, own)
    local = event["DTSTART"].dt.replace(tzinfo=None)
    assert event["DTSTART"].params["TZID"] == zone
    assert local == at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    assert (local - offset(calendar, local)).replace(tzinfo=UTC) == at


def test_change_of_the_clock_is_given_by_the_clock_before_it(
    app: Flask, client: FlaskClient
) -> None:
    own = make_own(app, Status.BOOKED, booked_at=datetime(2026, 6, 1, 17, tzinfo=UTC))
    (zone,) = entry(client, own)[0].walk("VTIMEZONE")
    told = [(part.name, part["DTSTART"].dt, str(part["TZNAME"])) for part in zone.subcomponents[1:]]
    assert told == [
        ("STANDARD", datetime(2025, 11, 2, 2), "PST"),  # noqa: DTZ001
        ("DAYLIGHT", datetime(2026, 3, 8, 2), "PDT"),  # noqa: DTZ001
        ("STANDARD", datetime(2026, 11, 1, 2), "PST"),  # noqa: DTZ001
        ("DAYLIGHT", datetime(2027, 3, 14, 2), "PDT"),  # noqa: DTZ001
    ]


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.BOOKED])
def test_there_is_no_entry_of_what_is_not_booked(
    app: Flask, client: FlaskClient, status: Status
) -> None:
    own = make_own(app, status, booked_at=in_days(3))
    answer = client.get(f"{own}/calendar.ics")
    assert (answer.status_code, answer.data) == (404, client.get("/requests/none").data)


# The cover sheet


def cover(reference: str, sender: str, head: str, *, clinic: str = "Renton", end: str = "") -> str:
    shown = show_reference(reference)
    return (
        "Fax cover sheet Print this page and fax it before the referral."
        f" Or write the same by hand on the first page.{head} Reference {shown} To{clinic}"
        f" Fax(206) 922-8909 From{sender} ReReferral for the request with the reference above"
        f" Date2026-11-24 PagesPage 1 of ____ 5 clinics share this fax. This page is for {clinic}."
        " These pages are private and meant for the clinic named above only. If they reached you"
        " by mistake, do not read or copy them, destroy them, and call the number below."
        f" {clinic}, phone (206) 693-9929 Reference {shown} Back to your request{end}"
    )


def test_cover_sheet_names_clinic_and_reference_and_nobody(
    app: Flask, client: FlaskClient, frozen: Clock
) -> None:
    own = make_own(app, patient_name="Zoë Quagga", **HEALTH)
    (reference,) = rows(app, "appointment_request", "reference")
    page = client.get(f"{own}/fax-cover")
    head = " Show that it is your request, and your initials stand on it."
    assert main_text(page) == cover(reference, "Patient (initials only) ____", head)
    assert "Set-Cookie" not in page.headers


@pytest.mark.parametrize(
    ("name", "initials"),
    [
        ("Zoë Quagga", "Z. Q."),
        ("  zoë   de la Quagga  ", "Z. D. L. Q."),
        ("李小龍", "李."),
        ("O'Neil", "O."),
        ("Ana (Annie) Belle", "A. B."),
        ("A B C D E F", "A. B. C. D."),
    ],
)
def test_cover_sheet_has_initials_after_the_check(
    app: Flask, frozen: Clock, name: str, initials: str
) -> None:
    own = make_own(app, patient_name=name, **HEALTH)
    (reference,) = rows(app, "appointment_request", "reference")
    page = checked(app, own).get(f"{own}/fax-cover")
    assert main_text(page) == cover(reference, f"Patient {initials}", "")


def test_clinic_with_a_fax_of_its_own_is_told_of_no_others(app: Flask, client: FlaskClient) -> None:
    page = main_text(client.get(f"{make_own(app, location='bellevue')}/fax-cover"))
    assert "Fax(425) 629-9979" in page
    assert "share this fax" not in page


def test_number_of_clinics_on_the_fax_comes_from_the_data(app: Flask, client: FlaskClient) -> None:
    own = make_own(app)
    with app.app_context(), transaction():
        covington = get_location("covington").id
        db.session.execute(
            update(Telecom)
            .where(Telecom.location_id == covington, Telecom.system == "fax")
            .values(value="+12065550111")
        )
    assert "4 clinics share this fax. This page is for Renton." in main_text(
        client.get(f"{own}/fax-cover")
    )


def test_clinic_without_a_fax_says_so(app: Flask, client: FlaskClient) -> None:
    own = make_own(app)
    with app.app_context(), transaction():
        found = get_location("renton")
        found.telecom = [one for one in found.telecom if one.system != "fax"]
    assert "FaxThis clinic has told us no fax number. Call it first." in main_text(
        client.get(f"{own}/fax-cover")
    )
