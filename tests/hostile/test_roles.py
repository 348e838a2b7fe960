"""Rights that somebody gives to himself in a form, and people who are shut out while they work."""

import pytest
from flask import Flask

from clinicdir import clock
from clinicdir.audit.rules import OPERATOR
from clinicdir.db import transaction
from clinicdir.staff.operations import disable
from clinicdir.staff.rules import Role
from tests.asking import ANSWERS, START, walk
from tests.hostile.doors import counts, make_desk, make_open, move, problems, send_api, send_page
from tests.hostile.items import case, item
from tests.make import token_of
from tests.pages import heading, press
from tests.tables import all_rows, rows

AUDITED = ("audit_entry", "audit_head")
GIVEN = {
    "is_admin": "1", "role": "admin", "location_id": "2", "staff_id": "1", "status": "booked",
    "reference": "AAAAAAA", "row_key": "x", "promise_at": "2030-01-01T00:00:00Z", "version": "9",
    "duplicate_of": "1", "phone_e164": "+12065550199", "locations": "renton", "scope": "all",
}  # fmt: skip


@pytest.mark.parametrize("name", [case(34, f"field {name}", name) for name in GIVEN])
def test_field_that_no_question_has_is_refused_by_the_api(sqlite_app: Flask, name: str) -> None:
    answer = send_api(sqlite_app.test_client(), **{name: GIVEN[name]})
    assert (answer.status_code, problems(answer)) == (422, [(name, "There is no such field")])
    assert set(counts(sqlite_app).values()) == {0}


@item(34)
def test_fields_that_no_question_has_are_not_read_by_the_pages(app: Flask) -> None:
    plain, greedy = app.test_client(), app.test_client()
    send_page(plain)
    page = walk(greedy, START)
    for step in (START, "/request/who", "/request/contact", "/request/times"):
        answer = press(greedy, page, step, **(ANSWERS[step] | GIVEN))
        page = greedy.get(answer.headers["Location"])
    assert press(greedy, page, "/request/check", **GIVEN).status_code == 303
    columns = ("location_id", "status", "version", "promise_at", "duplicate_of", "phone_hash")
    first, second = rows(app, "appointment_request", *columns)
    assert first == second


@item(34)
@pytest.mark.parametrize("role", [Role.VIEWER, Role.DESK, Role.MANAGER])
def test_role_and_clinic_in_a_form_of_staff_give_nothing(sqlite_app: Flask, role: Role) -> None:
    person = make_desk(sqlite_app, role)
    foreign = make_open(sqlite_app, location="covington")
    own = make_open(sqlite_app)
    missing = person.get("/staff/requests/none")
    assert person.get(foreign, query_string=GIVEN).data == missing.data
    before = all_rows(sqlite_app, without=AUDITED)
    token = {"csrf_token": token_of(person.get("/staff/").get_data(as_text=True))}
    typed = GIVEN | token | {"version": "1", "decline_reason": "other"}
    refused = person.post(f"{foreign}/decline", data=typed)
    assert refused.status_code == (403 if role is Role.VIEWER else 404)
    assert all_rows(sqlite_app, without=AUDITED) == before
    assert person.get("/staff/", query_string={"location": "covington"}).status_code == 404
    if role is not Role.VIEWER:
        assert move(person, own, "claim", **GIVEN | {"version": "1"}).status_code == 303
    people = rows(sqlite_app, "staff_member", "role")
    assert people == [role]
    assert len(all_rows(sqlite_app)["staff_location"]) == 1


@pytest.mark.parametrize(
    "action",
    [case(35, f"then presses {action}", action) for action in ("claim", "book", "decline")],
)
def test_person_disabled_with_a_page_open_is_out_at_the_next_click(app: Flask, action: str) -> None:
    desk, url = make_desk(app), make_open(app)
    page = desk.get(url)
    with app.app_context(), transaction():
        disable("desk@example.com", actor=OPERATOR, now=clock.now())
    before = all_rows(app)
    typed = {"day": "2027-03-01", "time": "10:00"} if action == "book" else {"note": "typed"}
    given = typed if action != "claim" else {}
    answer = press(desk, page, f"{url}/{action}", **given)
    assert (answer.status_code, heading(answer)) == (403, "You cannot do this here")
    for path in (url, "/staff/"):
        again = desk.get(path)
        assert (again.status_code, again.headers["Location"].partition("?")[0]) == (
            303, "/staff/login",
        )  # fmt: skip
    assert all_rows(app) == before
