"""`flask doctor`: what is wrong or worth knowing, each with its cure."""

import json
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

import click
from flask.cli import with_appcontext
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from clinicdir import clock
from clinicdir.appointments.promise import promised_by
from clinicdir.cli.fax_check import look_at_fax
from clinicdir.cli.findings import Finding, Weight
from clinicdir.cli.machine_check import look_at_machine
from clinicdir.cli.message_check import look_at_messages, send_test_mail
from clinicdir.cli.refusals import JSON_HELP
from clinicdir.cli.safety_check import look_at_safety
from clinicdir.cli.serving import newest_version, schema_version
from clinicdir.db import WAL_IS_SAFE, db, sqlite_path
from clinicdir.finder.pace import FILE_NAME, Pace
from clinicdir.locations.hours import hours_of
from clinicdir.locations.models import Location
from clinicdir.locations.queries import list_all_locations
from clinicdir.locations.rules import TelecomSystem, display_number
from clinicdir.settings import PREFIX
from clinicdir.web.health import failing_checks
from clinicdir.web.parts import parts

_SECRET_WORDS = (
    "KEY",
    "SMTP_URL",
    "DATABASE_URL",
    "OPTIONS",
    "FAX_URL",
    "HEADER",
    "SECRET",
    "TOKEN",
)


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help=JSON_HELP)
@click.option("--send-test-mail", "address", metavar="ADDRESS", help="Only send a mail there.")
@with_appcontext
def doctor(as_json: bool, address: str | None) -> None:
    """Look at settings, database, messages and clinics; name each trouble with its cure."""
    if address is not None:
        send_test_mail(address)
        return
    findings = list(examine())
    if as_json:
        rows = [
            {
                "weight": finding.weight.value,
                "subject": finding.subject,
                "state": finding.state,
                "cure": finding.cure,
            }
            for finding in findings
        ]
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
    else:
        for finding in findings:
            click.echo(str(finding))
    if any(finding.weight is Weight.TROUBLE for finding in findings):
        sys.exit(1)


def examine() -> Iterator[Finding]:
    """Yield every finding, the ones about the machine first."""
    yield from _settings()
    try:
        version = schema_version()
    except SQLAlchemyError as trouble:
        yield Finding(
            Weight.TROUBLE,
            "database",
            f"cannot be reached ({type(trouble).__name__})",
            "Check CLINICDIR_DATABASE_URL and that its server runs.",
        )
        return
    yield from _database(version)
    if version == newest_version():
        for look in (
            _readiness,
            look_at_machine,
            look_at_safety,
            look_at_messages,
            look_at_fax,
            _geocoder,
            _clinics,
        ):
            yield from look()


def _settings() -> Iterator[Finding]:
    settings = parts().settings
    shown = {
        f"{PREFIX}{name.upper()}": getattr(settings, name) for name in type(settings).model_fields
    }
    for name, value in shown.items():
        if value not in (None, "", ()):
            secret = any(word in name for word in _SECRET_WORDS)
            yield Finding(Weight.FINE, name, "set, not shown" if secret else str(value))


def _database(version: str | None) -> Iterator[Finding]:
    newest = newest_version()
    if version != newest:
        yield Finding(
            Weight.TROUBLE,
            "migrations",
            f"the database is at {version or 'nothing'}, this release needs {newest}",
            "Run `flask db upgrade`, or start `flask serve`, which does it.",
        )
    else:
        yield Finding(Weight.FINE, "migrations", f"up to date at {version}")
    path = sqlite_path(parts().settings.database)
    if path is None:
        yield Finding(Weight.FINE, "database engine", "PostgreSQL")
        return
    mode = db.session.scalar(text("pragma journal_mode"))
    yield Finding(Weight.FINE, "database engine", f"SQLite {sqlite3.sqlite_version}, {mode}, FULL")
    if mode == "wal" and not WAL_IS_SAFE:
        yield Finding(
            Weight.WARNING,
            "journal",
            "WAL on an SQLite before 3.51.3, which can damage it",
            "Stop the site, run `sqlite3 FILE 'pragma journal_mode=truncate'`, start it again.",
        )
    readable = Path(path).exists() and Path(path).stat().st_mode & 0o077
    if readable:
        yield Finding(
            Weight.WARNING,
            "database file",
            "others on this machine can read it",
            f"Run `chmod 600 {path}`.",
        )


_CURES: dict[str, str] = {
    "database": "Make room on the disk, end what holds its lock, check its folder's rights.",
    "outbox": "See `flask doctor` about messages; check the mail server.",
    "disk": "Make room on the disk of the instance folder.",
    "keys": "Check CLINICDIR_ENCRYPTION_KEYS.",
    "engine": "Install a newer Python or SQLite.",
}


def _readiness() -> Iterator[Finding]:
    for name in failing_checks():
        yield Finding(Weight.TROUBLE, f"readiness of {name}", "fails", _CURES[name])


def _geocoder() -> Iterator[Finding]:
    settings = parts().settings
    if settings.geocoder == "offline":
        return
    pace = Pace(settings.instance / FILE_NAME)
    tally = pace.tally().items()
    counted = ", ".join(f"{count} {outcome}" for outcome, count in tally) or "nothing asked yet"
    subject, failures = f"geocoding by {settings.geocoder}", pace.failures_in_a_row()
    if failures:
        yield Finding(
            Weight.WARNING,
            subject,
            f"{counted}; the last {failures} failed",
            "Patients get the offline answer meanwhile.",
        )
    else:
        yield Finding(Weight.FINE, subject, counted)


def _clinics() -> Iterator[Finding]:
    places = list_all_locations()
    lacking = [place.slug for place in places if not place.telecom_value(TelecomSystem.EMAIL)]
    if lacking:
        yield Finding(
            Weight.WARNING,
            "clinics without an e-mail address",
            ", ".join(lacking),
            "Type it under Settings, or set `email` in locations.json and load it.",
        )
    yield from _hours(places)
    estimates = [place.slug for place in places if place.position_is_estimate]
    if estimates:
        yield Finding(
            Weight.NOTE,
            "positions that are estimates",
            ", ".join(estimates),
            "Check them on a map and correct seeds/locations.json.",
        )
    unconfirmed = sum(place.checked_at is None for place in places)
    if unconfirmed:
        yield Finding(
            Weight.NOTE,
            "clinics that nobody has confirmed",
            str(unconfirmed),
            "Call each one and tick it under Settings, or set `checked_at` in locations.json.",
        )
    for system in (TelecomSystem.PHONE, TelecomSystem.FAX):
        numbers = [value for place in places if (value := place.telecom_value(system))]
        for number in dict.fromkeys(numbers):
            if numbers.count(number) > 1:
                yield Finding(
                    Weight.NOTE,
                    f"shared {system}",
                    f"{display_number(number)} serves {numbers.count(number)} clinics",
                )


def _hours(places: list[Location]) -> Iterator[Finding]:
    """Name the clinics whose patients are not told when it is open, or when it answers."""
    cure = "A manager sets it under Settings, at /staff/settings."
    now = clock.now()
    lacking = {
        "clinics without opening hours": [place.slug for place in places if place.hours is None],
        "clinics whose opening hours cannot be read": [
            place.slug for place in places if place.hours is not None and hours_of(place) is None
        ],
        "clinics that do not say how soon they answer": [
            place.slug for place in places if promised_by(place, arrived_at=now) is None
        ],
    }
    for subject, slugs in lacking.items():
        if slugs:
            yield Finding(Weight.NOTE, subject, ", ".join(slugs), cure)
