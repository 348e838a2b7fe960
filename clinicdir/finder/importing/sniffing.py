"""Tells what a file is by its content, whatever its name says, and where it is from."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from clinicdir.finder.importing import (
    census,
    geonames,
    openaddresses_csv,
    openaddresses_geojson,
    tiger,
)
from clinicdir.finder.importing.rows import AddressRow, BadFile, PlaceRow, Problems, RangeRow
from clinicdir.finder.importing.sources import Source
from clinicdir.finder.models import ImportKind

Row = AddressRow | RangeRow | PlaceRow
_TEXT_FORMATS = (
    (openaddresses_geojson, ImportKind.ADDRESSES),
    (openaddresses_csv, ImportKind.ADDRESSES),
    (census, ImportKind.PLACES),
    (geonames, ImportKind.PLACES),
)
_TIGER_FILE = re.compile(r"tl_\d{4}_(\d{5})_addrfeat", re.IGNORECASE)
_ENDINGS = re.compile(r"(\.[a-z0-9]{1,7})+$", re.IGNORECASE)


@dataclass(frozen=True)
class Reading:
    """A file whose format is known: the name of it, what it tells, and its rows."""

    format_name: str
    kind: ImportKind
    rows: Iterator[Row]


def start_reading(source: Source, problems: Problems) -> Reading:
    """Return the rows of a file of any known format, or raise BadFile."""
    parts = source.shape_parts()
    if parts:
        return Reading(tiger.NAME, ImportKind.RANGES, tiger.read(parts, problems))
    first_line = source.head().decode(errors="replace").partition("\n")[0]
    if not first_line.strip():
        raise BadFile(f"{source.name}: is empty, or starts with an empty line.")
    for module, kind in _TEXT_FORMATS:
        if module.matches(first_line):
            read: Callable[[Iterable[tuple[int, str]], Problems], Iterator[Row]] = module.read
            return Reading(module.NAME, kind, read(source.lines(problems), problems))
    raise BadFile(
        f"{source.name}: is of no known format. Known are OpenAddresses GeoJSON (one feature a"
        " line) and CSV, TIGER ADDRFEAT (the zip file), the Census ZCTA Gazetteer, and the"
        " postal code files of GeoNames."
    )


def region_of(path: Path) -> str:
    """Return what a file covers by its name: "king" for king.geojson.gz, "53033" for TIGER's."""
    county = _TIGER_FILE.search(path.name)
    return county[1] if county else _ENDINGS.sub("", path.name).lower() or path.name.lower()
