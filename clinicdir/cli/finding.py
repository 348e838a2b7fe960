"""Commands that fill the finder with places and say what it holds."""

import json
import sys
import time
from pathlib import Path
from typing import Any

import click

from clinicdir import clock
from clinicdir.audit.rules import OPERATOR
from clinicdir.cli.directory import finder
from clinicdir.cli.refusals import in_plain_words
from clinicdir.finder.gazetteer import Gazetteer
from clinicdir.finder.importing.rows import SHOWN_PROBLEMS
from clinicdir.finder.importing.running import ImportReport, check_files, import_files
from clinicdir.finder.importing.sources import Source
from clinicdir.finder.importing.storing import list_imports
from clinicdir.finder.models import FinderImport, ImportKind
from clinicdir.finder.places import KnownPlaces
from clinicdir.finder.points import PointIndex
from clinicdir.finder.refitting import REGIONS, refit
from clinicdir.finder.rules import Position, haversine_m, parse_line
from clinicdir.locations.queries import list_all_locations
from clinicdir.web.parts import parts

# The group, with the commands of this module hung on it.
__all__ = ["finder"]

_TOLD_EVERY_S = 1.0
_PATH = click.Path(path_type=Path)


@finder.command("import")
@click.argument("files", nargs=-1, required=True, type=_PATH, metavar="FILE...")
@click.option("--region", help="What the files cover; without it, the name of each file.")
@click.option("--dry-run", is_flag=True, help="Only print what is wrong with the files.")
@in_plain_words
def import_places(files: tuple[Path, ...], region: str | None, dry_run: bool) -> None:
    """Import address points, ranges, ZIP codes or cities; formats are told by the content.

    Files of the same kind and region as earlier ones replace those, all in one step at the end.
    """
    progress = Progress()
    if dry_run:
        problems = check_files(files, tell=lambda problem: click.echo(str(problem)), watch=progress)
        click.echo(f"{problems:,} problems. Nothing was changed.")
        sys.exit(1 if problems else 0)
    reports = import_files(files, region=region, actor=OPERATOR, now=clock.now(), watch=progress)
    for report in reports:
        _tell(report)
    click.echo(f"In use. {progress.seconds:.1f} s.")
    _tell_own_addresses()
    if any(report.kind is ImportKind.ADDRESSES for report in reports):
        click.echo("Fitting the regions' grids to the addresses …")
        for fitted in refit(parts().settings.instance / REGIONS):
            click.echo(str(fitted))
            for line in fitted.lines:
                click.echo(f"  {line}")
        click.echo("A site that runs uses a new grid after its next start.")


@finder.command("status")
@click.option("--json", "as_json", is_flag=True)
@in_plain_words
def status(as_json: bool) -> None:
    """Say which files are in use: from where, since when, how many rows."""
    rows = [_facts(one) for one in list_imports()]
    if as_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    if not rows:
        click.echo("Nothing was imported. The finder uses the ZIP codes and cities it came with.")
    for row in rows:
        click.echo(
            f"{row['kind']}  {row['region']}  {row['file']} ({row['format']})"
            f"  {row['rows']:,} rows, {row['streets']:,} streets, {row['points']:,} points,"
            f" {row['bad_rows']:,} bad rows  {row['imported_at']}"
        )


class Progress:
    """Tells on standard error how far a file is read, how fast, and how long it will take."""

    def __init__(self) -> None:
        """Start the clock."""
        self._began = self._file_began = self._told = time.monotonic()
        self._file = ""

    @property
    def seconds(self) -> float:
        """Return the seconds since the start."""
        return time.monotonic() - self._began

    def __call__(self, source: Source, rows: int) -> None:
        """Hear of some more rows."""
        now = time.monotonic()
        if source.name != self._file:
            self._file, self._file_began = source.name, self._told
        if now - self._told < _TOLD_EVERY_S:
            return
        self._told = now
        taken = now - self._file_began
        share = source.done_bytes / source.size
        left = taken * (1 - share) / share if share else 0
        click.echo(
            f"{source.name}: {share:.0%}, {rows:,} rows, {rows / taken:,.0f} rows/s,"
            f" {left:.0f} s left",
            err=True,
        )


def _tell_own_addresses() -> None:
    """Say how far each clinic's pinned position is from what the imported places say of it."""
    points = PointIndex(KnownPlaces(Gazetteer.open()))
    for place in list_all_locations():
        if place.latitude is None or place.longitude is None:
            continue
        line = f"{place.line}, {place.city}, {place.state} {place.postal_code}"
        found = points.locate(parse_line(line))
        pinned = Position(place.latitude, place.longitude)
        said = (
            f"{round(haversine_m(found.position, pinned)):,} m from its pin ({found.level})"
            if found
            else "not among the imported places"
        )
        click.echo(f"{place.slug}: {said}")


def _tell(report: ImportReport) -> None:
    """Print what one file brought, and its first bad rows."""
    click.echo(
        f"{report.file}: {report.format_name}, {report.kind}, region {report.region}:"
        f" {report.rows:,} rows, {report.streets:,} streets, {report.points:,} points,"
        f" {report.rows_per_s:,.0f} rows/s."
    )
    problems = report.problems
    if problems.count:
        click.echo(f"{problems.count:,} bad rows were left out:", err=True)
        for problem in problems.first:
            click.echo(f"  {problem}", err=True)
        if problems.count > SHOWN_PROBLEMS:
            click.echo("  … (all of them: --dry-run)", err=True)


def _facts(one: FinderImport) -> dict[str, Any]:
    return {
        "kind": one.kind.value,
        "region": one.region,
        "file": one.file_name,
        "format": one.file_format,
        "rows": one.rows,
        "bad_rows": one.bad_rows,
        "streets": one.streets,
        "points": one.points,
        "imported_at": one.imported_at.isoformat(),
    }
