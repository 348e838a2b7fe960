"""The file of keys that is kept apart from the backups: written once, asked for at a restore."""

import os
from collections.abc import Sequence
from itertools import count
from pathlib import Path

from clinicdir.backup.refusals import BackupRefused
from clinicdir.backup.sqlite_copy import sync
from clinicdir.crypto import KeyRing
from clinicdir.settings import KEY_FILE


def write_keys(path: Path, texts: Sequence[str]) -> None:
    """Write the keys, newest first, one a line, into a new file of mode 0600."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise BackupRefused(f"{path} exists already. Choose another name.") from None
    except OSError as trouble:
        raise BackupRefused(
            f"Cannot write {path} ({trouble.strerror}). Name a file in a folder that exists."
        ) from None
    with os.fdopen(handle, "w") as file:
        file.writelines(f"{text}\n" for text in texts)
        file.flush()
        os.fsync(file.fileno())


def read_keys(path: Path) -> list[str]:
    """Return the keys in a file, or raise BackupRefused where it is no file of keys."""
    try:
        texts = path.read_text(encoding="ascii").replace(",", " ").split()
        KeyRing(texts)
    except (OSError, ValueError):
        raise BackupRefused(
            f"{path} is no file of keys. Name the one that `flask keys export FILE` wrote: one key"
            " a line, the newest first."
        ) from None
    return texts


def refuse_unusable(texts: Sequence[str], in_force: Sequence[str], instance: Path) -> None:
    """Raise BackupRefused where restored data could not be read with the present settings."""
    if set(texts) <= set(in_force):
        return
    generated = instance / KEY_FILE
    if not generated.exists() or generated.read_text().split() != list(in_force):
        raise BackupRefused(
            "The keys of the backup are not in CLINICDIR_ENCRYPTION_KEYS, so the site could not"
            " read what is restored. Put them there, comma-separated, and try again."
        )


def use_keys(texts: Sequence[str], in_force: Sequence[str], instance: Path) -> None:
    """Put the keys in the place of the generated ones, which stay beside them."""
    if not set(texts) <= set(in_force):
        replace_keys(instance / KEY_FILE, texts, aside="before-restore")


def replace_keys(generated: Path, texts: Sequence[str], *, aside: str | None = None) -> Path | None:
    """Put other keys into the file of the generated ones, in one step that lasts.

    The older file stays beside it under the name that is returned, where `aside` says how.
    """
    own, kept = generated.with_name(f".{generated.name}.new"), None
    own.unlink(missing_ok=True)
    write_keys(own, texts)
    if aside is not None:
        names = (generated.with_name(f"{generated.name}.{aside}-{number}") for number in count(1))
        kept = next(path for path in names if not path.exists())
        os.link(generated, kept)
    own.replace(generated)
    sync(generated.parent)
    return kept
