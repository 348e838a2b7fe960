"""The list of who comes: by day and time of the clinic, its own clinics only, audited."""

from datetime import UTC, date, datetime, timedelta

from flask import Flask

from clinicdir.appointments.rules import Action, show_reference
from clinicdir.audit.rules import OPERATOR
from tests.client import page_text
from tests.conftest import Clock
from tests.integration.test_desk_moves import DESK, signed_in
from tests.lives import do
from tests.make import make_request
from tests.pages import links, main_text
from tests.tables import rows

TONIGHT = datetime(2026, 11, 25, 7, 30, tzinfo=UTC)  # 11:30 pm on the 24th at the clinic
MORNING = datetime(2026, 11, 24, 16, tzinfo=UTC)
LAST = datetime(2026, 12, 1, 7, 59, tzinfo=UTC)  # the last minute of the seventh day
LINK = "Print this day "
DAY = "/staff/agenda/print?location=renton&day="


def book(app: Flask, name: str, at: datetime, *, now: datetime, slug: str = "renton") -> str:
    """Store a request, book it, and return its reference as pages show it."""
    with app.app_context():
        reference = make_request(app, patient_name=f"{name} Example", location=slug).reference
    do(app, reference, Action.BOOK, actor=OPERATOR, now=now, booked_at=at)
    return show_reference(reference)


def test_seven_days_show_who_is_booked_by_day_and_time(app: Flask, frozen: Clock) -> None:
    desk = signed_in(app)
    people = [
        ("Tonight", TONIGHT, "renton"), ("Morning", MORNING, "renton"), ("Last", LAST, "renton"),
        ("Eighth", LAST + timedelta(minutes=1), "renton"), ("Foreign", TONIGHT, "bellevue"),
        ("Ended", TONIGHT, "renton"),
    ]  # fmt: skip
    shown = {}
    for name, at, slug in people:
        with app.app_context():
            made = make_request(app, patient_name=f"{name} Example", location=slug)
            reference = made.reference
        do(app, reference, Action.BOOK, actor=OPERATOR, now=frozen.now(), booked_at=at)
        if name == "Ended":
            do(app, reference, Action.WITHDRAW, actor=OPERATOR, now=frozen.now())
        shown[name] = show_reference(reference)
    text = page_text(desk.get("/staff/agenda").get_data(as_text=True))
    head, _, tail = text.partition("Tue, Nov 24 (today) ")
    assert head.startswith("Booked at Renton Renton Only what was booked here.")
    row, none = f"{LINK}TimePatientPhoneReference ", f"{LINK}Nobody is booked. "
    assert tail == (
        f"{row}8:00 am Morning Example 206 555 0123 {shown['Morning']}"
        f" 11:30 pm Tonight Example 206 555 0123 {shown['Tonight']}"
        f" Wed, Nov 25 {none}Thu, Nov 26 {none}Fri, Nov 27 {none}Sat, Nov 28 {none}"
        f"Sun, Nov 29 {none}"
        f"Mon, Nov 30 {row}11:59 pm Last Example 206 555 0123 {shown['Last']}"
        " The week before The week after All requests"
    )
    text = page_text(desk.get("/staff/agenda?from=2026-12-01").get_data(as_text=True))
    assert "Eighth Example" in text
    assert "Last Example" not in text
    listed = rows(app, "audit_entry", "action", "actor_label", "subject")
    # Twice within five minutes is one look.
    assert [entry for entry in listed if entry[0] == "list"] == [("list", DESK, "agenda renton")]


def test_foreign_clinic_is_unknown_and_odd_days_are_today(app: Flask, frozen: Clock) -> None:
    desk = signed_in(app)
    missing = desk.get("/staff/agenda?location=nowhere")
    foreign = desk.get("/staff/agenda?location=bellevue")
    assert (foreign.status_code, missing.status_code) == (404, 404)
    assert foreign.data.replace(b"bellevue", b"nowhere") == missing.data
    today = page_text(desk.get("/staff/agenda?location=renton").get_data(as_text=True))
    for odd in ("9999-12-31", "0001-01-01", "2026-13-40"):
        text = page_text(desk.get(f"/staff/agenda?from={odd}").get_data(as_text=True))
        assert text == today


def test_one_day_goes_on_paper_in_order_of_time_and_each_print_is_noted(
    app: Flask, frozen: Clock
) -> None:
    desk, now = signed_in(app), frozen.now()
    tonight = book(app, "Tonight", TONIGHT, now=now)
    morning = book(app, "Morning", MORNING, now=now)
    book(app, "Tomorrow", TONIGHT + timedelta(minutes=30), now=now)
    book(app, "Foreign", TONIGHT, now=now, slug="bellevue")
    agenda = desk.get("/staff/agenda")
    days = [day.isoformat() for day in (date(2026, 11, 24) + timedelta(n) for n in range(7))]
    assert links(agenda)[LINK.strip()] == DAY + days[0]
    assert [day for day in days if f'{DAY}{day}"'.encode().replace(b"&", b"&amp;")
            in agenda.data] == days  # fmt: skip
    printed = f"Printed by {DESK} on Tue, Nov 24, 12:00 pm. Keep it as you keep a patient’s file."
    only = "Only what was booked here. This site does not keep the clinic’s calendar."
    head, back = "Tue, Nov 24 at Renton Renton, Tue, Nov 24", "Back to what is booked at Renton"
    page = desk.get(DAY + days[0])
    assert main_text(page) == (
        f"{head} {only} TimePatientPhoneReference"
        f" 8:00 am Morning Example 206 555 0123 {morning}"
        f" 11:30 pm Tonight Example 206 555 0123 {tonight} {printed} {back}"
    )
    # Without a clinic and a day: the first of one's own, today.
    assert main_text(desk.get("/staff/agenda/print")) == main_text(page)
    assert "Nobody is booked." in main_text(desk.get(DAY + days[2]))
    noted = rows(app, "audit_entry", "action", "actor_label", "subject", "detail", "chain")
    assert [entry for entry in noted if entry[0] == "print"] == [
        ("print", DESK, f"agenda renton {day}", "as desk", "location/3")
        for day in (days[0], days[0], days[2])
    ]


def test_day_of_a_foreign_clinic_is_unknown_and_not_noted(app: Flask, frozen: Clock) -> None:
    book(app, "Foreign", TONIGHT, now=frozen.now(), slug="bellevue")
    desk = signed_in(app)
    foreign = desk.get("/staff/agenda/print?location=bellevue&day=2026-11-24")
    missing = desk.get("/staff/agenda/print?location=nowhere&day=2026-11-24")
    assert (foreign.status_code, missing.status_code) == (404, 404)
    assert foreign.data.replace(b"bellevue", b"nowhere") == missing.data
    assert "print" not in rows(app, "audit_entry", "action")
    today = main_text(desk.get(f"{DAY}2026-11-24"))
    for odd in ("9999-12-31", "0001-01-01", "2026-13-40", ""):
        assert main_text(desk.get(DAY + odd)) == today, odd
