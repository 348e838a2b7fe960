"""The inbox in a real browser: it renews itself around the person, and it has keys."""

import pytest
from flask import Flask
from playwright.sync_api import BrowserContext, Page, expect
from sqlalchemy import update

from clinicdir.db import db, transaction
from clinicdir.notifications.models import OutboxMessage
from clinicdir.notifications.rules import DeliveryState
from clinicdir.staff.queries import find_by_email
from tests.browser.conftest import DESK
from tests.make import make_request, make_staff, sign_in

pytestmark = pytest.mark.needs("Chromium")

EVERY_MS = 20_000


def open_inbox(site: Flask, base: str, context: BrowserContext) -> Page:
    with site.app_context():
        make_staff("desk@example.com")
    client = site.test_client()
    sign_in(client, "desk@example.com")
    cookie = client.get_cookie("clinicdir")
    assert cookie is not None
    context.add_cookies([{"name": "clinicdir", "value": cookie.value, "url": base}])
    page = context.new_page()
    page.set_viewport_size(DESK)
    page.clock.install()
    page.goto(f"{base}/staff/?location=renton")
    return page


def arrives(site: Flask, name: str) -> str:
    with site.app_context():
        reference = make_request(site, patient_name=name).reference
    return f"{reference[:3]}-{reference[3:]}"


def test_inbox_renews_itself_around_what_the_person_does(
    site: Flask, base: str, phone: BrowserContext
) -> None:
    first = arrives(site, "Ada Example")
    page = open_inbox(site, base, phone)
    statuses: list[int] = []
    page.on("response", lambda answer: statuses.append(answer.status))
    expect(page).to_have_title("(1) Renton – HIDEF")
    page.get_by_label("Find a request").fill("half ty")
    arrives(site, "Ben Example")
    page.clock.run_for(EVERY_MS)
    expect(page.locator("tbody tr")).to_have_count(2)
    expect(page).to_have_title("(2) Renton – HIDEF")
    expect(page.get_by_role("status")).to_have_text("New: 2")
    expect(page.get_by_label("Find a request")).to_be_focused()
    expect(page.get_by_label("Find a request")).to_have_value("half ty")

    link = page.get_by_role("link", name=first)
    link.focus()
    arrives(site, "Cara Example")
    page.clock.run_for(EVERY_MS)
    expect(page.locator("tbody tr")).to_have_count(3)
    expect(link).to_be_focused()
    with page.expect_response(lambda answer: "part=rows" in answer.url):
        page.clock.run_for(EVERY_MS)
    assert statuses == [200, 200, 304]

    cookies = phone.cookies()
    phone.clear_cookies()
    page.clock.run_for(EVERY_MS)
    expect(page.get_by_role("status")).to_have_text(
        "This list does not renew itself any more. Load the page again."
    )
    # As after the lock, whose password has just been typed.
    phone.add_cookies(cookies)  # type: ignore[arg-type]
    arrives(site, "Dana Example")
    page.evaluate("dispatchEvent(new Event('unlocked'))")
    expect(page.locator("tbody tr")).to_have_count(4)
    expect(page.get_by_role("status")).to_have_text("New: 4")
    expect(page.get_by_role("status")).to_have_class("aside")


def test_notice_that_does_not_get_through_shows_in_an_inbox_that_is_open(
    site: Flask, base: str, phone: BrowserContext
) -> None:
    reference = arrives(site, "Ada Example")
    page = open_inbox(site, base, phone)
    alert = page.get_by_role("alert")
    expect(alert).to_have_count(0)
    with site.app_context(), transaction():
        db.session.execute(update(OutboxMessage).values(state=DeliveryState.REFUSED))
    page.clock.run_for(EVERY_MS)
    expect(alert.get_by_role("heading")).to_have_text("A notice did not get through")
    expect(alert.get_by_role("listitem")).to_have_text(f"{reference} Renton")
    alert.evaluate("node => { window.same = node; }")
    arrives(site, "Ben Example")
    page.clock.run_for(EVERY_MS)
    expect(page.locator("tbody tr")).to_have_count(2)
    # Put in anew it would be read aloud anew.
    assert alert.evaluate("node => node === window.same")
    with site.app_context(), transaction():
        db.session.execute(update(OutboxMessage).values(state=DeliveryState.DELIVERED))
    page.clock.run_for(EVERY_MS)
    expect(alert).to_have_count(0)


def test_a_poll_is_activity_only_where_somebody_did_something(
    site: Flask, base: str, phone: BrowserContext
) -> None:
    page = open_inbox(site, base, phone)
    marks = []
    for does_something in (False, True, False):
        if does_something:
            page.mouse.move(40, 60)
        with page.expect_request(lambda asked: "part=rows" in asked.url) as caught:
            page.clock.run_for(EVERY_MS)
        marks.append(caught.value.headers.get("x-poll"))
    assert marks == ["1", None, "1"]


def test_keys_walk_open_search_and_help_unless_somebody_types(
    site: Flask, base: str, phone: BrowserContext
) -> None:
    first, second = arrives(site, "Ada Example"), arrives(site, "Ben Example")
    page = open_inbox(site, base, phone)
    page.keyboard.press("j")
    expect(page.get_by_role("link", name=first)).to_be_focused()
    page.keyboard.press("j")
    page.keyboard.press("j")  # there is no third
    expect(page.get_by_role("link", name=second)).to_be_focused()
    page.keyboard.press("k")
    expect(page.get_by_role("link", name=first)).to_be_focused()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()
    page.keyboard.press("/")
    page.keyboard.type("jko/?")
    expect(page.get_by_label("Find a request")).to_have_value("jko/?")
    expect(page.get_by_label("Find a request")).to_be_focused()
    page.get_by_role("link", name=second).focus()
    page.keyboard.press("o")
    expect(page.get_by_role("heading", level=1)).to_have_text(f"{second} at Renton")


def test_keys_that_are_switched_off_do_nothing(
    site: Flask, base: str, phone: BrowserContext
) -> None:
    arrives(site, "Ada Example")
    page = open_inbox(site, base, phone)
    with site.app_context(), transaction():
        member = find_by_email("desk@example.com")
        assert member is not None
        member.shortcuts = False
    page.reload()
    for key in "j?/":
        page.keyboard.press(key)
    expect(page.locator("body")).to_be_focused()
    expect(page.locator("dialog")).to_have_count(0)
