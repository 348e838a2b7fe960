"""What time brings about: offers that ran out, holds that ended; one bad row stops no other."""

import threading
import time
from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import text

from clinicdir.appointments.queries import get_request
from clinicdir.appointments.rules import Action, OfferState, Status
from clinicdir.appointments.tidying import expire_offers, release_lapsed
from clinicdir.audit.rules import SYSTEM, Actor
from clinicdir.cli import serving
from clinicdir.db import db, transaction
from clinicdir.errors import NotAllowed
from clinicdir.staff.rules import EVERYWHERE
from clinicdir.staff.sessions import actor_of
from tests.conftest import Clock
from tests.lives import actions_of, do, let_messages_leave, messages_of, offers_of
from tests.make import make_request, make_staff
from tests.tables import all_rows, rows, together

NOW = datetime.fromisoformat("2026-11-24T20:00:00+00:00")
LATER = NOW + timedelta(minutes=15)
FIRST, SECOND = NOW + timedelta(hours=1), NOW + timedelta(hours=2)


@pytest.fixture
def desk(app: Flask) -> Actor:
    with app.app_context():
        return actor_of(make_staff("desk@example.com"))


def claimed(app: Flask, desk: Actor, count: int = 1) -> list[str]:
    """Return requests that the desk has taken up."""
    with app.app_context():
        made = [make_request(app, now=NOW).reference for _ in range(count)]
    for reference in made:
        do(app, reference, Action.CLAIM, actor=desk, now=NOW)
    let_messages_leave(app)
    return made


def test_hold_that_ended_is_released_and_the_clinic_told_again(app: Flask, desk: Actor) -> None:
    """Mail that could not leave while somebody was on it is not needed; then nobody is told."""
    (reference,) = claimed(app, desk)
    with app.app_context():
        assert release_lapsed(now=LATER - timedelta(seconds=1)) == 0
        assert release_lapsed(now=LATER) == 1
        assert release_lapsed(now=LATER) == 0
        found = get_request(reference, scope=EVERYWHERE)
        assert (found.status, found.claimed_by, found.claimed_until) == (
            Status.RECEIVED,
            None,
            None,
        )
    assert actions_of(app, reference) == [Action.CLAIM, Action.RELEASE]
    assert rows(app, "request_event", "actor_kind")[-1] == SYSTEM.kind
    assert messages_of(app, reference) == ["request_waits", "request_waits"]


def test_who_had_it_until_then_goes_on_as_if_their_hold_had_lasted(app: Flask, desk: Actor) -> None:
    """Nobody else has been there: a page that is older by the release alone is no older page."""
    (reference,) = claimed(app, desk)
    with app.app_context():
        other = actor_of(make_staff("other@example.com"))
        seen = get_request(reference, scope=EVERYWHERE).version
        assert release_lapsed(now=LATER) == 1
    for who, version in ((other, seen), (desk, seen - 1)):
        with pytest.raises(NotAllowed):
            do(app, reference, Action.AWAIT_PATIENT, actor=who, now=LATER, seen_version=version)
    do(app, reference, Action.NOTE, actor=desk, now=LATER, seen_version=seen, note="Calls back")
    with app.app_context():
        found = get_request(reference, scope=EVERYWHERE)
        held = (found.status, found.claimed_by, found.claimed_until)
        assert held == (Status.IN_REVIEW, desk.staff_id, LATER + timedelta(minutes=15))
    assert rows(app, "request_event", "action", "from_status", "to_status", "actor_kind")[-3:] == [
        ("release", "in_review", "received", "system"),
        ("claim", "received", "in_review", "staff"),
        ("note", "in_review", "in_review", "staff"),
    ]
    with pytest.raises(NotAllowed):  # something else has happened since
        do(app, reference, Action.AWAIT_PATIENT, actor=desk, now=LATER, seen_version=seen)
    assert actions_of(app, reference)[-1] == Action.NOTE


def test_person_whose_hold_ended_finds_somebody_else_there(app: Flask, desk: Actor) -> None:
    (reference,) = claimed(app, desk)
    with app.app_context():
        other = actor_of(make_staff("other@example.com"))
        seen = get_request(reference, scope=EVERYWHERE).version
        release_lapsed(now=LATER)
    do(app, reference, Action.CLAIM, actor=other, now=LATER)
    with pytest.raises(NotAllowed):
        do(app, reference, Action.NOTE, actor=desk, now=LATER, seen_version=seen, note="Mine")


def test_offers_expire_when_the_last_of_them_has_begun(app: Flask, desk: Actor) -> None:
    (reference,) = claimed(app, desk)
    do(app, reference, Action.OFFER, actor=desk, now=NOW, offered=(FIRST, SECOND))
    with app.app_context():
        assert expire_offers(now=SECOND - timedelta(seconds=1)) == 0
        assert offers_of(app, reference) == [OfferState.HELD, OfferState.HELD]
        assert expire_offers(now=SECOND) == 1
        assert expire_offers(now=SECOND) == 0
        # Nobody is on it now, so it waits anew, and its clinic is told.
        assert release_lapsed(now=SECOND) == 1
    assert offers_of(app, reference) == [OfferState.LAPSED, OfferState.LAPSED]
    assert actions_of(app, reference) == [
        Action.CLAIM,
        Action.OFFER,
        Action.EXPIRE_OFFER,
        Action.RELEASE,
    ]
    assert messages_of(app, reference) == ["request_waits", "request_waits"]


def test_looking_changes_nothing_while_nothing_is_due(app: Flask, desk: Actor) -> None:
    claimed(app, desk, 2)
    before = all_rows(app)
    with app.app_context():
        assert (expire_offers(now=NOW), release_lapsed(now=NOW)) == (0, 0)
    assert all_rows(app) == before


def test_more_than_one_batch_is_done_in_one_go(
    app: Flask, desk: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clinicdir.appointments.tidying._BATCH", 2)
    made = claimed(app, desk, 5)
    with app.app_context():
        assert release_lapsed(now=LATER) == 5
    for reference in made:
        assert actions_of(app, reference) == [Action.CLAIM, Action.RELEASE]


def test_two_workers_at_once_do_each_step_once(
    app: Flask, desk: Actor, caplog: pytest.LogCaptureFixture
) -> None:
    made = claimed(app, desk, 10)

    def work(_: int) -> int:
        with app.app_context():
            return release_lapsed(now=LATER)

    assert sum(together(4, work)) == 10
    assert caplog.messages == []  # what another has done meanwhile is no fault
    for reference in made:
        assert actions_of(app, reference) == [Action.CLAIM, Action.RELEASE]
        assert messages_of(app, reference) == ["request_waits"] * 2


def status_of(app: Flask, reference: str) -> Status:
    with app.app_context():
        return get_request(reference, scope=EVERYWHERE).status


def break_row(app: Flask, number: int) -> None:
    """Let the database itself refuse any further history of one request."""
    with app.app_context(), db.engine.begin() as connection:
        is_sqlite = connection.dialect.name == "sqlite"
        if is_sqlite:
            connection.execute(
                text(
                    "create trigger broken before insert on request_event"
                    f" when new.request_id = {number}"
                    " begin select raise(abort, 'broken'); end"
                )
            )
        else:
            connection.execute(
                text(
                    f"alter table request_event add constraint broken"
                    f" check (request_id <> {number}) not valid"
                )
            )


def mend_row(app: Flask) -> None:
    with app.app_context(), db.engine.begin() as connection:
        is_sqlite = connection.dialect.name == "sqlite"
        connection.execute(
            text(
                "drop trigger broken"
                if is_sqlite
                else "alter table request_event drop constraint broken"
            )
        )


def test_one_bad_row_stops_no_other(
    app: Flask, desk: Actor, caplog: pytest.LogCaptureFixture
) -> None:
    made = claimed(app, desk, 3)
    with app.app_context():
        number = get_request(made[0], scope=EVERYWHERE).id
        db.session.rollback()
    break_row(app, number)
    try:
        with app.app_context():
            assert release_lapsed(now=LATER) == 2
            assert get_request(made[0], scope=EVERYWHERE).status is Status.IN_REVIEW
            db.session.rollback()
    finally:
        mend_row(app)
    told = [one.getMessage() for one in caplog.records if one.name.endswith("tidying")]
    assert told == [f"request number {number} cannot be moved on"]
    assert [actions_of(app, one)[-1] for one in made] == [
        Action.CLAIM,
        Action.RELEASE,
        Action.RELEASE,
    ]


def test_request_that_somebody_is_just_moving_is_left_to_them(
    app: Flask, desk: Actor, caplog: pytest.LogCaptureFixture
) -> None:
    """On PostgreSQL the worker passes over a locked row; on SQLite it waits and looks again."""
    (reference,) = claimed(app, desk)
    is_locked, worker_looked = threading.Event(), threading.Event()
    is_sqlite = "sqlite" in app.config["SQLALCHEMY_DATABASE_URI"]

    def work(number: int) -> int:
        with app.app_context():
            if number == 0:
                is_locked.wait(timeout=5)
                done = release_lapsed(now=LATER)
                worker_looked.set()
                return done
            with transaction():
                found = get_request(reference, scope=EVERYWHERE, to_change=True)
                is_locked.set()
                worker_looked.wait(timeout=0.3 if is_sqlite else 5)
                found.claimed_until = LATER + timedelta(minutes=15)
            return 0

    assert together(2, work) == [0, 0]
    assert caplog.messages == []
    assert actions_of(app, reference) == [Action.CLAIM]


def test_worker_of_the_site_looks_after_both(
    app: Flask, desk: Actor, frozen: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "_EVERY_S", 0.01)
    (reference,) = claimed(app, desk)
    do(app, reference, Action.OFFER, actor=desk, now=NOW, offered=(FIRST,))
    frozen.move(hours=1)
    stop = threading.Event()
    worker = threading.Thread(target=serving._work, args=(app, stop))  # noqa: SLF001
    worker.start()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and status_of(app, reference) is not Status.RECEIVED:
        time.sleep(0.05)
    stop.set()
    worker.join(timeout=20)
    assert actions_of(app, reference) == [
        Action.CLAIM,
        Action.OFFER,
        Action.EXPIRE_OFFER,
        Action.RELEASE,
    ]
