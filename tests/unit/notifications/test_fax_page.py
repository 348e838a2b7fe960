"""The page that a clinic gets by fax: what stands on it, and that nothing is lost from it."""

import unicodedata
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinicdir.notifications.fax_fonts import find_fonts
from clinicdir.notifications.fax_page import PATIENT_CHANGED, FaxPage, draw_fax_page
from clinicdir.notifications.fax_sheet import HEIGHT_MM, MARGIN_MM, WIDTH_MM
from tests.fax_reading import (
    Picture,
    code_of_pdf,
    page_count,
    picture_of,
    type_sizes,
    words_of,
)
from tests.parts import FAX_PAGE

pytestmark = pytest.mark.needs(FAX_PAGE)

NOW = datetime(2026, 11, 24, 20, 0, tzinfo=UTC)
PAGE = FaxPage(
    clinic="Renton",
    fax="(206) 922-8909",
    reference="C7K-4KQ2",
    arrived="Tue, Nov 24, 5:00 pm",
    link="https://clinics.example/staff/requests/C7K4KQ2",
    call_back="(206) 693-9929",
    sharing=5,
)
BOXES = "□ stands for a character that we cannot print."
CUT = "A text was too long for this page: read all of it after signing in."


def draw(page: FaxPage) -> bytes:
    return draw_fax_page(page, find_fonts(), now=NOW)


def test_page_says_that_a_request_waits_and_names_nobody() -> None:
    assert words_of(draw(PAGE)) == [
        "Reference C7K-4KQ2 Page 1 of 1",
        "For the clinic",
        "Renton",
        "Fax (206) 922-8909",
        "5 clinics share this fax number. Give this page to the one named above.",
        "A request waits for an answer",
        "It arrived on Tue, Nov 24, 5:00 pm.",
        "Sign in to read it and to answer:",
        "https://clinics.example/staff/requests/",
        "C7K4KQ2",
        "Not your clinic? Call (206) 693-9929: this page came to you by mistake.",
        "Tear it up, keep no copy and pass nothing on. It names no patient on",
        "purpose.",
        "Reference C7K-4KQ2 Page 1 of 1",
    ]


def test_what_does_not_apply_is_left_out() -> None:
    page = replace(PAGE, call_back="", sharing=1, name="Robin Example", headline=PATIENT_CHANGED)
    words = words_of(draw(page))
    assert words[3:7] == [
        "Fax (206) 922-8909",
        "A patient has changed a request",
        "It arrived on Tue, Nov 24, 5:00 pm.",
        "Name",
    ]
    assert words[-3:-1] == [
        "Not your clinic? Then this page came to you by mistake.",
        "Tear it up, keep no copy and pass nothing on.",
    ]


def test_code_holds_the_link_and_where_that_is_too_long_the_reference(tmp_path: Path) -> None:
    assert code_of_pdf(draw(PAGE), tmp_path) == PAGE.link
    long = replace(PAGE, link=PAGE.link + "x" * 400)
    assert code_of_pdf(draw(long), tmp_path) == "C7K-4KQ2"


def test_page_is_black_on_white_in_large_type() -> None:
    pdf = draw(replace(PAGE, clinic="Clinic of a long name " * 20, name="Nguyễn 王小明 محمد"))
    assert set(picture_of(pdf, dots_per_inch=100).values) == {0, 255}
    assert min(type_sizes(pdf)) >= 12


@pytest.mark.parametrize(
    "name",
    [
        "Nguyễn Thị Ỹ Ẫm Ộ Ặ",
        "Жанна Щукіна Ґалаґан",
        "王小明 張語",
        "やまだ ハナコ",
        "محمد بن سلمان",
        "Zażółć Łódź Ñandú",
    ],
)
def test_names_of_every_script_are_drawn_in_their_order(name: str) -> None:
    words = words_of(draw(replace(PAGE, name=name)))
    assert words[words.index("Name") + 1] == name
    assert BOXES not in words


def test_each_line_has_the_font_of_its_own_characters() -> None:
    words = words_of(draw(replace(PAGE, clinic="華埠診所" * 3 + " Renton やまだ")))
    assert words[2:4] == ["華埠診所" * 3, "Renton やまだ"]


def test_marks_typed_one_by_one_are_drawn_like_whole_letters() -> None:
    name = "Nguyễn Thị Ngọc Ễ"
    apart = unicodedata.normalize("NFD", name)
    assert apart != name
    assert draw(replace(PAGE, name=apart)) == draw(replace(PAGE, name=name))


def test_arabic_letters_are_joined() -> None:
    """The four letters of a name form one stroke; unshaped ones would be four."""
    plain, named = (
        picture_of(draw(replace(PAGE, clinic=clinic)), dots_per_inch=75) for clinic in ("x", "محمد")
    )
    top, end = 30 * 75 // 25, 62 * 75 // 25
    rows = [number for number in range(top, end) if plain.row(number) != named.row(number)]
    assert rows
    assert strokes(named, rows) == 1


def strokes(picture: Picture, rows: list[int]) -> int:
    """Count the connected patches of ink in these rows."""
    ink = {(y, x) for y in rows for x, value in enumerate(picture.row(y)) if value == 0}
    count = 0
    while ink:
        count += 1
        edge = [ink.pop()]
        while edge:
            y, x = edge.pop()
            near = {(y + down, x + along) for down in (-1, 0, 1) for along in (-1, 0, 1)} & ink
            ink -= near
            edge += near
    return count


def test_what_cannot_be_drawn_is_said() -> None:
    words = words_of(draw(replace(PAGE, name="Robin \ue000 Example")))
    assert "Robin □ Example" in words
    assert BOXES in words


@pytest.mark.parametrize("name", ["김민수", "አበበ"])
def test_a_script_whose_font_may_be_missing_is_drawn_or_said(name: str) -> None:
    words = words_of(draw(replace(PAGE, name=name)))
    shown = words[words.index("Name") + 1]
    if all(find_fonts().draws(letter) for letter in name):
        assert (shown, BOXES in words) == (name, False)
    else:
        assert (shown, BOXES in words) == ("□□□", True)


def test_marks_in_a_heap_are_said_and_do_not_leave_their_line() -> None:
    words = words_of(draw(replace(PAGE, name="Zal" + "\u0301" * 200 + "go")))
    assert BOXES in words


def test_characters_that_only_steer_are_passed_over() -> None:
    steering = "Rob\u202ein\u0000\r\nEx\u200bample\ufe0f"
    assert draw(replace(PAGE, name=steering)) == draw(replace(PAGE, name="Robin Example"))


def test_what_is_too_long_is_cut_and_that_is_said() -> None:
    words = words_of(draw(replace(PAGE, clinic="Clinic of the very long name " * 30)))
    assert words[2:6] == [
        "Clinic of the very long name Clinic of the",
        "very long name Clinic of the very long name",
        "Clinic of the very long name Clinic of the",
        "very long name Clinic of the very long nam...",
    ]
    assert CUT in words


def test_without_fonts_western_letters_stand_and_the_rest_is_said(tmp_path: Path) -> None:
    fonts = find_fonts((tmp_path,))
    assert [lack.package for lack in fonts.lacks()] == [
        "fonts-dejavu-core", "fonts-dejavu-core", "fonts-dejavu-core", "fonts-droid-fallback",
        "fonts-droid-fallback", "fonts-wqy-microhei", "fonts-sil-abyssinica",
    ]  # fmt: skip
    words = words_of(draw_fax_page(replace(PAGE, name="Zoë Nguyễn 王"), fonts, now=NOW))
    assert "Zoë Nguy?n ?" in words
    assert "? stands for a character that we cannot print." in words


SCRIPTS = (
    "Latin ẫỄợặ ", "Ждїґ", "محمدپژلا ", "漢語张", "かナ々", "한글", "אבג", "አማ", "ไทยกำ", "हिन्दी",
    "W", "i", "\u0301\u0323", "\u202e\u200d\ufeff", "😀", "\ue000\U00020bb7", " \n\t\u00a0",
)  # fmt: skip


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Return a text of some scripts, from nothing to much longer than any form takes."""
    alphabet = "".join(draw(st.lists(st.sampled_from(SCRIPTS), min_size=1, max_size=3)))
    piece = draw(st.text(alphabet=alphabet, max_size=40))
    return piece * draw(st.sampled_from((1, 1, 2, 7, 40)))


GIVEN = given(clinic=texts(), name=texts(), link=texts(), arrived=texts())


@settings(max_examples=6, deadline=None, derandomize=True)
@GIVEN
def test_every_text_gives_one_page_with_nothing_at_its_edges(
    clinic: str, name: str, link: str, arrived: str
) -> None:
    one_page_with_nothing_at_its_edges(clinic, name, link, arrived)


@pytest.mark.soak
@settings(max_examples=300, deadline=None)
@GIVEN
def test_very_many_texts_give_one_page_with_nothing_at_its_edges(
    clinic: str, name: str, link: str, arrived: str
) -> None:
    one_page_with_nothing_at_its_edges(clinic, name, link, arrived)


WORDS = ("Nguyễn", "Щукіна", "王小明", "やまだ", "Łódź", "1")


@pytest.mark.soak
@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(WORDS), min_size=1))
def test_every_word_of_a_long_name_is_drawn_in_its_own_font(names: list[str]) -> None:
    words = words_of(draw(replace(PAGE, clinic=" ".join(names))))
    shown = "".join("".join(words[2 : words.index("Fax (206) 922-8909")]).split())
    whole = "".join(names)
    if CUT in words:
        assert shown.endswith("...")
        assert whole.startswith(shown.removesuffix("..."))
    else:
        assert shown == whole


def one_page_with_nothing_at_its_edges(clinic: str, name: str, link: str, arrived: str) -> None:
    pdf = draw(
        replace(
            PAGE, clinic=clinic, name=name, link=PAGE.link + link, arrived=arrived, call_back=name
        )
    )
    assert page_count(pdf) == 1
    picture = picture_of(pdf, dots_per_inch=50)
    dots = 50 / 25.4
    left, right = int((MARGIN_MM - 3) * dots), int((WIDTH_MM - MARGIN_MM + 3) * dots)
    # The band of the lower end begins with a rule; just above it the paper is white.
    rule = HEIGHT_MM - MARGIN_MM - 13
    white = range(int((rule - 2) * dots), int((rule - 1) * dots))
    for number in range(picture.height):
        row = picture.row(number)
        assert 0 not in row[:left] + row[right:], number
        in_margin = number < (MARGIN_MM - 3) * dots or number > (HEIGHT_MM - MARGIN_MM + 3) * dots
        if in_margin or number in white:
            assert 0 not in row, number
