"""How one typed line is read."""

import time
from dataclasses import replace

import pytest

from clinicdir.finder.rules import ParsedLine, is_coarse, normalise, parse_line

BELLEVUE = ParsedLine(
    street_line="13112 NE 20TH ST", city="BELLEVUE", state="WA", postal_code="98005"
)
COVINGTON = ParsedLine(
    street_line="17709 SE 272ND ST", city="COVINGTON", state="WA", postal_code="98042"
)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("  2222 california Avenue Southwest ", "2222 CALIFORNIA AVE SW"),
        ("13112 N.E. 20th St., #400", "13112 NE 20TH ST # 400"),
        ("Second Avenue", "2ND AVE"),
        ("Saint Paul", "ST PAUL"),
        ("Coeur d\u2019Alene", "COEUR DALENE"),
        ("Winston-Salem", "WINSTON SALEM"),
        ("\uff11\uff12 Ca\u00f1on", "12 CANON"),
        ("98005-1234", "98005-1234"),
        ("\U0001f3e5", ""),
    ],
)
def test_normalise_gives_one_spelling(typed: str, expected: str) -> None:
    assert normalise(typed) == expected


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("13112 NE 20th St, Bellevue, WA 98005", BELLEVUE),
        ("13112 northeast 20th street bellevue washington 98005", BELLEVUE),
        ("13112 Northeast Twentieth Street, Bellevue 98005, WA", BELLEVUE),
        ("Bellevue, 13112 NE 20th St, WA 98005", BELLEVUE),
        ("17709 SE 272nd St, Covington, WA 98042", COVINGTON),
    ],
)
def test_parse_line_reads_one_address_in_all_its_forms(typed: str, expected: ParsedLine) -> None:
    assert parse_line(typed) == expected


@pytest.mark.parametrize(
    ("typed", "expected", "unit"),
    [
        ("13112 NE 20th St #400, Bellevue, WA 98005", BELLEVUE, "# 400"),
        ("13112 NE 20th St, Suite 400, Bellevue, WA 98005-1234, USA", BELLEVUE, "STE 400"),
        ("13112 NE 20th St Apt 12B Bellevue WA 98005", BELLEVUE, "APT 12B"),
        ("13112 NE 20th St 2nd Floor Bellevue 98005 WA", BELLEVUE, "2ND FL"),
        ("13112 NE 20th St, Bldg B, Unit 3, Bellevue, WA 98005", BELLEVUE, "BLDG B UNIT 3"),
        ("17709 SE 272nd St Suite C, Covington, WA 98042", COVINGTON, "STE C"),
        ("17709 SE 272nd St C, Covington, WA 98042", COVINGTON, "C"),
        ("17709 SE 272nd St Rear, Covington, WA 98042", COVINGTON, "REAR"),
        ("Suite C, 17709 SE 272nd St, Covington, WA 98042", COVINGTON, "STE C"),
    ],
)
def test_parse_line_sets_the_unit_aside(typed: str, expected: ParsedLine, unit: str) -> None:
    assert parse_line(typed) == replace(expected, unit=unit)


@pytest.mark.parametrize(
    ("typed", "street_line", "city", "state"),
    [
        ("2410 N ST NE, Auburn 98002", "2410 N ST NE", "AUBURN", None),
        ("500 S 320th St Federal Way WA", "500 S 320TH ST", "FEDERAL WAY", "WA"),
        ("100 Main St St Paul MN", "100 MAIN ST", "ST PAUL", "MN"),
        ("100 State Hwy 99 Lynnwood", "100 STATE HWY 99", "LYNNWOOD", None),
        ("100 Magic Circle Dr Seattle", "100 MAGIC CIR DR", "SEATTLE", None),
        ("100 N St Andrews Dr, Seattle", "100 N ST ANDREWS DR", "SEATTLE", None),
        ("12 Main St Hartford CT", "12 MAIN ST", "HARTFORD", "CT"),
        ("100 Hartford Ct", "100 HARTFORD CT", None, None),
        ("100 Main St NE 68102", "100 MAIN ST NE", None, None),
        ("100 Delaware", "100 DELAWARE", None, None),
        ("13112 Broadway", "13112 BROADWAY", None, None),
        ("5th Ave, Seattle", "5TH AVE", "SEATTLE", None),
        ("Apt 12B", "APT 12B", None, None),
    ],
)
def test_parse_line_parts_street_and_city(
    typed: str, street_line: str, city: str | None, state: str | None
) -> None:
    parsed = parse_line(typed)
    assert (parsed.street_line, parsed.city, parsed.state) == (street_line, city, state)


@pytest.mark.parametrize(
    ("typed", "city", "state", "postal_code"),
    [
        ("98057", None, None, "98057"),
        ("98057, Renton", "RENTON", None, "98057"),
        ("WA 98057", None, "WA", "98057"),
        ("Near Kirkland", "KIRKLAND", None, None),
        ("Seattle, Washington", "SEATTLE", "WA", None),
        ("seattle washington usa", "SEATTLE", "WA", None),
        ("Omaha NE", "OMAHA", "NE", None),
        ("New York", "NEW YORK", None, None),
        ("New York, New York", "NEW YORK", "NY", None),
        ("Charlotte, North Carolina", "CHARLOTTE", "NC", None),
        ("Washington, D.C.", "WASHINGTON", "DC", None),
        ("Federal Way", "FEDERAL WAY", None, None),
    ],
)
def test_parse_line_reads_a_place_without_a_street(
    typed: str, city: str | None, state: str | None, postal_code: str | None
) -> None:
    parsed = parse_line(typed)
    assert (parsed.street_line, parsed.city, parsed.state, parsed.postal_code) == (
        None,
        city,
        state,
        postal_code,
    )


def test_parse_line_keeps_a_state_that_may_belong_to_the_city() -> None:
    parsed = parse_line("Port Washington")
    assert (parsed.city, parsed.state, parsed.place) == ("PORT", "WA", "PORT WASHINGTON")


@pytest.mark.parametrize("typed", ["", " , ", "\x00", "USA", "\U0001f3e5\U0001f3e5"])
def test_parse_line_of_nothing_is_empty(typed: str) -> None:
    assert parse_line(typed) == ParsedLine()


@pytest.mark.parametrize(
    ("typed", "expected"),
    [("332 Burnett Ave S", True), ("41-20 Main St", True), ("5th Ave", False), ("Renton", False)],
)
def test_has_street_number_tells_numbers_from_numbered_streets(typed: str, expected: bool) -> None:
    assert parse_line(typed).has_street_number is expected


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("98057", True),
        ("Renton", True),
        ("Renton, WA 98057", True),
        ("Federal Way", True),
        ("St. Paul, MN", True),
        ("332 Burnett Ave S, Renton", False),
        ("13112 Broadway", False),
        ("5th Ave, Seattle", False),
        ("Aurora Ave Seattle", False),
        ("PO Box 12, Renton", False),
        ("98057 Burnett", False),
        ("my knee hurts and I would like to be seen near the big red barn please", False),
        ("", False),
    ],
)
def test_is_coarse_lets_only_a_zip_or_a_city_into_an_address_bar(
    typed: str, expected: bool
) -> None:
    assert is_coarse(parse_line(typed)) is expected


@pytest.mark.parametrize("unit", ["a", "# ", "1-", "\u0301", "\ufdfa", "ave ", "st,", "9", " "])
def test_parse_line_of_a_long_text_costs_no_more_than_a_line(unit: str) -> None:
    text = (unit * 10_000)[:10_000]
    started = time.perf_counter()
    parse_line(text)
    assert time.perf_counter() - started < 0.25


@pytest.mark.parametrize(
    ("line", "unit"),
    [
        ("123 Main St, Renton WA 98057 Apt 4", "APT 4"),
        ("123 Main St Renton WA 98057 #4", "# 4"),
        ("123 Main St, Renton WA 98057 Unit B", "UNIT B"),
        ("123 Main St, Renton, WA 98057, Apt 4", "APT 4"),
        ("123 Main St, Renton WA 98057 (blue house)", None),
    ],
)
def test_what_stands_behind_the_zip_code_does_not_hide_it(line: str, unit: str | None) -> None:
    parsed = parse_line(line)
    assert (parsed.postal_code, parsed.state, parsed.unit) == ("98057", "WA", unit)
    assert (parsed.city, parsed.street_line) == ("RENTON", "123 MAIN ST")
