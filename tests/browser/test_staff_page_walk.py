"""Walks the pages of managers and of the desk's rarer moves, as test_page_walk does the others."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from clinicdir import clock
from clinicdir.appointments.rules import Action, Status
from clinicdir.db import db, transaction
from clinicdir.locations.mistakes import report_mistake
from clinicdir.locations.queries import get_location
from clinicdir.staff.models import StaffMember
from clinicdir.staff.rules import Role
from clinicdir.staff.second_factor import code_at, confirm_factor, start_factor
from clinicdir.staff.sessions import actor_of
from tests.browser.conftest import picture
from tests.browser.test_page_walk import Walk, check_look, walked
from tests.hashes import spend_little
from tests.lives import do
from tests.make import PASSWORD, make_staff, sign_in, token_of
from tests.own import in_days, make_own
from tests.parts import html_checker
from tests.signing_in import EMAIL, cookie, new_link
from tests.tables import rows

__all__ = ["walked"]

pytestmark = [pytest.mark.needs("Chromium")]

# Findings do not depend on the width: every page in `make soak`, the narrow ones here.
WIDTHS = [320, pytest.param(1280, marks=pytest.mark.soak)]
ADMIN = "admin@example.com"


def fill(site: Flask) -> list[str]:
    """Store a little of everything; return the references, the oldest first."""
    with site.app_context():
        admin = make_staff(ADMIN, Role.ADMIN, ())
        actor = actor_of(admin)
        make_staff("desk@example.com", Role.DESK, ("renton", "covington"))
        with transaction():
            report_mistake(get_location("renton"), "The fax is another one.", now=clock.now())
    for status, name in (
        (Status.IN_REVIEW, "Ada Example"), (Status.RECEIVED, "Ben Example"),
        (Status.BOOKED, "Cara Example"), (Status.OFFERED, "Dora Example"),
    ):  # fmt: skip
        make_own(site, status, patient_name=name, booked_at=in_days(1))
    references = rows(site, "appointment_request", "reference")
    now = clock.now()
    do(site, references[1], Action.LOG_CONTACT, actor=actor, now=now, details=("no_answer",))
    do(site, references[1], Action.NOTE, actor=actor, now=now, note="Calls back on Friday.")
    return [str(reference) for reference in references]


def paths(site: Flask, references: list[str]) -> Iterator[str]:
    """Return the pages that an admin opens by a link."""
    first, second = references[:2]
    desk = rows(site, "staff_member", "id")[-1]
    yield from ("/staff/agenda?location=renton", "/staff/mistakes", "/staff/team")
    yield from (f"/staff/team/{desk}", f"/staff/audit/people/{desk - 1}", "/staff/audit")
    yield from (f"/staff/audit?request={second}", "/staff/export", "/staff/measures")
    yield from ("/staff/settings/renton/contact", "/staff/settings/renton/close")
    yield from ("/staff/locations/new", "/staff/account", f"/staff/requests/{second}?step=link")
    yield from (f"/staff/requests/{first}/print", "/staff/agenda/print?location=renton")
    for what in ("who", "contact", "times", "clinic"):
        yield f"/staff/requests/{first}/change/{what}"


def enter(site: Flask, base: str, walked: Walk, email: str) -> None:
    client = site.test_client()
    sign_in(client, email)
    walked.context.add_cookies([{"name": "clinicdir", "value": cookie(client), "url": base}])


def look(page: Page, name: str) -> None:
    check_look(page)
    if page.viewport_size != {"width": 320, "height": 800}:  # the suite has little time
        picture(page, f"walk {name}")


@pytest.mark.parametrize("walked", WIDTHS, indirect=True)
def test_pages_of_managers_are_light_and_for_everybody(
    site: Flask, base: str, walked: Walk
) -> None:
    references = fill(site)
    enter(site, base, walked, ADMIN)
    for path in paths(site, references):
        walked.load(base + path)
    page = walked.page
    page.goto(f"{base}/staff/")
    page.get_by_label("Find a request").fill("Example")
    page.get_by_role("button", name="Search").click()
    look(page, "search hits")
    page.goto(f"{base}/staff/settings/renton/notices")
    page.locator("[name=webhook_use][value=first]").check()
    page.locator("[name=webhook_to]").fill("https://hooks.example/renton")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("whsec_")).to_be_visible()
    look(page, "secret of a webhook")
    for path, button in (
        ("/staff/locations/new", "Add the clinic"), ("/staff/team", "Make the link"),
        ("/staff/settings/renton/contact", "Save"), ("/staff/account", "Change the password"),
    ):  # fmt: skip
        page.goto(base + path)
        for field in page.locator("main input[type=tel]").all():
            field.fill("1")
        page.get_by_role("button", name=button).click()
        assert page.title().startswith("Error: "), path
        look(page, f"refused {path}")


@pytest.mark.parametrize("walked", WIDTHS, indirect=True)
def test_pages_of_the_sign_in_are_light_and_for_everybody(
    site: Flask, base: str, walked: Walk
) -> None:
    spend_little(site)
    link, page = new_link(site), walked.page
    page.goto(base + link)
    look(page, "invitation")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Save and sign in").click()
    with site.app_context():
        with transaction():
            member = db.session.query(StaffMember).filter_by(email=EMAIL).one()
            secret = start_factor(member, now=clock.now())
        page.goto(f"{base}/staff/account")
        look(page, "account with key")
        with transaction():
            confirm_factor(member, code_at(secret, clock.now()), now=clock.now())
    page.reload()
    look(page, "account with factor")
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("Email address").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    look(page, "second factor")
    page.get_by_role("button", name="Go on").click()
    assert page.title().startswith("Error: Enter the code of your app")
    look(page, "second factor refused")


@pytest.mark.needs("the Nu HTML checker")
def test_pages_of_managers_are_valid_html(site: Flask, tmp_path: Path) -> None:
    references = fill(site)
    client = site.test_client()
    sign_in(client, ADMIN)
    pages = [client.get(path).get_data(as_text=True) for path in paths(site, references)]
    pages += [client.get(f"/staff/requests/{one}").get_data(as_text=True) for one in references[2:]]
    typed = {"csrf_token": token_of(pages[0]), "wanted": "Example"}
    pages.append(client.post("/staff/search", data=typed).get_data(as_text=True))
    for number, html in enumerate(pages):
        (tmp_path / f"{number}.html").write_text(html)
    checked = subprocess.run(  # noqa: S603 - our own arguments
        ["java", "-jar", str(html_checker()), *sorted(tmp_path.glob("*.html"))],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.stderr == "", checked.stderr
