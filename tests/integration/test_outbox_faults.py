"""What can go wrong between the outbox and the mail server: nothing is lost, little comes twice."""

import contextlib
import dataclasses
import logging
import os
import resource
import sqlite3
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from clinicdir import clock
from clinicdir.cli.routing import make_post
from clinicdir.db import db, sqlite_path, transaction
from clinicdir.locations.models import Telecom
from clinicdir.locations.queries import get_location
from clinicdir.locations.rules import TelecomSystem
from clinicdir.notifications import claiming
from clinicdir.notifications.claiming import Outcome, Worker
from clinicdir.notifications.delivery import deliver_due
from clinicdir.notifications.life import Happening
from clinicdir.notifications.models import OutboxMessage
from clinicdir.notifications.rules import Channel, MessageKind
from clinicdir.notifications.smtp import SmtpAddress, SmtpChannel
from clinicdir.notifications.taken_mails import FILE_NAME, TakenMails
from tests.conftest import KEY, SECRET, Clock
from tests.faulty_smtp import FaultyServer, faulty_server
from tests.mail import free_port
from tests.make import make_request
from tests.tables import rows

CLINICS = ("renton", "bellevue", "covington")
WAITING, ACCEPTED = "waiting", "accepted"


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    with faulty_server() as running:
        yield running


@pytest.fixture
def mailing(with_settings: Callable[..., Flask], server: FaultyServer) -> Flask:
    return with_settings(smtp_url=server.url())


def queue(app: Flask, count: int, *slugs: str) -> None:
    """Put so many messages into the outbox, in turn about one request of each clinic."""
    with app.app_context():
        for slug in slugs or ("renton",):
            with transaction():
                telecom = Telecom(location_id=get_location(slug).id, value=f"desk@{slug}.example")
                telecom.system = TelecomSystem.EMAIL
                db.session.add(telecom)
        ids = [make_request(app, location=slug).id for slug in slugs or ("renton",)]
        with transaction():
            db.session.execute(text("delete from outbox_message"))
            db.session.add_all(
                OutboxMessage(
                    message_key=str(uuid.uuid4()),
                    kind=MessageKind.REQUEST_WAITS,
                    channel=Channel.EMAIL,
                    subject_id=ids[number % len(ids)],
                    created_at=clock.now(),
                    due_at=clock.now(),
                )
                for number in range(count)
            )


def deliver(app: Flask, worker: Worker | None = None, **changes: Any) -> int:  # noqa: ANN401
    with app.app_context():
        post = dataclasses.replace(make_post(), spread=lambda: 0.0, **changes)
        return deliver_due(post, clock=clock.now, limit=100_000, worker=worker)


def states(app: Flask) -> list[tuple[str, int]]:
    return rows(app, "outbox_message", "state", "attempts")


def sent(app: Flask) -> list[str]:
    return [f"<{key}@group.example>" for key in rows(app, "outbox_message", "message_key")]


def test_many_mails_leave_over_one_connection(
    app: Flask, mailing: Flask, server: FaultyServer, frozen: Clock
) -> None:
    queue(app, 45)
    assert deliver(mailing) == 45
    assert server.ids == sent(app)
    assert server.connections == 1


def test_connection_that_the_server_ends_is_opened_again_and_nothing_comes_twice(
    app: Flask, mailing: Flask, server: FaultyServer, frozen: Clock
) -> None:
    queue(app, 25)
    server.per_connection = 10
    assert deliver(mailing) == 25
    assert server.ids == sent(app)
    assert server.connections == 3


def test_recipients_are_told_apart(
    app: Flask, mailing: Flask, server: FaultyServer, frozen: Clock
) -> None:
    queue(app, 3, *CLINICS)
    server.recipients = {
        "desk@renton.example": "550 5.1.1 <desk@renton.example>: no such mailbox",
        "desk@bellevue.example": "450 4.2.0 Greylisted",
    }
    assert deliver(mailing) == 1
    assert rows(app, "outbox_message", "state", "attempts", "last_error") == [
        # No address stands in an error: lists and pages show it where no name may be.
        ("refused", 1, "550 5.1.1 <…>: no such mailbox"),
        (WAITING, 1, "450 4.2.0 Greylisted"),
        (ACCEPTED, 1, None),
    ]


def test_server_that_closes_over_a_recipient_is_left_alone_and_the_rest_follows(
    app: Flask, mailing: Flask, server: FaultyServer, frozen: Clock
) -> None:
    queue(app, 3, *CLINICS)
    server.recipients = {"desk@renton.example": "421 4.3.2 Not now"}
    assert deliver(mailing) == 0
    assert states(app) == [(WAITING, 1), (WAITING, 0), (WAITING, 0)]
    frozen.move(seconds=20)
    assert deliver(mailing) == 2  # the ones that are due longest leave before the one that failed
    assert states(app) == [(WAITING, 2), (ACCEPTED, 1), (ACCEPTED, 1)]
    server.recipients = {}
    frozen.move(seconds=40)
    assert deliver(mailing) == 1


def test_line_cut_after_the_text_sends_that_mail_again_under_its_id(
    app: Flask, mailing: Flask, server: FaultyServer, frozen: Clock
) -> None:
    queue(app, 3)
    server.mode = "cut"
    assert deliver(mailing) == 0
    assert states(app) == [(WAITING, 1), (WAITING, 0), (WAITING, 0)]
    server.mode = "up"
    frozen.move(seconds=20)
    assert deliver(mailing) == 3
    first, *_ = sent(app)
    assert Counter(server.ids) == Counter([*sent(app), first])


def test_mail_accepted_by_a_server_that_dies_then_is_not_sent_again(
    app: Flask, mailing: Flask, server: FaultyServer, frozen: Clock
) -> None:
    queue(app, 4)
    server.mode = "dies"
    assert deliver(mailing) == 4  # each over a connection of its own
    assert server.ids == sent(app)
    assert states(app) == [(ACCEPTED, 1)] * 4


def test_server_that_hangs_is_tried_by_one_message_and_left_alone(
    app: Flask, mailing: Flask, server: FaultyServer, frozen: Clock
) -> None:
    queue(app, 30)
    server.mode = "hang"
    impatient = SmtpChannel(SmtpAddress.parse(server.url()), timeout_s=0.2)
    assert deliver(mailing, send=impatient.send, close=impatient.close) == 0
    assert deliver(mailing, send=impatient.send, close=impatient.close) == 0
    assert server.connections == 1
    assert states(app) == [(WAITING, 1)] + [(WAITING, 0)] * 29
    server.mode = "up"
    frozen.move(seconds=20)
    assert deliver(mailing) == 30


def test_slow_server_gets_everything_once(
    app: Flask, mailing: Flask, server: FaultyServer, frozen: Clock
) -> None:
    queue(app, 4)
    server.delay_s = 0.02
    assert deliver(mailing) == 4
    assert server.ids == sent(app)


def test_wrong_password_is_tried_once_a_pause_told_once_and_loses_nothing(
    app: Flask,
    mailing: Flask,
    with_settings: Callable[..., Flask],
    server: FaultyServer,
    frozen: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    queue(app, 5)
    wrong = with_settings(smtp_url=server.url("clinics:wrong@"))
    server.password = "right"
    with caplog.at_level(logging.WARNING):
        for seconds in (0, 1, 18, 1, 39):  # a pause of 20 s, then one of 40 s
            frozen.move(seconds=seconds)
            assert deliver(wrong) == 0
    assert server.logins == 2
    said = "535 5.7.8 Wrong user or password"
    assert caplog.messages == [f"no message leaves by email: {said}"]
    doctor = wrong.test_cli_runner().invoke(args=["doctor"])
    assert doctor.exit_code == 1
    (line,) = [line for line in doctor.output.splitlines() if "mail server: " in line]
    cure = "Correct the user and password in CLINICDIR_SMTP_URL."
    assert line == f"trouble  mail server: {said}. {cure}"
    assert f"channel email: nothing leaves since 2026-11-24 20:00 UTC: {said}" in doctor.output
    server.password = None
    frozen.move(minutes=12)
    assert deliver(mailing) == 5
    assert sorted(server.ids) == sorted(sent(app))
    assert "channel email" not in mailing.test_cli_runner().invoke(args=["doctor"]).output


def test_worker_killed_between_sending_and_noting_doubles_one_mail_at_most(
    app: Flask, mailing: Flask, server: FaultyServer
) -> None:
    queue(app, 30)
    arrived, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        if len(server.ids) == 8:
            arrived.set()
            go_on.wait(timeout=30)

    server.on_mail = hold
    worker = subprocess.Popen(
        [sys.executable, "-m", "flask", "notifications", "deliver"],
        env=_environment(mailing),
        cwd=Path(__file__).parents[2],
    )
    assert arrived.wait(timeout=60)
    with mailing.app_context(), contextlib.suppress(InterruptedError), transaction():
        # Nobody else can write now, so the worker cannot note what it is about to hear.
        db.session.execute(text("update outbox_message set attempts = attempts"))
        go_on.set()
        while server.answered < 8:
            time.sleep(0.01)
        worker.kill()
        worker.wait(timeout=30)
        raise InterruptedError  # and nothing is written
    # What an SQLite database does not know yet stands in the file beside it.
    kept = TakenMails(Path(f"{sqlite_path(_database(mailing))}-{FILE_NAME}")).all()
    assert states(app).count((ACCEPTED, 1)) + len(kept) >= 7
    with mailing.app_context():
        later = clock.now() + timedelta(minutes=3)
        deliver_due(make_post(), clock=lambda: later)
    assert states(app) == [(ACCEPTED, 1)] * 30
    twice = Counter(server.ids) - Counter(sent(app))
    assert set(server.ids) == set(sent(app))
    assert twice.total() <= 1


def test_mail_taken_before_the_worker_was_killed_is_noted_with_its_time_and_stays_away(
    app: Flask, mailing: Flask, server: FaultyServer, frozen: Clock, tmp_path: Path
) -> None:
    queue(app, 3)
    file = TakenMails(tmp_path / "taken")
    first, second, third = rows(app, "outbox_message", "message_key")
    file.add(second, frozen.now())
    frozen.move(minutes=5)
    assert deliver(mailing, taken_mails=file) == 2
    assert server.ids == [f"<{key}@group.example>" for key in (first, third)]
    assert states(app) == [(ACCEPTED, 1)] * 3
    early = frozen.now() - timedelta(minutes=5)
    assert rows(app, "outbox_message", "finished_at") == [frozen.now(), early, frozen.now()]
    assert file.all() == {}


def test_torn_file_of_taken_mails_is_begun_anew(
    app: Flask, mailing: Flask, server: FaultyServer, frozen: Clock, tmp_path: Path
) -> None:
    queue(app, 2)
    (tmp_path / "taken").write_bytes(b"no database " * 400)
    assert deliver(mailing, taken_mails=TakenMails(tmp_path / "taken")) == 2
    assert states(app) == [(ACCEPTED, 1)] * 2
    assert server.ids == sent(app)


def _database(app: Flask) -> str:
    return str(app.extensions["clinicdir"].settings.database)


def _environment(app: Flask) -> dict[str, str]:
    settings = app.extensions["clinicdir"].settings
    return {
        "PATH": os.environ["PATH"],  # noqa: TID251 - a process of the test's own
        "CLINICDIR_INSTANCE": str(settings.instance),
        "CLINICDIR_DATABASE_URL": str(settings.database),
        "CLINICDIR_SMTP_URL": settings.smtp_url.get_secret_value(),
        "CLINICDIR_MAIL_FROM": settings.mail_from,
        "CLINICDIR_SECRET_KEY": SECRET,
        "CLINICDIR_ENCRYPTION_KEYS": KEY,
    }


def test_worker_whose_lease_ran_out_does_not_end_the_lease_of_the_next(
    app: Flask, frozen: Clock
) -> None:
    queue(app, 1)
    first, second = Worker("first"), Worker("second")
    with app.app_context():
        (slow,) = claiming.take_batch(first, channels=[Channel.EMAIL], now=frozen.now())
        assert claiming.take_batch(second, channels=[Channel.EMAIL], now=frozen.now()) == []
        frozen.move(minutes=2)
        (again,) = claiming.take_batch(second, channels=[Channel.EMAIL], now=frozen.now())
        assert again == slow
        with transaction():
            claiming.note(first, slow, Outcome(Happening.FAIL, "late"), now=frozen.now())
        claiming.give_back(first, [slow])
    held = (WAITING, 0, None, "second")
    assert rows(app, "outbox_message", "state", "attempts", "last_error", "leased_by") == [held]


def test_clock_put_back_an_hour_delays_nothing(
    app: Flask, mailing: Flask, server: FaultyServer, frozen: Clock
) -> None:
    queue(app, 2)
    server.mode = "cut"
    assert deliver(mailing) == 0
    frozen.move(minutes=-60)
    server.mode = "up"
    assert deliver(mailing) == 1  # the one that was tried; the other is due when it was written
    frozen.move(minutes=60)
    assert deliver(mailing) == 1
    assert set(server.ids) == set(sent(app))


def test_full_disk_sends_nothing_twice_and_goes_on_when_there_is_room(
    sqlite_app: Flask, frozen: Clock
) -> None:
    with faulty_server() as server:
        queue(sqlite_app, 6)
        worker = Worker()
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        server.on_mail = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
        smtp = SmtpChannel(SmtpAddress.parse(server.url()))
        changes = {"send": smtp.send, "close": smtp.close, "sender": "clinics@group.example"}
        try:
            for _ in range(3):
                frozen.move(minutes=3)
                with pytest.raises((OperationalError, sqlite3.OperationalError)):
                    deliver(sqlite_app, worker, **changes)
        finally:
            server.on_mail = lambda: None
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert len(server.ids) == 1
        assert states(sqlite_app) == [(WAITING, 0)] * 6
        frozen.move(minutes=3)
        assert deliver(sqlite_app, worker, **changes) == 5
        assert server.ids == sent(sqlite_app)
        assert states(sqlite_app) == [(ACCEPTED, 1)] * 6


def through_an_outage(app: Flask, maker: Callable[..., Flask], frozen: Clock, count: int) -> None:
    """Queue so many, let the server be away for 24 hours, and see all leave in 15 minutes."""
    port = free_port()
    mailing = maker(smtp_url=f"smtp://127.0.0.1:{port}")
    queue(app, count, *CLINICS)
    ends = frozen.now() + timedelta(hours=24)
    while frozen.now() < ends:
        assert deliver(mailing) == 0
        frozen.move(hours=4)
    with faulty_server(port) as server:
        took = _minutes_to_empty(app, mailing, frozen)
        assert took <= 15
        assert Counter(server.ids) == Counter(sent(app))


def _minutes_to_empty(app: Flask, mailing: Flask, frozen: Clock) -> int:
    for minute in range(0, 18, 3):
        deliver(mailing)
        if {state for state, _ in states(app)} == {ACCEPTED}:
            return minute
        frozen.move(minutes=3)
    return 18


def test_what_waited_for_a_day_leaves_in_minutes(
    app: Flask, with_settings: Callable[..., Flask], frozen: Clock
) -> None:
    through_an_outage(app, with_settings, frozen, 60)


@pytest.mark.soak
def test_ten_thousand_that_waited_for_a_day_leave_in_minutes(
    app: Flask, with_settings: Callable[..., Flask], frozen: Clock
) -> None:
    through_an_outage(app, with_settings, frozen, 10_000)


def test_message_not_taken_for_three_days_is_given_up_named_and_tried_again_on_demand(
    app: Flask, mailing: Flask, server: FaultyServer, frozen: Clock
) -> None:
    queue(app, 1)
    server.recipients = {"desk@renton.example": "451 4.3.0 Later"}
    deliver(mailing)
    for hours in (71, 1):
        assert states(app)[0][0] == WAITING
        frozen.move(hours=hours)
        deliver(mailing)
    assert states(app) == [("dead", 3)]
    ready = mailing.test_client().get("/readyz")
    assert (ready.status_code, ready.get_json()["failed"]) == (503, ["outbox"])
    run = mailing.test_cli_runner()
    assert "warning  messages given up: 1. " in run.invoke(args=["doctor"]).output
    (number,) = rows(app, "outbox_message", "id")
    listed = run.invoke(args=["notifications", "list"]).output
    assert listed == f"{number}  request_waits  email  dead  72 h old  3 tries  451 4.3.0 Later\n"
    server.recipients = {}
    again = run.invoke(args=["notifications", "retry", str(number)])
    assert (again.exit_code, again.output) == (0, "1 will be tried again.\n")
    assert deliver(mailing) == 1
    assert run.invoke(args=["notifications", "retry", str(number)]).exit_code == 1
    assert run.invoke(args=["notifications", "retry", "--all-dead"]).output == (
        "0 will be tried again.\n"
    )
