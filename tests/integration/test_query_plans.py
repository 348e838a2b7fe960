"""No list and no search of staff reads every request: the plans of both engines say so."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import product
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, text

from clinicdir.appointments.digest import queue_digests
from clinicdir.appointments.finding import find_wanted, read_wanted
from clinicdir.appointments.groups import Group, View, count_groups, list_group
from clinicdir.appointments.queries import (
    get_request,
    list_booked,
    list_likely_duplicates,
)
from clinicdir.appointments.untold import list_untold
from clinicdir.audit.queries import Reach, list_about, list_of_person
from clinicdir.audit.rules import OPERATOR
from clinicdir.db import db, transaction
from clinicdir.locations.mistakes import count_mistakes, list_mistakes
from clinicdir.locations.queries import get_location
from clinicdir.notifications.claiming import Worker, take_batch
from clinicdir.notifications.plans import Plan, change_plan
from clinicdir.notifications.rules import Channel
from clinicdir.staff.rules import EVERYWHERE, Scope
from tests.integration.test_inbox import ask

NOW = datetime(2026, 11, 24, 20, 0, tzinfo=UTC)
SCOPES = (EVERYWHERE, Scope(frozenset({3, 6})))
GROWING = (
    "appointment_request", "name_word", "outbox_message", "audit_entry", "mistake_report",
    "request_event",
)  # fmt: skip
WANTED = ("C7K4KQ2", "Robin Example", "206 555 0123", "0123", "robin@example.com")


@pytest.fixture(autouse=True)
def emptied(request: pytest.FixtureRequest) -> None:
    """Let PostgreSQL know nothing of these tables' sizes; others have filled and emptied them."""
    if "postgresql" not in request.node.name:
        return
    app: Flask = request.getfixturevalue("app")
    with app.app_context(), db.engine.begin() as connection:
        # The audit trail refuses to be emptied; a replica's session is not asked.
        connection.execute(text("set local session_replication_role = replica"))
        connection.execute(text(f"truncate {', '.join(GROWING)} cascade"))


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


def walked(lines: list[str]) -> list[str]:
    """Return the steps that read a growing table from end to end, by an index or without."""
    # PostgreSQL writes what an index is asked for below the step; nothing there is all of it.
    pairs = zip(lines, [*lines[1:], ""], strict=True)
    return [
        line
        for line, below in pairs
        for name in GROWING
        if (line.startswith(f"SCAN {name}") or f"Seq Scan on {name}" in line)
        or (re.search(rf"Index (Only )?Scan .*on (ix_)?{name}", line) and "Index Cond" not in below)
    ]


def other_lists(reference: str) -> Iterator[tuple[str, Callable[[], object]]]:
    """Return what lists beside the inbox ask of the database, each with a name."""
    found = get_request(reference, scope=EVERYWHERE)
    week, later = NOW + timedelta(days=7), NOW + timedelta(hours=1)
    for scope in SCOPES:
        places = scope.location_ids
        yield "booked", partial(list_booked, 3, NOW, week, scope=scope, limit=500)
        yield "alike", partial(list_likely_duplicates, found, scope=scope, limit=5)
        yield "untold", partial(list_untold, scope=scope, now=NOW, limit=10)
        yield "mistakes", partial(list_mistakes, places, 50)
        yield "count of mistakes", partial(count_mistakes, places)
    for chains in (None, ["location/3"], ["location/3", "location/6"]):
        reach = None if chains is None else Reach(chains, ["inbox", "inbox renton"])
        for before_id in (0, 9):
            trail: dict[str, Any] = {"limit": 51, "before_id": before_id}
            yield "audit of request", partial(list_about, reference, chains=chains, **trail)
            yield "audit of person", partial(list_of_person, 1, "a@b.org", reach=reach, **trail)
    yield "claim", partial(take_batch, Worker(), channels=list(Channel), now=later)
    yield "digest", partial(queue_digests, now=NOW)


def test_no_other_list_reads_a_whole_table(app: Flask) -> None:
    reference = ask(app, "renton", "Robin Example")
    with app.app_context():
        with transaction():
            plan, renton = Plan(digest_to="boss@example.com"), get_location("renton")
            change_plan(renton, plan, seen_version=0, actor=OPERATOR, now=NOW)
        for name, run in other_lists(reference):
            lines = plans(run)
            assert [line for line in lines if any(table in line for table in GROWING)], name
            assert walked(lines) == [], name


def test_agenda_and_trail_read_no_more_than_they_show(app: Flask) -> None:
    """Not each booking that a clinic ever had, nor each entry of its chain."""
    week = NOW + timedelta(days=7)
    with app.app_context():
        agenda = plans(partial(list_booked, 3, NOW, week, scope=EVERYWHERE, limit=500))
        [sought] = [line for line in agenda if re.search(r"(Cond: |\().*booked_at ?>", line)]
        assert "location_id" in sought
        assert not [line for line in agenda if "Filter" in line]
        for chains in (["location/3"], ["location/3", "location/6"]):
            reach = Reach(chains, ["inbox"])
            trail = plans(partial(list_of_person, 1, "a@b.org", reach=reach, limit=51))
            steps = [line for line in trail if re.search(r"SEARCH|Index Cond", line)]
            assert len(steps) == 2, trail
            for step, name in zip(steps, ("staff_id", "subject"), strict=True):
                assert re.search(rf"\({name} ?=", step), trail


def test_a_whole_index_would_be_seen(app: Flask) -> None:
    with app.app_context():
        query = text("select due_at from outbox_message where state > ' ' or due_at is null")
        assert walked(plans(lambda: db.session.execute(query)))


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
