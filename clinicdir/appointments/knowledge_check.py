"""Says what is wrong with continua and guides; the schemas in seeds/ say the same of each value."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from clinicdir.appointments.intake import Intake
from clinicdir.locations.seed_file import shown
from clinicdir.locations.seed_shapes import (
    DATE_OR_NULL,
    SLUG,
    Finding,
    List,
    Look,
    Object,
    Rule,
    matching,
    nullable,
    text,
)

_MOST_STAGES = 20

Rows = Sequence[dict[str, Any]]

_CODE = matching(
    "at most 60 small letters and digits, single underscores between",
    re.compile(r"[a-z0-9]+(_[a-z0-9]+)*"),
    60,
)
_GOAL_LIST = List(_CODE, "the word all, or a list of at least one code", least=1)


def _goals(value: object, pointer: str) -> Iterator[Finding]:
    return iter(()) if value == "all" else _GOAL_LIST(value, pointer)


def _is_ordinal(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int):
        return False
    return 1 <= value <= _MOST_STAGES


_PART: dict[str, Look] = {
    "ordinal": Rule(f"a whole number from 1 to {_MOST_STAGES}", _is_ordinal),
    "key": _CODE,
    "seed_text": text(200),
    "display": text(200),
    "note": text(500),
}
_CHILD = Object(_PART, optional=frozenset({"display", "note"}))
_STAGE = Object(
    _PART | {"children": List(_CHILD, "a list of at least one part", least=1)},
    optional=frozenset({"display", "note", "children"}),
)
CONTINUA = Object(
    {
        "continua": List(
            Object(
                {
                    "slug": SLUG,
                    "applies_to": List(text(100), "a list of names of conditions"),
                    "body_areas": List(_CODE, "a list of at least one code", least=1),
                    "goals": _goals,
                    "note": text(500),
                    "stages": List(_STAGE, "a list of at least one stage", least=1),
                },
                optional=frozenset({"note"}),
            ),
            "a list of continua",
        )
    }
)
GUIDES = Object(
    {
        "guides": List(
            Object(
                {
                    "slug": SLUG,
                    "title": text(100),
                    "body": List(text(2000), "a list of at least one paragraph", least=1),
                    "continuum": nullable(SLUG),
                    "goal": nullable(_CODE),
                    "glossary": List(
                        Object({"term": text(60), "meaning": text(300)}), "a list of words"
                    ),
                    "reviewer": text(200, or_null=True),
                    "reviewed_on": DATE_OR_NULL,
                }
            ),
            "a list of guides",
        )
    }
)


def across(content: dict[str, Any]) -> Iterator[Finding]:
    """Find what no single value of a file shows."""
    for name, rows in content.items():
        slugs: set[str] = set()
        for index, row in enumerate(rows):
            place = f"/{name}/{index}"
            if row["slug"] in slugs:
                yield f"{place}/slug", shown(row["slug"]), "a slug of its own"
            slugs.add(row["slug"])
            yield from _order(row.get("stages", ()), f"{place}/stages", set())
            if (row.get("reviewer") is None) is not (row.get("reviewed_on") is None):
                half = "reviewer" if row["reviewer"] is None else "reviewed_on"
                yield f"{place}/{half}", "null", "reviewer and day together, or null for both"


def _order(stages: Any, place: str, keys: set[str]) -> Iterator[Finding]:  # noqa: ANN401 - JSON
    for index, stage in enumerate(stages):
        if stage["ordinal"] != index + 1:
            yield f"{place}/{index}/ordinal", shown(stage["ordinal"]), f"{index + 1}, in order"
        if stage["key"] in keys:
            yield f"{place}/{index}/key", shown(stage["key"]), "a key of its own"
        keys.add(stage["key"])
        yield from _order(stage.get("children", ()), f"{place}/{index}/children", keys)


def unknown_continua(guides: Rows, continua: Rows) -> Iterator[Finding]:
    """Find the guides that name a continuum which is not there."""
    known = {row["slug"] for row in continua}
    for index, guide in enumerate(guides):
        if guide["continuum"] is not None:
            yield from _unknown(guide["continuum"], f"/guides/{index}/continuum", known)


def unknown_codes(continua: Rows, intake: Intake) -> Iterator[Finding]:
    """Find the goals and body areas of continua that nobody can choose."""
    areas = {choice.code for choice in intake.body_areas}
    goals = {choice.code for choice in intake.goals}
    for index, row in enumerate(continua):
        place = f"/continua/{index}"
        for number, area in enumerate(row["body_areas"]):
            yield from _unknown(area, f"{place}/body_areas/{number}", areas)
        for number, goal in enumerate(() if row["goals"] == "all" else row["goals"]):
            yield from _unknown(goal, f"{place}/goals/{number}", goals)


def unknown_goals(guides: Rows, intake: Intake) -> Iterator[Finding]:
    """Find the guides whose button carries a goal that nobody can choose."""
    goals = {choice.code for choice in intake.goals}
    for index, guide in enumerate(guides):
        if guide["goal"] is not None:
            yield from _unknown(guide["goal"], f"/guides/{index}/goal", goals)


def _unknown(name: str, place: str, known: set[str]) -> Iterator[Finding]:
    if name not in known:
        yield place, shown(name), f"one of {', '.join(sorted(known))}"
