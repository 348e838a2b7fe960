"""Reads the GeoJSON files of OpenAddresses: one feature a line."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from clinicdir.finder.importing.rows import (
    AddressRow,
    AddressTexts,
    BadFile,
    Problems,
    check_address,
)

NAME = "OpenAddresses GeoJSON"
_PROPERTIES = ("number", "street", "unit", "city", "postcode")
_ALLOWED = "a GeoJSON feature with a point"


def matches(first_line: str) -> bool:
    """Return whether a file that starts with this line is meant for this reader."""
    return first_line.lstrip("\ufeff \t").startswith("{")


def read(lines: Iterable[tuple[int, str]], problems: Problems) -> Iterator[AddressRow]:
    """Yield the address of each feature."""
    for number, line in lines:
        text = line.strip("\ufeff \t\r\n,")
        if not text:
            continue
        if number == 1 and "FeatureCollection" in text:
            raise BadFile(f"{problems.file}: is one collection. One feature a line is needed.")
        texts = _texts(text)
        if texts is None:
            problems.add(number, "line", text, _ALLOWED)
            continue
        row = check_address(number, texts, problems)
        if row is not None:
            yield row


def _texts(text: str) -> AddressTexts | None:
    """Return the fields of one feature as texts, None for anything else."""
    try:
        feature = json.loads(text)
        properties = feature["properties"]
        geometry = feature["geometry"]
        longitude, latitude = geometry["coordinates"][:2]
        if geometry["type"] != "Point":
            return None
        house, street, unit, city, code = (_text(properties.get(name)) for name in _PROPERTIES)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return house, street, unit, city, code, _text(latitude), _text(longitude)


def _text(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """Return a JSON value as a text, null as the empty one."""
    return "" if value is None else str(value)
