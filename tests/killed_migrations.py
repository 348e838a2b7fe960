"""A process that kills one migration run after another, and looks at what the next run makes of it.

It takes an order as JSON, and prints what came of it as JSON. Each run is a fork of this process,
which has the app imported already; a killed one has ended by SIGKILL, at the n-th moment (right
before or right after a statement, or before a commit), or right before a statement with some words.
"""

import json
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import NullPool, create_engine, event, text
from sqlalchemy.engine import make_url

from clinicdir.cli.preparing import prepare_database
from clinicdir.db import db
from clinicdir.staff.rules import Role
from tests.conftest import build_app
from tests.make import make_request, make_staff, sign_in
from tests.schemas import content_of, schema_of

BASE = "base"


@dataclass(frozen=True)
class Order:
    """What is to be done: from one schema to another, killed at which moments (None: at each)."""

    folder: str
    server: str
    previous: str
    target: str
    moments: list[int | str] | None = None
    afresh: bool = True
    backup: str = "off"


class Trials:
    """Runs migrations of one order, each in a process of its own."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._folder = Path(order.folder)

    def run(self) -> dict[str, object]:
        """Return how many kills there were, and after which the database differed."""
        self._make_start()
        self._copy("start", "undisturbed")
        self._child("undisturbed", self._migrate_and_take_down)
        expected = self._taken("undisturbed")
        killed, differing = 0, list[int | str]()
        for moment in self._order.moments or count(1):
            if self._order.afresh or not killed:
                self._copy("start", "trial")
            if not self._killed_at(moment):
                break
            killed += 1
            if self._order.afresh:
                differing += [] if self._ends_as(expected) else [moment]
        if not self._order.afresh:
            differing = [] if self._ends_as(expected) else [0]
        return {"killed": killed, "differing": differing}

    def _ends_as(self, expected: str) -> bool:
        self._child("trial", self._migrate_and_take_down)
        return self._taken("trial") == expected

    def _make_start(self) -> None:
        self._make_empty("start")
        if self._order.previous != BASE:
            self._child("start", self._fill)

    def _fill(self, name: str) -> None:
        app = self._app(name)
        with app.app_context():
            prepare_database()
            make_staff("desk@renton.example", Role.DESK)
            for number in range(3):
                make_request(app, phone=f"206 555 010{number}")
            db.session.remove()
            sign_in(app.test_client(), "desk@renton.example")
            db.session.remove()
            downgrade(revision=self._order.previous)

    def _migrate_and_take_down(self, name: str) -> None:
        app = self._app(name)
        with app.app_context():
            upgrade(revision=self._order.target)
            db.session.remove()
            with db.engine.connect() as connection:
                found = schema_of(connection), content_of(connection)
        if self._order.backup == "on":
            _forget_backups(found[1])
        self._path(f"{name}.taken").write_text(repr(found))

    def _taken(self, name: str) -> str:
        return self._path(f"{name}.taken").read_text()

    def _killed_at(self, moment: int | str) -> bool:
        def migrate(name: str) -> None:
            with self._app(name).app_context():
                _kill_at(moment)
                upgrade(revision=self._order.target)

        return self._child("trial", migrate) == -signal.SIGKILL

    def _child(self, name: str, work: Callable[[str], None]) -> int:
        """Run `work` in a fork; return 0 or the negative number of the signal that ended it."""
        pid = os.fork()
        if not pid:
            try:
                sys.stdout = sys.stderr = self._path("told").open("a")
                work(name)
                code = 0
            except BaseException:  # noqa: BLE001 - told by the exit code and in the file
                traceback.print_exc()
                code = 1
            sys.stdout.flush()
            os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if code > 0:
            raise RuntimeError(self._path("told").read_text())
        return code

    def _app(self, name: str) -> Flask:
        url = f"{self._order.server}/{_database(name)}" if self._order.server else ""
        return build_app(self._path(name), database_url=url, migration_backup=self._order.backup)

    def _path(self, name: str) -> Path:
        return self._folder / name

    def _make_empty(self, name: str) -> None:
        self._path(name).mkdir(mode=0o700)
        if self._order.server:
            self._administer(
                f"drop database if exists {_database(name)} with (force)",
                f"create database {_database(name)} template template0",
            )

    def _copy(self, source: str, target: str) -> None:
        shutil.rmtree(self._path(target), ignore_errors=True)
        shutil.copytree(self._path(source), self._path(target))
        if self._order.server:
            self._administer(
                f"drop database if exists {_database(target)} with (force)",
                f"create database {_database(target)} template {_database(source)}",
            )

    def _administer(self, *statements: str) -> None:
        url = make_url(f"{self._order.server}/postgres")
        engine = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with engine.connect() as connection:
            for statement in statements:
                connection.execute(text(statement))


def _database(name: str) -> str:
    return f"killed_{name}"


def _kill_at(moment: int | str) -> None:
    passed = count(1)

    def tick(*told: object) -> None:
        if next(passed) == moment or (isinstance(moment, str) and moment in str(told[2:3])):
            os.kill(os.getpid(), signal.SIGKILL)

    for name in ("before_cursor_execute", "after_cursor_execute", "commit"):
        event.listen(db.engine, name, tick)


def _forget_backups(content: dict[str, list[dict[str, object]]]) -> None:
    """Leave out what tells of backups: a run that was killed after the migration notes none."""
    content["audit_entry"] = [row for row in content["audit_entry"] if row["action"] != "backup"]
    content["audit_head"] = [row for row in content["audit_head"] if row["chain"] != "group"]


def main(words: Iterable[str]) -> None:
    """Carry out the order."""
    order = Order(**json.loads(next(iter(words))))
    print(json.dumps(Trials(order).run()))  # noqa: T201 - to the test that started this


if __name__ == "__main__":
    main(sys.argv[1:])
