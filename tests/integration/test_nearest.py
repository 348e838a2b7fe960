"""The nearest of many clinics: the same as by looking at all, and by the index on both engines."""

import random
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, insert, select, text

from clinicdir.db import db, transaction
from clinicdir.finder.box import Box
from clinicdir.finder.queries import find_nearest, locate_position
from clinicdir.finder.rules import Position, rank
from clinicdir.locations.models import Location
from clinicdir.locations.queries import (
    box_values,
    list_by_name,
    list_unplaced,
    positions_in_box,
)

MANY = 5_000
ORIGINS = [
    (47.6, -122.33), (0.0, 180.0), (0.0, -180.0), (-17.5, 179.95), (-17.5, -179.95),
    (90.0, 0.0), (89.9, -100.0), (-90.0, 12.0), (-89.95, 170.0), (0.0, 0.0), (40.7, -74.0),
]  # fmt: skip


def add_locations(places: list[tuple[str, float | None, float | None]]) -> None:
    """Store locations with names and positions in degrees, all else invented."""
    rows: list[dict[str, Any]] = [
        {
            "slug": f"place-{number}", "ordinal": 100 + number, "name": name, "line": "1 Main St",
            "city": "Town", "state": "WA", "postal_code": "98057", "latitude": latitude,
            "longitude": longitude, "position_is_estimate": False, "time_zone": "UTC",
            "source": "invented", "seed": {},
        }
        for number, (name, latitude, longitude) in enumerate(places)
    ]  # fmt: skip
    with transaction():
        db.session.execute(insert(Location), rows)


def scatter(count: int) -> list[tuple[str, float | None, float | None]]:
    """Return places over the earth, at its edges, and in one crowded town."""
    chance = random.Random(1)  # noqa: S311 - no secret
    places: list[tuple[str, float | None, float | None]] = [
        ("Pole", 90.0, 0.0), ("Date line", 0.0, 180.0), ("Date line, west", 0.0, -180.0),
        ("Antarctic", -90.0, 0.0), ("Taveuni", -16.85, -179.95), ("Vanua Levu", -16.5, 179.6),
    ]  # fmt: skip
    while len(places) < count:
        number = len(places)
        if number % 3:
            where = chance.uniform(-90, 90), chance.uniform(-180, 180)
        else:
            where = chance.gauss(47.6, 0.05), chance.gauss(-122.33, 0.05)
        places.append((f"Place {number}", *where))
    return places


@pytest.fixture
def crowded(app: Flask) -> Iterator[Flask]:
    """Return the app with thousands of clinics all over the globe."""
    with app.app_context():
        add_locations(scatter(MANY))
        # Of this table alone: the database is shared, and plans of the others are tested elsewhere.
        db.session.execute(text("analyze location"))
        db.session.commit()
        yield app


def test_nearest_of_thousands_are_those_that_a_look_at_all_finds(crowded: Flask) -> None:
    everyone = list(db.session.scalars(select(Location)))
    for latitude, longitude in ORIGINS:
        here = Position(latitude, longitude)
        origin = locate_position(latitude, longitude)
        names = [found.location.name for found in find_nearest(origin, limit=15)]
        expected = [place.name for place in rank(here, everyone)[:15]]
        # Round Seattle a water may change the order, but brings nobody in or out here.
        assert sorted(names) == sorted(expected), (latitude, longitude)
        if not (46 < latitude < 49):
            assert names == expected, (latitude, longitude)


def test_box_walks_the_index_and_never_the_whole_table(crowded: Flask) -> None:
    for latitude, longitude in ((47.6, -122.33), (-17.0, 179.99)):
        box = Box.around(Position(latitude, longitude), 4_000)
        values = box_values(box.south, box.north, box.longitudes, most=200)
        query = positions_in_box(len(box.longitudes)).params(values)
        sql = query.compile(db.engine, compile_kwargs={"literal_binds": True})
        explain = "explain query plan" if db.engine.name == "sqlite" else "explain"
        plan = "\n".join(str(row[-1]) for row in db.session.execute(text(f"{explain} {sql}")))
        assert "ix_location_latitude_longitude" in plan, plan
        full_scan = "SCAN" if db.engine.name == "sqlite" else "Seq Scan"
        assert full_scan not in plan, plan


def test_explain_would_tell_a_full_scan(crowded: Flask) -> None:
    """Fail if the words that the test above looks for are no longer the engine's."""
    is_sqlite = db.engine.name == "sqlite"
    explain = "explain query plan" if is_sqlite else "explain"
    query = select(Location.name).where(Location.latitude + 1 > 0)
    sql = query.compile(db.engine, compile_kwargs={"literal_binds": True})
    plan = "\n".join(str(row[-1]) for row in db.session.execute(text(f"{explain} {sql}")))
    assert ("SCAN" if is_sqlite else "Seq Scan") in plan


def test_few_queries_find_the_nearest_of_thousands(crowded: Flask) -> None:
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    origin = locate_position(47.6, -122.33)
    find_nearest(origin, limit=3)
    event.listen(db.engine, "before_cursor_execute", note)
    try:
        find_nearest(origin, limit=3)
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    # Is the group small; a box or two; the three with their contact points.
    assert len(statements) <= 5, statements


def test_clinics_without_a_position_come_last_and_by_name(app: Flask) -> None:
    with app.app_context():
        add_locations([("Zeta", None, None), ("Alpha", None, -122.0), ("Mid", 47.5, -122.3)])
        origin = locate_position(47.48, -122.21)
        found = find_nearest(origin, limit=20)
        names = [result.location.name for result in found]
        assert (len(names), names[0], names[-2:]) == (9, "Renton", ["Alpha", "Zeta"])
        assert [result.distance_m for result in found][-2:] == [None, None]
        assert [place.name for place in list_unplaced(1)] == ["Alpha"]


def test_a_large_group_without_enough_positions_is_filled_by_name(app: Flask) -> None:
    with app.app_context():
        add_locations([(f"Place {number:03}", None, None) for number in range(80)])
        names = [
            result.location.name for result in find_nearest(locate_position(0.0, 0.0), limit=9)
        ]
        assert names[6:] == ["Place 000", "Place 001", "Place 002"]


def test_an_unknown_place_gives_the_first_by_name(app: Flask) -> None:
    with app.app_context():
        found = find_nearest(None, limit=2)
        assert [result.location.name for result in found] == ["Bellevue", "Covington"]
        assert [place.name for place in list_by_name(1)] == ["Bellevue"]
        assert [(result.distance_m, result.across) for result in found] == [(None, ()), (None, ())]
