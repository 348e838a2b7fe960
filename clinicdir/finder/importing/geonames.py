"""Reads the postal code files of GeoNames, such as US.txt."""

from collections.abc import Iterable, Iterator

from clinicdir.finder.importing.census import check_place
from clinicdir.finder.importing.rows import PlaceRow, Problems
from clinicdir.finder.usps import STATE_NAMES

NAME = "GeoNames postal codes"
FIELDS = 12
# country, postal code, place, admin name 1, code 1, name 2, code 2, name 3, code 3,
# latitude, longitude, accuracy
_COUNTRY, _CODE, _PLACE, _STATE, _LATITUDE, _LONGITUDE = 0, 1, 2, 4, 9, 10
# Outside the states GeoNames writes the island's own country code.
_COUNTRIES = frozenset({"US", "PR", "GU", "VI", "AS", "MP"})
_LONGEST_NAME = 120


def matches(first_line: str) -> bool:
    """Return whether a file that starts with this line is meant for this reader."""
    fields = first_line.removeprefix("\ufeff").split("\t")
    return len(fields) == FIELDS and len(fields[_COUNTRY]) == len("US")


def read(lines: Iterable[tuple[int, str]], problems: Problems) -> Iterator[PlaceRow]:
    """Yield the point and city of each ZIP."""
    for number, line in lines:
        fields = line.removeprefix("\ufeff").rstrip("\r\n").split("\t")
        if len(fields) != FIELDS:
            if line.strip():
                problems.add(number, "line", line.strip(), f"{FIELDS} fields between tabs")
            continue
        country, place, state = fields[_COUNTRY], fields[_PLACE].strip(), fields[_STATE]
        if country not in _COUNTRIES:
            problems.add(number, "country", country, "US or one of its islands")
            continue
        if not place or len(place) > _LONGEST_NAME:
            problems.add(number, "place", place, f"1 to {_LONGEST_NAME} characters")
            continue
        texts = (fields[_CODE], fields[_LATITUDE], fields[_LONGITUDE])
        named = (place, state if state in STATE_NAMES else "")
        row = check_place(number, texts, named, problems)
        if row is not None:
            yield row
