"""An import fits the regions' grids anew: a better fit is taken, a bad one refused, in words."""

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskCliRunner

from clinicdir.finder.placement import place
from clinicdir.finder.refitting import FEWEST_ROWS, REGIONS, regions_in_use
from clinicdir.finder.region_file import read_regions
from clinicdir.finder.rules import Level, Position, haversine_m, parse_line
from tests.conftest import build_app

HEADER = "LON,LAT,NUMBER,STREET,UNIT,CITY,DISTRICT,REGION,POSTCODE,ID,HASH"
CODES = ("98004", "98005", "98007", "98008", "98052", "98033", "98034", "98074")
SHIFT_DEGREES = 0.003  # a third of a kilometre north


def invented_grid(shift: float) -> Iterator[tuple[Position, int, str, str]]:
    """Yield invented addresses where the shipped grid has them, all moved north."""
    [region] = read_regions()
    for code in CODES:
        area = region.area(code)
        assert area is not None
        for street in range(2, 120, 2):
            for number in range(9_000, 22_000, 300):
                parsed = parse_line(f"{number} NE {street}th St, {code}")
                found = place(region, parsed.street, area)
                if found.level is Level.GRID:
                    moved = Position(found.position.latitude + shift, found.position.longitude)
                    yield moved, number, f"NE {street}TH ST", code


def write_csv(path: Path, rows: list[tuple[Position, int, str, str]]) -> Path:
    lines = [
        f"{position.longitude:.6f},{position.latitude:.6f},{number},{street},,,,WA,{code},{index},"
        for index, (position, number, street, code) in enumerate(rows)
    ]
    path.write_text("\n".join([HEADER, *lines, ""]))
    return path


@pytest.fixture
def app(sqlite_app: Flask) -> Flask:
    return sqlite_app


@pytest.fixture
def fitted_folder(app: Flask) -> Path:
    folder: Path = app.extensions["clinicdir"].settings.instance / REGIONS
    return folder


def where(instance: Path, line: str) -> Position:
    """Return where a site that has just started finds an address."""
    app = build_app(instance)
    with app.app_context():
        found = app.extensions["clinicdir"].geocoder.geocode(line)
    return Position(found.latitude, found.longitude)


def test_better_grid_is_taken_and_used_after_the_next_start(
    runner: FlaskCliRunner, fitted_folder: Path, tmp_path: Path, sqlite_template: Path
) -> None:
    # A site without the points, so that only the grid can know the address.
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(sqlite_template, other / "clinicdir.sqlite3")
    line = "12150 NE 20th St, 98005"
    before = where(other, line)
    file = write_csv(tmp_path / "moved.csv", list(invented_grid(SHIFT_DEGREES)))
    told = runner.invoke(args=["finder", "import", str(file)])
    assert told.exit_code == 0, told.output
    assert "the new grid is taken." in told.output
    assert "county latitude NE: " in told.output
    assert "residual " in told.output
    assert "bellevue: " in told.output
    assert [path.name for path in fitted_folder.glob("*")] == ["king_county__washington.toml"]
    shutil.copytree(fitted_folder, other / REGIONS)
    moved_m = haversine_m(before, where(other, line))
    assert 200 < moved_m < 450


def test_bad_grid_is_refused_and_the_old_one_stays(
    runner: FlaskCliRunner, fitted_folder: Path, tmp_path: Path
) -> None:
    chance = random.Random(7)  # noqa: S311 - no secret
    rows = [
        (Position(at.latitude + chance.uniform(-0.04, 0.04), at.longitude), number, street, code)
        for at, number, street, code in invented_grid(0)
    ]
    told = runner.invoke(args=["finder", "import", str(write_csv(tmp_path / "bad.csv", rows))])
    assert told.exit_code == 0, told.output
    assert "refused, the grid in use stays." in told.output
    assert not fitted_folder.exists()


def test_few_addresses_fit_no_grid(
    runner: FlaskCliRunner, fitted_folder: Path, tmp_path: Path
) -> None:
    rows = list(invented_grid(SHIFT_DEGREES))[:50]
    told = runner.invoke(args=["finder", "import", str(write_csv(tmp_path / "few.csv", rows))])
    assert told.exit_code == 0, told.output
    assert (
        "King County, Washington: 50 of the addresses lie there, too few to fit its grid anew"
        f" ({FEWEST_ROWS:,} are needed); the grid in use stays." in told.output
    )
    assert not fitted_folder.exists()


def test_shipped_regions_are_in_use_without_a_folder(tmp_path: Path) -> None:
    assert regions_in_use(tmp_path / "none") == read_regions()
