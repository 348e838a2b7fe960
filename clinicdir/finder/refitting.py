"""Fits the regions' grids anew to imported addresses, and keeps a fit only if it is better."""

import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from clinicdir.finder.fitting.fit import Fitted, fit
from clinicdir.finder.fitting.known import KnownAddress
from clinicdir.finder.gazetteer import Gazetteer
from clinicdir.finder.known_points import count_known, known_addresses
from clinicdir.finder.placement import place
from clinicdir.finder.region import Region
from clinicdir.finder.region_file import read_region, read_regions, written
from clinicdir.finder.rules import Position, haversine_m

# The folder of fitted regions inside the instance folder.
REGIONS = "finder-regions"
# More rows make a fit slower, hardly better.
MOST_ROWS = 20_000
FEWEST_ROWS = 2_000
# One row of so many is kept out of the fit, to judge it by.
_JUDGED_BY = 5
_MOST_WORSE = 1.02


@dataclass(frozen=True)
class Refit:
    """What became of one region: median errors on held-out rows, and its lines with residuals."""

    region: str
    rows: int
    before_m: int | None
    after_m: int | None
    kept: bool
    lines: tuple[str, ...]

    def __str__(self) -> str:
        """Return one line for the operator."""
        if self.after_m is None:
            return (
                f"{self.region}: {self.rows:,} of the addresses lie there, too few to fit its"
                f" grid anew ({FEWEST_ROWS:,} are needed); the grid in use stays."
            )
        done = "the new grid is taken" if self.kept else "refused, the grid in use stays"
        return (
            f"{self.region}: fitted to {self.rows:,} addresses; median error on rows kept apart"
            f" {self.before_m} m before, {self.after_m} m after: {done}."
        )


def regions_in_use(folder: Path) -> tuple[Region, ...]:
    """Return the shipped regions, each replaced by the one of its name fitted in `folder`."""
    own = {region.name: region for region in read_regions(folder)} if folder.is_dir() else {}
    shipped = read_regions()
    return tuple(own.pop(region.name, region) for region in shipped) + tuple(own.values())


def refit(folder: Path) -> Iterator[Refit]:
    """Fit each region to the addresses in use; write the better ones into `folder`."""
    gazetteer = Gazetteer.open()
    for region in regions_in_use(folder):
        codes = {area.code for area in region.areas}
        rows = list(_sample(codes))
        if len(rows) < FEWEST_ROWS:
            yield Refit(region.name, len(rows), None, None, kept=False, lines=())
            continue
        points = _points_of(region, gazetteer)
        judges = rows[::_JUDGED_BY]
        learners = [row for number, row in enumerate(rows) if number % _JUDGED_BY]
        tried = fit(region, learners, points)
        before, after = _median_m(region, judges), _median_m(tried.region, judges)
        kept = after <= before * _MOST_WORSE
        fitted = fit(region, rows, points) if kept else tried
        if kept:
            _write(folder, fitted.region)
        yield Refit(
            region.name, len(rows), round(before), round(after), kept=kept, lines=_told(fitted)
        )


def _sample(codes: set[str]) -> Iterator[KnownAddress]:
    """Return at most `MOST_ROWS` of the addresses in these ZIP codes, evenly spread."""
    step = max(1, -(-count_known(codes) // MOST_ROWS))
    inside = (row for row in known_addresses() if row.postal_code in codes)
    return islice(inside, 0, None, step)


def _points_of(region: Region, gazetteer: Gazetteer) -> Mapping[str, Position]:
    found = (gazetteer.postal_code(area.code) for area in region.areas)
    return {one.code: Position(one.latitude, one.longitude) for one in found if one}


def _median_m(region: Region, rows: Iterable[KnownAddress]) -> float:
    errors = [
        haversine_m(place(region, row.street, area).position, row.position)
        for row in rows
        if (area := region.area(row.postal_code)) is not None
    ]
    return statistics.median(errors) if errors else float("inf")


def _told(fitted: Fitted) -> tuple[str, ...]:
    lines = [
        f"{zone.name} {line.axis} {line.direction or '-'}: {line.quality.rows:,} rows,"
        f" {line.quality.inside:.0%} near, residual {line.quality.residual_m} m"
        for zone, line in fitted.region.each_line()
    ]
    refused: Sequence[str] = [
        f"{one.zone} {one.axis} {one.direction or '-'}: refused, {one.reason}"
        for one in fitted.refused
    ]
    return (*lines, *refused)


def _write(folder: Path, region: Region) -> None:
    """Put the region's file in place in one step; a half-written one is never read."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = "".join(symbol if symbol.isalnum() else "_" for symbol in region.name.casefold())
    half = folder / f".{name}.half"
    half.write_text(written(region), encoding="utf-8")
    read_region(half)  # a file that cannot be read back must not come into use
    half.replace(folder / f"{name}.toml")
