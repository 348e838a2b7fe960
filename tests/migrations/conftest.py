"""Databases without tables, on both engines."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import create_engine, text

from clinicdir.db import db
from tests.conftest import build_app


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("PostgreSQL"))]
)
def empty_url(request: pytest.FixtureRequest, postgres_url: str | None) -> str:
    """Return the URL of an empty database, or "" for SQLite in the instance folder."""
    if request.param == "sqlite":
        return ""
    engine = create_engine(f"{postgres_url}/postgres", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("drop database if exists migrations with (force)"))
        connection.execute(text("create database migrations"))
    engine.dispose()
    return f"{postgres_url}/migrations"


@pytest.fixture
def make_app(empty_url: str, tmp_path: Path) -> Iterator[Callable[..., Flask]]:
    """Return a maker of apps on that database."""
    made: list[Flask] = []

    def make(**changes: object) -> Flask:
        made.append(build_app(tmp_path, database_url=empty_url, **changes))
        return made[-1]

    yield make
    for app in made:
        with app.app_context():
            db.session.remove()
            db.engine.dispose()


@pytest.fixture
def empty_app(make_app: Callable[..., Flask]) -> Iterator[Flask]:
    """Return an app whose database has no table, and that makes no backup of it."""
    app = make_app(migration_backup="off")
    with app.app_context():
        yield app
