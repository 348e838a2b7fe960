"""Reads single answers out of untrusted input and collects what must be put right."""

import calendar
import re
import unicodedata
from collections.abc import Collection, Mapping
from datetime import date
from itertools import islice

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from clinicdir.errors import FieldError, marked

_NAME_LENGTH = 128
_MOST_UNKNOWN = 20  # what is named of a body full of them
_PHONE_LENGTH = 40
_EMAIL_LENGTH = 254
_YEARS_AHEAD = 3
_FIRST_YEAR_OF_BIRTH = 1880
_UNSHOWABLE = marked("Type this again: it contains characters that cannot be shown")
_NOT_A_CHOICE = marked("Select one of the answers")
_WRONG_TYPE = marked("This must be sent as %(kind)s")
_LINK = re.compile(r"://|\bwww\.", re.IGNORECASE)
_US_NUMBER = re.compile(r"[2-9]\d\d[2-9]\d{6}")
_MONTH = re.compile(r"\d{4}-\d{2}", re.ASCII)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
# Overrides and isolates of writing direction; they can make a page show other text than it has.
_DIRECTION_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# Letters by their category, yet nothing of them is seen.
_FILLERS = frozenset("\u115f\u1160\u3164\uffa0\u2800")
# Formats without width, and marks that want a letter to stand on.
_UNSEEN = frozenset(("Cf", "Mn", "Me"))
_REPLACEMENT = "\ufffd"


def has_unshowable(text: str) -> bool:
    """Say whether a text holds control, surrogate, replacement or direction characters."""
    return any(
        symbol in _DIRECTION_CONTROLS or symbol == _REPLACEMENT or not _fits_a_page(symbol)
        for symbol in text
    )


def showable(text: str) -> str:
    """Return a text with U+FFFD, which the rules refuse, for all that no page can hold."""
    return "".join(
        symbol if symbol == "\r" or _fits_a_page(symbol) else _REPLACEMENT for symbol in text
    )


def _fits_a_page(symbol: str) -> bool:
    """Say whether HTML can hold a character: no control, surrogate or noncharacter."""
    if unicodedata.category(symbol) in ("Cc", "Cs"):
        return symbol in "\n\t"
    code = ord(symbol)
    return code & 0xFFFE != 0xFFFE and not 0xFDD0 <= code <= 0xFDEF  # noqa: PLR2004


def is_blank(text: str) -> bool:
    """Say whether nothing of a text would be seen."""
    return all(
        symbol.isspace() or symbol in _FILLERS or unicodedata.category(symbol) in _UNSEEN
        for symbol in text
    )


class AnswerReader:
    """Takes answers by name; each method returns the clean value, or None and notes an error."""

    def __init__(self, answers: Mapping[str, object]) -> None:
        """Read from `answers`, which may hold anything that JSON or a form can."""
        self._answers = answers
        self.errors: list[FieldError] = []
        self._refused: set[str] = set()

    def raw(self, name: str) -> object:
        """Return the answer as it was sent, None where it was not."""
        return self._answers.get(name)

    def refuse(self, name: str, code: str, message: str, **values: str) -> None:
        """Note an error, the first one of each field only."""
        if name not in self._refused:
            self._refused.add(name)
            self.errors.append(FieldError(name, code, message, dict(values)))

    def refuse_unknown(self, allowed: Collection[str]) -> None:
        """Refuse each name that no question has."""
        unknown = (name for name in self._answers if name not in allowed)
        for name in islice(unknown, _MOST_UNKNOWN):
            self.refuse(str(name)[:80], "unknown", marked("There is no such field"))

    def was_sent(self, name: str) -> bool:
        """Say whether something visible was answered, right or wrong."""
        value = self._answers.get(name)
        return value is not None and not (isinstance(value, str) and is_blank(value))

    def text(
        self, name: str, *, limit: int, too_long: str, missing: str | None = None
    ) -> str | None:
        """Return a trimmed NFC text of at most `limit` code points; line ends become one."""
        value = self._answers.get(name)
        if value is not None and not isinstance(value, str):
            self.refuse(name, "type", _WRONG_TYPE, kind="text")
            return None
        clean = unicodedata.normalize("NFC", (value or "").replace("\r\n", "\n")).strip()
        if is_blank(clean):
            if missing is not None:
                self.refuse(name, "missing", missing)
            return None
        if has_unshowable(clean):
            self.refuse(name, "unshowable", _UNSHOWABLE)
            return None
        if len(clean) > limit:
            self.refuse(name, "too_long", too_long)
            return None
        return clean

    def name(self, name: str, *, too_long: str, missing: str | None = None) -> str | None:
        """Return a person's name: one line in any script, no web address."""
        clean = self.text(name, limit=_NAME_LENGTH, too_long=too_long, missing=missing)
        one_line = clean is None or (len(clean.splitlines()) == 1 and "\t" not in clean)
        if clean is not None and (not one_line or _LINK.search(clean)):
            self.refuse(name, "not_a_name", marked("Enter a name on one line, without web links"))
            return None
        return clean

    def choice(
        self, name: str, codes: Collection[str], *, missing: str | None = None
    ) -> str | None:
        """Return one of `codes`."""
        value = self._answers.get(name)
        if value is None or value == "":
            if missing is not None:
                self.refuse(name, "missing", missing)
            return None
        if not isinstance(value, str) or value not in codes:
            self.refuse(name, "not_a_choice", missing or _NOT_A_CHOICE)
            return None
        return value

    def texts(self, name: str, sent: object) -> tuple[str, ...]:
        """Return a list of short texts without repeats, empty where none was sent."""
        if sent is None:
            return ()
        if not isinstance(sent, list) or not all(isinstance(item, str) for item in sent):
            self.refuse(name, "type", _WRONG_TYPE, kind="a list of texts")
            return ()
        if any(has_unshowable(item) for item in sent):
            self.refuse(name, "unshowable", _UNSHOWABLE)
            return ()
        return tuple(dict.fromkeys(item for item in sent if item))

    def choices(self, name: str, codes: Collection[str]) -> tuple[str, ...]:
        """Return some of `codes`, without repeats, in the order of the list."""
        chosen = self.texts(name, self._answers.get(name))
        if not set(chosen) <= set(codes):
            self.refuse(name, "not_a_choice", marked("Select answers from the list"))
            return ()
        return tuple(code for code in codes if code in chosen)

    def flag(self, name: str) -> bool:
        """Return a yes or no, no where none was sent."""
        value = self._answers.get(name)
        if value is None:
            return False
        if not isinstance(value, bool):
            self.refuse(name, "type", _WRONG_TYPE, kind="true or false")
            return False
        return value

    def rows(self, name: str, keys: set[str], *, limit: int, refused: str) -> list[dict[str, str]]:
        """Return a list of at most `limit` objects with exactly these keys and text values."""
        sent = self._answers.get(name)
        if sent is None:
            return []
        if not isinstance(sent, list) or not all(
            isinstance(row, dict)
            and set(row) == keys
            and all(isinstance(value, str) for value in row.values())
            for row in sent
        ):
            self.refuse(name, "type", _WRONG_TYPE, kind="a list of weekday and part")
            return []
        if len(sent) > limit:
            self.refuse(name, "too_many", refused)
            return []
        return sent

    def month(self, name: str, *, first: date, refused: str, too_late: str) -> date | None:
        """Return the first day of a month written YYYY-MM, from `first`'s month to 3 years on."""
        value = self.text(name, limit=20, too_long=refused)
        if value is None:
            return None
        month = _parse_day(f"{value}-01") if _MONTH.fullmatch(value) else None
        if month is None or month < first.replace(day=1):
            self.refuse(name, "too_early", refused)
            return None
        if month > first.replace(year=first.year + _YEARS_AHEAD, day=1):
            self.refuse(name, "too_late", too_late)
            return None
        return month

    def day(self, name: str, *, last: date, refused: str) -> date | None:
        """Return a day written YYYY-MM-DD, not after `last`."""
        value = self.text(name, limit=20, too_long=refused)
        if value is None:
            return None
        day = _parse_day(value) if _DAY.fullmatch(value) else None
        if day is None or day > last or day.year < _FIRST_YEAR_OF_BIRTH:
            self.refuse(name, "not_a_day", refused)
            return None
        return day

    def phone(self, name: str, *, refused: str) -> tuple[str | None, str | None]:
        """Return a phone number as typed and in E.164 (with `;ext=`); US where no country code.

        A number that is merely unknown is taken: new ranges come up and test numbers exist.
        """
        typed = self.text(name, limit=_PHONE_LENGTH, too_long=refused)
        e164 = None if typed is None else parse_phone(typed)
        if typed is not None and e164 is None:
            self.refuse(name, "not_a_phone", refused)
            return None, None
        return typed, e164

    def email(self, name: str, *, refused: str) -> str | None:
        """Return an e-mail address in its normal form; no name server is asked."""
        typed = self.text(name, limit=_EMAIL_LENGTH, too_long=refused)
        if typed is None:
            return None
        try:
            # Names that the rules of the internet keep for tests may stand here too.
            return validate_email(
                typed, check_deliverability=False, test_environment=True
            ).normalized
        except EmailNotValidError:
            self.refuse(name, "not_an_email", refused)
            return None


def parse_phone(typed: str) -> str | None:
    """Return the E.164 form of a typed phone number, None where it cannot be dialled."""
    text = _ascii_digits(unicodedata.normalize("NFKC", typed))
    try:
        number = phonenumbers.parse(text, "US")
    except phonenumbers.NumberParseException:
        return None
    reason = phonenumbers.is_possible_number_with_reason(number)
    # Seven digits would be "possible, local only", and nobody could dial them from elsewhere.
    if reason != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None
    if number.country_code == 1 and not _US_NUMBER.fullmatch(str(number.national_number)):
        return None
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return f"{e164};ext={number.extension}" if number.extension else e164


def _ascii_digits(text: str) -> str:
    return "".join(
        str(unicodedata.decimal(symbol)) if symbol.isdecimal() else symbol for symbol in text
    )


def _parse_day(text: str) -> date | None:
    year, month, day = (int(part) for part in text.split("-"))
    months = range(1, 13)
    if year < date.min.year or month not in months or day < 1:
        return None
    return date(year, month, day) if day <= calendar.monthrange(year, month)[1] else None
