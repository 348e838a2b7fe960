"""Reads a CSV file of known addresses: columns address, city, zip, lat, lon, area."""

import csv
from dataclasses import dataclass
from pathlib import Path

from clinicdir.finder.fitting.known import KnownAddress
from clinicdir.finder.rules import Position, parse_line

COLUMNS = ("address", "city", "zip", "lat", "lon", "area")


@dataclass(frozen=True)
class Row:
    """One known address, its true position, and the name of the area it is counted in."""

    address: str
    city: str
    postal_code: str
    position: Position
    area: str

    def line(self, state: str) -> str:
        """Return the address as a person would type it."""
        return f"{self.address}, {self.city}, {state} {self.postal_code}"

    @property
    def known(self) -> KnownAddress:
        """Return the address as a region is fitted to it."""
        street = parse_line(f"{self.address}, {self.city}, {self.postal_code}").street
        return KnownAddress(street, self.postal_code, self.position)


def read_rows(path: Path) -> list[Row]:
    """Return the rows of a file; ValueError names the line that cannot be used."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise ValueError(f"{path}: column missing: {', '.join(missing)}")
        return [_row(record, f"{path}, line {reader.line_num}") for record in reader]


def _row(record: dict[str, str | None], where: str) -> Row:
    address, city, postal_code, lat, lon, area = ((record[name] or "").strip() for name in COLUMNS)
    try:
        position = Position(float(lat), float(lon))
    except ValueError as problem:
        raise ValueError(f"{where}: {problem}") from None
    return Row(address, city, postal_code, position, area)
