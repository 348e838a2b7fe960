"""Draws the one page that a clinic gets by fax: black on white, large, and with little in it.

It says that a request waits, where and since when; by default it names no patient. A fax lies
open at the other end and may come out at a stranger's: the page says what to do then.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import segno
from segno.encoder import DataOverflowError

from clinicdir.errors import marked
from clinicdir.notifications.fax_fonts import Fonts
from clinicdir.notifications.fax_sheet import Sheet
from clinicdir.notifications.fax_text import BOX, BOX_WITHOUT_FONTS

A_REQUEST_WAITS = marked("A request waits for an answer")
PATIENT_CHANGED = marked("A patient has changed a request")

_QR_MM = 44.0
_GAP_MM = 8.0
# A code with more squares than this has them smaller than a fax carries reliably.
_MOST_QR_SQUARES = 65

Translate = Callable[[str], str]


@dataclass(frozen=True)
class FaxPage:
    """What one page tells. All texts may be in any script; `arrived` is written out already."""

    clinic: str
    fax: str
    reference: str
    arrived: str
    link: str
    headline: str = A_REQUEST_WAITS
    call_back: str = ""
    # How many clinics are reached by this fax number; 1: no other.
    sharing: int = 1
    # Stays empty unless the group has decided that its faxes may name a person.
    name: str = ""


def draw_fax_page(
    page: FaxPage, fonts: Fonts, *, now: datetime, translate: Translate = str
) -> bytes:
    """Return a PDF of exactly one page, US Letter; the same input gives the same bytes."""
    sheet = Sheet(fonts, made_at=now, title=translate(page.headline))
    reference = f"{translate('Reference')} {page.reference}"
    count = translate("Page 1 of 1")
    sheet.band(reference, count, top=True)
    _clinic(sheet, page, translate)
    _news(sheet, page, translate)
    _way_in(sheet, page, translate)
    _remarks(sheet, page, translate)
    sheet.band(reference, count, top=False)
    return sheet.finish()


def _clinic(sheet: Sheet, page: FaxPage, translate: Translate) -> None:
    """Name whom the page is for, in the largest letters that fit."""
    sheet.line(translate("For the clinic"), 16)
    sheet.text(page.clinic, sizes=(48, 40, 34, 28, 24, 20), height_mm=36, bold=True)
    sheet.line(translate("Fax %(number)s") % {"number": page.fax}, 16, 12)
    if page.sharing > 1:
        words = translate(
            "%(count)d clinics share this fax number. Give this page to the one named above."
        )
        sheet.line(words % {"count": page.sharing}, 14, 12)


def _news(sheet: Sheet, page: FaxPage, translate: Translate) -> None:
    """Say what has happened, when, and, only where that is wanted, to whom."""
    sheet.space(4)
    sheet.line(translate(page.headline), 28, 24, 20, 16, bold=True)
    sheet.line(translate("It arrived on %(time)s.") % {"time": page.arrived}, 16, 14, 12)
    if page.name:
        sheet.line(translate("Name"), 14)
        sheet.text(page.name, sizes=(20, 16, 14), height_mm=18, bold=True)


def _way_in(sheet: Sheet, page: FaxPage, translate: Translate) -> None:
    """Give the address of the request as a code for a phone's camera and in letters."""
    sheet.space(5)
    end = sheet.y + _QR_MM
    sheet.squares(_code(page), side_mm=_QR_MM)
    with sheet.beside(_QR_MM + _GAP_MM):
        sheet.line(translate("Sign in to read it and to answer:"), 16, 14, 12)
        sheet.text(page.link, sizes=(14, 12), height_mm=_QR_MM - 10, bold=True)
    sheet.y = end


def _code(page: FaxPage) -> list[list[bool]]:
    """Return the squares of the link's code, or of the reference's where the link is too long."""
    for text in (page.link, page.reference):
        try:
            code = segno.make_qr(text, error="m", boost_error=False)
        except DataOverflowError:
            continue
        if len(code.matrix) <= _MOST_QR_SQUARES:
            break
    return [[bool(square) for square in row] for row in code.matrix]


def _remarks(sheet: Sheet, page: FaxPage, translate: Translate) -> None:
    """Say what the page could not show, and what a stranger who holds it should do."""
    sheet.space(5)
    if sheet.lost:
        box = BOX if sheet.fonts.has_base else BOX_WITHOUT_FONTS
        words = translate("%(box)s stands for a character that we cannot print.")
        sheet.line(words % {"box": box}, 14, 12)
    if sheet.was_cut:
        words = translate("A text was too long for this page: read all of it after signing in.")
        sheet.line(words, 14, 12)
    mistake = translate("Not your clinic? Then this page came to you by mistake.")
    if page.call_back:
        words = translate("Not your clinic? Call %(number)s: this page came to you by mistake.")
        mistake = words % {"number": page.call_back}
    sheet.line(mistake, 14, 12)
    advice = translate("Tear it up, keep no copy and pass nothing on.")
    if not page.name:
        advice += " " + translate("It names no patient on purpose.")
    sheet.text(advice, sizes=(14, 12), height_mm=14)
