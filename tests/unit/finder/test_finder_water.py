"""Waters between a patient and a clinic: the words, the order, and the table of places."""

import math
from pathlib import Path

import pytest

from bench.water_table import MARK, PAGE, Row, measure, read_clinics, summary, table
from clinicdir.finder.plane import bearing, crosses, met_at
from clinicdir.finder.queries import nearest
from clinicdir.finder.rules import Level, Origin, Position
from clinicdir.finder.water import Drawing, find_drawing, shipped_drawings, ways_from
from clinicdir.finder.way import Way, in_order

CLINICS = read_clinics()
ROWS = measure()


def way(place: tuple[float, float], slug: str) -> Way:
    """Return the way from a place to a shipped clinic."""
    [found] = ways_from(Position(*place), [CLINICS[slug]])
    assert found is not None
    return found


def test_table_has_places_all_around_the_waters() -> None:
    assert len(ROWS) >= 40
    assert len({row.place for row in ROWS}) == len(ROWS)
    assert {slug for row in ROWS for slug in row.right} <= set(CLINICS)
    assert [row.place for row in ROWS if not row.reason] == []


def test_our_order_is_wrong_nowhere_in_the_table_and_worse_nowhere() -> None:
    assert [row.place for row in ROWS if row.by_way not in row.right] == []


def test_our_order_corrects_what_the_straight_line_gets_wrong() -> None:
    assert [row.place for row in ROWS if row.verdict == "**corrected**"] == [
        "Mercer Island, west side",
        "Mercer Island, south-east",
        "Mercer Island, south end",
        "Sand Point, Magnuson Park",
        "Sammamish, city hall",
        "Burton",
        "Maury Island",
        "Dockton",
        "Bainbridge Island, Winslow",
        "Bainbridge Island, north",
        "Bremerton",
        "Silverdale",
        "Poulsbo",
        "Gig Harbor",
        "Keyport",
    ]


@pytest.mark.parametrize(
    ("line", "own", "verdict"),
    [
        ("a", "a", "right"),
        ("b", "a", "**corrected**"),
        ("a", "b", "**worse**"),
        ("b", "b", "wrong"),
    ],
)
def test_verdict_of_a_row(line: str, own: str, verdict: str) -> None:
    assert Row("there", ("a",), line, own, "", "why").verdict == verdict


def test_page_holds_the_table_as_it_is_measured() -> None:
    assert PAGE.read_text(encoding="utf-8").partition(f"{MARK}\n\n")[2] == table(ROWS)
    assert summary(ROWS) in PAGE.read_text(encoding="utf-8")


def test_words_name_the_waters_under_the_line_in_its_order() -> None:
    assert way((47.6262, -122.5212), "bellevue").across == ("Puget Sound", "Lake Washington")
    assert way((47.68, -122.255), "bellevue").across == ("Lake Washington",)
    assert way((47.60, -122.035), "bellevue").across == ("Lake Sammamish",)
    assert way((47.64, -122.40), "seattle-california-ave-sw").across == ("Elliott Bay",)


def test_way_over_land_has_no_words_and_the_length_of_the_line() -> None:
    found = way((47.6815, -122.2087), "bellevue")
    assert found == Way(found.land_m)
    assert found.land_m == pytest.approx(6_710, rel=0.01)


def test_ferries_are_named_only_where_there_is_no_way_by_land() -> None:
    assert way((47.4434, -122.4588), "renton").ferries == {"Fauntleroy-Vashon"}
    assert way((47.5673, -122.6326), "seattle-5th-ave").ferries == {"Seattle-Bremerton"}
    assert way((47.3300, -122.5800), "covington").ferries == frozenset()
    assert way((47.5707, -122.2221), "bellevue").ferries == frozenset()


def test_way_is_never_shorter_than_the_line() -> None:
    for latitude in range(4710, 4800, 10):
        for longitude in range(-12270, -12180, 10):
            here = Position(latitude / 100, longitude / 100)
            ways = ways_from(here, list(CLINICS.values()))
            for found, clinic in zip(ways, CLINICS.values(), strict=True):
                assert found is not None
                region = shipped_drawings()[0]
                line_m = math.dist(region._flat(here), region._flat(clinic))  # noqa: SLF001
                assert found.land_m + found.ferry_m >= line_m * 0.999


def test_outside_every_region_nothing_is_said() -> None:
    portland = Position(45.5, -122.67)
    assert find_drawing(portland) is None
    assert ways_from(portland, [CLINICS["renton"], None]) == [None, None]


def test_a_clinic_outside_the_region_or_nowhere_is_left_alone() -> None:
    [first, far, lost] = ways_from(
        Position(47.6, -122.3), [CLINICS["renton"], Position(40.7, -74.0), None]
    )
    assert (first is not None, far, lost) == (True, None, None)


def test_order_stands_without_waters() -> None:
    assert in_order([None, None, None]) == [0, 1, 2]
    assert in_order([Way(9_000), Way(4_000), None]) == [0, 1, 2]
    assert in_order([]) == []


def test_order_changes_only_for_a_clearly_shorter_way() -> None:
    round_the_lake = Way(17_600, across=("Lake",))
    assert in_order([round_the_lake, Way(12_300)]) == [1, 0]
    assert in_order([round_the_lake, Way(15_500)]) == [0, 1]
    assert in_order([Way(5_000, across=("Pond",)), Way(3_100)]) == [0, 1]
    assert in_order([round_the_lake, Way(16_000), None, Way(9_000), Way(8_000)]) == [4, 3, 0, 1, 2]


def test_a_ferry_that_both_take_does_not_count() -> None:
    ferry = frozenset({"ferry"})
    near = Way(3_000, 40_000, ferry, ("Sound",))
    far = Way(7_000, 40_000, ferry, ("Sound",))
    assert near.is_clearly_shorter(far)
    assert not Way(3_000, 40_000, frozenset({"other"}), ("Sound",)).is_clearly_shorter(far)


def test_nearest_in_a_straight_line_says_nothing_of_water() -> None:
    class Spot:
        name = "Renton"
        latitude, longitude = 47.478649, -122.207544

    here = Origin(Level.POSITION, 47.535, -122.23, 0, "here")
    [found] = nearest(here, [Spot()], limit=1)
    assert (found.across, found.needs_ferry, found.is_way_longer) == ((), False, False)


def test_region_is_read_from_a_file_that_a_person_can_write(tmp_path: Path) -> None:
    file = tmp_path / "pond_water.toml"
    file.write_text(
        "name = 'Pond'\nbox = [0.0, 0.0, 1.0, 1.0]\nferry_extra_m = 5\n"
        "[[water]]\nname = 'Pond'\nline = [[0.5, 0.4], [0.5, 0.6]]\n"
        "[[ferry]]\nname = 'Raft'\nends = [[0.49, 0.5], [0.51, 0.5]]\n"
    )
    region = Drawing.read(file)
    south, north = Position(0.48, 0.5), Position(0.52, 0.5)
    [raft] = region.ways(south, [north])
    assert raft.across == ("Pond",)
    assert raft.ferries == {"Raft"}
    # Beside the shore it is nearer to walk round.
    [walk] = region.ways(Position(0.48, 0.401), [Position(0.52, 0.401)])
    assert walk.across == ("Pond",)
    assert (len(walk.ferries), round(walk.land_m)) == (0, 4_457)


@pytest.mark.parametrize("content", ["box = [0, 0, 1, 1]", "nonsense", "name = 'x'\nbox = [0]"])
def test_file_that_is_no_region_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "x_water.toml"
    file.write_text(content)
    with pytest.raises((KeyError, ValueError)):
        Drawing.read(file)


def test_shipped_waters_join_or_end_on_land() -> None:
    """Fail when two lines nearly meet: the way would slip through the gap."""
    region = shipped_drawings()[0]
    ends = [end for water in region.waters for end in (water.line[0], water.line[-1])]
    points = {point for water in region.waters for point in water.line}
    for end in ends:
        near = [
            other
            for other in points - {end}
            if math.dist((end.latitude, end.longitude), (other.latitude, other.longitude)) < 0.005
        ]
        assert near == []


def test_crossing_lines() -> None:
    line = ((0.0, 0.0), (4.0, 0.0))
    assert crosses(line, ((1.0, -1.0), (1.0, 1.0)))
    assert met_at(line, ((1.0, -1.0), (1.0, 1.0))) == 0.25
    assert crosses(line, ((1.0, 0.0), (1.0, 1.0)))
    assert not crosses(line, ((5.0, -1.0), (5.0, 1.0)))
    assert not crosses(line, ((1.0, 1.0), (1.0, 2.0)))
    assert not crosses(line, ((0.0, 1.0), (4.0, 0.5)))
    assert bearing((0.0, 0.0), (0.0, 2.0)) == math.pi / 2
