"""The growing box finds what a look at every place finds, anywhere on the globe."""

import random
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from clinicdir.finder.box import Box, growing_box
from clinicdir.finder.rules import EARTH_RADIUS_M, Position, haversine_m, rank

# Edges and their neighbours are where boxes go wrong.
EDGES = (-180.0, -179.9999, -90.0, 0.0, 90.0, 179.9999, 180.0)
latitudes = st.one_of(st.floats(-90, 90), st.sampled_from((-90.0, -89.999, 0.0, 89.999, 90.0)))
longitudes = st.one_of(st.floats(-180, 180), st.sampled_from(EDGES))
positions = st.builds(Position, latitudes, longitudes)


@dataclass(frozen=True)
class Spot:
    """A named place."""

    name: str
    latitude: float
    longitude: float


def scatter(seed: int, middle: Position) -> list[Spot]:
    """Return places over the whole earth, and as many around one spot."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    places = [
        Spot(f"far {number}", chance.uniform(-90, 90), chance.uniform(-180, 180))
        for number in range(chance.randrange(40))
    ]
    spread = 10 ** chance.uniform(-4, 1)
    for number in range(chance.randrange(40)):
        latitude = middle.latitude + chance.gauss(0, spread)
        longitude = middle.longitude + chance.gauss(0, spread)
        longitude = (longitude + 180) % 360 - 180
        places.append(Spot(f"near {number}", min(90.0, max(-90.0, latitude)), longitude))
    return places


def inside(box: Box, places: list[Spot]) -> list[Spot]:
    """Return what lies in a box, as the database would say it."""
    return [
        place
        for place in places
        if box.south <= place.latitude <= box.north
        and any(west <= place.longitude <= east for west, east in box.longitudes)
    ]


@settings(max_examples=300)
@given(st.integers(0, 2**32), positions, positions, st.integers(1, 15))
def test_growing_box_finds_the_nearest_of_all(
    seed: int, here: Position, middle: Position, count: int
) -> None:
    for spot in (middle, here):
        places = scatter(seed, spot)

        def look(box: Box, most: int | None, places: list[Spot] = places) -> list[Spot]:
            return inside(box, places)[:most]

        found = growing_box(here, count, look)
        assert rank(here, found)[:count] == rank(here, places)[:count]


@settings(max_examples=30)
@given(st.integers(0, 2**32), positions, positions, st.sampled_from((0.0, 1e-9, 1e-4, 1.0)))
def test_growing_box_narrows_a_crowd(
    seed: int, here: Position, middle: Position, spread: float
) -> None:
    chance = random.Random(seed)  # noqa: S311
    places = [
        Spot(
            f"{number}",
            min(90.0, max(-90.0, middle.latitude + chance.gauss(0, spread))),
            (middle.longitude + chance.gauss(0, spread) + 180) % 360 - 180,
        )
        for number in range(500)
    ]
    looks: list[int] = []

    def look(box: Box, most: int | None) -> list[Spot]:
        found = inside(box, places)[:most]
        looks.append(len(found))
        return found

    found = growing_box(here, 5, look)
    assert rank(here, found)[:5] == rank(here, places)[:5]
    assert len(looks) < 50


@given(positions, positions, st.floats(0, 1.5))
def test_a_box_holds_everything_within_its_radius(
    middle: Position, place: Position, slack: float
) -> None:
    radius_m = haversine_m(middle, place) * (1 + slack)
    box = Box.around(middle, radius_m)
    spot = Spot("spot", place.latitude, place.longitude)
    assert inside(box, [spot]) == [spot], (box, radius_m)


@given(positions, st.floats(0, 4 * EARTH_RADIUS_M))
def test_a_box_names_only_degrees_that_exist(middle: Position, radius_m: float) -> None:
    box = Box.around(middle, radius_m)
    assert -90 <= box.south <= box.north <= 90
    assert 1 <= len(box.longitudes) <= 2
    assert all(-180 <= west <= east <= 180 for west, east in box.longitudes)


def test_a_box_over_the_date_line_is_cut_in_two() -> None:
    box = Box.around(Position(-17.0, 179.9), 50_000)
    (west, end), (start, east) = box.longitudes
    assert (end, start) == (180.0, -180.0)
    assert (round(west, 2), round(east, 2)) == (179.43, -179.63)
