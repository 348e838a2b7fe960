"""Which imported streets a typed one may mean."""

import pytest

from clinicdir.finder.models import ImportKind
from clinicdir.finder.rules import parse_line
from clinicdir.finder.streets import Fit, ImportedStreet, fit, groups, likely_names


def imported(
    predirection: str = "", name: str = "20TH", suffix: str = "ST", postdirection: str = ""
) -> ImportedStreet:
    return ImportedStreet(
        1, ImportKind.ADDRESSES, "98005", predirection, name, suffix, postdirection, "BELLEVUE"
    )


@pytest.mark.parametrize(
    ("typed", "street", "expected"),
    [
        ("NE 20th St", imported("NE"), Fit(0, 0)),
        ("20th St", imported("NE"), Fit(1, 0)),
        ("20th St NE", imported("NE"), Fit(2, 0)),
        ("NE 20th St", imported(), Fit(2, 0)),
        ("SE 20th St", imported("NE"), None),
        ("NE 20th Ave", imported("NE"), None),
        ("NE 20th", imported("NE"), Fit(0, 1)),
        ("20th", imported("NE"), Fit(1, 1)),
        ("Madison Ave", imported(name="MADISON"), Fit(0, 2)),
        ("Madison", imported(name="MADISON"), Fit(0, 1)),
        ("Madison Ave", imported("E", name="MADISON"), None),
        ("Madison St", imported(name="MADISON", suffix=""), Fit(0, 1)),
    ],
)
def test_fit_counts_what_differs(typed: str, street: ImportedStreet, expected: Fit | None) -> None:
    assert fit(parse_line(f"100 {typed}"), street) == expected


def test_groups_are_best_first_and_one_a_street() -> None:
    parsed = parse_line("100 20th St, Bellevue")
    streets = [
        imported("NE")._replace(id=1),
        imported("SE")._replace(id=2),
        imported()._replace(id=3),
        imported("NE")._replace(id=4, postal_code="98008", city="REDMOND"),
        imported("NE", suffix="AVE"),
    ]
    found = groups(parsed, streets)
    assert [(group.key, [street.id for street in group.streets]) for group in found] == [
        ("20TH ST", [3]),
        ("NE 20TH ST", [1, 4]),
        ("SE 20TH ST", [2]),
    ]
    by_city = groups(parsed, streets, by_city=True)
    assert [[street.id for street in group.streets] for group in by_city] == [[3], [1], [4], [2]]


NAMES = ["CALIFORNIA", "CARLYLE", "MADISON", "PINE", "PIKE", "20TH", "21ST", "RAINIER"]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("CALIFRONIA", ["CALIFORNIA"]),
        ("CALIFORNA", ["CALIFORNIA"]),
        ("CALIFORNIAA", ["CALIFORNIA"]),
        ("MADISEN", ["MADISON"]),
        ("CALIFONRAI", []),
        ("PIEN", ["PINE"]),
        ("PINK", []),
        ("20HT", ["20TH"]),
        ("22ND", []),
        ("02TH", []),
        ("A", []),
        ("MADISON", []),
    ],
)
def test_one_slip_is_understood_but_never_in_digits(typed: str, expected: list[str]) -> None:
    assert likely_names(typed, NAMES) == expected


def test_two_names_that_are_as_near_are_both_given() -> None:
    assert likely_names("MARTINA", ["MARTINE", "MARTINO", "MARTIN"]) == [
        "MARTIN",
        "MARTINE",
        "MARTINO",
    ]
