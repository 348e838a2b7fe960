"""The fixtures that everybody knows: app, client, runner; and which real parts were found."""

import os
import shutil
import socket
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient, FlaskCliRunner

from clinicdir import clock, create_app
from clinicdir.cli.serving import prepare_database
from clinicdir.crypto import new_key
from clinicdir.db import db
from clinicdir.settings import load_settings
from tests import canaries
from tests.client import CheckedClient
from tests.compiled import share_routes, share_templates
from tests.parts import NOT_FOUND, PARTS
from tests.postgres import running_postgres

KEY = new_key()
LEFT_TO_SOAK = pytest.StashKey[set[str]]()
SECRET = "a secret of the test run, at least 32 characters"

share_routes()
for _name in [name for name in os.environ if name.startswith("CLINICDIR_")]:  # noqa: TID251
    del os.environ[_name]  # noqa: TID251 - the operator's settings are not the tests'


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(part): runs only where this real part is found")
    config.stash[LEFT_TO_SOAK] = set()
    if not config.pluginmanager.is_registered(canaries):
        config.pluginmanager.register(canaries)
    if config.pluginmanager.hasplugin("xdist"):
        config.pluginmanager.register(SoakOfWorkers())


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("needs"):
        part = marker.args[0]
        if not PARTS[part]():
            if os.environ.get("REQUIRE_REAL_PARTS"):  # noqa: TID251
                pytest.fail(f"{part} was not found, and this run requires it")
            pytest.skip(f"{NOT_FOUND}{part}")


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Count the long tests that this run leaves to `make soak`."""
    for item in items:
        if item.get_closest_marker("soak"):
            item.config.stash[LEFT_TO_SOAK].add(item.nodeid)


def pytest_sessionfinish(session: pytest.Session) -> None:
    output = getattr(session.config, "workeroutput", None)
    if output is not None:  # a worker of pytest-xdist, whose controller collects nothing
        left = session.config.stash[LEFT_TO_SOAK]
        output["left_to_soak"] = sorted(left)


class SoakOfWorkers:
    """Takes over what the workers of pytest-xdist left out; each of them collects everything."""

    def pytest_testnodedown(self, node: Any) -> None:  # noqa: ANN401 - xdist has no types for it
        left: list[str] = getattr(node, "workeroutput", {}).get("left_to_soak", [])
        node.config.stash[LEFT_TO_SOAK].update(left)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many tests did not run, and for want of what."""
    left = len(terminalreporter.config.stash[LEFT_TO_SOAK])
    if left and "not soak" in terminalreporter.config.option.markexpr:
        terminalreporter.write_line(f"{left} longer tests did not run: `make soak` runs them")
    reasons = [str(report.longrepr) for report in terminalreporter.stats.get("skipped", [])]
    for part in PARTS:
        count = sum(f"{NOT_FOUND}{part}" in reason for reason in reasons)
        if count:
            terminalreporter.write_line(f"{count} tests did not run for want of {part}")


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing leave this machine: only loopback and unix sockets connect."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        host = address[0] if isinstance(address, tuple) else "127.0.0.1"
        assert host in ("127.0.0.1", "::1", "localhost"), f"a test wanted to reach {host}"
        connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", guarded)


def build_app(instance: Path, **changes: object) -> Flask:
    """Return an app with keys of the test run, on SQLite unless told otherwise."""
    given = {
        "instance": instance,
        "secret_key": SECRET,
        "encryption_keys": KEY,
        "rate_limits": "off",
        # What production wants its operator to have read.
        "retention_days": 365,
        "confirmed_group_name": "HIDEF",
        "confirmed_privacy_text": "2026-11-24.2",
        "confirmed_emergency_line": "911",
    }
    app = create_app(load_settings(**(given | changes)))
    app.test_client_class = CheckedClient
    share_templates(app)
    return app


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str | None]:
    with running_postgres() as url:
        yield url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a migrated and seeded SQLite file, to be copied."""
    folder = tmp_path_factory.mktemp("template")
    app = build_app(folder)
    with app.app_context():
        prepare_database()
        db.session.remove()
        db.engine.dispose()
    return folder / "clinicdir.sqlite3"


@pytest.fixture
def sqlite_app(tmp_path: Path, sqlite_template: Path) -> Iterator[Flask]:
    """Return an app on SQLite with the six clinics."""
    shutil.copy(sqlite_template, tmp_path / "clinicdir.sqlite3")
    app = build_app(tmp_path)
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def app(sqlite_app: Flask) -> Flask:
    """Return an app with the six clinics; tests/integration runs it on both engines."""
    return sqlite_app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def runner(app: Flask) -> FlaskCliRunner:
    return app.test_cli_runner()


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def move(self, **by: float) -> None:
        self.at += timedelta(**by)


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Return a clock that stands at a Tuesday noon in Renton."""
    still = Clock(datetime.fromisoformat("2026-11-24T20:00:00+00:00"))
    monkeypatch.setattr(clock, "now", still.now)
    return still
