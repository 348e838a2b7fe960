"""The request in a real browser: by keyboard only, without script, narrow and much enlarged."""

import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, expect

from clinicdir.appointments.models import AppointmentRequest
from clinicdir.db import db, transaction
from clinicdir.locations.models import LocationStatus
from clinicdir.locations.queries import get_location
from tests.browser.conftest import picture

pytestmark = pytest.mark.needs("Chromium")

DOCS = Path(__file__).parent.parent.parent / "docs/request-flow.md"
MOST_TABS = 60


@pytest.fixture
def keys_only(browser: Browser) -> Iterator[BrowserContext]:
    """Return a browser without JavaScript at phone width, to be used without a pointer."""
    context = browser.new_context(viewport={"width": 390, "height": 844}, java_script_enabled=False)
    context.set_default_timeout(5000)
    yield context
    context.close()


@dataclass
class Keyboard:
    """Uses a page by its keyboard alone, and counts what a person does by choice.

    Moving on by Tab is not counted: by touch or mouse it is not needed. A press is a key or a tap
    that ticks, chooses or sends; a typed field is one text, however long.
    """

    page: Page
    presses: int = 0
    typed: int = 0

    def reach(self, selector: str) -> None:
        """Go to a control by Tab, as far as it is."""
        wanted = self.page.locator(selector)
        for _ in range(MOST_TABS):
            if wanted.evaluate("node => node === document.activeElement"):
                return
            self.page.keyboard.press("Tab")
        pytest.fail(f"Tab does not lead to {selector}")

    def tick(self, name: str, value: str) -> None:
        """Choose a box or a round button."""
        kind = self.page.locator(f"[name={name}]").first.get_attribute("type")
        own = f"[name={name}][value='{value}']"
        if kind == "checkbox":
            self.reach(own)
            self.page.keyboard.press("Space")
        else:
            # Tab leads to the first of a group, arrows to the others; the first needs Space.
            group = self.page.locator(f"[name={name}]")
            self.reach(f"[name={name}] >> nth=0")
            self.page.keyboard.press("Space")
            for _ in range(group.count()):
                if self.page.locator(own).is_checked():
                    break
                self.page.keyboard.press("ArrowDown")
        assert self.page.locator(own).is_checked()
        self.presses += 1

    def choose(self, name: str, value: str) -> None:
        """Choose from a list that opens: one press for the list, one for the answer."""
        self.reach(f"select[name={name}]")
        field = self.page.locator(f"select[name={name}]")
        for _ in range(field.locator("option").count()):
            if field.input_value() == value:
                break
            self.page.keyboard.press("ArrowDown")
        assert field.input_value() == value
        self.presses += 2

    def write(self, name: str, text: str) -> None:
        """Type a text into its field."""
        self.reach(f"[name={name}]")
        self.page.keyboard.type(text)
        self.typed += 1

    def press(self, words: str) -> None:
        """Press a button or follow a link."""
        control = self.page.get_by_role("button", name=words, exact=True).or_(
            self.page.get_by_role("link", name=words, exact=True)
        )
        for _ in range(MOST_TABS):
            if control.evaluate("node => node === document.activeElement"):
                break
            self.page.keyboard.press("Tab")
        else:
            pytest.fail(f"Tab does not lead to {words}")
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")
        self.presses += 1


def ask_shortly(keyboard: Keyboard) -> None:
    keyboard.press("Ask Renton for an appointment")
    keyboard.tick("goal", "run")
    keyboard.press("Go on")
    keyboard.tick("for_whom", "me")
    keyboard.write("patient_name", "Robin Example")
    keyboard.press("Go on")
    keyboard.write("phone", "206 555 0123")
    keyboard.tick("contact_by", "phone")
    keyboard.press("Go on")
    keyboard.press("Go on")
    keyboard.press("Send the request")


def ask_at_length(keyboard: Keyboard) -> None:
    keyboard.press("Ask Renton for an appointment")
    for slug in ("issaquah", "covington"):
        keyboard.tick("location", slug)
    keyboard.tick("goal", "other")
    keyboard.write("goal_text", "Dance all night")
    keyboard.choose("body_area", "knee")
    keyboard.page.locator("[name=target_month] option").nth(3).wait_for(state="attached")
    month = keyboard.page.locator("[name=target_month] option").nth(3).get_attribute("value")
    keyboard.choose("target_month", str(month))
    for code in ("running", "jumping", "climbing", "skiing", "other"):
        keyboard.tick("stopped", code)
    keyboard.write("tried", "Rest")
    keyboard.press("Go on")
    keyboard.tick("for_whom", "someone_else")
    for name, text in (
        ("patient_name", "Robin Example"),
        ("asker_name", "Kim Example"),
        ("relation", "Parent"),
    ):
        keyboard.write(name, text)
    keyboard.press("Go on")
    keyboard.write("phone", "206 555 0123")
    keyboard.write("email", "kim@example.com")
    keyboard.tick("contact_by", "phone")
    keyboard.choose("best_time", "morning")
    keyboard.tick("voicemail_ok", "y")
    keyboard.press("Go on")
    for number, value in enumerate(("monday morning", "monday midday", "tuesday morning"), start=1):
        keyboard.choose(f"window{number}", value)
    keyboard.tick("short_notice", "y")
    keyboard.choose("returning", "no")
    keyboard.choose("referral", "yes")
    keyboard.choose("language", "es")
    keyboard.tick("interpreter", "y")
    keyboard.write("access_needs", "No steps")
    keyboard.write("note", "None")
    keyboard.press("Go on")
    keyboard.press("Send the request")


PATHS = {"shortest": ask_shortly, "longest": ask_at_length}


@pytest.mark.parametrize("path", PATHS)
def test_whole_way_by_keyboard_without_script_takes_as_many_presses_as_the_docs_say(
    site: Flask, base: str, keys_only: BrowserContext, path: str
) -> None:
    page = keys_only.new_page()
    page.goto(f"{base}/locations/renton")
    keyboard, began = Keyboard(page), time.perf_counter()
    PATHS[path](keyboard)
    spent = time.perf_counter() - began
    expect(page.get_by_role("heading", level=1)).to_have_text("We have your request")
    with site.app_context():
        made = db.session.query(AppointmentRequest).one()
        assert (made.location.slug, made.personal["patient_name"]) == ("renton", "Robin Example")
    sys.stdout.write(
        f"{path}: {keyboard.presses} presses, {keyboard.typed} fields, {spent:.1f} s here\n"
    )
    written = re.findall(rf"^\| {path} [^|]*\| (\d+) \| (\d+) \|", DOCS.read_text(), re.MULTILINE)
    assert written == [(str(keyboard.presses), str(keyboard.typed))]


# Enlarged to 400 %, a window of 1280 by 1024 has room for 320 by 256 CSS pixels.
SIZES = {"320 px": (320, 640, 1), "400 percent": (320, 256, 4)}


@pytest.mark.parametrize("size", SIZES)
def test_every_page_of_the_form_fits_a_narrow_and_an_enlarged_window(
    site: Flask, base: str, browser: Browser, size: str
) -> None:
    width, height, scale = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height}, device_scale_factor=scale
    )
    context.set_default_timeout(5000)
    page = context.new_page()
    with site.app_context(), transaction():
        place = get_location("covington")
        place.status, place.notice = LocationStatus.LIMITED, "Mornings only until the end of May."
    page.goto(f"{base}/request?location=covington")
    check_fits(page)
    page.get_by_role("button", name="Go on").click()
    check_fits(page)
    page.get_by_label("Run", exact=True).check()
    page.get_by_role("button", name="Go on").click()
    check_fits(page)
    page.get_by_label("Me", exact=True).check()
    page.get_by_label("Patient’s full name").fill("W" * 100)
    page.get_by_role("button", name="Go on").click()
    check_fits(page)
    page.get_by_label("Phone number").fill("206 555 0123")
    page.get_by_label("Phone", exact=True).check()
    page.get_by_role("button", name="Go on").click()
    check_fits(page)
    page.get_by_role("button", name="Go on").click()
    check_fits(page)
    with site.app_context(), transaction():
        get_location("covington").status = LocationStatus.CLOSED
    for path in ("/request", "/locations/covington", "/locations/covington/mistake"):
        other = context.new_page()
        other.goto(base + path)
        check_fits(other)
        other.close()
    page.get_by_role("button", name="Send the request").click()
    assert page.title().startswith("Error: ")
    check_fits(page)
    picture(page, f"closed at sending {size}")
    context.close()


def check_fits(page: Page) -> None:
    """Fail where a page scrolls sideways, or a control is cut off, covered or too small to hit."""
    page.wait_for_load_state()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    hidden = page.evaluate(
        """() => [...document.querySelectorAll('main a, main button, main input, main select,'
            + ' main textarea')].filter(node => node.type !== 'hidden')
            // What is kept from people on purpose is no control of theirs.
            .filter(node => !node.closest('[aria-hidden=true]')).filter(node => {
            node.scrollIntoView({block: 'center'});
            // Of a link that runs over two lines the first one.
            const box = node.getClientRects()[0];
            const at = document.elementFromPoint(box.left + box.width / 2,
                Math.min(box.top + box.height / 2, innerHeight - 1));
            const own = at && (node === at || node.contains(at)
                || at.closest('label')?.contains(node));
            return box.left < 0 || box.right > innerWidth || !own;
        }).map(node => node.outerHTML)"""
    )
    assert hidden == []


def test_error_links_lead_to_their_fields_by_keyboard(base: str, keys_only: BrowserContext) -> None:
    page = keys_only.new_page()
    page.goto(f"{base}/request")
    keyboard = Keyboard(page)
    keyboard.press("Go on")
    summary = page.get_by_role("alert")
    expect(summary).to_be_focused()
    page.keyboard.press("Tab")
    expect(summary.get_by_role("link").first).to_be_focused()
    for words, name in (
        ("Select a clinic", "location"),
        ("Select what you want to get back to", "goal"),
    ):
        link = page.get_by_role("alert").get_by_role("link", name=words, exact=True)
        link.focus()
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile(f"#{name}$"))
        page.keyboard.press("Tab")
        page.keyboard.press("Shift+Tab")
        focused = page.locator(f"[name={name}]").first
        expect(focused).to_be_focused()
    picture(page, "errors by keyboard")


def test_two_tabs_for_two_people_in_one_browser(
    site: Flask, base: str, keys_only: BrowserContext
) -> None:
    people = {"run": ("First Example", "206 555 0101"), "ski": ("Second Example", "206 555 0102")}
    tabs = {goal: keys_only.new_page() for goal in people}
    for goal, page in tabs.items():
        page.goto(f"{base}/request?location=renton&goal={goal}")
    for page in tabs.values():
        page.get_by_role("button", name="Go on").click()
    for goal, page in tabs.items():
        page.get_by_label("Me", exact=True).check()
        page.get_by_label("Patient’s full name").fill(people[goal][0])
    for page in reversed(tabs.values()):
        page.get_by_role("button", name="Go on").click()
        expect(page.get_by_label("Phone number")).to_be_visible()
    for goal, page in tabs.items():
        page.reload()
        page.get_by_label("Phone number").fill(people[goal][1])
        page.get_by_label("Phone", exact=True).check()
        page.get_by_role("button", name="Go on").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("When can you come?")
    for goal, page in tabs.items():
        page.go_back()
        expect(page.get_by_label("Phone number")).to_have_value(people[goal][1])
        page.go_forward()
        page.get_by_role("button", name="Go on").click()
        page.get_by_role("button", name="Send the request").click()
    with site.app_context():
        stored = db.session.query(AppointmentRequest).order_by(AppointmentRequest.id)
        assert {
            made.goal: (made.personal["patient_name"], made.personal["phone"]) for made in stored
        } == people


def test_back_to_the_first_page_offers_the_answers_and_loses_none(
    base: str, keys_only: BrowserContext
) -> None:
    page = keys_only.new_page()
    page.goto(f"{base}/request?location=renton")
    page.get_by_label("Run", exact=True).check()
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Who is the appointment for?")
    page.go_back()
    page.get_by_role("link", name="Go on with those answers").click()
    expect(page.get_by_label("Run", exact=True)).to_be_checked()
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("link", name="Back", exact=True).click()
    expect(page.get_by_label("Run", exact=True)).to_be_checked()
    page.reload()
    expect(page.get_by_label("Run", exact=True)).to_be_checked()


def test_the_look_for_what_does_not_fit_catches_planted_faults(
    base: str, phone: BrowserContext
) -> None:
    """Fail if the check of the narrow pages has gone blind."""
    page = phone.new_page()
    for fault in (
        "document.querySelector('main button').style.marginLeft = '2000px'",
        "document.querySelector('main select').style.clipPath = 'inset(50%)'",
        "document.querySelector('footer').style = 'position: fixed; inset: 0; background: red'",
    ):
        page.goto(f"{base}/request")
        check_fits(page)
        page.evaluate(fault)
        with pytest.raises(AssertionError):
            check_fits(page)
