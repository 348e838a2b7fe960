"""The disk fails at the n-th call, for every n: what was acknowledged is stored, the rest says so.

Below SQLite and Python each write, sync, new length, new file, renaming and removal may fail, a
write when it is half done. Somebody who is refused reads the phone number of the clinic, has the
text still, and sends it again with success once the disk is sound.
"""

import json
import shutil
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.parts import C_COMPILER
from tests.soak import watched_disk
from tests.soak.failing_disk import DOORS, FAILURES
from tests.soak.power_cut import Disk
from tests.soak.test_power_cuts import NO_FAULTS, Cutter, cutter

__all__ = ["cutter"]  # the fixture

pytestmark = pytest.mark.needs(C_COMPILER)

# What says yes at each door; a step of the form leads on to the next page.
YES = {"api": 201, "step": 303, "form": 303, "claim": 303}


def fail_at(cutter: Cutter, template: Path, triples: list[tuple[str, str, int]]) -> str:
    """Let the calls fail one by one, check each outcome, and return the figures in one line."""
    began, folder = time.monotonic(), cutter.folder / "failing"
    folder.mkdir()
    shutil.copy(template, folder)
    base, record = Disk(folder), cutter.folder / "failing.record"
    words = [word for triple in triples for word in triple]
    told = watched_disk.run_under(
        cutter.library, "tests.soak.failing_disk", folder, record, *words, seconds=3_000
    )
    outcomes: Counter[str] = Counter()
    tries = json.loads(told)
    for one in tries:
        door, (first, again), (stored, stored_again) = one["door"], one["statuses"], one["stored"]
        # An error after the last point of return: stored, though nobody could say so.
        is_well = first == YES[door] and stored == 1
        assert is_well or (first == 503 and one["kept"] and stored in (0, 1)), one
        # The second press of a claim that was stored is told that it is taken up already.
        assert again == YES[door] or (door == "claim" and stored == 1 and again == 409), one
        assert stored_again == 1, one
        outcomes["no call failed" if not one["failed"] else f"{first}, {stored} stored"] += 1
    assert outcomes["no call failed"] == len(triples)
    assert outcomes["503, 0 stored"] > 0
    found = cutter.cut_at_answers(base, record)
    assert found.faults == NO_FAULTS, found.examples
    return f"{len(tries)} tries, {dict(outcomes)}, {time.monotonic() - began:.0f} s; {found}"


def test_failing_disk_is_said_and_never_hidden(cutter: Cutter, sqlite_template: Path) -> None:
    triples = [("api", "an error", 13), ("claim", "a full disk", 13), ("form", "an error", 37)]
    fail_at(cutter, sqlite_template, triples)


@pytest.mark.soak
@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("door", DOORS)
def test_every_call_fails_once(
    cutter: Cutter, sqlite_template: Path, door: str, failure: str
) -> None:
    figures = fail_at(cutter, sqlite_template, [(door, failure, 1)])
    print(f"{door}, {failure}: {figures}", flush=True)  # noqa: T201 - for the report
