"""Laws that hold for every position and every typed text."""

import time

import pytest
from geopy.distance import geodesic  # type: ignore[import-untyped]
from hypothesis import assume, example, given
from hypothesis import strategies as st

from clinicdir.finder.gazetteer import Gazetteer
from clinicdir.finder.geocoding import OfflineGeocoder
from clinicdir.finder.grid import read_blocks
from clinicdir.finder.queries import locate
from clinicdir.finder.rules import (
    Position,
    haversine_m,
    is_coarse,
    normalise,
    parse_line,
    rank,
)
from clinicdir.finder.street import read_street

GEOCODER = OfflineGeocoder(Gazetteer.open(), list)
positions = st.builds(Position, st.floats(-90, 90), st.floats(-180, 180))
WORDS = """1 12B 13112 98057 98057-1234 20th N NE CT ST Street Ave Way Hwy # Apt C Suite St. Paul,
New York, Washington WA USA Near United States , - ' """
words = st.sampled_from(WORDS.split())
texts = st.one_of(st.text(max_size=800), st.lists(words, max_size=12).map(" ".join))


@given(positions, positions)
def test_distance_is_symmetric(one: Position, other: Position) -> None:
    assert haversine_m(one, other) == pytest.approx(haversine_m(other, one), abs=1e-3)


@given(positions)
def test_distance_to_itself_is_zero(one: Position) -> None:
    assert haversine_m(one, one) == 0


@given(positions, positions, positions)
def test_distance_has_no_shortcut(one: Position, via: Position, other: Position) -> None:
    # Near the far side of the earth the formula loses digits: half a metre covers it.
    assert haversine_m(one, other) <= haversine_m(one, via) + haversine_m(via, other) + 0.5


@given(positions, positions)
def test_distance_is_within_seven_thousandths_of_the_ellipsoid(
    one: Position, other: Position
) -> None:
    true_m = geodesic((one.latitude, one.longitude), (other.latitude, other.longitude)).meters
    assume(true_m > 1)
    assert haversine_m(one, other) == pytest.approx(true_m, rel=0.007)


@given(st.floats(), st.floats())
def test_position_refuses_exactly_what_is_out_of_range(latitude: float, longitude: float) -> None:
    if abs(latitude) <= 90 and abs(longitude) <= 180:
        assert Position(latitude, longitude).latitude == latitude
    else:
        with pytest.raises(ValueError, match="must be between"):
            Position(latitude, longitude)


class Spot:
    """A named place that is equal only to itself."""

    def __init__(self, name: str, position: Position) -> None:
        """Place the name."""
        self.name = name
        self.latitude = position.latitude
        self.longitude = position.longitude


spots = st.lists(st.builds(Spot, st.sampled_from("ABC"), positions), max_size=8)


@given(positions, spots)
def test_ranking_is_nearest_first_and_keeps_everyone(origin: Position, places: list[Spot]) -> None:
    ranked = rank(origin, places)
    keys = [
        (haversine_m(origin, Position(spot.latitude, spot.longitude)), spot.name) for spot in ranked
    ]
    assert keys == sorted(keys)
    assert sorted(map(id, ranked)) == sorted(map(id, places))


@given(positions, spots)
def test_ranking_twice_changes_nothing(origin: Position, places: list[Spot]) -> None:
    ranked = rank(origin, places)
    assert rank(origin, ranked) == ranked


@given(texts)
@example("\u0663-5")
@example("#" * 600)
@example("1-" * 300)
@example("\ufdfa" * 200)
@example("\U0001f3e5\x00\ud800")
def test_normalising_twice_changes_nothing(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once
    assert set(once) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789#- ")


@given(texts)
@example("\u0301" * 10_000)
@example("\U0001f3e5" * 10_000)
@example(", Apt" * 2_000)
def test_any_text_is_read_into_normalised_parts(text: str) -> None:
    parsed = parse_line(text)
    parts = (parsed.city, parsed.place, parsed.street_line, parsed.state, parsed.postal_code)
    assert [part for part in parts if part is not None and normalise(part) != part] == []


@given(texts)
@example("12 " * 200)
@example("N E " * 100)
@example("HWY 99 " * 60)
@example("9" * 500 + " MAIN ST")
def test_reading_a_street_again_changes_nothing(text: str) -> None:
    street = parse_line(text).street
    again = read_street(f"{street.number or ''} {street.key}".strip())
    assert set(street.key) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789#- ")
    # Without a house number a street such as "20TH ST" may be read as a house on another.
    if street.number is not None:
        assert (again.number, again.key) == (street.number, street.key)


@given(st.lists(st.sampled_from(["12", "NE", "20TH", "ST", "AVE", "N", "HWY", "99", "A"])))
def test_blocks_of_any_street_are_numbers_or_absent(parts: list[str]) -> None:
    blocks = read_blocks(read_street(" ".join(parts)))
    assert blocks is None or {type(blocks.latitude), type(blocks.longitude)} <= {
        int,
        float,
        type(None),
    }


@given(texts)
def test_any_text_is_placed_or_not_found(text: str) -> None:
    origin = locate(text, geocoder=GEOCODER)
    if origin is not None:
        assert -90 <= origin.latitude <= 90
        assert origin.error_m > 0


@given(st.text(st.sampled_from("NESW 12thaveNEst,#-HWY 99 98101 Seattle\u0301"), max_size=400))
def test_time_to_find_grows_no_faster_than_the_text(text: str) -> None:
    started = time.perf_counter()
    locate(text * 25, geocoder=GEOCODER)
    assert time.perf_counter() - started < 0.5


@given(texts)
def test_a_coarse_line_holds_no_digit_but_its_zip(text: str) -> None:
    parsed = parse_line(text)
    assume(is_coarse(parsed))
    digits = [letter for letter in parsed.city or "" if letter.isdigit()]
    assert (parsed.street_line, digits) == (None, [])


@given(st.integers(1, 99_999), st.sampled_from(["Main St", "NE 20th St", "5th Ave", "Broadway"]))
def test_a_house_number_before_a_street_is_never_coarse(number: int, street: str) -> None:
    parsed = parse_line(f"{number} {street}, Seattle, WA 98101")
    assert (is_coarse(parsed), parsed.postal_code) == (False, "98101")
