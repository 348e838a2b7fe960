"""The shared line: what a caller asks for takes three presses at most, as docs/desk.md says."""

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import BrowserContext, Locator, Page, expect

from clinicdir import clock
from clinicdir.appointments.models import Offer
from clinicdir.appointments.queries import get_request, list_events
from clinicdir.appointments.rules import OfferState, Status, show_reference
from clinicdir.db import db, transaction
from clinicdir.staff.models import StaffMember
from clinicdir.staff.rules import EVERYWHERE
from clinicdir.web.filters import day_time
from tests.browser.watching import watch
from tests.make import make_staff, sign_in
from tests.own import in_days, make_own
from tests.signing_in import cookie
from tests.tables import rows

pytestmark = pytest.mark.needs("Chromium")

DOCS = Path(__file__).parents[2] / "docs" / "desk.md"
MOST = 3
EMAIL = "line@example.com"


class Desk:
    """A person at the desk who only presses and types; every press is counted."""

    def __init__(self, page: Page, base: str) -> None:
        self.page, self._base = page, base
        self.presses = 0

    def find(self, name: str) -> None:
        """Begin at the open list and search for the caller."""
        self.page.goto(f"{self._base}/staff/")
        self.presses = 0
        self.page.get_by_label("Find a request").fill(name)
        self.page.keyboard.press("Enter")
        self.presses += 1
        expect(self.page.get_by_role("heading", level=1)).to_have_text("Search")

    def press(self, words: str, within: Locator | None = None) -> None:
        """Press a button or follow a link that begins with these words."""
        place, begin = within or self.page, re.compile(f"^{re.escape(words)}")
        place.get_by_role("button", name=begin).or_(
            place.get_by_role("link", name=begin)
        ).first.click()
        self.presses += 1

    def type(self, label: str, text: str) -> None:
        """Type into a field, which has to be open already."""
        self.page.get_by_label(label, exact=True).fill(text)

    def read(self, name: str, reference: str) -> None:
        """Search, and open a request of the own clinic."""
        self.find(name)
        self.press(show_reference(reference), self.page.locator("tbody"))


def make(site: Flask, name: str, status: Status = Status.RECEIVED, **changes: Any) -> str:  # noqa: ANN401
    make_own(site, status, patient_name=f"{name} Example", **changes)
    return str(rows(site, "appointment_request", "reference")[-1])


def last(site: Flask, *columns: str) -> Any:  # noqa: ANN401
    return rows(site, "appointment_request", *columns)[-1]


def personal(site: Flask, reference: str) -> dict[str, Any]:
    with site.app_context():
        return dict(get_request(reference, scope=EVERYWHERE).personal)


def expect_tag(desk: Desk, words: str) -> None:
    expect(desk.page.locator(".tag").first).to_have_text(words)


def read_on_line(desk: Desk, site: Flask, name: str) -> None:
    reference = make(site, name, location="covington")
    desk.find(name)
    desk.press(f"Open {show_reference(reference)}")
    expect(desk.page.get_by_text(f"{name} Example")).to_be_visible()
    looks = rows(site, "audit_entry", "action", "actor_label", "subject")
    assert looks[-1] == ("line_open", EMAIL, reference)


def pass_on(desk: Desk, site: Flask, name: str) -> None:
    reference = make(site, name, location="covington")
    desk.find(name)
    desk.press("Pass on to Renton")
    expect(desk.page.get_by_role("heading", level=1)).to_have_text(
        f"{show_reference(reference)} at Renton"
    )


def pass_on_and_book(desk: Desk, site: Flask, name: str) -> None:
    pass_on(desk, site, name)
    type_time(desk)
    desk.press("Mark as booked")
    expect_tag(desk, "Booked")


def say_how_it_stands(desk: Desk, site: Flask, name: str) -> None:
    make(site, name, Status.OFFERED, location="covington")
    desk.find(name)
    expect_tag(desk, "Waiting for patient")


def read_own(desk: Desk, site: Flask, name: str) -> None:
    desk.read(name, make(site, name))
    expect(desk.page.get_by_text(f"{name} Example").first).to_be_visible()


def take_up(desk: Desk, site: Flask, name: str) -> None:
    desk.read(name, make(site, name))
    desk.press("I’m on it")
    expect(desk.page.get_by_text("You are on it.")).to_be_visible()
    assert last(site, "status") == "in_review"


def note_that_told(desk: Desk, site: Flask, name: str) -> None:
    desk.read(name, make(site, name))
    desk.press("Reached")
    expect(desk.page.get_by_text("tried to reach the patient: Reached")).to_be_visible()
    assert last(site, "first_contact_at") is not None


def book(desk: Desk, site: Flask, name: str) -> None:
    desk.read(name, make(site, name))
    type_time(desk)
    desk.press("Mark as booked")
    expect_tag(desk, "Booked")
    assert last(site, "booked_at") == datetime.fromisoformat("2027-01-12T14:30-08:00")


def type_time(desk: Desk) -> None:
    desk.type("Day", "2027-01-12")
    desk.type("Time at the clinic", "14:30")


def take_offered_time(desk: Desk, site: Flask, name: str) -> None:
    reference, at = make(site, name, Status.OFFERED), in_days(7)
    with site.app_context(), transaction():
        found = get_request(reference, scope=EVERYWHERE)
        values = {"request_id": found.id, "location_id": found.location_id, "starts_at": at}
        db.session.add(Offer(**values, made_at=clock.now(), made_by=None, state=OfferState.HELD))
    with site.test_request_context():
        words = day_time(at, "America/Los_Angeles")
    desk.read(name, reference)
    desk.press(words)
    expect_tag(desk, "Booked")
    assert last(site, "booked_at") == at


def put_in_calendar(desk: Desk, site: Flask, name: str) -> None:
    desk.read(name, make(site, name, Status.BOOKED, booked_at=in_days(7)))
    desk.press("Already in our other calendar")
    expect(desk.page.get_by_text("✓ In our other calendar")).to_be_visible()


def change_contact(desk: Desk, site: Flask, name: str) -> None:
    reference = make(site, name)
    desk.find(name)
    desk.press("Contact")
    desk.type("Phone number", "206 555 0177")
    save(desk, reference)
    assert personal(site, reference)["phone"] == "206 555 0177"


def change_times(desk: Desk, site: Flask, name: str) -> None:
    reference = make(site, name)
    desk.find(name)
    desk.press("Times")
    desk.type("Access needs", "No steps")
    save(desk, reference)
    assert personal(site, reference)["access_needs"] == "No steps"


def change_name(desk: Desk, site: Flask, name: str) -> None:
    reference = make(site, name)
    desk.find(name)
    desk.press("Names")
    desk.type("Patient’s full name", "Robin Other")
    save(desk, reference)
    assert personal(site, reference)["patient_name"] == "Robin Other"


def save(desk: Desk, reference: str) -> None:
    desk.press("Save the change")
    expect(desk.page.get_by_role("heading", level=1)).to_have_text(
        f"{show_reference(reference)} at Renton"
    )


def give_to_other_clinic(desk: Desk, site: Flask, name: str) -> None:
    make(site, name)
    desk.find(name)
    desk.press("Clinic", desk.page.locator("tbody"))
    desk.press("Issaquah")
    expect(desk.page.get_by_text("was passed on to Issaquah")).to_be_visible()
    assert last(site, "status") == "received"


def leave_note(desk: Desk, site: Flask, name: str) -> None:
    reference = make(site, name)
    desk.find(name)
    desk.press("Note")
    desk.type("Note for colleagues", "Her sister has the phone.")
    desk.press("Save the note")
    expect(desk.page.get_by_text("Her sister has the phone.")).to_be_visible()
    with site.app_context():
        events = list_events(get_request(reference, scope=EVERYWHERE))
        assert events[-1].unseal()["note"] == "Her sister has the phone."


def give_new_link(desk: Desk, site: Flask, name: str) -> None:
    make(site, name)
    desk.find(name)
    desk.press("New link")
    desk.press("Make a new link")
    expect(desk.page.get_by_role("main")).to_contain_text("/requests/")


def withdraw(desk: Desk, site: Flask, name: str) -> None:
    make(site, name)
    desk.find(name)
    desk.press("Withdraw")
    expect(desk.page.get_by_role("button", name="Withdraw the request")).to_be_in_viewport()
    desk.press("Withdraw the request")
    expect_tag(desk, "Closed")
    assert last(site, "status") == "withdrawn"


TASKS: dict[str, Callable[[Desk, Flask, str], None]] = {
    "read a request of a clinic on the line": read_on_line,
    "pass it on to the own clinic": pass_on,
    "pass it on and book it": pass_on_and_book,
    "say how a request stands": say_how_it_stands,
    "read a request of the own clinic": read_own,
    "take it up": take_up,
    "note that the caller was told": note_that_told,
    "book what was agreed on": book,
    "take an offered time for the caller": take_offered_time,
    "put it in our other calendar": put_in_calendar,
    "change how to reach the caller": change_contact,
    "change times and wishes": change_times,
    "change a name": change_name,
    "give it to another clinic": give_to_other_clinic,
    "leave a note for colleagues": leave_note,
    "give a new link": give_new_link,
    "withdraw it for the caller": withdraw,
}


def test_every_common_task_takes_three_presses_at_most(
    site: Flask, base: str, phone: BrowserContext
) -> None:
    seen = watch(phone)
    with site.app_context():
        make_staff(EMAIL)
        with transaction():
            db.session.query(StaffMember).one().shared_line = True
    client = site.test_client()
    sign_in(client, EMAIL)
    phone.add_cookies([{"name": "clinicdir", "value": cookie(client), "url": base}])
    desk = Desk(phone.new_page(), base)
    counted: dict[str, int] = {}
    for number, (task, carry_out) in enumerate(TASKS.items()):
        carry_out(desk, site, f"Caller{number}")
        counted[task] = desk.presses
    table = re.findall(r"^\| ([^|]+) \| (\d+) \|", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    assert counted == {task: int(presses) for task, presses in table}
    assert max(counted.values()) <= MOST
    seen.check(base)
