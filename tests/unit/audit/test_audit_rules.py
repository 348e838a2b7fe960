"""The hash of an entry: fixed for all time, and different for every different fact."""

import dataclasses
import hashlib
from datetime import UTC, datetime, timedelta

import pytest

from clinicdir.audit.rules import (
    OPERATOR,
    PATIENT,
    SYSTEM,
    Actor,
    ActorKind,
    Facts,
    entry_hash,
    location_chain,
)

FACTS = Facts(
    chain="location/3",
    sequence=7,
    at=datetime(2026, 11, 24, 20, 0, 0, 123_000, tzinfo=UTC),
    actor=Actor(ActorKind.STAFF, staff_id=2, label="desk@example.com"),
    action="view",
    subject="C7K4KQ2",
    detail="as desk",
)


def test_hash_is_over_the_previous_one_and_the_facts_in_a_fixed_form() -> None:
    text = (
        '["location/3",7,"2026-11-24T20:00:00.123+00:00","staff",2,"desk@example.com","view",'
        '"C7K4KQ2","as desk"]'
    )
    assert entry_hash(FACTS, b"before") == hashlib.sha256(b"before" + text.encode()).digest()


@pytest.mark.parametrize(
    "change",
    [
        {"chain": "location/4"},
        {"sequence": 8},
        {"at": FACTS.at + timedelta(milliseconds=1)},
        {"actor": PATIENT},
        {"actor": dataclasses.replace(FACTS.actor, staff_id=None)},
        {"actor": dataclasses.replace(FACTS.actor, label="")},
        {"action": "list"},
        {"subject": "C7K4KQ3"},
        {"detail": ""},
        # Moved from one field to its neighbour, the same letters are another entry.
        {"subject": "C7K4KQ2as", "detail": " desk"},
    ],
)
def test_any_other_fact_gives_another_hash(change: dict[str, object]) -> None:
    other = dataclasses.replace(FACTS, **change)  # type: ignore[arg-type]
    assert entry_hash(other, b"before") != entry_hash(FACTS, b"before")


def test_entry_after_another_has_another_hash() -> None:
    assert entry_hash(FACTS, b"") != entry_hash(FACTS, b"before")


def test_actors_without_an_account_have_no_name() -> None:
    for actor, kind in ((PATIENT, "patient"), (OPERATOR, "operator"), (SYSTEM, "system")):
        assert (actor.kind, actor.staff_id, actor.label) == (kind, None, "")


def test_each_location_has_a_chain() -> None:
    assert location_chain(3) == "location/3"
