"""The list that a manager gets each working morning: when it leaves, and what stands in it."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from flask import Flask

from clinicdir import clock
from clinicdir.appointments.digest import queue_digests
from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.rules import Status
from clinicdir.audit.rules import OPERATOR
from clinicdir.cli.routing import make_post
from clinicdir.db import db, transaction
from clinicdir.locations.queries import get_location
from clinicdir.notifications.delivery import deliver_due
from clinicdir.notifications.plans import Plan, change_plan
from tests.conftest import Clock
from tests.mail import MailServer, running_mail_server
from tests.make import make_request
from tests.tables import rows

BOSS = "boss@renton.example"


@pytest.fixture
def server() -> Iterator[MailServer]:
    with running_mail_server() as running:
        yield running


@pytest.fixture(autouse=True)
def _with_digest(app: Flask, frozen: Clock) -> None:
    with app.app_context(), transaction():
        plan = Plan(digest_to=BOSS)
        change_plan(get_location("renton"), plan, seen_version=0, actor=OPERATOR, now=frozen.now())


def morning(app: Flask, frozen: Clock, at: str) -> int:
    """Let the worker look at this time of Renton; return how many digests it wrote."""
    frozen.at = datetime.fromisoformat(f"{at}-08:00")
    with app.app_context():
        return queue_digests(now=clock.now())


def waits(app: Flask, location: str = "renton", **changes: object) -> str:
    with app.app_context():
        reference = make_request(app, location=location).reference
        with transaction():
            found = db.session.query(AppointmentRequest).filter_by(reference=reference).one()
            for name, value in changes.items():
                setattr(found, name, value)
            db.session.execute(db.text("delete from outbox_message"))
    return f"{reference[:3]}-{reference[3:]}  http://127.0.0.1:8000/staff/requests/{reference}"


def test_manager_gets_what_is_overdue_and_set_aside_once_a_working_morning(
    app: Flask, with_settings: object, server: MailServer, frozen: Clock
) -> None:
    overdue = waits(app, promise_at=frozen.now() - timedelta(hours=1))
    aside = waits(app, status=Status.QUARANTINED)
    waits(app, promise_at=frozen.now() + timedelta(days=9))
    waits(app, "bellevue", promise_at=frozen.now() - timedelta(hours=1))
    mailing = with_settings(smtp_url=server.url())  # type: ignore[operator]
    with app.app_context(), transaction():
        get_location("renton").hours = "Mo-Fr 09:30-17:00; PH off"
    assert morning(app, frozen, "2026-11-25T09:29") == 0
    assert morning(app, frozen, "2026-11-25T09:30") == 1
    assert morning(app, frozen, "2026-11-25T16:00") == 0
    with mailing.app_context():
        assert deliver_due(make_post(), clock=clock.now) == 1
    (mail,) = server.mails
    assert (mail["To"], mail["Subject"]) == (BOSS, "Requests that need you at Renton")
    *lines, last = mail.get_content().splitlines()
    assert last.startswith("You need to sign in to read them. This message names no patient on")
    assert lines == [
        "Overdue at Renton: nobody has contacted these patients by the time that they were told.",
        overdue,
        "",
        "Set aside as maybe spam at Renton: look whether a patient waits among them.",
        aside,
        "",
        "All requests: http://127.0.0.1:8000/staff/?location=renton",
        "",
    ]
    # Thanksgiving, then Friday, then a weekend.
    days = [f"2026-11-{day}T12:00" for day in (26, 27, 28, 29, 30)]
    assert [morning(app, frozen, day) for day in days] == [0, 1, 0, 0, 1]
    assert rows(app, "notice_plan", "version") == [1]


def test_morning_without_news_has_no_digest_and_hours_unknown_begin_at_eight(
    app: Flask, frozen: Clock
) -> None:
    assert morning(app, frozen, "2026-11-25T12:00") == 0
    waits(app, status=Status.QUARANTINED)
    assert morning(app, frozen, "2026-11-26T07:59") == 0
    assert morning(app, frozen, "2026-11-26T08:00") == 1
    assert rows(app, "outbox_message", "kind", "channel", "subject_id") == [("digest", "email", -3)]
    assert morning(app, frozen, "2026-11-28T12:00") == 0  # a Saturday


def test_digest_that_has_become_empty_is_not_sent(
    app: Flask, with_settings: object, server: MailServer, frozen: Clock
) -> None:
    waits(app, status=Status.QUARANTINED)
    morning(app, frozen, "2026-11-25T12:00")
    with app.app_context(), transaction():
        db.session.query(AppointmentRequest).one().status = Status.DECLINED
    mailing = with_settings(smtp_url=server.url())  # type: ignore[operator]
    with mailing.app_context():
        deliver_due(make_post(), clock=clock.now)
    assert rows(app, "outbox_message", "state") == ["not_needed"]
    assert server.mails == []
