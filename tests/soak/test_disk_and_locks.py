"""A disk that fills up and a lock held by others, again and again, under clients that send again.

Nobody restarts the site: what is over has to be over for it too.
"""

import json
import random
import shutil
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.make import make_answers
from tests.parts import SMALL_DISK
from tests.small_disk import small_disk
from tests.soak.test_killed import Run
from tests.soak.test_postgres_away import Reader

pytestmark = pytest.mark.soak

_LASTS_S = 10
# For hangs only.
_PATIENCE_S = 120.0
_HOLD = """
import sqlite3, sys
holder = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)
holder.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def kept_full(disk: Path) -> Iterator[None]:
    """Fill a disk to the last byte, take what is freed meanwhile, and free it again."""
    filler, full, end = disk / "filler", threading.Event(), threading.Event()

    def fill() -> None:
        with filler.open("wb", buffering=0) as file:
            while not end.wait(0.02):
                for size in (65_536, 4_096, 1):
                    with suppress(OSError):
                        while True:
                            file.write(bytes(size))
                full.set()

    thread = threading.Thread(target=fill)
    thread.start()
    try:
        assert full.wait(_PATIENCE_S)
        yield
    finally:
        end.set()
        thread.join()
        filler.unlink()


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Have another process hold the only lock, and end it without warning."""
    holder = subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-c", _HOLD, str(database)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            yield
        finally:
            holder.kill()


class Rounds:
    """Brings a trouble about and sees what comes of it before, while and after."""

    def __init__(self, trouble: Callable[[], AbstractContextManager[None]]) -> None:
        self._trouble = trouble
        self._count = 0
        self.pages, self.slowest, self.refused = Counter[int](), 0.0, 0
        self.over_after = 0.0

    def __call__(self, run: Run, _rng: random.Random) -> None:
        """Go through one round, as test_killed goes through a kill."""
        self._count += 1
        if self._count == 1:
            time.sleep(5)  # the copy of the directory is made
        run.let_answer(20)
        name, end = f"Program probe {self._count}", threading.Event()
        reader = Reader(run.site.base, end)
        reader.start()
        try:
            refused = run.book.statuses[503]
            with self._trouble():
                until = time.monotonic() + _LASTS_S
                status, told = post(run.site.base, name)
                assert status == 503, told
                assert told["phones"]["Renton"] == "+12066939929"
                time.sleep(max(0, until - time.monotonic()))
            self.refused += run.book.statuses[503] - refused
            assert run.book.statuses[503] > refused  # not the probe alone met it
            run.book.tried.add(name)
            run.book.note(name, self._send_again(run, name))
            self._see_more(run)
        finally:
            end.set()
            reader.join()
        self.pages += reader.statuses
        self.slowest = max(self.slowest, reader.slowest)

    def _send_again(self, run: Run, name: str) -> str:
        """Send until acknowledged; who comes before the site has noticed is refused once more."""
        begun = time.monotonic()
        while (answer := post(run.site.base, name))[0] == 503:
            assert time.monotonic() - begun < _PATIENCE_S
            time.sleep(0.05)
        assert answer[0] == 201, answer
        self.over_after = max(self.over_after, time.monotonic() - begun)
        reference: str = answer[1]["reference"]
        return reference

    def _see_more(self, run: Run) -> None:
        """Wait until every kind of client was acknowledged something more."""
        begun, give_up = self._heard(run), time.monotonic() + _PATIENCE_S
        while any(now <= then for now, then in zip(self._heard(run), begun, strict=True)):
            assert run.book.refusals == []
            assert time.monotonic() < give_up, (begun, self._heard(run))
            time.sleep(0.05)

    def _heard(self, run: Run) -> tuple[int, int, int]:
        with run.book.lock:
            kinds = Counter(name.partition(" ")[0] for name in run.book.requests)
            return kinds["Program"], kinds["Patient"], len(run.book.claims)


def post(base: str, name: str) -> tuple[int, dict[str, Any]]:
    """Send a request to the API under a key that is the patient's name."""
    request = urllib.request.Request(  # noqa: S310 - loopback
        f"{base}/api/v1/requests",
        json.dumps(make_answers(patient_name=name, note=f"About {name}")).encode(),
        {"Content-Type": "application/json", "Idempotency-Key": name},
    )
    try:
        with urllib.request.urlopen(request, timeout=_PATIENCE_S) as answer:  # noqa: S310
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, json.load(refusal)


def check_rounds(folder: Path, what: str, times: int, rounds: Rounds) -> None:
    """Go through the rounds, check all that is stored, and print the figures."""
    run = Run(folder)
    figures = run.kill(times, rounds, what=what)
    assert len(run.site.starts) == 1
    assert run.book.without_phone == []
    assert set(rounds.pages) == {200}
    print(  # noqa: T201 - the figures of the report
        f"SQLite: {figures}; {rounds.refused} times 503 with the phone,"
        f" {rounds.pages.total()} pages of the directory all 200, slowest {rounds.slowest:.1f} s,"
        f" stores again {rounds.over_after:.1f} s at most after the end"
    )


@pytest.mark.needs(SMALL_DISK)
def test_disk_filled_five_times_loses_nothing_and_the_directory_goes_on(
    tmp_path: Path, sqlite_template: Path
) -> None:
    with small_disk(tmp_path / "disk", "64m") as disk:
        shutil.copy(sqlite_template, disk / "clinicdir.sqlite3")
        what = f"times a disk full for {_LASTS_S} s"
        check_rounds(disk, what, 5, Rounds(lambda: kept_full(disk)))


def test_lock_held_five_times_loses_nothing_and_the_directory_goes_on(
    tmp_path: Path, sqlite_template: Path
) -> None:
    database = tmp_path / "clinicdir.sqlite3"
    shutil.copy(sqlite_template, database)
    what = f"times an exclusive lock held for {_LASTS_S} s"
    check_rounds(tmp_path, what, 5, Rounds(lambda: locked(database)))
