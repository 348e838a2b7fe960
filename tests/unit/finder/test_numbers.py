"""Where a house number is put among the known ones of its street."""

import pytest

from clinicdir.finder.numbers import Known, Placed, apart_m, place_close, place_far
from clinicdir.finder.rules import Level

# About 75 m east for each hundred numbers, as on an east-west street in Seattle.
STREET = [Known(number, 47.6, -122.2 + number / 100_000, 7) for number in (100, 101, 140, 301, 700)]


def told(placed: Placed | None) -> tuple[Level, int, int] | None:
    if placed is None:
        return None
    return placed.level, round((placed.at.longitude + 122.2) * 1e5), placed.error_m


def close(number: int, known: list[Known]) -> tuple[Level, int, int] | None:
    """Return how a number was placed, at which number's place, and the error."""
    placed = place_close(number, known)
    return told(placed)


def far(number: int, known: list[Known]) -> tuple[Level, int, int] | None:
    placed = place_far(number, known)
    return told(placed)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (140, (Level.POINT, 140, 90)),
        (120, (Level.INTERPOLATED, 120, 90)),  # between 100 and 140, its own side
        (201, (Level.INTERPOLATED, 201, 150)),  # between 101 and 301, just within 200
        (180, (Level.INTERPOLATED, 180, 135)),  # the other side helps where its own does not
        (99, (Level.NEAR_NUMBER, 100, 200)),
        (401, (Level.NEAR_NUMBER, 301, 200)),
        (402, None),
        (650, (Level.NEAR_NUMBER, 700, 200)),
    ],
)
def test_number_is_placed_by_the_best_of_what_is_close(
    number: int, expected: tuple[Level, int, int] | None
) -> None:
    assert close(number, STREET) == expected


def test_own_side_comes_before_a_tighter_bracket_of_the_other() -> None:
    odd_side = [Known(101, 47.7, -122.2), Known(199, 47.7, -122.2)]
    even_side = [Known(148, 47.6, -122.2), Known(152, 47.6, -122.2)]
    placed = place_close(149, sorted(odd_side + even_side))
    assert placed is not None
    assert placed.at.latitude == pytest.approx(47.7)


def test_two_numbers_too_far_apart_to_be_of_one_street_make_no_bracket() -> None:
    known = [Known(100, 47.6, -122.2), Known(140, 47.7, -122.2)]
    placed = place_close(118, known)
    assert placed is not None
    assert (placed.level, placed.at.number) == (Level.NEAR_NUMBER, 100)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (500, (Level.INTERPOLATED, 500, 225)),
        (2_000, (Level.STREET, 2_000, 1_600)),  # straight on as it came
        (5, (Level.STREET, 5, 395)),
        (9_000, (Level.STREET, 700, 8_600)),  # too far for that: its end
    ],
)
def test_number_far_from_all_is_placed_between_or_at_the_end(
    number: int, expected: tuple[Level, int, int]
) -> None:
    assert far(number, STREET) == expected


def test_street_is_not_followed_by_numbers_that_tell_no_way() -> None:
    side_by_side = [Known(700, 47.6, -122.2), Known(704, 47.6, -122.2001)]
    torn = [Known(100, 47.6, -122.2), Known(140, 47.7, -122.2)]
    alone = [Known(700, 47.6, -122.2)]
    ends = [place_far(1_500, known) for known in (side_by_side, torn, alone)]
    assert [placed.at.number for placed in ends if placed] == [704, 140, 700]


def test_nothing_known_places_nothing() -> None:
    assert (close(1, []), far(1, [])) == (None, None)


def test_place_names_the_street_of_the_nearer_number() -> None:
    known = [Known(100, 47.6, -122.2, 1), Known(200, 47.6, -122.199, 2)]
    assert [place_close(number, known).at.street_id for number in (120, 180)] == [1, 2]  # type: ignore[union-attr]


def test_distance_is_in_metres() -> None:
    here, there = Known(0, 47.6, -122.2), Known(0, 47.61, -122.2)
    assert apart_m(here, there) == pytest.approx(1_112, abs=1)
    assert apart_m(here, Known(0, 47.6, -122.19)) == pytest.approx(750, abs=1)
