"""The operator's commands about clinics, finder, seeds, requests and the state of the house."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from flask.testing import FlaskCliRunner

from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.rules import Status
from clinicdir.db import db, transaction
from clinicdir.locations.models import LocationStatus
from clinicdir.locations.queries import get_location
from clinicdir.resources import resource_dir
from tests.conftest import KEY, SECRET, Clock, build_app
from tests.make import make_request
from tests.tables import all_rows, rows

SLUGS = [
    "seattle-5th-ave", "bellevue", "renton", "issaquah", "seattle-california-ave-sw", "covington",
]  # fmt: skip
NOON = datetime(2026, 11, 24, 20, tzinfo=UTC)


def run(runner: FlaskCliRunner, line: str, **more: Any) -> Result:  # noqa: ANN401 - click's own
    return runner.invoke(args=line.split(), **more)


def output(runner: FlaskCliRunner, line: str, **more: Any) -> str:  # noqa: ANN401
    """Return what a command prints when it succeeds and says nothing on standard error."""
    done = run(runner, line, **more)
    assert (done.exit_code, done.stderr) == (0, ""), done.output
    return done.stdout


def refusal(runner: FlaskCliRunner, line: str, **more: Any) -> tuple[int, str]:  # noqa: ANN401
    """Return exit code and the one line on standard error; nothing else may be printed."""
    done = run(runner, line, **more)
    assert done.stdout == ""
    assert done.exception is None or isinstance(done.exception, SystemExit)
    return done.exit_code, done.stderr


# Locations.


def test_locations_are_listed_for_people_and_programs(runner: FlaskCliRunner) -> None:
    lines = output(runner, "locations list").splitlines()
    assert lines[2] == "renton  Renton  +12066939929  open"
    assert [line.split()[0] for line in lines] == SLUGS
    listed = json.loads(output(runner, "locations list --json"))
    assert [place["slug"] for place in listed] == SLUGS
    assert listed[1] == {
        "slug": "bellevue",
        "name": "Bellevue",
        "city": "Bellevue",
        "postal_code": "98005",
        "phone": "+14256299997",
        "fax": "+14256299979",
        "email": None,
        "status": "open",
    }


def test_export_is_the_seed_file_and_loads_as_no_change(app: Flask, runner: FlaskCliRunner) -> None:
    exported = json.loads(output(runner, "locations export"))
    assert exported == json.loads((resource_dir("seeds") / "locations.json").read_text())
    before = all_rows(app)
    assert output(runner, "seed load --apply") == "0 changes applied.\n"
    assert all_rows(app) == before


# Finder.


def test_locate_answers_one_address_in_words(runner: FlaskCliRunner) -> None:
    assert output(runner, "finder locate 98057").startswith("98057: ")
    assert "(postal_code); nearest renton, " in output(runner, "finder locate 98057")
    assert output(runner, "finder locate xyzzy") == (
        "xyzzy: not found. Try a ZIP code or a city.\n"
    )


def test_locate_answers_each_line_in_order(runner: FlaskCliRunner) -> None:
    lines = ["98057", "332 Burnett Ave S, Renton, WA 98057", "", "xyzzy quux", "Bellevue, WA"]
    answered = output(runner, "finder locate --format ndjson -", input="\r\n".join(lines) + "\n")
    found = [json.loads(line) for line in answered.splitlines()]
    keys = {
        "query", "level", "latitude", "longitude", "error_m", "matched", "alternatives", "nearest",
    }  # fmt: skip
    assert all(set(answer) == keys for answer in found)
    assert [answer["query"] for answer in found] == lines
    assert [answer["level"] for answer in found] == ["postal_code", "point", None, None, "city"]
    assert [answer["nearest"][:1] for answer in found] == [
        ["renton"], ["renton"], [], [], ["bellevue"],
    ]  # fmt: skip
    assert found[3] == {
        "query": "xyzzy quux",
        "level": None,
        "latitude": None,
        "longitude": None,
        "error_m": None,
        "matched": None,
        "alternatives": [],
        "nearest": [],
    }
    assert len(found[0]["nearest"]) == 3


def test_locate_without_an_address_says_how(runner: FlaskCliRunner) -> None:
    assert refusal(runner, "finder locate") == (
        2,
        "Give an address in quotes, or - to read one a line.\n",
    )


def test_locate_stores_nothing(app: Flask, runner: FlaskCliRunner) -> None:
    before = all_rows(app)
    output(runner, "finder locate -", input="1742 Canarybird Lane\n98057\n")
    assert all_rows(app) == before


# Seeds.


def test_check_prints_the_oddities_of_the_shipped_file(app: Flask, runner: FlaskCliRunner) -> None:
    before = all_rows(app)
    path = resource_dir("seeds") / "locations.json"
    five = "seattle-5th-ave, renton, issaquah, seattle-california-ave-sw, covington"
    six = ", ".join(SLUGS)
    assert output(runner, f"seed check {path}").splitlines() == [
        (
            f'{path}:/unattached/0: "\\u00a0Fax: (425)629-9979": orphan fax line, same number as'
            " Bellevue (attached to no location)"
        ),
        f"{path}:/locations: +12066939929: 1 phone shared by 5 locations: {five}",
        f"{path}:/locations: +12069228909: 1 fax shared by 5 locations: {five}",
        f"{path}:/locations: {six}: 6 locations without name (ours is a label)",
        f"{path}:/locations: {six}: 6 locations without hours",
        f"{path}:/locations: {six}: 6 locations without e-mail",
        (
            f"{path}:/locations: issaquah, covington: 2 positions that are estimates,"
            " to be checked by a person"
        ),
    ]
    assert output(runner, "seed check") == output(runner, f"seed check {path}")
    assert all_rows(app) == before


def test_check_of_a_broken_file_names_every_error_and_fails(
    runner: FlaskCliRunner, tmp_path: Path
) -> None:
    content = json.loads((resource_dir("seeds") / "locations.json").read_text())
    content["locations"][2]["fax"] = "=1+1"
    content["locations"][3]["latitude"] = 91
    path = tmp_path / "broken.json"
    path.write_text(json.dumps(content))
    done = run(runner, f"seed check {path}")
    assert done.exit_code == 1
    named = [line for line in done.stdout.splitlines() if ":/locations/" in line]
    assert [line.split(": ")[0] for line in named] == [
        f"{path}:/locations/2/fax",
        f"{path}:/locations/3/latitude",
    ]
    missing = run(runner, f"seed check {tmp_path}/none.json")
    assert (missing.exit_code, missing.stdout.count("\n")) == (1, 1)
    assert "none.json" in missing.stdout


def test_check_of_a_folder_looks_at_ladders_guides_and_questions_too(
    runner: FlaskCliRunner, tmp_path: Path
) -> None:
    folder = shutil.copytree(resource_dir("seeds"), tmp_path / "seeds")
    continua = json.loads((folder / "continuum.json").read_text())
    continua["continua"][0]["goals"] = ["fly"]
    (folder / "continuum.json").write_text(json.dumps(continua))
    guides = json.loads((folder / "guides.json").read_text())
    guides["guides"][0]["title"] = ""
    (folder / "guides.json").write_text(json.dumps(guides))
    done = run(runner, f"seed check {folder}")
    assert done.exit_code == 1
    assert [line.split(": ")[:2] for line in done.stdout.splitlines()[-2:]] == [
        [f"{folder}/guides.json:/guides/0/title", '""'],
        [f"{folder}/continuum.json:/continua/0/goals/0", '"fly"'],
    ]
    (folder / "intake.json").write_text("{")
    assert f"{folder}/intake.json" in run(runner, f"seed check {folder}").stdout


def test_load_prints_the_difference_and_writes_only_when_told(
    app: Flask, runner: FlaskCliRunner
) -> None:
    assert output(runner, "seed load") == "0 changes.\n"
    with app.app_context(), transaction():
        place = get_location("renton")
        place.hours, place.seed = None, place.seed | {"hours": "was set by an older file"}
    before = all_rows(app)
    for line in ("seed load", "seed load --dry-run", "seed load --apply --dry-run"):
        printed = output(runner, line)
        assert all_rows(app) == before, line
    assert printed.splitlines()[-1].split()[1].startswith("changes")
    output(runner, "seed load --apply")
    assert output(runner, "seed load") == "0 changes.\n"


def test_load_of_a_broken_file_fails_with_its_errors(
    runner: FlaskCliRunner, app: Flask, tmp_path: Path
) -> None:
    content = json.loads((resource_dir("seeds") / "locations.json").read_text())
    content["locations"][1]["slug"] = "renton"
    (tmp_path / "locations.json").write_text(json.dumps(content))
    settings = app.extensions["clinicdir"].settings
    broken = build_app(settings.instance, database_url=settings.database_url, seeds=tmp_path)
    before = all_rows(app)
    code, told = refusal(broken.test_cli_runner(), "seed load --apply")
    assert code == 1
    assert "renton" in told
    assert "Traceback" not in told
    assert all_rows(app) == before
    with broken.app_context():
        db.session.remove()
        db.engine.dispose()


# Requests.


@pytest.fixture
def three(app: Flask, frozen: Clock) -> list[str]:
    """Store three requests at two clinics, the last one booked; return their references."""
    with app.app_context():
        made = [
            make_request(app, patient_name="First Example").reference,
            make_request(app, location="covington").reference,
            make_request(app, note="Notecanary").reference,
        ]
        with transaction():
            last = db.session.query(AppointmentRequest).filter_by(reference=made[2]).one()
            last.status = Status.BOOKED
    return made


def test_requests_are_listed_in_order_of_arrival(runner: FlaskCliRunner, three: list[str]) -> None:
    listed = json.loads(output(runner, "requests list --json"))
    assert [row["reference"] for row in listed] == three
    assert listed[1] == {
        "reference": three[1],
        "location": "covington",
        "status": "received",
        "channel": "api",
        "created_at": NOON.isoformat(),
        "goal": "run",
        "promise_at": None,
    }
    assert output(runner, "requests list").splitlines() == [
        f"{three[0]}  renton  received",
        f"{three[1]}  covington  received",
        f"{three[2]}  renton  booked",
    ]


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        ("--location renton", [0, 2]),
        ("--location bellevue", []),
        ("--status booked", [2]),
        ("--status received --location renton", [0]),
        ("--limit 2", [0, 1]),
        ("--limit 1 --status booked", [2]),
    ],
)
def test_requests_are_narrowed(
    runner: FlaskCliRunner, three: list[str], options: str, numbers: list[int]
) -> None:
    listed = json.loads(output(runner, f"requests list --json {options}"))
    assert [row["reference"] for row in listed] == [three[number] for number in numbers]


def test_personal_data_is_shown_on_demand_only_and_then_audited(
    app: Flask, runner: FlaskCliRunner, three: list[str]
) -> None:
    before = rows(app, "audit_entry", "action", "subject")
    for line in ("requests list", "requests list --json", "requests list --personal --help"):
        assert "Example" not in output(runner, line)
        assert "Notecanary" not in output(runner, line)
    assert rows(app, "audit_entry", "action", "subject") == before
    shown = json.loads(output(runner, "requests list --personal --json --location renton"))
    assert [row["personal"]["patient_name"] for row in shown] == ["First Example", "Robin Example"]
    assert shown[1]["personal"]["note"] == "Notecanary"
    entries = rows(app, "audit_entry", "action", "subject", "actor_kind")[len(before) :]
    assert entries == [("export", "renton", "operator")]
    output(runner, "requests list --personal --json")
    assert rows(app, "audit_entry", "subject")[-1] == "all locations"


@pytest.mark.parametrize(
    ("options", "code", "sentence"),
    [
        (
            "--location nowhere",
            1,
            "There is no such thing. The list commands show what there is.\n",
        ),
        ("--status lost", 2, "is not one of"),
        ("--limit 0", 2, "is not in the range x>=1"),
        ("--nonsense", 2, "No such option"),
    ],
)
def test_wrong_option_is_refused_in_words(
    runner: FlaskCliRunner, options: str, code: int, sentence: str
) -> None:
    refused = refusal(runner, f"requests list {options}")
    assert refused[0] == code
    assert sentence in refused[1]


# The doctor.


def findings(runner: FlaskCliRunner, *, code: int = 0) -> dict[str, dict[str, str]]:
    done = run(runner, "doctor --json")
    assert (done.exit_code, done.stderr) == (code, "")
    return {finding["subject"]: finding for finding in json.loads(done.stdout)}


def test_doctor_names_what_is_worth_knowing_each_with_its_cure(
    app: Flask, runner: FlaskCliRunner, three: list[str]
) -> None:
    found = findings(runner)
    assert all(set(one) == {"weight", "subject", "state", "cure"} for one in found.values())
    assert found["messages"] == {
        "weight": "warning",
        "subject": "messages",
        "state": "nobody is being notified, no mail server is set; 3 wait",
        "cure": "Set CLINICDIR_SMTP_URL and CLINICDIR_MAIL_FROM.",
    }
    assert found["clinics without an e-mail address"]["state"] == ", ".join(SLUGS)
    assert found["positions that are estimates"]["state"] == "issaquah, covington"
    assert found["clinics that nobody has confirmed"]["state"] == "6"
    assert found["migrations"]["weight"] == "fine"
    assert found["migrations"]["state"].startswith("up to date at ")
    assert not [one for one in found.values() if one["weight"] == "trouble"]
    assert all(one["cure"] for one in found.values() if one["weight"] == "warning")
    lines = output(runner, "doctor").splitlines()
    assert len(lines) >= len(found)


def test_doctor_shows_settings_but_no_secret(app: Flask, runner: FlaskCliRunner) -> None:
    found = findings(runner)
    for name in ("SECRET_KEY", "ENCRYPTION_KEYS"):
        assert found[f"CLINICDIR_{name}"]["state"] == "set, not shown"
    assert found["CLINICDIR_PORT"]["state"] == "8000"
    whole = output(runner, "doctor") + output(runner, "doctor --json")
    assert SECRET not in whole
    assert KEY not in whole


def test_doctor_is_silent_of_fax_while_it_is_off(runner: FlaskCliRunner) -> None:
    assert not [subject for subject in findings(runner) if subject.startswith("fax")]


@pytest.mark.parametrize(
    ("url", "weight", "state"),
    [
        ("https://gateway.example/{secret}", "trouble", "no fax can leave"),
        ("hylafax://127.0.0.1:1", "warning", "the fax server cannot be reached"),
        ("https://gateway.example/faxes", "fine", "set up"),
    ],
)
def test_doctor_says_whether_faxes_can_leave(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, weight: str, state: str
) -> None:
    stand_in = tmp_path / "faxstat"
    stand_in.write_text("#!/bin/sh\nexit 0\n")
    stand_in.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    app = build_app(tmp_path, fax_url=url)
    output(app.test_cli_runner(), "db upgrade")
    found = findings(app.test_cli_runner(), code=1 if weight == "trouble" else 0)
    assert (found["fax"]["weight"], found["fax"]["state"]) == (weight, state)
    assert found["CLINICDIR_FAX_URL"]["state"] == "set, not shown"


def test_doctor_calls_a_database_without_tables_trouble(tmp_path: Path) -> None:
    fresh = build_app(tmp_path)
    found = findings(fresh.test_cli_runner(), code=1)
    assert found["migrations"]["weight"] == "trouble"
    assert found["migrations"]["cure"] == (
        "Run `flask db upgrade`, or start `flask serve`, which does it."
    )
    with fresh.app_context():
        db.engine.dispose()


def test_doctor_calls_a_database_that_is_away_trouble(tmp_path: Path) -> None:
    away = build_app(tmp_path, database_url="postgresql+psycopg://nobody@127.0.0.1:9/none")
    found = findings(away.test_cli_runner(), code=1)
    assert found["database"] == {
        "weight": "trouble",
        "subject": "database",
        "state": "cannot be reached (OperationalError)",
        "cure": "Check CLINICDIR_DATABASE_URL and that its server runs.",
    }


def test_doctor_counts_the_lines_that_are_shared(app: Flask, runner: FlaskCliRunner) -> None:
    assert "serves 5 clinics" in output(runner, "doctor")
    with app.app_context(), transaction():
        place = get_location("renton")
        place.status = LocationStatus.CLOSED
        for point in place.telecom:
            point.value = "+12065550177"
    assert "serves 4 clinics" in output(runner, "doctor")


@pytest.mark.parametrize(
    "line",
    [
        "locations list", "locations export", "finder locate 98057", "requests list", "seed load",
    ],
)  # fmt: skip
def test_command_without_a_database_says_so_in_one_line(tmp_path: Path, line: str) -> None:
    fresh = build_app(tmp_path)
    assert refusal(fresh.test_cli_runner(), line) == (
        1,
        "The database is not ready. Run `flask doctor` to see why.\n",
    )
    with fresh.app_context():
        db.engine.dispose()


def test_fresh_key_is_printed_alone(runner: FlaskCliRunner) -> None:
    first, second = output(runner, "keys new"), output(runner, "keys new")
    assert first != second
    assert first.count("\n") == 1
    assert len(first.strip()) == 44
