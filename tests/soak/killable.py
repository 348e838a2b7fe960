"""The site and its PostgreSQL as real processes that are killed without warning and start again."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.integration.test_serving import FLASK, ROOT, Server
from tests.postgres import USER, _run, _unprivileged_account, find_binaries, free_port

_PATIENCE_S = 120.0


class Site:
    """`flask serve` with shipped settings, but for the limit of requests from one address."""

    def __init__(self, instance: Path, **settings: str) -> None:
        server = Server(instance)
        self.port, self.base = server.port, f"http://127.0.0.1:{server.port}"
        self._environment = server.environment | {
            f"CLINICDIR_{name.upper()}": value for name, value in settings.items()
        }
        self._log = instance / "serve.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.starts: list[float] = []

    def launch(self) -> None:
        """Start the process and do not wait."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                [FLASK, "serve"], cwd=ROOT, env=self._environment, stdout=log, stderr=log
            )

    def start(self) -> None:
        """Start the process and wait until it listens; note how long it took."""
        began = time.monotonic()
        self.launch()
        assert self._process is not None
        while not self._listens():
            assert self._process.poll() is None, self._log.read_text()[-2000:]
            assert time.monotonic() - began < _PATIENCE_S, self._log.read_text()[-2000:]
            time.sleep(0.01)
        self.starts.append(time.monotonic() - began)

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def kill(self, with_signal: signal.Signals = signal.SIGKILL) -> None:
        """End the process and wait until it is gone."""
        if self._process is not None:
            self._process.send_signal(with_signal)
            self._process.wait(timeout=60)
            self._process = None


class Postgres:
    """A server with PostgreSQL's own settings: what it has committed is on the disk."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._data = folder, folder / "data"
        self._account = _unprivileged_account()
        self._binaries = find_binaries()
        assert self._binaries is not None
        self._port = free_port()
        self.url = f"postgresql+psycopg://{USER}@127.0.0.1:{self._port}/postgres"

    def make(self) -> None:
        """Make the cluster."""
        self._do("initdb", "-D", self._data, "-U", USER, "-A", "trust", "-E", "UTF8")

    def start(self) -> None:
        """Start it and wait until it takes connections; what was killed has to leave first."""
        options = f"-c listen_addresses=127.0.0.1 -p {self._port} -k {self._folder}"
        give_up = time.monotonic() + _PATIENCE_S
        while True:
            try:
                log = self._folder / "log"
                self._do("pg_ctl", "-D", self._data, "-o", options, "-l", log, "-w", "start")
            except subprocess.CalledProcessError:
                assert time.monotonic() < give_up, (self._folder / "log").read_text()[-2000:]
                time.sleep(0.1)
            else:
                return

    def kill(self) -> None:
        """SIGKILL to the server and to every process of it."""
        first = int((self._data / "postmaster.pid").read_text().split("\n")[0])
        children = [number for number, parent in _parents() if parent == first]
        for number in (first, *children):
            with contextlib.suppress(ProcessLookupError):  # it noticed by itself
                os.kill(number, signal.SIGKILL)

    def _do(self, program: str, *arguments: object) -> None:
        assert self._binaries is not None
        _run(self._account, self._binaries / program, *arguments)


def _parents() -> Iterator[tuple[int, int]]:
    """Yield the number of each process and of its parent."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = path.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        yield int(path.parent.name), int(words[1])


@contextmanager
def running_postgres_to_kill(folder: Path) -> Iterator[Postgres]:
    """Yield a server in a folder that both of us may use, and end it."""
    account = _unprivileged_account()
    if account is not None:
        shutil.chown(folder, *account)
    postgres = Postgres(folder)
    postgres.make()
    postgres.start()
    try:
        yield postgres
    finally:
        postgres.kill()
