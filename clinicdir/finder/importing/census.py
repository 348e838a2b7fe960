"""Reads the Census Bureau's Gazetteer of ZIP code tabulation areas."""

from collections.abc import Iterable, Iterator

from clinicdir.finder.importing.rows import (
    PlaceRow,
    Problems,
    position_problem,
    read_postal_code,
)

NAME = "Census ZCTA Gazetteer"
_NEEDED = ("GEOID", "INTPTLAT", "INTPTLONG")


def matches(first_line: str) -> bool:
    """Return whether a file that starts with this line is meant for this reader."""
    return set(_NEEDED) <= set(_fields(first_line))


def read(lines: Iterable[tuple[int, str]], problems: Problems) -> Iterator[PlaceRow]:
    """Yield the point of each ZIP; columns are taken by name, for they change with the year."""
    rows = iter(lines)
    names = _fields(next(rows, (0, ""))[1])
    at_code, at_latitude, at_longitude = (names.index(name) for name in _NEEDED)
    for number, line in rows:
        fields = _fields(line)
        if len(fields) != len(names):
            if line.strip():
                problems.add(number, "line", line.strip(), f"{len(names)} fields, as in line 1")
            continue
        texts = (fields[at_code], fields[at_latitude], fields[at_longitude])
        row = check_place(number, texts, ("", ""), problems)
        if row is not None:
            yield row


def check_place(
    line: int, texts: tuple[str, str, str], named: tuple[str, str], problems: Problems
) -> PlaceRow | None:
    """Return the point of a ZIP (code, latitude, longitude; city, state), or note the fault."""
    code = read_postal_code(texts[0])
    try:
        latitude, longitude = float(texts[1]), float(texts[2])
    except ValueError:
        problems.add(line, "position", f"{texts[1]}, {texts[2]}", "two numbers of degrees")
        return None
    at_fault = position_problem(latitude, longitude)
    if not code:
        problems.add(line, "postal_code", texts[0], "a ZIP code of 5 digits")
    elif at_fault is not None:
        problems.add(line, at_fault[0], f"{latitude}, {longitude}", at_fault[1])
    else:
        return PlaceRow(line, code, *named, latitude, longitude)
    return None


def _fields(line: str) -> list[str]:
    """Return the fields of a line; older files have tabs, newer ones bars, both have blanks."""
    text = line.removeprefix("\ufeff").rstrip("\r\n")
    return [field.strip() for field in text.split("\t" if "\t" in text else "|")]
