"""Messages to the clinics: what they say, when they leave, and that none is lost."""

import dataclasses
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, text

from clinicdir import clock
from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.operations import Move, act
from clinicdir.appointments.queries import get_request
from clinicdir.appointments.rules import Action
from clinicdir.audit.rules import OPERATOR
from clinicdir.cli.routing import make_post
from clinicdir.db import db, transaction
from clinicdir.locations.models import Telecom
from clinicdir.locations.queries import get_location
from clinicdir.locations.rules import TelecomSystem
from clinicdir.notifications.channels import Troubled
from clinicdir.notifications.claiming import Outcome, Worker, note, take_batch
from clinicdir.notifications.delivery import Post, deliver_due
from clinicdir.notifications.life import Happening
from clinicdir.notifications.queries import list_deliveries
from clinicdir.notifications.rules import Channel
from clinicdir.staff.rules import EVERYWHERE
from tests.conftest import Clock
from tests.mail import (
    MailServer,
    curt_server,
    free_port,
    make_certificate,
    running_mail_server,
    server_tls,
)
from tests.make import make_request
from tests.tables import rows, together

DESK_ADDRESS = "desk@renton.example"
COLUMNS = ("state", "attempts", "last_error", "due_at", "finished_at", "leased_until")


@pytest.fixture
def server() -> Iterator[MailServer]:
    with running_mail_server() as running:
        yield running


@pytest.fixture
def post_app(with_settings: Callable[..., Flask], server: MailServer) -> Flask:
    return with_settings(smtp_url=server.url())


def give_address(app: Flask, slug: str = "renton", address: str = DESK_ADDRESS) -> None:
    with app.app_context(), transaction():
        telecom = Telecom(location_id=get_location(slug).id, value=address)
        telecom.system = TelecomSystem.EMAIL
        db.session.add(telecom)


def ask(app: Flask, **changes: Any) -> str:  # noqa: ANN401
    with app.app_context():
        return make_request(app, **changes).reference


def deliver(app: Flask) -> int:
    with app.app_context():
        return deliver_due(still(make_post()), clock=clock.now)


def still(post: Post) -> Post:
    """Return the post with waits that are not spread, so that they can be told beforehand."""
    return dataclasses.replace(post, spread=lambda: 0.0)


def outbox(app: Flask) -> list[tuple[Any, ...]]:
    return rows(app, "outbox_message", *COLUMNS)


def waiting(frozen: Clock, *, tries: int, after_s: float, error: str) -> tuple[Any, ...]:
    return ("waiting", tries, error, frozen.now() + timedelta(seconds=after_s), None, None)


def accepted(frozen: Clock, *, tries: int, due_at: datetime) -> tuple[Any, ...]:
    return ("accepted", tries, None, due_at, frozen.now(), None)


def test_mail_says_where_a_request_waits_and_nothing_of_the_person(
    app: Flask, post_app: Flask, server: MailServer, frozen: Clock
) -> None:
    give_address(app)
    canaries = {
        "patient_name": "Quibble Canaryname",
        "phone": "206 555 0177",
        "email": "canarymail@patient.example",
        "goal": "other",
        "goal_text": "canarygoal",
        "tried": "canarytried",
        "note": "canarynote",
        "access_needs": "canaryneeds",
        "body_area": "knee",
        "stopped": ["climbing"],
    }
    reference = ask(app, **canaries)
    shown = f"{reference[:3]}-{reference[3:]}"
    assert deliver(post_app) == 1
    (mail,) = server.mails
    (key,) = rows(app, "outbox_message", "message_key")
    assert dict(mail.items()) == {
        "Subject": f"A request waits at Renton: {shown}",
        "From": "clinics@group.example",
        "To": DESK_ADDRESS,
        "Date": "Tue, 24 Nov 2026 20:00:00 +0000",
        "Message-ID": f"<{key}@group.example>",
        "Auto-Submitted": "auto-generated",
        "Content-Type": 'multipart/alternative; boundary="=next-part-of-c2a1b7d05e3f="',
        "Content-Language": "en",
        "MIME-Version": "1.0",
    }
    assert mail.get_content() == (
        "A new appointment request waits at Renton.\r\n"
        "\r\n"
        f"Reference: {shown}\r\n"
        f"Open it: http://127.0.0.1:8000/staff/requests/{reference}\r\n"
        "\r\n"
        "You need to sign in to read it. This message names no patient on purpose; answers to it"
        " reach nobody.\r\n"
    )
    assert server.recipients == [[DESK_ADDRESS]]
    told = mail.as_string().casefold()
    words = ("quibble", "canary", "5550177", "0177", "knee", "climbing")
    assert [word for word in words if word in told] == []
    assert outbox(app) == [accepted(frozen, tries=1, due_at=frozen.now())]


def test_link_in_mail_opens_the_request(
    app: Flask, post_app: Flask, server: MailServer, frozen: Clock
) -> None:
    give_address(app)
    reference = ask(app)
    deliver(post_app)
    words = server.mails[0].get_content().split()
    (link,) = [word for word in words if word.startswith("http")]
    path = link.removeprefix("http://127.0.0.1:8000")
    with app.test_request_context(path) as asked:
        assert asked.request.endpoint == "staff.open_request"
        assert asked.request.view_args == {"reference": reference}


def test_message_without_an_address_waits_and_leaves_once_there_is_one(
    app: Flask, post_app: Flask, server: MailServer, frozen: Clock
) -> None:
    ask(app)
    assert deliver(post_app) == 0
    reason = "Renton has no e-mail address"
    assert outbox(app) == [waiting(frozen, tries=0, after_s=300, error=reason)]
    give_address(app)
    frozen.move(seconds=299)
    assert deliver(post_app) == 0
    frozen.move(seconds=1)
    due_at = frozen.now()
    assert deliver(post_app) == 1
    assert outbox(app) == [accepted(frozen, tries=1, due_at=due_at)]
    assert server.recipients == [[DESK_ADDRESS]]


def test_message_without_a_mail_server_waits_and_leaves_once_there_is_one(
    app: Flask, post_app: Flask, server: MailServer, frozen: Clock
) -> None:
    give_address(app)
    ask(app)
    assert deliver(app) == 0
    reason = "CLINICDIR_SMTP_URL is not set"
    assert outbox(app) == [waiting(frozen, tries=0, after_s=300, error=reason)]
    frozen.move(seconds=300)
    assert deliver(post_app) == 1
    assert len(server.mails) == 1


def test_message_about_a_request_already_handled_is_not_needed(
    app: Flask, post_app: Flask, server: MailServer, frozen: Clock
) -> None:
    give_address(app)
    reference = ask(app)
    with app.app_context(), transaction():
        found = get_request(reference, scope=EVERYWHERE)
        act(found, Move(Action.DECLINE, found.version), actor=OPERATOR, now=clock.now())
    assert deliver(post_app) == 0
    assert outbox(app) == [("not_needed", 1, None, frozen.now(), frozen.now(), None)]
    assert server.mails == []


@pytest.mark.parametrize("step", ["RCPT", "DATA"])
def test_lasting_refusal_of_the_message_ends_it(
    app: Flask, post_app: Flask, server: MailServer, frozen: Clock, step: str
) -> None:
    give_address(app)
    ask(app)
    server.answers[step] = "550 5.1.1 No such desk"
    assert deliver(post_app) == 0
    reason = "550 5.1.1 No such desk"
    assert outbox(app) == [("refused", 1, reason, frozen.now(), frozen.now(), None)]
    frozen.move(hours=12)
    server.answers.clear()
    assert deliver(post_app) == 0
    assert server.mails == []


@pytest.mark.parametrize(
    ("step", "answer"),
    [
        ("MAIL", "451 4.3.0 Try later"),
        ("RCPT", "450 4.2.0 Greylisted"),
        ("DATA", "421 4.3.2 Shutting down"),
        # The sender's own trouble hits every message alike: none may be given up for it.
        ("MAIL", "550 5.7.1 Sender not allowed here"),
        ("MAIL", "530 5.7.0 Must issue a STARTTLS command first"),
        ("RCPT", "530 5.7.0 Authentication required"),
    ],
)
def test_trouble_of_the_server_lets_the_message_wait_and_leave_later(
    app: Flask, post_app: Flask, server: MailServer, frozen: Clock, step: str, answer: str
) -> None:
    give_address(app)
    ask(app)
    server.answers[step] = answer
    assert deliver(post_app) == 0
    assert outbox(app) == [waiting(frozen, tries=1, after_s=20, error=answer)]
    server.answers.clear()
    frozen.move(seconds=20)
    due_at = frozen.now()
    assert deliver(post_app) == 1
    assert outbox(app) == [accepted(frozen, tries=2, due_at=due_at)]


@pytest.mark.parametrize("greeting", ["421 Too busy", "554 No mail is taken here"])
def test_server_that_turns_away_at_the_door_lets_the_message_wait(
    app: Flask, with_settings: Callable[..., Flask], frozen: Clock, greeting: str
) -> None:
    give_address(app)
    ask(app)
    with curt_server(greeting) as port:
        assert deliver(with_settings(smtp_url=f"smtp://127.0.0.1:{port}")) == 0
    assert outbox(app) == [waiting(frozen, tries=1, after_s=20, error=greeting)]


def test_refused_connection_lets_the_message_wait(
    app: Flask, with_settings: Callable[..., Flask], frozen: Clock
) -> None:
    give_address(app)
    ask(app)
    assert deliver(with_settings(smtp_url=f"smtp://127.0.0.1:{free_port()}")) == 0
    reason = "ConnectionRefusedError: [Errno 111] Connection refused"
    assert outbox(app) == [waiting(frozen, tries=1, after_s=20, error=reason)]


def test_waits_double_up_to_ten_minutes_and_the_message_outlives_them(
    app: Flask, post_app: Flask, server: MailServer, frozen: Clock
) -> None:
    give_address(app)
    ask(app)
    server.answers["RCPT"] = "450 Not now"
    waits = []
    for _ in range(10):
        deliver(post_app)
        (due_at,) = rows(app, "outbox_message", "due_at")
        waits.append((due_at - frozen.now()).total_seconds())
        frozen.at = due_at
    assert waits == [20, 40, 80, 160, 320, 600, 600, 600, 600, 600]
    server.answers.clear()
    assert deliver(post_app) == 1
    (mail,) = server.mails
    (key,) = rows(app, "outbox_message", "message_key")
    assert mail["Message-ID"] == f"<{key}@group.example>"


def test_wrong_password_lets_the_message_wait_until_the_operator_mends_it(
    app: Flask, with_settings: Callable[..., Flask], server: MailServer, frozen: Clock
) -> None:
    give_address(app)
    ask(app)
    assert deliver(with_settings(smtp_url=server.url(user="clinics:wrong@"))) == 0
    reason = "535 5.7.8 Authentication credentials invalid"
    assert outbox(app) == [waiting(frozen, tries=1, after_s=20, error=reason)]
    frozen.move(seconds=20)
    assert deliver(with_settings(smtp_url=server.url(user="clinics:right@"))) == 1


def test_starttls_that_is_demanded_and_not_offered_lets_the_message_wait(
    app: Flask, with_settings: Callable[..., Flask], server: MailServer, frozen: Clock
) -> None:
    give_address(app)
    ask(app)
    assert deliver(with_settings(smtp_url=server.url(query="?starttls=required"))) == 0
    reason = "The mail server does not offer STARTTLS, which CLINICDIR_SMTP_URL demands."
    assert outbox(app) == [waiting(frozen, tries=1, after_s=20, error=reason)]
    assert server.mails == []


def test_starttls_is_used_where_it_is_offered(
    app: Flask,
    with_settings: Callable[..., Flask],
    frozen: Clock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    give_address(app)
    ask(app)
    certificate = make_certificate(tmp_path)
    with running_mail_server(tls_context=server_tls(certificate)) as server:
        post_app = with_settings(smtp_url=server.url())
        assert deliver(post_app) == 0  # a certificate that nobody vouches for is not believed
        ((state, tries, error, *_),) = outbox(app)
        assert (state, tries) == ("waiting", 1)
        assert error.startswith("SSLCertVerificationError: ")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        frozen.move(seconds=20)
        assert deliver(post_app) == 1
        assert server.encrypted == [True]


@pytest.mark.parametrize("goodbye", ["421 Going down", "500 What?"])
def test_mail_that_was_accepted_is_not_sent_again_for_an_odd_goodbye(
    app: Flask, post_app: Flask, server: MailServer, frozen: Clock, goodbye: str
) -> None:
    give_address(app)
    ask(app)
    server.answers["QUIT"] = goodbye
    assert deliver(post_app) == 1
    assert outbox(app) == [accepted(frozen, tries=1, due_at=frozen.now())]


def test_message_that_left_and_was_not_noted_leaves_again_under_the_same_id(
    app: Flask, post_app: Flask, server: MailServer, frozen: Clock
) -> None:
    give_address(app)
    ask(app)
    with post_app.app_context():
        real = make_post()
        dying = dataclasses.replace(real, send=lambda mail: _send_and_die(real, mail))
        with pytest.raises(KeyboardInterrupt):
            deliver_due(dying, clock=clock.now)
    lease_ends = frozen.now() + timedelta(minutes=2)
    assert outbox(app) == [("waiting", 0, None, frozen.now(), None, lease_ends)]
    frozen.move(seconds=119)
    assert deliver(post_app) == 0
    frozen.move(seconds=1)
    assert deliver(post_app) == 1
    first, second = server.mails
    assert first["Message-ID"] == second["Message-ID"]
    assert first.get_content() == second.get_content()


def _send_and_die(post: Post, mail: EmailMessage) -> None:
    assert post.send is not None
    post.send(mail)
    raise KeyboardInterrupt  # as a kill would, in the moment between sending and noting


def test_slow_worker_does_not_take_back_what_another_has_delivered(
    app: Flask, post_app: Flask, server: MailServer, frozen: Clock
) -> None:
    give_address(app)
    ask(app)

    def lose_the_lease(_mail: EmailMessage) -> None:
        frozen.move(minutes=3)
        with post_app.app_context():
            assert deliver_due(make_post(), clock=clock.now) == 1
        raise Troubled("timed out")

    with post_app.app_context():
        real = make_post()
        deliver_due(dataclasses.replace(real, send=lose_the_lease), clock=clock.now)
    assert rows(app, "outbox_message", "state", "attempts") == [("accepted", 1)]
    assert len(server.mails) == 1


def test_message_that_cannot_be_written_waits_and_holds_up_no_other(
    app: Flask, post_app: Flask, server: MailServer, frozen: Clock
) -> None:
    give_address(app, address="desk@renton.example\nBcc: all@evil.example")
    give_address(app, "covington", "desk@covington.example")
    ask(app)
    ask(app, location="covington")
    assert deliver(post_app) == 1
    assert [mail["To"] for mail in server.mails] == ["desk@covington.example"]
    states = rows(app, "outbox_message", "state", "attempts", "last_error")
    assert states == [("waiting", 1, "fault: ValueError"), ("accepted", 1, None)]


def test_two_workers_at_once_send_each_message_once(
    app: Flask, post_app: Flask, server: MailServer, frozen: Clock
) -> None:
    give_address(app)
    for _ in range(12):
        ask(app)

    def work(_: int) -> int:
        return sum(deliver(post_app) for _ in range(12))

    assert sum(together(4, work)) == 12
    assert len({mail["Message-ID"] for mail in server.mails}) == len(server.mails) == 12
    assert rows(app, "outbox_message", "state", "attempts") == [("accepted", 1)] * 12


def test_note_that_does_not_wait_for_the_disk_ends_with_its_transaction(
    postgres_app: Flask, frozen: Clock
) -> None:
    """What follows on the same connection, a patient's request it may be, waits again."""
    ask(postgres_app)
    with postgres_app.app_context():
        worker, asked = Worker(), "show synchronous_commit"
        (taken,) = take_batch(worker, channels=[Channel.EMAIL], now=clock.now())
        with transaction():
            note(worker, taken, Outcome(Happening.ACCEPT), now=clock.now())
            assert db.session.scalar(text(asked)) == "off"
            pid = db.session.scalar(text("select pg_backend_pid()"))
        assert db.session.scalar(text(asked)) == "on"
        assert db.session.scalar(text("select pg_backend_pid()")) == pid


def test_command_delivers_what_is_due(
    app: Flask, post_app: Flask, server: MailServer, frozen: Clock
) -> None:
    give_address(app)
    ask(app)
    result = post_app.test_cli_runner().invoke(args=["notifications", "deliver"])
    assert (result.exit_code, result.output) == (0, "1 accepted by the mail server.\n")
    result = post_app.test_cli_runner().invoke(args=["notifications", "deliver"])
    assert (result.exit_code, result.output) == (0, "0 accepted by the mail server.\n")
    assert len(server.mails) == 1


def test_request_page_tells_how_far_its_message_has_come(
    app: Flask, post_app: Flask, server: MailServer, frozen: Clock
) -> None:
    ask(app)
    deliver(post_app)
    with app.app_context():
        (waits,) = list_deliveries(db.session.query(AppointmentRequest).one().id)
    assert (waits.channel, waits.state, waits.attempts, waits.last_error) == (
        "email",
        "waiting",
        0,
        "Renton has no e-mail address",
    )


def test_address_that_is_taken_away_lets_the_message_wait_again(
    app: Flask, post_app: Flask, server: MailServer, frozen: Clock
) -> None:
    give_address(app)
    ask(app)
    with app.app_context(), transaction():
        db.session.execute(delete(Telecom).where(Telecom.value == DESK_ADDRESS))
    assert deliver(post_app) == 0
    reason = "Renton has no e-mail address"
    assert outbox(app) == [waiting(frozen, tries=0, after_s=300, error=reason)]
