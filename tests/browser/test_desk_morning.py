"""A desk's morning in a real browser: from the sign-in to the printed day, each move seen."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, expect

from clinicdir.appointments.arrival import link_token
from clinicdir.appointments.queries import get_request
from clinicdir.appointments.rules import show_reference
from clinicdir.db import db, transaction
from clinicdir.staff.models import StaffMember
from clinicdir.staff.rules import EVERYWHERE
from clinicdir.staff.second_factor import code_at, confirm_factor, start_factor
from tests.browser.conftest import DESK, PHONE, picture
from tests.browser.watching import watch
from tests.conftest import Clock
from tests.hashes import spend_little
from tests.make import PASSWORD, make_request
from tests.own import DIGITS
from tests.signing_in import EMAIL, join
from tests.tables import rows

pytestmark = pytest.mark.needs("Chromium")

NOTE = "Her sister answers: after four."


@pytest.fixture
def browser_pair(browser: Browser) -> Iterator[tuple[BrowserContext, BrowserContext]]:
    """Return the desk's browser and the patient's."""
    desk, patient = (browser.new_context(viewport=size) for size in (DESK, PHONE))
    for one in (desk, patient):
        one.set_default_timeout(5000)
    yield desk, patient
    for one in (desk, patient):
        one.close()


def make_factor(site: Flask, frozen: Clock) -> str:
    """Let the desk have its app set up before today; return the app's secret."""
    join(site)
    with site.app_context(), transaction():
        member = db.session.query(StaffMember).filter_by(email=EMAIL).one()
        secret = start_factor(member, now=frozen.now())
        confirm_factor(member, code_at(secret, frozen.now()), now=frozen.now())
    frozen.move(minutes=1)
    return secret


def test_a_desk_s_morning(
    site: Flask, base: str, browser_pair: tuple[BrowserContext, BrowserContext], frozen: Clock
) -> None:
    desk, patient = browser_pair
    seen = watch(desk, patient)
    frozen.move(hours=-3)  # nine in the morning at the clinic
    spend_little(site)
    secret = make_factor(site, frozen)
    with site.app_context():
        made = [
            make_request(site, now=frozen.now(), patient_name=name, phone=phone)
            for name, phone in (
                ("Ada Example", "206 555 0123"),
                ("Ben Example", "206 555 0145"),
                ("Cara Example", "206 555 0167"),
                ("Cara Example", "206 555 0167"),
            )
        ]
        ada, ben, cara, again = [one.reference for one in made]
        own = f"{base}/requests/{link_token(made[0])}"
    desk.clock.install()
    page = desk.new_page()

    sign_in_by_code(page, base, lambda: code_at(secret, frozen.now()))
    expect(page.locator("tbody tr")).to_have_count(4)
    expect(page).to_have_title("(4) Requests – HIDEF")

    call(page, site, ada, frozen)
    offer_and_accept(page, patient.new_page(), site, ada, own)
    pass_on(page, base, site, ben)
    undo_and_join(page, base, site, cara, again)
    print_both(page, base, ada)
    lock_and_unlock(page, base, site, ada, frozen)
    # What the browser tells of a wrong password is no fault of a page.
    seen.check(base, but="status of 422")


def sign_in_by_code(page: Page, base: str, code: Callable[[], str]) -> None:
    page.goto(f"{base}/staff/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    page.get_by_label("Email address").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Enter the code of your app")
    page.get_by_label("Code").fill(code())
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Requests")


def call(page: Page, site: Flask, reference: str, frozen: Clock) -> None:
    """Take a request up; nobody answers, then a voicemail hides the row, then she is reached."""
    page.get_by_role("link", name=show_reference(reference)).click()
    page.get_by_role("button", name="I’m on it").click()
    expect(page.get_by_text("You are on it.")).to_be_visible()
    log_try(page, "No answer")
    expect(page.get_by_role("listitem").filter(has_text="tried to reach")).to_have_text(
        [f"Tue, Nov 24, 9:01 am: tried to reach the patient: No answer, {EMAIL}"]
    )
    log_try(page, "Voicemail left", again="In 1 hour")
    told = "Try again Tue, Nov 24, 10:01 am. Until then it is not in the lists."
    expect(page.get_by_text(told)).to_be_visible()
    assert rows(site, "appointment_request", "try_again_at")[0] == frozen.now() + timedelta(hours=1)
    row = page.locator("tbody tr", has_text="Ada Example")
    page.get_by_role("link", name="All requests").click()
    expect(page.locator("tbody tr")).to_have_count(3)
    expect(row).to_have_count(0)
    page.get_by_role("link", name="Try again later (1)").click()
    expect(row).to_have_count(1)

    frozen.move(minutes=61)
    page.goto(page.url.partition("?")[0])
    expect(page.get_by_role("heading", level=1)).to_have_text("Locked")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Unlock").click()
    expect(page.locator("tbody tr")).to_have_count(4)
    row.get_by_role("link", name=show_reference(reference)).click()
    # The hold of an hour ago has lapsed.
    page.get_by_role("button", name="I’m on it").click()
    log_try(page, "Reached")
    expect(page.get_by_text("Until then it is not in the lists.")).to_have_count(0)
    assert rows(site, "appointment_request", "try_again_at", "status")[0] == (None, "in_review")


def log_try(page: Page, outcome: str, again: str = "") -> None:
    step = page.locator("details", has=page.locator("form[action$='/log_contact']")).last
    step.locator("summary").click()
    step.get_by_label(outcome, exact=True).check()
    if again:
        step.get_by_label(again, exact=True).check()
    step.get_by_role("button", name="Save the try").click()
    expect(page.get_by_text(f"tried to reach the patient: {outcome}").last).to_be_visible()


def offer_and_accept(page: Page, own: Page, site: Flask, reference: str, link: str) -> None:
    """Offer three times; the patient takes the second one on her own page."""
    step = page.locator("details", has=page.locator("form[action$='/offer']"))
    step.locator("summary").click()
    for number, (day, time) in enumerate(
        (("2026-11-30", "09:00"), ("2026-12-01", "13:30"), ("2026-12-02", "17:00")), start=1
    ):
        step.locator(f"[name=day{number}]").fill(day)
        step.locator(f"[name=time{number}]").fill(time)
    step.get_by_role("button", name="Offer these times").click()
    expect(page.locator(".tag").first).to_have_text("Waiting for patient")
    expect(page.locator(".note li")).to_have_text(
        ["Mon, Nov 30, 9:00 am", "Tue, Dec 1, 1:30 pm", "Wed, Dec 2, 5:00 pm"]
    )
    own.goto(link)
    expect(own.get_by_role("heading", level=1)).to_have_text("Choose a time")
    own.get_by_role("link", name="Choose one of these times").click()
    own.get_by_label("Last four digits of your phone number").fill(DIGITS)
    own.get_by_role("button", name="Go on").click()
    own.get_by_role("button", name="Tue, Dec 1, 1:30 pm").click()
    expect(own.get_by_role("heading", level=1)).to_have_text("You are booked")
    page.reload()
    expect(page.locator(".tag").first).to_have_text("Booked")
    expect(page.locator("p.big").nth(1)).to_have_text("Tue, Dec 1, 1:30 pm")
    page.get_by_role("button", name="Already in our other calendar").click()
    expect(page.get_by_text("✓ In our other calendar")).to_be_visible()
    booked = datetime.fromisoformat("2026-12-01T13:30-08:00")
    assert rows(site, "appointment_request", "reference", "status", "booked_at")[0] == (
        reference, "booked", booked,
    )  # fmt: skip
    assert rows(site, "offer", "state") == ["lapsed", "taken", "lapsed"]


def pass_on(page: Page, base: str, site: Flask, reference: str) -> None:
    """Pass a request on to a clinic that the desk does not have, and see where it went."""
    page.goto(f"{base}/staff/requests/{reference}")
    page.get_by_text("More", exact=True).click()
    step = page.locator("details details", has=page.locator("form[action$='/transfer']"))
    step.locator("summary").click()
    step.get_by_label("Clinic").select_option("Issaquah")
    step.get_by_label("Reason, for colleagues").fill("He lives there.")
    step.get_by_role("button", name="Pass it on").click()
    shown = show_reference(reference)
    expect(page.get_by_role("main")).to_contain_text("Issaquah")
    expect(page.get_by_text("Ben Example")).to_have_count(0)
    with site.app_context():
        moved = get_request(reference, scope=EVERYWHERE)
        assert (moved.location.slug, moved.status.value) == ("issaquah", "received")
    page.goto(f"{base}/staff/")
    expect(page.get_by_role("link", name=shown)).to_have_count(0)


def undo_and_join(page: Page, base: str, site: Flask, reference: str, other: str) -> None:
    """Decline by mistake, put it back, then join it with the same caller's other request."""
    page.goto(f"{base}/staff/requests/{reference}")
    page.get_by_text("We cannot do it").click()
    page.get_by_label("We have no times in reach").check()
    page.get_by_role("button", name="Decline").click()
    expect(page.locator(".tag").first).to_have_text("Closed")
    page.get_by_role("button", name="Undo: declined").click()
    expect(page.locator(".tag").first).to_have_text("New")
    expect(page.get_by_text(f"undone: declined, {EMAIL}")).to_be_visible()

    page.get_by_role("button", name=f"A duplicate: join it with {show_reference(other)}").click()
    expect(page.locator(".tag").first).to_have_text("Closed")
    expect(page.locator(".note").first).to_have_text(f"A duplicate of {show_reference(other)}")
    states = rows(site, "appointment_request", "id", "reference", "status", "duplicate_of")[2:]
    assert [one[1:] for one in states] == [
        (reference, "entered_in_error", states[1][0]), (other, "received", None),
    ]  # fmt: skip
    page.get_by_role("link", name=show_reference(other)).click()
    expect(page.get_by_text(f"{show_reference(reference)} joined with this one")).to_be_visible()


def print_both(page: Page, base: str, reference: str) -> None:
    """Print the request and its day: all that matters is on the paper, and nothing to press."""
    page.goto(f"{base}/staff/requests/{reference}")
    page.get_by_role("link", name="Print").click()
    check_paper(
        page,
        show_reference(reference), "Booked", "Tue, Dec 1, 1:30 pm", "Ada Example",
        "206 555 0123", f"Printed by {EMAIL} on Tue, Nov 24, 10:02 am.",
    )  # fmt: skip
    page.goto(f"{base}/staff/agenda?from=2026-12-01")
    check_paper(
        page, "Booked at Renton", "1:30 pm", "Ada Example", "206 555 0123",
        show_reference(reference),
    )  # fmt: skip


def check_paper(page: Page, *words: str) -> None:
    page.emulate_media(media="print")
    paper = page.inner_text("body")
    assert [text for text in words if text not in paper] == []
    for part in (page.get_by_role("navigation"), page.get_by_role("button"), page.locator("form")):
        assert [one.is_visible() for one in part.all() if one.is_visible()] == []
    assert [text for text in ("Sign out", "Back to", "All requests") if text in paper] == []
    picture(page, f"paper {page.title()}")
    page.emulate_media(media="screen")


def lock_and_unlock(page: Page, base: str, site: Flask, reference: str, frozen: Clock) -> None:
    """Leave a half-typed note alone for ten minutes: covered, counted, and given back."""
    page.goto(f"{base}/staff/requests/{reference}")
    title = page.title()
    step = page.locator("details", has=page.locator("form[action$='/note']"))
    step.locator("summary").click()
    note = step.get_by_label("Note for colleagues")
    note.fill(NOTE)
    frozen.move(minutes=10, seconds=1)
    page.clock.fast_forward(10 * 60_000 + 1_000)
    sheet = page.get_by_role("dialog", name="Locked")
    expect(sheet.get_by_text("1 new, 0 overdue")).to_be_visible()
    expect(page).to_have_title("Locked")
    assert "Ada Example" not in page.inner_text("body")
    sheet.get_by_label("Password").fill("not the right one")
    sheet.get_by_role("button", name="Unlock").click()
    expect(sheet.get_by_text("Enter the password that you sign in with")).to_be_visible()
    sheet.get_by_label("Password").fill(PASSWORD)
    sheet.get_by_role("button", name="Unlock").click()
    expect(sheet).to_have_count(0)
    expect(page).to_have_title(title)
    expect(note).to_have_value(NOTE)
    step.get_by_role("button", name="Save the note").click()
    expect(page.get_by_role("listitem").filter(has_text=NOTE)).to_have_count(1)
    with site.app_context():
        found = get_request(reference, scope=EVERYWHERE)
        assert found.status.value == "booked"
