"""Lets the whole folder run on both engines."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import create_engine, text

from clinicdir.cli.serving import prepare_database
from clinicdir.db import db
from tests.conftest import build_app

_numbers = itertools.count(1)
_TEMPLATE = "clinicdir_template"


@pytest.fixture(scope="session")
def postgres_template(
    postgres_url: str | None, tmp_path_factory: pytest.TempPathFactory
) -> str | None:
    """Return the server's URL once it holds a migrated and seeded database to copy."""
    if postgres_url is None:
        return None
    _administer(postgres_url, f"create database {_TEMPLATE}")
    folder = tmp_path_factory.mktemp("postgres")
    app = build_app(folder, database_url=f"{postgres_url}/{_TEMPLATE}")
    with app.app_context():
        prepare_database()
        db.session.remove()
        db.engine.dispose()
    return postgres_url


@pytest.fixture
def postgres_app(tmp_path: Path, postgres_template: str) -> Iterator[Flask]:
    """Return an app on PostgreSQL with the six clinics."""
    name = f"clinicdir_{next(_numbers)}"
    _administer(
        postgres_template, f"create database {name} template {_TEMPLATE} strategy file_copy"
    )
    app = build_app(tmp_path, database_url=f"{postgres_template}/{name}")
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
    _administer(postgres_template, f"drop database {name} with (force)")


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


def _administer(url: str, statement: str) -> None:
    engine = create_engine(f"{url}/postgres", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()
