"""Makes a typed text ready for the fax page: readable, drawable, broken into lines that fit."""

import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from clinicdir.notifications.fax_fonts import Fonts

BOX = "□"  # stands for a character that no font draws
BOX_WITHOUT_FONTS = "?"
MORE = "..."
_JOINERS = "\u200c\u200d"
_MOST_MARKS = 4
_MOST_CHARACTERS = 600
_MOST_IN_LINE = 150
_MM_PER_PT = 25.4 / 72
_LEADING = 1.25

Measure = Callable[[str, float], float]


@dataclass(frozen=True)
class Drawable:
    """A text of which every character can be drawn; `lost` of the typed ones could not."""

    text: str
    lost: int = 0


@dataclass(frozen=True)
class Fitted:
    """A text as lines of one size; `cut` where it goes on beyond the last of them."""

    size_pt: float
    lines: tuple[str, ...]
    cut: bool = False


def drawable(text: str, fonts: Fonts) -> Drawable:
    """Return the text on one line, with a box for each character that cannot be drawn.

    What has no picture of its own (line breaks, direction marks) becomes a space or nothing.
    """
    box = BOX if fonts.has_base else BOX_WITHOUT_FONTS
    drawn: list[str] = []
    lost = marks = 0
    for character in unicodedata.normalize("NFC", text):
        category = unicodedata.category(character)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if category in ("Cc", "Zl", "Zp", "Zs"):
            drawn.append(" ")
        elif _is_silent(character, category):
            # Joiners shape Persian and others; every other one only steers direction or style.
            drawn.append(character if character in _JOINERS and fonts.draws(character) else "")
        elif marks > _MOST_MARKS or not fonts.draws(character):
            lost += 1
            drawn.append(box if not marks else "")
        else:
            drawn.append(character)
    return Drawable(" ".join("".join(drawn).split()), lost)


def fit(
    text: str, *, width_mm: float, height_mm: float, sizes: Sequence[float], measure: Measure
) -> Fitted:
    """Return the text in the largest of `sizes` (points) in which it fits the height.

    In each size one line is granted. What does not fit in the smallest is cut, and ends in "...".
    """
    shown = text[:_MOST_CHARACTERS]
    lines: list[str] = []
    for size in sizes:
        most = max(1, int(height_mm / line_height(size)))
        lines = wrap(shown, width_mm=width_mm, most=most + 1, of=_at(size, measure))
        if len(lines) <= most and shown == text:
            return Fitted(size, tuple(lines))
    kept = lines[:most]
    kept[-1] = _shortened(kept[-1], width_mm=width_mm, of=_at(size, measure))
    return Fitted(size, tuple(kept), cut=True)


def line_height(size_pt: float) -> float:
    """Return the height of one line of letters of this size, in millimetres."""
    return size_pt * _MM_PER_PT * _LEADING


def wrap(text: str, *, width_mm: float, most: int, of: Callable[[str], float]) -> list[str]:
    """Return the first `most` lines, broken at spaces, and inside a word that is too long."""
    lines, line = [], ""
    for word in text.split():
        joined = f"{line} {word}" if line else word
        if of(joined) <= width_mm:
            line = joined
            continue
        if line:
            lines.append(line)
        for piece in _pieces(word, width_mm, of):
            lines.append(piece)
            if len(lines) > most:
                return lines[:most]
        line = lines.pop()
    return [*lines, line][:most] if line else lines[:most]


def is_right_to_left(text: str) -> bool:
    """Say whether the first letter with a direction runs from right to left."""
    kinds = (unicodedata.bidirectional(character) for character in text)
    return next((kind for kind in kinds if kind in ("L", "R", "AL")), "L") != "L"


def _at(size: float, measure: Measure) -> Callable[[str], float]:
    return lambda text: measure(text, size)


def _is_silent(character: str, category: str) -> bool:
    selects_style = "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"
    return category == "Cf" or selects_style


def _clusters(word: str) -> Iterator[str]:
    """Yield the word's characters, each with the marks and joiners that belong to it."""
    cluster = ""
    for character in word:
        belongs = unicodedata.category(character) in ("Mn", "Me", "Mc", "Cf")
        if cluster and not belongs:
            yield cluster
            cluster = ""
        cluster += character
    if cluster:
        yield cluster


def _pieces(word: str, width_mm: float, of: Callable[[str], float]) -> Iterator[str]:
    """Break a word that may be wider than a line, an address after a slash where there is one."""
    clusters = list(_clusters(word))
    while clusters:
        fitting = _fitting(clusters, width_mm, of)
        if fitting < len(clusters) and "/" in clusters[:fitting]:
            fitting -= clusters[:fitting][::-1].index("/")
        yield "".join(clusters[:fitting])
        del clusters[:fitting]


def _fitting(clusters: Sequence[str], width_mm: float, of: Callable[[str], float]) -> int:
    """Return how many of the clusters fit a line; one always counts as fitting."""
    widths = _Widths(clusters, of)
    return max(1, bisect_right(widths, width_mm, lo=0, hi=len(widths)))


class _Widths(Sequence[float]):
    """The widths of the first one, two, three, ... clusters, measured only where looked at."""

    def __init__(self, clusters: Sequence[str], of: Callable[[str], float]) -> None:
        self._clusters = clusters[:_MOST_IN_LINE]
        self._of = of

    def __len__(self) -> int:
        return len(self._clusters)

    def __getitem__(self, index: Any) -> Any:  # noqa: ANN401 - bisect asks by number only
        return self._of("".join(self._clusters[: index + 1]))


def _shortened(line: str, *, width_mm: float, of: Callable[[str], float]) -> str:
    clusters = list(_clusters(line))
    while clusters and of("".join(clusters).rstrip() + MORE) > width_mm:
        clusters.pop()
    return "".join(clusters).rstrip() + MORE
