"""The address typed into the finder never reaches the request, a mail, a draft, a log or a URL."""

import logging
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from clinicdir import clock
from clinicdir.appointments.models import AppointmentRequest, RequestDraft
from clinicdir.cli.routing import make_post
from clinicdir.db import db, transaction
from clinicdir.locations.models import Telecom
from clinicdir.locations.queries import get_location
from clinicdir.locations.rules import TelecomSystem
from clinicdir.notifications.delivery import deliver_due
from clinicdir.notifications.rules import MessageKind
from tests.asking import ANSWERS, CHECK, START, STEPS, follow
from tests.conftest import Clock
from tests.mail import running_mail_server
from tests.pages import form, links, main_text, press
from tests.tables import all_rows, rows

ADDRESS = "4711983 Quuxwood Ave S"
WORDS = ("4711983", "quuxwood")


def told(text: object) -> list[str]:
    return [word for word in WORDS if word in str(text).lower()]


def test_address_typed_into_the_finder_goes_no_further(
    with_settings: Callable[..., Flask], frozen: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with running_mail_server() as server:
        app = with_settings(smtp_url=server.url())
        walk_from_the_finder(app)
        with app.app_context():
            assert deliver_due(make_post(), clock=clock.now) == 1
        assert [told(mail.as_bytes()) for mail in server.mails] == [[]]
    assert told([record.getMessage() for record in caplog.records]) == []


def walk_from_the_finder(app: Flask) -> None:
    """Type the address, ask the clinic, and look everywhere but into mails and logs."""
    with app.app_context(), transaction():
        telecom = Telecom(location_id=get_location("renton").id, value="desk@renton.example")
        telecom.system = TelecomSystem.EMAIL
        db.session.add(telecom)
    client = app.test_client()
    found = client.post("/find", data={"address": ADDRESS})
    # The test can see the words where they may be, or it would see nothing.
    assert told(form(found, "/find")) == list(WORDS)
    urls = list(links(found).values())
    page = client.get(links(found)["Ask Renton for an appointment"])
    for step in STEPS:
        urls += [page.request.url, *links(page).values()]
        assert told(page.get_data(as_text=True)) == []
        page = follow(client, press(client, page, step, **ANSWERS[step]))
    with app.app_context():
        assert told(db.session.query(RequestDraft).one().unseal()) == []
    assert told(all_rows(app)) == []
    own = press(client, page, CHECK)
    urls += [own.headers["Location"], page.request.url, *links(page).values()]
    assert told(main_text(follow(client, own))) == []
    with app.app_context():
        made = db.session.query(AppointmentRequest).one()
        assert told(made.personal) == []
    assert rows(app, "outbox_message", "kind") == [MessageKind.REQUEST_WAITS]
    assert told(all_rows(app)) == []
    assert told(urls) == []
    cookie = client.get_cookie("clinicdir")
    assert cookie is not None
    assert told(cookie.value) == []
    instance = app.extensions["clinicdir"].settings.instance
    kept = [path for path in instance.rglob("*") if path.is_file()]
    assert [path.name for path in kept if told(path.read_bytes())] == []


def test_source_of_a_link_is_kept_where_an_address_is_not(
    app: Flask, client: FlaskClient, frozen: Clock
) -> None:
    """Show that the search of the rows would find such a word if it were there."""
    page = client.get(f"{START}?source=quuxwood")
    for step in STEPS:
        page = follow(client, press(client, page, step, **ANSWERS[step]))
    press(client, page, CHECK)
    assert told(all_rows(app)) == ["quuxwood"]
