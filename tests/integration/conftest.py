"""Lets the whole folder run on both engines."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import create_engine, text

from clinicdir.cli.serving import prepare_database
from clinicdir.db import db
from tests.conftest import build_app

_DATABASE = "clinicdir_test"


class FreshPostgres:
    """One database that is put back to the six clinics in a few milliseconds.

    Copying a template database took 0.35 s a test; this keeps the seeded rows in a second schema.
    """

    def __init__(self, server: str, folder: Path, database: str = _DATABASE) -> None:
        self._name = database
        self.url = f"{server}/{database}"
        administrator = create_engine(f"{server}/postgres", isolation_level="AUTOCOMMIT")
        with administrator.connect() as connection:
            connection.execute(text(f"create database {database}"))
        administrator.dispose()
        app = build_app(folder, database_url=self.url)
        with app.app_context():
            prepare_database()
            self._tables = [table.name for table in db.metadata.sorted_tables]
            db.session.remove()
            db.engine.dispose()
        self._engine = create_engine(self.url, isolation_level="AUTOCOMMIT")
        keep = [f"create table kept.{name} as table public.{name}" for name in self._tables]
        self._run("create schema kept", *keep)

    def reset(self) -> None:
        """End what other connections left open, and put every row back."""
        counters = [
            f"select setval(pg_get_serial_sequence('{name}', 'id'), coalesce(max(id), 1),"  # noqa: S608
            f" max(id) is not null) from {name}"
            for name in self._tables
            if "id" in db.metadata.tables[name].columns
            and db.metadata.tables[name].columns["id"].autoincrement
        ]
        # Deleting a few rows costs less than truncating each table with its indexes.
        empty = [f"delete from public.{name}" for name in reversed(self._tables)]  # noqa: S608
        back = [f"insert into public.{name} table kept.{name}" for name in self._tables]
        self._run(
            # A test may have shut the database for writing.
            "set session characteristics as transaction read write",
            f"alter database {self._name} reset all",
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()",
            # The audit trail refuses to be emptied; a replica's session is not asked.
            "set session_replication_role = replica",
            f"begin; {'; '.join([*empty, *back, *counters])}; commit",
            "reset session_replication_role",
        )

    def drop(self) -> None:
        """Close our own connection."""
        self._engine.dispose()

    def _run(self, *statements: str) -> None:
        with self._engine.connect() as connection:
            for statement in statements:
                connection.execute(text(statement))


@pytest.fixture(scope="session")
def fresh_postgres(
    postgres_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FreshPostgres]:
    fresh = FreshPostgres(postgres_url, tmp_path_factory.mktemp("postgres"))
    yield fresh
    fresh.drop()


@pytest.fixture
def postgres_app(tmp_path: Path, fresh_postgres: FreshPostgres) -> Iterator[Flask]:
    """Return an app on PostgreSQL with the six clinics."""
    fresh_postgres.reset()
    app = build_app(tmp_path, database_url=fresh_postgres.url)
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("PostgreSQL"))]
)
def app(request: pytest.FixtureRequest) -> Flask:
    """Return an app with the six clinics, once on each engine."""
    name = "sqlite_app" if request.param == "sqlite" else "postgres_app"
    made: Flask = request.getfixturevalue(name)
    return made


@pytest.fixture
def with_settings(app: Flask) -> Iterator[Callable[..., Flask]]:
    """Return a maker of more apps on the database of `app`, with other settings."""
    settings = app.extensions["clinicdir"].settings
    made: list[Flask] = []

    def make(**changes: object) -> Flask:
        given = {
            "instance": settings.instance,
            "database_url": settings.database_url,
            "mail_from": "clinics@group.example",
        }
        made.append(build_app(**(given | changes)))
        return made[-1]

    yield make
    for other in made:
        with other.app_context():
            db.session.remove()
            db.engine.dispose()
