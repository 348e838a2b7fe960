"""SIGKILL again and again, under clients that send until they hear yes: nothing lost or doubled.

What a killed process had handed to the kernel still reaches the disk; that is what sets this
apart from test_power_cuts.
"""

import random
import shutil
import signal
import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.rules import Status
from clinicdir.audit.verifying import verify_chains
from clinicdir.cli.serving import prepare_database
from clinicdir.clock import now
from clinicdir.db import db, transaction
from clinicdir.staff.operations import make_link
from clinicdir.staff.rules import LinkPurpose
from tests.conftest import KEY, SECRET, build_app
from tests.make import make_staff
from tests.soak.chance import seeded
from tests.soak.killable import Postgres, Site, running_postgres_to_kill
from tests.soak.retrying import Book, Client, Desk, Patient, Program
from tests.soak.test_power_cuts import HALVES

Kill = Callable[["Run", random.Random], None]


class Run:
    """One site, its clients, and what was wrong at the end."""

    def __init__(self, folder: Path, database_url: str = "") -> None:
        self.app: Flask = build_app(folder, database_url=database_url)
        self.site = Site(folder, database_url=database_url, encryption_keys=KEY, secret_key=SECRET)
        self.book, self._end = Book(), threading.Event()
        with self.app.app_context():
            prepare_database()
            member = make_staff("desk@example.com")
            with transaction():
                self._token = make_link(member, LinkPurpose.SIGN_IN, now=now())
            self._close()
        where = (self.site.base, self.book, self._end)
        self._desk = Desk(*where, 0)
        programs = [Program(*where, number) for number in range(3)]
        self._clients: list[Client] = [*programs, Patient(*where, 0), self._desk]

    def kill(self, times: int, kill: Kill, *, what: str = "kills") -> str:
        """Kill so often, check what is stored, and return the figures in one line.

        `what` names in the figures what was done so often.
        """
        rng, began = seeded(self.site.port), time.monotonic()
        try:
            self.site.start()
            self._desk.sign_in(f"/staff/invitation/{self._token}")
            for client in self._clients:
                client.start()
            for _ in range(times):
                kill(self, rng)
                assert self.book.refusals == []
            time.sleep(0.3)
        finally:
            self._end.set()
            for client in self._clients:
                client.join(timeout=600)
            self.site.kill(signal.SIGTERM)
        book, starts = self.book, self.site.starts
        stored = self._check()
        return (
            f"{times} {what}, {len(book.tried)} requests and {len(book.claims)} claims sent until"
            f" acknowledged, {book.broken_off} posts broken off, {book.repeated} sent again after"
            f" yes, {stored} rows, answers {dict(sorted(book.statuses.items()))}, starts"
            f" {statistics.median(starts):.1f} s (slowest {max(starts):.1f} s),"
            f" {time.monotonic() - began:.0f} s"
        )

    def let_answer(self, count: int) -> None:
        """Wait until so many more answers came, or for a while."""
        enough, give_up = self.book.answers + count, time.monotonic() + 5
        while self.book.answers < enough and time.monotonic() < give_up:
            time.sleep(0.005)

    def _check(self) -> int:
        book = self.book
        assert book.refusals == []
        met = book.broken_off + book.statuses[503]
        assert met > 0, "no kill met a post: this run proves nothing"
        assert book.tried == book.requests.keys()
        with self.app.app_context():
            stored = db.session.query(AppointmentRequest).all()
            names = Counter(one.personal["patient_name"] for one in stored)
            assert names == Counter(book.tried)
            references = {one.personal["patient_name"]: one.reference for one in stored}
            for name, told in book.requests.items():
                assert len(told) == 1, (name, told)
                if name.startswith("Program"):
                    assert told == {references[name]}
            claimed = {one.reference for one in stored if one.status is Status.IN_REVIEW}
            assert book.claims <= claimed
            assert book.claims
            halves = [db.session.scalar(text(query)) for query in HALVES]
            assert halves == [0] * len(HALVES)
            assert [one for one in verify_chains() if one.fault] == []
            if db.engine.dialect.name == "sqlite":
                assert db.session.scalars(text("pragma integrity_check")).all() == ["ok"]
            self._close()
        return len(stored)

    def _close(self) -> None:
        db.session.remove()
        db.engine.dispose()


def while_it_works(run: Run, rng: random.Random) -> None:
    """Kill the site after a few answers; one time in ten again while it is still starting."""
    run.let_answer(rng.randrange(12))
    time.sleep(rng.uniform(0, 0.05))
    run.site.kill()
    if rng.random() < 0.1:
        run.site.launch()
        time.sleep(rng.uniform(0, 1.2))
        run.site.kill()
    run.site.start()


def with_its_database(postgres: Postgres) -> Kill:
    """Return a kill of the database server alone; the site goes on and finds it again."""

    def kill(run: Run, rng: random.Random) -> None:
        run.let_answer(rng.randrange(40))
        postgres.kill()
        postgres.start()

    return kill


@pytest.fixture
def folder(tmp_path: Path, sqlite_template: Path) -> Path:
    shutil.copy(sqlite_template, tmp_path)
    return tmp_path


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    made = Path(tempfile.mkdtemp(prefix="clinicdir-killed-"))
    with running_postgres_to_kill(made) as server:
        yield server
    shutil.rmtree(made, ignore_errors=True)


@pytest.mark.parametrize("kills", [3, *[pytest.param(100, marks=pytest.mark.soak)] * 5])
def test_killed_site_loses_and_doubles_nothing(folder: Path, kills: int) -> None:
    figures = Run(folder).kill(kills, while_it_works)
    print("SQLite:", figures, flush=True)  # noqa: T201 - for the report


@pytest.mark.soak
@pytest.mark.needs("PostgreSQL")
def test_killed_site_on_postgresql_loses_and_doubles_nothing(
    tmp_path: Path, postgres: Postgres
) -> None:
    run = Run(tmp_path, postgres.url)
    print("PostgreSQL:", run.kill(100, while_it_works))  # noqa: T201 - for the report


@pytest.mark.soak
@pytest.mark.needs("PostgreSQL")
def test_killed_postgresql_loses_and_doubles_nothing(tmp_path: Path, postgres: Postgres) -> None:
    run = Run(tmp_path, postgres.url)
    figures = run.kill(10, with_its_database(postgres))
    print("PostgreSQL killed:", figures)  # noqa: T201 - for the report
    assert len(run.site.starts) == 1
