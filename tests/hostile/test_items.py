"""The list is whole: every item has a test, and the page in docs/ says which."""

from tests.hostile.items import ELSEWHERE, ITEMS, PAGE, cases_by_item, missing, page


def test_every_item_has_a_test() -> None:
    assert list(ITEMS) == [*range(1, 38), *range(39, 56)]
    here = cases_by_item()
    assert [number for number in ITEMS if not here[number] and not ELSEWHERE.get(number)] == []


def test_tests_that_stand_elsewhere_are_there() -> None:
    assert set(ELSEWHERE) <= set(ITEMS)
    assert missing() == []


def test_page_names_every_test() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m tests.hostile.items"
