"""Writes measures in Prometheus' text format, version 0.0.4."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass
class Family:
    """One measure: its name, what it says, and a value for each set of labels."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    lines: list[str] = field(default_factory=list)

    def add(
        self, value: float, labels: Mapping[str, str] | None = None, *, suffix: str = ""
    ) -> None:
        """Add a value; `suffix` names the part of a histogram, such as `_bucket`."""
        pairs = ",".join(f'{name}="{_escaped(text)}"' for name, text in (labels or {}).items())
        named = f"{self.name}{suffix}"
        self.lines.append(f"{named}{{{pairs}}} {_number(value)}" if pairs else _plain(named, value))


def render(families: Iterable[Family]) -> str:
    """Return the page of these measures; one that has no value is left out."""
    lines: list[str] = []
    for family in families:
        if family.lines:
            told = family.help.replace("\\", r"\\").replace("\n", r"\n")
            lines += [f"# HELP {family.name} {told}", f"# TYPE {family.name} {family.kind}"]
            lines += family.lines
    return "".join(f"{line}\n" for line in lines)


def _plain(name: str, value: float) -> str:
    return f"{name} {_number(value)}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return "NaN" if math.isnan(value) else repr(value)
