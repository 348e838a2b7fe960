"""Each migration is killed before and after each of its statements, and run again."""

import time
from itertools import pairwise
from pathlib import Path

import pytest

from tests.killed_migrations import BASE
from tests.migrations.test_killed import ENGINES, ROOT, kill_runs

VERSIONS = [BASE, *sorted(path.stem for path in (ROOT / "migrations/versions").glob("*.py"))]


@pytest.mark.soak
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("previous", "target"), list(pairwise(VERSIONS)))
def test_a_migration_killed_at_any_statement_ends_well_when_run_again(
    engine: str, previous: str, target: str, tmp_path: Path, postgres_url: str | None
) -> None:
    server = postgres_url if engine == "postgresql" else ""
    backup = "on" if target == VERSIONS[-1] else "off"
    start = time.monotonic()
    told = kill_runs(tmp_path, server, previous=previous, target=target, backup=backup)
    took = time.monotonic() - start
    print(f"{engine} {target}: {told['killed']} kills, {told['differing']} differ, {took:.0f} s")  # noqa: T201 - for the docs
    assert told["killed"] > 5
    assert told["differing"] == []
