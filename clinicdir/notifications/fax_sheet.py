"""A sheet of paper for a fax: black only, letters of 12 points or more, nothing off the page."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from clinicdir.notifications.fax_fonts import Fonts
from clinicdir.notifications.fax_text import drawable, fit, is_right_to_left, line_height

WIDTH_MM, HEIGHT_MM = 215.9, 279.4
# A fax machine may lose some millimetres at each edge, and prints its own line at the top.
MARGIN_MM = 18.0
_RULE_MM = 0.7
_BAND_MM = 13.0
_FAMILY, _CORE = "base", "helvetica"


class Sheet:
    """One page that is filled from top to bottom.

    `y` is the height reached, in millimetres; `lost` counts the characters that no font draws;
    `was_cut` says that a text went on beyond its place.
    """

    def __init__(self, fonts: Fonts, *, made_at: datetime, title: str) -> None:
        """Open an empty page; `made_at` is the only time that the file holds."""
        # A slow import, which only a site that sends faxes should spend.
        from fpdf import FPDF  # noqa: PLC0415

        self.fonts = fonts
        self.y = MARGIN_MM
        self.lost = 0
        self.was_cut = False
        self._left = MARGIN_MM
        self._others: dict[Path, str] = {}
        # It says of each table of a font that it leaves out that it does so.
        logging.getLogger("fontTools.subset").setLevel(logging.ERROR)
        self._pdf = FPDF(unit="mm", format=(WIDTH_MM, HEIGHT_MM))
        self._pdf.set_auto_page_break(False)
        self._pdf.set_margins(0, 0, 0)
        self._pdf.c_margin = 0
        self._pdf.set_creation_date(made_at)
        self._pdf.set_title(title)
        self._pdf.add_page()
        if fonts.plain is not None and fonts.bold is not None:
            self._pdf.add_font(_FAMILY, fname=fonts.plain)
            self._pdf.add_font(_FAMILY, style="B", fname=fonts.bold)

    def line(self, text: str, *sizes: float, bold: bool = False) -> None:
        """Write one line in the largest of the sizes (points) in which it fits."""
        self.text(text, sizes=sizes, height_mm=0, bold=bold)

    def text(
        self, text: str, *, sizes: Sequence[float], height_mm: float, bold: bool = False
    ) -> None:
        """Write a text as large as it fits the height; at least one line is granted."""
        drawn = drawable(text, self.fonts)
        self.lost += drawn.lost
        self._take_fonts_for(drawn.text)
        fitted = fit(
            drawn.text,
            width_mm=WIDTH_MM - MARGIN_MM - self._left,
            height_mm=height_mm,
            sizes=sizes,
            measure=lambda words, size: self._width(words, size, bold=bold),
        )
        self.was_cut = self.was_cut or fitted.cut
        direction = "rtl" if is_right_to_left(drawn.text) else "ltr"
        for line in fitted.lines:
            self._write(line, fitted.size_pt, bold=bold, direction=direction)

    def band(self, left: str, right: str, *, top: bool) -> None:
        """Write a line along one end of the page, between the edge and a rule."""
        self.y = MARGIN_MM if top else HEIGHT_MM - MARGIN_MM - _BAND_MM + 3
        rule = self.y + _BAND_MM if top else self.y - 3
        size = 16
        width = self._width(right, size, bold=False)
        self._pdf.set_xy(WIDTH_MM - MARGIN_MM - width, self.y + 2)
        self._pdf.cell(h=line_height(size), text=right)
        self._pdf.rect(MARGIN_MM, rule, WIDTH_MM - 2 * MARGIN_MM, _RULE_MM, style="F")
        self.line(left, 26, 20, 16, bold=True)
        self.y = rule + 6

    def squares(self, rows: Sequence[Sequence[bool]], *, side_mm: float) -> None:
        """Draw the squares of a code at the left; the height reached stays."""
        size = side_mm / len(rows)
        for down, row in enumerate(rows):
            for along, length in _runs(row):
                self._pdf.rect(
                    self._left + along * size, self.y + down * size, length * size, size, style="F"
                )

    def space(self, height_mm: float) -> None:
        """Leave some paper white."""
        self.y += height_mm

    @contextmanager
    def beside(self, indent_mm: float) -> Iterator[None]:
        """Write further right for a while."""
        self._left += indent_mm
        try:
            yield
        finally:
            self._left -= indent_mm

    def finish(self) -> bytes:
        """Return the PDF."""
        return bytes(self._pdf.output())

    def _write(self, line: str, size_pt: float, *, bold: bool, direction: str = "ltr") -> None:
        height = line_height(size_pt)
        self._choose(size_pt, bold=bold)
        if self.fonts.has_base:
            self._pdf.set_text_shaping(use_shaping_engine=True, direction=direction)
        # fpdf2 takes the last line's font for still set, even where a further one came since.
        self._pdf.current_font_is_set_on_page = False
        self._pdf.set_xy(self._left, self.y)
        self._pdf.cell(h=height, text=line)
        self.y += height

    def _width(self, text: str, size_pt: float, *, bold: bool) -> float:
        self._choose(size_pt, bold=bold)
        return float(self._pdf.get_string_width(text))

    def _choose(self, size_pt: float, *, bold: bool) -> None:
        family = _FAMILY if self.fonts.has_base else _CORE
        self._pdf.set_font(family, style="B" if bold else "", size=size_pt)
        if self.fonts.has_base:
            self._pdf.set_text_shaping(use_shaping_engine=True)

    def _take_fonts_for(self, text: str) -> None:
        """Load the further fonts that this text needs: a large one costs a tenth of a second."""
        needed = {
            font
            for character in set(text)
            if ord(character) not in self.fonts.base_covers
            and (font := self.fonts.other_for(character))
        }
        for font in sorted(needed - set(self._others)):
            name = f"other{len(self._others)}"
            self._pdf.add_font(name, fname=font, collection_font_number=0)
            self._others[font] = name
        if needed:
            self._pdf.set_fallback_fonts(list(self._others.values()), exact_match=False)


def _runs(row: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """Yield where each run of dark squares begins, and how long it is."""
    start = None
    for place, dark in enumerate([*row, False]):
        if dark and start is None:
            start = place
        elif not dark and start is not None:
            yield start, place - start
            start = None
