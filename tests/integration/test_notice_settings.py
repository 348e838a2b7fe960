"""How a manager says by which channels a clinic is told, and that it is told so."""

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from clinicdir import clock
from clinicdir.cli.routing import make_post
from clinicdir.db import db, transaction
from clinicdir.notifications.channels import Down, Parcel, Receipt, Route, Troubled
from clinicdir.notifications.delivery import deliver_due
from clinicdir.notifications.operations import settle_job
from clinicdir.notifications.plans import Quiet, after_quiet
from clinicdir.notifications.rules import Channel, Message
from clinicdir.staff.rules import Role
from tests.client import read_html
from tests.conftest import Clock, build_app
from tests.faulty_smtp import faulty_server
from tests.mail import running_mail_server
from tests.make import make_request, make_staff, sign_in
from tests.pages import Typed, field_errors, form, main_text, press
from tests.tables import rows

PAGE = "/staff/settings/renton/notices"
MANAGER = "manager@example.com"
TYPED: dict[str, Typed] = {
    "email_use": "first",
    "email_to": "desk@renton.example",
    "fax_use": "email",
    "fax_to": "425 555 0100",
    "webhook_use": "first",
    "webhook_to": "https://hooks.example/renton",
    "after_min": "20",
}
WAITS = "To the clinic: a request waits,"
OUTBOX = ("channel", "state", "attempts", "due_at")


@pytest.fixture(autouse=True)
def _frozen(frozen: Clock) -> None:
    """Let it be Tuesday noon in Renton."""


@pytest.fixture
def manager(app: Flask) -> FlaskClient:
    with app.app_context():
        make_staff(MANAGER, Role.MANAGER)
    client = app.test_client()
    sign_in(client, MANAGER)
    return client


def save(client: FlaskClient, **typed: Typed) -> TestResponse:
    return press(client, client.get(PAGE), PAGE, **(TYPED | typed))


def test_manager_sets_channels_and_sees_the_secret_once(app: Flask, manager: FlaskClient) -> None:
    answer = save(manager, quiet_from="19:00", quiet_until="7:00", digest_to="boss@renton.example")
    assert answer.status_code == 200
    text = main_text(answer)
    assert text.startswith("The secret of the webhook The other system proves with it that")
    secret = next(word for word in text.split() if word.startswith("whsec_"))
    assert rows(app, "notice_channel", "channel", "follows", "after_min") == [
        ("email", None, 20),
        ("fax", "email", 20),
        ("webhook", None, 20),
    ]
    assert rows(app, "notice_plan", "quiet_from_min", "quiet_until_min", "version") == [
        (1140, 420, 1)
    ]
    told = rows(app, "audit_entry", "action", "subject", "detail", "actor_label")
    assert told[-1] == (
        "notice_plan",
        "renton",
        "email; fax after email; webhook; quiet hours; digest",
        MANAGER,
    )
    page = manager.get(PAGE)
    assert secret not in page.get_data(as_text=True)
    shown = form(page, PAGE)
    assert {name: shown[name][0] for name in TYPED} == TYPED | {"fax_to": "(425) 555-0100"}
    assert (shown["quiet_from"], shown["quiet_until"]) == (["19:00"], ["07:00"])
    # Saved again, nothing changes; the secret stays until a new one is asked for.
    assert press(manager, page, PAGE).status_code == 303
    assert rows(app, "notice_plan", "version") == [1]
    renewed = main_text(save(manager, new_secret="y"))
    assert "whsec_" in renewed
    assert secret not in renewed
    assert rows(app, "notice_plan", "version") == [2]


def test_addresses_and_secrets_are_stored_sealed(app: Flask, manager: FlaskClient) -> None:
    save(manager, digest_to="boss@renton.example")
    stored = b"".join(rows(app, "notice_channel", "sealed") + rows(app, "notice_plan", "sealed"))
    for word in (b"hooks.example", b"whsec_", b"desk@renton", b"5550100", b"boss@"):
        assert word not in stored


@pytest.mark.parametrize(
    ("typed", "field", "sentence"),
    [
        ({"email_to": "desk"}, "email_to", "Enter an email address, like name@example.com"),
        (
            {"fax_to": "555"},
            "fax_to",
            "Enter a fax number like (206) 555-0100, without an extension",
        ),
        (
            {"webhook_to": "http://10.0.0.1/"},
            "webhook_to",
            "Enter an address that begins with https:// and is open to the internet",
        ),
        ({"after_min": "0"}, "after_min", "Enter a whole number of minutes from 1 to 240"),
        (
            {"quiet_from": "25:00", "quiet_until": "07:00"},
            "quiet_from",
            "Enter a time like 19:00, or leave both times empty",
        ),
        (
            {"email_use": "off", "fax_use": "off", "webhook_use": "off"},
            "email_use",
            "Select at least one channel that is used at once",
        ),
        (
            {"email_use": "fax", "fax_use": "email"},
            "email_use",
            "Select a channel that is used at once, or stands in for one",
        ),
        ({"fax_use": "pigeon"}, "fax_use", "Select when this channel is used"),
    ],
)
def test_what_cannot_be_is_refused_field_by_field(
    sqlite_app: Flask, typed: dict[str, Typed], field: str, sentence: str
) -> None:
    with sqlite_app.app_context():
        make_staff(MANAGER, Role.MANAGER)
    client = sqlite_app.test_client()
    sign_in(client, MANAGER)
    answer = save(client, **typed)
    assert answer.status_code == 422
    assert field_errors(answer)[0] == sentence
    assert f'<a href="#{field}">' in answer.get_data(as_text=True)
    assert rows(sqlite_app, "notice_plan", "id") == []


def test_page_that_is_older_than_the_plan_keeps_what_was_typed(
    app: Flask, manager: FlaskClient
) -> None:
    old = manager.get(PAGE)
    save(manager, webhook_use="off")
    late = press(manager, old, PAGE, **(TYPED | {"after_min": "33"}))
    assert late.status_code == 409
    assert f"Somebody else was faster {MANAGER} changed these settings" in main_text(late)
    assert form(late, PAGE)["after_min"] == ["33"]
    assert rows(app, "notice_channel", "after_min") == [20, 20]


def test_request_is_told_by_each_channel_and_what_stands_in_waits(
    app: Flask, manager: FlaskClient, frozen: Clock
) -> None:
    save(manager)
    with app.app_context():
        reference = make_request(app).reference
    later = frozen.now() + timedelta(minutes=20)
    assert rows(app, "outbox_message", *OUTBOX) == [
        ("email", "waiting", 0, frozen.now()),
        ("webhook", "waiting", 0, frozen.now()),
        ("fax", "waiting", 0, later),
    ]
    (first, _, third) = rows(app, "outbox_message", "id")
    assert rows(app, "outbox_message", "follows_id") == [None, None, first]
    page = main_text(manager.get(f"/staff/requests/{reference}"))
    assert (
        f"Notices {WAITS} email: waits to leave {WAITS} message to another system: waits to leave"
        f" {WAITS} fax: leaves if this does not get through: email; next try Tue, Nov 24, 12:20 pm"
        " History" in page
    )
    assert third


def fax_route(said: list[Any], faxed: list[Parcel], asked: list[str]) -> Route:
    """Return a fax line that says what it is told to say, in turn."""

    def send(parcel: Parcel) -> Receipt:
        faxed.append(parcel)
        return Receipt.handed_over("job-1")

    def follow(job: str) -> Receipt:
        asked.append(job)
        answer = said.pop(0)
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, Receipt)
        return answer

    message = Message("+14255550100", "request_waits", {})
    return Route(resolve=lambda _kind, _number: message, send=send, follow=follow)


def test_fax_leaves_when_the_mail_is_refused_and_its_job_is_followed(
    app: Flask, manager: FlaskClient, with_settings: Callable[..., Flask], frozen: Clock
) -> None:
    save(manager, webhook_use="off")
    with app.app_context():
        reference = make_request(app).reference
    faxed: list[Parcel] = []
    asked: list[str] = []
    said: list[Any] = [
        Receipt.handed_over("job-1", "dialling"),
        Down("the fax server is away"),
        Troubled("busy"),
        Receipt.confirmed("1 page"),
    ]
    route = fax_route(said, faxed, asked)
    with faulty_server() as server:
        server.recipients = {"desk@renton.example": "550 5.1.1 No such mailbox"}
        mailing = with_settings(smtp_url=server.url())

        def step(**by: float) -> tuple[Any, ...]:
            frozen.move(**by)
            with mailing.app_context():
                post = dataclasses.replace(
                    make_post(), routes={Channel.FAX: route}, spread=lambda: 0.0
                )
                deliver_due(post, clock=clock.now)
            state: tuple[Any, ...] = rows(app, "outbox_message", "state", "last_error", "detail")[1]
            return state

        # The mail is refused, and what stands in for it need not wait its twenty minutes.
        assert step() == ("handed_over", None, None)
        assert step(seconds=30) == ("handed_over", None, "dialling")
        assert step(seconds=30) == ("handed_over", "the fax server is away", None)
        assert len(faxed) == 1  # a job that cannot be asked about is not faxed again
        assert step(minutes=12) == ("waiting", "busy", None)
        assert step(minutes=12) == ("handed_over", None, None)
        assert step(seconds=30) == ("delivered", None, "1 page")
    assert [parcel.key for parcel in faxed] == [faxed[0].key] * 2
    assert asked == ["job-1"] * 4
    sign_in(manager, MANAGER)
    page = main_text(manager.get(f"/staff/requests/{reference}"))
    assert f"{WAITS} email: refused Tue, Nov 24, 12:00 pm: 550 5.1.1 No such mailbox To" in page
    assert "fax: received Tue, Nov 24, 12:25 pm (1 page) History" in page
    assert "A notice did not get through" not in main_text(manager.get("/staff/"))


def test_fax_page_leaves_by_the_gateway_of_the_settings_and_claims_no_receipt(
    sqlite_app: Flask, frozen: Clock
) -> None:
    with sqlite_app.app_context():
        make_staff(MANAGER, Role.MANAGER)
    manager = sqlite_app.test_client()
    sign_in(manager, MANAGER)
    save(manager, fax_use="first", email_use="off", webhook_use="off")
    with sqlite_app.app_context():
        reference = make_request(sqlite_app).reference
    with running_mail_server() as server:
        settings = sqlite_app.extensions["clinicdir"].settings
        mailing = build_app(
            settings.instance,
            smtp_url=server.url(),
            mail_from="clinics@group.example",
            fax_url="mailto:{digits}@fax.example",
        )
        with mailing.app_context():
            assert deliver_due(make_post(), clock=clock.now) == 1
            db.session.remove()
            db.engine.dispose()
    (mail,) = server.mails
    assert mail["To"] == "14255550100@fax.example"
    (page,) = mail.iter_attachments()
    assert isinstance(page, EmailMessage)
    assert page.get_content()[:5] == b"%PDF-"
    shown = main_text(manager.get(f"/staff/requests/{reference}"))
    assert f"{WAITS} fax: accepted by the fax service Tue, Nov 24, 12:00 pm History" in shown


def test_mail_that_gets_through_keeps_the_fax_away(
    app: Flask, manager: FlaskClient, with_settings: Callable[..., Flask], frozen: Clock
) -> None:
    save(manager, webhook_use="off")
    with app.app_context():
        make_request(app)
    with faulty_server() as server:
        mailing = with_settings(smtp_url=server.url())
        for minutes in (0, 20):
            frozen.move(minutes=minutes)
            with mailing.app_context():
                deliver_due(make_post(), clock=clock.now)
    assert rows(app, "outbox_message", "channel", "state") == [
        ("email", "accepted"),
        ("fax", "not_needed"),
    ]


def test_job_that_the_other_side_tells_of_is_settled_once(
    app: Flask, manager: FlaskClient, frozen: Clock
) -> None:
    save(manager, fax_use="first", email_use="off", webhook_use="off")
    route = fax_route([], [], [])
    with app.app_context():
        make_request(app)
        deliver_due(dataclasses.replace(make_post(), routes={Channel.FAX: route}), clock=clock.now)
        for job, expected in (("job-2", False), ("job-1", True), ("job-1", False)):
            with transaction():
                receipt = Receipt.confirmed("1 page")
                assert settle_job(Channel.FAX, job, receipt, now=frozen.now()) is expected
    assert rows(app, "outbox_message", "state", "detail") == [("delivered", "1 page")]


def test_notice_that_no_channel_got_through_stands_red_in_the_inbox(
    app: Flask, manager: FlaskClient, with_settings: Callable[..., Flask], frozen: Clock
) -> None:
    save(manager, fax_use="off", webhook_use="off")
    with app.app_context():
        reference = make_request(app).reference
        make_request(app, location="bellevue")
        make_staff("other@example.com", Role.DESK, ("issaquah",))
    with faulty_server() as server:
        server.recipients = {"desk@renton.example": "550 5.1.1 No such mailbox"}
        mailing = with_settings(smtp_url=server.url())
        with mailing.app_context():
            deliver_due(make_post(), clock=clock.now)
    shown = f"{reference[:3]}-{reference[3:]}"
    told = (
        "Requests A notice did not get through Nobody at the clinic may know of these requests."
        f" Take them up from here. {shown} Renton"
    )
    assert main_text(manager.get("/staff/")).startswith(told)
    # An inbox that stays open shows it too.
    part, _ = read_html(manager.get("/staff/?part=rows").get_data(as_text=True))
    (block,) = part.iterfind(".//div[@id='untold']")
    assert " ".join(" ".join(block.itertext()).split()) == told.removeprefix("Requests ")
    other = app.test_client()
    sign_in(other, "other@example.com")
    assert "A notice did not get through" not in main_text(other.get("/staff/"))


def test_one_channel_that_failed_is_no_alarm_while_another_still_may_get_through(
    app: Flask, manager: FlaskClient, with_settings: Callable[..., Flask], frozen: Clock
) -> None:
    save(manager, fax_use="first", webhook_use="off")
    with app.app_context():
        make_request(app)
    with faulty_server() as server:
        server.recipients = {"desk@renton.example": "550 5.1.1 No such mailbox"}
        mailing = with_settings(smtp_url=server.url())
        busy = fax_route([Troubled("busy")], [], [])
        with mailing.app_context():
            post = dataclasses.replace(make_post(), routes={Channel.FAX: busy})
            deliver_due(post, clock=clock.now)
            assert "did not get through" not in main_text(manager.get("/staff/"))
            frozen.move(hours=1)
            deliver_due(post, clock=clock.now)
    sign_in(manager, MANAGER)
    assert "A notice did not get through" in main_text(manager.get("/staff/"))


QUIET = Quiet(19 * 60, 7 * 60)


@pytest.mark.parametrize(
    ("at", "leaves"),
    [
        ("2026-11-25T02:59:00", "2026-11-25T02:59:00"),  # 6:59 pm
        ("2026-11-25T03:00:00", "2026-11-25T15:00:00"),  # 7 pm, until 7 am
        ("2026-11-25T14:59:59", "2026-11-25T15:00:00"),
        ("2026-11-25T15:00:00", "2026-11-25T15:00:00"),
        # The night in which clocks go back, and the one in which they go forward.
        ("2026-11-01T05:00:00", "2026-11-01T15:00:00"),
        ("2026-03-08T05:00:00", "2026-03-08T14:00:00"),
    ],
)
def test_quiet_ends_by_the_clock_of_the_clinic(at: str, leaves: str) -> None:
    moment = datetime.fromisoformat(at).replace(tzinfo=UTC)
    expected = datetime.fromisoformat(leaves).replace(tzinfo=UTC)
    assert after_quiet(moment, QUIET, zone="America/Los_Angeles") == expected
