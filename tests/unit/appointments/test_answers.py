import pytest

from clinicdir.appointments.answers import has_unshowable, is_blank, parse_phone, showable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 李 😀\n\t\r", "plain é 李 😀\n\t\r"),
        ("a\0b\x1bc\x7fd\x85e", "a\ufffdb\ufffdc\ufffdd\ufffde"),
        ("\uffff\U0001fffe\ufdd0", "\ufffd" * 3),
        # Direction marks fit a page, which keeps them apart; the rules refuse them.
        ("a\u202eb", "a\u202eb"),
    ],
)
def test_showable_text_holds_only_what_a_page_can_hold(text: str, shown: str) -> None:
    assert showable(text) == shown


@pytest.mark.parametrize("symbol", ["\0", "\x0b", "\x9f", "\u202a", "\u2069", "\ufffd"])
def test_unshowable_symbol_is_found_among_others(symbol: str) -> None:
    assert has_unshowable(f"Robin{symbol}Example")
    assert has_unshowable(showable(f"Robin{symbol}Example"))


def test_lone_surrogate_is_unshowable() -> None:
    assert has_unshowable("a" + chr(0xD800))
    assert showable("a" + chr(0xDFFF)) == "a\ufffd"


def test_ordinary_text_is_showable() -> None:
    assert not has_unshowable("José\t\n“O’Brien” 李 \u200dمحمد😀")


def test_blank_is_what_nobody_sees() -> None:
    assert is_blank("")
    assert is_blank(" \u00a0\u200b\u200e\ufeff\u3164\u2800\u0301\U000e0061")
    assert not is_blank(" . ")


def test_number_of_another_country_needs_its_code() -> None:
    assert parse_phone("020 7946 0018") is None
    assert parse_phone("+44 (0)20 7946 0018") == "+442079460018"
