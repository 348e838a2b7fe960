"""A migration run that is killed leaves nothing half done: the next run ends as an undisturbed one.

tests/soak/test_migrations_killed.py kills each migration at each statement.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from clinicdir.cli.preparing import newest_version

ROOT = Path(__file__).parent.parent.parent
ENGINES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("PostgreSQL"))]


def kill_runs(folder: Path, server: str | None, **order: object) -> dict[str, Any]:
    """Have migrations killed in a process of its own; return what came of it."""
    order |= {"folder": str(folder), "server": server or ""}
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "tests.killed_migrations", json.dumps(order)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.mark.parametrize("engine", ENGINES)
def test_four_kills_on_the_way_up_leave_nothing_half_done(
    engine: str, tmp_path: Path, postgres_url: str | None
) -> None:
    server = postgres_url if engine == "postgresql" else ""
    told = kill_runs(
        tmp_path,
        server,
        previous="0001_first_tables",
        target=newest_version(),
        moments=[
            "ix_finder_place_key",  # the last statement of a migration
            "update appointment_request set due_at",
            "CREATE TABLE staff_factor",
            "ix_mistake_report_done_at",  # on PostgreSQL one of two that stand outside transactions
        ],
        afresh=False,
    )
    assert told == {"killed": 4, "differing": []}
