"""Reads a fax page back: its words, its ink, its code."""

import re
import subprocess
import zlib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Picture:
    """Grey values of a rendered page, row by row: 0 black, 255 white."""

    width: int
    height: int
    values: bytes

    def row(self, number: int) -> bytes:
        return self.values[number * self.width : (number + 1) * self.width]


def words_of(pdf: bytes) -> list[str]:
    """Return the lines of the page in reading order, without empty ones."""
    done = _run(["pdftotext", "-layout", "-", "-"], pdf)
    # Poppler wraps what runs from right to left in direction marks.
    text = re.sub("[\u200e\u200f\u202a-\u202e]", "", done.decode())
    lines = (" ".join(line.split()) for line in text.replace("\f", "\n").splitlines())
    return [line for line in lines if line]


def picture_of(pdf: bytes, *, dots_per_inch: int) -> Picture:
    """Render the page without softened edges, as a fax has none."""
    pgm = _run(
        ["pdftoppm", "-gray", "-aa", "no", "-aaVector", "no", "-r", str(dots_per_inch), "-"], pdf
    )
    head = re.match(rb"P5\s+(\d+)\s+(\d+)\s+255\s", pgm)
    assert head is not None
    return Picture(int(head[1]), int(head[2]), pgm[head.end() :])


def page_count(pdf: bytes) -> int:
    return len(re.findall(rb"/Type /Page\b(?!s)", pdf))


def type_sizes(pdf: bytes) -> set[float]:
    """Return the sizes of type, in points, that the page sets."""
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL)
    content = b"".join(zlib.decompress(stream) for stream in streams[:1])
    return {float(size) for size in re.findall(rb"/F\d+ ([\d.]+) Tf", content)}


def code_of(image: Path) -> str:
    """Return what the QR code of a picture file holds."""
    done = _run(["zbarimg", "--raw", "-q", "-Sdisable", "-Sqrcode.enable", str(image)], b"")
    return done.decode().strip()


def code_of_pdf(pdf: bytes, folder: Path) -> str:
    """Return what the code of a page holds, rendered as coarsely as a fax is."""
    image = folder / "page.pgm"
    image.write_bytes(_run(["pdftoppm", "-gray", "-aa", "no", "-r", "196", "-"], pdf))
    return code_of(image)


def _run(command: list[str], given: bytes) -> bytes:
    return subprocess.run(command, input=given, capture_output=True, check=True).stdout  # noqa: S603
