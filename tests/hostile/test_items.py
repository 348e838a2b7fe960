"""The list is whole: every item has a test, and the page in docs/ says which."""

from tests.hostile.items import ELSEWHERE, ITEMS, PAGE, cases_by_item, missing, page


def test_every_item_has_a_test() -> None:
    assert list(ITEMS) == [*range(1, 26), *range(30, 38)]
    assert [number for number, tests in cases_by_item().items() if not tests] == []


def test_tests_that_stand_elsewhere_are_there() -> None:
    assert set(ELSEWHERE) <= set(ITEMS)
    assert missing() == []


def test_page_names_every_test() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m tests.hostile.items"
