"""Measures the finder on any CSV file of known addresses, and prints the table of figures.

    python -m bench.measure_finder addresses.csv
    python -m bench.measure_finder addresses.csv --held-out 5
    python -m bench.measure_finder addresses.csv --speed

Columns: address, city, zip, lat, lon, area. Nothing is imported and no database is asked; the
clinics are those of the seeds. `--held-out 5` fits the shipped regions' zones to four fifths of the
rows at a time and asks for the last fifth, so no row is judged by a grid that has seen it.
`--speed` tells the time beside geopy's geodesic to each clinic.
"""

import argparse
import json
import statistics
import sys
import timeit
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clinicdir.finder.fitting.consensus import quantile
from clinicdir.finder.fitting.fit import fit
from clinicdir.finder.gazetteer import Gazetteer
from clinicdir.finder.geocoding import OfflineGeocoder
from clinicdir.finder.queries import locate
from clinicdir.finder.region import Region
from clinicdir.finder.region_file import read_regions
from clinicdir.finder.region_index import RegionIndex
from clinicdir.finder.rules import Origin, haversine_m, rank
from clinicdir.resources import resource_dir
from tools.address_csv import Row, read_rows
from tools.fit_grid import points_of

HEADINGS = (
    "area, level",
    "rows",
    "median m",
    "p90 m",
    "nearest right %",
    "error holds %",
    "asked %",
)
FIRST_WIDTH, WIDTH = 24, 16


@dataclass(frozen=True)
class Clinic:
    """One clinic of the seeds, without an error: its own address is not to be found as such."""

    name: str
    line: str
    city: str
    state: str
    postal_code: str
    latitude: float | None
    longitude: float | None
    position_error_m: int | None = None


@dataclass(frozen=True)
class Judged:
    """One answer beside the truth; the error is infinite when nothing was found."""

    area: str
    level: str
    off_m: float
    is_nearest_right: bool
    holds: bool
    was_asked: bool


def read_clinics() -> list[Clinic]:
    """Return the clinics of the seeds."""
    file = resource_dir("seeds") / "locations.json"
    entries = json.loads(file.read_text(encoding="utf-8"))["locations"]
    return [_clinic(entry) for entry in entries if entry["latitude"] is not None]


def _clinic(entry: dict[str, Any]) -> Clinic:
    address = entry["address"]
    return Clinic(
        name=entry["name"],
        line=address["line"],
        city=address["city"],
        state=address["state"],
        postal_code=address["postal_code"],
        latitude=entry["latitude"],
        longitude=entry["longitude"],
    )


def geocoder_of(regions: Sequence[Region], clinics: Sequence[Clinic]) -> OfflineGeocoder:
    """Return the ladder without imported points over some regions."""
    index = RegionIndex(lambda: tuple(regions))
    return OfflineGeocoder(Gazetteer.open(), lambda: clinics, regions=index)


def judged(row: Row, origin: Origin | None, clinics: Sequence[Clinic]) -> Judged:
    """Hold an answer against the truth."""
    if origin is None:
        return Judged(row.area, "not found", float("inf"), False, False, False)
    off_m = haversine_m(row.position, origin.position)
    right = rank(row.position, clinics)[0] == rank(origin.position, clinics)[0]
    holds = off_m <= origin.error_m
    asked = bool(origin.alternatives)
    return Judged(row.area, origin.level.value, off_m, right, holds, asked)


def measure(
    rows: Iterable[Row], state: str, geocoder: OfflineGeocoder, clinics: Sequence[Clinic]
) -> list[Judged]:
    """Return what the finder makes of the rows."""
    return [judged(row, locate(row.line(state), geocoder=geocoder), clinics) for row in rows]


def measure_held_out(
    rows: Sequence[Row], state: str, clinics: Sequence[Clinic], parts: int
) -> list[Judged]:
    """Return what the finder makes of each part of the rows, fitted to all the other parts."""
    gazetteer = Gazetteer.open()
    found = []
    for part in range(parts):
        known = [row.known for at, row in enumerate(rows) if at % parts != part]
        regions = [
            fit(region, known, points_of(region, gazetteer)).region for region in read_regions()
        ]
        found += measure(rows[part::parts], state, geocoder_of(regions, clinics), clinics)
    return found


def table(found: Sequence[Judged]) -> Iterator[str]:
    """Yield the lines of the table: each area, and each level in it."""
    yield HEADINGS[0].ljust(FIRST_WIDTH) + "".join(f"{name:>{WIDTH}}" for name in HEADINGS[1:])
    groups: dict[str, list[Judged]] = defaultdict(list)
    for one in found:
        groups[one.area].append(one)
        groups[f"{one.area}, {one.level}"].append(one)
    for name, group in sorted(groups.items()):
        off_m = [one.off_m for one in group]
        figures = (
            f"{len(group)}",
            f"{statistics.median(off_m):.0f}",
            f"{quantile(off_m, 0.9):.0f}",
            _percent(one.is_nearest_right for one in group),
            _percent(one.holds for one in group),
            _percent(one.was_asked for one in group),
        )
        yield name.ljust(FIRST_WIDTH) + "".join(f"{figure:>{WIDTH}}" for figure in figures)


def _percent(marks: Iterable[bool]) -> str:
    marks = list(marks)
    return f"{100 * sum(marks) / len(marks):.2f}"


def speed(
    rows: Sequence[Row], state: str, geocoder: OfflineGeocoder, clinics: Sequence[Clinic]
) -> str:
    """Return the time of locating and ordering beside geopy's geodesic to every clinic."""
    from geopy.distance import geodesic  # type: ignore[import-untyped]  # noqa: PLC0415

    lines = [row.line(state) for row in rows]
    ends = [(clinic.latitude, clinic.longitude) for clinic in clinics]

    def find() -> None:
        for line in lines:
            origin = locate(line, geocoder=geocoder)
            if origin is not None:
                rank(origin.position, clinics)

    def measure_all() -> None:
        for row in rows:
            here = (row.position.latitude, row.position.longitude)
            for end in ends:
                geodesic(here, end)

    find()
    ours, theirs = (_microseconds(work, len(rows)) for work in (find, measure_all))
    return (
        f"locate and order: {ours:.0f} us a line; geodesic to {len(ends)} clinics:"
        f" {theirs:.0f} us; ratio {ours / theirs:.3f}"
    )


def _microseconds(work: Callable[[], None], count: int) -> float:
    return min(timeit.repeat(work, number=1, repeat=3)) / count * 1e6


def main() -> None:
    """Read the file named on the command line and print its figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("csv", type=Path)
    parser.add_argument("--state", default="WA", help="the state of the rows (default: WA)")
    parser.add_argument("--held-out", type=int, metavar="PARTS", help="fit to the other parts")
    parser.add_argument("--speed", action="store_true", help="print the time instead")
    given = parser.parse_args()
    rows, clinics = read_rows(given.csv), read_clinics()
    if given.speed:
        sys.stdout.write(speed(rows, given.state, geocoder_of(read_regions(), clinics), clinics))
        sys.stdout.write("\n")
        return
    if given.held_out:
        found = measure_held_out(rows, given.state, clinics, given.held_out)
    else:
        found = measure(rows, given.state, geocoder_of(read_regions(), clinics), clinics)
    for line in table(found):
        sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main()
