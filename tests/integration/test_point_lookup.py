"""What is imported is found, at its level and with honest alternatives, on both engines."""

import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Connection, event, text
from sqlalchemy.sql import Executable

from clinicdir.db import db
from clinicdir.finder import in_use
from clinicdir.finder.fitting.known import KnownAddress
from clinicdir.finder.gazetteer import City, Gazetteer, PostalCode
from clinicdir.finder.known_points import known_addresses
from clinicdir.finder.places import PLACES_OF_KEY, KnownPlaces
from clinicdir.finder.point_queries import (
    NAMES_IN_ZIP,
    POINTS_FAR,
    STREETS_ANYWHERE,
    STREETS_IN_CITY,
    STREETS_IN_ZIP,
    STREETS_IN_ZIPS,
    points_close,
)
from clinicdir.finder.points import PointIndex
from clinicdir.finder.rules import Level, Origin, Position, parse_line
from clinicdir.finder.street import Street
from tests.address_files import (
    Address,
    Range,
    Zip,
    write_csv,
    write_gazetteer,
    write_geonames,
    write_tiger,
)
from tests.imports import run_import
from tests.tables import statements

GAZETTEER = Gazetteer.open()
# A small town on a grid: 100 numbers are about 75 m east, a street is 110 m north of the last.
NORTH, EAST = 47.6, -122.2


def on(street: str, number: int, *, north: int = 0, **more: Any) -> Address:  # noqa: ANN401
    """Return an address some streets north of the town's corner, by its number east of it."""
    place = (NORTH + north / 1_000, EAST + number / 100_000)
    return Address(str(number), street, latitude=place[0], longitude=place[1], **more)


TOWN = [
    *(on("NE 20th St", number, north=20) for number in (1_000, 1_010, 1_011, 1_100, 2_000)),
    *(on("SE 20th St", number, north=-20) for number in (1_004, 1_020, 1_200)),
    *(on("20th Ave", number, north=5) for number in (100, 104)),
    *(on("California Ave SW", number, north=3) for number in (200, 210)),
    *(on("Martine Rd", number, north=8) for number in (300, 310)),
    *(on("Martino Rd", number, north=12) for number in (300, 310)),
    *(on("Madison St", number, north=4) for number in (400, 410)),
    *(on("Border Way", number, north=6) for number in (500,)),
    *(on("Border Way", number, north=6, postal_code="98004") for number in (690,)),
    *(on("Lake St", number, city="Kirkland", postal_code="98033") for number in (10, 20)),
    *(on("Lake St", number, city="Renton", postal_code="98057", north=-100) for number in (10, 20)),
]


@pytest.fixture
def town(app: Flask, tmp_path: Path) -> Flask:
    """Return an app into which the town is imported."""
    run_import(app, write_csv(tmp_path / "town.csv", TOWN))
    return app


def locate(app: Flask, line: str) -> Origin | None:
    with app.app_context():
        return PointIndex(GAZETTEER).locate(parse_line(line))


def found(app: Flask, line: str) -> tuple[str, str, int, tuple[str, ...]] | None:
    """Return level, what was matched, the error, and the alternatives."""
    origin = locate(app, line)
    if origin is None:
        return None
    return origin.level.value, origin.matched, origin.error_m, origin.alternatives


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("1010 NE 20th St, Bellevue, WA 98005", ("point", "1010 NE 20th St, Bellevue 98005", 90)),
        ("1010 northeast 20th street 98005", ("point", "1010 NE 20th St, Bellevue 98005", 90)),
        ("1010A NE 20th St Apt 4, 98005", ("point", "1010 NE 20th St, Bellevue 98005", 90)),
        ("1006 NE 20th St, 98005", ("interpolated", "1006 NE 20th St, Bellevue 98005", 79)),
        ("1950 NE 20th St, 98005", ("near_number", "1950 NE 20th St, Bellevue 98005", 200)),
        ("1500 NE 20th St, 98005", ("interpolated", "1500 NE 20th St, Bellevue 98005", 412)),
        ("3000 NE 20th St, 98005", ("street", "NE 20th St, Bellevue 98005", 1_300)),
        ("1010 20th St NE, 98005", ("point", "1010 NE 20th St, Bellevue 98005", 90)),
        ("1010 NE 20th, 98005", ("point", "1010 NE 20th St, Bellevue 98005", 90)),
        ("204 California Ave, 98005", ("interpolated", "204 California Ave SW, Bellevue 98005")),
        ("204 Califronia Ave SW, 98005", ("interpolated", "204 California Ave SW, Bellevue 98005")),
        ("404 Madison Ave, 98005", ("interpolated", "404 Madison St, Bellevue 98005")),
        # Along the street into the next ZIP.
        ("610 Border Way, 98005", ("interpolated", "610 Border Way, Bellevue 98004")),
        # Without a ZIP the city decides.
        ("1010 NE 20th St, Bellevue", ("point", "1010 NE 20th St, Bellevue 98005", 90)),
        ("10 Lake St, Renton, WA", ("point", "10 Lake St, Renton 98057", 90)),
        ("610 Border Way, Bellevue", ("interpolated", "610 Border Way, Bellevue 98004")),
    ],
)
def test_line_is_found(town: Flask, line: str, expected: tuple[object, ...]) -> None:
    answer = found(town, line)
    assert answer is not None
    assert (answer[: len(expected)], answer[3]) == (expected, ())


@pytest.mark.parametrize(
    "line",
    [
        "",
        "98005",
        "NE 20th St, Bellevue",
        "1010 NE 21st St, 98005",
        "1010 NE 02th St, 98005",
        "1010 NW 20th St, 98005",
        "100 20th Blvd, 98005",
        "99999 California Ave SW, 98005",
        "1010 NE 20th St, 98101",
        "1010 NE 20th St, Zuerich",
        "10 Lake St, Spokane, WA",
    ],
)
def test_line_that_no_point_can_place_is_left_to_the_next_step(town: Flask, line: str) -> None:
    assert found(town, line) is None


def test_missing_direction_names_the_other_street(town: Flask) -> None:
    answer = found(town, "1010 20th St, Bellevue, WA 98005")
    assert answer is not None
    assert (answer[0], answer[1], answer[3]) == (
        "point",
        "1010 NE 20th St, Bellevue 98005",
        ("1010 SE 20th St, Bellevue 98005",),
    )


def test_error_of_a_question_reaches_the_alternatives(town: Flask) -> None:
    origin = locate(town, "1010 20th St, Bellevue, WA 98005")
    other = locate(town, "1010 SE 20th St, Bellevue, WA 98005")
    assert origin is not None
    assert other is not None
    apart = (origin.latitude - other.latitude) * 111_195
    assert origin.error_m == pytest.approx(apart + other.error_m, abs=2)


def test_missing_direction_where_only_one_street_has_the_number_is_no_question(town: Flask) -> None:
    # SE 20th St has no number near 2000, and NE 20th St has that very one.
    assert found(town, "2000 20th St, Bellevue, WA 98005") == (
        "point",
        "2000 NE 20th St, Bellevue 98005",
        90,
        (),
    )


def test_two_streets_one_slip_away_are_both_named(town: Flask) -> None:
    answer = found(town, "300 Martina Rd, Bellevue, WA 98005")
    assert answer is not None
    assert (answer[1], answer[3]) == (
        "300 Martine Rd, Bellevue 98005",
        ("300 Martino Rd, Bellevue 98005",),
    )


def test_line_without_zip_and_city_names_the_street_of_the_other_town(town: Flask) -> None:
    answer = found(town, "10 Lake St")
    assert answer is not None
    assert (answer[1], answer[3]) == (
        "10 Lake St, Kirkland 98033",
        ("10 Lake St, Renton 98057",),
    )


def test_alternatives_are_lines_that_find_themselves(town: Flask) -> None:
    for line in ("1010 20th St, 98005", "300 Martina Rd, 98005", "10 Lake St"):
        origin = locate(town, line)
        assert origin is not None
        for named in (origin.matched, *origin.alternatives):
            again = locate(town, named)
            assert again is not None
            assert (again.matched, again.alternatives) == (named, ())


def test_ranges_are_interpolated_and_never_called_a_point(app: Flask, tmp_path: Path) -> None:
    path = [(47.6, -122.2), (47.6, -122.19), (47.61, -122.19)]
    run_import(
        app, write_tiger(tmp_path / "x.zip", [Range("NE 20th St", ("101", "181"), ("", ""), path)])
    )
    origin = locate(app, "101 NE 20th St, 98005")
    assert origin == Origin(Level.INTERPOLATED, 47.6, -122.2, 150, "101 NE 20th St, 98005")
    middle = locate(app, "117 NE 20th St, 98005")
    assert middle is not None
    assert (middle.level.value, middle.latitude, middle.error_m) == ("interpolated", 47.6, 450)
    # Beyond the bend the street runs north.
    beyond = locate(app, "161 NE 20th St, 98005")
    assert beyond is not None
    assert (beyond.longitude, 47.6 < beyond.latitude < 47.61) == (-122.19, True)


def test_single_addresses_come_before_ranges(app: Flask, tmp_path: Path) -> None:
    path = [(47.7, -122.2), (47.7, -122.19)]
    run_import(
        app,
        write_tiger(tmp_path / "x.zip", [Range("NE 20th St", ("101", "181"), ("", ""), path)]),
        write_csv(tmp_path / "x.csv", [on("NE 20th St", 111), on("NE 20th St", 121)]),
    )
    origin = locate(app, "117 NE 20th St, 98005")
    assert origin is not None
    assert (origin.level.value, round(origin.latitude, 6)) == ("interpolated", 47.6)


def test_single_addresses_are_given_back_for_fitting(app: Flask, tmp_path: Path) -> None:
    path = [(47.7, -122.2), (47.7, -122.19)]
    run_import(
        app,
        write_tiger(tmp_path / "x.zip", [Range("NE 20th St", ("101", "181"), ("", ""), path)]),
        write_csv(tmp_path / "x.csv", [on("NE 20th St", 111), on("Main", 5, postal_code="")]),
    )
    with app.app_context():
        found = list(known_addresses())
    street = Street(111, None, "NE", "20TH", "ST", None)
    assert found == [KnownAddress(street, "98005", Position(47.6, -122.19889))]


def test_new_import_answers_at_once_and_old_rows_no_more(app: Flask, tmp_path: Path) -> None:
    assert found(app, "100 Main St, 98005") is None
    run_import(app, write_csv(tmp_path / "x.csv", [on("Main St", 100)]))
    assert found(app, "100 Main St, 98005") is not None
    run_import(app, write_csv(tmp_path / "x.csv", [on("Other St", 100)]))
    assert found(app, "100 Main St, 98005") is None


def test_lookup_without_imports_asks_the_database_once_a_second(app: Flask) -> None:
    with app.app_context():
        in_use.forget()
        with statements(app) as seen:
            for _ in range(100):
                assert PointIndex(GAZETTEER).locate(parse_line("1010 NE 20th St, 98005")) is None
    asked = [one for one in seen if one.startswith("SELECT")]
    assert len(asked) <= 2


def test_lookup_asks_a_bounded_number_of_questions(sqlite_app: Flask, tmp_path: Path) -> None:
    run_import(sqlite_app, write_csv(tmp_path / "town.csv", TOWN))
    most = {
        "1010 NE 20th St, 98005": 2,
        "1500 NE 20th St, 98005": 5,
        "300 Martina Rd, 98005": 6,
        "1500 NE 20th St, Bellevue": 5,
        "10 Lake St": 2,
    }
    asked: dict[str, int] = {}
    with sqlite_app.app_context():
        in_use.kinds_in_use()
        for line in most:
            seen: list[str] = []
            driver: Any = db.session.connection().connection.driver_connection
            driver.set_trace_callback(seen.append)
            PointIndex(GAZETTEER).locate(parse_line(line))
            driver.set_trace_callback(None)
            asked[line] = len([one for one in seen if "finder_" in one])
    assert asked == most


ROUND_1000 = {"low": 900, "high": 1_100}
NAME_INDEX, ZIP_INDEX = "ix_finder_street_name_postal_code", "ix_finder_street_postal_code_name"


@pytest.mark.parametrize(
    ("statement", "values", "indexes"),
    [
        (STREETS_IN_ZIP, {"name": "20TH", "postal_code": "98005"}, {NAME_INDEX, ZIP_INDEX}),
        (STREETS_ANYWHERE, {"name": "20TH"}, {NAME_INDEX}),
        (NAMES_IN_ZIP, {"postal_code": "98005"}, {ZIP_INDEX}),
        (STREETS_IN_ZIPS, {"name": "20TH", "low": "98000", "high": "98099"}, {NAME_INDEX}),
        (STREETS_IN_CITY, {"name": "20TH", "city": "BELLEVUE"}, {NAME_INDEX}),
        (points_close(4), {"s0": 1, "s1": 2, "s2": 2, "s3": 2} | ROUND_1000, {"pk_finder_point"}),
        (POINTS_FAR, {"street": 1, "number": 1_000}, {"pk_finder_point"}),
        (PLACES_OF_KEY, {"key": "98005"}, {"ix_finder_place_key"}),
    ],
    ids=["streets", "anywhere", "names", "near", "city", "close", "far", "places"],
)
def test_lookup_walks_an_index(
    app: Flask, tmp_path: Path, statement: Executable, values: dict[str, Any], indexes: set[str]
) -> None:
    many = [on(f"{name} St", at) for name in range(100, 400) for at in range(10)]
    run_import(app, write_csv(tmp_path / "x.csv", many))
    with app.app_context(), db.engine.connect() as connection:
        is_sqlite = connection.dialect.name == "sqlite"
        if not is_sqlite:
            # These few rows any planner reads whole, unless it may not.
            connection.execute(text("set enable_seqscan = off"))
        plan = _plan(connection, statement, values, is_sqlite=is_sqlite)
    told = " ".join(plan).replace("PRIMARY KEY", "pk_finder_point")
    assert [index for index in indexes if index in told] != [], plan
    assert [
        line for line in plan if re.search("SCAN finder_[sp]|Seq Scan on finder_[sp]", line)
    ] == []


def _plan(
    connection: Connection,
    statement: Executable,
    values: dict[str, Any],
    *,
    is_sqlite: bool,
) -> list[str]:
    explain = "explain query plan " if is_sqlite else "explain "
    seen: list[str] = []

    def note(_connection: object, cursor: Any, words: str, given: Any, *_: object) -> None:  # noqa: ANN401
        cursor.execute(explain + words, given)
        seen.extend(str(row) for row in cursor.fetchall())

    event.listen(connection, "before_cursor_execute", note)
    connection.execute(statement, values).all()
    return seen


def test_imported_zips_lie_over_the_shipped_ones(app: Flask, tmp_path: Path) -> None:
    places = KnownPlaces(GAZETTEER)
    shipped = GAZETTEER.postal_code("98057")
    assert shipped is not None
    with app.app_context():
        assert places.postal_code("98057") == shipped
    run_import(
        app,
        write_gazetteer(
            tmp_path / "gaz.txt",
            [Zip("98057", "", "", 47.5, -122.25), Zip("00999", "", "", 18.4, -66.0)],
        ),
    )
    with app.app_context():
        moved = places.postal_code("98057")
        assert moved == PostalCode(**(vars(shipped) | {"latitude": 47.5, "longitude": -122.25}))
        new = places.postal_code("00999")
        assert new is not None
        assert (new.latitude, new.longitude, new.city) == (18.4, -66.0, "")
        assert places.postal_code("98005") == GAZETTEER.postal_code("98005")
        assert places.postal_code("99999") is None


def test_imported_cities_lie_over_the_shipped_ones(app: Flask, tmp_path: Path) -> None:
    places = KnownPlaces(GAZETTEER)
    zips = [
        Zip("98057", "Renton", "WA", 47.5, -122.2),
        Zip("98998", "New Renton", "WA", 47.4, -122.1),
        Zip("68005", "Bellevue", "NE", 41.2, -95.9),
    ]
    run_import(app, write_geonames(tmp_path / "US.txt", zips))
    with app.app_context():
        [renton] = places.cities("renton", "WA")
        assert (renton.latitude, renton.longitude, renton.label) == (47.5, -122.2, "Renton, WA")
        assert renton.population == GAZETTEER.cities("Renton", "WA")[0].population
        assert places.cities("New Renton") == [City("New Renton", "WA", 47.4, -122.1, 0, 0)]
        named = [city.label for city in places.cities("Bellevue")]
        assert named == [city.label for city in GAZETTEER.cities("Bellevue")]
        assert places.cities("Bellevue", "NE")[0].latitude == 41.2
        preferred = places.cities("Bellevue", prefer_states={"NE"})
        assert [city.state for city in preferred] == ["NE"]
        assert places.cities("Zuerich") == []


def test_newer_of_two_imports_of_one_zip_wins(app: Flask, tmp_path: Path) -> None:
    run_import(app, write_geonames(tmp_path / "US.txt", [Zip("98057", "Renton", "WA", 47.5, -122)]))
    run_import(app, write_gazetteer(tmp_path / "z.txt", [Zip("98057", "", "", 47.4, -122)]))
    with app.app_context():
        found = KnownPlaces(GAZETTEER).postal_code("98057")
    assert found is not None
    assert found.latitude == 47.4
