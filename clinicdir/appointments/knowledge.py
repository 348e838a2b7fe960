"""What a group knows and shows: the stages on the way to a goal, and guides in plain words."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

from clinicdir.appointments.intake import Intake
from clinicdir.appointments.knowledge_check import (
    CONTINUA,
    GUIDES,
    across,
    unknown_codes,
    unknown_continua,
    unknown_goals,
)
from clinicdir.locations.seed_file import Problem, SeedError, read_json
from clinicdir.locations.seed_shapes import Finding


@dataclass(frozen=True)
class Stage:
    """One stage, or one part of it: its source's words, and those that pages show."""

    ordinal: int
    key: str
    seed_text: str
    display: str
    children: tuple["Stage", ...] = ()


@dataclass(frozen=True)
class Continuum:
    """The stages from the first relief up to a goal, and for whom their ladder is shown.

    `applies_to` names conditions for the group's own people; no page tells them to a reader.
    """

    slug: str
    applies_to: tuple[str, ...]
    body_areas: tuple[str, ...]
    goals: tuple[str, ...] | Literal["all"]
    stages: tuple[Stage, ...]

    def fits(self, goal: str, body_area: str | None) -> bool:
        """Say whether the ladder is for whoever gave these answers."""
        return body_area in self.body_areas and (self.goals == "all" or goal in self.goals)


@dataclass(frozen=True)
class Term:
    """One word of the glossary."""

    term: str
    meaning: str


@dataclass(frozen=True)
class Guide:
    """One page of knowledge, and who has reviewed it on which day, if anybody has."""

    slug: str
    title: str
    body: tuple[str, ...]
    continuum: str | None
    goal: str | None
    glossary: tuple[Term, ...]
    reviewer: str | None
    reviewed_on: date | None

    @property
    def is_reviewed(self) -> bool:
        """Say whether a clinician stands behind the page."""
        return self.reviewer is not None


@dataclass(frozen=True)
class Knowledge:
    """All continua and guides of the group, in the order of their files."""

    continua: tuple[Continuum, ...]
    guides: tuple[Guide, ...]

    def find_guide(self, slug: str) -> Guide | None:
        """Return the guide of that slug, if there is one."""
        return next((guide for guide in self.guides if guide.slug == slug), None)

    def find_continuum(self, slug: str | None) -> Continuum | None:
        """Return the continuum of that slug, if there is one."""
        return next((found for found in self.continua if found.slug == slug), None)

    def is_reviewed(self, continuum: Continuum) -> bool:
        """Say whether a reviewed guide shows the continuum: the review took in its ladder."""
        return any(guide.continuum == continuum.slug and guide.is_reviewed for guide in self.guides)


def read_knowledge(folder: Path, shipped: Path, *, intake: Intake) -> Knowledge:
    """Read `continuum.json` and `guides.json` of a seeds folder; ValueError says what is wrong.

    A folder that lacks one of them means the shipped one.
    """
    problems, rows = _checked(folder, shipped, intake)
    if problems:
        raise ValueError("\n".join(map(str, problems)))
    return Knowledge(
        continua=tuple(_continuum(row) for row in rows["continua"]),
        guides=tuple(_guide(row) for row in rows["guides"]),
    )


def check_knowledge(folder: Path, shipped: Path, *, intake: Intake) -> list[Problem]:
    """Return every problem of the two files at once; with any, the site does not start."""
    return _checked(folder, shipped, intake)[0]


def _checked(
    folder: Path, shipped: Path, intake: Intake
) -> tuple[list[Problem], dict[str, list[dict[str, Any]]]]:
    problems: list[Problem] = []
    rows: dict[str, list[dict[str, Any]]] = {}
    for name, key, look in (
        ("continuum.json", "continua", CONTINUA),
        ("guides.json", "guides", GUIDES),
    ):
        path = _file(folder, shipped, name)
        try:
            content = read_json(path)
        except SeedError as refusal:
            problems += refusal.problems
            continue
        findings = [*look(content, "")] or [*across(content)]
        problems += [Problem(str(path), *finding) for finding in findings]
        if not findings:
            rows[key] = content[key]
    return problems + _across_files(folder, shipped, intake, rows), rows


def _across_files(
    folder: Path, shipped: Path, intake: Intake, rows: dict[str, list[dict[str, Any]]]
) -> list[Problem]:
    """Find names that the other file or the list of questions does not have."""
    continua, guides = rows.get("continua"), rows.get("guides")
    found: list[tuple[str, Finding]] = []
    if continua is not None and guides is not None:
        found += [("guides.json", one) for one in unknown_continua(guides, continua)]
    # The shipped files may name goals that a group's own list leaves out: those never match.
    if continua is not None and (folder / "continuum.json").exists():
        found += [("continuum.json", one) for one in unknown_codes(continua, intake)]
    if guides is not None and (folder / "guides.json").exists():
        found += [("guides.json", one) for one in unknown_goals(guides, intake)]
    return [Problem(str(_file(folder, shipped, name)), *one) for name, one in found]


def _file(folder: Path, shipped: Path, name: str) -> Path:
    return folder / name if (folder / name).exists() else shipped / name


def _continuum(row: dict[str, Any]) -> Continuum:
    goals = row["goals"]
    return Continuum(
        slug=row["slug"],
        applies_to=tuple(row["applies_to"]),
        body_areas=tuple(row["body_areas"]),
        goals="all" if goals == "all" else tuple(goals),
        stages=tuple(_stage(stage) for stage in row["stages"]),
    )


def _stage(row: dict[str, Any]) -> Stage:
    return Stage(
        ordinal=row["ordinal"],
        key=row["key"],
        seed_text=row["seed_text"],
        display=row.get("display", row["seed_text"]),
        children=tuple(_stage(child) for child in row.get("children", ())),
    )


def _guide(row: dict[str, Any]) -> Guide:
    day = row["reviewed_on"]
    rest = {name: row[name] for name in ("slug", "title", "continuum", "goal", "reviewer")}
    return Guide(
        body=tuple(row["body"]),
        glossary=tuple(Term(**word) for word in row["glossary"]),
        reviewed_on=date.fromisoformat(day) if day else None,
        **rest,
    )
