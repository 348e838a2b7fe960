"""The shapes that values of a seed file may have, each as a test and in words."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

from clinicdir.locations.seed_file import SeedObject, pointer_part, shown

_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# What cannot be seen, reorders its line, or cannot be stored: control characters, line and
# paragraph separators, marks of direction, a BOM, halves of a surrogate pair.
UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"

# Where, what is there, what is allowed.
Finding = tuple[str, str, str]
Look = Callable[[object, str], Iterator[Finding]]


@dataclass(frozen=True)
class Rule:
    """What one value may be, as a test and in words."""

    allowed: str
    fits: Callable[[object], bool]

    def __call__(self, value: object, pointer: str) -> Iterator[Finding]:
        """Find what is wrong with the value."""
        if not self.fits(value):
            yield pointer, shown(value), self.allowed


@dataclass(frozen=True)
class Object:
    """An object with exactly these keys."""

    fields: dict[str, Look]
    optional: frozenset[str] = frozenset()

    def __call__(self, value: object, pointer: str) -> Iterator[Finding]:
        """Find what is wrong with the object and with what is in it."""
        keys = ", ".join(self.fields)
        if not isinstance(value, SeedObject):
            yield pointer, shown(value), f"an object with the keys {keys}"
            return
        for name, look in self.fields.items():
            place = f"{pointer}/{name}"
            if name in value:
                yield from look(value[name], place)
            elif name not in self.optional:
                yield place, "missing", getattr(look, "allowed", "this key")
        for name in value:
            if name not in self.fields:
                yield f"{pointer}/{pointer_part(name)}", "unknown key", f"only the keys {keys}"
        for name in value.repeated:
            yield f"{pointer}/{pointer_part(name)}", "given twice", "each key once"


@dataclass(frozen=True)
class List:
    """A list of equal things."""

    each: Look
    allowed: str
    least: int = 0

    def __call__(self, value: object, pointer: str) -> Iterator[Finding]:
        """Find what is wrong with the list and with what is in it."""
        if not isinstance(value, list) or len(value) < self.least:
            yield pointer, shown(value), self.allowed
            return
        for index, item in enumerate(value):
            yield from self.each(item, f"{pointer}/{index}")


def text(longest: int, *, or_null: bool = False) -> Rule:
    """Return the rule for one line of text that people read."""

    def fits(value: object) -> bool:
        if not isinstance(value, str):
            return or_null and value is None
        plain = not UNSEEN.search(value) and _NO_BREAK_SPACE not in value
        return plain and 0 < len(value) <= longest and value == value.strip()

    words = f"text of 1 to {longest} plain characters, no space at either end"
    return Rule(f"{words}, or null" if or_null else words, fits)


def matching(allowed: str, pattern: re.Pattern[str], longest: int = 300) -> Rule:
    """Return the rule for a text of a certain form."""
    return Rule(
        allowed,
        lambda value: (
            isinstance(value, str) and len(value) <= longest and bool(pattern.fullmatch(value))
        ),
    )


def nullable(rule: Rule) -> Rule:
    """Return the rule that allows null besides."""
    return Rule(f"{rule.allowed}, or null", lambda value: value is None or rule.fits(value))


def one_of(*words: str) -> Rule:
    """Return the rule that allows these words only."""
    return Rule(f"one of {', '.join(words)}", lambda value: value in words)


def is_date(value: object) -> bool:
    """Say whether a value is a day of the calendar, written 2026-11-24."""
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


SLUG = matching("at most 60 small letters and digits, single hyphens between", _SLUG, 60)
DATE_OR_NULL = Rule(
    "a date, such as 2026-11-24, or null", lambda value: value is None or is_date(value)
)
