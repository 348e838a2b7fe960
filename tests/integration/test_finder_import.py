"""`flask finder import` and `status`: whole or not at all, again and again, on both engines."""

import json
import signal
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient, FlaskCliRunner
from sqlalchemy import text

from clinicdir.db import db, sole_process
from clinicdir.finder.importing import storing
from clinicdir.finder.importing.rows import BadFile
from tests.address_files import (
    HEADER,
    Address,
    Range,
    Zip,
    write_csv,
    write_gazetteer,
    write_geojson,
    write_geonames,
    write_tiger,
)
from tests.conftest import Clock
from tests.imports import count, run_import, slow_import, status, wait_for_rows
from tests.make import make_answers
from tests.tables import all_rows, rows

MAIN_ST = [Address(str(number), "Main St") for number in range(100, 200, 4)]
FINDER_TABLES = ("finder_import", "finder_street", "finder_point", "finder_place")

SLUGS = (
    "seattle-5th-ave",
    "bellevue",
    "renton",
    "issaquah",
    "seattle-california-ave-sw",
    "covington",
)


def points(app: Flask) -> list[tuple[int, int, int]]:
    """Return number and position of every point in use, the degrees times a million."""
    query = (
        "select number, latitude_e6, longitude_e6 from finder_point"
        " join finder_street on finder_street.id = street_id"
        " join finder_import on finder_import.id = import_id"
        " where state = 'current' order by number, street_id"
    )
    with app.app_context(), db.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def test_import_stores_every_number_once(app: Flask, tmp_path: Path) -> None:
    flats = [Address("12", "1st Ave", latitude=47.6 + at / 1_000) for at in (2, 0, 1)]
    path = write_csv(tmp_path / "x.csv", [*flats, Address("10", "First Avenue")])
    report = run_import(app, path)[0]
    assert (report.rows, report.streets, report.points) == (4, 1, 2)
    assert points(app) == [(10, 47_600_000, -122_160_000), (12, 47_601_000, -122_160_000)]
    assert rows(app, "finder_street", "postal_code", "name", "suffix", "city") == [
        ("98005", "1ST", "AVE", "BELLEVUE")
    ]


def test_command_tells_what_it_did(
    app: Flask, runner: FlaskCliRunner, tmp_path: Path, frozen: Clock
) -> None:
    path = write_csv(tmp_path / "king.csv", [*MAIN_ST, Address("", "Main St")])
    done = runner.invoke(args=["finder", "import", str(path)])
    assert done.exit_code == 0, done.output
    first, second, third, in_use, *about_clinics = done.output.splitlines()
    assert first.startswith(
        "king.csv: OpenAddresses CSV, addresses, region king: 25 rows, 1 streets, 25 points, "
    )
    assert (second, third) == (
        "1 bad rows were left out:",
        "  king.csv:27: number: '': digits in front, at most 6",
    )
    assert in_use.startswith("In use. ")
    assert about_clinics == [
        *(f"{slug}: not among the imported places" for slug in SLUGS),
        "Fitting the regions' grids to the addresses …",
        (
            "King County, Washington: 25 of the addresses lie there, too few to fit its grid anew"
            " (2,000 are needed); the grid in use stays."
        ),
        "A site that runs uses a new grid after its next start.",
    ]
    assert status(runner) == (
        "addresses  king  king.csv (OpenAddresses CSV)  25 rows, 1 streets, 25 points,"
        " 1 bad rows  2026-11-24T20:00:00+00:00\n"
    )


def test_status_without_imports_says_so(app: Flask, runner: FlaskCliRunner) -> None:
    expected = "Nothing was imported. The finder uses the ZIP codes and cities it came with.\n"
    assert status(runner) == expected
    assert runner.invoke(args=["finder", "status", "--json"]).output == "[]\n"


def test_status_is_json_on_wish(
    app: Flask, runner: FlaskCliRunner, tmp_path: Path, frozen: Clock
) -> None:
    run_import(app, write_geojson(tmp_path / "king.geojson.gz", MAIN_ST))
    done = runner.invoke(args=["finder", "status", "--json"])
    assert json.loads(done.output) == [
        {
            "kind": "addresses",
            "region": "king",
            "file": "king.geojson.gz",
            "format": "OpenAddresses GeoJSON",
            "rows": 25,
            "bad_rows": 0,
            "streets": 1,
            "points": 25,
            "imported_at": "2026-11-24T20:00:00+00:00",
        }
    ]


def test_second_import_of_a_file_replaces_the_first(app: Flask, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "king.csv", MAIN_ST)
    run_import(app, path)
    first = points(app)
    run_import(app, path)
    assert points(app) == first
    assert [count(app, table) for table in FINDER_TABLES] == [1, 1, 25, 0]


def test_other_regions_and_kinds_stay(app: Flask, runner: FlaskCliRunner, tmp_path: Path) -> None:
    one = write_csv(tmp_path / "king.csv", MAIN_ST)
    other = write_csv(tmp_path / "pierce.csv", MAIN_ST[:3])
    tiger = write_tiger(
        tmp_path / "tl_2025_53033_addrfeat.zip",
        [Range("Main St", ("101", "199"), ("100", "198"), [(47.6, -122.2), (47.6, -122.1)])],
    )
    run_import(app, one, other, tiger)
    run_import(app, write_csv(tmp_path / "pierce.csv", MAIN_ST[:2]))
    assert [line.split("  ")[:2] for line in status(runner).splitlines()] == [
        ["addresses", "king"],
        ["addresses", "pierce"],
        ["ranges", "53033"],
    ]
    assert count(app, "finder_point") == 25 + 2 + 4


def test_region_can_be_named(app: Flask, tmp_path: Path) -> None:
    run_import(app, write_csv(tmp_path / "a.csv", MAIN_ST), region="king")
    run_import(app, write_csv(tmp_path / "b.csv", MAIN_ST[:5]), region="king")
    assert rows(app, "finder_import", "region", "file_name") == [("king", "b.csv")]


def test_places_give_zips_and_cities(app: Flask, tmp_path: Path) -> None:
    zips = [
        Zip("98004", "Bellevue", "WA", 47.6, -122.2),
        Zip("98005", "Bellevue", "WA", 47.62, -122.2),
        Zip("98057", "Renton", "WA", 47.5, -122.2),
    ]
    run_import(app, write_geonames(tmp_path / "US.txt", zips))
    with app.app_context(), db.engine.connect() as connection:
        query = "select key, state, latitude_e6, spread_m from finder_place order by key"
        found = [tuple(row) for row in connection.execute(text(query))]
    assert found == [
        ("98004", "WA", 47_600_000, 0),
        ("98005", "WA", 47_620_000, 0),
        ("98057", "WA", 47_500_000, 0),
        ("BELLEVUE", "WA", 47_610_000, 1112),
        ("RENTON", "WA", 47_500_000, 0),
    ]


def test_import_is_in_the_audit_trail(app: Flask, tmp_path: Path) -> None:
    run_import(app, write_csv(tmp_path / "king.csv", MAIN_ST))
    assert rows(app, "audit_entry", "action", "actor_kind", "subject", "detail")[-1] == (
        "finder.import",
        "operator",
        "addresses/king",
        "king.csv: 25 rows, 25 points",
    )


BAD_FILES = {
    "half.csv": f"{HEADER}\n" + "-122.1,47.6,1,A St,,,,,98005,,\n" * 9 + "-122.1,47.6,1,A",
    "swapped.csv": f"{HEADER}\n" + "47.6,-122.1,1,A St,,,,,98005,,\n" * 30,
    "columns.csv": "LON,LAT,STREET\n-122.1,47.6,A St\n",
    "nothing.csv": f"{HEADER}\n",
    "nan.csv": f"{HEADER}\n" + "nan,nan,1,A St,,,,,98005,,\n" * 2,
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_file_is_refused_and_nothing_changes(
    app: Flask, runner: FlaskCliRunner, tmp_path: Path, name: str
) -> None:
    run_import(app, write_csv(tmp_path / "king.csv", MAIN_ST))
    before = all_rows(app)
    (tmp_path / name).write_text(BAD_FILES[name], encoding="utf-8")
    # A good file in the same command is not taken either.
    good = write_csv(tmp_path / "other.csv", MAIN_ST)
    done = runner.invoke(args=["finder", "import", str(good), str(tmp_path / name)])
    assert (done.exit_code, done.output.count("\n")) == (1, 1)
    assert done.output.startswith(f"{name}: ")
    assert all_rows(app) == before


def test_exchanged_degrees_are_named_in_the_refusal(app: Flask, tmp_path: Path) -> None:
    path = tmp_path / "swapped.csv"
    path.write_text(BAD_FILES["swapped.csv"], encoding="utf-8")
    with pytest.raises(BadFile) as refused:
        run_import(app, path)
    assert str(refused.value) == (
        "swapped.csv: 30 of 30 rows cannot be used. Most often (30 times) latitude: latitude and"
        " longitude look exchanged. The first is swapped.csv:2: latitude: '-122.1, 47.6':"
        " latitude and longitude look exchanged"
    )


def test_dry_run_prints_every_problem_and_changes_nothing(
    app: Flask, runner: FlaskCliRunner, tmp_path: Path
) -> None:
    path = write_csv(tmp_path / "x.csv", [*MAIN_ST, Address("", "Main St"), Address("1", "")])
    before = all_rows(app)
    done = runner.invoke(args=["finder", "import", "--dry-run", str(path)])
    assert done.exit_code == 1
    assert done.output.splitlines() == [
        "x.csv:27: number: '': digits in front, at most 6",
        "x.csv:28: street: '': 1 to 120 characters",
        "2 problems. Nothing was changed.",
    ]
    assert all_rows(app) == before


def test_dry_run_of_a_good_file_ends_with_0(
    app: Flask, runner: FlaskCliRunner, tmp_path: Path
) -> None:
    path = write_csv(tmp_path / "x.csv", MAIN_ST)
    done = runner.invoke(args=["finder", "import", "--dry-run", str(path)])
    assert (done.exit_code, done.output) == (0, "0 problems. Nothing was changed.\n")


def test_second_import_at_the_same_time_is_refused(
    app: Flask, runner: FlaskCliRunner, tmp_path: Path
) -> None:
    path = write_csv(tmp_path / "x.csv", MAIN_ST)
    with app.app_context(), sole_process("import") as is_sole:
        assert is_sole
        done = runner.invoke(args=["finder", "import", str(path)])
    refusal = "Another import is running. Wait until it has ended.\n"
    assert (done.exit_code, done.output) == (1, refusal)
    assert runner.invoke(args=["finder", "import", str(path)]).exit_code == 0


def test_fault_while_storing_leaves_the_old_rows_in_use(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_csv(tmp_path / "king.csv", MAIN_ST)
    run_import(app, path)
    before = all_rows(app, without=("audit_entry", "audit_head"))

    def fail(*_: object, **_counts: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(storing, "finish_generation", fail)
    with pytest.raises(OSError, match="disk full"):
        run_import(app, path)
    assert all_rows(app, without=("audit_entry", "audit_head")) == before


def test_killed_import_leaves_the_old_rows_and_the_next_one_cleans_up(
    app: Flask, runner: FlaskCliRunner, tmp_path: Path
) -> None:
    run_import(app, write_csv(tmp_path / "king.csv", MAIN_ST))
    before, told = points(app), status(runner)
    many = [Address(str(number), "Main St") for number in range(1, 6_000)]
    path = write_csv(tmp_path / "king.csv", many)
    with slow_import(app, path) as process:
        wait_for_rows(app, process, more_than=len(MAIN_ST))
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    # Killed before the step that puts the new rows in use and before the last of them is written.
    assert len(MAIN_ST) < count(app, "finder_point") < len(MAIN_ST) + len(many)
    assert (points(app), status(runner)) == (before, told)
    run_import(app, path)
    assert [len(points(app)), count(app, "finder_point")] == [len(many), len(many)]
    assert count(app, "finder_import") == 1


def test_requests_are_stored_while_an_import_runs(
    app: Flask, client: FlaskClient, tmp_path: Path
) -> None:
    many = [Address(str(number), "Main St") for number in range(1, 3_000)]
    with slow_import(app, write_csv(tmp_path / "king.csv", many)) as process:
        wait_for_rows(app, process, more_than=0)
        answers = [
            client.post(
                "/api/v1/requests", json=make_answers(), headers={"Idempotency-Key": f"key-{at}"}
            ).status_code
            for at in range(5)
        ]
        assert process.poll() is None
        output, _ = process.communicate(timeout=60)
    assert answers == [201] * 5
    assert (process.returncode, "In use." in output) == (0, True), output
    assert (count(app, "appointment_request"), len(points(app))) == (5, len(many))


def test_gazetteer_replaces_only_itself(app: Flask, runner: FlaskCliRunner, tmp_path: Path) -> None:
    zips = [Zip("98004", "Bellevue", "WA", 47.6, -122.2)]
    run_import(app, write_geonames(tmp_path / "US.txt", zips))
    for _ in range(2):
        run_import(app, write_gazetteer(tmp_path / "2025_Gaz_zcta_national.txt", zips))
    assert [line.split("  ")[:2] for line in status(runner).splitlines()] == [
        ["places", "2025_gaz_zcta_national"],
        ["places", "us"],
    ]
