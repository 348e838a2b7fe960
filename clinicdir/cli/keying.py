"""Commands about the encryption keys: make one, take them out, replace them while the site runs."""

import json
from pathlib import Path

import click
from flask import current_app
from flask.cli import AppGroup

from clinicdir import clock
from clinicdir.appointments.leftovers import scrub
from clinicdir.audit.operations import record
from clinicdir.audit.rules import OPERATOR
from clinicdir.backup.key_files import replace_keys, write_keys
from clinicdir.backup.refusals import BackupRefused
from clinicdir.backup.rotation import Needs, count_by_key, older_needs, reseal_everything
from clinicdir.cli.refusals import JSON_HELP, in_plain_words
from clinicdir.crypto import FileKeyRing, KeyRing, new_key
from clinicdir.db import key_ring, sole_process, transaction
from clinicdir.staff.second_factor import end_older_codes
from clinicdir.web.parts import parts

keys = AppGroup("keys", help="Make, list, export and replace the encryption keys.")


@keys.command("new")
def make_key() -> None:
    """Print a fresh key for CLINICDIR_ENCRYPTION_KEYS."""
    click.echo(new_key())


@keys.command("export")
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
@in_plain_words
def export_keys(path: Path) -> None:
    """Write the encryption keys into FILE, to be kept where the backups are not.

    Without them no backup can be restored. Do it once, and again after each new key.
    """
    with transaction():
        record("keys_export", actor=OPERATOR, now=clock.now(), subject=path.name)
        write_keys(path, keys_in_force())
    click.echo(f"{path} holds the encryption keys. Keep it where the backups are not.")


@keys.command("list")
@click.option("--json", "as_json", is_flag=True, help=JSON_HELP)
@in_plain_words
def list_keys(as_json: bool) -> None:
    """Name each key and how many rows it has sealed; the keys themselves are not shown."""
    ring, counts = key_ring(), count_by_key()
    found = ring.ordered_ids
    unknown = sorted({one for by_key in counts.values() for one in by_key} - set(found))
    rows = [
        {
            "key": key_id.hex(),
            "in_ring": key_id in ring.ids,
            "seals": key_id == ring.newest_id,
            "rows": sum(by_key.get(key_id, 0) for by_key in counts.values()),
        }
        for key_id in [*found, *unknown]
    ]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        use = "seals and opens" if row["seals"] else "opens" if row["in_ring"] else "is missing"
        click.echo(f"{row['key']}  {use}  {row['rows']} rows")


@keys.command("rotate")
@click.option(
    "--restarted",
    is_flag=True,
    help="Say that every process of the site runs with the keys of CLINICDIR_ENCRYPTION_KEYS.",
)
@click.option(
    "--end-recovery-codes",
    is_flag=True,
    help="End the staff's recovery codes that only the older key can check.",
)
@in_plain_words
def rotate(restarted: bool, end_recovery_codes: bool) -> None:
    """Put everything under a new encryption key while the site runs, then drop the older one.

    A run that was cut short is gone on with by the same command: while there is an older key, no
    other is added.
    """
    with sole_process("keys") as is_sole:
        if not is_sole:
            raise BackupRefused("Another `flask keys rotate` is at work. Wait until it has ended.")
        file = _file_of_keys()
        if len(key_ring().ids) == 1:
            _add_key(file)
        elif file is None and not restarted:
            raise BackupRefused(
                "Restart every process of the site, so that all know the new key. Then run"
                " `flask keys rotate --restarted`."
            )
        for number, changed in enumerate(reseal_everything(), 1):
            click.echo(f"Pass {number}: {changed} rows sealed anew.")
        if end_recovery_codes:
            with transaction():
                ended = end_older_codes()
                record("recovery_codes_end", actor=OPERATOR, now=clock.now(), detail=f"{ended}")
        needs = older_needs(now=clock.now())
        if needs != Needs(0, 0):
            _tell_needs(needs)
            return
        scrub()  # what the older key sealed stands in a write-ahead log no more
        _drop_older(file)


def keys_in_force() -> list[str]:
    """Return the keys as text, the newest first."""
    file = _file_of_keys()
    if file is not None:
        return file.read_text(encoding="ascii").split()
    return [key.get_secret_value() for key in parts().settings.encryption_keys]


def _file_of_keys() -> Path | None:
    """Return the file of the generated keys, None where the settings have them."""
    kept: KeyRing = current_app.extensions["clinicdir.key_ring"]
    return kept.path if isinstance(kept, FileKeyRing) else None


def _add_key(file: Path | None) -> None:
    if file is None:
        raise BackupRefused(
            "CLINICDIR_ENCRYPTION_KEYS is set, so this command cannot add a key. Put the one that"
            " `flask keys new` prints before the present one, with a comma between them, restart"
            " every process of the site, and run `flask keys rotate --restarted`."
        )
    made = new_key()
    added = KeyRing([made]).newest_id.hex()
    with transaction():
        record("keys_add", actor=OPERATOR, now=clock.now(), subject=added)
        replace_keys(file, [made, *keys_in_force()])
    click.echo(f"Added the key {added}. Run `flask keys export FILE` now: backups need it, too.")


def _tell_needs(needs: Needs) -> None:
    click.echo("Every row is sealed by the newest key. The older one stays for now:")
    if needs.retried:
        click.echo(
            f"- {needs.retried} requests came in by it less than a day ago and may be sent again;"
            " run this command again tomorrow."
        )
    if needs.codes:
        click.echo(
            f"- {needs.codes} recovery codes of staff can be checked by it alone; ask them to make"
            " new ones, or end those codes by `flask keys rotate --end-recovery-codes`."
        )


def _drop_older(file: Path | None) -> None:
    ring, texts = key_ring(), keys_in_force()
    older = ", ".join(one.hex() for one in ring.ordered_ids[1:])
    if file is None:
        click.echo(
            f"Nothing needs {older} any more. Take all but the first key out of"
            " CLINICDIR_ENCRYPTION_KEYS and restart; keep them while you keep older backups."
        )
        return
    with transaction():
        record("keys_drop", actor=OPERATOR, now=clock.now(), subject=older)
        kept = replace_keys(file, texts[:1], aside="before-rotation")
    click.echo(
        f"Dropped {older}. {kept} has it still: older backups need it. Delete it with the last of"
        " them."
    )
