"""The check of a seed file: every error at once, with its place, its value and what is allowed."""

import json
from pathlib import Path
from typing import Any

import pytest

from clinicdir.locations.seeds import Problem, SeedError, check, read_seed, report
from clinicdir.resources import resource_dir

SHIPPED = resource_dir("seeds") / "locations.json"
TEXT_100 = "text of 1 to 100 plain characters, no space at either end"
NUMBER = "a full phone number in E.164 form, such as +12065550100"
LATITUDE = "degrees north from -90 to 90, or null"
SHARERS = "seattle-5th-ave, renton, issaquah, seattle-california-ave-sw, covington"
ALL_SIX = "seattle-5th-ave, bellevue, renton, issaquah, seattle-california-ave-sw, covington"
KEYS = (
    "slug, name, name_source, address, phone, fax, email, latitude, longitude, position_source, "
    "position_error_m, position_is_estimate, time_zone, hours, status, source, checked_at"
)


@pytest.fixture
def shipped() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(SHIPPED.read_text(encoding="utf-8"))
    return content


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "locations.json"


def written(file: Path, content: object) -> Path:
    file.write_text(json.dumps(content), encoding="utf-8")
    return file


def lines(file: Path) -> list[str]:
    """Return the problems as a shell shows them, without the folder."""
    return [str(problem).removeprefix(f"{file.parent}/") for problem in check(file)]


def test_shipped_file_tells_exactly_its_oddities() -> None:
    everywhere = "locations.json:/locations"
    problems = check(SHIPPED)
    assert [str(problem).removeprefix(f"{SHIPPED.parent}/") for problem in problems] == [
        (
            r'locations.json:/unattached/0: "\u00a0Fax: (425)629-9979": orphan fax line, '
            "same number as Bellevue (attached to no location)"
        ),
        f"{everywhere}: +12066939929: 1 phone shared by 5 locations: {SHARERS}",
        f"{everywhere}: +12069228909: 1 fax shared by 5 locations: {SHARERS}",
        f"{everywhere}: {ALL_SIX}: 6 locations without name (ours is a label)",
        f"{everywhere}: {ALL_SIX}: 6 locations without hours",
        f"{everywhere}: {ALL_SIX}: 6 locations without e-mail",
        (
            f"{everywhere}: issaquah, covington: 2 positions that are estimates, "
            "to be checked by a person"
        ),
    ]
    assert {problem.level for problem in problems} == {"warning"}


def test_folder_stands_for_its_file() -> None:
    assert check(SHIPPED.parent) == check(SHIPPED)
    assert report(SHIPPED.parent) == check(SHIPPED)


def test_oddities_are_counted_from_the_data(shipped: dict[str, Any], file: Path) -> None:
    for entry in shipped["locations"]:
        entry.update(
            name_source="told by the clinic", hours="Mo-Fr 08:00-18:00", email="desk@clinic.example"
        )
    shipped["locations"][2]["phone"] = "+12065550101"
    shipped["locations"][3]["email"] = None
    shipped["locations"][3]["position_is_estimate"] = False
    shipped["unattached"][0]["value"] = "+12065550199"
    everywhere = "locations.json:/locations"
    four = "seattle-5th-ave, issaquah, seattle-california-ave-sw, covington"
    assert lines(written(file, shipped)) == [
        (
            r'locations.json:/unattached/0: "\u00a0Fax: (425)629-9979": orphan fax line, '
            "no location has its number (attached to no location)"
        ),
        f"{everywhere}: +12066939929: 1 phone shared by 4 locations: {four}",
        f"{everywhere}: +12069228909: 1 fax shared by 5 locations: {SHARERS}",
        f"{everywhere}: issaquah: 1 location without e-mail",
        f"{everywhere}: covington: 1 position that is an estimate, to be checked by a person",
    ]


def test_file_without_oddities_is_silent(shipped: dict[str, Any], file: Path) -> None:
    entry = shipped["locations"][1]
    entry.update(name_source="told by the clinic", hours="24/7", email="desk@clinic.example")
    shipped.update(locations=[entry], unattached=[])
    entry["fax"] = None
    assert lines(written(file, shipped)) == []


def test_long_list_of_slugs_is_cut(shipped: dict[str, Any], file: Path) -> None:
    first = shipped["locations"][1]
    shipped["locations"] = [{**first, "slug": f"at-{number}"} for number in range(12)]
    named = "at-0, at-1, at-2, at-3, at-4, at-5, at-6, at-7, at-8, at-9 and 2 more"
    assert f"locations.json:/locations: {named}: 12 locations without hours" in lines(
        written(file, shipped)
    )


CASES: list[tuple[list[str | int], object, str, str]] = [
    (["slug"], "Renton", '"Renton"', "at most 60 small letters and digits, single hyphens between"),
    (["slug"], "a" * 61, f'"{"a" * 61}"', ("at most 60 small letters and digits, "
     "single hyphens between")),
    (["name"], "", '""', TEXT_100),
    (["name"], "x" * 101, f'"{"x" * 78}…', TEXT_100),
    (["name"], "Ren\x1b[2Jton", r'"Ren\u001b[2Jton"', TEXT_100),
    (["name"], "Renton\N{NO-BREAK SPACE}", r'"Renton\u00a0"', TEXT_100),
    (["name"], "Renton\N{RIGHT-TO-LEFT OVERRIDE}", r'"Renton\u202e"', TEXT_100),
    (["name"], " Renton", '" Renton"', TEXT_100),
    (["name"], None, "null", TEXT_100),
    (["address"], "332 Burnett Ave S", '"332 Burnett Ave S"',
     "an object with the keys line, unit, city, state, postal_code"),
    (["address", "unit"], 400, "400",
     "text of 1 to 60 plain characters, no space at either end, or null"),
    (["address", "state"], "Washington", '"Washington"', "two capital letters, such as WA"),
    (["address", "postal_code"], "9805", '"9805"', "a ZIP code, such as 98121 or 98121-1234"),
    (["address", "postal_code"], 98057, "98057", "a ZIP code, such as 98121 or 98121-1234"),
    (["phone"], "=1+1", '"=1+1"', NUMBER),
    (["phone"], "(206) 693-9929", '"(206) 693-9929"', NUMBER),
    (["phone"], "+1206693992", '"+1206693992"', NUMBER),
    (["phone"], "+99999999999", '"+99999999999"', NUMBER),
    (["phone"], None, "null", NUMBER),
    (["fax"], "=1+1", '"=1+1"', f"{NUMBER}, or null"),
    (["email"], "desk at clinic", '"desk at clinic"',
     "an e-mail address, such as desk@clinic.example, or null"),
    (["latitude"], 90.5, "90.5", LATITUDE),
    (["latitude"], "47.5", '"47.5"', LATITUDE),
    (["latitude"], True, "true", LATITUDE),
    (["latitude"], float("nan"), "NaN", LATITUDE),
    (["longitude"], -181, "-181", "degrees east from -180 to 180, or null"),
    (["position_source"], None, "null", "text that says where the position comes from"),
    (["position_error_m"], 12.5, "12.5", "whole metres from 1 to 100000, or null"),
    (["position_error_m"], 0, "0", "whole metres from 1 to 100000, or null"),
    (["position_is_estimate"], "no", '"no"', "true or false"),
    (["time_zone"], "America/Seattle", '"America/Seattle"',
     "an IANA time zone, such as America/Los_Angeles"),
    (["hours"], 8, "8", "text of 1 to 500 plain characters, no space at either end, or null"),
    (["status"], "shut", '"shut"', "one of open, limited, closed"),
    (["checked_at"], "2026-02-30", '"2026-02-30"', "a date, such as 2026-11-24, or null"),
    (["checked_at"], "24 Nov 2026", '"24 Nov 2026"', "a date, such as 2026-11-24, or null"),
]  # fmt: skip


@pytest.mark.parametrize(("keys", "value", "shown", "allowed"), CASES)
def test_wrong_value_is_refused_at_its_place(
    shipped: dict[str, Any],
    file: Path,
    keys: list[str],
    value: object,
    shown: str,
    allowed: str,
) -> None:
    holder = shipped["locations"][2]
    for key in keys[:-1]:
        holder = holder[key]
    holder[keys[-1]] = value
    place = "/".join(keys)
    assert lines(written(file, shipped)) == [
        f"locations.json:/locations/2/{place}: {shown}: {allowed}"
    ]


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("organization", [], ("/organization: []: an object with the keys name, source, "
         "social_networks")),
        ("locations", [], "/locations: []: a list of at least one location"),
        ("locations", {}, "/locations: {}: a list of at least one location"),
        ("locations", [7], f"/locations/0: 7: an object with the keys {KEYS}"),
        ("unattached", None, "/unattached: null: a list of lines that belong to no location"),
    ],
)  # fmt: skip
def test_wrong_part_is_refused(
    shipped: dict[str, Any], file: Path, key: str, value: object, message: str
) -> None:
    assert lines(written(file, {**shipped, key: value})) == [f"locations.json:{message}"]


def test_line_of_evidence_stays_on_one_line(shipped: dict[str, Any], file: Path) -> None:
    shipped["unattached"][0]["raw"] = "two\nlines"
    shipped["unattached"][0]["system"] = "email"
    assert lines(written(file, shipped)) == [
        r'locations.json:/unattached/0/raw: "two\nlines": one line of 1 to 300 characters',
        'locations.json:/unattached/0/system: "email": one of phone, fax',
    ]


def test_all_errors_come_at_once_and_without_oddities(shipped: dict[str, Any], file: Path) -> None:
    locations = shipped["locations"]
    del locations[0]["phone"]
    locations[1]["fox/~"] = 1
    locations[2]["phone"] = "=1+1"
    locations[3]["slug"] = "renton"
    locations[4]["longitude"] = None
    problems = check(written(file, shipped))
    assert [str(problem).removeprefix(f"{file.parent}/") for problem in problems] == [
        f"locations.json:/locations/0/phone: missing: {NUMBER}",
        f"locations.json:/locations/1/fox~1~0: unknown key: only the keys {KEYS}",
        f'locations.json:/locations/2/phone: "=1+1": {NUMBER}',
        'locations.json:/locations/3/slug: "renton": a slug of its own; /locations/2 has this one',
        (
            "locations.json:/locations/4/longitude: null: latitude and longitude together, "
            "or null for both"
        ),
    ]
    assert {problem.level for problem in problems} == {"error"}


@pytest.mark.parametrize("key", ["organization", "locations"])
def test_missing_part_is_reported(shipped: dict[str, Any], file: Path, key: str) -> None:
    del shipped[key]
    assert lines(written(file, shipped))[0].startswith(f"locations.json:/{key}: missing: ")


@pytest.mark.parametrize("half", ["latitude", "longitude"])
def test_missing_half_of_a_position_is_reported_once(
    shipped: dict[str, Any], file: Path, half: str
) -> None:
    del shipped["locations"][0][half]
    assert [line.split(": ")[:2] for line in lines(written(file, shipped))] == [
        [f"locations.json:/locations/0/{half}", "missing"]
    ]


def test_keys_that_are_left_out_have_a_default(shipped: dict[str, Any], file: Path) -> None:
    whole = shipped["locations"][2]
    least = {key: whole[key] for key in ("slug", "name", "phone", "time_zone")}
    address = {key: text for key, text in whole["address"].items() if key != "unit"}
    place = {**least, "address": address, "latitude": 47.5, "longitude": -122.2}
    written(file, {"organization": {"name": "Group"}, "locations": [place]})
    seed = read_seed(file)
    said = "given in the seed file"
    assert seed.organization == {"name": "Group", "source": said, "social_networks": []}
    assert seed.unattached == []
    assert seed.locations == [
        {
            **place,
            "address": {**address, "unit": None},
            **dict.fromkeys(("fax", "email", "position_error_m", "hours", "checked_at")),
            **dict.fromkeys(("name_source", "position_source", "source"), said),
            "position_is_estimate": False,
            "status": "open",
        }
    ]


def test_hours_that_cannot_be_read_are_an_oddity(shipped: dict[str, Any], file: Path) -> None:
    shipped["locations"][2]["hours"] = "Mo-Fr 08:00-17:00; by chance"
    told = [str(one) for one in check(written(file, shipped)) if one.pointer.endswith("/hours")]
    assert told == [
        (
            f'{file}:/locations/2/hours: "Mo-Fr 08:00-17:00; by chance": hours such as'
            ' Mo-Fr 08:00-17:00; "by chance" cannot be read'
        )
    ]
    assert {problem.level for problem in check(file)} == {"warning"}


def test_latitude_without_longitude_is_refused(shipped: dict[str, Any], file: Path) -> None:
    shipped["locations"][0]["latitude"] = None
    assert lines(written(file, shipped)) == [
        (
            "locations.json:/locations/0/latitude: null: latitude and longitude together, "
            "or null for both"
        )
    ]


def test_location_without_position_or_email_is_allowed(shipped: dict[str, Any], file: Path) -> None:
    entry = shipped["locations"][0]
    for key in ("latitude", "longitude", "position_source", "position_error_m"):
        entry[key] = None
    del entry["email"]
    written(file, shipped)
    assert {problem.level for problem in check(file)} == {"warning"}


def test_key_given_twice_is_refused(file: Path) -> None:
    text = SHIPPED.read_text(encoding="utf-8")
    file.write_text(text.replace('"unit": null,', '"unit": null, "unit": "#1",', 1), "utf-8")
    assert lines(file) == ["locations.json:/locations/0/address/unit: given twice: each key once"]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_byte_order_mark_and_line_ends_do_not_matter(
    file: Path, mark: bytes, line_end: bytes
) -> None:
    file.write_bytes(mark + SHIPPED.read_bytes().replace(b"\n", line_end))
    assert read_seed(file).locations == read_seed(SHIPPED).locations


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b'{\n  "locations": [\n', "3: column 1: Expecting value: valid JSON"),
        (b'{\r\n  "slug": renton\r\n}', "2: column 11: Expecting value: valid JSON"),
        (b"", "1: column 1: Expecting value: valid JSON"),
        (b'\xef\xbb\xbf{\n\n"name": "caf\xe9"}', "3: bad bytes: text in UTF-8"),
        (b"[" * 200_000, "1: too large to read: numbers and nesting of a usual size"),
        (b"1" * 5_000, "1: too large to read: numbers and nesting of a usual size"),
    ],
)
def test_what_is_no_json_is_reported_with_its_line(file: Path, content: bytes, line: str) -> None:
    file.write_bytes(content)
    assert lines(file) == [f"locations.json:{line}"]


def test_missing_file_is_reported(tmp_path: Path) -> None:
    file = tmp_path / "none.json"
    assert check(file) == [Problem(str(file), "1", "No such file or directory", "a file")]


def test_errors_block_reading(file: Path) -> None:
    file.write_text("[]", encoding="utf-8")
    with pytest.raises(SeedError) as refused:
        read_seed(file)
    assert refused.value.problems == check(file)
    assert str(refused.value) == (
        f"{file}:: []: an object with the keys organization, locations, unattached"
    )
    with pytest.raises(SeedError):
        report(file)
