"""Imports files as the command does, in this process or in another one that can be killed."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from flask import Flask
from flask.testing import FlaskCliRunner
from sqlalchemy import text

from clinicdir import clock
from clinicdir.audit.rules import OPERATOR
from clinicdir.db import db
from clinicdir.finder.importing.running import ImportReport, import_files

ROOT = Path(__file__).parent.parent
# Small steps and long gaps, so that a test can do something in between.
_SLOWLY = (
    "import sys\n"
    "from clinicdir import create_app\n"
    "from clinicdir.finder.importing import storing\n"
    "storing.ROWS_A_TRANSACTION, storing.GAP_S = 50, 0.1\n"
    "app = create_app()\n"
    "app.cli.main(['finder', 'import', *sys.argv[1:]], obj=None)\n"
)


def run_import(app: Flask, *paths: Path, region: str | None = None) -> list[ImportReport]:
    """Import files into an app's database."""
    with app.app_context():
        return import_files(
            paths, region=region, actor=OPERATOR, now=clock.now(), watch=lambda *_: None
        )


@contextmanager
def slow_import(app: Flask, path: Path) -> Iterator["subprocess.Popen[str]"]:
    """Run `flask finder import` in a process of its own, in many slow steps."""
    settings = app.extensions["clinicdir"].settings
    environment = {
        "CLINICDIR_INSTANCE": str(settings.instance),
        "CLINICDIR_DATABASE_URL": settings.database,
        "PYTHONPATH": str(ROOT),
    }
    process = subprocess.Popen(  # noqa: S603 - our own text
        [sys.executable, "-c", _SLOWLY, str(path)],
        env=environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_for_rows(app: Flask, process: "subprocess.Popen[str]", *, more_than: int) -> None:
    """Wait until an import has written rows, or fail with what it said when it ended early."""

    def has_written() -> bool:
        ended = process.poll() is not None
        assert not ended, process.stdout.read() if process.stdout else ""
        return count(app, "finder_point") > more_than

    wait_until(has_written)


def wait_until(condition: Callable[[], bool], *, at_most_s: float = 90) -> None:
    """Wait until something is so, or fail."""
    deadline = time.monotonic() + at_most_s
    while not condition():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.02)


def count(app: Flask, table: str) -> int:
    """Return how many rows a table has."""
    with app.app_context(), db.engine.connect() as connection:
        return int(connection.scalar(text(f"select count(*) from {table}")) or 0)  # noqa: S608


def status(runner: FlaskCliRunner) -> str:
    """Return what `flask finder status` prints."""
    done = runner.invoke(args=["finder", "status"])
    assert done.exit_code == 0, done.output
    return done.output
