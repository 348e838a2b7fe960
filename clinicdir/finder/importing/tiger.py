"""Reads the Census Bureau's TIGER/Line ADDRFEAT shapefiles: ranges of numbers along streets."""

from collections.abc import Iterator
from typing import IO, Any

from clinicdir.finder.importing.rows import (
    BadFile,
    Problems,
    RangeRow,
    position_problem,
    read_number,
    read_postal_code,
)

NAME = "TIGER/Line ADDRFEAT"
_SIDES = (("LFROMHN", "LTOHN", "ZIPL"), ("RFROMHN", "RTOHN", "ZIPR"))
_NEEDED = ("FULLNAME", *_SIDES[0], *_SIDES[1])
_LONGEST_PATH = 10_000


def read(parts: dict[str, IO[bytes]], problems: Problems) -> Iterator[RangeRow]:
    """Yield the ranges of both sides of each street; a record counts as a line."""
    # Slow start: pyshp is needed for these files only.
    import shapefile  # type: ignore[import-untyped]  # noqa: PLC0415

    try:
        reader = shapefile.Reader(
            shp=parts[".shp"], dbf=parts[".dbf"], encoding="utf-8", encodingErrors="replace"
        )
        _refuse_other_shapes({field[0] for field in reader.fields}, problems.file)
        for number, found in enumerate(reader.iterShapeRecords(fields=list(_NEEDED)), 1):
            path = [(latitude, longitude) for longitude, latitude, *_ in found.shape.points]
            yield from _ranges(number, found.record.as_dict(), path, problems)
    except BadFile:
        raise
    # pyshp reads what the file's own bytes tell it to, and a lying one breaks it anywhere.
    except Exception as trouble:
        raise BadFile(f"{problems.file}: the shapefile is damaged. Get it again.") from trouble


def _refuse_other_shapes(fields: set[str], file: str) -> None:
    """Refuse a shapefile of something else."""
    missing = sorted(set(_NEEDED) - fields)
    if missing:
        raise BadFile(
            f"{file}: the fields {', '.join(missing)} are missing."
            " A TIGER ADDRFEAT shapefile is needed."
        )


def _ranges(
    line: int, record: dict[str, Any], path: list[tuple[float, float]], problems: Problems
) -> Iterator[RangeRow]:
    """Yield the ranges of one record; a side without numbers has none."""
    street = str(record["FULLNAME"] or "").strip()
    for first_name, last_name, zip_name in _SIDES:
        texts = [str(record[name] or "").strip() for name in (first_name, last_name, zip_name)]
        if not texts[0] and not texts[1]:
            continue
        first, last = read_number(texts[0]), read_number(texts[1])
        postal_code = read_postal_code(texts[2])
        at_fault = _path_problem(path)
        if first is None or last is None:
            problems.add(line, first_name, f"{texts[0]}-{texts[1]}", "two house numbers")
        elif not street:
            problems.add(line, "FULLNAME", street, "the name of a street")
        elif postal_code is None:
            problems.add(line, zip_name, texts[2], "a ZIP code of 5 digits, or empty")
        elif at_fault is not None:
            problems.add(line, *at_fault)
        else:
            yield RangeRow(line, first, last, street, postal_code, path)


def _path_problem(path: list[tuple[float, float]]) -> tuple[str, str, str] | None:
    """Return field, value and what is allowed for the first fault of a path, None without one."""
    if not 1 < len(path) <= _LONGEST_PATH:
        return "path", f"{len(path)} points", f"2 to {_LONGEST_PATH:,} points"
    for latitude, longitude in path:
        at_fault = position_problem(latitude, longitude)
        if at_fault is not None:
            return at_fault[0], f"{latitude}, {longitude}", at_fault[1]
    return None
