"""Which clinics are near, how far, and which are about as near as the first."""

import subprocess
import sys
from dataclasses import dataclass

import pytest

from clinicdir.finder.queries import Nearest, locate_position, nearest
from clinicdir.finder.rules import Level, Origin, Position, about_as_near, haversine_m, rank


@dataclass(frozen=True)
class Spot:
    """A named place, with or without a position."""

    name: str
    latitude: float | None
    longitude: float | None


HERE = Origin(Level.POSTAL_CODE, 47.4714, -122.2203, 4500, "98057")
RENTON = Spot("Renton", 47.478649, -122.207544)
BELLEVUE = Spot("Bellevue", 47.62847, -122.165704)
COVINGTON = Spot("Covington", 47.3576, -122.1050)
NOWHERE = Spot("Anacortes", None, None)


def test_haversine_of_a_degree_of_latitude() -> None:
    assert haversine_m(Position(47, -122), Position(48, -122)) == pytest.approx(111_195, abs=1)


def test_rank_puts_ties_by_name_and_the_unknown_last() -> None:
    twin = Spot("Aberdeen", RENTON.latitude, RENTON.longitude)
    assert rank(HERE.position, [NOWHERE, BELLEVUE, RENTON, twin]) == [
        twin,
        RENTON,
        BELLEVUE,
        NOWHERE,
    ]


@pytest.mark.parametrize(("other_m", "expected"), [(1000, True), (5500, True), (5501, False)])
def test_about_as_near_is_within_the_error(other_m: float, expected: bool) -> None:
    assert about_as_near(1000, other_m, error_m=4500) is expected


def test_nearest_gives_geodesic_metres_and_says_which_are_about_as_near() -> None:
    close = Spot("Tukwila", 47.474, -122.26)
    assert nearest(HERE, [NOWHERE, BELLEVUE, close, COVINGTON, RENTON], limit=5) == [
        Nearest(RENTON, 1_255, about_as_near_as_first=True),
        Nearest(close, 3_007, about_as_near_as_first=True),
        Nearest(COVINGTON, 15_355, about_as_near_as_first=False),
        Nearest(BELLEVUE, 17_940, about_as_near_as_first=False),
        Nearest(NOWHERE, None, about_as_near_as_first=False),
    ]


def test_nearest_stops_at_the_limit() -> None:
    assert [near.location for near in nearest(HERE, [BELLEVUE, RENTON], limit=1)] == [RENTON]


def test_nearest_of_places_without_positions_claims_nothing() -> None:
    assert nearest(HERE, [NOWHERE], limit=3) == [
        Nearest(NOWHERE, None, about_as_near_as_first=False)
    ]


def test_nearest_without_an_origin_is_the_first_by_name() -> None:
    assert nearest(None, [RENTON, COVINGTON, BELLEVUE], limit=2) == [
        Nearest(BELLEVUE, None, about_as_near_as_first=False),
        Nearest(COVINGTON, None, about_as_near_as_first=False),
    ]


def test_locate_position_takes_the_degrees_as_exact() -> None:
    assert locate_position(47.61528, -122.34246) == Origin(
        Level.POSITION, 47.61528, -122.34246, 0, "47.6153, -122.3425"
    )


@pytest.mark.parametrize(
    ("latitude", "longitude", "message"),
    [
        (90.1, 0.0, "Latitude must be between -90 and 90 degrees."),
        (float("nan"), 0.0, "Latitude must be between -90 and 90 degrees."),
        (0.0, float("-inf"), "Longitude must be between -180 and 180 degrees."),
        (0.0, 180.1, "Longitude must be between -180 and 180 degrees."),
    ],
)
def test_locate_position_refuses_what_is_on_no_map(
    latitude: float, longitude: float, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        locate_position(latitude, longitude)


def test_queries_do_not_load_geopy_before_a_search() -> None:
    # The package is entered past its own __init__, which loads the whole application.
    program = (
        "import sys, types; package = types.ModuleType('clinicdir');"
        "package.__path__ = sys.argv[1:]; sys.modules['clinicdir'] = package;"
        "import clinicdir.finder.queries; print('geopy' in sys.modules)"
    )
    folder = next(iter(sys.modules["clinicdir"].__path__))
    done = subprocess.run(  # noqa: S603 - our own interpreter and program
        [sys.executable, "-c", program, folder], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
