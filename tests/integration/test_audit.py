"""The audit trail: its chains hold, the database guards them, and no patient stands in them."""

import multiprocessing
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from clinicdir import clock
from clinicdir.appointments.operations import Move, act
from clinicdir.appointments.queries import get_request
from clinicdir.appointments.rules import Action
from clinicdir.audit.models import AuditEntry, AuditHead
from clinicdir.audit.operations import record
from clinicdir.audit.rules import GROUP_CHAIN, OPERATOR, Actor, Facts, entry_hash
from clinicdir.db import db, transaction
from clinicdir.staff.rules import EVERYWHERE
from tests.conftest import build_app
from tests.make import make_request, make_staff, sign_in
from tests.tables import rows, together


def check_chains(app: Flask) -> dict[str, int]:
    """Work every hash out anew; return how long each chain is."""
    with app.app_context():
        entries = db.session.scalars(select(AuditEntry).order_by(AuditEntry.sequence)).all()
        heads = {
            head.chain: (head.count, head.hash) for head in db.session.scalars(select(AuditHead))
        }
        ends: dict[str, tuple[int, bytes]] = {}
        for entry in entries:
            count, previous = ends.get(entry.chain, (0, b""))
            assert entry.sequence == count + 1
            facts = Facts(
                chain=entry.chain,
                sequence=entry.sequence,
                at=entry.at,
                actor=Actor(entry.actor_kind, entry.staff_id, entry.actor_label),
                action=entry.action,
                subject=entry.subject,
                detail=entry.detail,
            )
            assert entry.hash == entry_hash(facts, previous)
            ends[entry.chain] = (entry.sequence, entry.hash)
        assert ends == heads
        return {chain: count for chain, (count, _) in ends.items()}


def work_a_little(app: Flask) -> str:
    with app.app_context():
        make_staff("desk@example.com", locations=("renton", "covington"))
        reference = make_request(app, patient_name="Zebra Canaryname", note="canarynote").reference
        make_request(app, location="covington", email="canary@patient.example")
    client = app.test_client()
    sign_in(client, "desk@example.com")
    client.get("/staff/")
    client.get(f"/staff/requests/{reference}")
    with app.app_context(), transaction():
        found = get_request(reference, scope=EVERYWHERE)
        step = Move(Action.DECLINE, found.version, decline_reason="other", note="canarydecline")
        act(found, step, actor=OPERATOR, now=clock.now())
    return reference


def test_every_hash_follows_from_the_one_before(app: Flask) -> None:
    work_a_little(app)
    chains = check_chains(app)
    assert chains.pop(GROUP_CHAIN) >= 3
    assert chains == {"location/3": 3, "location/6": 1}


def test_entries_name_what_was_done_and_no_patient(app: Flask) -> None:
    reference = work_a_little(app)
    told = rows(app, "audit_entry", "chain", "action", "actor_label", "subject", "detail")
    assert [entry for entry in told if entry[0] == "location/3"] == [
        ("location/3", "submit", "", reference, "- > received"),
        ("location/3", "view", "desk@example.com", reference, "as desk"),
        ("location/3", "decline", "", reference, "received > declined"),
    ]
    words = repr(told).casefold()
    canaries = ("zebra", "canary", "robin", "5550123", "206 555", "patient.example")
    assert [word for word in canaries if word in words] == []


@pytest.mark.parametrize(
    "statement",
    [
        "update audit_entry set action = 'nothing'",
        "update audit_entry set hash = hash where sequence = 1",
        "delete from audit_entry",
        "delete from audit_entry where sequence = 1",
    ],
)
def test_database_refuses_to_change_or_delete_an_entry(app: Flask, statement: str) -> None:
    work_a_little(app)
    before = rows(app, "audit_entry", "id", "action", "hash")
    with app.app_context(), pytest.raises(DBAPIError, match="audit"), transaction():
        db.session.execute(text(statement))
    assert rows(app, "audit_entry", "id", "action", "hash") == before


def test_entry_of_what_was_rolled_back_is_not_there(app: Flask) -> None:
    before = check_chains(app)

    def change_the_mind() -> None:
        with app.app_context(), transaction():
            record("nothing", actor=OPERATOR, now=clock.now())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        change_the_mind()
    assert check_chains(app) == before


def test_writers_at_once_keep_each_chain_gapless(app: Flask) -> None:
    before = check_chains(app)

    def write(number: int) -> None:
        for step in range(10):
            with app.app_context(), transaction():
                chain = GROUP_CHAIN if (number + step) % 2 else "location/new"
                record("test", actor=OPERATOR, now=clock.now(), chain=chain)

    together(6, write)
    after = check_chains(app)
    assert after == {**before, GROUP_CHAIN: before[GROUP_CHAIN] + 30, "location/new": 30}


def test_processes_at_once_keep_each_chain_gapless(app: Flask) -> None:
    before = check_chains(app)
    settings = app.extensions["clinicdir"].settings
    spawning = multiprocessing.get_context("spawn")
    writers = [
        spawning.Process(target=_write, args=(settings.instance, settings.database_url, 15))
        for _ in range(2)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(timeout=60)
        assert writer.exitcode == 0
        writer.close()
    assert check_chains(app) == {**before, GROUP_CHAIN: before[GROUP_CHAIN] + 30}


def _write(instance: Path, database_url: str, count: int) -> None:
    app = build_app(instance, database_url=database_url)
    for _ in range(count):
        with app.app_context(), transaction():
            record("test", actor=OPERATOR, now=clock.now())
    with app.app_context():
        db.engine.dispose()
