"""Holds docs/settings.md to the class; `python -m tests.architecture.test_settings_docs` renews it.

Only the table is written; the prose around it is by hand.
"""

from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

from clinicdir.settings import PREFIX, Settings

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"
HEAD = ("name", "default", "meaning")
NOTHING = (None, "", ())

Row = tuple[str, str, str]


def rows_of_class() -> list[Row]:
    """Return what the table must say, in the order of the class."""
    return [
        (f"`{PREFIX}{name.upper()}`", default_words(field), field.description or "")
        for name, field in Settings.model_fields.items()
    ]


def default_words(field: FieldInfo) -> str:
    default: Any = field.default
    return "none" if default in NOTHING else f"`{default}`"


def rows_of_page() -> list[Row]:
    """Return what the page says, without the table's head."""
    table = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if is_row(line)]
    return [cells_of(line) for line in table[2:]]


def cells_of(line: str) -> Row:
    name, default, meaning = line.strip("| ").split(" | ", maxsplit=2)
    return name, default, meaning


def is_row(line: str) -> bool:
    return line.startswith("|")


def as_table(rows: list[Row]) -> list[str]:
    return ["| " + " | ".join(cells) + " |" for cells in (HEAD, ("---",) * 3, *rows)]


def test_page_says_what_the_class_says() -> None:
    assert rows_of_page() == rows_of_class()


def test_every_setting_has_a_meaning() -> None:
    assert [name for name, _, meaning in rows_of_class() if not meaning] == []


def test_a_meaning_does_not_break_its_table() -> None:
    assert [name for name, _, meaning in rows_of_class() if "|" in meaning or "\n" in meaning] == []


def renew() -> None:
    """Write the table anew, where the old one stands."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    first = next(number for number, line in enumerate(lines) if is_row(line))
    rest = [line for line in lines[first:] if not is_row(line)]
    text = "\n".join([*lines[:first], *as_table(rows_of_class()), *rest])
    PAGE.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    renew()
