"""Each migration goes up, down and up again, empty and with data, on both engines."""

import re
from pathlib import Path

from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import inspect, text

from clinicdir.cli.serving import newest_version, prepare_database, schema_version
from clinicdir.db import db
from tests.address_files import Address, write_csv
from tests.imports import run_import
from tests.make import make_request

FOLDER = Path(__file__).parent.parent.parent / "migrations"


def tables() -> set[str]:
    return set(inspect(db.engine).get_table_names()) - {"alembic_version"}


def requests() -> list[object]:
    """Return every stored request."""
    query = text("select id, reference, status, sealed from appointment_request order by id")
    return [tuple(row) for row in db.session.execute(query)]


def shape() -> dict[str, object]:
    """Return every column, index and constraint, to be compared."""
    looked_at = inspect(db.engine)
    return {
        table: (
            [
                (column["name"], str(column["type"]), column["nullable"])
                for column in looked_at.get_columns(table)
            ],
            sorted(
                (index["name"] or "", tuple(index["column_names"]))
                for index in looked_at.get_indexes(table)
            ),
            sorted(str(key["name"]) for key in looked_at.get_foreign_keys(table)),
            sorted(str(unique["name"]) for unique in looked_at.get_unique_constraints(table)),
        )
        for table in sorted(tables())
    }


def test_versions_are_numbered_and_the_newest_is_pinned() -> None:
    names = sorted(path.stem for path in (FOLDER / "versions").glob("*.py"))
    numbers = [re.fullmatch(r"(\d{4})_[a-z0-9_]+", name) for name in names]
    assert [int(match[1]) for match in numbers if match] == list(range(1, len(names) + 1))
    assert newest_version() == names[-1]


def test_migrations_import_nothing_of_the_package() -> None:
    bound = re.compile(r"^(from|import) clinicdir", re.MULTILINE)
    paths = (FOLDER / "versions").glob("*.py")
    assert [path.name for path in paths if bound.search(path.read_text())] == []


def test_up_makes_the_tables_of_the_models(empty_app: Flask) -> None:
    upgrade()
    assert tables() == set(db.metadata.tables)
    assert schema_version() == newest_version()
    checked = empty_app.test_cli_runner().invoke(args=["db", "check"])
    assert checked.exit_code == 0, checked.output


def test_up_down_and_up_again_give_the_same_shape(empty_app: Flask) -> None:
    del empty_app
    upgrade()
    first = shape()
    upgrade()
    assert shape() == first
    downgrade(revision="base")
    assert tables() == set()
    upgrade()
    assert shape() == first


def test_down_goes_through_with_data_in_the_tables(empty_app: Flask) -> None:
    prepare_database()
    make_request(empty_app)
    db.session.remove()
    downgrade(revision="base")
    assert tables() == set()
    prepare_database()
    counted = db.session.scalar(text("select count(*) from location"))
    assert counted == 6


def test_finder_tables_come_and_go_beside_requests_that_stay(
    empty_app: Flask, tmp_path: Path
) -> None:
    prepare_database()
    make_request(empty_app)
    db.session.remove()
    run_import(empty_app, write_csv(tmp_path / "king.csv", [Address("100", "Main St")]))
    before = requests()
    db.session.remove()
    downgrade(revision="0001_first_tables")
    assert tables() & {"finder_import", "finder_street", "finder_point", "finder_place"} == set()
    assert requests() == before
    db.session.remove()
    upgrade()
    assert (requests(), schema_version()) == (before, newest_version())
    assert db.session.scalar(text("select count(*) from finder_point")) == 0
    db.session.remove()
    run_import(empty_app, write_csv(tmp_path / "king.csv", [Address("100", "Main St")]))
    assert db.session.scalar(text("select count(*) from finder_point")) == 1


def test_clinics_go_on_taking_every_goal_by_every_way(empty_app: Flask) -> None:
    del empty_app
    prepare_database()
    db.session.remove()
    downgrade(revision="0004_desk")
    upgrade()
    columns = "cast(goals_not_taken as text), cast(ways_not_used as text)"
    left_out = db.session.execute(text(f"select distinct {columns} from location"))  # noqa: S608
    assert [tuple(row) for row in left_out] == [("[]", "[]")]


def test_starting_twice_changes_nothing(empty_app: Flask) -> None:
    del empty_app
    prepare_database()
    rows = db.session.execute(text("select id, slug, version from location order by id")).all()
    audited = db.session.scalar(text("select count(*) from audit_entry"))
    db.session.remove()
    prepare_database()
    assert (
        db.session.execute(text("select id, slug, version from location order by id")).all() == rows
    )
    assert db.session.scalar(text("select count(*) from audit_entry")) == audited
