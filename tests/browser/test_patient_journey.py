import pytest
from flask import Flask
from playwright.sync_api import BrowserContext, Page, expect

from clinicdir.appointments.queries import list_requests
from clinicdir.appointments.rules import show_reference
from clinicdir.staff.rules import EVERYWHERE
from tests.browser.conftest import picture

pytestmark = pytest.mark.needs("Chromium")


def test_patient_finds_a_clinic_and_asks_it(site: Flask, base: str, page: Page) -> None:
    page.goto(base)
    expect(page.get_by_role("listitem").filter(has_text="Ask")).to_have_count(6)
    page.get_by_label("Your ZIP code, city or street address").fill("98057")
    page.get_by_role("button", name="Find the nearest").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Clinics near 98057")
    expect(page.locator("ol.cards > li").first.get_by_role("heading")).to_contain_text("Renton")
    picture(page, "results")

    page.get_by_role("link", name="Ask Renton for an appointment").click()
    expect(page.get_by_label("Renton")).to_be_checked()
    page.get_by_role("button", name="Go on").click()
    assert page.title().startswith("Error: What do you want to get back to?")
    summary = page.get_by_role("alert")
    expect(summary).to_contain_text("Select what you want to get back to")
    picture(page, "request error")
    page.get_by_label("Run", exact=True).check()
    page.get_by_role("button", name="Go on").click()

    page.get_by_label("Me", exact=True).check()
    page.get_by_label("Patient’s full name").fill("María Nguyễn-O'Neil")
    page.get_by_role("button", name="Go on").click()
    page.get_by_label("Phone number").fill("(206) 555-0123")
    page.get_by_label("Phone", exact=True).check()
    page.get_by_role("button", name="Go on").click()
    page.get_by_label("A time that suits you").select_option("tuesday morning")
    page.get_by_role("button", name="Go on").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Check your answers")
    picture(page, "check answers")
    page.get_by_role("link", name="Change: Who it is for").click()
    expect(page.get_by_label("Patient’s full name")).to_have_value("María Nguyễn-O'Neil")
    page.get_by_label("Patient’s full name").fill("María Nguyễn")
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Check your answers")
    page.get_by_role("button", name="Send the request").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("We have your request")
    expect(page.get_by_text("This is a request, not yet a booking.")).to_be_visible()
    picture(page, "confirmation")
    with site.app_context():
        [made] = list_requests(scope=EVERYWHERE, limit=None)
        assert (made.location.slug, made.goal, made.personal["patient_name"]) == (
            "renton",
            "run",
            "María Nguyễn",
        )
        expect(page.locator(".code")).to_have_text(show_reference(made.reference))
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("We have your request")


def test_going_back_from_a_clinic_shows_the_results_again_unasked(
    base: str, phone: BrowserContext, site: Flask
) -> None:
    del site
    page = phone.new_page()
    page.goto(base)
    page.get_by_label("Your ZIP code").fill("332 Burnett Ave S, Renton")
    page.get_by_role("button", name="Find the nearest").click()
    results = page.locator("main").inner_text()
    page.locator("ol.cards").get_by_role("link", name="Renton", exact=True).click()
    expect(page).to_have_url(f"{base}/locations/renton")
    response = page.go_back()
    assert response is not None
    assert response.request.method == "POST"
    assert page.locator("main").inner_text() == results


def test_finding_sets_no_cookie_and_asking_sets_one(base: str, phone: BrowserContext) -> None:
    page = phone.new_page()
    for path in ("/", "/?near=98057", "/locations/renton", "/privacy", "/about"):
        page.goto(base + path)
    page.goto(base)
    page.get_by_label("Your ZIP code").fill("Bellevue")
    page.get_by_role("button", name="Find the nearest").click()
    assert phone.cookies() == []
    page.goto(f"{base}/request")
    assert [cookie["name"] for cookie in phone.cookies()] == ["clinicdir"]
