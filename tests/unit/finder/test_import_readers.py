"""Import files: told apart by content, read as streams, and refused in words when they lie."""

import gzip
import zipfile
from pathlib import Path

import pytest

from clinicdir.finder.importing.rows import (
    AddressRow,
    BadFile,
    PlaceRow,
    Problems,
    RangeRow,
    read_number,
    read_postal_code,
)
from clinicdir.finder.importing.sniffing import Row, region_of, start_reading
from clinicdir.finder.importing.sources import open_source
from tests.address_files import (
    HEADER,
    Address,
    Range,
    Zip,
    feature,
    write_csv,
    write_gazetteer,
    write_geojson,
    write_geonames,
    write_tiger,
)

ADDRESS = Address("13112", "NE 20th St", "Bellevue", "98005", 47.62847, -122.165704)
ROW = AddressRow(0, 13112, "NE 20th St", "", "Bellevue", "98005", 47.62847, -122.165704)
ZIP = Zip("98005", "Bellevue", "WA", 47.6149, -122.1689)
RANGE = Range(
    "NE 20th St", ("13101", "13199"), ("13100", "13198"), [(47.6, -122.2), (47.6, -122.1)]
)


def read(path: Path) -> tuple[str, list[Row], list[str]]:
    """Return the format of a file, its rows, and its problems as they are printed."""
    told: list[str] = []
    problems = Problems(path.name, lambda problem: told.append(str(problem)))
    with open_source(path) as source:
        reading = start_reading(source, problems)
        return reading.format_name, list(reading.rows), told


def lines_of(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def refusal(path: Path) -> str:
    with pytest.raises(BadFile) as refused:
        read(path)
    return str(refused.value)


def test_openaddresses_csv_is_read(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "king.csv", [ADDRESS])
    assert read(path) == ("OpenAddresses CSV", [ROW._replace(line=2)], [])


def test_csv_columns_are_taken_by_name_and_two_may_be_missing(tmp_path: Path) -> None:
    path = lines_of(tmp_path / "x", "\ufeffStreet,number,lat,lon", '"NE 20th St",12A,47.6,-122.1')
    row = AddressRow(2, 12, "NE 20th St", "", "", "", 47.6, -122.1)
    assert read(path) == ("OpenAddresses CSV", [row], [])


@pytest.mark.parametrize("name", ["king.geojson", "king.geojson.gz"])
def test_openaddresses_geojson_is_read(tmp_path: Path, name: str) -> None:
    path = write_geojson(tmp_path / name, [ADDRESS])
    assert read(path) == ("OpenAddresses GeoJSON", [ROW._replace(line=1)], [])


def test_geojson_numbers_and_nulls_are_texts(tmp_path: Path) -> None:
    text = feature(ADDRESS).replace('"13112"', "13112").replace('"98005"', "null")
    path = lines_of(tmp_path / "x", text + ",")
    assert read(path)[1] == [ROW._replace(line=1, postal_code="")]


def test_tiger_is_read_side_by_side(tmp_path: Path) -> None:
    path = write_tiger(tmp_path / "tl_2025_53033_addrfeat.zip", [RANGE])
    name, rows, told = read(path)
    line = [(47.6, -122.2), (47.6, -122.1)]
    assert (name, told) == ("TIGER/Line ADDRFEAT", [])
    assert rows == [
        RangeRow(1, 13101, 13199, "NE 20th St", "98005", line),
        RangeRow(1, 13100, 13198, "NE 20th St", "98005", line),
    ]


def test_tiger_side_without_numbers_is_no_problem(tmp_path: Path) -> None:
    path = write_tiger(tmp_path / "x.zip", [RANGE._replace(left=("", ""))])
    _, rows, told = read(path)
    assert [row.first for row in rows if isinstance(row, RangeRow)] == [13100]
    assert told == []


@pytest.mark.parametrize("year", [2020, 2025])
def test_gazetteer_is_read_with_old_and_new_columns(tmp_path: Path, year: int) -> None:
    path = write_gazetteer(tmp_path / "x.txt", [ZIP], year=year)
    row = PlaceRow(2, "98005", "", "", 47.6149, -122.1689)
    assert read(path) == ("Census ZCTA Gazetteer", [row], [])


@pytest.mark.parametrize("name", ["US.txt", "US.zip"])
def test_geonames_is_read(tmp_path: Path, name: str) -> None:
    path = write_geonames(tmp_path / name, [ZIP])
    row = PlaceRow(1, "98005", "Bellevue", "WA", 47.6149, -122.1689)
    assert read(path) == ("GeoNames postal codes", [row], [])


@pytest.mark.parametrize(
    ("name", "region"),
    [
        ("king.geojson.gz", "king"),
        ("City_of_Seattle.csv", "city_of_seattle"),
        ("tl_2025_53033_addrfeat.zip", "53033"),
        ("US.txt", "us"),
        (".csv", ".csv"),
    ],
)
def test_region_is_the_files_name(name: str, region: str) -> None:
    assert region_of(Path("/somewhere") / name) == region


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("-122.1,47.6,,Main St,,,,,98005,,", "number: '': digits in front, at most 6"),
        ("-122.1,47.6,N6W23,A St,,,,,,,", "number: 'N6W23': digits in front, at most 6"),
        ("-122.1,47.6,1234567,A St,,,,,,,", "number: '1234567': digits in front, at most 6"),
        ("-122.1,47.6,1, ,,,,,,,", "street: ' ': 1 to 120 characters"),
        ("-122.1,47.6,1,A St,,,,,WA,,", "postal_code: 'WA': a ZIP code of 5 digits, or empty"),
        ("x,47.6,1,A St,,,,,,,", "position: '47.6, x': two numbers of degrees"),
        ("-122.1,nan,1,A St,,,,,,,", "latitude: 'nan, -122.1': degrees from -90 to 90"),
        ("-inf,47.6,1,A St,,,,,,,", "longitude: '47.6, -inf': degrees from -180 to 180"),
        (
            "47.6,-122.1,1,A St,,,,,,,",
            "latitude: '-122.1, 47.6': latitude and longitude look exchanged",
        ),
        (
            "18.5,-66.1,1,A St,,,,,,,",
            "latitude: '-66.1, 18.5': latitude and longitude look exchanged",
        ),
        ("0,0,1,A St,,,,,,,", "position: '0.0, 0.0': a place in the United States or its islands"),
        ("-122.1,47.6,1", "line: '-122.1,47.6,1': 11 fields, as in line 1"),
        (
            '-122.1,47.6,1,"A St,,,,,,,',
            "line: '-122.1,47.6,1,\"A St,,,,,,,': 11 fields, as in line 1",
        ),
    ],
)
def test_bad_row_is_told_and_left_out(tmp_path: Path, line: str, told: str) -> None:
    good = "-122.1,47.6,1,A St,,,,,98005,,"
    path = lines_of(tmp_path / "x.csv", HEADER, line, good)
    _, rows, problems = read(path)
    assert (len(rows), problems) == (1, [f"x.csv:2: {told}"])


@pytest.mark.parametrize(
    "line",
    ["{", "[1]", '{"type":"Feature"}', "[" * 50_000, feature(ADDRESS).replace("Point", "Polygon")],
)
def test_bad_feature_is_told_and_left_out(tmp_path: Path, line: str) -> None:
    path = lines_of(tmp_path / "x.geojson", feature(ADDRESS), line, "", feature(ADDRESS))
    _, rows, problems = read(path)
    assert len(rows) == 2
    assert [problem.partition(": ")[0] for problem in problems] == ["x.geojson:2"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"left": ("N1", "9")}, "x.zip:1: LFROMHN: 'N1-9': two house numbers"),
        ({"street": ""}, "x.zip:1: FULLNAME: '': the name of a street"),
        ({"left_zip": "W"}, "x.zip:1: ZIPL: 'W': a ZIP code of 5 digits, or empty"),
        (
            {"path": [(-122.2, 47.6), (-122.1, 47.6)]},
            "x.zip:1: latitude: '-122.2, 47.6': latitude and longitude look exchanged",
        ),
    ],
)
def test_bad_range_is_told_and_left_out(
    tmp_path: Path, change: dict[str, object], told: str
) -> None:
    path = write_tiger(tmp_path / "x.zip", [RANGE._replace(**change)])  # type: ignore[arg-type]
    assert told in read(path)[2]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("CA\tK1A\tOttawa" + "\t" * 9, "country: 'CA': US or one of its islands"),
        ("US\t98005" + "\t" * 10, "place: '': 1 to 120 characters"),
        ("US\tX\tBellevue\t\t\t\t\t\t\t47.6\t-122\t4", "postal_code: 'X': a ZIP code of 5 digits"),
        ("US\t98005\tBellevue\t\t\t\t\t\t\tx\t-122\t4", "position: 'x, -122': two numbers"),
        ("US\t98005\tBellevue\t\t\t\t\t\t\t-122\t47.6\t4", "latitude: '-122.0, 47.6': latitude"),
        ("US\t98005", "line: 'US\ufffd98005': 12 fields between tabs"),
    ],
)
def test_bad_place_is_told_and_left_out(tmp_path: Path, line: str, told: str) -> None:
    path = write_geonames(tmp_path / "US.txt", [ZIP])
    path.write_text(path.read_text() + line + "\n", encoding="utf-8")
    _, rows, problems = read(path)
    assert len(rows) == 1
    assert [problem.startswith(f"US.txt:2: {told}") for problem in problems] == [True]


def test_gazetteer_line_of_other_width_is_told(tmp_path: Path) -> None:
    path = write_gazetteer(tmp_path / "x.txt", [ZIP])
    path.write_text(path.read_text() + "98006|1\n", encoding="utf-8")
    assert read(path)[2] == ["x.txt:3: line: '98006|1': 8 fields, as in line 1"]


def test_long_line_is_passed_over_and_the_next_is_read(tmp_path: Path) -> None:
    good = "-122.1,47.6,1,A St,,,,,98005,,"
    long = good.replace("A St", "x" * 200_000)
    edge = good.replace("A St", "x" * (65_536 - len(good) + len("A St")))
    path = lines_of(tmp_path / "x.csv", HEADER, long, good, edge, good)
    _, rows, problems = read(path)
    assert [row.line for row in rows] == [3, 5]
    assert [problem.rpartition(": ")[2] for problem in problems] == 2 * ["at most 65,536 bytes"]


def test_control_characters_are_not_printed(tmp_path: Path) -> None:
    path = lines_of(tmp_path / "x.csv", HEADER, "\x1b[31m,47.6,1,A St,,,,,,,")
    assert read(path)[2] == ["x.csv:2: position: '47.6, \ufffd[31m': two numbers of degrees"]


def test_file_ending_inside_a_line_is_known(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(f"{HEADER}\n-122.1,47.6,1,A", encoding="utf-8")
    problems = Problems(path.name)
    with open_source(path) as source:
        rows = list(start_reading(source, problems).rows)
        assert (rows, source.ends_inside(2), source.ends_inside(1)) == ([], True, False)


def test_missing_columns_are_named(tmp_path: Path) -> None:
    path = lines_of(tmp_path / "x.csv", "LON,LAT,ADDRESS", "1,2,3")
    assert refusal(path).startswith("x.csv: the columns NUMBER, STREET are missing.")


def test_missing_fields_of_a_shapefile_are_named(tmp_path: Path) -> None:
    path = write_tiger(tmp_path / "x.zip", [RANGE], without="ZIPL")
    assert refusal(path).startswith("x.zip: the fields ZIPL are missing.")


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "hello\n", "<html>\n", "%PDF-1.7\n", "\x00\x01\n"])
def test_unknown_format_says_what_is_known(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x"
    path.write_text(text)
    assert refusal(path).startswith("x: is of no known format. Known are OpenAddresses")


@pytest.mark.parametrize("text", ["", "\n\n"])
def test_empty_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text(text)
    assert refusal(path) == "x.csv: is empty, or starts with an empty line."


def test_one_collection_is_refused(tmp_path: Path) -> None:
    path = lines_of(tmp_path / "x.json", '{"type": "FeatureCollection", "features": []}')
    assert refusal(path) == "x.json: is one collection. One feature a line is needed."


def test_missing_file_and_folder_are_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "no.csv").endswith("cannot be opened (No such file or directory).")
    assert refusal(tmp_path).endswith("is not a file.")


def test_gzip_cut_off_is_refused(tmp_path: Path) -> None:
    path = write_geojson(tmp_path / "x.geojson.gz", [ADDRESS] * 500)
    path.write_bytes(path.read_bytes()[:-30])
    assert refusal(path) == "x.geojson.gz: the packed file is cut off or damaged. Get it again."


def test_damaged_gzip_and_zip_are_refused(tmp_path: Path) -> None:
    packed = bytearray(write_geojson(tmp_path / "x.gz", [ADDRESS] * 500).read_bytes())
    packed[40:60] = b"\xff" * 20
    (tmp_path / "x.gz").write_bytes(packed)
    assert "cut off or damaged" in refusal(tmp_path / "x.gz")
    whole = write_geonames(tmp_path / "US.zip", [ZIP]).read_bytes()
    (tmp_path / "US.zip").write_bytes(whole[:-40])
    assert "cut off or damaged" in refusal(tmp_path / "US.zip")


def test_damaged_shapefile_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.shp", b"\xff" * 300)
        archive.writestr("x.dbf", b"\xff" * 300)
    assert refusal(path) == "x.zip: the shapefile is damaged. Get it again."


def test_gzip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "x.csv.gz"
    line = "x" * 60_000 + "\n"
    path.write_bytes(gzip.compress(f"{HEADER}\n{line * 700}".encode()))
    assert "unpacks to far more than its own size" in refusal(path)


def test_gzip_bomb_of_one_line_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "x.csv.gz"
    path.write_bytes(gzip.compress(f"{HEADER}\n".encode() + b"a" * 40_000_000))
    assert "unpacks to far more than its own size" in refusal(path)


def test_zip_bomb_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.shp", b"0" * 30_000_000)
        archive.writestr("x.dbf", b"0")
    assert "unpacks to far more than its own size" in refusal(path)


def test_zip_member_names_are_never_used_as_paths(tmp_path: Path) -> None:
    path = tmp_path / "in" / "x.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../evil.csv", f"{HEADER}\n-122.1,47.6,1,A St,,,,,98005,,\n")
    assert len(read(path)[1]) == 1
    assert [found.name for found in tmp_path.rglob("*") if found.is_file()] == ["x.zip"]


def test_zip_of_several_texts_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", "1")
        archive.writestr("b.csv", "1")
    assert refusal(path) == "x.zip: holds 2 text files. Unpack it and name one of them."


@pytest.mark.parametrize(
    ("text", "number"),
    [("12", 12), (" 12A", 12), ("114 1/2", 114), ("41-20", 41), ("", None), ("A12", None)],
)
def test_number_is_what_the_text_begins_with(text: str, number: int | None) -> None:
    assert read_number(text) == number


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("98005", "98005"),
        (" 98005-1234 ", "98005"),
        ("980051234", "98005"),
        ("2139", "02139"),
        ("", ""),
        (" ", ""),
        ("98", None),
        ("\u0669\u0668\u0660\u0660\u0665", None),
        ("ABCDE", None),
    ],
)
def test_postal_code_is_five_digits(text: str, code: str | None) -> None:
    assert read_postal_code(text) == code
