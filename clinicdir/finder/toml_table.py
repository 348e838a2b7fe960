"""A table of a TOML file that says where it stands when something in it is wrong."""

import math
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

T = TypeVar("T")


class BadTable(ValueError):  # noqa: N818 - reads as a word
    """A TOML file cannot be used; the message names the key and what is allowed there."""


class Table:
    """One table of the file, which knows where it stands and which keys were asked for."""

    def __init__(self, content: dict[str, Any], where: str) -> None:
        """Take the content, and the key under which it stands, empty for the whole file."""
        self._content = content
        self._where = where
        self._asked: set[str] = set()

    def refuse(self, key: str, allowed: str) -> NoReturn:
        """Raise BadTable for a key."""
        raise BadTable(f"{self._path(key)}: {allowed}")

    def allow_no_more(self) -> None:
        """Refuse keys that nobody asked for: they are most likely misspelt."""
        for key in self._content.keys() - self._asked:
            self.refuse(key, f"unknown; allowed are {', '.join(sorted(self._asked))}")

    def get(self, key: str, read: Callable[[Any], T], allowed: str) -> T:
        """Return a value as `read` makes it; TypeError and ValueError mean that it is wrong."""
        self._asked.add(key)
        if key not in self._content:
            self.refuse(key, f"missing; {allowed}")
        try:
            return read(self._content[key])
        except (TypeError, ValueError):
            self.refuse(key, f"{self._content[key]!r}: {allowed}")

    def has(self, key: str) -> bool:
        """Return whether a key is there that may be left out."""
        self._asked.add(key)
        return key in self._content

    def text(self, key: str) -> str:
        """Return a text."""
        return self.get(key, as_text, "a text is needed")

    def integer(self, key: str) -> int:
        """Return a whole number of 0 or more."""
        return self.get(key, as_integer, "a whole number of 0 or more is needed")

    def table(self, key: str) -> "Table":
        """Return a table."""
        return Table(self.get(key, as_table, "a table is needed"), self._path(key))

    def list_of_tables(self, key: str) -> list["Table"]:
        """Return a list of tables, empty when the key is missing."""
        if not self.has(key):
            return []
        given = self.get(key, lambda value: [as_table(entry) for entry in as_list(value)], "tables")
        return [Table(entry, f"{self._path(key)}[{at}]") for at, entry in enumerate(given)]

    def _path(self, key: str) -> str:
        """Return where a key stands in the file."""
        return f"{self._where}.{key}" if self._where else key


def as_text(value: object) -> str:
    """Return a text, or raise TypeError."""
    if not isinstance(value, str):
        raise TypeError
    return value


def as_integer(value: object) -> int:
    """Return a whole number of 0 or more, or raise TypeError or ValueError."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError
    if value < 0:
        raise ValueError
    return value


def as_number(value: object) -> float:
    """Return a finite number, or raise TypeError or ValueError."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError
    if not math.isfinite(value):
        raise ValueError
    return value


def as_list(value: object) -> list[Any]:
    """Return a list, or raise TypeError."""
    if not isinstance(value, list):
        raise TypeError
    return value


def as_table(value: object) -> dict[str, Any]:
    """Return a table's content, or raise TypeError."""
    if not isinstance(value, dict):
        raise TypeError
    return value
