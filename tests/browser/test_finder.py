"""The finder in a real browser: the device's place, the question with buttons, Back, weight."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from geopy.location import Location  # type: ignore[import-untyped]
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import PHONE, picture
from tests.browser.test_page_walk import Walk, check_look

pytestmark = pytest.mark.needs("Chromium")

QUESTION = ("13112 NE 20th St, Bellevue, WA 98005", "13112 SE 20th St, Bellevue, WA 98005")


class Asking:
    """A geocoder that always asks which street was meant."""

    def geocode(self, query: str) -> Any:  # noqa: ANN401 - geopy has no types
        raw = {"level": "postal_code", "error_m": 4500, "matched": "98005", "alternatives": []}
        if query in QUESTION:
            raw |= {"level": "grid", "error_m": 250, "matched": query}
        else:
            raw["alternatives"] = [*QUESTION]
        return Location(query, (47.6285, -122.1657), raw)


@pytest.fixture
def sent(phone: BrowserContext) -> list[str]:
    """Return what the pages of the phone have sent by POST."""
    bodies: list[str] = []
    phone.on("request", lambda request: bodies.append(request.post_data or ""))
    return bodies


@pytest.fixture
def still(browser: Browser) -> Iterator[BrowserContext]:
    """Return a phone with JavaScript off."""
    context = browser.new_context(viewport=PHONE, java_script_enabled=False)
    context.set_default_timeout(5000)
    yield context
    context.close()


def test_device_that_tells_its_place_is_answered_and_rounded(
    site: Flask, base: str, phone: BrowserContext, sent: list[str]
) -> None:
    del site
    phone.grant_permissions(["geolocation"], origin=base)
    phone.set_geolocation({"latitude": 47.534987, "longitude": -122.230123, "accuracy": 35})
    page = phone.new_page()
    page.goto(base)
    assert "".join(sent) == ""
    page.get_by_role("button", name="Use my location").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Clinics near you")
    expect(page.locator("ol.cards > li").first.get_by_role("heading")).to_contain_text("Bellevue")
    assert "".join(sent) == "latitude=47.535&longitude=-122.230&accuracy=100"
    assert page.url == f"{base}/find"
    assert phone.cookies() == []
    check_look(page)
    picture(page, "place of the device")


def test_device_that_refuses_leaves_the_form_for_typing(
    site: Flask, base: str, phone: BrowserContext
) -> None:
    del site
    phone.clear_permissions()
    page = phone.new_page()
    page.goto(base)
    page.get_by_role("button", name="Use my location").click()
    expect(page.get_by_role("status")).to_have_text(
        "Your device did not tell us. Type where you are instead."
    )
    expect(page.get_by_label("Your ZIP code")).to_be_focused()
    check_look(page)
    page.keyboard.type("98057")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Clinics near 98057")


def test_pressing_is_needed_before_a_device_is_asked(
    site: Flask, base: str, phone: BrowserContext
) -> None:
    del site
    phone.add_init_script(
        "window.asked = 0; Object.defineProperty(navigator, 'geolocation', {value: {"
        "getCurrentPosition() { window.asked += 1; }}})"
    )
    page = phone.new_page()
    page.goto(base)
    expect(page.get_by_role("button", name="Use my location")).to_be_visible()
    assert page.evaluate("window.asked") == 0
    page.get_by_role("button", name="Use my location").click()
    assert page.evaluate("window.asked") == 1


def test_browser_without_geolocation_shows_no_button(
    site: Flask, base: str, phone: BrowserContext
) -> None:
    del site
    phone.add_init_script("Object.defineProperty(navigator, 'geolocation', {value: undefined})")
    page = phone.new_page()
    page.goto(base)
    expect(page.get_by_role("button", name="Find the nearest")).to_be_visible()
    expect(page.get_by_role("button", name="Use my location")).to_have_count(0)


def test_other_pages_may_not_ask_the_device(site: Flask, base: str, phone: BrowserContext) -> None:
    del site
    phone.grant_permissions(["geolocation"], origin=base)
    page = phone.new_page()
    page.goto(f"{base}/locations/renton")
    refused = (
        "new Promise(done => navigator.geolocation.getCurrentPosition("
        "() => done('told'), error => done(error.code)))"
    )
    assert page.evaluate(refused) == 1


def test_question_is_answered_by_a_button_without_script(
    site: Flask, base: str, still: BrowserContext
) -> None:
    site.extensions["clinicdir"] = replace(site.extensions["clinicdir"], geocoder=Asking())
    page = still.new_page()
    _type(page, base, "13112 20th St Bellevue")
    expect(page.get_by_role("heading", name="Did you mean")).to_have_text(
        "Did you mean NE 20th St or SE 20th St?"
    )
    picture(page, "question")
    page.get_by_role("button", name="13112 SE 20th St").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Clinics near {QUESTION[1]}")
    assert page.url == f"{base}/find"
    page.locator("ol.cards").get_by_role("link", name="Renton", exact=True).click()
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Clinics near {QUESTION[1]}")


def test_question_is_for_everybody(site: Flask, base: str, phone: BrowserContext) -> None:
    site.extensions["clinicdir"] = replace(site.extensions["clinicdir"], geocoder=Asking())
    page = phone.new_page()
    _type(page, base, "13112 20th St Bellevue")
    expect(page.get_by_role("heading", name="Did you mean")).to_be_visible()
    check_look(page)


@pytest.mark.parametrize("width", [320, 1280])
def test_results_of_a_post_are_as_light_as_any_page(
    site: Flask, base: str, phone: BrowserContext, width: int
) -> None:
    html = site.test_client().post("/find", data={"address": "Bremerton"}).get_data(as_text=True)
    walk = Walk(phone, width)
    phone.route(f"{base}/find", lambda route: route.fulfill(body=html, content_type="text/html"))
    walk.load(f"{base}/find")


def _type(page: Page, base: str, text: str) -> None:
    page.goto(base)
    page.get_by_label("Your ZIP code, city or street address").fill(text)
    page.get_by_role("button", name="Find the nearest").click()
