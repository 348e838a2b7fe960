"""Fits a region's file again to a CSV file of known addresses, and prints what was refused.

The file must be there: its zones, ZIP codes and the other names of its roads are kept.
"""

import argparse
import sys
from pathlib import Path

from clinicdir.finder.fitting.fit import fit
from clinicdir.finder.gazetteer import Gazetteer
from clinicdir.finder.region import Region
from clinicdir.finder.region_file import read_region, written
from clinicdir.finder.rules import Position
from tools.address_csv import read_rows


def points_of(region: Region, gazetteer: Gazetteer) -> dict[str, Position]:
    """Return the published points of a region's ZIP codes."""
    found = (gazetteer.postal_code(area.code) for area in region.areas)
    return {place.code: Position(place.latitude, place.longitude) for place in found if place}


def main() -> None:
    """Read the files named on the command line and write the region's file."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("region", type=Path, help="file of the region, read and written")
    parser.add_argument("csv", type=Path, help="columns address, city, zip, lat, lon, area")
    given = parser.parse_args()
    plan = read_region(given.region)
    known = [row.known for row in read_rows(given.csv)]
    fitted = fit(plan, known, points_of(plan, Gazetteer.open()))
    given.region.write_text(written(fitted.region), encoding="utf-8")
    for line in fitted.refused:
        sys.stdout.write(f"refused: {line.zone} {line.axis} {line.direction}: {line.reason}\n")
    kept = sum(len(zone.lines) for zone in fitted.region.zones)
    roads = sum(len(zone.roads) for zone in fitted.region.zones)
    sys.stdout.write(f"{given.region}: {len(known)} rows, {kept} lines, {roads} roads\n")


if __name__ == "__main__":
    main()
