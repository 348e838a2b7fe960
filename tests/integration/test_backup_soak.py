"""100,000 requests come back and are looked through in the time that an outage may cost."""

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import insert, select, text

from clinicdir import clock
from clinicdir.appointments.models import AppointmentRequest, RequestEvent
from clinicdir.audit.models import AuditEntry, AuditHead
from clinicdir.audit.rules import PATIENT, Facts, entry_hash
from clinicdir.crypto import new_row_key
from clinicdir.db import Base, db, transaction
from tests.integration.test_backup import FITS, beside, run
from tests.make import make_request

__all__ = ["beside"]  # the fixture

COUNT = 100_000
AT_ONCE = 5_000
SECONDS = 30
CHAIN = "location/3"


def store_many(app: Flask, count: int) -> None:
    """Store requests like one that came in, each with its event, message and audit entry."""
    with app.app_context():
        make_request(app, goal_text="a sore knee", email="robin@example.org", contact_by="email")
        plain: dict[str, list[dict[str, Any]]] = {}
        for name in ("appointment_request", "request_event", "name_word", "outbox_message"):
            rows = db.session.execute(select(Base.metadata.tables[name])).mappings()
            plain[name] = [dict(row) for row in rows]
        personal = db.session.scalars(select(AppointmentRequest)).one().personal
        for start in range(2, count + 1, AT_ONCE):
            numbers = range(start, min(start + AT_ONCE, count + 1))
            with transaction():
                _add(plain, personal, numbers)
                _audit(numbers)
        if db.engine.dialect.name == "postgresql":  # so that more can come in after
            set_next = "select setval(pg_get_serial_sequence('appointment_request', 'id'), :last)"
            with transaction():
                db.session.execute(text(set_next), {"last": count})


def _add(plain: dict[str, list[dict[str, Any]]], personal: object, numbers: range) -> None:
    made: dict[str, list[dict[str, Any]]] = {name: [] for name in plain}
    first = plain["appointment_request"][0]
    for number in numbers:
        row = AppointmentRequest(row_key=new_row_key())
        row.seal(personal)  # type: ignore[arg-type]
        unlike = {"row_key": row.row_key, "sealed": row.sealed, "reference": f"SOAK{number}"}
        unlike |= {"submission_key": f"soak:{number}", "link_hash": f"soak:{number}".encode()}
        made["appointment_request"].append(first | unlike | {"id": number})
        for event in plain["request_event"]:
            line = RequestEvent(row_key=new_row_key())
            line.seal({"reason": "as it came in"})
            own = {"row_key": line.row_key, "sealed": line.sealed, "request_id": number}
            made["request_event"].append(_without_id(event) | own)
        for word in plain["name_word"]:
            made["name_word"].append(_without_id(word) | {"request_id": number})
        for message in plain["outbox_message"]:
            own = {"subject_id": number, "message_key": f"{message['message_key']} {number}"}
            made["outbox_message"].append(_without_id(message) | own)
    for name, rows in made.items():
        if rows:
            db.session.execute(insert(Base.metadata.tables[name]), rows)


def _without_id(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "id"}


def _audit(numbers: range) -> None:
    """Add entries to a location's chain, as `record` would one by one."""
    head = db.session.scalar(select(AuditHead).where(AuditHead.chain == CHAIN))
    if head is None:
        head = AuditHead(chain=CHAIN, count=0, hash=b"")
        db.session.add(head)
    rows = []
    now = clock.now().replace(microsecond=0) - timedelta(days=1)
    for number in numbers:
        facts = Facts(CHAIN, head.count + 1, now, PATIENT, "submit", f"SOAK{number}", "")
        head.count, head.hash = facts.sequence, entry_hash(facts, head.hash)
        rows.append(
            {
                "chain": CHAIN,
                "sequence": head.count,
                "at": now,
                "actor_kind": PATIENT.kind,
                "actor_label": "",
                "action": "submit",
                "subject": f"SOAK{number}",
                "detail": "",
                "hash": head.hash,
            }
        )
    db.session.execute(insert(AuditEntry), rows)


@pytest.mark.soak
def test_hundred_thousand_requests_are_back_in_half_a_minute(
    app: Flask, beside: Callable[..., Flask], tmp_path: Path
) -> None:
    store_many(app, COUNT)
    file, other = tmp_path / "a.backup", beside()
    took = {}
    for command, on in (("create", app), ("verify", other), ("restore", other)):
        start = time.monotonic()
        code, told = run(on, "backup", command, file)
        took[command] = round(time.monotonic() - start, 1)
        assert (code, f": {COUNT} requests, " not in told) == (0, False)
    assert told.splitlines()[-1] == f"{FITS} Start `flask serve`."
    print(f"{took} s, {file.stat().st_size / 1e6:.0f} MB")  # noqa: T201 - for docs/backup.md
    assert took["restore"] <= SECONDS
