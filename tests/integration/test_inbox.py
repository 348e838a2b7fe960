"""The inbox over all locations of a person: what it lists, counts, filters, notes and costs."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import html5lib
import pytest
from flask import Flask
from flask.testing import FlaskClient

from clinicdir import clock
from clinicdir.appointments.operations import Move, act
from clinicdir.appointments.queries import get_request, list_requests
from clinicdir.appointments.rules import Action
from clinicdir.audit.rules import OPERATOR
from clinicdir.db import db, transaction
from clinicdir.locations.models import Telecom
from clinicdir.locations.queries import get_location, list_all_locations
from clinicdir.locations.rules import TelecomSystem
from clinicdir.staff.rules import EVERYWHERE, Role
from clinicdir.web.staff import inbox as inbox_page
from tests.client import page_text
from tests.conftest import Clock
from tests.make import make_request, make_staff, sign_in
from tests.tables import all_rows, rows, statements, together

DESK = "desk@example.com"
NOBODY_NOTIFIED = "Nobody is being notified"


def make_desk(
    app: Flask, *locations: str, role: Role = Role.DESK, email: str = DESK
) -> FlaskClient:
    with app.app_context():
        make_staff(email, role, locations)
    client = app.test_client()
    sign_in(client, email)
    return client


def ask(app: Flask, location: str, name: str, **changes: Any) -> str:  # noqa: ANN401
    with app.app_context():
        return make_request(app, location=location, patient_name=name, **changes).reference


def move(app: Flask, reference: str, action: Action) -> None:
    with app.app_context(), transaction():
        found = get_request(reference, scope=EVERYWHERE)
        later = clock.now() + timedelta(days=1)
        step = Move(action, found.version, booked_at=later, offered=(later,))
        act(found, step, actor=OPERATOR, now=clock.now())


def shown(reference: str) -> str:
    return f"{reference[:3]}-{reference[3:]}"


def table(page: str) -> list[dict[str, str]]:
    """Return each row of the page's table, its cells by the heads of their columns."""
    document = html5lib.parse(page, namespaceHTMLElements=False)
    return [
        {
            cell.attrib["data-label"]: re.sub(r"\s+", " ", "".join(cell.itertext())).strip()
            for cell in row.iter("td")
        }
        for body in document.iter("tbody")
        for row in body.iter("tr")
    ]


def names(client: FlaskClient, url: str = "/staff/") -> list[str]:
    return [row["Patient"] for row in table(client.get(url).get_data(as_text=True))]


def tabs(page: str) -> list[str]:
    document = html5lib.parse(page, namespaceHTMLElements=False)
    return [
        "".join(link.itertext()).strip()
        for links in document.iter("ul")
        if links.attrib.get("class") == "tabs"
        for link in links.iter("a")
    ]


def test_inbox_lists_what_waits_at_the_persons_locations(app: Flask, frozen: Clock) -> None:
    desk = make_desk(app, "renton", "covington")
    first = ask(app, "covington", "First Person", goal="ski")
    frozen.move(minutes=5)
    second = ask(
        app,
        "renton",
        "Second Person",
        interpreter=True,
        language="vi",
        phone=None,
        email="second@example.com",
        contact_by="email",
    )
    ask(app, "bellevue", "Foreign Person")
    frozen.move(minutes=4)
    page = desk.get("/staff/").get_data(as_text=True)
    assert table(page) == [
        {
            "Reference": shown(first),
            "Waiting": "9 min",
            "Clinic": "Covington",
            "Patient": "First Person",
            "Phone": "206 555 0123",
            "Goal": "Ski",
            "State": "New",
        },
        {
            "Reference": shown(second),
            "Waiting": "4 min",
            "Clinic": "Renton",
            "Patient": "Second Person Interpreter",
            "Phone": "by email",
            "Goal": "Run",
            "State": "New",
        },
    ]
    assert "Foreign" not in page
    assert "bellevue" not in page.casefold()
    assert tabs(page) == [
        "All my clinics", "Renton", "Covington", "To do (2)", "Overdue (0)", "New (2)", "Mine (0)",
        "Being handled (0)", "Waiting for patient (0)", "Booked (0)", "Closed (0)",
    ]  # fmt: skip
    assert "<title>(2) Requests" in page


def test_admin_sees_every_location(app: Flask) -> None:
    admin = make_desk(app, role=Role.ADMIN)
    ask(app, "renton", "First Person")
    ask(app, "bellevue", "Second Person")
    page = admin.get("/staff/").get_data(as_text=True)
    assert [row["Patient"] for row in table(page)] == ["First Person", "Second Person"]
    with app.app_context():
        every = [place.name for place in list_all_locations()]
    assert tabs(page)[: len(every) + 1] == ["All my clinics", *every]


def test_empty_inbox_says_so(app: Flask) -> None:
    desk = make_desk(app, "renton")
    ask(app, "bellevue", "Foreign Person")
    text = page_text(desk.get("/staff/").get_data(as_text=True))
    assert "Closed (0) Nothing here. Keys j k" in text


def test_filter_shows_one_location(app: Flask) -> None:
    desk = make_desk(app, "renton", "covington")
    ask(app, "renton", "Renton Person")
    ask(app, "covington", "Covington Person")
    page = desk.get("/staff/?location=covington").get_data(as_text=True)
    assert [row["Patient"] for row in table(page)] == ["Covington Person"]
    assert "<h1>Covington</h1>" in page
    assert tabs(page)[3:] == [
        "To do (1)", "Overdue (0)", "New (1)", "Mine (0)", "Being handled (0)",
        "Waiting for patient (0)", "Booked (0)", "Closed (0)",
    ]  # fmt: skip
    assert names(desk, "/staff/?location=") == ["Renton Person", "Covington Person"]


def test_filter_by_a_foreign_location_is_as_unknown_as_by_none(app: Flask) -> None:
    desk = make_desk(app, "renton")
    ask(app, "bellevue", "Foreign Person")
    foreign = desk.get("/staff/?location=bellevue")
    unknown = desk.get("/staff/?location=nowhere")
    assert foreign.status_code == unknown.status_code == 404
    assert (foreign.data, list(foreign.headers)) == (unknown.data, list(unknown.headers))
    assert rows(app, "audit_entry", "action").count("list") == 0


def test_groups_part_the_requests_by_state(app: Flask, frozen: Clock) -> None:
    desk = make_desk(app, "renton")
    ask(app, "renton", "New Person")
    for name, *actions in (
        ("Handled Person", Action.CLAIM),
        ("Tried Person", Action.CLAIM, Action.AWAIT_PATIENT),
        ("Listed Person", Action.CLAIM, Action.WAITLIST),
        ("Offered Person", Action.CLAIM, Action.OFFER),
        ("Booked Person", Action.BOOK),
        ("Declined Person", Action.DECLINE),
        ("Withdrawn Person", Action.WITHDRAW),
        ("Doubtful Person", Action.QUARANTINE),
    ):
        reference = ask(app, "renton", name)
        for action in actions:
            move(app, reference, action)
    move(app, ask(app, "bellevue", "Foreign Person"), Action.QUARANTINE)
    open_ones = ["New Person", "Handled Person", "Tried Person", "Listed Person", "Offered Person"]
    assert names(desk) == open_ones
    assert names(desk, "/staff/?group=open") == open_ones
    assert names(desk, "/staff/?group=new") == ["New Person"]
    assert names(desk, "/staff/?group=handled") == ["Handled Person", "Listed Person"]
    assert names(desk, "/staff/?group=waiting") == ["Tried Person", "Offered Person"]
    assert names(desk, "/staff/?group=booked") == ["Booked Person"]
    assert names(desk, "/staff/?group=spam") == ["Doubtful Person"]
    assert names(desk, "/staff/?group=closed") == ["Declined Person", "Withdrawn Person"]
    page = desk.get("/staff/?group=closed").get_data(as_text=True)
    assert tabs(page)[2:] == [
        "To do (5)", "Overdue (0)", "New (1)", "Mine (0)", "Being handled (2)",
        "Waiting for patient (2)", "Booked (1)", "Closed (2)", "Check: may be spam (1)",
    ]  # fmt: skip
    assert [row["State"] for row in table(desk.get("/staff/").get_data(as_text=True))] == [
        "New", "Being handled", "Waiting for patient we tried to reach them",
        "Being handled on the short-notice list", "Waiting for patient times offered",
    ]  # fmt: skip


def test_group_of_spam_is_offered_while_there_is_some(app: Flask) -> None:
    desk = make_desk(app, "renton")
    reference = ask(app, "renton", "Doubtful Person")
    assert "spam" not in desk.get("/staff/").get_data(as_text=True)
    move(app, reference, Action.QUARANTINE)
    assert tabs(desk.get("/staff/").get_data(as_text=True))[-1] == "Check: may be spam (1)"
    move(app, reference, Action.CLEAR)
    empty = desk.get("/staff/?group=spam").get_data(as_text=True)
    assert (tabs(empty)[-1], table(empty)) == ("Check: may be spam (0)", [])


def test_promise_that_was_broken_shows_as_overdue(app: Flask, frozen: Clock) -> None:
    desk = make_desk(app, "renton")
    made = {name: ask(app, "renton", name) for name in ("Late One", "On Time", "Answered One")}
    with app.app_context(), transaction():
        for name, minutes in (("Late One", 4), ("On Time", 5), ("Answered One", 4)):
            found = get_request(made[name], scope=EVERYWHERE)
            found.promise_at = found.due_at = frozen.now() + timedelta(minutes=minutes)
            if name == "Answered One":
                found.first_contact_at = frozen.now()
    frozen.move(minutes=5)
    waiting = [row["Waiting"] for row in table(desk.get("/staff/").get_data(as_text=True))]
    assert waiting == [
        "5 min Overdue by Tue, Nov 24, 12:04 pm", "5 min", "5 min by Tue, Nov 24, 12:05 pm",
    ]  # fmt: skip
    assert names(desk, "/staff/?group=overdue") == ["Late One"]
    text = page_text(desk.get(f"/staff/requests/{made['Late One']}").get_data(as_text=True))
    assert (
        "New Overdue waiting 5 min, since Tue, Nov 24, 12:00 pm, promised an answer by"
        " Tue, Nov 24, 12:04 pm" in text
    )


def test_unknown_group_is_no_page_and_leaves_no_entry(app: Flask) -> None:
    desk = make_desk(app, "renton")
    assert desk.get("/staff/?group=everything").status_code == 404
    assert rows(app, "audit_entry", "action").count("list") == 0


def test_pages_follow_in_order_of_arrival(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox_page, "PAGE_SIZE", 2)
    desk = make_desk(app, "renton", "covington")
    people = [f"Person {letter}" for letter in "ABCDE"]
    for person in people:
        ask(app, "renton", person)
        ask(app, "bellevue", "Foreign Person")
    url: str | None = "/staff/?group=new&location=renton"
    seen, pages = [], 0
    while url is not None:
        page = desk.get(url).get_data(as_text=True)
        seen += [row["Patient"] for row in table(page)]
        pages += 1
        link = re.search(r'<a href="([^"]+)">More requests</a>', page)
        url = link[1].replace("&amp;", "&") if link else None
        if url:
            asked = parse_qs(urlsplit(url).query)
            assert (asked["group"], asked["location"]) == (["new"], ["renton"])
    assert (seen, pages) == (people, 3)


def test_page_that_begins_nowhere_begins_at_the_start(app: Flask) -> None:
    desk = make_desk(app, "renton")
    ask(app, "renton", "Only Person")
    for after in ("", "-1", "x", "1e9", "9" * 40, "２", "2147483647"):
        assert names(desk, f"/staff/?after={after}") == ["Only Person"]


def test_page_after_a_foreign_request_is_that_after_a_missing_one(app: Flask) -> None:
    desk = make_desk(app, "renton")
    ask(app, "renton", "Own Person")
    ask(app, "bellevue", "Foreign Person")
    with app.app_context():
        own, foreign = (found.id for found in list_requests(scope=EVERYWHERE, limit=None))
    assert names(desk, f"/staff/?after={own}") == []
    assert names(desk, f"/staff/?after={foreign}") == ["Own Person"]


def test_inbox_costs_the_same_with_one_row_and_with_three(app: Flask, frozen: Clock) -> None:
    desk = make_desk(app, "renton", "covington", "bellevue")
    ask(app, "renton", "First Person")
    desk.get("/staff/")
    with statements(app) as one:
        assert len(names(desk)) == 1
    ask(app, "covington", "Second Person")
    ask(app, "bellevue", "Third Person")
    with statements(app) as three:
        assert len(names(desk)) == 3
    assert len(one) == len(three)
    assert len(three) <= 16, three


def test_texts_of_patients_are_shown_as_typed(app: Flask) -> None:
    desk = make_desk(app, "renton")
    reference = ask(
        app, "renton", "<script>alert(1)</script>", goal="other", goal_text="{{7*7}} <img src=x>"
    )
    for url in ("/staff/", f"/staff/requests/{reference}"):
        page = desk.get(url).get_data(as_text=True)
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
        assert "{{7*7}} &lt;img src=x&gt;" in page
        assert "<script>" not in page
        assert "<img" not in page


# Who is told


def give_address(app: Flask, slug: str) -> None:
    with app.app_context(), transaction():
        telecom = Telecom(location_id=get_location(slug).id, value=f"{slug}@clinic.example")
        telecom.system = TelecomSystem.EMAIL
        db.session.add(telecom)


def notice(client: FlaskClient) -> str:
    text = page_text(client.get("/staff/").get_data(as_text=True))
    return text.partition("Find a request")[0].removeprefix("Requests").strip()


def with_mail(make: Callable[..., Flask]) -> Flask:
    return make(smtp_url="smtp://127.0.0.1:2525", mail_from="clinics@group.example")


def test_desk_reads_that_nobody_is_being_notified_until_both_are_set(
    app: Flask, with_settings: Callable[..., Flask]
) -> None:
    desk = make_desk(app, "renton", "covington")
    mailing = with_mail(with_settings).test_client()
    sign_in(mailing, DESK)
    how = (
        "How to do it A manager sets the address under Settings, “Phone, fax, email and places”."
        " Another way than mail is set under “How … is told”. "
    )
    until = "Until then, look here for new requests."
    server = (
        "The mail server is not set either. Whoever runs this site sets it: CLINICDIR_SMTP_URL and"
        " CLINICDIR_MAIL_FROM. "
    )
    nobody = "Nobody is being notified: set an e-mail address. "
    assert notice(desk) == nobody + how + server + until
    assert notice(mailing) == nobody + how + until
    give_address(app, "renton")
    assert notice(desk) == nobody + how + server + until
    assert notice(mailing) == (
        "Nobody is being notified at Covington: set an e-mail address. " + how + until
    )
    give_address(app, "covington")
    assert notice(mailing) == ""
    assert NOBODY_NOTIFIED in notice(desk)


# What is noted


def list_entries(app: Flask) -> list[Any]:
    told = rows(app, "audit_entry", "action", "subject", "actor_label")
    return [entry[1:] for entry in told if entry[0] == "list"]


def test_looks_at_a_list_are_noted_once_in_five_minutes(app: Flask, frozen: Clock) -> None:
    desk = make_desk(app, "renton", "covington")
    for _ in range(3):
        desk.get("/staff/")
        desk.get("/staff/?group=closed")
        desk.get("/staff/?location=renton")
    expected = [("inbox", DESK), ("inbox renton", DESK)]
    assert list_entries(app) == expected
    frozen.move(minutes=5, seconds=-1)
    desk.get("/staff/")
    assert list_entries(app) == expected
    frozen.move(seconds=1)
    desk.get("/staff/")
    assert list_entries(app) == [*expected, ("inbox", DESK)]


def test_looks_of_two_people_are_noted_for_each(app: Flask, frozen: Clock) -> None:
    desk = make_desk(app, "renton")
    other = make_desk(app, "renton", email="other@example.com")
    for client in (desk, other, desk, other):
        client.get("/staff/")
    assert list_entries(app) == [("inbox", DESK), ("inbox", "other@example.com")]


def test_looks_at_one_moment_leave_one_entry(app: Flask) -> None:
    first = make_desk(app, "renton")
    clients = [first, *(app.test_client() for _ in range(5))]
    for client in clients[1:]:
        sign_in(client, DESK)
    statuses = together(6, lambda n: clients[n].get("/staff/").status_code)
    assert statuses == [200] * 6
    assert list_entries(app) == [("inbox", DESK)]


def test_each_opening_of_a_request_is_noted(app: Flask, frozen: Clock) -> None:
    desk = make_desk(app, "renton", role=Role.MANAGER)
    reference = ask(app, "renton", "Secret Person")
    for _ in range(3):
        assert desk.get(f"/staff/requests/{reference}").status_code == 200
    columns = ("action", "actor_kind", "actor_label", "subject", "detail", "chain", "at")
    told = [entry for entry in rows(app, "audit_entry", *columns) if entry[0] == "view"]
    assert (
        told == [("view", "staff", DESK, reference, "as manager", "location/3", frozen.now())] * 3
    )


def test_reading_changes_nothing_but_the_audit_trail_and_when_a_session_was_seen(
    app: Flask, frozen: Clock
) -> None:
    desk = make_desk(app, "renton", "covington")
    reference = ask(app, "renton", "First Person")
    move(app, ask(app, "covington", "Second Person"), Action.CLAIM)
    audit = ("audit_entry", "audit_head")
    before = all_rows(app, without=audit)
    frozen.move(minutes=2)
    for url in (
        "/staff/", "/staff/?group=closed", "/staff/?location=renton", "/staff/?after=1",
        f"/staff/requests/{reference}", "/staff/nothing", "/staff/login",
        "/staff/requests/AAAAAAA",
    ):  # fmt: skip
        desk.get(url)
        desk.head(url)
        desk.options(url)
    after = all_rows(app, without=audit)
    (was,), (now,) = before.pop("staff_session"), after.pop("staff_session")
    assert after == before
    changed = [(old, new) for old, new in zip(was, now, strict=True) if old != new]
    assert changed == [(frozen.now() - timedelta(minutes=2), frozen.now())]
