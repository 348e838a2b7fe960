"""Many at once: the same request fifty times, different ones from two processes, first keys."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm.exc import StaleDataError

from clinicdir.appointments.arrival import link_token
from clinicdir.appointments.changes import change_answers
from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.operations import Move, act
from clinicdir.appointments.queries import get_by_link, get_request
from clinicdir.appointments.rules import Action, OfferState, Status
from clinicdir.appointments.submission import Context
from clinicdir.audit.rules import PATIENT, Actor
from clinicdir.db import db, transaction
from clinicdir.errors import NotAllowed
from clinicdir.locations.queries import get_location
from clinicdir.staff.rules import EVERYWHERE
from clinicdir.staff.sessions import actor_of
from tests.hammer import POSTS, THREADS
from tests.lives import actions_of, do, messages_of, offers_of
from tests.make import TODAY, make_answers, make_request, make_staff
from tests.tables import rows, together

ROOT = Path(__file__).parent.parent.parent


def start(*arguments: str) -> "subprocess.Popen[str]":
    """Start Python on arguments, in the folder of the checkout."""
    return subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: "subprocess.Popen[str]", timeout: float = 60) -> str:
    output, errors = process.communicate("go\n", timeout=timeout)
    assert process.returncode == 0, errors
    return output


def test_fifty_equal_posts_at_once_are_one_request_and_fifty_equal_answers(app: Flask) -> None:
    def post(_: int) -> tuple[int, bytes]:
        answer = app.test_client().post(
            "/api/v1/requests", json=make_answers(), headers={"Idempotency-Key": "the same"}
        )
        return answer.status_code, answer.get_data()

    answers = together(50, post)
    assert len(set(answers)) == 1
    assert answers[0][0] == 201
    for table in ("appointment_request", "request_event", "outbox_message", "request_location"):
        assert len(rows(app, table, "id")) == 1
    assert rows(app, "audit_entry", "action").count("submit") == 1


def test_equal_keys_with_other_content_at_once_are_one_request_and_conflicts(app: Flask) -> None:
    def post(number: int) -> int:
        answer = app.test_client().post(
            "/api/v1/requests",
            json=make_answers(patient_name=f"Robin {number}"),
            headers={"Idempotency-Key": "the same"},
        )
        return answer.status_code

    assert sorted(together(10, post)) == [201] + [409] * 9
    assert len(rows(app, "appointment_request", "id")) == 1


def test_two_processes_of_eight_threads_are_refused_nothing(app: Flask) -> None:
    settings = app.extensions["clinicdir"].settings
    processes = [
        start("-m", "tests.hammer", str(settings.instance), settings.database_url, name)
        for name in ("first", "second")
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:  # both begin now
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    statuses = [status for process in processes for status in json.loads(finish(process))]
    assert statuses == [201] * (2 * THREADS * POSTS)
    with app.app_context():
        stored = db.session.query(AppointmentRequest).all()
        assert len({one.reference for one in stored}) == len(stored) == len(statuses)
        (location_id,) = {one.location_id for one in stored}
    chain = f"location/{location_id}"
    numbers = [
        sequence
        for name, sequence in rows(app, "audit_entry", "chain", "sequence")
        if name == chain
    ]
    assert sorted(numbers) == list(range(1, len(statuses) + 1))


def test_two_first_starts_at_once_agree_on_their_keys(tmp_path: Path) -> None:
    script = (
        "import sys, pathlib\n"
        "from clinicdir.crypto import new_key\n"
        "from clinicdir.settings import complete_secrets, load_settings\n"
        "settings = load_settings(instance=pathlib.Path(sys.argv[1]) / 'instance')\n"
        "print('ready', flush=True)\n"
        "sys.stdin.readline()\n"
        "made = complete_secrets(settings, new_key)\n"
        "print(made.secret_key.get_secret_value(),"
        " *[key.get_secret_value() for key in made.encryption_keys])\n"
    )
    processes = [start("-c", script, str(tmp_path)) for _ in range(2)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    outputs = {finish(process) for process in processes}
    assert len(outputs) == 1
    assert len(outputs.pop().split()) == 2
    assert sorted(path.name for path in (tmp_path / "instance").iterdir()) == [
        "encryption_keys",
        "secret_key",
    ]


# -- what is done to one request at once ---------------------------------------------------------

NOW = datetime.fromisoformat("2026-11-24T20:00:00+00:00")
TIMES = tuple(NOW + timedelta(days=days) for days in (1, 2, 3))
Work = Callable[[str], None]


@pytest.fixture
def desk(app: Flask) -> Actor:
    with app.app_context():
        return actor_of(make_staff("desk@example.com"))


def by_patient(app: Flask, move: Move) -> Work:
    """Return a step of the patient, who reads the row locked by the link."""

    def work(reference: str) -> None:
        with app.app_context():
            token = link_token(get_request(reference, scope=EVERYWHERE))
            with transaction():
                act(get_by_link(token, to_change=True), move, actor=PATIENT, now=NOW)

    return work


def by_staff(app: Flask, action: Action, actor: Actor, **details: Any) -> Work:  # noqa: ANN401
    """Return a step of staff, who read the row unlocked: a later one is told that it changed."""

    def work(reference: str) -> None:
        do(app, reference, action, actor=actor, now=NOW, **details)

    return work


def outcome(work: Work, reference: str) -> str:
    try:
        work(reference)
    except (NotAllowed, StaleDataError) as refusal:
        return type(refusal).__name__
    return "done"


def make_offered(app: Flask, desk: Actor, count: int = 1) -> list[str]:
    made = make_received(app, count)
    for reference in made:
        do(app, reference, Action.CLAIM, actor=desk, now=NOW)
        do(app, reference, Action.OFFER, actor=desk, now=NOW, offered=TIMES)
    return made


def make_received(app: Flask, count: int = 1) -> list[str]:
    with app.app_context():
        return [make_request(app, now=NOW).reference for _ in range(count)]


def race(references: list[str], *sides: Work) -> list[tuple[str, ...]]:
    """Do every side to every request, all at once; return the outcomes by request."""
    ended = together(
        len(references) * len(sides),
        lambda number: outcome(sides[number % len(sides)], references[number // len(sides)]),
    )
    return [tuple(ended[start : start + len(sides)]) for start in range(0, len(ended), len(sides))]


def test_twenty_accepts_of_three_offers_at_once_are_one_booking(app: Flask, desk: Actor) -> None:
    (reference,) = make_offered(app, desk)
    accepts = [by_patient(app, Move(Action.BOOK, booked_at=at)) for at in TIMES]
    ended = together(20, lambda number: outcome(accepts[number % 3], reference))
    assert sorted(ended) == ["NotAllowed"] * 19 + ["done"]
    won = TIMES[ended.index("done") % 3]
    with app.app_context():
        found = get_request(reference, scope=EVERYWHERE)
        assert (found.status, found.booked_at) == (Status.BOOKED, won)
        assert found.calendar_sequence == 1
    assert offers_of(app, reference) == [
        OfferState.TAKEN if at == won else OfferState.LAPSED for at in TIMES
    ]
    assert actions_of(app, reference) == [Action.CLAIM, Action.OFFER, Action.BOOK]
    assert messages_of(app, reference) == ["request_waits", "patient_changed"]


def test_twenty_withdrawals_at_once_are_one(app: Flask) -> None:
    (reference,) = make_received(app)
    withdraw = by_patient(app, Move(Action.WITHDRAW))
    ended = together(20, lambda _: outcome(withdraw, reference))
    assert sorted(ended) == ["NotAllowed"] * 19 + ["done"]
    assert actions_of(app, reference) == [Action.WITHDRAW]
    assert messages_of(app, reference) == ["request_waits", "patient_changed"]


def test_two_people_who_take_up_one_request_at_once_are_one(app: Flask, desk: Actor) -> None:
    with app.app_context():
        other = actor_of(make_staff("other@example.com"))
    made = make_received(app, 10)
    ended = race(made, by_staff(app, Action.CLAIM, desk), by_staff(app, Action.CLAIM, other))
    for reference, outcomes in zip(made, ended, strict=True):
        assert outcomes.count("done") == 1
        assert actions_of(app, reference) == [Action.CLAIM]


def test_claim_against_withdrawal_leaves_a_legal_history(app: Flask, desk: Actor) -> None:
    """The patient is never refused because staff took the request up at the same moment."""
    made = make_received(app, 10)
    ended = race(
        made,
        by_patient(app, Move(Action.WITHDRAW)),
        by_staff(app, Action.CLAIM, desk),
    )
    for reference, (withdrawn, claimed) in zip(made, ended, strict=True):
        assert withdrawn == "done"
        history = [Action.CLAIM] * (claimed == "done") + [Action.WITHDRAW]
        assert actions_of(app, reference) == history


@pytest.mark.parametrize("action", [Action.BOOK, Action.DECLINE, Action.TRANSFER])
def test_acceptance_against_staff_has_one_winner(app: Flask, desk: Actor, action: Action) -> None:
    made = make_offered(app, desk, 10)
    details: dict[Action, dict[str, Any]] = {
        Action.BOOK: {"booked_at": NOW + timedelta(days=9)},
        Action.DECLINE: {"decline_reason": "other"},
        Action.TRANSFER: {"to": "bellevue"},
    }
    ended = race(
        made,
        by_patient(app, Move(Action.BOOK, booked_at=TIMES[0])),
        by_staff(app, action, desk, **details[action]),
    )
    for reference, outcomes in zip(made, ended, strict=True):
        assert outcomes.count("done") == 1
        accepted = outcomes[0] == "done"
        assert actions_of(app, reference)[2:] == [Action.BOOK if accepted else action]
        taken = [OfferState.TAKEN if accepted else OfferState.LAPSED]
        assert offers_of(app, reference) == taken + [OfferState.LAPSED] * 2


def test_withdrawal_against_booking_ends_withdrawn_or_is_told(app: Flask, desk: Actor) -> None:
    made = make_received(app, 10)
    book = by_staff(app, Action.BOOK, desk, booked_at=TIMES[0])
    ended = race(made, by_patient(app, Move(Action.WITHDRAW)), book)
    for reference, (withdrawn, booked) in zip(made, ended, strict=True):
        assert withdrawn == "done"  # a booking can be taken back too
        history = [Action.BOOK] * (booked == "done") + [Action.WITHDRAW]
        assert actions_of(app, reference) == history


def test_change_against_claim_is_never_refused_to_the_patient(app: Flask, desk: Actor) -> None:
    made = make_received(app, 10)
    context = Context(today=TODAY, intake=app.extensions["clinicdir"].intake)

    def change(reference: str) -> None:
        with app.app_context(), transaction():
            found = get_request(reference, scope=EVERYWHERE, to_change=True)
            answers = {"note": "Changed", "patient_name": "Kim Example"}
            change_answers(found, answers, context, seen_answers=1, actor=PATIENT, now=NOW)

    ended = race(made, change, by_staff(app, Action.CLAIM, desk))
    for reference, (changed, claimed) in zip(made, ended, strict=True):
        assert changed == "done"
        done = actions_of(app, reference)
        assert sorted(done) == sorted([Action.CLAIM] * (claimed == "done") + [Action.CHANGE])
        with app.app_context():
            found = get_request(reference, scope=EVERYWHERE)
            assert (found.personal["note"], found.version) == ("Changed", 1 + len(done))


def test_two_clinics_that_pass_on_to_each_other_do_not_block_each_other(
    app: Flask, desk: Actor
) -> None:
    """Each step writes into the audit chains of both clinics, which are locked in one order."""
    with app.app_context():
        made = [
            make_request(app, now=NOW, location=slug).reference
            for _ in range(10)
            for slug in ("renton", "bellevue")
        ]
    steps = [by_staff(app, Action.TRANSFER, desk, to=slug) for slug in ("bellevue", "renton")]
    ended = together(20, lambda number: outcome(steps[number % 2], made[number]))
    assert ended == ["done"] * 20
    for reference in made:
        assert actions_of(app, reference) == [Action.TRANSFER]


def test_patient_who_waits_while_the_request_is_passed_on_still_finds_it(
    app: Flask, desk: Actor
) -> None:
    """PostgreSQL checks a locked query again after the wait: a join with the clinic would fail."""
    (reference,) = make_offered(app, desk)
    is_locked = threading.Event()

    def work(number: int) -> str:
        if number == 0:
            is_locked.wait(timeout=10)
            return outcome(by_patient(app, Move(Action.BOOK, booked_at=TIMES[0])), reference)
        with app.app_context(), transaction():
            found = get_request(reference, scope=EVERYWHERE, to_change=True)
            move = Move(Action.TRANSFER, location=get_location("bellevue"))
            act(found, move, actor=desk, now=NOW)
            is_locked.set()
            time.sleep(0.5)  # the other is at the door by now
        return "done"

    assert together(2, work) == ["NotAllowed", "done"]
    assert actions_of(app, reference) == [Action.CLAIM, Action.OFFER, Action.TRANSFER]
