"""Each migration on 1,000,000 requests: how long it takes, and how long others wait meanwhile."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import Connection, Engine, NullPool, create_engine, inspect, text

from clinicdir.cli.preparing import newest_version, prepare_database, schema_version
from clinicdir.cli.schema_backup import backup_before
from clinicdir.db import db
from tests.conftest import build_app
from tests.make import make_request
from tests.migrations.test_killed import ENGINES, ROOT

COUNT = 1_000_000
WAIT_S = 900
VERSIONS = sorted(path.stem for path in (ROOT / "migrations/versions").glob("*.py"))
# What must differ from row to row; everything else is that of the first row, sealed values too.
UNLIKE = {
    "sqlite": {
        "id": "n",
        "reference": "'SOAK' || n",
        "submission_key": "'soak:' || n",
        "link_hash": "cast('soak:' || n as blob)",
        "row_key": "randomblob(16)",
        "message_key": "'soak:' || n",
        "subject_id": "n",
    },
    "postgresql": {
        "id": "n",
        "reference": "'SOAK' || n",
        "submission_key": "'soak:' || n",
        "link_hash": "convert_to('soak:' || n, 'UTF8')",
        "row_key": "decode(md5(n::text), 'hex')",
        "message_key": "'soak:' || n",
        "subject_id": "n",
    },
}
NUMBERS = {
    "sqlite": "with recursive numbers(n) as (select :first union all select n + 1 from numbers"
    " where n < :last) ",
    "postgresql": "with numbers as (select generate_series((:first)::int, (:last)::int) as n) ",
}


def copy_rows(
    connection: Connection, table: str, names: list[str], *, first: int, last: int
) -> None:
    """Add rows with the numbers from `first` to `last` that are like the table's first row."""
    engine = connection.dialect.name
    values = [UNLIKE[engine].get(name, f"one.{name}") for name in names]
    into = f"insert into {table} ({', '.join(names)}) "
    before = [NUMBERS[engine], into] if engine == "postgresql" else [into, NUMBERS[engine]]
    first_row = f"{table} one where one.id = (select min(id) from {table})"  # noqa: S608
    query = f"{''.join(before)}select {', '.join(values)} from numbers, {first_row}"  # noqa: S608
    connection.execute(text(query), {"first": first, "last": last})


def columns_of(connection: Connection, table: str) -> list[str]:
    return [column["name"] for column in inspect(connection).get_columns(table)]


def fill(app: Flask) -> None:
    """Store requests and messages under the first schema."""
    prepare_database()
    make_request(app, email="robin@example.org", contact_by="email")
    db.session.remove()
    downgrade(revision=VERSIONS[0])
    with db.engine.begin() as connection:
        for table in ("appointment_request", "outbox_message"):
            names = columns_of(connection, table)
            copy_rows(connection, table, names, first=10, last=COUNT + 9)
            if connection.dialect.name == "postgresql":
                connection.execute(text(f"analyze {table}"))


class Visitor:
    """Stores a request every few milliseconds and reads one, and keeps the longest waits."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self._stop = engine, threading.Event()
        self._number = 2 * COUNT
        with engine.connect() as connection:  # as code from before all migrations does
            self._names = columns_of(connection, "appointment_request")
        self.stored, self.wrote_s, self.read_s = 0, 0.0, 0.0
        self.faults: list[str] = []

    @contextmanager
    def at_work(self) -> Iterator[None]:
        self._stop.clear()
        self.stored, self.wrote_s, self.read_s = 0, 0.0, 0.0
        threads = [
            threading.Thread(target=self._loop, args=(one,)) for one in (self._write, self._read)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join(timeout=WAIT_S)

    def _loop(self, work: object) -> None:
        try:
            while not self._stop.wait(0.02):
                work()  # type: ignore[operator]
        except Exception as fault:  # noqa: BLE001 - told by the test
            self.faults.append(repr(fault))

    def _write(self) -> None:
        start = time.monotonic()
        with self._engine.begin() as connection:
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql("begin immediate")
            self._number += 1
            number = self._number
            copy_rows(connection, "appointment_request", self._names, first=number, last=number)
        self.stored += 1
        self.wrote_s = max(self.wrote_s, time.monotonic() - start)

    def _read(self) -> None:
        start = time.monotonic()
        with self._engine.connect() as connection:
            connection.execute(text("select * from appointment_request where id = 10")).one()
        self.read_s = max(self.read_s, time.monotonic() - start)


def visitor_of(app: Flask) -> Visitor:
    """Return a visitor with connections of its own, which wait as long as it takes."""
    url = app.config["SQLALCHEMY_DATABASE_URI"]
    if url.startswith("sqlite"):
        arguments = {"timeout": WAIT_S, "check_same_thread": False}
        return Visitor(create_engine(url, connect_args=arguments, poolclass=NullPool))
    return Visitor(create_engine(url))


def counted() -> int:
    with db.engine.connect() as connection:
        return int(connection.scalar(text("select count(*) from appointment_request")) or 0)


@pytest.mark.soak
@pytest.mark.parametrize("engine", ENGINES)
def test_a_million_requests_go_through_each_migration(
    engine: str, tmp_path: Path, postgres_url: str | None
) -> None:
    url = ""
    if engine == "postgresql":
        url = f"{postgres_url}/large"
        administrator = create_engine(f"{postgres_url}/postgres", isolation_level="AUTOCOMMIT")
        with administrator.connect() as connection:
            connection.execute(text("create database large"))
        administrator.dispose()
    app = build_app(tmp_path, database_url=url, migration_backup="off")
    with app.app_context():
        start = time.monotonic()
        fill(app)
        print(f"{engine}: filled in {time.monotonic() - start:.0f} s")  # noqa: T201 - for the docs
        visitor, expected = visitor_of(app), counted()
        assert expected == COUNT + 1
        for version in VERSIONS[1:]:
            with visitor.at_work():
                start = time.monotonic()
                upgrade(revision=version)
                took = time.monotonic() - start
            expected += visitor.stored
            print(  # noqa: T201 - for the docs
                f"{engine} {version}: {took:.1f} s; longest write {visitor.wrote_s:.1f} s,"
                f" longest read {visitor.read_s:.1f} s, {visitor.stored} stored meanwhile"
            )
            assert (schema_version(), counted(), visitor.faults) == (version, expected, [])
        assert schema_version() == newest_version()
        if engine == "postgresql":
            assert visitor.wrote_s < took / 2  # the newest keeps nobody out
        db.engine.dispose()
    with build_app(tmp_path, database_url=url).app_context():
        with db.engine.connect() as connection:
            start = time.monotonic()
            made = backup_before(connection, "trial")
        size = made.stat().st_size / 1e6 if made else 0
        print(f"{engine}: backup in {time.monotonic() - start:.0f} s, {size:.0f} MB")  # noqa: T201
        assert made
        db.engine.dispose()
