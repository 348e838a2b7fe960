"""PostgreSQL stopped for half a minute, restarted and full up, under clients that send again."""

import os
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from tests.conftest import KEY, SECRET
from tests.integration.test_database_away import processes_under
from tests.postgres import find_binaries, running_postgres
from tests.soak.killable import Site
from tests.soak.retrying import Book, Client, Patient, Program
from tests.soak.test_power_cuts import HALVES

pytestmark = [pytest.mark.soak, pytest.mark.needs("PostgreSQL")]


@pytest.fixture
def server() -> Iterator[str]:
    """Yield the URL of an empty database on a server of this test's own."""
    with running_postgres() as url:
        administrator = create_engine(f"{url}/postgres", isolation_level="AUTOCOMMIT")
        with administrator.connect() as connection:
            connection.execute(text("create database clinicdir_away"))
        administrator.dispose()
        yield f"{url}/clinicdir_away"


def folder_of(url: str) -> Path:
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        row = connection.execute("show data_directory").fetchone()
    assert row is not None
    return Path(row[0])


def stop_for(url: str, seconds: float) -> None:
    first = int((folder_of(url) / "postmaster.pid").read_text().splitlines()[0])
    pids = processes_under(first)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(seconds)
    for pid in reversed(pids):
        os.kill(pid, signal.SIGCONT)


def restart(url: str, mode: str) -> None:
    folder, binaries = folder_of(url), find_binaries()
    owner = folder.stat()
    control = [f"{binaries}/pg_ctl", "-D", str(folder), "-l", str(folder.parent / "log")]
    subprocess.run(  # noqa: S603 - our own arguments
        [*control, "-w", "-m", mode, "restart"],
        check=True, cwd="/", user=owner.st_uid, group=owner.st_gid, stdout=subprocess.DEVNULL,
    )  # fmt: skip


def use_up(url: str, seconds: float) -> None:
    """Take every connection there is, those of the site too, and keep them."""
    plain = url.replace("+psycopg", "")
    with ExitStack() as stack:
        one = stack.enter_context(psycopg.connect(plain, autocommit=True))
        ours = [one.info.backend_pid]
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            with suppress(psycopg.OperationalError):  # too many clients
                while True:
                    taken = stack.enter_context(psycopg.connect(plain))
                    ours.append(taken.info.backend_pid)
            # The site may be quicker than we are, and keeps what it has.
            one.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where backend_type = 'client backend' and not pid = any(%s)",
                (ours,),
            )
            time.sleep(0.02)


TROUBLES: dict[str, Callable[[str], None]] = {
    "stopped for 30 s": lambda url: stop_for(url, 30),
    "restarted, fast": lambda url: restart(url, "fast"),
    "restarted, immediate": lambda url: restart(url, "immediate"),
    "no connection left for 10 s": lambda url: use_up(url, 10),
}


class Reader(threading.Thread):
    """Opens pages of the directory all the while and notes what came and how long it took."""

    def __init__(self, base: str, end: threading.Event) -> None:
        super().__init__()
        self.base, self.end = base, end
        self.statuses, self.slowest = Counter[int](), 0.0

    def run(self) -> None:
        while not self.end.wait(0.1):
            for path in ("/", "/locations/renton", "/?near=98057"):
                begun = time.monotonic()
                try:
                    with urllib.request.urlopen(self.base + path, timeout=30) as page:  # noqa: S310
                        self.statuses[page.status] += 1
                except urllib.error.HTTPError as refusal:
                    self.statuses[refusal.code] += 1
                    refusal.close()
                self.slowest = max(self.slowest, time.monotonic() - begun)


@pytest.mark.parametrize("trouble", TROUBLES)
def test_nothing_is_lost_and_the_directory_goes_on(
    server: str, tmp_path: Path, trouble: str
) -> None:
    site = Site(tmp_path, database_url=server, encryption_keys=KEY, secret_key=SECRET)
    site.start()
    book, end = Book(), threading.Event()
    where = (site.base, book, end)
    clients: list[Client] = [*(Program(*where, number) for number in range(3)), Patient(*where, 0)]
    reader = Reader(site.base, end)
    began = time.monotonic()
    try:
        time.sleep(3)  # the copy of the directory is made
        for thread in (*clients, reader):
            thread.start()
        time.sleep(5)
        TROUBLES[trouble](server)
        time.sleep(5)
    finally:
        end.set()
        for thread in (*clients, reader):
            thread.join(timeout=600)
        site.kill(signal.SIGTERM)
    assert book.refusals == []
    engine = create_engine(make_url(server))
    with engine.connect() as connection:
        stored = connection.scalar(text("select count(*) from appointment_request"))
        keys = connection.scalar(
            text("select count(distinct submission_key) from appointment_request")
        )
        halves = [connection.scalar(text(query)) for query in HALVES]
    engine.dispose()
    assert (stored, keys) == (len(book.requests), len(book.requests))
    assert halves == [0] * len(HALVES)
    assert book.without_phone == []
    assert set(reader.statuses) == {200}
    assert book.statuses[503] + book.broken_off > 0  # else nothing was tried
    print(  # noqa: T201 - the figures of the report
        f"PostgreSQL {trouble}: {len(book.requests)} requests acknowledged, {stored} stored,"
        f" {book.statuses[503]} times 503, {reader.statuses.total()} pages of the directory all"
        f" 200, slowest {reader.slowest:.1f} s, {time.monotonic() - began:.0f} s"
    )
