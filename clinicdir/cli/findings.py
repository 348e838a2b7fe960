"""What the doctor says: one finding a line, each with its weight and its cure."""

import enum
from dataclasses import dataclass


class Weight(enum.StrEnum):
    """How much a finding matters: only trouble makes the exit code 1."""

    FINE = "fine"
    NOTE = "note"
    WARNING = "warning"
    TROUBLE = "trouble"


@dataclass(frozen=True)
class Finding:
    """One line of the doctor: what was looked at, how it is, what to do."""

    weight: Weight
    subject: str
    state: str
    cure: str = ""

    def __str__(self) -> str:
        """Return the finding as one line."""
        cure = f" {self.cure}" if self.cure else ""
        return f"{self.weight:7}  {self.subject}: {self.state}.{cure}"
