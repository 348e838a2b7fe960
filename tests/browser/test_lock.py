"""The lock of a staff page in a real browser: it covers the page, the password gives it back."""

import re

import pytest
from flask import Flask
from playwright.sync_api import BrowserContext, expect

from tests.browser.conftest import picture
from tests.hashes import spend_little
from tests.make import PASSWORD, make_request
from tests.signing_in import EMAIL, new_link

pytestmark = pytest.mark.needs("Chromium")


def test_page_locks_after_idle_minutes_and_unlocks_with_the_text_kept(
    site: Flask, base: str, phone: BrowserContext
) -> None:
    spend_little(site)
    with site.app_context():
        reference = make_request(site, patient_name="Ada Example").reference
    page = phone.new_page()
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.clock.install()
    page.goto(f"{base}{new_link(site)}")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Save and sign in").click()
    page.goto(f"{base}/staff/requests/{reference}")
    title = page.title()
    note = page.locator("form[action$='/note'] textarea")
    if not note.is_visible():
        page.locator("details:has(form[action$='/note']) > summary").click()
    note.fill("She calls back on Friday.")

    page.clock.run_for(9 * 60_000)
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.clock.fast_forward(61_000)
    sheet = page.get_by_role("dialog", name="Locked")
    expect(sheet.get_by_text("1 new, 0 overdue")).to_be_visible()
    expect(page).to_have_title("Locked")
    expect(page.get_by_text("Ada Example").first).to_be_hidden()
    expect(note).to_be_hidden()
    expect(sheet.get_by_label("Password")).to_be_focused()
    picture(page, "locked")

    with site.app_context():
        make_request(site)
    page.clock.run_for(60_000)
    expect(sheet.get_by_text("2 new, 0 overdue")).to_be_visible()
    sheet.get_by_label("Password").fill("wrong")
    page.keyboard.press("Enter")
    expect(sheet.get_by_text("Enter the password that you sign in with")).to_be_visible()
    sheet.get_by_label("Password").fill(PASSWORD)
    sheet.get_by_role("button", name="Unlock").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page).to_have_title(title)
    expect(note).to_have_value("She calls back on Friday.")
    expect(note).to_be_focused()
    page.locator("form[action$='/note'] button").click()
    expect(page.get_by_text("She calls back on Friday.").first).to_be_visible()
    assert EMAIL in page.content()
    # The browser tells of the wrong password, and would like a name beside each password.
    assert [text for text in problems if not re.search(r"422|\[DOM\]", text)] == []


def test_tab_beside_the_one_that_somebody_works_in_stays_open(
    site: Flask, base: str, phone: BrowserContext
) -> None:
    spend_little(site)
    phone.new_page().goto(f"{base}{new_link(site)}")
    join = phone.pages[0]
    join.get_by_label("Password").fill(PASSWORD)
    join.get_by_role("button", name="Save and sign in").click()
    expect(join.get_by_role("heading", level=1)).to_have_text("Requests")
    phone.clock.install()  # one for all tabs
    lies, works = phone.new_page(), phone.new_page()
    for tab in (lies, works):
        tab.goto(f"{base}/staff/agenda")
    # The message travels in its own time, and nothing of the page shows that it has come.
    lies.evaluate(
        "window.heard = new BroadcastChannel('activity'); window.heard.onmessage = () => {"
        " document.body.dataset.heard = 'yes'; }"
    )
    for _ in range(2):
        phone.clock.run_for(6 * 60_000)
        lies.evaluate("delete document.body.dataset.heard")
        works.keyboard.press("Shift")
        expect(lies.locator("body")).to_have_attribute("data-heard", "yes")
    for tab in (lies, works):
        expect(tab.get_by_role("dialog")).to_have_count(0)
    phone.clock.run_for(10 * 60_000)
    expect(lies.get_by_role("dialog", name="Locked")).to_be_visible()
