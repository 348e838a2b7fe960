"""Commands that make, try and put back backups."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click
from flask.cli import AppGroup

from clinicdir import clock
from clinicdir.audit.operations import record
from clinicdir.audit.rules import OPERATOR
from clinicdir.backup.key_files import read_keys, refuse_unusable, use_keys
from clinicdir.backup.operations import AUDITED_AS, new_backup, restore_backup, try_backup
from clinicdir.cli.keying import keys_in_force
from clinicdir.cli.refusals import JSON_HELP, in_plain_words
from clinicdir.crypto import KeyRing
from clinicdir.db import db, folder_beside, transaction
from clinicdir.web.parts import parts

backup = AppGroup("backup", help="Make backups, try them, put one back.")

_FILE = click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
_KEYS = click.option(
    "--keys",
    "key_file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The file that `flask keys export` wrote; without it, the keys of this site.",
)


@backup.command("create")
@_FILE
@in_plain_words
def create(path: Path) -> None:
    """Write the whole database into FILE, sealed for the newest encryption key.

    The site may run meanwhile. The keys are not in the file: see `flask keys export`.
    """
    now = clock.now()
    with new_backup(path, instance=parts().settings.instance, now=now) as manifest, transaction():
        record(AUDITED_AS, actor=OPERATOR, now=now, subject=path.name)
    click.echo(f"{path}: {manifest.in_words}")


@backup.command("verify")
@_FILE
@_KEYS
@click.option("--json", "as_json", is_flag=True, help=JSON_HELP)
@in_plain_words
def verify(path: Path, key_file: Path | None, as_json: bool) -> None:
    """Restore FILE into a scratch place and look whether everything is there and can be read."""
    settings = parts().settings
    ring = KeyRing(_texts(key_file))
    manifest, faults = try_backup(path, ring, instance=settings.instance, url=settings.database)
    if as_json:
        click.echo(json.dumps({"manifest": asdict(manifest), "faults": faults}, indent=2))
    else:
        click.echo(f"{path}: {manifest.in_words}")
        click.echo("\n".join(faults) or "Counts, references, sealed rows and audit trail all fit.")
    if faults:
        sys.exit(1)


@backup.command("restore")
@_FILE
@_KEYS
@in_plain_words
def restore(path: Path, key_file: Path | None) -> None:
    """Put the database in FILE back, where there is none yet; the site must not run.

    The keys of the backup go into the instance folder where this site made its own.
    """
    settings, texts = parts().settings, _texts(key_file)
    in_force, instance = keys_in_force(), settings.instance
    refuse_unusable(texts, in_force, instance)

    def make_way() -> None:
        use_keys(texts, in_force, instance)
        _put_heads_aside()

    db.session.remove()
    db.engine.dispose()
    manifest, faults = restore_backup(
        path, KeyRing(texts), instance=instance, url=settings.database, make_way=make_way
    )
    now = clock.now()
    with transaction():
        detail = f"made {manifest.made_at}"
        record("restore", actor=OPERATOR, now=now, subject=path.name, detail=detail)
    click.echo(f"Restored {path}: {manifest.in_words}")
    if faults:
        click.echo("\n".join(faults), err=True)
        click.echo("All rows are back, but these faults were in the backup.", err=True)
        sys.exit(1)
    click.echo("Counts, references, sealed rows and audit trail all fit. Start `flask serve`.")


def _texts(key_file: Path | None) -> Sequence[str]:
    return keys_in_force() if key_file is None else read_keys(key_file)


def _put_heads_aside() -> None:
    """Keep the noted ends of an older database's audit chains, out of the restored one's way."""
    folder = folder_beside("audit_heads")
    if folder.exists():
        folder.rename(folder.with_name(f"{folder.name}.before-{clock.now():%Y%m%dT%H%M%SZ}"))
