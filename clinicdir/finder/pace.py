"""One request a second for the whole application, and what became of the requests.

The pace stands in a small SQLite file of the instance folder, so that all processes of the site
share it. No address ever gets near it.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

FILE_NAME = "geocoder.sqlite3"
# A fifth more than a second, because a request may leave a little late and the next one not.
EVERY_S = 1.2
# Who would wait longer gets the offline answer instead; a page's thread is worth more.
LONGEST_WAIT_S = 1.2
MOST_FAILURES = 3
PAUSE_S = 60.0
# A pause that ends later than this was set by a clock that has since been put back.
LONGEST_PAUSE_S = 3_600.0

_SCHEMA = """
create table if not exists pace (
    id integer primary key check (id = 1), free_at real not null, paused_until real not null,
    failures integer not null
);
create table if not exists tally (outcome text primary key, count integer not null) without rowid;
insert into pace values (1, 0, 0, 0) on conflict do nothing;
"""
_RESERVE = """
update pace set
    free_at = case when free_at between :now and :latest then free_at else :now end + :every
where (free_at <= :latest or free_at > :now + :longest)
    and (paused_until <= :now or paused_until > :now + :longest)
returning free_at - :every
"""
_COUNT = """
insert into tally values (?, 1) on conflict (outcome) do update set count = count + 1
"""


@dataclass(frozen=True)
class Pace:
    """The shared pace and tally of one site."""

    path: Path

    def reserve(self, now: float) -> float | None:
        """Return in how many seconds a request may leave, None for not now."""
        values = {
            "now": now,
            "latest": now + LONGEST_WAIT_S,
            "every": EVERY_S,
            "longest": LONGEST_PAUSE_S,
        }
        with self._open() as connection:
            row = connection.execute(_RESERVE, values).fetchone()
        return None if row is None else max(0.0, float(row[0]) - now)

    def count(self, outcome: str) -> None:
        """Count an outcome that says nothing of the service's health."""
        with self._open() as connection:
            connection.execute(_COUNT, (outcome,))

    def succeed(self, outcome: str) -> None:
        """Count an answer; earlier failures are forgotten."""
        with self._open() as connection:
            connection.execute(_COUNT, (outcome,))
            connection.execute("update pace set failures = 0")

    def fail(self, outcome: str, now: float, *, pause_s: float = 0) -> None:
        """Count a failure; after three in a row, or as the service asks, pause for seconds."""
        with self._open() as connection:
            connection.execute(_COUNT, (outcome,))
            query = "update pace set failures = failures + 1 returning failures"
            (failures,) = connection.execute(query).fetchone()
            if failures >= MOST_FAILURES:
                pause_s = max(pause_s, PAUSE_S)
            if pause_s:
                until = now + min(pause_s, LONGEST_PAUSE_S)
                connection.execute("update pace set paused_until = ?", (until,))

    def tally(self) -> dict[str, int]:
        """Return how often each outcome was counted; empty before the first request."""
        if not self.path.exists():
            return {}
        with self._open() as connection:
            return dict(connection.execute("select outcome, count from tally order by outcome"))

    def failures_in_a_row(self) -> int:
        """Return how many of the last requests failed without one that succeeded."""
        if not self.path.exists():
            return 0
        with self._open() as connection:
            return int(connection.execute("select failures from pace").fetchone()[0])

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection inside one transaction; counts may be lost in a power cut."""
        is_new = not self.path.exists()
        if is_new:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.touch(mode=0o600)
        with closing(sqlite3.connect(self.path, timeout=2, isolation_level=None)) as connection:
            connection.execute("pragma synchronous = off")
            connection.executescript(_SCHEMA)
            connection.execute("begin immediate")
            yield connection
            connection.execute("end")
