"""What is personal stands nowhere in clear, and opens only in its own row with its own key."""

import base64
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from clinicdir import clock
from clinicdir.appointments.models import AppointmentRequest, RequestDraft, RequestEvent
from clinicdir.appointments.operations import Move, act
from clinicdir.appointments.rules import Action
from clinicdir.crypto import CannotOpen, KeyRing, new_key
from clinicdir.db import db, key_ring, transaction
from clinicdir.staff.sessions import actor_of
from tests.conftest import KEY
from tests.make import make_answers, make_request, make_staff
from tests.pages import form, heading, main_text
from tests.tables import rows

# Each is a word that nothing else says.
CANARIES = {
    "patient_name": "Patientcanary Núñez",
    "asker_name": "Askercanary Example",
    "relation": "Relationcanary",
    "phone": "(206) 867-5309 x77",
    "email": "emailcanary@example.com",
    "goal_text": "Goalcanary",
    "tried": "Triedcanary",
    "access_needs": "Accesscanary",
    "note": "Notecanary",
}
WORDS = (
    "patientcanary", "núñez", "askercanary", "relationcanary", "emailcanary", "goalcanary",
    "triedcanary", "accesscanary", "notecanary", "staffcanary", "867-5309", "8675309",
)  # fmt: skip
BODY = make_answers(goal="other", for_whom="someone_else", **CANARIES)


def everything(app: Flask) -> str:
    """Return every row of every table, bytes as their Latin letters, and every file written."""
    with app.app_context(), db.engine.connect() as connection:
        names = [
            name
            for (name,) in connection.execute(
                text(
                    "select name from sqlite_master where type = 'table'"
                    if db.engine.dialect.name == "sqlite"
                    else "select tablename from pg_tables where schemaname = 'public'"
                )
            )
        ]
        found = [
            cell.decode("latin-1") + cell.hex() if isinstance(cell, bytes) else str(cell)
            for name in names
            for row in connection.execute(text(f'select * from "{name}"'))  # noqa: S608
            for cell in row
        ]
    folder: Path = app.extensions["clinicdir"].settings.instance
    found += [path.read_bytes().decode("latin-1") for path in folder.rglob("*") if path.is_file()]
    return "\n".join(found).casefold()


def forms_of(word: str) -> set[str]:
    """Return a word as it could stand somewhere: as letters, bytes, JSON, hex or base64."""
    raw = word.encode()
    return {
        word,
        raw.decode("latin-1"),
        word.encode("unicode_escape").decode(),
        raw.hex(),
        base64.b64encode(raw).decode().rstrip("=")[:-1].casefold(),
        word.encode("utf-16-le").decode("latin-1"),
    }


def leaks(app: Flask, log: str) -> list[str]:
    stored, logged = everything(app), log.casefold()
    return [
        word
        for word in WORDS
        if any(one.casefold() in stored or one.casefold() in logged for one in forms_of(word))
    ]


def send(client: FlaskClient, body: dict[str, Any], key: str = "k") -> Any:  # noqa: ANN401
    return client.post("/api/v1/requests", json=body, headers={"Idempotency-Key": key}).get_json()


def test_personal_words_stand_nowhere_in_clear(
    app: Flask, client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    assert send(client, BODY)["status"] == "received"
    send(client, BODY | {"note": "Notecanary two"})  # 409
    send(client, BODY | {"phone": "867-5309", "goal": "canary"}, "other")  # 422
    with app.app_context():
        desk = actor_of(make_staff("desk@example.com"))
        with transaction():
            stored = db.session.query(AppointmentRequest).one()
            move = Move(Action.CLAIM, stored.version, note="Staffcanary")
            act(stored, move, actor=desk, now=clock.now())
    page = client.get("/request?source=sourcecanary")
    typed = {name: CANARIES[name] for name in ("goal_text", "tried")}
    sent = form(page, "/request") | typed | {"location": "renton", "goal": "other"}
    assert client.post("/request", data=sent).status_code == 303
    who = form(client.get("/request/who"), "/request/who")
    names = {name: CANARIES[name] for name in ("patient_name", "asker_name", "relation")}
    assert client.post("/request/who", data=who | names | {"for_whom": "me"}).status_code == 303
    assert leaks(app, caplog.text) == []
    with app.app_context():
        stored = db.session.query(AppointmentRequest).one()
        assert {name: stored.personal[name] for name in CANARIES} == CANARIES
        event = db.session.query(RequestEvent).filter_by(action=Action.CLAIM).one()
        assert event.unseal() == {"note": "Staffcanary"}
        draft = db.session.query(RequestDraft).one().unseal()
        assert draft["answers"]["patient_name"] == CANARIES["patient_name"]
        assert draft["source"] == "sourcecanary"


def test_search_for_leaks_would_find_one(app: Flask) -> None:
    with app.app_context():
        make_request(app, key="Notecanary")
    assert leaks(app, "") == ["notecanary"]
    assert leaks(app, 'a line about "Goalcanary"') == ["goalcanary", "notecanary"]


def test_fault_in_the_database_logs_no_personal_value(
    app: Flask, client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text("alter table request_event rename to gone"))
    answer = client.post("/api/v1/requests", json=BODY, headers={"Idempotency-Key": "k"})
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text("alter table gone rename to request_event"))
    assert answer.status_code in (500, 503)
    assert caplog.records
    assert leaks(app, caplog.text) == []


def test_values_that_change_rows_cannot_be_opened(app: Flask) -> None:
    with app.app_context():
        first = make_request(app, patient_name="First Example")
        second = make_request(app, patient_name="Second Example")
        with transaction():
            first, second = db.session.query(AppointmentRequest).order_by(AppointmentRequest.id)
            first.sealed, second.sealed = second.sealed, first.sealed
        for stored in db.session.query(AppointmentRequest):
            with pytest.raises(CannotOpen, match="does not belong to its row"):
                _ = stored.personal


def test_value_of_another_table_cannot_be_opened(app: Flask, client: FlaskClient) -> None:
    page = client.get("/request")
    client.post("/request", data=form(page, "/request") | {"location": "renton", "goal": "run"})
    with app.app_context():
        stored = make_request(app)
        draft = db.session.query(RequestDraft).one()
        row_key, sealed = draft.row_key, draft.sealed
        with transaction():
            stored = db.session.query(AppointmentRequest).one()
            stored.row_key, stored.sealed = row_key, sealed
        with pytest.raises(CannotOpen, match="does not belong to its row"):
            _ = db.session.query(AppointmentRequest).one().personal


def test_value_that_cannot_be_opened_is_a_fault_with_a_number(
    app: Flask, client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    page = client.get("/request")
    data = form(page, "/request") | {"location": "renton", "goal": "run"}
    client.post("/request", data=data)
    with app.app_context(), transaction():
        draft = db.session.query(RequestDraft).one()
        draft.sealed = draft.sealed[:-1] + bytes([draft.sealed[-1] ^ 1])
    answer = client.get("/request/check")
    assert (answer.status_code, heading(answer)) == (500, "Something went wrong on our side")
    number = re.search(r"say number ([0-9a-f]{8})\.", main_text(answer))
    assert number is not None
    (line,) = [one.getMessage() for one in caplog.records if one.name == "clinicdir.web.errors"]
    assert line == (
        f"fault {number[1]}: A sealed value does not belong to its row, or it was changed."
    )


def test_row_keys_are_random_and_never_used_twice(app: Flask) -> None:
    with app.app_context():
        for _ in range(5):
            make_request(app)
    keys = rows(app, "appointment_request", "row_key") + rows(app, "request_event", "row_key")
    assert len(set(keys)) == 10
    assert {len(key) for key in keys} == {16}


def test_after_a_change_of_keys_old_requests_open_are_found_and_keep_their_link(
    app: Flask, client: FlaskClient, with_settings: Callable[..., Flask]
) -> None:
    first = send(client, BODY)
    newest = new_key()
    later = with_settings(encryption_keys=f"{newest},{KEY}")
    again = later.test_client()
    assert send(again, BODY) == first
    assert again.get(first["status_url"]).status_code == 200
    second = send(again, BODY, "another key")
    assert second["reference"] != first["reference"]
    with later.app_context():
        old, new = db.session.query(AppointmentRequest).order_by(AppointmentRequest.id)
        assert old.personal["note"] == new.personal["note"] == "Notecanary"
        ring = key_ring()
        for column, purpose, value in (
            (AppointmentRequest.phone_hash, "phone", "+12068675309"),
            (AppointmentRequest.phone_last4_hash, "phone_last4", "5309"),
            (AppointmentRequest.email_hash, "email", "emailcanary@example.com"),
        ):
            found = db.session.query(AppointmentRequest).filter(
                column.in_(ring.fingerprints(purpose, value))
            )
            assert {stored.id for stored in found} == {old.id, new.id}
        context = b"appointment_request|" + new.row_key
        assert KeyRing([newest]).open(new.sealed, context=context)
        with pytest.raises(CannotOpen):
            KeyRing([newest]).open(old.sealed, context=b"appointment_request|" + old.row_key)
    assert send(client, BODY) == first


def test_key_that_was_lost_opens_nothing_and_takes_new_requests(
    app: Flask, client: FlaskClient, with_settings: Callable[..., Flask]
) -> None:
    send(client, BODY)
    other = with_settings(encryption_keys=new_key())
    with other.app_context(), pytest.raises(CannotOpen, match="CLINICDIR_ENCRYPTION_KEYS"):
        _ = db.session.query(AppointmentRequest).one().personal
    assert send(other.test_client(), BODY, "another key")["status"] == "received"
