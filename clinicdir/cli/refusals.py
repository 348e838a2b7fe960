"""Ends a command with one clear line where the domain refuses."""

import functools
import sys
from collections.abc import Callable
from typing import ParamSpec

import click
from sqlalchemy.exc import OperationalError, ProgrammingError

from clinicdir.backup.refusals import BackupRefused
from clinicdir.db import db
from clinicdir.errors import Conflict, Invalid, NotFound
from clinicdir.finder.importing.rows import BadFile
from clinicdir.locations.queries import organization_name
from clinicdir.locations.seeds import SeedError
from clinicdir.settings import BadSettings, check_confirmed
from clinicdir.web.parts import parts

P = ParamSpec("P")

JSON_HELP = "Print JSON for programs."


def in_plain_words(command: Callable[P, None]) -> Callable[P, None]:
    """Print a refusal on standard error and exit with 1."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except Invalid as refusal:
            for error in refusal.errors:
                click.echo(f"{error.field}: {error.message % error.values}", err=True)
            sys.exit(1)
        except NotFound:
            click.echo("There is no such thing. The list commands show what there is.", err=True)
            sys.exit(1)
        except (BackupRefused, BadFile, Conflict, SeedError) as refusal:
            click.echo(str(refusal), err=True)
            sys.exit(1)
        except (OperationalError, ProgrammingError):
            click.echo("The database is not ready. Run `flask doctor` to see why.", err=True)
            sys.exit(1)

    return wrapped


def refuse_unconfirmed_name() -> None:
    """End with 1 in production where the operator confirmed another name than pages show."""
    try:
        check_confirmed(parts().settings, "confirmed_group_name", organization_name())
    except BadSettings as refusal:
        click.echo(str(refusal), err=True)
        sys.exit(1)
    db.session.rollback()
