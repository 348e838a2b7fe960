"""Every text that somebody can write holds a payload; staff see it as it was typed, no more."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import BrowserContext, Page
from sqlalchemy import update

from clinicdir import clock
from clinicdir.appointments.rules import Action, Status
from clinicdir.audit.rules import Actor
from clinicdir.db import db, transaction
from clinicdir.locations.mistakes import report_mistake
from clinicdir.locations.models import LocationStatus, Organization
from clinicdir.locations.queries import get_location
from clinicdir.notifications.models import OutboxMessage
from clinicdir.staff.models import StaffMember
from clinicdir.staff.rules import Role
from clinicdir.staff.sessions import actor_of
from tests.browser.payloads import PAYLOADS
from tests.browser.watching import watch
from tests.lives import do
from tests.make import make_request, make_staff, sign_in
from tests.own import DIGITS, in_days, make_own
from tests.signing_in import cookie
from tests.tables import rows

pytestmark = pytest.mark.needs("Chromium")

ASKED = (
    "patient_name", "asker_name", "relation", "goal_text", "tried", "access_needs", "note",
)  # fmt: skip
SAID = ("own note", "call", "decline", "withdraw", "error", "passed on")
PLACE = ("name", "line", "unit", "city", "notice", "hours")
OTHERS = ("group", "person", "mistake", "closed notice", "mail server")
FIELDS = (*ASKED, *SAID, *PLACE, *OTHERS)
# Whatever the text came to be beside text; the charts of the reports are the only drawings.
STRANGE = """() => [...document.querySelectorAll('*')].filter((node) =>
    node.matches('iframe, object, embed, base, math, img, style, script:not([src])')
    || [...node.attributes].some(({name, value}) => name.startsWith('on')
        || /^\\s*javascript:/i.test(value) && name !== 'value')
    || document.querySelectorAll('#main').length !== 1
).map((node) => node.outerHTML)"""
SHOWN = """() => [document.title, document.body.textContent,
    ...[...document.querySelectorAll('input, textarea')].map((node) => node.value)
].join(' ').replace(/\\s+/g, ' ')"""


@dataclass
class Made:
    """What was stored: the texts by their fields, and the pages that show them."""

    texts: dict[str, str]
    reference: str = ""
    own: str = ""
    foreign: str = ""
    closed: tuple[str, ...] = ()
    person: int = 0


def make(site: Flask, turn: int) -> Made:
    """Store every text there is, each with another payload; `turn` says with which."""
    texts = {
        field: f"{PAYLOADS[(number + turn) % len(PAYLOADS)]} t{number}"
        for number, field in enumerate(FIELDS)
    }
    made = Made(texts)
    actor = make_people(site, made)
    make_places(site, made)
    asked: dict[str, Any] = {name: texts[name] for name in ASKED}
    asked |= {"goal": "other", "for_whom": "someone_else"}
    made.own = make_own(site, **asked, email="kim@example.com", contact_by="email")
    (made.reference,) = rows(site, "appointment_request", "reference")
    say(site, made.reference, Action.NOTE, actor, note=texts["own note"])
    say(site, made.reference, Action.LOG_CONTACT, actor, note=texts["call"], details=("reached",))
    with site.app_context(), transaction():
        db.session.execute(update(OutboxMessage).values(last_error=texts["mail server"]))
    make_own(site, Status.BOOKED, booked_at=in_days(1), **asked)
    closed = []
    for action, field in (
        (Action.DECLINE, "decline"), (Action.WITHDRAW, "withdraw"), (Action.MARK_ERROR, "error"),
        (Action.TRANSFER, "passed on"),
    ):  # fmt: skip
        with site.app_context():
            one = make_request(site, **asked).reference
        details: dict[str, Any] = {"note": texts[field]}
        details |= {"decline_reason": "other"} if action is Action.DECLINE else {}
        details |= {"to": "bellevue"} if action is Action.TRANSFER else {}
        say(site, one, action, actor, **details)
        closed.append(one)
    made.closed = tuple(closed)
    with site.app_context():
        made.foreign = make_request(site, **(asked | {"location": "covington"})).reference
    return made


def make_people(site: Flask, made: Made) -> Actor:
    with site.app_context():
        make_staff("manager@example.com", Role.MANAGER, ("renton", "bellevue", "issaquah"))
        make_staff("admin@example.com", Role.ADMIN, ())
        made.person = make_staff("odd@example.com").id
        with transaction():
            member = db.session.get_one(StaffMember, made.person)
            member.email = made.texts["person"]
            return actor_of(member)


def make_places(site: Flask, made: Made) -> None:
    with site.app_context(), transaction():
        db.session.query(Organization).one().name = made.texts["group"]
        place, closed = get_location("renton"), get_location("issaquah")
        for name in PLACE:
            setattr(place, name, made.texts[name])
        closed.status, closed.notice = LocationStatus.CLOSED, made.texts["closed notice"]
        report_mistake(place, made.texts["mistake"], now=clock.now())


def say(site: Flask, reference: str, action: Action, actor: Actor, **details: Any) -> None:  # noqa: ANN401
    do(site, reference, action, actor=actor, now=clock.now(), **details)


def pages_of_managers(made: Made) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Return the pages, and of the texts those that each of them must show."""
    opened = f"/staff/requests/{made.reference}"
    row = ("group", "patient_name", "goal_text", "name")
    yield "/staff/", row
    yield "/staff/?group=closed", row
    yield opened, (*row, *ASKED, "own note", "call", "person", "mail server")
    yield f"{opened}/print", (*row, *ASKED)
    yield f"{opened}/change/who", ("patient_name", "asker_name", "relation")
    yield f"{opened}/change/times", ("access_needs", "note")
    yield f"{opened}/change/contact", ("group",)
    yield f"{opened}/change/clinic", ("group",)
    for reference, field in zip(made.closed, SAID[2:], strict=True):
        yield f"/staff/requests/{reference}", (field, "patient_name", "person")
    yield f"/staff/line/{made.foreign}", ASKED
    yield "/staff/agenda?location=renton", ("name", "patient_name")
    yield f"/staff/audit?request={made.reference}", ("person", "name")
    yield f"/staff/audit/people/{made.person}", ("person", "name")
    yield "/staff/team", ("person", "name")
    yield f"/staff/team/{made.person}", ("person", "name")
    yield "/staff/mistakes", ("mistake", "name")
    yield "/staff/new", ("group", "name")
    yield "/staff/export", ("name",)
    yield "/staff/measures", ("name",)
    yield "/staff/settings", ("name", "notice", "hours")
    yield "/staff/settings/renton", ("name", "notice", "hours")
    yield "/staff/settings/renton/contact", ("name",)
    yield "/staff/account", ("group",)
    yield "/staff/unlock", ("group",)


PAGES_OF_ADMINS = {
    "/staff/locations/new": ("group",),
    "/staff/settings/renton/close": ("name", "person"),
}
PAGES_OF_ALL = {
    "/": ("group", "name", "notice"),
    "/locations/renton": ("name", "line", "unit", "city", "notice", "hours"),
    "/locations/issaquah": ("closed notice",),
    "/request?location=renton": ("name", "notice"),
}
TURNS = [
    0,
    *(pytest.param(turn, marks=pytest.mark.soak) for turn in range(1, len(PAYLOADS))),
]


@pytest.mark.parametrize("turn", TURNS)
def test_every_text_is_shown_as_typed_and_nothing_comes_of_it(
    site: Flask, base: str, phone: BrowserContext, turn: int
) -> None:
    seen, made = watch(phone), make(site, turn)
    page = phone.new_page()
    for path, shown in PAGES_OF_ALL.items():
        page.goto(base + path)
        check(page, made, shown)
    check_own_page(page, base, made)
    sign_in_as(site, base, phone, "manager@example.com")
    for path, shown in pages_of_managers(made):
        page.goto(base + path)
        check(page, made, shown)
    check_search(page, base, made)
    check_refused(page, base, made)
    sign_in_as(site, base, phone, "admin@example.com")
    for path, shown in PAGES_OF_ADMINS.items():
        page.goto(base + path)
        check(page, made, shown)
    # What the browser tells of a refused form is no fault of its page.
    seen.check(base, but="status of 422")


def sign_in_as(site: Flask, base: str, context: BrowserContext, email: str) -> None:
    client = site.test_client()
    sign_in(client, email)
    context.add_cookies([{"name": "clinicdir", "value": cookie(client), "url": base}])


def check(page: Page, made: Made, shown: tuple[str, ...]) -> None:
    """Fail where a text is missing, or where anything stands that no template of ours has."""
    assert page.evaluate(STRANGE) == [], page.url
    text = page.evaluate(SHOWN)
    missing = [field for field in shown if " ".join(made.texts[field].split()) not in text]
    assert missing == [], (page.url, [made.texts[field] for field in missing])


def check_own_page(page: Page, base: str, made: Made) -> None:
    page.goto(f"{base}{made.own}/check")
    page.get_by_label("Email").or_(page.get_by_label("Last four digits")).first.fill(DIGITS)
    page.get_by_role("button", name="Go on").click()
    check(page, made, (*ASKED, "name"))


def check_search(page: Page, base: str, made: Made) -> None:
    """Look for a payload, which stays in the field, and for a number that many rows have."""
    for wanted, shown in ((made.texts["note"], ("note",)), ("0123", ("patient_name", "name"))):
        page.goto(f"{base}/staff/")
        page.get_by_label("Find a request").fill(wanted)
        page.keyboard.press("Enter")
        page.wait_for_url("**/search")
        check(page, made, shown)


def check_refused(page: Page, base: str, made: Made) -> None:
    """Type payloads into a form that is refused: it comes back with all of them."""
    typed = ("patient_name", "asker_name", "relation", "goal_text", "note")
    page.goto(f"{base}/staff/new")
    for field in typed:
        page.locator(f"[name={field}]").fill(made.texts[field])
    page.get_by_role("button", name="Enter the request").click()
    assert page.title().startswith("Error: Enter a request")
    check(page, made, typed)


def test_the_check_is_not_blind(base: str, phone: BrowserContext) -> None:
    """Plant what a slip would make of each payload: all but the marks of templates are seen."""
    page = phone.new_page()
    page.goto(f"{base}/about")
    calm = [
        payload
        for payload in PAYLOADS
        if not page.evaluate(
            f"""(text) => {{
                const place = document.createElement('div');
                document.body.append(place);
                place.innerHTML = `<input value="${{text}}"><input value='${{text}}'>${{text}}`;
                const found = ({STRANGE})();
                place.remove();
                return found.length > 0;
            }}""",
            payload,
        )
    ]
    assert calm == [PAYLOADS[9], PAYLOADS[13]]
