"""The import as a whole: reads files, writes their rows beside the old ones, puts them in use."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from clinicdir.audit.operations import record
from clinicdir.audit.rules import Actor
from clinicdir.db import sole_process, transaction
from clinicdir.errors import Conflict
from clinicdir.finder import in_use
from clinicdir.finder.importing import storing
from clinicdir.finder.importing.collecting import PlaceCollector, StreetCollector
from clinicdir.finder.importing.rows import (
    AddressRow,
    BadFile,
    PlaceRow,
    Problem,
    Problems,
    RangeRow,
)
from clinicdir.finder.importing.sniffing import Row, region_of, start_reading
from clinicdir.finder.importing.sources import Source, open_source
from clinicdir.finder.models import ImportKind

TOLD_EVERY_ROWS = 20_000

# Hears how far a file has been read: the file, and the rows so far.
Watch = Callable[[Source, int], None]


@dataclass(frozen=True)
class ImportReport:
    """What one file brought."""

    file: str
    format_name: str
    kind: ImportKind
    region: str
    rows: int
    streets: int
    points: int
    seconds: float
    problems: Problems

    @property
    def rows_per_s(self) -> float:
        """Return how many rows were read and stored in a second."""
        return self.rows / max(self.seconds, 0.001)


def import_files(
    paths: Sequence[Path],
    *,
    region: str | None,
    actor: Actor,
    now: datetime,
    watch: Watch,
) -> list[ImportReport]:
    """Import files and put all of them in use in one step, or raise BadFile and change nothing."""
    with sole_process("import") as is_sole:
        if not is_sole:
            raise Conflict("Another import is running. Wait until it has ended.")
        storing.delete_leftovers()
        made: dict[int, ImportReport] = {}
        try:
            for path in paths:
                import_id, report = _load(path, region or region_of(path), now, watch)
                made[import_id] = report
            with transaction():
                storing.put_in_use({one: (it.kind, it.region) for one, it in made.items()})
                for report in made.values():
                    detail = f"{report.file}: {report.rows} rows, {report.points} points"
                    subject = f"{report.kind}/{report.region}"
                    record("finder.import", actor=actor, now=now, subject=subject, detail=detail)
            in_use.forget()
        finally:
            storing.delete_leftovers()
    return list(made.values())


def check_files(paths: Sequence[Path], *, tell: Callable[[Problem], None], watch: Watch) -> int:
    """Read files as an import would, telling each problem; return how many there were."""
    count = 0
    for path in paths:
        with open_source(path) as source:
            problems = Problems(source.name, tell)
            reading = start_reading(source, problems)
            rows = sum(1 for _ in _watched(reading.rows, source, watch))
            _refuse_bad_file(source, problems, rows)
            count += problems.count
    return count


def _load(path: Path, region: str, now: datetime, watch: Watch) -> tuple[int, ImportReport]:
    """Read one file whole, then write it into a generation that is not in use."""
    began = time.monotonic()
    with open_source(path) as source:
        problems = Problems(source.name)
        reading = start_reading(source, problems)
        streets, places = StreetCollector(), PlaceCollector()
        count = _collect(_watched(reading.rows, source, watch), streets, places)
        _refuse_bad_file(source, problems, count)
    facts = {
        "kind": reading.kind,
        "region": region,
        "file_name": source.name,
        "file_format": reading.format_name,
        "rows": count,
        "bad_rows": problems.count,
    }
    import_id = storing.start_generation(facts, now=now)
    street_count, point_count = storing.store_streets(import_id, streets)
    point_count += storing.store_places(import_id, places.places())
    storing.finish_generation(import_id, streets=street_count, points=point_count)
    report = ImportReport(
        file=source.name,
        format_name=reading.format_name,
        kind=reading.kind,
        region=region,
        rows=count,
        streets=street_count,
        points=point_count,
        seconds=time.monotonic() - began,
        problems=problems,
    )
    return import_id, report


def _watched(rows: Iterator[Row], source: Source, watch: Watch) -> Iterator[Row]:
    """Yield the rows and tell now and then how far they have come."""
    count = 0
    for count, row in enumerate(rows, 1):
        if not count % TOLD_EVERY_ROWS:
            watch(source, count)
        yield row
    watch(source, count)


def _collect(rows: Iterator[Row], streets: StreetCollector, places: PlaceCollector) -> int:
    """Put every row where it belongs and return how many there were."""
    count = 0
    for row in rows:
        count += 1
        if isinstance(row, AddressRow):
            streets.add(row)
        elif isinstance(row, RangeRow):
            streets.add_range(row)
        elif isinstance(row, PlaceRow):
            places.add(row)
    return count


def _refuse_bad_file(source: Source, problems: Problems, count: int) -> None:
    """Refuse a file that is cut off, empty, or mostly unusable: it is not what it looks like."""
    last = problems.last
    if last is not None and source.ends_inside(last.line):
        raise BadFile(f"{source.name}: ends in the middle of line {last.line}. Get it again.")
    if not count and not problems.count:
        raise BadFile(f"{source.name}: holds no rows.")
    if problems.count > count:
        ((name, allowed), times), *_ = problems.reasons.most_common(1)
        raise BadFile(
            f"{source.name}: {problems.count:,} of {problems.count + count:,} rows cannot be used."
            f" Most often ({times:,} times) {name}: {allowed}. The first is {problems.first[0]}"
        )
