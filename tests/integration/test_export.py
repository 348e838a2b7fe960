"""Requests out of the inbox as a file: who, which, formula-safe, in constant memory, noted once."""

import csv
import gc
import io
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import insert, select
from werkzeug.test import TestResponse

from clinicdir.appointments.models import AppointmentRequest
from clinicdir.crypto import new_row_key
from clinicdir.db import db, transaction
from clinicdir.staff.rules import Role
from clinicdir.web.spreadsheets import safe_cell
from clinicdir.web.staff.exporting import COLUMNS
from tests.asking import BODY, EXPIRED
from tests.conftest import Clock
from tests.make import make_request, make_staff, sign_in, token_of
from tests.pages import Typed, field_errors, form, heading, links, main_text, press, summary
from tests.tables import all_rows, rows

PAGE, FILE = "/staff/export", "/staff/export.csv"
MANAGER = "manager@example.com"


@pytest.fixture(autouse=True)
def _frozen(frozen: Clock) -> None:
    """Let it be Tuesday noon in Renton."""


@pytest.fixture
def manager(app: Flask) -> FlaskClient:
    return signed_in(app, Role.MANAGER, "renton", "bellevue")


def signed_in(app: Flask, role: Role, *locations: str) -> FlaskClient:
    with app.app_context():
        make_staff(MANAGER, role, locations)
    client = app.test_client()
    sign_in(client, MANAGER)
    return client


def ask(app: Flask, name: str, **changes: Any) -> str:  # noqa: ANN401
    with app.app_context():
        return make_request(app, patient_name=name, **changes).reference


def take(client: FlaskClient, **typed: Typed) -> TestResponse:
    return press(client, client.get(PAGE), FILE, **typed)


def lines_of(answer: TestResponse) -> list[dict[str, str]]:
    """Return the lines of a file as a spreadsheet reads them."""
    assert answer.status_code == 200, main_text(answer)
    return list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"), newline="")))


def names(answer: TestResponse) -> list[str]:
    return [line["patient_name"] for line in lines_of(answer)]


def told(app: Flask) -> list[Any]:
    columns = ("actor_label", "action", "subject", "detail", "chain")
    return [row for row in rows(app, "audit_entry", *columns) if row[1] == "export"]


def test_file_holds_everything_that_was_asked(app: Flask, manager: FlaskClient) -> None:
    with app.app_context():
        answers: dict[str, Any] = BODY
        reference = make_request(app, **answers).reference
    answer = take(manager)
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == "attachment; filename=requests-2026-11-24.csv"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.data.startswith(b'\xef\xbb\xbf"reference","location","status"')
    (line,) = lines_of(answer)
    assert tuple(line) == COLUMNS
    assert line == {
        "reference": reference, "location": "renton", "status": "received", "channel": "api",
        "decline_reason": "", "created_at": "2026-11-24 12:00", "changed_at": "2026-11-24 12:00",
        "promise_at": "", "first_contact_at": "", "booked_at": "",
        "time_zone": "America/Los_Angeles", "for_whom": "someone_else",
        "patient_name": "José Example", "birth_date": "", "asker_name": "Kim O'Example",
        "relation": "Parent", "phone": "(206) 555-0123 x45", "email": "kim@example.com",
        "contact_by": "phone", "best_time": "late_day", "voicemail_ok": "yes", "goal": "other",
        "goal_text": "Dance “all night” <b>", "body_area": "knee", "target_month": "2027-05",
        "stopped": "running; skiing", "tried": "Rest",
        "windows": "monday morning; any midday", "short_notice": "yes", "returning": "no",
        "referral": "not_sure", "language": "es", "interpreter": "yes",
        "access_needs": "No steps", "note": "Line one\nLine two",
    }  # fmt: skip


def test_only_own_clinics_and_what_was_chosen(
    app: Flask, manager: FlaskClient, frozen: Clock
) -> None:
    ask(app, "Early Renton")
    ask(app, "Far Covington", location="covington")
    frozen.move(days=1)
    sign_in(manager, MANAGER)
    ask(app, "Late Renton")
    ask(app, "Late Bellevue", location="bellevue")
    page = manager.get(PAGE)
    assert heading(page) == "Export requests"
    assert form(page, FILE).keys() == {"csrf_token", "group", "location", "since", "until"}
    assert names(take(manager)) == ["Early Renton", "Late Renton", "Late Bellevue"]
    assert names(take(manager, location="renton")) == ["Early Renton", "Late Renton"]
    assert names(take(manager, until="2026-11-24")) == ["Early Renton"]
    late = {"since": "2026-11-25", "until": "2026-11-25", "group": "new", "location": "bellevue"}
    assert names(take(manager, **late)) == ["Late Bellevue"]
    assert names(take(manager, group="closed")) == []
    foreign, unknown = take(manager, location="covington"), take(manager, location="nowhere")
    assert (foreign.status_code, foreign.data) == (404, unknown.data)
    assert told(app)[-2:] == [
        (MANAGER, "export", "requests",
         "group=new location=bellevue since=2026-11-25 until=2026-11-25 count=1 as manager",
         "location/2"),
        (MANAGER, "export", "requests",
         "group=closed location=all since=- until=- count=0 as manager", "group"),
    ]  # fmt: skip
    assert len(told(app)) == 5


@pytest.mark.parametrize(
    ("typed", "field", "sentence"),
    [
        ({"group": None}, "group", "Select which requests you want"),
        ({"group": "x"}, "group", "Select which requests you want"),
        ({"since": "yesterday"}, "since", "Enter the day like 2026-11-24"),
        ({"until": "9999-12-31"}, "until", "Enter the day like 2026-11-24"),
        ({"since": "2026-02-30"}, "since", "Enter the day like 2026-11-24"),
        (
            {"since": "2026-11-24", "until": "2026-11-23"},
            "until",
            "Last day must be the first day or later",
        ),
    ],
)
def test_refused_choice_is_kept_and_nothing_is_noted(
    app: Flask, manager: FlaskClient, typed: dict[str, Typed], field: str, sentence: str
) -> None:
    answer = take(manager, **typed)
    assert answer.status_code == 422
    assert summary(answer) == [(f"#{field}", sentence)]
    assert field_errors(answer) == [sentence]
    kept = form(answer, FILE)
    assert [kept[name] for name in ("since", "until")] == [
        [typed.get("since") or ""], [typed.get("until") or ""],
    ]  # fmt: skip
    assert told(app) == []


def test_failed_form_token_keeps_the_choice(app: Flask, manager: FlaskClient) -> None:
    ask(app, "Robin Example")
    answer = take(manager, csrf_token="old", since="2026-11-01")
    assert answer.status_code == 400
    assert EXPIRED in main_text(answer)
    assert told(app) == []
    assert names(press(manager, answer, FILE)) == ["Robin Example"]


@pytest.mark.parametrize("role", [Role.DESK, Role.VIEWER])
def test_desk_and_viewer_take_nothing(app: Flask, role: Role) -> None:
    ask(app, "Robin Example")
    client = signed_in(app, role, "renton")
    inbox = client.get("/staff/")
    assert PAGE not in links(inbox).values()
    assert client.get(PAGE).status_code == 403
    data = {"csrf_token": token_of(inbox.get_data(as_text=True)), "group": "all"}
    assert client.post(FILE, data=data).status_code == 403
    assert told(app) == []


EVIL = ('=HYPERLINK("http://x")', "+1", "-1", "@SUM(1)", "＝1", "＋1", "－1", "＠x")


def test_no_cell_is_a_formula(app: Flask, manager: FlaskClient) -> None:
    for text in EVIL:
        ask(app, "Robin Example", note=text, tried=f" {text}")
    lines = lines_of(take(manager))
    assert [line["note"] for line in lines] == [f"'{text}" for text in EVIL]
    assert [line["tried"][:2] for line in lines] == [f"'{text[0]}" for text in EVIL]
    assert [safe_cell(text) for text in ("\t=1", "\r=1", "\n=1", " =1", "\t", "a=1", None, 7)] == [
        "'\t=1", "'\r=1", "'\n=1", "' =1", "'\t", "a=1", "", "7",
    ]  # fmt: skip


def in_memory() -> int:
    return sum(isinstance(one, AppointmentRequest) for one in gc.get_objects())


def copies(app: Flask, count: int) -> None:
    """Store many more requests like the first one, as fast as the engine takes them."""
    table = AppointmentRequest.__table__
    with app.app_context(), transaction():
        first = db.session.scalars(select(AppointmentRequest)).one()
        filled = {column.name: getattr(first, column.key) for column in table.columns
                  if column.name not in ("id", "is_returning")}  # fmt: skip
        personal = first.personal
        made = []
        for number in range(count):
            first.row_key = new_row_key()
            first.seal(personal | {"patient_name": f"Copy {number}"})
            made.append(filled | {
                "row_key": first.row_key, "sealed": first.sealed, "reference": f"COPY{number:03}",
                "submission_key": f"copy:{number}", "link_hash": f"copy:{number}".encode(),
            })  # fmt: skip
        db.session.expunge(first)
        db.session.execute(insert(AppointmentRequest), made)


def test_long_file_is_read_in_batches_as_it_leaves(app: Flask, manager: FlaskClient) -> None:
    ask(app, "First")
    copies(app, 250)
    page = manager.get(PAGE)
    data = form(page, FILE)
    answer = manager.post(FILE, data=data, buffered=False)
    gc.collect()
    before, most, count = in_memory(), 0, 0
    for count, _ in enumerate(answer.iter_encoded(), start=1):
        if count % 60 == 0:
            most = max(most, in_memory() - before)
    answer.close()
    # The mark, the names of the columns, and a line each; a batch is 100.
    assert (count, 0 < most <= 100) == (253, True), most
    assert told(app)[0][3].endswith("count=251 as manager")


def test_what_comes_in_meanwhile_is_not_in_the_file(app: Flask, manager: FlaskClient) -> None:
    ask(app, "First")
    data = form(manager.get(PAGE), FILE)
    answer = manager.post(FILE, data=data, buffered=False)
    ask(app, "Second")
    assert names(answer) == ["First"]


def test_export_changes_nothing_but_the_trail(app: Flask, manager: FlaskClient) -> None:
    ask(app, "Robin Example")
    left_out = ("audit_entry", "audit_head", "staff_session")
    before = all_rows(app, without=left_out)
    take(manager)
    assert all_rows(app, without=left_out) == before
