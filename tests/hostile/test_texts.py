"""Texts that are hard to hold, to show or to trust: at every door they are refused or kept."""

import json

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from clinicdir.appointments.models import RequestEvent
from clinicdir.db import db
from tests.conftest import Clock
from tests.hostile.doors import (
    UNSHOWABLE,
    ask_page,
    counts,
    kept,
    make_desk,
    make_open,
    move,
    problems,
    send_api,
    send_page,
    stored,
)
from tests.hostile.items import case, item
from tests.make import token_of
from tests.pages import field_errors, form, heading, parse, text_of
from tests.tables import all_rows, rows

ONE_LINE = "Enter a name on one line, without web links"
NAME = "Enter the patient's full name"
ASKER = "Enter your own full name"
PHONE = "Enter a phone number, like 206 555 0123"
EMAIL = "Enter an email address, like name@example.com"
ADDRESS_255 = f"{'a' * 64}@{'b' * 63}.{'c' * 63}.{'d' * 54}.example"
assert len(ADDRESS_255) == 255

# item, what, field, text, sentence, and what the page then holds where it is not the text itself
REFUSED = [
    case(1, "NUL in the name", "patient_name", "a\0b", UNSHOWABLE, "a\ufffdb"),
    case(1, "NUL in the note", "note", "a\0b", UNSHOWABLE, "a\ufffdb"),
    case(1, "NUL in the goal", "goal_text", "a\0b", UNSHOWABLE, "a\ufffdb"),
    case(1, "escape in the access needs", "access_needs", "a\x1bb", UNSHOWABLE, "a\ufffdb"),
    case(1, "NUL in the phone", "phone", "206\x005550123", UNSHOWABLE, "206\ufffd5550123"),
    case(1, "NUL in the email", "email", "a\0@x.example", UNSHOWABLE, "a\ufffd@x.example"),
    case(1, "next line, U+0085", "relation", "a\x85b", UNSHOWABLE, "a\ufffdb"),
    case(1, "noncharacter U+FFFF", "tried", "a\uffffb", UNSHOWABLE, "a\ufffdb"),
    case(
        2, "header in the name", "patient_name", "a\r\nBcc: x@x.example", ONE_LINE,
        "a\nBcc: x@x.example",
    ),
    case(2, "line feed in the asker", "asker_name", "a\nb", ONE_LINE, "a\nb"),
    case(2, "line separator U+2028", "patient_name", "a\u2028b", ONE_LINE, "a\u2028b"),
    case(3, "U+FFFD itself", "patient_name", "a\ufffdb", UNSHOWABLE, "a\ufffdb"),
    case(4, "zero width alone", "patient_name", "\u200b", NAME, "\u200b"),
    case(4, "NBSP alone", "patient_name", "\u00a0\u00a0", NAME, "\u00a0\u00a0"),
    case(4, "Hangul filler alone", "patient_name", "\u3164", NAME, "\u3164"),
    case(4, "bare accents", "asker_name", "\u0301\u0301", ASKER, "\u0301\u0301"),
    case(5, "override in the name", "patient_name", "a\u202eb", UNSHOWABLE, "a\u202eb"),
    case(5, "isolate in the note", "note", "a\u2066b", UNSHOWABLE, "a\u2066b"),
    case(7, "name of 129", "patient_name", "x" * 129, "Full name must be 128 characters or less"),
    case(
        7, "name of 129 emoji", "patient_name", "\U0001f600" * 129,
        "Full name must be 128 characters or less",
    ),
    case(7, "goal of 201", "goal_text", "x" * 201, "Goal must be 200 characters or less"),
    case(7, "note of 501", "note", "x" * 501, "Note must be 500 characters or less"),
    case(
        7, "note of 501 with lines", "note", "x\r\n" * 249 + "xxx",
        "Note must be 500 characters or less", "x\n" * 249 + "xxx",
    ),
    case(8, "911", "phone", "911", PHONE),
    case(8, "21 digits", "phone", "2" * 21, PHONE),
    case(8, "seven digits", "phone", "555-0142", PHONE),
    case(8, "digits of two lines", "phone", "206 555\n911", PHONE, "206 555\n911"),
    case(11, "javascript as an address", "email", "javascript:alert(1)", EMAIL),
    case(11, "script as an address", "email", "<script>alert(1)</script>@x.example", EMAIL),
    case(11, "link as a name", "patient_name", "Win at https://x.example", ONE_LINE),
    case(12, "a@b", "email", "a@b", EMAIL),
    case(12, "quoted", "email", '"a b"@x.example', EMAIL),
    case(12, "255 characters", "email", ADDRESS_255, EMAIL),
    case(12, "two lines", "email", "a@x.example\nTo:y@x.example", EMAIL),
    case(12, "two addresses", "email", "a@x.example,b@x.example", EMAIL),
    case(12, "with a query", "email", "a@x.example?bcc=b@x.example", EMAIL),
]  # fmt: skip


@pytest.mark.parametrize("values", [pytest.param(one.values, id=one.id) for one in REFUSED])
def test_text_is_refused_at_both_doors_kept_and_not_stored(
    sqlite_app: Flask, frozen: Clock, values: tuple[str, ...]
) -> None:
    field, text, sentence, *shown = values
    refused = ask_page(sqlite_app.test_client(), field, text)
    assert (refused.status_code, field_errors(refused)) == (422, [sentence])
    assert kept(refused, field) == (shown or [text])
    answer = send_api(sqlite_app.test_client(), **{field: text})
    assert (answer.status_code, problems(answer)) == (422, [(field, sentence)])
    assert set(counts(sqlite_app).values()) == {0}


TAKEN = [
    case(5, "right to left", "patient_name", "مرحبا שלום", "مرحبا שלום"),
    case(6, "ninety accents", "patient_name", "e" + "\u0301" * 90, "é" + "\u0301" * 89),
    case(7, "name of 128", "patient_name", "x" * 128, "x" * 128),
    case(7, "name of 128 after NFC", "patient_name", "e\u0301" * 128, "é" * 128),
    case(7, "name of 128 emoji", "patient_name", "\U0001f600" * 128, "\U0001f600" * 128),
    case(7, "goal of 200", "goal_text", "x" * 200, "x" * 200),
    case(7, "note of 500", "note", "x" * 500, "x" * 500),
    case(7, "note of 500 with lines", "note", "x\r\n" * 249 + "xx", "x\n" * 249 + "xx"),
    case(8, "Arabic digits", "phone", "٢٠٦٥٥٥٠١٠٠", "+12065550100"),
    case(8, "full-width digits", "phone", "２０６５５５０１００", "+12065550100"),
    case(8, "extension", "phone", "+1 (206) 555-0100 x12", "+12065550100;ext=12"),
    case(9, "HYPERLINK", "patient_name", '=HYPERLINK("http")', '=HYPERLINK("http")'),
    case(9, "plus one", "patient_name", "+1", "+1"),
    case(9, "minus one", "patient_name", "-1", "-1"),
    case(9, "at SUM", "note", "@SUM(A1)", "@SUM(A1)"),
    case(9, "tab before it", "note", "\t=1", "=1"),
    case(9, "return before it", "note", "\r=1", "=1"),
    case(9, "full-width equals", "patient_name", "＝1", "＝1"),
    case(10, "Jinja", "patient_name", "{{7*7}}", "{{7*7}}"),
    case(10, "dollar", "note", "${7*7}", "${7*7}"),
    case(10, "printf", "goal_text", "%s%n %(name)s %d", "%s%n %(name)s %d"),
    case(11, "script", "patient_name", "<script>alert(1)</script>", "<script>alert(1)</script>"),
    case(11, "image", "note", "<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"),
    case(11, "svg", "goal_text", '"><svg onload=alert(1)>', '"><svg onload=alert(1)>'),
    case(11, "entities", "note", "&amp; &lt; &#0;", "&amp; &lt; &#0;"),
    case(11, "SQL", "patient_name", "Robert'); DROP TABLE x;--", "Robert'); DROP TABLE x;--"),
    case(12, "IDN", "email", "kim@bücher.example", "kim@bücher.example"),
    case(12, "of 254", "email", ADDRESS_255.replace("d", "", 1), None),
]


@pytest.mark.parametrize("values", [pytest.param(one.values, id=one.id) for one in TAKEN])
def test_text_is_stored_and_shown_as_typed(
    sqlite_app: Flask, frozen: Clock, values: tuple[str, str, str | None]
) -> None:
    field, text, clean = values
    app, wanted = sqlite_app, text if clean is None else clean
    checked = send_page(app.test_client(), **{field: text})
    assert send_api(app.test_client(), **{field: text}).status_code == 201
    assert [one[COLUMN.get(field, field)] for one in stored(app)] == [wanted, wanted]
    assert " ".join(text.split()) in isolated(checked)
    (reference, _) = rows(app, "appointment_request", "reference")
    desk = make_desk(app)
    opened, listed = desk.get(f"/staff/requests/{reference}"), text if field == "phone" else wanted
    assert " ".join(listed.split()) in isolated(opened)
    for page in (checked, opened, desk.get("/staff/")):
        html = page.get_data(as_text=True)
        assert ("<script>" in html, "<img" in html, "<svg" in html) == (False, False, False)
    done = app.test_cli_runner().invoke(args=["requests", "list", "--personal", "--json"])
    assert [one["personal"][field] for one in json.loads(done.stdout)] == [listed, listed]


COLUMN = {"phone": "phone_e164"}


def isolated(page: TestResponse) -> list[str]:
    """Return the texts of a page that cannot turn the writing direction of what is around them."""
    return [text_of(node) for node in parse(page).iter("bdi")]


@item(5, 6, 7, 8, 9, 10, 11, 12)
def test_every_such_text_is_stored_alike_on_both_engines(app: Flask, frozen: Clock) -> None:
    client, taken = app.test_client(), [one.values for one in TAKEN]
    for number, (field, text, _) in enumerate(taken):
        assert send_api(client, key=f"{number}", **{field: text}).status_code == 201
    assert [
        one[COLUMN.get(field, field)] for (field, *_), one in zip(taken, stored(app), strict=True)
    ] == [text if clean is None else clean for _, text, clean in taken]


STAFF_NOTES = [
    case(1, "NUL in a note of staff", "a\0b", UNSHOWABLE, "a\ufffdb"),
    case(3, "U+FFFD in a note of staff", "a\ufffdb", UNSHOWABLE, "a\ufffdb"),
    case(5, "override in a note of staff", "a\u202eb", UNSHOWABLE, "a\u202eb"),
    case(
        7, "note of staff of 501", "n" * 501, "Note must be 500 characters or less", "n" * 501,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "sentence", "shown"), STAFF_NOTES)
def test_note_of_staff_is_refused_kept_and_not_stored(
    app: Flask, text: str, sentence: str, shown: str
) -> None:
    desk, url = make_desk(app), make_open(app)
    before = all_rows(app, without=("audit_entry", "audit_head"))
    answer = move(desk, url, "decline", decline_reason="other", note=text)
    assert (answer.status_code, field_errors(answer)) == (422, [sentence])
    kept_form = form(answer, f"{url}/decline")
    assert (kept_form["note"], kept_form["decline_reason"]) == ([shown], ["other"])
    assert all_rows(app, without=("audit_entry", "audit_head")) == before


@item(4, 7, 9, 10, 11)
def test_note_of_staff_is_shown_as_typed(app: Flask) -> None:
    desk = make_desk(app)
    for text in ("{{7*7}} ${7*7} %s%n", "<script>alert(1)</script>", "=1", "x" * 500):
        url = make_open(app)
        assert move(desk, url, "decline", decline_reason="other", note=text).status_code == 303
        assert text in isolated(desk.get(url))
    url = make_open(app)
    assert move(desk, url, "decline", decline_reason="other", note="\u200b").status_code == 303
    with app.app_context():
        last = db.session.query(RequestEvent).order_by(RequestEvent.id).all()[-1]
        assert (last.action, last.unseal()["note"]) == ("decline", None)


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        case(1, "NUL at sign-in", "a\0b@x.example", "a\ufffdb@x.example"),
        case(1, "noncharacter at sign-in", "\ufdd0", "\ufffd"),
        case(2, "header at sign-in", "a@x.example\r\nTo: y", "a@x.example\nTo: y"),
        case(5, "override at sign-in", "a\u202eb@x.example", "a\u202eb@x.example"),
        case(10, "template at sign-in", "{{7*7}}@x.example", "{{7*7}}@x.example"),
        case(11, "script at sign-in", '"><script>', '"><script>'),
    ],
)
def test_address_at_sign_in_is_kept_on_a_sound_page(
    sqlite_app: Flask, typed: str, shown: str
) -> None:
    client = sqlite_app.test_client()
    token = token_of(client.get("/staff/login").get_data(as_text=True))
    before = all_rows(sqlite_app)
    for sent, status in ((token, 422), ("none", 400)):
        data = {"csrf_token": sent, "email": typed, "password": "four unrelated words here"}
        answer = client.post("/staff/login", data=data)
        assert (answer.status_code, heading(answer)) == (status, "Sign in")
        assert form(answer, "/staff/login")["email"] == [shown]
        assert form(answer, "/staff/login")["password"] == [""]
    assert all_rows(sqlite_app) == before


@item(2, 12)
@pytest.mark.parametrize("typed", ["desk@x.example\r\nBcc: y@x.example", "a@b", "a\x1bb@x.example"])
def test_address_of_new_staff_is_refused_on_the_command_line(sqlite_app: Flask, typed: str) -> None:
    before = all_rows(sqlite_app)
    line = ["staff", "invite", typed, "--role", "desk", "--location", "renton"]
    done = sqlite_app.test_cli_runner().invoke(args=line)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == "email: Enter an email address, like name@example.com\n"
    assert all_rows(sqlite_app) == before


@item(1, 3, 4, 5)
def test_finder_takes_no_harm(sqlite_app: Flask) -> None:
    client = sqlite_app.test_client()
    before = all_rows(sqlite_app)
    for text, shown in (("a\0b", "a\ufffdb"), ("\u202e", "\u202e"), ("a\ufffdb", "a\ufffdb")):
        page = client.post("/find", data={"address": text})
        assert (page.status_code, heading(page)) == (200, "We do not know that place")
        assert form(page, "/find")["address"] == [shown]
        answer = client.post("/api/v1/nearest", json={"address": text})
        assert (answer.status_code, answer.get_json()["origin"]) == (200, None)
    for text in (chr(0xD800), "\u200b"):
        answer = client.post("/api/v1/nearest", json={"address": text})
        assert (answer.status_code, answer.get_json()["origin"]) == (200, None)
    assert all_rows(sqlite_app) == before


@item(3)
def test_lone_surrogate_in_json_is_refused_field_by_field(app: Flask, frozen: Clock) -> None:
    for field in ("patient_name", "note", "goal_text", "phone", "email", "access_needs"):
        answer = send_api(app.test_client(), **{field: "a\ud800b"})
        assert (answer.status_code, problems(answer)) == (422, [(field, UNSHOWABLE)])
    assert set(counts(app).values()) == {0}
