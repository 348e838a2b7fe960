"""What the database is told to keep: nothing answered for is lost, no value is repeated."""

import pytest
from flask import Flask
from sqlalchemy import event, func, select, text
from sqlalchemy.exc import DBAPIError

from clinicdir.appointments.models import AppointmentRequest
from clinicdir.db import db, transaction
from clinicdir.notifications.models import OutboxMessage
from tests.make import make_answers


def test_sqlite_waits_for_the_disk_and_leaves_no_erased_bytes(sqlite_app: Flask) -> None:
    full, on = 2, 1
    with sqlite_app.app_context(), transaction():
        found = {
            name: db.session.scalar(text(f"PRAGMA {name}"))
            for name in ("synchronous", "secure_delete", "foreign_keys", "journal_mode")
        }
    assert found.pop("journal_mode") in ("wal", "truncate")  # `delete` is not synced
    assert found == {"synchronous": full, "secure_delete": on, "foreign_keys": on}


def test_error_of_the_database_repeats_no_value(app: Flask) -> None:
    with app.app_context(), pytest.raises(DBAPIError) as caught:
        db.session.execute(text("select :name from nowhere"), {"name": "Robin Example"})
    assert "Robin" not in str(caught.value)


def test_request_and_its_message_are_stored_by_one_commit(app: Flask) -> None:
    """Else a power cut between two commits leaves a request that nobody is told of."""
    seen = []

    def look(_session: object) -> None:
        with db.engine.connect() as another:
            tables = (AppointmentRequest, OutboxMessage)
            seen.append(tuple(another.scalar(select(func.count(one.id))) for one in tables))

    with app.app_context():
        event.listen(db.session, "after_commit", look)
    answer = app.test_client().post(
        "/api/v1/requests", json=make_answers(), headers={"Idempotency-Key": "one"}
    )
    event.remove(db.session, "after_commit", look)
    assert answer.status_code == 201
    assert [counts for counts in seen if counts[0]] == [(1, 1)]
