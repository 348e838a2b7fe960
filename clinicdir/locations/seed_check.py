"""Says all that is wrong with a seed file at once; seeds/locations.schema.json says the same."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from zoneinfo import available_timezones

from clinicdir.locations.models import LocationStatus
from clinicdir.locations.rules import parse_number
from clinicdir.locations.seed_defaults import GROUP_DEFAULTS, LOCATION_DEFAULTS, completed
from clinicdir.locations.seed_file import (
    Problem,
    Seed,
    SeedError,
    read_json,
    seed_file,
    shown,
)
from clinicdir.locations.seed_shapes import (
    DATE_OR_NULL,
    SLUG,
    UNSEEN,
)
from clinicdir.locations.seed_shapes import Finding as _Finding
from clinicdir.locations.seed_shapes import List as _List
from clinicdir.locations.seed_shapes import Object as _Object
from clinicdir.locations.seed_shapes import Rule as _Rule
from clinicdir.locations.seed_shapes import matching as _matching
from clinicdir.locations.seed_shapes import nullable as _or_null
from clinicdir.locations.seed_shapes import one_of as _one_of
from clinicdir.locations.seed_shapes import text as _text

_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
# The form that browsers accept in an e-mail field; a host without a dot serves inside a network.
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_EMAIL = re.compile(rf"[A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-]+@{_LABEL}(\.{_LABEL})*")

_EMAIL_LENGTH = 254  # RFC 5321 leaves no room for more
_RAW_LENGTH = 300


def _number(least: int, most: int, what: str, *, whole: bool = False) -> _Rule:
    def fits(value: object) -> bool:
        if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
            return False
        return least <= value <= most

    return _Rule(f"{what} from {least} to {most}", fits)


def _is_e164(value: object) -> bool:
    if not isinstance(value, str) or not _NUMBER.fullmatch(value):
        return False
    try:
        return parse_number(value) == value
    except ValueError:
        return False


def _is_raw_line(value: object) -> bool:
    # Alone among the texts it may hold a no-break space: it is evidence, not something shown.
    return isinstance(value, str) and 0 < len(value) <= _RAW_LENGTH and not UNSEEN.search(value)


@cache
def _time_zones() -> set[str]:
    return available_timezones()  # walks the file system, so not once a location


def _is_time_zone(value: object) -> bool:
    return isinstance(value, str) and value in _time_zones()


_E164 = _Rule("a full phone number in E.164 form, such as +12065550100", _is_e164)

TIME_ZONE = _Rule("an IANA time zone, such as America/Los_Angeles", _is_time_zone)
EMAIL = _matching("an e-mail address, such as desk@clinic.example", _EMAIL, _EMAIL_LENGTH)

ADDRESS = _Object(
    {
        "line": _text(200),
        "unit": _text(60, or_null=True),
        "city": _text(100),
        "state": _matching("two capital letters, such as WA", re.compile("[A-Z]{2}")),
        "postal_code": _matching(
            "a ZIP code, such as 98121 or 98121-1234", re.compile(r"[0-9]{5}(-[0-9]{4})?")
        ),
    },
    optional=frozenset({"unit"}),
)

_LOCATION = _Object(
    {
        "slug": SLUG,
        "name": _text(100),
        "name_source": _text(100),
        "address": ADDRESS,
        "phone": _E164,
        "fax": _or_null(_E164),
        "email": _or_null(EMAIL),
        "latitude": _or_null(_number(-90, 90, "degrees north")),
        "longitude": _or_null(_number(-180, 180, "degrees east")),
        "position_source": _text(300, or_null=True),
        "position_error_m": _or_null(_number(1, 100_000, "whole metres", whole=True)),
        "position_is_estimate": _Rule("true or false", lambda value: isinstance(value, bool)),
        "time_zone": TIME_ZONE,
        "hours": _text(500, or_null=True),
        "status": _one_of(*(status.value for status in LocationStatus)),
        "source": _text(300),
        "checked_at": DATE_OR_NULL,
    },
    optional=frozenset(LOCATION_DEFAULTS),
)

_FILE = _Object(
    {
        "organization": _Object(
            {
                "name": _text(100),
                "source": _text(300),
                "social_networks": _List(_text(60), "a list of names of networks"),
            },
            optional=frozenset(GROUP_DEFAULTS),
        ),
        "locations": _List(_LOCATION, "a list of at least one location", least=1),
        "unattached": _List(
            _Object(
                {
                    "raw": _Rule(f"one line of 1 to {_RAW_LENGTH} characters", _is_raw_line),
                    "system": _one_of("phone", "fax"),
                    "value": _E164,
                    "where": _text(300),
                    "reading": _text(300),
                }
            ),
            "a list of lines that belong to no location",
        ),
    },
    optional=frozenset({"unattached"}),
)


def errors(path: Path | str) -> list[Problem]:
    """Return every error of a seed file or folder; with any, nothing of it can be loaded."""
    return _read(path)[1]


def read_seed(path: Path | str) -> Seed:
    """Return the content of a seed file or folder, or raise SeedError with all its errors."""
    seed, problems = _read(path)
    if seed is None:
        raise SeedError(problems)
    return seed


def _read(path: Path | str) -> tuple[Seed | None, list[Problem]]:
    place = seed_file(path)
    try:
        content = read_json(place)
    except SeedError as refused:
        return None, refused.problems
    findings = [*_FILE(content, ""), *_across_fields(content)]
    if findings:
        return None, [Problem(str(place), *finding) for finding in findings]
    return completed(str(place), content), []


def _across_fields(content: object) -> Iterator[_Finding]:
    """Find what no single field shows: a slug used twice, half a position."""
    entries = content.get("locations") if isinstance(content, dict) else None
    seen: dict[str, str] = {}
    for index, entry in enumerate(entries if isinstance(entries, list) else []):
        if not isinstance(entry, dict):
            continue
        place = f"/locations/{index}"
        slug = entry.get("slug")
        if isinstance(slug, str) and seen.setdefault(slug, place) != place:
            yield f"{place}/slug", shown(slug), f"a slug of its own; {seen[slug]} has this one"
        yield from _position(entry, place)


def _position(entry: dict[str, object], place: str) -> Iterator[_Finding]:
    latitude, longitude = entry.get("latitude"), entry.get("longitude")
    if (latitude is None) is not (longitude is None):
        half = "longitude" if longitude is None else "latitude"
        value = "null" if half in entry else "missing"
        yield f"{place}/{half}", value, "latitude and longitude together, or null for both"
    if latitude is not None and entry.get("position_source", "") is None:
        yield f"{place}/position_source", "null", "text that says where the position comes from"
