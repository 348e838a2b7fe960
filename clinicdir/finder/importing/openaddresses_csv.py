"""Reads the CSV files of OpenAddresses, and any other with the same columns."""

import csv
from collections.abc import Iterable, Iterator
from operator import itemgetter

from clinicdir.finder.importing.rows import AddressRow, BadFile, Problems, check_address

NAME = "OpenAddresses CSV"
NEEDED = ("LON", "LAT", "NUMBER", "STREET")
# In the order of AddressTexts; the two that may be missing are read as empty.
_COLUMNS = ("NUMBER", "STREET", "UNIT", "CITY", "POSTCODE", "LAT", "LON")


def matches(first_line: str) -> bool:
    """Return whether a file that starts with this line is meant for this reader."""
    names = _header(first_line)
    return len(names) > 1 and sum(name in names for name in NEEDED) > 1


def read(lines: Iterable[tuple[int, str]], problems: Problems) -> Iterator[AddressRow]:
    """Yield the addresses below the header line."""
    rows = iter(lines)
    names = _header(next(rows, (0, ""))[1])
    missing = [name for name in NEEDED if name not in names]
    if missing:
        raise BadFile(
            f"{problems.file}: the columns {', '.join(missing)} are missing."
            f" An OpenAddresses CSV file has at least {', '.join(NEEDED)}."
        )
    # A column that is not there is read from an empty field put behind the others.
    pick = itemgetter(*(_position(names, name) for name in _COLUMNS))
    for number, line in rows:
        fields = _fields(line)
        if len(fields) != len(names):
            if line.strip():
                problems.add(number, "line", line.strip(), f"{len(names)} fields, as in line 1")
            continue
        fields.append("")
        row = check_address(number, pick(fields), problems)
        if row is not None:
            yield row


def _header(line: str) -> list[str]:
    """Return the column names of a header line in capitals."""
    return [name.strip().upper() for name in _fields(line.removeprefix("\ufeff"))]


def _position(names: list[str], name: str) -> int:
    """Return where a column stands, and for one that is missing the place behind the last."""
    return names.index(name) if name in names else len(names)


def _fields(line: str) -> list[str]:
    """Return the fields of one line; a quote that is not closed makes it a line of none."""
    text = line.rstrip("\r\n")
    if '"' not in text:
        return text.split(",")
    try:
        return next(csv.reader([text], strict=True), [])
    except csv.Error:
        return []
