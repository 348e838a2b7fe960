"""The JSON Schemas of continua and guides and the check that runs say the same of every value."""

import copy
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from clinicdir.appointments.intake import Choice, Intake, read_intake
from clinicdir.appointments.knowledge import read_knowledge
from clinicdir.locations.seed_shapes import is_date
from clinicdir.resources import resource_dir

SEEDS = resource_dir("seeds")
FILES = ("continuum", "guides")
VALUES: list[object] = [
    None, True, 1, 0, -1, 3.5, 1e9, 21, "", "x", " x", "x ", "x" * 61, "x" * 101, "x" * 201,
    "x" * 301, "x" * 501, "x" * 2001, "a\u0007b", "x\n", "a\u00a0b", "a\u202eb", "a\ud800b",
    "caf\u00e9", "all", "a-b", "a_b", "A", "2026-11-24", "2026-02-30", [], {}, ["x"], [1],
]  # fmt: skip
NAMES = [value for value in VALUES if isinstance(value, str) and re.fullmatch(r"[\w-]+", value)]

Path_ = list[str | int]


def content_of(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((SEEDS / f"{name}.json").read_text(encoding="utf-8"))
    return content


def validator(name: str) -> Draft202012Validator:
    formats = FormatChecker(formats=())
    formats.checks("date")(lambda value: not isinstance(value, str) or is_date(value))
    return Draft202012Validator(content_of(f"{name}.schema"), format_checker=formats)


VALIDATORS = {name: validator(name) for name in FILES}
SHIPPED = {name: content_of(name) for name in FILES}
# The second form: every key that the shipped files leave out or leave null is there.
FULL = copy.deepcopy(SHIPPED)
FULL["guides"]["guides"][0].update(reviewer="A. Reviewer, PT", reviewed_on="2026-11-24")
FULL["continuum"]["continua"][0]["stages"][0].update(display="Reduce", note="Ours")
FULL["continuum"]["continua"][0]["stages"][0]["children"][0].update(display="Work", note="Ours")


@pytest.fixture(scope="module")
def intake() -> Intake:
    """Return lists that know every code tried here: what a schema cannot know is out of the way."""
    shipped = read_intake(SEEDS, SEEDS)
    codes = tuple(Choice(value, value) for value in NAMES)
    return replace(
        shipped, goals=(*shipped.goals, *codes), body_areas=(*shipped.body_areas, *codes)
    )


def check_accepts(name: str, content: object, folder: Path, intake: Intake) -> bool:
    """Say whether a file is read, among others that know every slug it may name."""
    files: dict[str, object] = {"continuum": {"continua": []}, "guides": {"guides": []}}
    if name == "guides":
        (knee,) = SHIPPED["continuum"]["continua"]
        slugs = [value for value in NAMES if re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", value)]
        named = [knee | {"slug": slug} for slug in slugs if len(slug) <= 60]
        files["continuum"] = {"continua": [knee, *named]}
    for other, rest in files.items():
        (folder / f"{other}.json").write_text(json.dumps(content if other == name else rest))
    try:
        read_knowledge(folder, SEEDS, intake=intake)
    except ValueError:
        return False
    return True


def places(part: object, place: Path_) -> Iterator[Path_]:
    """Walk every place of a file, of its lists the first item only."""
    yield place
    if isinstance(part, dict):
        for key, value in part.items():
            yield from places(value, [*place, key])
    elif isinstance(part, list):
        yield from places(part[0], [*place, 0])


PLACES = [(name, place) for name in FILES for place in places(FULL[name], []) if place]
OBJECTS: list[tuple[str, Path_]] = [
    ("continuum", []),
    ("continuum", ["continua", 0]),
    ("continuum", ["continua", 0, "stages", 0]),
    ("continuum", ["continua", 0, "stages", 0, "children", 0]),
    ("guides", []),
    ("guides", ["guides", 0]),
    ("guides", ["guides", 0, "glossary", 0]),
]
# Without its first stage the order begins at 2: that is beyond a schema.
LEAVABLE = [
    (name, place)
    for name, place in PLACES
    if place[-1] != 0 or place[-2] not in ("stages", "children")
]
MAY_BE_EMPTY = ("continua", "guides", "glossary", "applies_to")
MAY_LACK = {"display", "note", "children"}


def at(content: Any, place: Path_) -> Any:  # noqa: ANN401 - JSON
    for step in place:
        content = content[step]
    return content


def name_of(given: object) -> str:
    return given if isinstance(given, str) else "/".join(map(str, given))  # type: ignore[call-overload]


@pytest.mark.parametrize("name", FILES)
def test_schemas_are_sound_and_closed(name: str) -> None:
    schema = content_of(f"{name}.schema")
    Draft202012Validator.check_schema(schema)
    described = list(objects_of(schema))
    assert len(described) == len([place for file, place in OBJECTS if file == name])
    assert {part["additionalProperties"] for part in described} == {False}


def objects_of(part: object) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict):
        if part.get("type") == "object":
            yield part
        for value in part.values():
            yield from objects_of(value)


@pytest.mark.parametrize("content", [SHIPPED, FULL], ids=["shipped", "full"])
@pytest.mark.parametrize("name", FILES)
def test_files_fit_both(name: str, content: dict[str, Any], tmp_path: Path, intake: Intake) -> None:
    assert [str(error) for error in VALIDATORS[name].iter_errors(content[name])] == []
    assert check_accepts(name, content[name], tmp_path, intake)


@pytest.mark.parametrize(("name", "place"), PLACES, ids=name_of)
def test_both_say_the_same_of_a_changed_value(
    name: str, place: Path_, tmp_path: Path, intake: Intake
) -> None:
    verdicts = {}
    for value in VALUES:
        content = copy.deepcopy(FULL[name])
        at(content, place[:-1])[place[-1]] = value
        verdicts[repr(value)] = (
            VALIDATORS[name].is_valid(content),
            check_accepts(name, content, tmp_path, intake),
        )
    assert {value: pair for value, pair in verdicts.items() if pair[0] is not pair[1]} == {}
    assert (False, False) in verdicts.values()


@pytest.mark.parametrize(("name", "place"), LEAVABLE, ids=name_of)
def test_both_say_the_same_of_a_missing_part(
    name: str, place: Path_, tmp_path: Path, intake: Intake
) -> None:
    content = copy.deepcopy(FULL[name])
    list_before = at(content, place[:-1])
    del list_before[place[-1]]
    # Of a list any item but the last one of those that need one.
    expected = place[-1] in MAY_LACK or (
        place[-1] == 0 and (len(list_before) > 0 or place[-2] in MAY_BE_EMPTY)
    )
    assert VALIDATORS[name].is_valid(content) is expected
    assert check_accepts(name, content, tmp_path, intake) is expected


@pytest.mark.parametrize(("name", "place"), OBJECTS, ids=name_of)
def test_both_refuse_an_unknown_key(
    name: str, place: Path_, tmp_path: Path, intake: Intake
) -> None:
    content = copy.deepcopy(FULL[name])
    at(content, place)["fox"] = None
    assert not VALIDATORS[name].is_valid(content)
    assert not check_accepts(name, content, tmp_path, intake)


def test_only_the_check_compares_slugs_keys_and_order(tmp_path: Path, intake: Intake) -> None:
    """What the README names as beyond a schema is still beyond it, and is still checked."""
    stage: Path_ = ["continua", 0, "stages", 1]
    changes: list[tuple[Path_, object]] = [
        ([*stage, "ordinal"], 3),
        ([*stage, "key"], "plyometrics"),
        (["continua"], FULL["continuum"]["continua"] * 2),
    ]
    for place, value in changes:
        content = copy.deepcopy(FULL["continuum"])
        at(content, place[:-1])[place[-1]] = value
        assert VALIDATORS["continuum"].is_valid(content)
        assert not check_accepts("continuum", content, tmp_path, intake)
