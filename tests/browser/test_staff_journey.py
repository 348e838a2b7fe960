import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from clinicdir.appointments.queries import get_request
from clinicdir.audit.rules import OPERATOR
from clinicdir.clock import now
from clinicdir.db import transaction
from clinicdir.locations.queries import get_location
from clinicdir.staff.operations import invite
from clinicdir.staff.rules import EVERYWHERE, Role
from tests.browser.conftest import picture
from tests.make import PASSWORD, make_request

pytestmark = pytest.mark.needs("Chromium")


def test_desk_signs_in_claims_books_and_declines(site: Flask, base: str, page: Page) -> None:
    with site.app_context():
        first = make_request(site, patient_name="Ada Example").reference
        second = make_request(site, patient_name="Ben Example").reference
        make_request(site, patient_name="Cara Elsewhere", location="bellevue")
        with transaction():
            places = [get_location("renton")]
            token = invite("desk@example.com", Role.DESK, places, actor=OPERATOR, now=now())

    page.goto(f"{base}/staff/requests/{first}")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    page.goto(f"{base}/staff/invitation/{token}")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Save and sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Requests")
    expect(page.locator("tbody tr")).to_have_count(2)
    expect(page.get_by_text("Nobody is being notified: set an e-mail address.")).to_be_visible()
    expect(page.get_by_text("Cara Elsewhere")).to_have_count(0)
    picture(page, "inbox")

    page.get_by_role("link", name=f"{first[:3]}-{first[3:]}").click()
    page.get_by_role("button", name="I’m on it").click()
    expect(page.get_by_text("You are on it.")).to_be_visible()
    page.get_by_label("Day", exact=True).fill("2027-01-12")
    page.get_by_label("Time at the clinic", exact=True).fill("14:30")
    picture(page, "request")
    page.get_by_role("button", name="Mark as booked").click()
    expect(page.get_by_text("Tue, Jan 12, 2:30 pm").first).to_be_visible()

    page.goto(f"{base}/staff/requests/{second}")
    page.get_by_text("We cannot do it").click()
    page.get_by_label("We have no times in reach").check()
    page.get_by_role("button", name="Decline").click()
    expect(page.locator(".tag").first).to_have_text("Closed")

    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    page.get_by_label("Email address").fill("desk@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Requests")
    with site.app_context():
        states = [get_request(one, scope=EVERYWHERE).status.value for one in (first, second)]
    assert states == ["booked", "declined"]
