"""Reads a seed file as far as JSON goes, and words what is wrong with one."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from clinicdir.errors import DomainError

FILE_NAME = "locations.json"

_SHOWN_AT_MOST = 80


@dataclass(frozen=True)
class Problem:
    """One thing in a seed file that is refused (error) or worth knowing (warning)."""

    file: str
    pointer: str  # the number of the line instead, where the file is no JSON at all
    value: str
    allowed: str
    level: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        """Return the line that a shell shows: file:/pointer: value: what is allowed."""
        return f"{self.file}:{self.pointer}: {self.value}: {self.allowed}"


class SeedError(DomainError):
    """A seed file has errors; `problems` names all of them."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        """Keep the problems in the order of the file."""
        self.problems = list(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


@dataclass(frozen=True)
class Seed:
    """The content of a seed file that has no errors."""

    file: str
    organization: dict[str, Any]
    locations: list[dict[str, Any]]
    unattached: list[dict[str, Any]]


class SeedObject(dict[str, Any]):
    """A JSON object that remembers the keys which the file gives twice."""

    def __init__(self, pairs: Iterable[tuple[str, Any]]) -> None:
        """Let the last of two equal keys win, as JSON readers do."""
        listed = list(pairs)
        super().__init__(listed)
        times = Counter(name for name, _ in listed)
        self.repeated = [name for name in self if times[name] > 1]


def seed_file(path: Path | str) -> Path:
    """Return the file of locations: `path` itself, or the one in the folder `path`."""
    place = Path(path)
    return place / FILE_NAME if place.is_dir() else place


def read_json(path: Path) -> Any:  # noqa: ANN401 - JSON is anything until it is checked
    """Return the content of a JSON file with or without a BOM, or raise SeedError."""
    file = str(path)
    try:
        raw = path.read_bytes()
    except OSError as problem:
        raise SeedError([Problem(file, "1", problem.strerror or "unreadable", "a file")]) from None
    try:
        return json.loads(raw.decode("utf-8-sig"), object_pairs_hook=SeedObject)
    except UnicodeDecodeError as problem:
        # The codec counts from behind a BOM; a BOM holds no line end, so the line is right.
        line = problem.object[: problem.start].count(b"\n") + 1
        raise SeedError([Problem(file, str(line), "bad bytes", "text in UTF-8")]) from None
    except json.JSONDecodeError as problem:
        value = f"column {problem.colno}: {problem.msg}"
        raise SeedError([Problem(file, str(problem.lineno), value, "valid JSON")]) from None
    except (ValueError, RecursionError):  # a number of thousands of digits, or deep nesting
        allowed = "numbers and nesting of a usual size"
        raise SeedError([Problem(file, "1", "too large to read", allowed)]) from None


def printable(text: str) -> str:
    """Return a text on one line, with whatever could steer a terminal escaped."""
    return "".join(sign if sign.isprintable() else f"\\u{ord(sign):04x}" for sign in text)


def shown(value: object) -> str:
    """Return a JSON value as a message shows it: short, on one line."""
    text = printable(json.dumps(value, ensure_ascii=False))
    return text if len(text) <= _SHOWN_AT_MOST else text[: _SHOWN_AT_MOST - 1] + "…"


def pointer_part(key: str) -> str:
    """Return a key as a part of a JSON pointer (RFC 6901)."""
    return printable(key).replace("~", "~0").replace("/", "~1")
