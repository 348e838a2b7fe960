"""Erasing: what is personal goes, from the rows and from the file; what counts stays."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient, FlaskCliRunner

from clinicdir.appointments.arrival import link_token
from clinicdir.appointments.erasing import erase_by_reference
from clinicdir.appointments.merging import merge
from clinicdir.appointments.queries import get_request
from clinicdir.appointments.rules import Action, Status, show_reference
from clinicdir.audit.rules import OPERATOR
from clinicdir.db import db, sqlite_path, transaction
from clinicdir.errors import Invalid, NotAllowed
from clinicdir.staff.rules import EVERYWHERE, Role
from tests.asking import BODY, EXPIRED, forget_cookies
from tests.client import page_text
from tests.conftest import Clock
from tests.lives import do, messages_of
from tests.make import make_request, make_staff, sign_in
from tests.own import checked, in_days, make_own
from tests.pages import field_errors, heading, links, main_text, press, summary
from tests.tables import rows, together

FULL: dict[str, Any] = {name: value for name, value in BODY.items() if name != "consent_version"}
# Everything of a request that tells of a person, and what it is found by.
PERSONAL = (
    "body_area", "target_month", "stopped", "best_time", "windows", "returning", "referral",
    "language", "interpreter", "short_notice", "voicemail_ok", "source", "phone_hash",
    "phone_last4_hash", "email_hash", "email_refused_at", "claimed_by",
)  # fmt: skip
EMPTY: tuple[Any, ...] = (None, None, [], None, [], None, None, None, False, False, False) + (
    None,
) * 6
NAMES = tuple({"returning": "is_returning"}.get(name, name) for name in PERSONAL)
NOTE = "Called about Kim’s hip"
STAYS = ("reference", "status", "location_id", "channel", "goal", "created_at", "booked_at")


@pytest.fixture(autouse=True)
def _frozen(frozen: Clock) -> None:
    """Stand still."""


def canaries(app: Flask) -> list[bytes]:
    """Return the bytes in the database that stand for what is personal in requests and events."""
    columns = ("sealed", "row_key", "link_hash", "phone_hash", "phone_last4_hash", "email_hash")
    requests = [value for row in rows(app, "appointment_request", *columns) for value in row]
    events = [value for row in rows(app, "request_event", "sealed", "row_key") for value in row]
    words, drafts = rows(app, "name_word", "word_hash"), rows(app, "request_draft", "sealed")
    sent = rows(app, "appointment_request", "submission_hash")
    return [bytes(value) for value in [*requests, *events, *words, *drafts, *sent] if value]


def in_files(app: Flask, wanted: list[bytes]) -> list[bytes]:
    """Return which of these stand in SQLite's file, its log or its journal."""
    with app.app_context():
        path = sqlite_path(db.engine.url)
    assert path is not None
    kept = b"".join(file.read_bytes() for file in Path(path).parent.glob(f"{Path(path).name}*"))
    return [value for value in wanted if value in kept]


def erase(app: Flask, reference: str) -> int:
    with app.app_context(), transaction():
        return erase_by_reference(reference, actor=OPERATOR, now=in_days(0))


def full_life(app: Flask) -> tuple[str, str]:
    """Return the reference and the link of a request with notes and a message to the patient."""
    with app.app_context():
        made = make_request(app, **FULL | {"contact_by": "email"})
        reference, link = made.reference, f"/requests/{link_token(made)}"
    desk = app.test_client()
    with app.app_context():
        make_staff("desk@example.com")
    sign_in(desk, "desk@example.com")
    page = desk.get(f"/staff/requests/{reference}")
    press(desk, page, f"/staff/requests/{reference}/note", note=NOTE)
    return reference, link


def press_erase(client: FlaskClient, own: str, **typed: str) -> Any:  # noqa: ANN401
    return press(client, client.get(f"{own}/erase"), f"{own}/erase", **typed)


def test_command_erases_all_that_is_personal_and_keeps_what_counts(
    app: Flask, runner: FlaskCliRunner
) -> None:
    reference, link = full_life(app)
    with app.app_context():
        other = make_request(app, patient_name="Else Example").reference
    before = rows(app, "appointment_request", *STAYS)
    wanted = canaries(app)
    done = runner.invoke(args=["requests", "erase", show_reference(reference)])
    assert (done.exit_code, done.output) == (0, f"{show_reference(reference)} is erased.\n")
    gone, kept = rows(app, "appointment_request", *NAMES)
    assert gone == EMPTY
    assert kept != EMPTY
    after = rows(app, "appointment_request", *STAYS)
    assert after == [(reference, "withdrawn", *before[0][2:]), before[1]]
    with app.app_context():
        personal = get_request(reference, scope=EVERYWHERE).personal
        assert set(personal.values()) == {"", None}
        assert get_request(other, scope=EVERYWHERE).personal["patient_name"] == "Else Example"
        assert set(rows(app, "name_word", "request_id")) == {2}
    assert app.test_client().get(link).status_code == 404
    assert messages_of(app, reference) == ["request_waits", "tell_received", "tell_withdrawn"]
    states = rows(app, "outbox_message", "kind", "state")
    assert [state for kind, state in states if kind.startswith("tell")] == ["not_needed"] * 2
    events = rows(app, "request_event", "action", "to_status")
    assert [event for event in events if event != ("submit", "received")] == [
        ("note", "received"), ("withdraw", "withdrawn"), ("note", "withdrawn"),
    ]  # fmt: skip
    assert rows(app, "audit_entry", "action", "subject", "detail", "actor_kind")[-1] == (
        "erase", reference, "", "operator",
    )  # fmt: skip
    if db_is_sqlite(app):
        mine = [value for value in wanted if value not in canaries(app)]
        assert len(mine) >= 12
        assert in_files(app, mine) == []
        assert in_files(app, canaries(app)) != []  # the search does find what is there
    again = runner.invoke(args=["requests", "erase", reference])
    assert again.output == f"{show_reference(reference)} was erased before.\n"
    unknown = runner.invoke(args=["requests", "erase", "nothing"])
    assert (unknown.exit_code, unknown.stderr) == (
        1, "There is no such thing. The list commands show what there is.\n",
    )  # fmt: skip


def db_is_sqlite(app: Flask) -> bool:
    with app.app_context():
        return db.engine.dialect.name == "sqlite"


def test_write_ahead_log_keeps_nothing_of_it(sqlite_app: Flask) -> None:
    with sqlite_app.app_context():
        path = sqlite_path(db.engine.url)
        db.engine.dispose()
    connection = sqlite3.connect(path or "")
    assert connection.execute("pragma journal_mode = wal").fetchone() == ("wal",)
    connection.close()
    reference, _ = full_life(sqlite_app)
    wanted = canaries(sqlite_app)
    assert in_files(sqlite_app, wanted) == wanted
    assert Path(f"{path}-wal").stat().st_size > 0
    erase(sqlite_app, reference)
    gone = [value for value in wanted if value not in canaries(sqlite_app)]
    assert (len(gone) >= 12, in_files(sqlite_app, gone)) == (True, [])


def test_every_staff_page_shows_an_erased_request_as_such(app: Flask) -> None:
    reference, _ = full_life(app)
    with app.app_context():
        make_staff("manager@example.com", Role.MANAGER)
    manager = app.test_client()
    sign_in(manager, "manager@example.com")
    erase(app, reference)
    page = manager.get(f"/staff/requests/{reference}")
    text = main_text(page)
    assert (
        "Names, contact data, answers and notes were erased on Tue, Nov 24, 12:00 pm."
        " Nothing can be done with it any more.erased"
    ) in text
    assert text.endswith(
        "withdrawn, whoever runs this site Tue, Nov 24, 12:00 pm: personal data erased,"
        " whoever runs this site All requests"
    )
    assert 'action="/staff/requests/' not in page.get_data(as_text=True)
    for path in ("/print", ""):
        shown = page_text(manager.get(f"/staff/requests/{reference}{path}").get_data(as_text=True))
        assert [word for word in ("José", "Kim", "0123", "Dance", "hip") if word in shown] == []
    found = press(manager, manager.get("/staff/"), "/staff/search", wanted=reference)
    assert main_text(found).endswith(
        "0 min erased erased Renton Closed taken back by the patient All requests"
    )
    nobody = press(manager, manager.get("/staff/"), "/staff/search", wanted="José")
    assert "Nothing found. Names are found by whole words." in main_text(nobody)
    for path in ("/staff/", "/staff/?group=closed", "/staff/agenda", "/staff/measures"):
        assert manager.get(path).status_code == 200
    audit = manager.get(f"/staff/audit?request={reference}")
    assert audit.status_code == 200
    assert "José" not in audit.get_data(as_text=True)


def test_nothing_moves_an_erased_request(app: Flask) -> None:
    with app.app_context():
        made = make_request(app)
        reference = made.reference
        other = make_request(app).reference
    do(app, reference, Action.BOOK, actor=OPERATOR, now=in_days(-3), booked_at=in_days(-2))
    assert erase(app, reference) == 1
    assert rows(app, "appointment_request", "status") == ["booked", "received"]
    with app.app_context():
        version = get_request(other, scope=EVERYWHERE).version
        with pytest.raises(NotAllowed, match=r"Its personal data is erased\."):
            do(app, reference, Action.NOTE, actor=OPERATOR, now=in_days(0))
        with pytest.raises(Invalid), transaction():
            merge(other, reference, version, scope=EVERYWHERE, actor=OPERATOR, now=in_days(0))


def test_duplicates_go_with_the_request_and_both_links_end(app: Flask) -> None:
    with app.app_context():
        stays, goes = make_request(app), make_request(app, location="covington")
        tokens = [link_token(stays), link_token(goes)]
        with transaction():
            merge(
                goes.reference, stays.reference, goes.version, scope=EVERYWHERE, actor=OPERATOR,
                now=in_days(0),
            )  # fmt: skip
        reference = goes.reference
    assert erase(app, reference) == 2
    statuses = rows(app, "appointment_request", "status", "erased_at")
    assert statuses == [("withdrawn", in_days(0)), ("entered_in_error", in_days(0))]
    answers = [app.test_client().get(f"/requests/{token}").status_code for token in tokens]
    assert answers == [404, 404]
    assert rows(app, "name_word", "request_id") == []
    audited = rows(app, "audit_entry", "action", "chain")[-3:]
    assert sorted(audited) == [
        ("erase", "location/3"), ("erase", "location/6"), ("withdraw", "location/3"),
    ]  # fmt: skip


def test_patient_erases_by_the_own_page_and_the_link_is_as_unknown(app: Flask) -> None:
    own = make_own(app)
    client = checked(app, own)
    assert links(client.get(own))["Erase your request"] == f"{own}/erase"
    page = client.get(f"{own}/erase")
    assert heading(page) == "Erase your request?"
    assert main_text(page).startswith(
        "Erase your request? Your request is taken back first: Renton is told and does nothing"
        " more. What is erased your names, phone number and email address your answers and"
        " everything you wrote what the clinic wrote about it on this site"
    )
    answer = press(client, page, f"{own}/erase")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/erased")
    assert heading(client.get("/erased")) == "Your request is erased"
    assert rows(app, "appointment_request", "status", "erased_at") == [("withdrawn", in_days(0))]
    assert rows(app, "outbox_message", "kind", "state") == [
        ("request_waits", "waiting"), ("patient_changed", "waiting"),
    ]  # fmt: skip
    assert rows(app, "audit_entry", "action", "actor_kind")[-2:] == [
        ("withdraw", "patient"), ("erase", "patient"),
    ]  # fmt: skip
    for path in ("", "/check", "/erase", "/withdraw", "/fax-cover", "/calendar.ics", "/change/who"):
        gone, unknown = client.get(own + path), client.get("/requests/nothing" + path)
        assert (gone.status_code, gone.data) == (unknown.status_code, unknown.data)
        assert gone.status_code == 404


def test_own_page_says_what_it_does_to_a_booking(app: Flask) -> None:
    own = make_own(app, Status.BOOKED, booked_at=in_days(2))
    client = checked(app, own)
    page = client.get(f"{own}/erase")
    assert (
        "Thu, Nov 26, 12:00 pm (PST) Your appointment is canceled first, and Renton is told."
    ) in main_text(page)
    assert press(client, page, f"{own}/erase").status_code == 303
    assert rows(app, "appointment_request", "status") == ["withdrawn"]
    assert rows(app, "held_time", "id") == []


def test_erasing_needs_the_digits_and_the_form_token(app: Flask, client: FlaskClient) -> None:
    own = make_own(app)
    wrong = press_erase(client, own, proof="9999")
    assert (wrong.status_code, heading(wrong)) == (422, "Erase your request?")
    told = "Enter the last four digits of the phone number in your request"
    assert (field_errors(wrong), [text for _, text in summary(wrong)]) == ([told], [told])
    page = client.get(f"{own}/erase")
    forget_cookies(client)
    late = press(client, page, f"{own}/erase", proof="0123")
    assert (late.status_code, EXPIRED in main_text(late)) == (400, True)
    assert rows(app, "appointment_request", "erased_at") == [None]
    assert press_erase(client, own, proof="0123").status_code == 303
    assert rows(app, "appointment_request", "erased_at") == [in_days(0)]


def test_of_two_presses_at_once_one_erases(app: Flask) -> None:
    own = make_own(app)
    clients = [checked(app, own) for _ in range(2)]
    pages = [client.get(f"{own}/erase") for client in clients]
    answers = together(2, lambda n: press(clients[n], pages[n], f"{own}/erase").status_code)
    assert sorted(answers) in ([303, 303], [303, 404])
    actions = rows(app, "audit_entry", "action")
    assert (actions.count("withdraw"), actions.count("erase")) == (1, 1)
