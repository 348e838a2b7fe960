"""Drives watched_disk.c: builds it, runs Python under it, and reads back what it wrote down."""

import ctypes
import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent.parent
_SOURCE = Path(__file__).with_name("watched_disk.c")
_LINE = struct.Struct("=cxHIQ")


class Call(NamedTuple):
    """One call that changed the disk, or a note; watched_disk.c lists the kinds."""

    kind: str
    path: str
    offset: int
    data: bytes


class Disk:
    """What a program does to the disk below it, in a process that runs under the library."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(None)

    def watch(self, folder: Path, record: Path | None = None) -> None:
        """Watch a folder from now on; write down what is done if there is a record."""
        self._library.disk_watch(os.fsencode(folder), os.fsencode(record or ""))

    def note(self, text: str) -> None:
        """Write down that something happened, between the calls."""
        self._library.disk_note(text.encode())

    def fail(self, number: int, count: int, error: int) -> None:
        """Let `count` calls from this one on fail with an errno (0: all of them)."""
        self._library.disk_fail(number, count, error)

    def heal(self) -> None:
        """Let calls work again."""
        self._library.disk_fail(0, 0, 0)

    def calls(self) -> int:
        """Return how many calls changed the disk since it was last told something."""
        count: int = self._library.disk_calls()
        return count


def build(folder: Path) -> Path:
    """Return the library, compiled into a folder unless it is there."""
    library = folder / "watched_disk.so"
    if not library.exists():
        flags = ["-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o", str(library)]
        subprocess.run(["cc", *flags, str(_SOURCE), "-ldl"], check=True)  # noqa: S603, S607
    return library


def run_under(library: Path, module: str, *arguments: object, seconds: float = 600) -> str:
    """Run a module in a process of its own under the library; return what it printed."""
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-W", "error", "-m", module, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "LD_PRELOAD": str(library)},  # noqa: TID251 - the shell's, no setting
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def read_calls(record: Path) -> Iterator[Call]:
    """Yield what was written down."""
    content, at = record.read_bytes(), 0
    while at < len(content):
        kind, path, size, offset = _LINE.unpack_from(content, at)
        middle = at + _LINE.size + path
        name = os.fsdecode(content[at + _LINE.size : middle])
        yield Call(kind.decode(), name, offset, content[middle : middle + size])
        at = middle + size
