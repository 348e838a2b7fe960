"""Commands that erase personal data: of one request, and of all that are kept no longer."""

import click
from flask.cli import with_appcontext

from clinicdir import clock
from clinicdir.appointments.erasing import erase_by_reference
from clinicdir.appointments.retention import Due, list_due
from clinicdir.appointments.retention import purge as purge_due
from clinicdir.appointments.rules import parse_reference, show_reference
from clinicdir.audit.rules import OPERATOR
from clinicdir.cli.refusals import in_plain_words
from clinicdir.db import transaction
from clinicdir.errors import NotFound
from clinicdir.web.parts import parts


@click.command("erase")
@click.argument("reference")
@with_appcontext
@in_plain_words
def erase(reference: str) -> None:
    """Erase the personal data of one request and of its duplicates; an open one is withdrawn."""
    parsed = parse_reference(reference)
    if parsed is None:
        raise NotFound
    with transaction():
        count = erase_by_reference(parsed, actor=OPERATOR, now=clock.now())
    shown = show_reference(parsed)
    if not count:
        click.echo(f"{shown} was erased before.")
    else:
        others = f" With it: {count - 1} joined with it." if count > 1 else ""
        click.echo(f"{shown} is erased.{others}")


@click.command("purge")
@click.option("--dry-run", is_flag=True, help="Only say what would be erased.")
@with_appcontext
@in_plain_words
def purge(dry_run: bool) -> None:
    """Erase personal data of requests that were closed before their clinic's days of retention."""
    days, now = parts().settings.retention_days, clock.now()
    if dry_run:
        due = list_due(retention_days=days, now=now)
        _tell(due, "would be erased")
        return
    done = purge_due(retention_days=days, actor=OPERATOR, now=now)
    _tell(done, "erased")


def _tell(found: list[Due], what: str) -> None:
    for due in found:
        click.echo(f"{due.slug}: {due.count} {what}, closed before {due.before:%Y-%m-%d}.")
    if not found:
        click.echo("Nothing is older than it may be kept.")
