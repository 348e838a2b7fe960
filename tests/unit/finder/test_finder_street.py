"""How a street line is taken apart: lines that other parsers are known to get wrong."""

import pytest

from clinicdir.finder.rules import parse_line
from clinicdir.finder.street import Street, read_street


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("13112 NE 20th St, Bellevue", Street(13112, None, "NE", "20TH", "ST", None)),
        ("8180 304th Ave SE, Issaquah", Street(8180, None, None, "304TH", "AVE", "SE")),
        ("8180 Three Tree Ave", Street(8180, None, None, "THREE TREE", "AVE", None)),
        ("2410 N St NE, Auburn 98002", Street(2410, None, None, "N", "ST", "NE")),
        ("100 West St", Street(100, None, None, "W", "ST", None)),
        ("100 West St SE", Street(100, None, None, "W", "ST", "SE")),
        ("100 North East 20th St", Street(100, None, "NE", "20TH", "ST", None)),
        ("100 N. E. 20th St.", Street(100, None, "NE", "20TH", "ST", None)),
        ("100 N E St", Street(100, None, "N", "E", "ST", None)),
        ("100 N St Andrews Dr, Seattle", Street(100, None, "N", "ST ANDREWS", "DR", None)),
        ("17801 International Blvd NS-25", Street(17801, None, None, "INTERNATIONAL", "BLVD")),
        ("832 NW 48, Seattle", Street(832, None, "NW", "48TH", None, None)),
        ("14330 12th NE, Seattle", Street(14330, None, None, "12TH", None, "NE")),
        ("704 E Thomas, Seattle", Street(704, None, "E", "THOMAS", None, None)),
        ("118 Broadway E, Seattle", Street(118, None, None, "BROADWAY", None, "E")),
        ("114 1/2 1st Ave S", Street(114, None, None, "1ST", "AVE", "S")),
        ("114\u00bd Main St", Street(114, None, None, "MAIN", "ST", None)),
        ("12A Main St", Street(12, "A", None, "MAIN", "ST", None)),
        ("41-20 Main St", Street(41, "20", None, "MAIN", "ST", None)),
        ("901 6 Ave", Street(901, None, None, "6TH", "AVE", None)),
        ("5 Ave, Seattle", Street(None, None, None, "5TH", "AVE", None)),
        ("10 Twenty-Second Ave NE", Street(10, None, None, "22ND", "AVE", "NE")),
        ("104 Twelfth Ave", Street(104, None, None, "12TH", "AVE", None)),
        ("2900 4th Ave So, Seattle", Street(2900, None, None, "4TH", "AVE", "S")),
        ("11500 Pinehurst Wy NE", Street(11500, None, None, "PINEHURST", "WAY", "NE")),
        ("100 Hwy 99 N, Seattle", Street(100, None, None, "HWY 99", None, "N")),
        ("22000 SE State Route 99", Street(22000, None, "SE", "STATE RTE 99", None, None)),
        ("4634 E Marginal Way S", Street(4634, None, "E", "MARGINAL", "WAY", "S")),
        ("100 Avenue D, Snohomish", Street(100, None, None, "AVE D", None, None)),
        ("NE 20th St, Bellevue", Street(None, None, "NE", "20TH", "ST", None)),
        ("98057", Street()),
    ],
)
def test_street_parts(typed: str, expected: Street) -> None:
    assert parse_line(typed).street == expected


def test_parsed_line_gives_the_parts_of_its_street() -> None:
    parsed = parse_line("13112B NE 20th St Ste 400, Bellevue, WA 98005-1234")
    assert (
        parsed.number,
        parsed.number_suffix,
        parsed.predirection,
        parsed.name,
        parsed.suffix,
        parsed.postdirection,
        parsed.street_key,
        parsed.unit,
    ) == (13112, "B", "NE", "20TH", "ST", None, "NE 20TH ST", "STE 400")


@pytest.mark.parametrize(
    ("name", "ordinal"),
    [("1", "1ST"), ("2", "2ND"), ("3", "3RD"), ("11", "11TH"), ("112", "112TH"), ("121", "121ST")],
)
def test_bare_number_is_an_ordinal(name: str, ordinal: str) -> None:
    street = read_street(f"100 {name} AVE")
    assert (street.name, street.ordinal) == (ordinal, int(name))


@pytest.mark.parametrize("line", ["100 MAIN ST", "100 2NDRY ST", "MAIN ST", ""])
def test_named_street_has_no_ordinal(line: str) -> None:
    assert read_street(line).ordinal is None


def test_city_is_taken_off_a_street_that_nothing_parts_from_it() -> None:
    parsed = parse_line("704 E Thomas Seattle 98102")
    with_city = parsed.with_city("SEATTLE")
    assert (with_city.street_key, with_city.city) == ("E THOMAS", "SEATTLE")


@pytest.mark.parametrize(
    ("typed", "city"),
    [
        ("704 E Thomas Seattle 98102", "RENTON"),
        ("704 E Thomas, Seattle 98102", "THOMAS"),
        ("Seattle", "SEATTLE"),
        ("704 E Thomas 98102", ""),
    ],
)
def test_city_that_is_not_there_changes_nothing(typed: str, city: str) -> None:
    parsed = parse_line(typed)
    assert parsed.with_city(city) is parsed
