"""A process that stores requests and claims while its disk is watched, for test_power_cuts.

It takes for each run a folder, where its record goes, a way of writing and a count, and notes what
was acknowledged.
"""

import random
import sqlite3
import sys
from pathlib import Path

from flask import Flask
from sqlalchemy import event

from clinicdir import clock
from clinicdir.appointments.operations import Move, act
from clinicdir.appointments.queries import get_request
from clinicdir.appointments.rules import Action
from clinicdir.audit.rules import OPERATOR
from clinicdir.db import db, transaction
from clinicdir.staff.rules import EVERYWHERE
from tests.conftest import build_app
from tests.make import make_answers
from tests.soak.chance import seeded
from tests.soak.watched_disk import Disk
from tests.tables import together

THREADS = 3
# What an operator or a library might set instead; each of them has to be found out.
PRAGMAS = {
    "synchronous=NORMAL": "synchronous = NORMAL",
    "synchronous=OFF": "synchronous = OFF",
    "journal_mode=DELETE": "journal_mode = DELETE",
}
EARLY, WAL = "answer before commit", "WAL"


def write(folder: Path, record: Path, way: str, count: int) -> None:
    """Store so many requests from each thread, and claim some of them."""
    if way == WAL:
        connection = sqlite3.connect(folder / "clinicdir.sqlite3")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.close()
    disk = Disk()
    disk.watch(folder, record)
    app = build_app(folder)
    if way in PRAGMAS:
        with app.app_context():
            pragma = f"PRAGMA {PRAGMAS[way]}"
            event.listen(db.engine, "connect", lambda raw, _record: raw.execute(pragma))

    def work(thread: int) -> None:
        rng = seeded(f"{record.name} {thread}")
        for number in range(count):
            _store(app, disk, f"{thread}-{number}", rng, early=way == EARLY)

    together(THREADS, work, seconds=600)
    # The connections stay open, as a site's do: closing them would sync what the setting did not.
    disk.watch(Path("/nowhere"))


def _store(app: Flask, disk: Disk, key: str, rng: random.Random, *, early: bool) -> None:
    answers = make_answers(patient_name=f"Robin {key}", note="n" * rng.randrange(1, 500))
    if early:
        disk.note(f"stored api:{key} ")
    answer = app.test_client().post(
        "/api/v1/requests", json=answers, headers={"Idempotency-Key": key}
    )
    assert answer.status_code == 201, answer.get_data()
    made: str = answer.get_json()["reference"]
    disk.note(f"stored api:{key} {made}")
    if rng.random() < 0.3:
        with app.app_context(), transaction():
            found = get_request(made, scope=EVERYWHERE)
            act(found, Move(Action.CLAIM), actor=OPERATOR, now=clock.now())
        disk.note(f"claimed {made}")


if __name__ == "__main__":
    runs = iter(sys.argv[1:])
    for folder, record, way, count in zip(runs, runs, runs, runs, strict=True):
        write(Path(folder), Path(record), way, int(count))
