"""Opens import files, packed or not, and never takes in more than a bounded amount of them."""

import gzip
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import IO, cast

from clinicdir.finder.importing.rows import BadFile, Problems

LONGEST_LINE_BYTES = 65_536
# Address files pack to a tenth or twentieth of their size; more than this is no address file.
MOST_GROWTH = 100
GROWTH_COUNTS_FROM_BYTES = 16_000_000
GROWTH_CHECKED_EVERY_BYTES = 1_000_000
MOST_BYTES = 16_000_000_000
HEAD_BYTES = 4_096
SPOOLED_BYTES = 64_000_000
LONGEST_SHOWN_BYTES = 80

_CUT_OFF = "the packed file is cut off or damaged. Get it again."
_TOO_LARGE = "it unpacks to far more than its own size, as no address file does. It was not read."
_GZIP_MAGIC, _ZIP_MAGIC = b"\x1f\x8b", b"PK\x03\x04"
_TEXT_ENDINGS = (".csv", ".txt", ".geojson", ".json", ".tsv", ".geojsonl")
_SHAPE_ENDINGS = (".shp", ".dbf")


class Source:
    """One file that is being read; `done_bytes` of its `size` bytes on disk are read."""

    def __init__(self, path: Path, raw: IO[bytes]) -> None:
        """Take an open file; what is packed in it is opened when it is asked for."""
        self.path = path
        self.name = path.name
        self.size = max(path.stat().st_size, 1)
        self._raw = raw
        raw.seek(0)
        self._magic = raw.read(4)
        self._stack = ExitStack()
        self._last_line, self._ends_open = 0, False

    def ends_inside(self, line: int) -> bool:
        """Return whether the text, read to its end, stops in the middle of this line."""
        return self._ends_open and line == self._last_line

    @property
    def done_bytes(self) -> int:
        """Return how far the file on disk has been read."""
        return min(self._raw.tell(), self.size) if not self._raw.closed else self.size

    def close(self) -> None:
        """Close what was opened inside the file."""
        self._stack.close()

    def head(self) -> bytes:
        """Return the first bytes of the text in the file, unpacked."""
        with _in_plain_words(self.name), self._text() as stream:
            return stream.read(HEAD_BYTES)

    def shape_parts(self) -> dict[str, IO[bytes]]:
        """Return the .shp and .dbf of a zipped shapefile, unpacked; empty for any other file."""
        if self._magic != _ZIP_MAGIC:
            return {}
        with _in_plain_words(self.name):
            archive = self._stack.enter_context(zipfile.ZipFile(self._raw))
            members = {
                ending: member
                for member in archive.infolist()
                for ending in _SHAPE_ENDINGS
                if member.filename.lower().endswith(ending)
            }
            if set(members) != set(_SHAPE_ENDINGS):
                return {}
            return {ending: self._unpack(archive, one) for ending, one in members.items()}

    def lines(self, problems: Problems) -> Iterator[tuple[int, str]]:
        """Yield each line with its number; one that is too long is noted and passed over."""
        with _in_plain_words(self.name), self._text() as stream:
            number, line, total, check_at = 0, b"", 0, GROWTH_COUNTS_FROM_BYTES
            next_line = partial(stream.readline, LONGEST_LINE_BYTES + 1)
            for number, line in enumerate(iter(next_line, b""), 1):
                total += len(line)
                if total >= check_at:
                    self._refuse_bomb(total)
                    check_at = total + GROWTH_CHECKED_EVERY_BYTES
                if len(line) > LONGEST_LINE_BYTES:
                    total += self._skip_line(stream, line, total)
                    shown = line[:LONGEST_SHOWN_BYTES].decode(errors="replace")
                    problems.add(number, "line", shown, f"at most {LONGEST_LINE_BYTES:,} bytes")
                    continue
                yield number, line.decode(errors="replace")
            self._last_line, self._ends_open = number, not line.endswith(b"\n")

    def _skip_line(self, stream: IO[bytes], part: bytes, total: int) -> int:
        """Read on to the end of a line that began with `part`; return how many bytes that were."""
        skipped = 0
        while part and not part.endswith(b"\n"):
            part = stream.readline(LONGEST_LINE_BYTES)
            skipped += len(part)
            self._refuse_bomb(total + skipped)
        return skipped

    def _refuse_bomb(self, total: int) -> None:
        """Refuse a file whose content is absurdly larger than the file."""
        is_packed = self._magic[:2] == _GZIP_MAGIC or self._magic == _ZIP_MAGIC
        grown = is_packed and total > MOST_GROWTH * max(self.done_bytes, 1)
        if total > GROWTH_COUNTS_FROM_BYTES and (grown or total > MOST_BYTES):
            raise BadFile(f"{self.name}: {_TOO_LARGE}")

    @contextmanager
    def _text(self) -> Iterator[IO[bytes]]:
        """Open the text in the file from its start."""
        self._raw.seek(0)
        if self._magic[:2] == _GZIP_MAGIC:
            with gzip.GzipFile(fileobj=self._raw) as unpacked:
                yield cast("IO[bytes]", unpacked)
        elif self._magic == _ZIP_MAGIC:
            with zipfile.ZipFile(self._raw) as archive, _only_text(archive, self.name) as member:
                yield member
        else:
            yield self._raw

    def _unpack(self, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> IO[bytes]:
        """Unpack one member into a temporary file without a name; its own name is not used."""
        unpacked: IO[bytes] = self._stack.enter_context(
            tempfile.SpooledTemporaryFile(SPOOLED_BYTES)  # noqa: SIM115 - the stack closes it
        )
        total = 0
        with archive.open(member) as packed:
            while part := packed.read(1_000_000):
                total += len(part)
                if total > max(GROWTH_COUNTS_FROM_BYTES, MOST_GROWTH * member.compress_size):
                    raise BadFile(f"{self.name}: {_TOO_LARGE}")
                unpacked.write(part)
        unpacked.seek(0)
        return unpacked


@contextmanager
def open_source(path: Path) -> Iterator[Source]:
    """Open a file for import, or raise BadFile in words."""
    if path.exists() and not path.is_file():
        raise BadFile(f"{path}: is not a file.")
    try:
        raw = path.open("rb")
    except OSError as trouble:
        raise BadFile(f"{path}: cannot be opened ({trouble.strerror}).") from None
    with raw:
        source = Source(path, raw)
        try:
            yield source
        finally:
            source.close()


@contextmanager
def _in_plain_words(name: str) -> Iterator[None]:
    """Turn what the unpackers raise into one sentence."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile) as trouble:
        raise BadFile(f"{name}: {_CUT_OFF}") from trouble
    except OSError as trouble:
        raise BadFile(f"{name}: cannot be read ({trouble.strerror}).") from trouble
    except (RuntimeError, NotImplementedError) as trouble:  # a password, an odd method
        raise BadFile(f"{name}: this kind of zip file cannot be read.") from trouble


@contextmanager
def _only_text(archive: zipfile.ZipFile, name: str) -> Iterator[IO[bytes]]:
    """Open the one text file of an archive that is no readme."""
    texts = [
        member
        for member in archive.infolist()
        if member.filename.lower().endswith(_TEXT_ENDINGS)
        and "readme" not in member.filename.lower()
    ]
    if len(texts) != 1:
        raise BadFile(f"{name}: holds {len(texts)} text files. Unpack it and name one of them.")
    with archive.open(texts[0]) as member:
        yield member
