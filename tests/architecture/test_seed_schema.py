"""The JSON Schema for editors and the check that runs must say the same of every file."""

import copy
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from clinicdir.locations.seeds import check
from clinicdir.resources import resource_dir

SEEDS = resource_dir("seeds")
SCHEMA: dict[str, Any] = json.loads((SEEDS / "locations.schema.json").read_text(encoding="utf-8"))
SHIPPED: dict[str, Any] = json.loads((SEEDS / "locations.json").read_text(encoding="utf-8"))
TIME_ZONES = available_timezones()

VALUES: list[object] = [
    None, True, 1, -1, 3.5, 1e9, "", "x", "=1+1", " x", "x ", "x" * 61, "x" * 1000, "a\u0007b",
    "x\n", "a\u00a0b", "a\u202eb", "a\ud800b", "caf\u00e9", "+12065550100", "+1206", "WA", "WA\n",
    "98121-1234", "98121\n", "desk@clinic.example", "desk@clinic", "desk@", "open",
    "2026-11-24", "2026-02-30", "UTC", "America/Seattle", [], {}, ["x"], [1],
]  # fmt: skip

# The items of lists, and the keys that have a default.
OPTIONAL = {
    0, "email", "fax", "name_source", "position_source", "position_error_m",
    "position_is_estimate", "hours", "status", "source", "checked_at", "unit",
    "social_networks", "unattached",
}  # fmt: skip

Path_ = list[str | int]


def is_date(value: object) -> bool:
    try:
        return not isinstance(value, str) or bool(date.fromisoformat(value))
    except ValueError:
        return False


def validator() -> Draft202012Validator:
    formats = FormatChecker(formats=())
    formats.checks("date")(is_date)
    formats.checks("time-zone")(lambda value: not isinstance(value, str) or value in TIME_ZONES)
    return Draft202012Validator(SCHEMA, format_checker=formats)


VALIDATOR = validator()


def schema_accepts(content: object) -> bool:
    return VALIDATOR.is_valid(content)


def check_accepts(content: object, file: Path) -> bool:
    # Halves of a surrogate pair can stand in a file in escaped form only, as json writes them.
    file.write_text(json.dumps(content), encoding="utf-8")
    return not [problem for problem in check(file) if problem.level == "error"]


def places(part: object, place: Path_) -> Iterator[Path_]:
    """Walk every place of the shipped file, of its lists the first item only."""
    yield place
    if isinstance(part, dict):
        for key, value in part.items():
            yield from places(value, [*place, key])
    elif isinstance(part, list):
        yield from places(part[0], [*place, 0])


PLACES = [place for place in places(SHIPPED, []) if place]
OBJECTS: list[Path_] = [
    [], ["organization"], ["locations", 0], ["locations", 0, "address"], ["unattached", 0]
]  # fmt: skip


def at(content: Any, place: Path_) -> Any:  # noqa: ANN401 - JSON
    for step in place:
        content = content[step]
    return content


def name_of(place: Path_) -> str:
    return "/" + "/".join(map(str, place))


def objects_of(part: object) -> Iterator[dict[str, Any]]:
    """Walk every subschema that describes an object."""
    if isinstance(part, dict):
        if part.get("type") == "object":
            yield part
        for value in part.values():
            yield from objects_of(value)
    elif isinstance(part, list):
        for value in part:
            yield from objects_of(value)


def test_schema_is_valid_and_closed() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    described = list(objects_of(SCHEMA))
    assert len(described) == len(OBJECTS)
    assert [part["additionalProperties"] for part in described] == [False] * len(OBJECTS)


def test_shipped_file_fits_both(tmp_path: Path) -> None:
    assert [str(error) for error in VALIDATOR.iter_errors(SHIPPED)] == []
    assert check_accepts(SHIPPED, tmp_path / "locations.json")


@pytest.mark.parametrize("place", PLACES, ids=name_of)
def test_both_say_the_same_of_a_changed_value(place: Path_, tmp_path: Path) -> None:
    verdicts = {}
    for value in VALUES:
        content = copy.deepcopy(SHIPPED)
        at(content, place[:-1])[place[-1]] = value
        verdicts[repr(value)] = (
            schema_accepts(content),
            check_accepts(content, tmp_path / "locations.json"),
        )
    assert {value: pair for value, pair in verdicts.items() if pair[0] is not pair[1]} == {}
    assert (False, False) in verdicts.values()


@pytest.mark.parametrize("place", PLACES, ids=name_of)
def test_both_say_the_same_of_a_missing_part(place: Path_, tmp_path: Path) -> None:
    content = copy.deepcopy(SHIPPED)
    del at(content, place[:-1])[place[-1]]
    # Of a list any item may be left out; of a position both halves or neither.
    expected = place[-1] in OPTIONAL
    assert schema_accepts(content) is expected
    assert check_accepts(content, tmp_path / "locations.json") is expected


@pytest.mark.parametrize("place", OBJECTS, ids=name_of)
def test_both_refuse_an_unknown_key(place: Path_, tmp_path: Path) -> None:
    content = copy.deepcopy(SHIPPED)
    at(content, place)["fox"] = None
    assert not schema_accepts(content)
    assert not check_accepts(content, tmp_path / "locations.json")


def test_both_accept_a_location_without_position(tmp_path: Path) -> None:
    content = copy.deepcopy(SHIPPED)
    content["locations"][0].update(latitude=None, longitude=None, position_source=None)
    assert schema_accepts(content)
    assert check_accepts(content, tmp_path / "locations.json")


def test_both_accept_no_more_than_what_nobody_can_guess(tmp_path: Path) -> None:
    place = copy.deepcopy(SHIPPED["locations"][2])
    least = {key: place[key] for key in ("slug", "name", "address", "phone", "time_zone")}
    content = {"organization": {"name": "Group"}, "locations": [least]}
    assert schema_accepts(content)
    assert check_accepts(content, tmp_path / "locations.json")
    half = content | {"locations": [least | {"latitude": 47.5}]}
    assert not schema_accepts(half)
    assert not check_accepts(half, tmp_path / "locations.json")


def test_only_the_check_compares_slugs_and_counts_digits(tmp_path: Path) -> None:
    """What the README names as beyond a schema is still beyond it, and is still checked."""
    for key, value in (("slug", "renton"), ("phone", "+120669399")):
        content = copy.deepcopy(SHIPPED)
        content["locations"][0][key] = value
        assert schema_accepts(content)
        assert not check_accepts(content, tmp_path / "locations.json")
