"""What a fax gateway tells of a fax afterwards: believed when it is signed, and only then."""

import json

import pytest
from flask import Flask

from clinicdir import clock
from clinicdir.db import db, transaction
from clinicdir.notifications.fax_callback import HEADER, PATH, sign
from clinicdir.notifications.models import OutboxMessage
from clinicdir.notifications.rules import Channel, DeliveryState
from tests.conftest import Clock, build_app
from tests.make import make_request
from tests.tables import rows

SECRET = "a secret between the gateway and us"


@pytest.fixture
def told(sqlite_app: Flask, frozen: Clock) -> Flask:
    """Return an app that knows the secret, with one fax that the gateway works on."""
    with sqlite_app.app_context():
        make_request(sqlite_app)
        with transaction():
            row = db.session.query(OutboxMessage).one()
            row.channel, row.state, row.job = Channel.FAX, DeliveryState.HANDED_OVER, "f-9"
            row.attempts = 1
    instance = sqlite_app.extensions["clinicdir"].settings.instance
    return build_app(instance, fax_callback_secret=SECRET)


def tell(app: Flask, *, secret: str = SECRET, **said: object) -> int:
    body = json.dumps(said).encode()
    headers = {HEADER: sign(secret, body, at=clock.now())}
    return app.test_client().post(PATH, data=body, headers=headers).status_code


def fax(app: Flask) -> tuple[object, ...]:
    found: tuple[object, ...] = rows(app, "outbox_message", "state", "last_error", "detail")[0]
    return found


def test_signed_callback_settles_the_fax(told: Flask) -> None:
    assert tell(told, id="f-9", status="sending") == 204
    assert fax(told)[0] == "handed_over"
    assert tell(told, id="f-9", status="delivered", pages=1) == 204
    assert fax(told) == ("delivered", None, "1 page")
    assert tell(told, id="f-9", status="failed") == 204  # too late: it stays what it is
    assert fax(told) == ("delivered", None, "1 page")


def test_fax_that_failed_is_sent_anew(told: Flask, frozen: Clock) -> None:
    assert tell(told, id="f-9", status="busy", reason="the line was busy") == 204
    assert fax(told) == ("waiting", "the line was busy", None)
    (due_at,) = rows(told, "outbox_message", "due_at")
    assert (due_at - frozen.now()).total_seconds() == 20


def test_unsigned_or_unknown_changes_nothing(told: Flask) -> None:
    before = fax(told)
    assert tell(told, secret="guessed", id="f-9", status="delivered") == 403
    assert told.test_client().post(PATH, data=b"{}").status_code == 403
    assert tell(told, id="f-10", status="delivered") == 204
    assert fax(told) == before
