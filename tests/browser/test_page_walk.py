"""Walks every page in its states: weight, requests, cookies, axe, valid HTML, width."""

import gzip
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from playwright.sync_api import BrowserContext, Page, Response, ViewportSize

from clinicdir.appointments.rules import Status
from clinicdir.db import transaction
from clinicdir.locations.queries import get_location
from clinicdir.staff.rules import Role
from tests.browser.conftest import picture
from tests.make import make_request, make_staff, sign_in, token_of
from tests.own import checked as has_passed
from tests.own import hold_out, in_days, make_own
from tests.parts import html_checker

pytestmark = [pytest.mark.needs("Chromium")]

MOST_BYTES = 10_000
MOST_REQUESTS = 2
# These carry a script as well: "Use my location", or what renews the inbox.
WITH_SCRIPT = ("/", "/locations/", "/find", "/staff/")
AXE = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
}
PUBLIC = (
    "/",
    "/?near=98057",
    "/?near=Bainbridge Island",
    "/?near=Nowhereville",
    "/locations/renton",
    "/locations/bellevue",
    "/privacy",
    "/erased",
    "/about",
    "/guide/knee",
    "/request",
    "/request?location=renton&goal=run",
    "/no-such-page",
    "/lost-link",
    "/staff/login",
)


OWN_CHANGES = ("/change/who", "/change/contact", "/change/times", "/change/clinic")


class Walk:
    """Loads each page in a tab of its own, so that nothing of the page before counts."""

    def __init__(self, context: BrowserContext, width: int) -> None:
        self.context = context
        self.size: ViewportSize = {"width": width, "height": 800}
        self.page = self.new_page()

    def new_page(self) -> Page:
        page = self.context.new_page()
        page.set_viewport_size(self.size)
        return page

    def load(self, url: str, name: str = "") -> None:
        """Load a page anew and check what it fetched, what it weighs and how it looks."""
        answers: list[Response] = []
        page = self.new_page()
        page.on("response", lambda answer: answers.append(answer))  # noqa: PLW0108
        page.goto(url)
        assert {urlsplit(answer.url).netloc for answer in answers} == {urlsplit(url).netloc}
        path = urlsplit(url).path
        # The finder and the lock of the staff pages bring a script each.
        most = MOST_REQUESTS + (path in WITH_SCRIPT) + path.startswith("/staff/")
        assert len(answers) <= most, [answer.url for answer in answers]
        weight = sum(len(gzip.compress(answer.body())) for answer in answers)
        assert weight <= MOST_BYTES, f"{url} weighs {weight} bytes"
        check_look(page)
        if name:
            picture(page, name)
        page.close()


def check_look(page: Page) -> None:
    """Fail on an axe finding or a page that scrolls sideways."""
    findings = Axe().run(page, options=AXE).response["violations"]
    assert [(found["id"], [node["html"] for node in found["nodes"]]) for found in findings] == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.fixture(params=[320, 1280])
def walked(request: pytest.FixtureRequest, phone: BrowserContext) -> Walk:
    return Walk(phone, request.param)


@pytest.mark.parametrize("path", PUBLIC)
def test_public_page_is_light_and_for_everybody(base: str, walked: Walk, path: str) -> None:
    walked.load(base + path)
    if not path.startswith(("/request", "/staff")):
        assert walked.context.cookies() == []


def test_request_pages_are_light_and_for_everybody(base: str, walked: Walk) -> None:
    page = walked.page
    page.goto(f"{base}/request?location=renton")
    page.get_by_role("button", name="Go on").click()
    assert page.title().startswith("Error: ")
    check_look(page)
    page.get_by_label("Run", exact=True).check()
    for fill in (_fill_nothing, _fill_people, _fill_contact, _fill_nothing):
        fill(page)
        page.get_by_role("button", name="Go on").click()
        walked.load(page.url)
    page.get_by_role("button", name="Send the request").click()
    walked.load(page.url)


def _fill_nothing(page: Page) -> None:
    del page


def _fill_people(page: Page) -> None:
    page.get_by_label("Me", exact=True).check()
    page.get_by_label("Patient’s full name").fill("Robin Example")


def _fill_contact(page: Page) -> None:
    page.get_by_label("Phone number").fill("206 555 0123")
    page.get_by_label("Phone", exact=True).check()


@pytest.mark.parametrize("walked", [320, pytest.param(1280, marks=pytest.mark.soak)], indirect=True)
def test_own_pages_are_light_and_for_everybody(site: Flask, base: str, walked: Walk) -> None:
    for status in Status:
        own = make_own(site, status, booked_at=in_days(7), decline_reason="no_times")
        hold_out(site, in_days(3), in_days(4))
        walked.load(base + own, f"own {status.value}")
        page = walked.page
        page.goto(f"{base}{own}/check")
        check_look(page)
        page.get_by_label("Last four digits of your phone number").fill("9999")
        page.get_by_role("button", name="Go on").click()
        assert page.title().startswith("Error: ")
        check_look(page)
        page.get_by_label("Last four digits of your phone number").fill("0123")
        page.get_by_role("button", name="Go on").click()
        walked.load(page.url, f"own {status.value} checked")
        if status is Status.OFFERED:
            for end in ("/fax-cover", "/withdraw", "/erase", *OWN_CHANGES):
                walked.load(base + own + end, f"own {end}")


def test_refused_change_is_for_everybody(site: Flask, base: str, walked: Walk) -> None:
    own, page = make_own(site), walked.page
    page.goto(f"{base}{own}/change/contact")
    page.get_by_label("Last four digits of your phone number").fill("0123")
    page.get_by_role("button", name="Go on").click()
    page.get_by_label("Phone number").fill("12")
    page.get_by_role("button", name="Save the change").click()
    assert page.title().startswith("Error: Change how the clinic reaches you")
    check_look(page)
    picture(page, "own change refused")


def test_printed_own_page_keeps_what_matters(site: Flask, base: str, walked: Walk) -> None:
    page = walked.page
    page.goto(base + make_own(site))
    page.emulate_media(media="print")
    seen = page.inner_text("body")
    for words in ("We have your request", "Renton", "(206) 693-9929", "YOUR REFERENCE"):
        assert words.casefold() in seen.casefold()
    assert "Take back" not in seen
    assert "For staff" not in seen


def test_staff_pages_are_light_and_for_everybody(site: Flask, base: str, walked: Walk) -> None:
    with site.app_context():
        references = [make_request(site, patient_name=f"P{n}").reference for n in range(3)]
        make_staff("desk@example.com")
    client = site.test_client()
    sign_in(client, "desk@example.com")
    cookie = client.get_cookie("clinicdir")
    assert cookie is not None
    walked.context.add_cookies([{"name": "clinicdir", "value": cookie.value, "url": base}])
    opened = f"/staff/requests/{references[0]}"
    for path in ("/staff/", opened, "/staff/?group=closed", "/staff/new"):
        walked.load(base + path, f"walk {path}")
    page = walked.page
    page.goto(f"{base}/staff/")
    page.keyboard.press("?")
    check_look(page)
    page.keyboard.press("Escape")
    page.get_by_label("Find a request").fill("P1")
    page.get_by_role("button", name="Search").click()
    check_look(page)
    page.get_by_label("Find a request").fill(" ")
    page.get_by_role("button", name="Search").click()
    assert page.title().startswith("Error: Search")
    check_look(page)


def test_settings_pages_are_light_and_for_everybody(site: Flask, base: str, walked: Walk) -> None:
    with site.app_context():
        make_staff("admin@example.com", Role.ADMIN, ())
    client = site.test_client()
    sign_in(client, "admin@example.com")
    cookie = client.get_cookie("clinicdir")
    assert cookie is not None
    walked.context.add_cookies([{"name": "clinicdir", "value": cookie.value, "url": base}])
    settings = f"{base}/staff/settings/renton"
    for path in ("", "/goals", "/contact", "/address", "/close"):
        walked.load(settings + path)
    page = walked.page
    page.goto(f"{settings}/address")
    page.get_by_label("Street and number").fill("1200 SW 43rd St")
    page.get_by_role("button", name="Save").click()
    assert page.get_by_role("heading", name="Look at the position first").is_visible()
    check_look(page)
    page.goto(f"{settings}/contact")
    page.get_by_label("Phone that patients call").fill("425 629 9997")
    page.get_by_role("button", name="Save").click()
    assert page.get_by_text("is also the number of 1 other clinic: Bellevue").is_visible()
    check_look(page)


def test_shared_line_is_light_and_for_everybody(site: Flask, base: str, walked: Walk) -> None:
    with site.app_context():
        reference = make_request(site, location="covington", patient_name="P").reference
        make_staff("manager@example.com", Role.MANAGER, ("renton", "issaquah"))
    client = site.test_client()
    sign_in(client, "manager@example.com")
    cookie = client.get_cookie("clinicdir")
    assert cookie is not None
    walked.context.add_cookies([{"name": "clinicdir", "value": cookie.value, "url": base}])
    walked.load(f"{base}/staff/line/{reference}")
    page = walked.page
    page.goto(f"{base}/staff/")
    page.get_by_label("Find a request").fill("P")
    page.get_by_role("button", name="Search").click()
    check_look(page)


def test_settings_are_light_and_for_everybody(site: Flask, base: str, walked: Walk) -> None:
    with site.app_context():
        make_staff("manager@example.com", Role.MANAGER)
        with transaction():
            place = get_location("renton")
            place.hours, place.answers_within_min = "Mo-Fr 08:00-17:00; PH off", 480
    client = site.test_client()
    sign_in(client, "manager@example.com")
    cookie = client.get_cookie("clinicdir")
    assert cookie is not None
    walked.context.add_cookies([{"name": "clinicdir", "value": cookie.value, "url": base}])
    notices = "/staff/settings/renton/notices"
    for path in ("/staff/settings", "/staff/settings/renton", notices, "/locations/renton"):
        walked.load(base + path, f"walk {path}")
    page = walked.page
    page.goto(f"{base}/staff/settings/renton")
    page.get_by_label("Opening hours", exact=True).fill("Mo-Fr 8-17")
    page.get_by_role("button", name="Save").click()
    assert page.title().startswith("Error: ")
    check_look(page)


@pytest.mark.needs("the Nu HTML checker")
def test_every_page_is_valid_html(site: Flask, tmp_path: Path) -> None:
    with site.app_context():
        reference = make_request(site).reference
        make_staff("desk@example.com")
        make_staff("manager@example.com", Role.MANAGER)
        with transaction():
            get_location("bellevue").hours = "Mo-Fr 08:00-17:00; PH off"
    client = site.test_client()
    pages = {path: client.get(path).get_data(as_text=True) for path in PUBLIC}
    pages["find"] = client.post("/find", data={"address": "98057"}).get_data(as_text=True)
    pages["empty"] = client.post("/find", data={"address": " "}).get_data(as_text=True)
    place = {"latitude": "47.535", "longitude": "-122.230"}
    pages["place"] = client.post("/find", data=place).get_data(as_text=True)
    own = make_own(site, Status.OFFERED)
    hold_out(site, in_days(3))
    for end in ("", "/check", "/withdraw", "/erase", "/fax-cover"):
        pages[own + end] = client.get(own + end).get_data(as_text=True)
    passed = has_passed(site, own)
    for end in ("", "/fax-cover", *OWN_CHANGES):
        pages[f"{own}{end} checked"] = passed.get(own + end).get_data(as_text=True)
    pages["forged"] = client.post("/request", data={"goal": "run"}).get_data(as_text=True)
    sign_in(client, "desk@example.com")
    for path in ("/staff/", f"/staff/requests/{reference}", "/staff/new"):
        pages[path] = client.get(path).get_data(as_text=True)
    manager = site.test_client()
    sign_in(manager, "manager@example.com")
    with site.app_context():
        other = make_request(site, location="covington").reference
    for path in ("/staff/settings", "/staff/settings/renton", f"/staff/line/{other}"):
        pages[path] = manager.get(path).get_data(as_text=True)
    pages["part"] = manager.get("/staff/?part=rows").get_data(as_text=True)
    found = {"csrf_token": token_of(pages["/staff/settings"]), "wanted": "Example"}
    pages["search"] = manager.post("/staff/search", data=found).get_data(as_text=True)
    for number, html in enumerate(pages.values()):
        (tmp_path / f"{number}.html").write_text(html)
    checked = subprocess.run(  # noqa: S603 - our own arguments
        ["java", "-jar", str(html_checker()), "--also-check-css", *sorted(tmp_path.glob("*.html"))],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.stderr == "", checked.stderr


def test_the_walk_catches_planted_faults(base: str, phone: BrowserContext, site: Flask) -> None:
    """Fail if axe or the scroll check have gone blind."""
    del site
    page = phone.new_page()
    page.goto(base)
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<input type=text>')")
    with pytest.raises(AssertionError, match="label"):
        check_look(page)
    page.goto(base)
    page.evaluate(
        "document.querySelector('main').insertAdjacentHTML("
        "'beforeend', '<p>' + '\\u00a0x'.repeat(9000).replaceAll(' ', '') + '</p>')"
    )
    page.evaluate("document.body.style.minWidth = '2000px'")
    with pytest.raises(AssertionError, match="scrollWidth"):
        check_look(page)
