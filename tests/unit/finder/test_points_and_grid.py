"""Imported points and a region's grid: the surer of the two answers."""

import pytest

from clinicdir.finder.gazetteer import Gazetteer
from clinicdir.finder.geocoding import OfflineGeocoder
from clinicdir.finder.places import KnownPlaces
from clinicdir.finder.queries import locate
from clinicdir.finder.rules import Level, Origin

GAZETTEER = Gazetteer.open()
# Both axes of the grid know it.
LINE = "13112 NE 20th St, Bellevue, WA 98005"


def answer(point: Origin | None) -> Origin | None:
    """Return the ladder's answer where the imported points say `point`."""
    geocoder = OfflineGeocoder(GAZETTEER, list, points=lambda _parsed: point)
    return locate(LINE, geocoder=geocoder)


def test_without_a_point_the_grid_answers() -> None:
    origin = answer(None)
    assert origin is not None
    assert origin.level == Level.GRID


@pytest.mark.parametrize(
    ("level", "error_m"),
    [(Level.POINT, 90), (Level.INTERPOLATED, 175), (Level.NEAR_NUMBER, 200)],
)
def test_known_number_nearby_comes_before_the_grid(level: Level, error_m: int) -> None:
    point = Origin(level, 47.6, -122.2, error_m, "a street")
    assert answer(point) == point


@pytest.mark.parametrize("level", [Level.INTERPOLATED, Level.STREET])
def test_grid_comes_before_numbers_far_away(level: Level) -> None:
    origin = answer(Origin(level, 47.6, -122.2, 1_500, "a street"))
    assert origin is not None
    assert origin.level == Level.GRID


def test_question_is_not_answered_by_the_grid() -> None:
    point = Origin(Level.STREET, 47.6, -122.2, 5_000, "a street", ("another",))
    assert answer(point) == point


def test_mistyped_cities_are_those_that_ship() -> None:
    places = KnownPlaces(GAZETTEER)
    expected = GAZETTEER.similar_cities("Bellvue", {"WA"})
    assert expected != []
    assert places.similar_cities("Bellvue", {"WA"}) == expected
