"""Whatever addresses are written into a file of any format, reading the file gives them back."""

import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinicdir.finder.importing.collecting import StreetCollector, numbers_along
from clinicdir.finder.importing.rows import (
    AddressRow,
    BadFile,
    PlaceRow,
    Problems,
    RangeRow,
    position_problem,
)
from clinicdir.finder.importing.sniffing import Row, start_reading
from clinicdir.finder.importing.sources import open_source
from tests.address_files import (
    Address,
    Range,
    Zip,
    write_csv,
    write_gazetteer,
    write_geojson,
    write_geonames,
    write_tiger,
)

# Any text that stays on its line; a shapefile also drops blanks at the ends.
letters = st.characters(exclude_categories=["C", "Z"], include_characters=" ")
names = st.text(letters, min_size=1, max_size=40).map(str.strip).filter(bool)
codes = st.integers(0, 99_999).map("{:05d}".format)
latitudes = st.floats(-14, 71).map(lambda degrees: round(degrees, 7))
longitudes = st.floats(-179, -65).map(lambda degrees: round(degrees, 7))
numbers = st.integers(0, 999_999)
addresses = st.lists(
    st.builds(Address, numbers.map(str), names, names, codes, latitudes, longitudes),
    min_size=1,
    max_size=20,
)
zips = st.lists(
    st.builds(Zip, codes, names, st.sampled_from(["WA", "OR"]), latitudes, longitudes),
    min_size=1,
    max_size=20,
)
paths = st.lists(st.tuples(latitudes, longitudes), min_size=2, max_size=6)
ends = st.tuples(numbers.map(str), numbers.map(str))
ranges = st.lists(st.builds(Range, names, ends, ends, paths, codes, codes), min_size=1, max_size=5)


def read(name: str, write: Callable[[Path], object]) -> tuple[list[Row], int]:
    """Write a file, and return its rows and the number of its problems."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        write(path)
        problems = Problems(name)
        with open_source(path) as source:
            return list(start_reading(source, problems).rows), problems.count


def as_written(rows: Sequence[Row]) -> list[Address]:
    return [
        Address(str(row.number), row.street, row.city, row.postal_code, row.latitude, row.longitude)
        for row in rows
        if isinstance(row, AddressRow)
    ]


@pytest.mark.parametrize(
    ("name", "write"),
    [("x.csv", write_csv), ("x.geojson", write_geojson), ("x.geojson.gz", write_geojson)],
)
@settings(deadline=None)
@given(addresses)
def test_addresses_come_back(
    name: str, write: Callable[[Path, list[Address]], Path], written: list[Address]
) -> None:
    rows, problems = read(name, lambda path: write(path, written))
    assert (as_written(rows), problems) == (written, 0)


@settings(deadline=None)
@given(ranges)
def test_ranges_come_back(written: list[Range]) -> None:
    rows, problems = read("x.zip", lambda path: write_tiger(path, written))
    expected = [
        RangeRow(line, int(first), int(last), one.street, code, list(one.path))
        for line, one in enumerate(written, 1)
        for (first, last), code in ((one.left, one.left_zip), (one.right, one.right_zip))
    ]
    assert (rows, problems) == (expected, 0)


@settings(deadline=None)
@given(zips)
def test_zips_come_back_from_geonames(written: list[Zip]) -> None:
    rows, problems = read("US.txt", lambda path: write_geonames(path, written))
    expected = [
        PlaceRow(line, one.code, one.city, one.state, one.latitude, one.longitude)
        for line, one in enumerate(written, 1)
    ]
    assert (rows, problems) == (expected, 0)


@settings(deadline=None)
@given(zips, st.sampled_from([2020, 2025]))
def test_zips_come_back_from_the_gazetteer(written: list[Zip], year: int) -> None:
    rows, problems = read("x.txt", lambda path: write_gazetteer(path, written, year=year))
    expected = [
        PlaceRow(line, one.code, "", "", one.latitude, one.longitude)
        for line, one in enumerate(written, 2)
    ]
    assert (rows, problems) == (expected, 0)


@settings(deadline=None)
@given(st.binary(max_size=3_000), st.sampled_from(["x.csv", "x.gz", "x.zip"]))
def test_any_bytes_are_refused_or_read_without_a_fault(data: bytes, name: str) -> None:
    magic = {"x.csv": b"", "x.gz": b"\x1f\x8b\x08\x00", "x.zip": b"PK\x03\x04"}[name]
    with suppress(BadFile):  # in words; anything else would be a fault
        read(name, lambda path: path.write_bytes(magic + data))


@given(st.integers(1, 100), latitudes, longitudes)
def test_collected_points_are_each_number_once_in_order(
    count: int, latitude: float, longitude: float
) -> None:
    collector = StreetCollector()
    for at in range(count):
        number = at * 7 % 50
        row = AddressRow(at, number, "Main St", "", "", "98005", latitude, longitude)
        collector.add(row)
    [points] = list(collector.points())
    assert [number for number, _, _ in points] == sorted({at * 7 % 50 for at in range(count)})


@given(st.integers(0, 99_999), st.integers(0, 99_999), paths)
def test_numbers_along_a_range_keep_its_ends_and_stay_between(
    first: int, last: int, path: list[tuple[float, float]]
) -> None:
    found = numbers_along(RangeRow(1, first, last, "Main St", "98005", path))
    assert (found[0], found[-1]) == ((first, *path[0]), (last, *path[-1]))
    low, high = sorted((first, last))
    assert [number for number, _, _ in found if not low - 1 <= number <= high + 1] == []


@given(st.floats(), st.floats())
def test_position_is_refused_exactly_outside_the_us(latitude: float, longitude: float) -> None:
    in_us = -15 <= latitude <= 72 and (-180 <= longitude <= -64 or 144 <= longitude <= 180)
    assert (position_problem(latitude, longitude) is None) == in_us
