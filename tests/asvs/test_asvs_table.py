"""The table of ASVS requirements is whole, names what is there, and its page says so."""

from collections import Counter
from dataclasses import replace

import pytest

from tests.asvs.table import PAGE, Requirement, page, requirements, sections, unproven

# Of the standard: how many requirements of both levels each chapter has.
COUNTS = {
    "1": 27, "2": 11, "3": 19, "4": 10, "5": 9, "6": 35, "7": 18, "8": 7, "9": 7,
    "10": 29, "11": 14, "12": 9, "13": 13, "14": 9, "15": 13, "16": 16, "17": 7,
}  # fmt: skip
GOOD = Requirement("1.1.1", "2", "x", "met", "asvs/test_asvs_table.py::test_page_is_up_to_date")


def test_every_requirement_of_both_levels_is_there_once() -> None:
    listed = requirements()
    ids = [one.id for one in listed]
    assert Counter(one.level for one in listed) == {"1": 70, "2": 183}
    assert Counter(one.partition(".")[0] for one in ids) == COUNTS
    assert sorted(ids, key=lambda one: [int(part) for part in one.split(".")]) == ids
    assert len(set(ids)) == len(ids)
    assert {one.rpartition(".")[0] for one in ids} | {*COUNTS} == set(sections())


def test_every_requirement_has_its_test_its_line_or_its_reason() -> None:
    assert unproven(requirements()) == []


def test_what_is_not_met_is_counted() -> None:
    """A requirement that is met no more is a decision, not a slip: change the list with it."""
    unmet = [one.id for one in requirements() if one.answer == "not met"]
    assert unmet == ["6.5.2", "6.5.5", "7.5.1", "7.5.2", "11.4.1", "12.3.1", "13.2.1"]


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"proof": ""}, "neither a proof nor a reason"),
        ({"answer": "yes"}, "neither a proof nor a reason"),
        ({"answer": "not applicable", "proof": " "}, "neither a proof nor a reason"),
        ({"proof": "asvs/test_asvs_table.py::test_gone"}, "no such test"),
        ({"proof": "asvs/test_gone.py::test_page_is_up_to_date"}, "no such test"),
        ({"proof": "asvs/test_asvs_table.py::page"}, "no such test"),
        ({"proof": "docs/operate.md#gone"}, "no such heading"),
        ({"proof": "docs/gone.md#backup"}, "no such heading"),
    ],
)
def test_a_proof_that_is_none_is_seen(changed: dict[str, str], says: str) -> None:
    assert unproven([GOOD]) == []
    assert [line.split(": ")[1] for line in unproven([replace(GOOD, **changed)])] == [says]


def test_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(requirements()), (
        "run: python -m tests.asvs.table"
    )
