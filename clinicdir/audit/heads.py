"""Keeps the end of each audit chain outside the database, so that a cut-off end shows.

One small file a chain, in a folder that belongs to one database. It may lag behind the database
(a crash, another machine) and never runs ahead of it: what it names was committed. So each file
gives a sound lower bound.
"""

import contextlib
import logging
import os
import secrets
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, unquote

_log = logging.getLogger(__name__)


class KeptHead(NamedTuple):
    """How long a chain was when it was last seen, and the hash of its last entry."""

    length: int
    hash: bytes


def keep_head(folder: Path, chain: str, count: int, last_hash: bytes) -> None:
    """Write how long a chain is; a disk that is full costs the note, not what was committed."""
    path = folder / quote(chain, safe="")
    own = folder / f".{secrets.token_hex(8)}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with own.open("x", encoding="ascii") as file:
            own.chmod(0o600)
            file.write(f"{count} {last_hash.hex()}\n")
            file.flush()
            os.fsync(file.fileno())  # else a power cut can leave the new name without its text
        os.replace(own, path)  # noqa: PTH105 - in one step, also over an older one
    except OSError:
        with contextlib.suppress(OSError):
            own.unlink()
        _log.warning("the head of audit chain %s could not be kept outside the database", chain)


def kept_heads(folder: Path) -> dict[str, KeptHead | None]:
    """Return the kept head of each chain, None for a file that cannot be read as one."""
    names = sorted(folder.iterdir()) if folder.is_dir() else []
    return {unquote(path.name): _read(path) for path in names if not path.name.startswith(".")}


def _read(path: Path) -> KeptHead | None:
    count, _, last_hash = path.read_text(encoding="ascii", errors="replace").strip().partition(" ")
    try:
        return KeptHead(int(count), bytes.fromhex(last_hash))
    except ValueError:
        return None
