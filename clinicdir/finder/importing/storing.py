"""Writes imported rows into a generation that nobody reads yet, and then makes it the one in use.

An import opens its own transactions: many short ones, so that patients' requests are stored in
between, where a single one would lock them out of SQLite for seconds.
"""

import itertools
import time
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Table, and_, case, delete, func, or_, select, tuple_, update

from clinicdir.db import db, transaction
from clinicdir.finder.importing.collecting import FoundPlace, StreetCollector
from clinicdir.finder.models import (
    FinderImport,
    ImportKind,
    ImportState,
    finder_place,
    finder_point,
    finder_street,
)

ROWS_A_TRANSACTION = 25_000
STREETS_A_TRANSACTION = 500
# Who waits for SQLite's lock looks again after 1 to 100 ms, so a gap must be of that order.
GAP_S = 0.02


def start_generation(facts: dict[str, Any], *, now: datetime) -> int:
    """Return the number of a new import that is not in use yet."""
    made = FinderImport(state=ImportState.LOADING, imported_at=now, streets=0, points=0, **facts)
    with transaction():
        db.session.add(made)
        db.session.flush()
        return made.id


def store_streets(import_id: int, streets: StreetCollector) -> tuple[int, int]:
    """Write streets and their points into a generation; return how many of each."""
    first_id = (db.session.scalar(select(func.max(finder_street.c.id))) or 0) + 1
    # Streets come first: through them the points of a killed import are found and deleted.
    rows = (
        (street_id, import_id, *key, city)
        for street_id, (key, city) in enumerate(streets, first_id)
    )
    stored = _store(finder_street, rows)
    points = (
        (street_id, number, latitude, longitude)
        for street_id, of_street in enumerate(streets.points(), first_id)
        for number, latitude, longitude in of_street
    )
    return stored, _store(finder_point, points)


def store_places(import_id: int, places: Iterable[FoundPlace]) -> int:
    """Write ZIPs and cities into a generation; return how many."""
    return _store(finder_place, ((import_id, *one) for one in places))


def finish_generation(import_id: int, **counts: int) -> None:
    """Note what a generation holds, once it is whole."""
    with transaction():
        db.session.execute(
            update(FinderImport).where(FinderImport.id == import_id).values(**counts)
        )


def put_in_use(new: Mapping[int, tuple[ImportKind, str]]) -> None:
    """Make generations the ones in use instead of those of the same kind and region.

    One statement, inside the caller's transaction: a reader sees the old ones or the new ones.
    """
    is_new = FinderImport.id.in_(new)
    is_replaced = and_(
        FinderImport.state == ImportState.CURRENT,
        tuple_(FinderImport.kind, FinderImport.region).in_(set(new.values())),
    )
    state = case((is_new, ImportState.CURRENT.value), else_=ImportState.REPLACED.value)
    db.session.execute(update(FinderImport).where(or_(is_new, is_replaced)).values(state=state))


def list_imports() -> list[FinderImport]:
    """Return the imports in use, by kind and region."""
    query = select(FinderImport).where(FinderImport.state == ImportState.CURRENT)
    order = (FinderImport.kind, FinderImport.region, FinderImport.id)
    return list(db.session.scalars(query.order_by(*order)))


def delete_leftovers() -> int:
    """Delete every generation that is not in use; return how many there were.

    Only for the one import that runs: another's half-written rows would be taken for leftovers.
    """
    query = select(FinderImport.id).where(FinderImport.state != ImportState.CURRENT)
    leftovers = list(db.session.scalars(query.order_by(FinderImport.id)))
    for import_id in leftovers:
        _delete_generation(import_id)
    return len(leftovers)


def _delete_generation(import_id: int) -> None:
    """Delete a generation's rows street by street, then the import itself."""
    mine = select(finder_street.c.id).where(finder_street.c.import_id == import_id)
    while streets := list(db.session.scalars(mine.limit(STREETS_A_TRANSACTION))):
        with transaction():
            for table_column in (finder_point.c.street_id, finder_street.c.id):
                db.session.execute(delete(table_column.table).where(table_column.in_(streets)))
        _give_way()
    with transaction():
        db.session.execute(delete(finder_place).where(finder_place.c.import_id == import_id))
        db.session.execute(delete(FinderImport).where(FinderImport.id == import_id))


def _store(table: Table, rows: Iterable[tuple[Any, ...]]) -> int:
    """Insert rows, their values in the order of the columns, in short transactions; count them."""
    insert = _insert if db.engine.dialect.name == "sqlite" else _copy
    stored, left = 0, iter(rows)
    while chunk := list(itertools.islice(left, ROWS_A_TRANSACTION)):
        with transaction():
            insert(table, chunk)
        stored += len(chunk)
        _give_way()
    return stored


def _insert(table: Table, chunk: list[tuple[Any, ...]]) -> None:
    """Insert rows in SQLite's own words: SQLAlchemy's take four times as long a row."""
    marks = ", ".join("?" * len(table.columns))
    statement = f"insert into {table.name} ({_columns(table)}) values ({marks})"  # noqa: S608 - ours
    db.session.connection().exec_driver_sql(statement, chunk)


def _copy(table: Table, chunk: list[tuple[Any, ...]]) -> None:
    """Insert rows by PostgreSQL's COPY, which takes a fifth of the time of inserts."""
    driver: Any = db.session.connection().connection.driver_connection
    statement = f"copy {table.name} ({_columns(table)}) from stdin"
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        for row in chunk:
            copy.write_row(row)


def _columns(table: Table) -> str:
    return ", ".join(column.name for column in table.columns)


def _give_way() -> None:
    """Leave SQLite's lock to others for a moment."""
    if db.engine.dialect.name == "sqlite":
        time.sleep(GAP_S)
