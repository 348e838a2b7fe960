"""Spam is set aside quietly: who is held, what nobody is told, what staff then do, who counts."""

import json
import multiprocessing
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from clinicdir import clock
from clinicdir.appointments.arrival import Arrival, submit_request
from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.operations import Move, act
from clinicdir.appointments.queries import get_request
from clinicdir.appointments.rules import Action, RequestChannel, Status
from clinicdir.appointments.suspicion import Signs, Suspicion
from clinicdir.audit.rules import OPERATOR, PATIENT
from clinicdir.cli.routing import make_post
from clinicdir.db import db, key_ring, transaction
from clinicdir.locations.models import Telecom
from clinicdir.locations.queries import get_location
from clinicdir.locations.rules import TelecomSystem
from clinicdir.notifications.delivery import deliver_due
from clinicdir.notifications.rules import Message
from clinicdir.resources import resource_dir
from clinicdir.staff.rules import EVERYWHERE
from clinicdir.web.limits import CounterFile, FileStorage
from clinicdir.web.quotas import Sightings, look_at
from clinicdir.web.signs import opened_stamp
from tests.asking import CHECK, START, STEPS, follow, walk
from tests.client import page_text
from tests.conftest import Clock, build_app
from tests.make import (
    CONSENT,
    hidden,
    make_answers,
    make_request,
    make_staff,
    make_submission,
    sign_in,
)
from tests.pages import links, main_text, press
from tests.tables import all_rows, rows, together

URL = "/api/v1/requests"
SPAM = "Cheap pills at http://a.example and http://b.example"
TEXT = "We make web sites for clinics like yours, cheap and fast"
STANDING = ("status", "suspicions")
RECEIVED: tuple[Status, list[str]] = (Status.RECEIVED, [])


def send(client: FlaskClient, key: str, address: str = "", **changes: Any) -> TestResponse:  # noqa: ANN401
    headers = {"Idempotency-Key": key}
    if address:
        headers["X-Forwarded-For"] = address
    return client.post(URL, json=make_answers(**changes), headers=headers)


def held(*codes: str) -> tuple[Status, list[str]]:
    return Status.QUARANTINED, list(codes)


def standing(app: Flask) -> list[tuple[Status, list[str]]]:
    return rows(app, "appointment_request", *STANDING)


@pytest.fixture
def counting(with_settings: Callable[..., Flask]) -> Flask:
    return with_settings(rate_limits="on", trusted_proxies="127.0.0.1")


# The form


def sent_by_form(
    client: FlaskClient, frozen: Clock, seconds: float = 60, **start: Any  # noqa: ANN401
) -> TestResponse:  # fmt: skip
    page = client.get(START)
    frozen.move(seconds=seconds)
    typed = {"location": "renton", "goal": "run", "goal_text": ""} | start
    page = follow(client, press(client, page, START, **typed))
    for step in STEPS[1:]:
        typed = {
            "for_whom": "me",
            "patient_name": "Robin Example",
            "phone": "206 555 0123",
            "contact_by": "phone",
        }
        page = follow(client, press(client, page, step, **typed))
    return press(client, page, CHECK)


@pytest.mark.parametrize(
    ("seconds", "start", "expected"),
    [
        (60, {}, RECEIVED),
        (0, {}, RECEIVED),
        (60, {"aside": "Example Ltd"}, RECEIVED),
        (60, {"opened": None}, RECEIVED),
        (60, {"opened": "forged"}, RECEIVED),
        (2, {"aside": "x"}, RECEIVED),
        (1.9, {"aside": "x"}, held("honeypot", "too_fast")),
        (60, {"aside": "x", "opened": None}, held("honeypot", "unsigned")),
        (60, {"aside": "x", "opened": "forged"}, held("honeypot", "unsigned")),
        (60, {"tried": SPAM}, held("links")),
        (0, {"tried": "see www.mydoctor.example"}, RECEIVED),
    ],
)
def test_form_is_judged_by_its_signs(
    app: Flask,
    client: FlaskClient,
    frozen: Clock,
    seconds: float,
    start: dict[str, Any],
    expected: tuple[Status, list[str]],
) -> None:
    answer = sent_by_form(client, frozen, seconds, **start)
    assert answer.status_code == 303
    assert standing(app) == [expected]


def test_field_to_leave_empty_is_hidden_from_people_and_tempts_no_browser(
    client: FlaskClient,
) -> None:
    html = client.get(START).get_data(as_text=True)
    start = html.index('<div class="aside"')
    assert html[start : html.index("</div>", start) + 6] == (
        '<div class="aside" aria-hidden="true"><label for="aside">Leave this empty</label>'
        '<input type="text" id="aside" name="aside" value="" tabindex="-1" autocomplete="off">'
        "</div>"
    )


def test_stamp_of_an_older_key_counts_and_one_of_another_site_does_not(
    app: Flask, with_settings: Callable[..., Flask], frozen: Clock, tmp_path: Path
) -> None:
    with with_settings(secret_key="f" * 40).app_context():
        ours = opened_stamp(frozen.at - timedelta(minutes=1))
    with build_app(tmp_path / "other", secret_key="o" * 40).app_context():
        foreign = opened_stamp(frozen.at - timedelta(minutes=1))
    turned = with_settings(secret_key="n" * 40, secret_key_fallbacks="f" * 40)
    for stamp in (ours, foreign):
        answer = sent_by_form(turned.test_client(), frozen, opened=stamp, aside="x")
        assert answer.status_code == 303
    assert standing(app) == [RECEIVED, held("honeypot", "unsigned")]


def test_time_runs_from_the_first_opening_also_where_answers_are_changed(
    app: Flask, client: FlaskClient, frozen: Clock
) -> None:
    page = client.get(START)
    frozen.move(minutes=10)
    page = walk(client, first=page, patient_name="Robin Example", aside="x")
    again = client.get(links(page)["Change: Your goal"])
    page = follow(client, press(client, again, START, aside="x"))
    assert len(rows(app, "request_draft", "id")) == 1
    assert press(client, page, CHECK).status_code == 303
    assert standing(app) == [RECEIVED]


def test_who_empties_the_field_again_is_believed(
    app: Flask, client: FlaskClient, frozen: Clock
) -> None:
    page = walk(client, patient_name="Robin Example", aside="x")
    again = client.get(links(page)["Change: Your goal"])
    page = follow(client, press(client, again, START, aside=""))
    press(client, page, CHECK)
    assert standing(app) == [RECEIVED]


def test_refused_page_keeps_the_time_it_was_opened(client: FlaskClient, frozen: Clock) -> None:
    page = client.get(START)
    stamp = hidden(page.get_data(as_text=True), "opened")
    frozen.move(minutes=1)
    again = press(client, page, START, goal="")
    assert again.status_code == 422
    assert hidden(again.get_data(as_text=True), "opened") == stamp


# The sender is told nothing


def test_api_answers_a_held_request_like_any_other_and_the_same_at_each_try(
    app: Flask, client: FlaskClient
) -> None:
    answer = send(client, "spam", note=SPAM)
    made = answer.get_json()
    assert (answer.status_code, made["status"], made["promise_at"]) == (201, "received", None)
    before = all_rows(app)
    again = send(client, "spam", note=SPAM)
    assert (again.status_code, again.get_data()) == (201, answer.get_data())
    assert all_rows(app) == before
    assert standing(app) == [held("links")]


def test_own_page_of_a_held_request_has_the_same_bytes(
    app: Flask, client: FlaskClient, frozen: Clock
) -> None:
    pages = []
    for key, note in (("good", "Hurts"), ("spam", SPAM)):
        made = send(client, key, note=note).get_json()
        link = made["status_url"]
        page = client.get(link)
        reference = made["reference"]
        pages.append(
            page.get_data(as_text=True)
            .replace(link.rpartition("/")[2], "TOKEN")
            .replace(f"{reference[:3]}-{reference[3:]}", "REFERENCE")
            .replace(reference, "REFERENCE")
        )
        assert (page.status_code, "We have your request" in main_text(page)) == (200, True)
    assert pages[0] == pages[1]
    assert standing(app) == [RECEIVED, held("links")]


def test_codes_reach_neither_pages_of_the_sender_nor_headers(
    app: Flask, client: FlaskClient
) -> None:
    answer = send(client, "spam", note=SPAM, patient_name="Robin Example")
    page = client.get(answer.get_json()["status_url"])
    told = "".join(
        [str(one.headers) + one.get_data(as_text=True) for one in (answer, page)]
    ).casefold()
    for word in (*(code.value for code in Suspicion), "quarantin", "spam", "suspic"):
        assert word not in told
    assert standing(app) == [held("links")]


# What is written, and what staff do


def test_held_request_sends_nothing_and_stands_beside_the_new_ones(
    app: Flask, client: FlaskClient, frozen: Clock
) -> None:
    send(client, "spam", note=SPAM, patient_name="Doubtful Person")
    assert rows(app, "outbox_message", "id") == []
    assert rows(app, "request_event", "action", "from_status", "to_status") == [
        ("submit", None, Status.QUARANTINED)
    ]
    assert rows(app, "audit_entry", "action", "detail")[-1] == ("submit", "- > quarantined")
    with app.app_context():
        make_staff("desk@example.com")
    sign_in(client, "desk@example.com")
    new = client.get("/staff/?group=new").get_data(as_text=True)
    assert "Doubtful Person" not in new
    todo = page_text(client.get("/staff/?group=spam").get_data(as_text=True))
    assert "Doubtful Person" in todo
    assert "Check: may be spam" in todo


def test_cleared_request_is_back_with_its_first_arrival_and_a_message(
    app: Flask, client: FlaskClient, frozen: Clock
) -> None:
    arrived = frozen.at
    reference = send(client, "spam", note=SPAM).get_json()["reference"]
    frozen.move(hours=3)
    later = send(client, "later", patient_name="Later Person").get_json()["reference"]
    frozen.move(hours=1)
    with app.app_context(), transaction():
        telecom = Telecom(location_id=get_location("renton").id, value="renton@clinic.example")
        telecom.system = TelecomSystem.EMAIL
        db.session.add(telecom)
        found = get_request(reference, scope=EVERYWHERE)
        act(found, Move(Action.CLEAR, found.version), actor=OPERATOR, now=frozen.at)
    columns = ("reference", "status", "created_at", "due_at")
    assert rows(app, "appointment_request", *columns) == [
        (reference, Status.RECEIVED, arrived, arrived),
        (later, Status.RECEIVED, arrived + timedelta(hours=3), arrived + timedelta(hours=3)),
    ]
    mails: list[Message] = []
    with app.app_context():
        post = make_post()
        post = type(post)(
            send=lambda message, **_: mails.append(message),
            sender="a@group.example",
            texts=post.texts,
            resolve=post.resolve,
        )
        deliver_due(post, clock=clock.now)
    assert len(mails) == 2
    told = "".join(str(mail) for mail in mails)
    for word in (*(code.value for code in Suspicion), "quarantin", "spam", "pills"):
        assert word not in told


def test_request_that_staff_or_commands_store_is_not_judged(app: Flask) -> None:
    with app.app_context():
        make_request(app, note=SPAM)
    assert standing(app) == [RECEIVED]


def test_judged_signs_are_those_of_the_arrival_alone(app: Flask) -> None:
    with app.app_context(), transaction():
        arrival = Arrival("k", RequestChannel.WEB, signs=Signs(honeypot=True, seconds=0.5))
        made = submit_request(make_submission(app), arrival, actor=PATIENT, now=clock.now())
        assert (made.status, made.suspicions) == held("honeypot", "too_fast")
        assert made.due_at == made.created_at


# The same again


def test_parent_who_asks_for_two_children_is_not_held(app: Flask, client: FlaskClient) -> None:
    note = "Both fell off the same trampoline, the left ankle of each is swollen"
    for name in ("Ana", "Ben"):
        assert send(client, name, patient_name=f"{name} Example", note=note).status_code == 201
    for key in ("once", "and once more"):
        assert send(client, key, note="Please call me").status_code == 201
    assert standing(app) == [RECEIVED] * 4


def test_same_words_of_one_person_are_held_from_the_fourth_and_then_all(
    app: Flask, client: FlaskClient
) -> None:
    for number in range(10):
        send(client, f"key {number}", note=f"Buy now {number}", phone=f"206 555 01{number:02}")
    assert standing(app) == [RECEIVED] * 3 + [held("repeated_text")] * 7
    send(client, "the eleventh", note="BUY NOW!")
    assert standing(app) == [held("repeated_text")] * 11


def test_same_long_text_under_many_names_is_held_with_its_first_copies(
    app: Flask, client: FlaskClient
) -> None:
    send(client, "a person", note="A text of somebody else that is quite long, too, and stays")
    for number in range(20):
        send(client, f"key {number}", note=TEXT, patient_name=f"Person {number}")
    assert standing(app) == [RECEIVED] * 21
    send(client, "one more", note=TEXT, patient_name="One More")
    assert standing(app) == [RECEIVED] + [held("repeated_text")] * 21


def test_first_copy_that_somebody_has_touched_stays_where_it_is(
    app: Flask, client: FlaskClient
) -> None:
    made = [send(client, f"key {number}", note="Buy now").get_json() for number in range(10)]
    with app.app_context(), transaction():
        for one, actions in zip(made, ([Action.CLAIM], [Action.NOTE], []), strict=False):
            found = get_request(one["reference"], scope=EVERYWHERE)
            for action in actions:
                act(found, Move(action, found.version), actor=OPERATOR, now=clock.now())
        cleared = get_request(made[3]["reference"], scope=EVERYWHERE)
        act(cleared, Move(Action.CLEAR, cleared.version), actor=OPERATOR, now=clock.now())
    send(client, "the eleventh", note="Buy now")
    assert [status for status, _ in standing(app)] == [
        Status.IN_REVIEW,
        Status.RECEIVED,
        Status.QUARANTINED,
        Status.RECEIVED,
        *[Status.QUARANTINED] * 7,
    ]


def test_first_copies_held_later_are_history_audit_and_no_mail(
    app: Flask, client: FlaskClient
) -> None:
    for number in range(11):
        send(client, f"key {number}", note="Buy now")
    moved = [
        event
        for event in rows(app, "request_event", "actor_kind", "action", "from_status", "to_status")
        if event[1] == "quarantine"
    ]
    assert moved == [("system", "quarantine", Status.RECEIVED, Status.QUARANTINED)] * 3
    assert rows(app, "outbox_message", "kind", "state") == [("request_waits", "waiting")] * 3
    with app.app_context():
        deliver_due(make_post(), clock=clock.now)
    assert "sent" not in rows(app, "outbox_message", "state")


def test_same_words_a_day_later_are_new_words(
    app: Flask, client: FlaskClient, frozen: Clock
) -> None:
    for number in range(3):
        send(client, f"key {number}", note="Please call me")
    frozen.move(hours=24)
    send(client, "the next day", note="Please call me")
    assert standing(app) == [RECEIVED] * 4


def test_bare_requests_count_as_the_same_only_where_quotas_are_on(
    app: Flask, counting: Flask
) -> None:
    for number in range(12):
        send(app.test_client(), f"off {number}")
    assert standing(app) == [RECEIVED] * 12
    for number in range(10):
        send(counting.test_client(), f"on {number}")
    assert standing(app) == [RECEIVED] * 22
    send(counting.test_client(), "the eleventh")
    assert standing(app) == [
        *[RECEIVED] * 12,
        *[held("repeated_text")] * 10,
        held("repeated_text", "busy_phone"),
    ]


# Quotas


def look(app: Flask, key: str, address: str, **changes: Any) -> Signs:  # noqa: ANN401
    with app.test_request_context(environ_base={"REMOTE_ADDR": address}):
        return look_at(make_submission(app, **changes), key, Signs(), now=clock.now()).signs


def test_quotas_count_addresses_and_phones_once_for_each_key(
    counting: Flask, frozen: Clock
) -> None:
    def seen(key: str, address: str, phone: str) -> tuple[int, int]:
        signs = look(counting, key, address, phone=phone)
        return signs.from_address, signs.from_phone

    assert seen("a", "198.51.100.7", "206 555 0123") == (1, 1)
    assert seen("b", "198.51.100.7", "206 555 0124") == (2, 1)
    assert seen("c", "198.51.100.8", "+1 (206) 555-0123 x9") == (1, 2)
    assert seen("c", "198.51.100.8", "+1 (206) 555-0123 x9") == (1, 2)
    assert seen("d", "2001:db8:1:2::5", "206 555 0199") == (1, 1)
    assert seen("e", "2001:db8:1:2:ffff::6", "206 555 0198") == (2, 1)
    frozen.move(minutes=59, seconds=59)
    assert seen("f", "198.51.100.7", "206 555 0123") == (3, 3)
    frozen.move(seconds=1)
    assert seen("g", "198.51.100.7", "206 555 0123") == (2, 4)
    frozen.move(hours=24)
    assert seen("h", "198.51.100.7", "206 555 0123") == (1, 1)


def test_busy_address_and_phone_add_points_and_refuse_nothing(app: Flask, counting: Flask) -> None:
    client = counting.test_client()
    for number in range(24):
        answer = send(client, f"key {number}", "198.51.100.7", patient_name=f"Person {number}")
        assert answer.status_code == 201
    assert standing(app) == [RECEIVED] * 24
    signs = look(counting, "one more", "198.51.100.7")
    assert (signs.from_address, signs.from_phone) == (25, 25)


def test_busy_location_is_told_in_the_log_once_and_holds_nobody(
    counting: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    signs = [
        look(counting, f"key {number}", f"198.51.100.{number}", patient_name=f"Person {number}")
        for number in range(63)
    ]
    assert caplog.messages == ["renton: more than 60 requests in an hour"]
    assert {one.links for one in signs} == {0}


def test_limits_off_counts_no_address_and_no_phone_and_keeps_the_other_signs(
    app: Flask, client: FlaskClient
) -> None:
    for number in range(5):
        signs = look(app, f"key {number}", "198.51.100.7", note="Buy now")
    assert (signs.from_address, signs.from_phone, signs.same_requests) == (0, 0, 5)
    send(client, "spam", note=SPAM)
    assert standing(app) == [held("links")]


def test_counts_hold_over_two_apps_and_a_restart(
    counting: Flask, with_settings: Callable[..., Flask]
) -> None:
    other = with_settings(rate_limits="on")
    for number, app in enumerate((counting, other, counting)):
        look(app, f"key {number}", "198.51.100.7", note="Buy now")
    restarted = with_settings(rate_limits="on")
    signs = look(restarted, "one more", "198.51.100.7", note="Buy now")
    assert (signs.from_address, signs.from_phone, signs.same_requests) == (4, 4, 4)


def test_neither_address_nor_phone_nor_text_nor_key_stands_in_the_file(counting: Flask) -> None:
    client = counting.test_client()
    send(client, "a key of its own", "198.51.100.7", note=TEXT)
    send(client, "another key", "198.51.100.7", note="Short")
    folder = counting.extensions["clinicdir"].settings.instance
    stored = (folder / "limits.sqlite3").read_bytes()
    for secret in (
        b"198.51.100", b"5550123", b"555 0123", b"web site", b"website", b"Robin", b"robin",
        b"a key of", b"renton",
    ):  # fmt: skip
        assert secret not in stored
    with sqlite3.connect(folder / "limits.sqlite3") as file:
        assert file.execute("select count(*) from hit").fetchone() == (1,)
        # Address, location, phone, twice each; text with name, twice; the long one alone.
        assert file.execute("select count(*) from sighting").fetchone() == (9,)
        windows = file.execute("select round(max(expires) - min(expires)) from sighting").fetchone()
    file.close()
    assert windows[0] == pytest.approx(23 * 3600, abs=60)


def test_counts_that_cannot_be_had_cost_no_request(app: Flask, counting: Flask) -> None:
    file = counting.extensions["clinicdir"].settings.instance / "limits.sqlite3"
    file.unlink(missing_ok=True)
    file.mkdir()
    client = counting.test_client()
    for number in range(5):
        assert send(client, f"key {number}", note="Buy now").status_code == 201
    send(client, "spam", note=SPAM)
    assert standing(app) == [RECEIVED] * 5 + [held("links")]


def test_counts_in_a_damaged_file_begin_anew(tmp_path: Path) -> None:
    """As a power cut may leave it: nobody could sign in until somebody deleted it."""
    path = tmp_path / "limits.sqlite3"
    path.write_bytes(b"no database" * 1000)
    assert FileStorage(f"clinicdir-file://{path}").incr("tries", 60) == 1
    assert FileStorage(f"clinicdir-file://{path}").incr("tries", 60) == 2


def test_one_key_at_one_moment_counts_once(counting: Flask) -> None:
    together(20, lambda _: look(counting, "the same", "198.51.100.7", note="Buy now"))
    signs = look(counting, "the same", "198.51.100.7", note="Buy now")
    assert (signs.from_address, signs.same_requests) == (1, 1)


# The file alone


def test_processes_and_threads_note_every_arrival(tmp_path: Path) -> None:
    path = tmp_path / "limits.sqlite3"
    spawning = multiprocessing.get_context("spawn")
    noting = [spawning.Process(target=_note, args=(path, name)) for name in "ab"]
    for process in noting:
        process.start()
    for process in noting:
        process.join(timeout=60)
        assert process.exitcode == 0
        process.close()
    assert len(Sightings(CounterFile(path)).entries(b"what", clock.now())) == 2 * 4 * 20


def _note(path: Path, name: str) -> None:
    seen = Sightings(CounterFile(path))
    what = {"text": (b"what", timedelta(hours=1))}

    def work(thread: int) -> None:
        for number in range(20):
            seen.note(what, f"{name} {thread} {number}".encode(), clock.now())

    together(4, work)


def test_one_kind_is_counted_to_a_thousand_and_no_further(tmp_path: Path, frozen: Clock) -> None:
    seen = Sightings(CounterFile(tmp_path / "limits.sqlite3"))
    for number in range(1_010):
        seen.note({"text": (b"what", timedelta(hours=1))}, str(number).encode(), frozen.at)
    assert len(seen.entries(b"what", frozen.at)) == 1_000
    frozen.move(hours=1)
    assert seen.entries(b"what", frozen.at) == frozenset()
    seen.note({"text": (b"what", timedelta(hours=1))}, b"new", frozen.at)
    assert seen.entries(b"what", frozen.at) == {b"new"}


# The same key


def test_same_key_and_words_are_answered_as_before_after_month_and_notice_have_changed(
    app: Flask,
    client: FlaskClient,
    frozen: Clock,
    with_settings: Callable[..., Flask],
    tmp_path: Path,
) -> None:
    answer = send(client, "k", target_month="2026-11")
    frozen.move(days=30)
    before = all_rows(app)
    again = send(client, "k", target_month="2026-11")
    assert (again.status_code, again.get_data()) == (201, answer.get_data())
    assert all_rows(app) == before
    assert send(client, "new", target_month="2026-11").status_code == 422
    seeds = tmp_path / "seeds"
    seeds.mkdir()
    for source in resource_dir("seeds").glob("*.json"):
        text = source.read_text().replace(CONSENT, "2026-12-24")
        (seeds / source.name).write_text(text)
    noticed = with_settings(seeds=seeds)
    assert noticed.extensions["clinicdir"].intake.consent.version == "2026-12-24"
    again = send(noticed.test_client(), "k", target_month="2026-11")
    assert (again.status_code, again.get_data()) == (201, answer.get_data())
    assert send(noticed.test_client(), "new", target_month=None).status_code == 422


def test_same_meaning_in_other_words_is_the_same_and_other_content_is_not(
    app: Flask, client: FlaskClient
) -> None:
    answer = send(client, "k", note="Hurts")
    for changes in (
        {"location": ["renton"]},
        {"note": " Hurts "},
        {"short_notice": False, "email": ""},
    ):
        again = send(client, "k", **({"note": "Hurts"} | changes))
        assert (again.status_code, again.get_data()) == (201, answer.get_data())
    assert send(client, "k", note="hurts").status_code == 409
    assert len(rows(app, "appointment_request", "id")) == 1


def test_row_that_was_stored_before_with_one_hash_is_found_by_it(
    app: Flask, client: FlaskClient
) -> None:
    answer = send(client, "k")
    with app.app_context(), transaction():
        stored = db.session.query(AppointmentRequest).one()
        assert len(stored.submission_hash) == 68
        stored.submission_hash = stored.submission_hash[:32]
    again = send(client, "k")
    assert (again.status_code, again.get_data()) == (201, answer.get_data())
    assert send(client, "k", note="x").status_code == 409


def test_hash_of_the_words_is_keyed(app: Flask, client: FlaskClient) -> None:
    send(client, "k")
    words = json.dumps(make_answers(), sort_keys=True)
    with app.app_context():
        expected = key_ring().fingerprint("submission", words)
        assert db.session.query(AppointmentRequest).one().submission_hash[32:64] == expected
