"""Says what a disk may hold after a power cut, from what was done to it before.

What was synced is there. Of what was not, each sector of 512 bytes is there or not by chance, and
so is each new length. A file that was made, renamed or removed since its folder was last synced is
there under the new name or the old. Drives that lie about a sync are another matter.
"""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.soak.watched_disk import Call

_SECTOR = 512
_Change = tuple[int, bytes | None]  # bytes at an offset, or a new length


@dataclass(eq=False)
class File:
    """One file: its bytes at the last sync, and what was done to it since."""

    safe: bytearray = field(default_factory=bytearray)
    since: list[_Change] = field(default_factory=list)

    def sync(self) -> None:
        """Take everything as safe."""
        _change(self.safe, self.since)
        self.since.clear()

    def after_cut(self, chance: float, rng: random.Random) -> bytes:
        """Return what a cut may leave of it."""
        content = bytearray(self.safe)
        _change(content, _survivors(self.since, chance, rng))
        return bytes(content)


class Disk:
    """The files of a folder, as they stand and as they are safe."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._now = {
            str(path): File(bytearray(path.read_bytes()))
            for path in folder.rglob("*")
            if path.is_file()
        }
        self._safe = dict(self._now)
        self.notes: list[str] = []

    def do(self, call: Call) -> None:
        """Take one call of the record into account."""
        kind, path, offset, data = call
        if kind == "a":
            self.notes.append(data.decode())
        elif kind == "c":
            self._now[path] = File()
        elif kind == "w":
            self._now[path].since.append((offset, data))
        elif kind == "t":
            self._now[path].since.append((offset, None))
        elif kind == "u":
            del self._now[path]
        elif kind == "r":
            self._now[data.decode()] = self._now.pop(path)
        elif path in self._now:
            self._now[path].sync()
        else:
            self._sync_folder(path)

    def _sync_folder(self, folder: str) -> None:
        for path in self._now.keys() | self._safe.keys():
            if str(Path(path).parent) == folder:
                self._safe.pop(path, None)
                if path in self._now:
                    self._safe[path] = self._now[path]

    def cut(self, into: Path, chance: float, rng: random.Random) -> None:
        """Write into a folder what a cut now may leave; `chance` is that of what is not safe."""
        for path in sorted(self._now.keys() | self._safe.keys()):
            shown = (self._now if rng.random() < chance else self._safe).get(path)
            if shown is not None:
                image = into / Path(path).relative_to(self._folder)
                image.parent.mkdir(parents=True, exist_ok=True)
                image.write_bytes(shown.after_cut(chance, rng))


def _change(content: bytearray, changes: Iterable[_Change]) -> None:
    for offset, data in changes:
        if data is None:
            del content[offset:]
        if offset > len(content):
            content.extend(bytes(offset - len(content)))
        if data is not None:
            content[offset : offset + len(data)] = data


def _survivors(changes: Iterable[_Change], chance: float, rng: random.Random) -> Iterator[_Change]:
    for offset, data in changes:
        if data is None:
            if rng.random() < chance:
                yield offset, None
            continue
        start = 0
        while start < len(data):
            end = min(len(data), start + _SECTOR - (offset + start) % _SECTOR)
            if rng.random() < chance:
                yield offset + start, data[start:end]
            start = end
