"""Who acts, and how entries are chained so that a changed one shows."""

import enum
import hashlib
import json
from dataclasses import dataclass
from datetime import datetime


class ActorKind(enum.StrEnum):
    """What sort of person or thing acts."""

    PATIENT = "patient"
    STAFF = "staff"
    OPERATOR = "operator"
    SYSTEM = "system"


@dataclass(frozen=True)
class Actor:
    """Who does something: a kind and, for staff, the account's number and address."""

    kind: ActorKind
    staff_id: int | None = None
    label: str = ""


PATIENT = Actor(ActorKind.PATIENT)
OPERATOR = Actor(ActorKind.OPERATOR)
SYSTEM = Actor(ActorKind.SYSTEM)

GROUP_CHAIN = "group"


def location_chain(location_id: int) -> str:
    """Return the name of a location's chain; one each, so that clinics do not wait in line."""
    return f"location/{location_id}"


@dataclass(frozen=True)
class Facts:
    """What one entry says; it holds no personal data of a patient."""

    chain: str
    sequence: int
    at: datetime
    actor: Actor
    action: str
    subject: str
    detail: str


def entry_hash(facts: Facts, previous: bytes) -> bytes:
    """Return SHA-256 over the previous entry's hash and these facts, each field delimited."""
    text = json.dumps(
        [
            facts.chain,
            facts.sequence,
            facts.at.isoformat(timespec="milliseconds"),
            facts.actor.kind.value,
            facts.actor.staff_id,
            facts.actor.label,
            facts.action,
            facts.subject,
            facts.detail,
        ],
        ensure_ascii=True,
        separators=(",", ":"),
    )
    return hashlib.sha256(previous + text.encode()).digest()
