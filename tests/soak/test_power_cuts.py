"""The power goes at any write, sync or removal: what was acknowledged is there, once and whole.

The site's own code stores requests and claims on the sqlite3 of this Python, with the shipped
pragmas, and every call that reaches the disk is recorded. Then the disk is put together as a cut
may have left it (power_cut.py), and the site opens it.
"""

import random
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from clinicdir.audit.verifying import verify_chains
from clinicdir.db import db
from clinicdir.web.limits import FileStorage
from tests.conftest import build_app
from tests.parts import C_COMPILER
from tests.soak import watched_disk
from tests.soak.chance import seeded
from tests.soak.power_cut import Disk
from tests.soak.power_writer import EARLY, PRAGMAS, WAL

pytestmark = pytest.mark.needs(C_COMPILER)

SHIPPED = "as shipped"
NO_FAULTS = (0, 0, 0, 0, 0)
# Each of these counts rows that are there without something that belongs to them.
_WITHOUT = "select count(*) from appointment_request r where not exists (select 1 from "
HALVES = (
    _WITHOUT + "request_event e where e.request_id = r.id and e.action = 'submit')",
    _WITHOUT + "outbox_message m where m.subject_id = r.id) and r.status <> 'quarantined'",
    _WITHOUT + "request_location l where l.request_id = r.id)",
    _WITHOUT + "audit_entry a where a.subject = r.reference and a.action = 'submit')",
    _WITHOUT + "request_event e where e.request_id = r.id and e.action = 'claim')"
    " and r.status = 'in_review'",
)


@dataclass
class Found:
    """What was looked at and what was wrong."""

    cuts: int = 0
    acknowledged: int = 0
    lost: int = 0
    half: int = 0
    damaged: int = 0
    unlike: int = 0
    uncounted: int = 0
    examples: list[str] = field(default_factory=list)

    @property
    def faults(self) -> tuple[int, int, int, int, int]:
        return self.lost, self.half, self.damaged, self.unlike, self.uncounted

    def __str__(self) -> str:
        return (
            f"{self.cuts} cuts, {self.acknowledged} times something acknowledged before:"
            f" {self.lost} lost, {self.half} half, {self.damaged} files damaged,"
            f" {self.unlike} audit chains that do not fit, {self.uncounted} times no count of tries"
        )


class Cutter:
    """Lets the writer write, cuts the power at many moments and opens what is left."""

    def __init__(self, library: Path, template: Path, folder: Path) -> None:
        self.library, self._template, self.folder = library, template, folder
        self._image = folder / "image"
        self._image.mkdir()
        self._app: Flask = build_app(self._image)

    def run(self, ways: list[str], *, cuts: int, requests: int, seed: int = 1) -> dict[str, Found]:
        """Write in one process in each of these ways, and cut each run at so many moments."""
        folders = [self.folder / f"run-{seed}-{number}" for number in range(len(ways))]
        arguments: list[object] = []
        for folder, way in zip(folders, ways, strict=True):
            folder.mkdir()
            shutil.copy(self._template, folder)
            arguments += [folder, folder.with_suffix(".record"), way, requests]
        bases = [Disk(folder) for folder in folders]
        watched_disk.run_under(self.library, "tests.soak.power_writer", *arguments)
        told: dict[str, Found] = {}
        for folder, way, disk in zip(folders, ways, bases, strict=True):
            record = folder.with_suffix(".record")
            told[way] = self._cut(disk, record, cuts, seeded(f"{seed} {way}"))
            shutil.rmtree(folder)
            record.unlink()
        return told

    def cut_at_answers(self, disk: Disk, record: Path) -> Found:
        """Cut after each answer, with nothing left that was not synced."""
        found = Found()
        for call in watched_disk.read_calls(record):
            disk.do(call)
            if call.kind == "a":
                self._empty_image()
                disk.cut(self._image, 0.0, seeded(0))
                self._look(disk.notes, found, f"after {call.data.decode()}")
        return found

    def _cut(self, disk: Disk, record: Path, count: int, rng: random.Random) -> Found:
        calls, found = list(watched_disk.read_calls(record)), Found()
        # Half of the cuts come right after an answer, where a promise is the youngest.
        answers = [number for number, call in enumerate(calls) if call.kind == "a"]
        moments = sorted(
            rng.choice(answers) if rng.random() < 0.5 else rng.randrange(len(calls))
            for _ in range(count)
        )
        done = 0
        for moment in moments:
            while done <= moment:
                disk.do(calls[done])
                done += 1
            chance = rng.choice((0.0, 0.1, 0.5, 0.9, 1.0))
            self._empty_image()
            disk.cut(self._image, chance, rng)
            where = f"after call {moment} of {len(calls)}, chance {chance}"
            self._look(disk.notes, found, where)
        return found

    def _empty_image(self) -> None:
        with self._app.app_context():
            db.session.remove()
            db.engine.dispose()
        for path in self._image.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _look(self, notes: list[str], found: Found, where: str) -> None:
        """Open the image as the site does after its next start."""
        found.cuts += 1
        found.acknowledged += len(notes)
        with self._app.app_context():
            try:
                told = self._faults(notes, found)
            except DatabaseError as problem:
                found.damaged += 1
                found.lost += len(notes)
                told = f"cannot be read: {problem.orig}"
            db.session.rollback()
        if told and len(found.examples) < 10:
            found.examples.append(f"{where}: {told}")

    def _faults(self, notes: list[str], found: Found) -> str:
        """Count what is wrong with an image, and say it."""
        session = db.session
        whole = session.scalars(text("pragma integrity_check")).all()
        query = text("select submission_key, reference, status from appointment_request")
        stored = session.execute(query).all()
        there = {f"stored {key} {reference}" for key, reference, _ in stored}
        there |= {f"stored {key} " for key, _, _ in stored}  # noted before there was an answer
        there |= {f"claimed {reference}" for _, reference, status in stored if status != "received"}
        lost = [note for note in notes if note not in there]
        twice = len(stored) - len({key for key, _, _ in stored})
        half = twice + sum(session.scalars(text(query)).one() for query in HALVES)
        unlike = [one for one in verify_chains() if one.fault] if whole == ["ok"] else []
        found.lost += len(lost)
        found.half += half
        found.damaged += whole != ["ok"]
        found.unlike += len(unlike)
        uncounted = self._uncounted()
        found.uncounted += bool(uncounted)
        clean = not (lost or half or whole != ["ok"] or unlike or uncounted)
        return "" if clean else f"{lost[:2]}, {half} half, {whole[:2]}, {unlike[:1]}, {uncounted}"

    def _uncounted(self) -> str:
        """Return why tries cannot be counted after the cut: counts may be lost, counting not."""
        try:
            FileStorage(f"clinicdir-file://{self._image / 'limits.sqlite3'}").incr("try", 60)
        except sqlite3.Error as problem:
            return str(problem)
        return ""


@contextmanager
def memory_folder() -> Iterator[Path]:
    """Yield a folder in memory where there is such a thing: nothing here need reach a disk."""
    memory = Path("/dev/shm")  # noqa: S108 - mkdtemp makes a private folder in it
    made = tempfile.mkdtemp(prefix="clinicdir-cuts-", dir=memory if memory.is_dir() else None)
    try:
        yield Path(made)
    finally:
        shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def cutter(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Cutter]:
    library = watched_disk.build(tmp_path_factory.getbasetemp())
    with memory_folder() as folder:
        yield Cutter(library, sqlite_template, folder)


def sound(found: Found) -> None:
    assert found.faults == NO_FAULTS, found.examples
    assert found.acknowledged > 0


def test_power_cut_loses_nothing_acknowledged_and_the_check_would_see_it(cutter: Cutter) -> None:
    weaker = ["synchronous=NORMAL", "synchronous=OFF"]
    told = cutter.run([SHIPPED, *weaker], cuts=100, requests=6)
    sound(told[SHIPPED])
    assert [told[way].lost > 0 for way in weaker] == [True, True], told


@pytest.mark.soak
def test_twenty_thousand_power_cuts_lose_nothing(cutter: Cutter) -> None:
    for way, runs in ((SHIPPED, 40), (WAL, 20)):
        began, total = time.monotonic(), Found()
        for seed in range(runs):
            found = cutter.run([way], cuts=500, requests=12, seed=seed)[way]
            sound(found)
            total.cuts += found.cuts
            total.acknowledged += found.acknowledged
        print(f"{way}: {total}, {time.monotonic() - began:.0f} s")  # noqa: T201 - for the report


@pytest.mark.soak
@pytest.mark.parametrize("way", [*PRAGMAS, EARLY])
def test_weaker_ways_of_writing_are_found_out(cutter: Cutter, way: str) -> None:
    began = time.monotonic()
    found = cutter.run([way], cuts=1_000, requests=12)[way]
    print(f"{way}: {found}, {time.monotonic() - began:.0f} s")  # noqa: T201 - for the report
    assert found.lost > 0
