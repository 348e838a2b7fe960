"""What a request may choose from, and the notice it is given under: data of the clinic group."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Choice:
    """One answer to choose: its code in JSON and tables, its label for people."""

    code: str
    label: str


@dataclass(frozen=True)
class Consent:
    """The privacy notice in force, with the version that a request must name."""

    version: str
    text: str
    locale: str


@dataclass(frozen=True)
class Intake:
    """The group's own lists of answers, in the order they are asked, and its notice."""

    goals: tuple[Choice, ...]
    body_areas: tuple[Choice, ...]
    stopped: tuple[Choice, ...]
    consent: Consent


def read_intake(folder: Path, shipped: Path) -> Intake:
    """Read `intake.json` and `consent.json` of a seeds folder; ValueError says what is wrong.

    A folder that lacks one of them means the shipped one.
    """
    lists = _read(folder, shipped, "intake.json")
    consent = _read(folder, shipped, "consent.json")
    try:
        return Intake(
            goals=_choices(lists["goals"]),
            body_areas=_choices(lists["body_areas"]),
            stopped=_choices(lists["stopped"]),
            consent=Consent(**consent),
        )
    except (KeyError, TypeError) as problem:
        message = f"{folder}: intake.json or consent.json lacks or exceeds its keys ({problem})"
        raise ValueError(message) from problem


def _read(folder: Path, shipped: Path, name: str) -> Any:  # noqa: ANN401 - JSON is anything
    path = folder / name if (folder / name).exists() else shipped / name
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as problem:
        message = f"{path}: cannot be read ({problem})"
        raise ValueError(message) from problem


def _choices(rows: list[dict[str, str]]) -> tuple[Choice, ...]:
    return tuple(Choice(code=row["code"], label=row["label"]) for row in rows)
