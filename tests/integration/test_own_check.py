"""The contact check of a link: what it asks, how long it holds, how often one may try."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from clinicdir.web.limits import FileStorage
from clinicdir.web.security import limiter
from tests.asking import EXPIRED, forget_cookies
from tests.conftest import Clock
from tests.own import checked, make_own, pass_check
from tests.pages import field_errors, form, main_text, press, summary, title
from tests.tables import all_rows, together

WRONG = "Enter the last four digits of the phone number in your request"
NOT_COUNTED = ("audit_entry", "audit_head")


@pytest.fixture
def limited(app: Flask, with_settings: Callable[..., Flask]) -> Flask:
    return with_settings(rate_limits="on")


def sees_answers(client: FlaskClient, own: str) -> bool:
    return "Robin Example" in main_text(client.get(own))


def test_check_opens_the_answers_and_changes_nothing_stored(
    app: Flask, client: FlaskClient, frozen: Clock
) -> None:
    own = make_own(app)
    before = all_rows(app)
    page = client.get(f"{own}/check")
    assert main_text(page) == (
        "Show that it is your request Last four digits of your phone number"
        " So that nobody who merely has the link sees or changes your answers."
        " This holds for 30 minutes."
        " Go on If you do not know them, call: Call (206) 693-9929, ask for Renton"
        " Back to your request"
    )
    answer = press(client, page, f"{own}/check", proof="01-23")
    assert (answer.status_code, answer.headers["Location"]) == (303, own)
    assert sees_answers(client, own)
    assert not sees_answers(app.test_client(), own)
    assert all_rows(app) == before


@pytest.mark.parametrize("step", ["who", "contact", "times", "clinic"])
def test_check_leads_on_to_what_was_wanted(app: Flask, client: FlaskClient, step: str) -> None:
    own = make_own(app)
    sent_to = client.get(f"{own}/change/{step}")
    assert (sent_to.status_code, sent_to.headers["Location"]) == (303, f"{own}/check?next={step}")
    page = client.get(sent_to.headers["Location"])
    answer = press(client, page, f"{own}/check", proof="0123")
    assert answer.headers["Location"] == f"{own}/change/{step}"
    again = client.get(f"{own}/check?next={step}")
    assert again.headers["Location"] == f"{own}/change/{step}"


@pytest.mark.parametrize("wanted", ["//evil.example", "https://evil.example", "../../staff", "x"])
def test_check_leads_nowhere_else(app: Flask, client: FlaskClient, wanted: str) -> None:
    own = make_own(app)
    page = client.get(f"{own}/check", query_string={"next": wanted})
    assert press(client, page, f"{own}/check", proof="0123").headers["Location"] == own


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", "Enter the last four digits of your phone number"),
        (" ", "Enter the last four digits of your phone number"),
        ("9999", WRONG),
        ("206 555 0123", WRONG),
        ("45", WRONG),
        ("<b>", WRONG),
        ("01\u202e23", WRONG),
    ],
)
def test_wrong_digits_are_told_in_words_and_kept(
    app: Flask, client: FlaskClient, typed: str, words: str
) -> None:
    own = make_own(app, phone="206 555 0123 x45")
    answer = pass_check(client, own, typed)
    assert answer.status_code == 422
    assert title(answer) == "Error: Show that it is your request – HIDEF"
    assert summary(answer) == [("#proof", words)]
    assert field_errors(answer) == [words]
    assert form(answer, f"{own}/check")["proof"] == [typed]
    assert not sees_answers(client, own)


def test_email_alone_is_asked_for_its_first_letters(app: Flask, client: FlaskClient) -> None:
    own = make_own(app, phone=None, email="okapi@example.com", contact_by="email")
    page = client.get(f"{own}/check")
    assert "First three letters of your email address" in main_text(page)
    assert "okapi" not in page.get_data(as_text=True)
    assert field_errors(pass_check(client, own, "0123")) == [
        "Enter the first three letters of the email in your request"
    ]
    assert field_errors(pass_check(client, own, "")) == [
        "Enter the first three letters of your email address"
    ]
    assert pass_check(client, own, "Oka").status_code == 303
    assert sees_answers(client, own)


def test_check_holds_for_half_an_hour(app: Flask, frozen: Clock) -> None:
    own = make_own(app)
    client = checked(app, own)
    frozen.move(minutes=29, seconds=59)
    assert sees_answers(client, own)
    frozen.move(seconds=1)
    assert not sees_answers(client, own)
    assert pass_check(client, own).status_code == 303
    assert sees_answers(client, own)


def test_check_holds_for_one_link_alone(app: Flask, frozen: Clock) -> None:
    first, second = make_own(app), make_own(app)
    client = checked(app, first)
    assert not sees_answers(client, second)
    pass_check(client, second)
    assert [sees_answers(client, own) for own in (first, second)] == [True, True]


def test_cookie_holds_a_hash_and_a_time_and_stays_small(app: Flask, frozen: Clock) -> None:
    owns = [make_own(app) for _ in range(7)]
    client = app.test_client()
    for own in owns:
        pass_check(client, own)
        frozen.move(seconds=1)
    with client.session_transaction() as kept:
        assert set(kept) == {"checked", "csrf_token"}
        marks = kept["checked"]
    last = int(frozen.now().timestamp()) - 1
    assert sorted(marks.values()) == [last - number for number in (4, 3, 2, 1, 0)]
    assert {len(mark) for mark in marks} == {32}
    assert not [own for own in owns if own.rpartition("/")[2] in str(marks)]
    assert [sees_answers(client, own) for own in owns] == [False] * 2 + [True] * 5


def test_cookie_of_another_key_opens_nothing(app: Flask, frozen: Clock) -> None:
    own = make_own(app)
    client = checked(app, own)
    cookie = client.get_cookie("clinicdir", domain="127.0.0.1") or client.get_cookie("clinicdir")
    assert cookie is not None
    other = app.test_client()
    other.set_cookie("clinicdir", cookie.value[:-3] + "AAA")
    assert not sees_answers(other, own)


def test_expired_form_keeps_what_was_typed_and_counts_no_try(limited: Flask) -> None:
    own = make_own(limited)
    client = limited.test_client()
    page = client.get(f"{own}/check?next=who")
    for _ in range(7):
        forget_cookies(client)
        late = press(client, page, f"{own}/check", proof="9999")
        assert (late.status_code, EXPIRED in main_text(late)) == (400, True)
    values = form(late, f"{own}/check")
    assert (values["proof"], values["next"]) == (["9999"], ["who"])
    again = press(client, late, f"{own}/check", proof="0123")
    assert (again.status_code, again.headers["Location"]) == (303, f"{own}/change/who")


# How often


def statuses(client: FlaskClient, own: str, *proofs: str) -> list[int]:
    return [pass_check(client, own, proof).status_code for proof in proofs]


def test_sixth_wrong_try_at_a_link_is_refused_and_the_right_one_too(limited: Flask) -> None:
    own = make_own(limited)
    client = limited.test_client()
    assert statuses(client, own, *["9999"] * 5) == [422] * 5
    answer = pass_check(client, own)
    assert answer.status_code == 429
    assert main_text(answer) == (
        "We have had several tries from you Try again in a while, or call a clinic."
        " Call a clinic Renton: (206) 693-9929 All clinics"
    )
    assert 850 <= int(answer.headers["Retry-After"]) <= 901
    assert not sees_answers(client, own)
    # It holds for the link, whoever tries; and for no other link.
    elsewhere = limited.test_client()
    assert statuses(elsewhere, own, "0123") == [429]
    assert statuses(elsewhere, make_own(limited), "0123") == [303]


def test_right_and_empty_tries_are_not_counted(limited: Flask) -> None:
    own = make_own(limited)
    for _ in range(7):
        assert statuses(limited.test_client(), own, "", "0123") == [422, 303]
    assert statuses(limited.test_client(), own, *["9999"] * 6) == [*[422] * 5, 429]


def test_one_sender_may_not_try_many_links(limited: Flask) -> None:
    owns = [make_own(limited) for _ in range(6)]
    client = limited.test_client()
    tried = [status for own in owns for status in statuses(client, own, *["9999"] * 4)]
    assert tried == [422] * 20 + [429] * 4


def test_tries_are_counted_over_a_restart_and_two_workers(
    limited: Flask, with_settings: Callable[..., Flask]
) -> None:
    own = make_own(limited)
    assert statuses(limited.test_client(), own, *["9999"] * 3) == [422] * 3
    second = with_settings(rate_limits="on")
    assert statuses(second.test_client(), own, *["9999"] * 3) == [422, 422, 429]
    assert statuses(limited.test_client(), own, "0123") == [429]


def test_tries_at_one_moment_are_counted_exactly(limited: Flask) -> None:
    own = make_own(limited)
    clients = [limited.test_client() for _ in range(12)]
    pages = [client.get(f"{own}/check") for client in clients]

    def guess(number: int) -> int:
        return press(clients[number], pages[number], f"{own}/check", proof="9999").status_code

    assert sorted(together(12, guess)) == [422] * 5 + [429] * 7


def test_every_page_that_asks_counts_for_the_same_link(limited: Flask) -> None:
    own = make_own(limited)
    client = limited.test_client()
    page = client.get(f"{own}/withdraw")

    def take_back() -> TestResponse:
        return press(client, page, f"{own}/withdraw", proof="9999")

    assert [take_back().status_code for _ in range(3)] == [422] * 3
    assert statuses(client, own, "9999", "9999", "0123") == [422, 422, 429]
    assert take_back().status_code == 429


def test_without_a_count_nobody_may_guess(limited: Flask) -> None:
    own = make_own(limited)
    client = limited.test_client()
    page = client.get(f"{own}/check")
    storage = limiter.storage
    assert isinstance(storage, FileStorage)
    storage._file.connection().execute("drop table hit")  # noqa: SLF001 - the file broke
    answer = press(client, page, f"{own}/check", proof="0123")
    assert answer.status_code == 503
    assert "Renton: (206) 693-9929" in main_text(answer)
    assert not sees_answers(client, own)
