"""No list and no search of staff reads every request: the plans of both engines say so."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from itertools import product

from flask import Flask
from sqlalchemy import event, text

from clinicdir.appointments.finding import find_wanted, read_wanted
from clinicdir.appointments.groups import Group, View, count_groups, list_group
from clinicdir.db import db
from clinicdir.staff.rules import EVERYWHERE, Scope
from tests.integration.test_inbox import ask

NOW = datetime(2026, 11, 24, 20, 0, tzinfo=UTC)
SCOPES = (EVERYWHERE, Scope(frozenset({3, 6})))
WANTED = ("C7K4KQ2", "Robin Example", "206 555 0123", "0123", "robin@example.com")


def plans(run: Callable[[], object]) -> list[str]:
    """Return the engine's plan of each SELECT that `run` sends, one line a step."""
    sent: list[tuple[str, object]] = []

    def note(
        _connection: object, _cursor: object, statement: str, values: object, *_: object
    ) -> None:
        sent.append((statement, values))

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        run()
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    connection = db.session.connection()
    is_sqlite = db.engine.dialect.name == "sqlite"
    if not is_sqlite:
        # Of a few rows it would read all; what counts is whether an index is there to use.
        connection.execute(text("set local enable_seqscan = off"))
    explain = "explain query plan " if is_sqlite else "explain "
    lines: list[str] = []
    for statement, values in sent:
        if not statement.lstrip().upper().startswith("SELECT"):
            continue
        result = connection.exec_driver_sql(explain + statement, values)  # type: ignore[arg-type]
        lines += [str(row[-1]) for row in result]
    return lines


def reads_every_request(lines: list[str]) -> list[str]:
    names = ("appointment_request", "name_word")
    return [
        line
        for line in lines
        for name in names
        if f"Seq Scan on {name}" in line or (line.startswith(f"SCAN {name}"))
    ]


def test_no_list_reads_every_request(app: Flask) -> None:
    ask(app, "renton", "Robin Example")
    with app.app_context():
        for group, scope, location_id in product(Group, SCOPES, (None, 3)):
            view = View(scope, 1, NOW, location_id)
            lines = plans(partial(list_group, group, view, limit=51, after_id=1))
            assert lines
            assert reads_every_request(lines) == [], group


def test_no_count_reads_every_request(app: Flask) -> None:
    with app.app_context():
        for scope in SCOPES:
            lines = plans(partial(count_groups, View(scope, 1, NOW)))
            assert lines
            assert reads_every_request(lines) == []


def test_no_search_reads_every_request(app: Flask) -> None:
    with app.app_context():
        for typed, scope in product(WANTED, SCOPES):
            lines = plans(partial(find_wanted, read_wanted(typed), scope=scope, limit=51))
            assert lines
            assert reads_every_request(lines) == [], typed


def test_a_full_scan_would_be_seen(app: Flask) -> None:
    with app.app_context():
        query = text("select id from appointment_request where goal = 'run' order by goal")
        assert reads_every_request(plans(lambda: db.session.execute(query)))
