"""Commands about the clinics: the seeds, the list, the finder."""

import io
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click
from flask.cli import AppGroup

from clinicdir import clock
from clinicdir.appointments.intake import read_intake
from clinicdir.appointments.knowledge import check_knowledge
from clinicdir.audit.rules import OPERATOR
from clinicdir.cli.refusals import JSON_HELP, in_plain_words
from clinicdir.db import transaction
from clinicdir.finder.queries import locate
from clinicdir.finder.rules import rank
from clinicdir.locations import seeds
from clinicdir.locations.queries import list_all_locations
from clinicdir.locations.rules import TelecomSystem
from clinicdir.resources import resource_dir
from clinicdir.web.parts import parts

seed = AppGroup("seed", help="Check the seed files and load them into the database.")
locations = AppGroup("locations", help="List and export the clinics.")
finder = AppGroup("finder", help="Ask the finder.")

NEAREST = 3


@locations.command("list")
@click.option("--json", "as_json", is_flag=True, help=JSON_HELP)
@in_plain_words
def list_locations(as_json: bool) -> None:
    """List every location in seed order."""
    places = list_all_locations()
    if as_json:
        rows = [
            {
                "slug": place.slug,
                "name": place.name,
                "city": place.city,
                "postal_code": place.postal_code,
                "phone": place.telecom_value(TelecomSystem.PHONE),
                "fax": place.telecom_value(TelecomSystem.FAX),
                "email": place.telecom_value(TelecomSystem.EMAIL),
                "status": place.status.value,
            }
            for place in places
        ]
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    for place in places:
        phone = place.telecom_value(TelecomSystem.PHONE) or "no phone"
        click.echo(f"{place.slug}  {place.name}  {phone}  {place.status}")


@locations.command("export")
@in_plain_words
def export() -> None:
    """Print the locations as a seed file."""
    click.echo(json.dumps(seeds.export(), indent=2, ensure_ascii=False))


@finder.command("locate")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "ndjson"]),
    default="text",
    help="Words for people, or one JSON object a line for programs.",
)
@click.argument("address", required=False)
@in_plain_words
def locate_address(form: str, address: str | None) -> None:
    """Find the clinics nearest to ADDRESS, or to each line of standard input (`-`)."""
    if address is None:
        click.echo("Give an address in quotes, or - to read one a line.", err=True)
        sys.exit(2)
    lines = (line.rstrip("\r\n") for line in _typed_lines()) if address == "-" else iter([address])
    clinics = [
        _Clinic(place.slug, place.name, place.latitude, place.longitude)
        for place in list_all_locations()
    ]
    for line in lines:
        found = _locate(line, clinics)
        said = json.dumps(found, ensure_ascii=False) if form == "ndjson" else _text(found)
        sys.stdout.write(f"{said}\n")
        sys.stdout.flush()  # each answer goes out before the next line is waited for


def _typed_lines() -> Iterator[str]:
    """Yield standard input as it comes; a bad byte makes a strange address, not an end."""
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")
    yield from sys.stdin


class _Clinic(NamedTuple):
    """A clinic as ranking needs it, read once for all lines."""

    slug: str
    name: str
    latitude: float | None
    longitude: float | None


def _locate(line: str, clinics: Sequence[_Clinic]) -> dict[str, Any]:
    origin = locate(line, geocoder=parts().geocoder)
    near = rank(origin.position, clinics)[:NEAREST] if origin else []
    return {
        "query": line,
        "level": origin.level.value if origin else None,
        "latitude": origin.latitude if origin else None,
        "longitude": origin.longitude if origin else None,
        "error_m": origin.error_m if origin else None,
        "matched": origin.matched if origin else None,
        "alternatives": list(origin.alternatives) if origin else [],
        "nearest": [clinic.slug for clinic in near],
    }


def _text(found: dict[str, Any]) -> str:
    if found["level"] is None:
        return f"{found['query']}: not found. Try a ZIP code or a city."
    near = ", ".join(found["nearest"])
    return f"{found['query']}: {found['matched']} ({found['level']}); nearest {near}"


@seed.command("check")
@click.argument("file", required=False, type=click.Path(path_type=Path))
def check(file: Path | None) -> None:
    """Print what is wrong or odd in a seed file or folder; change nothing."""
    place = file or parts().seeds
    problems = [*seeds.check(place), *(_knowledge_problems(place) if place.is_dir() else ())]
    for problem in problems:
        click.echo(str(problem))
    if any(problem.level == "error" for problem in problems):
        sys.exit(1)


def _knowledge_problems(folder: Path) -> list[seeds.Problem]:
    """Check the ladders, the guides and the lists of questions that stand beside the locations."""
    shipped = resource_dir("seeds")
    try:
        intake = read_intake(folder, shipped)
    except ValueError as problem:
        what, _, said = str(problem).partition(": ")
        return [seeds.Problem(what, "1", said, "the keys that the README of the seeds names")]
    return check_knowledge(folder, shipped, intake=intake)


@seed.command("load")
@click.option("--apply", "applies", is_flag=True, help="Write the changes.")
@click.option("--dry-run", is_flag=True, help="Only print the changes, as without --apply.")
@click.option("--overwrite", is_flag=True, help="Overwrite also what was edited here.")
@in_plain_words
def load(applies: bool, dry_run: bool, overwrite: bool) -> None:
    """Print how the seed file differs from the database; with --apply, load it."""
    source = parts().seeds
    if seeds.is_empty() and not dry_run:
        applies = True
    if applies and not dry_run:
        with transaction():
            changes = seeds.load(source, actor=OPERATOR, now=clock.now(), overwrite=overwrite)
    else:
        changes = seeds.diff(source, overwrite=overwrite)
    for change in changes:
        click.echo(str(change))
    due = sum(change.kind in ("change", "new") for change in changes)
    if applies and not dry_run:
        click.echo(f"{due} changes applied.")
    else:
        click.echo(f"{due} changes." + (" Run again with --apply to load them." if due else ""))
