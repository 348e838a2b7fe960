"""Looks into the database from outside: every row, every statement; and runs things at once."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from flask import Flask
from sqlalchemy import event, select

from clinicdir.db import Base, db

T = TypeVar("T")


def all_rows(app: Flask, *, without: tuple[str, ...] = ()) -> dict[str, list[tuple[Any, ...]]]:
    """Return the content of every table but those in `without`."""
    with app.app_context(), db.engine.connect() as connection:
        return {
            table.name: sorted(map(tuple, connection.execute(select(table))), key=repr)
            for table in Base.metadata.sorted_tables
            if table.name not in without
        }


def rows(app: Flask, table: str, *columns: str) -> list[Any]:
    """Return some columns of a table by id: bare values for one column, tuples for more."""
    found = Base.metadata.tables[table]
    with app.app_context(), db.engine.connect() as connection:
        wanted = [found.c[name] for name in columns]
        result = connection.execute(select(*wanted).order_by(found.c.id)).all()
    return [row[0] if len(columns) == 1 else tuple(row) for row in result]


@contextmanager
def statements(app: Flask) -> Iterator[list[str]]:
    """Collect every SQL statement that the app sends meanwhile."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        seen.append(statement)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


def together(count: int, work: Callable[[int], T], *, seconds: float = 60) -> list[T]:
    """Run `work(0)` … `work(count - 1)` in threads that start at one moment; return the results."""
    start, results, faults = threading.Barrier(count), dict[int, T](), list[BaseException]()

    def run(number: int) -> None:
        try:
            start.wait(timeout=10)
            results[number] = work(number)
        except BaseException as fault:  # noqa: BLE001 - told by the raise below
            faults.append(fault)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=seconds)
    if faults:
        raise faults[0]
    return [results[number] for number in range(count)]
