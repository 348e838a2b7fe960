"""Weighs the signs of spam in a request that comes in: points, and whether a person checks it.

Pure rules. The table of points and its reasons stand in docs/adr/0006-quiet-defence.md.
"""

import enum
import re
import unicodedata
from dataclasses import dataclass

from clinicdir.appointments.submission import Submission

QUARANTINE_AT = 10
# Nobody opens the form, reads five pages and sends them in less.
FLOOR_S = 2.0
# Of one request, or one text, so many are taken as people's; a parent asks for two children.
MOST_SAME_REQUESTS = 3
MOST_SAME_TEXTS = 20
# From here on the first ones were no person's either.
CLEARLY_SAME_REQUESTS = 10
# Shorter texts are the same by chance: "knee pain", "see www.hospital.example".
LONG_TEXT = 40
# What one address sends in an hour, and one phone number in a day, before it counts as busy.
QUIET_ADDRESS = 20
QUIET_PHONE = 3

_ONE_LINK = 3
_FREE_TEXTS = ("goal_text", "tried", "note", "access_needs", "relation")


class Suspicion(enum.StrEnum):
    """What makes a request look like spam."""

    HONEYPOT = "honeypot"
    TOO_FAST = "too_fast"
    UNSIGNED = "unsigned"
    LINKS = "links"
    REPEATED_TEXT = "repeated_text"
    BUSY_ADDRESS = "busy_address"
    BUSY_PHONE = "busy_phone"


@dataclass(frozen=True)
class Signs:
    """What was seen of one arrival; the counts of others include this one, 0 is not counted.

    `seconds` lie between opening the form and sending it; None where there was no form.
    """

    honeypot: bool = False
    seconds: float | None = None
    unsigned: bool = False
    links: int = 0
    same_requests: int = 0
    same_bare_requests: int = 0
    same_texts: int = 0
    from_address: int = 0
    from_phone: int = 0

    @property
    def copies_are_held(self) -> bool:
        """Say whether this text came so often that its first copies are to be checked, too."""
        return (
            self.same_requests > CLEARLY_SAME_REQUESTS
            or self.same_bare_requests > CLEARLY_SAME_REQUESTS
            or self.same_texts > MOST_SAME_TEXTS
        )


def points_of(signs: Signs) -> dict[Suspicion, int]:
    """Return the points of each sign that is there; a sign more never makes them fewer."""
    repeated = signs.same_requests > MOST_SAME_REQUESTS or signs.copies_are_held
    too_fast = signs.seconds is not None and signs.seconds < FLOOR_S
    points = {
        Suspicion.HONEYPOT: 6 * signs.honeypot,
        Suspicion.TOO_FAST: 4 * too_fast,
        # As many as too fast: a program gains nothing by leaving the stamp out.
        Suspicion.UNSIGNED: 4 * signs.unsigned,
        Suspicion.LINKS: _points_of_links(signs.links),
        Suspicion.REPEATED_TEXT: QUARANTINE_AT * repeated,
        Suspicion.BUSY_ADDRESS: int(signs.from_address > QUIET_ADDRESS),
        Suspicion.BUSY_PHONE: int(signs.from_phone > QUIET_PHONE),
    }
    return {sign: number for sign, number in points.items() if number}


def suspicions_of(signs: Signs) -> list[str]:
    """Return the codes for which a request is checked first, none where it goes its normal way."""
    points = points_of(signs)
    return [sign.value for sign in points] if sum(points.values()) >= QUARANTINE_AT else []


def _points_of_links(links: int) -> int:
    return QUARANTINE_AT if links > 1 else _ONE_LINK * links


# Without http or www only endings that no English sentence begins with: "my knee.it hurts".
_REST = r"[^\s,;<>\"'()\[\]|]*"
_LINK = re.compile(
    rf"(?:[a-z][a-z0-9+.-]*://|(?<![\w@.-])www\.)(?=\w){_REST}"
    r"|(?<![\w@.-])(?:[a-z0-9-]+\.)+"
    r"(?:com|net|org|info|biz|io|ru|cn|xyz|shop|site|online|club|icu|example|test)\b(?!@)"
    rf"{_REST}"
    rf"|(?<![\w@.-])(?:bit\.ly|t\.me|wa\.me|t\.co|goo\.gl|is\.gd)/{_REST}"
)


def count_links(submission: Submission) -> int:
    """Return how many web addresses stand in the free texts; mail addresses are none."""
    texts = (_folded(getattr(submission, name) or "") for name in _FREE_TEXTS)
    return sum(len(_LINK.findall(text)) for text in texts)


def same_request(submission: Submission) -> str | None:
    """Return what requests of one person with one text have in common, None without a text."""
    text = _letters(_texts(submission))
    if not text:
        return None
    return "\0".join([_name(submission.patient_name), _name(submission.asker_name or ""), text])


def same_bare_request(submission: Submission) -> str | None:
    """Return what requests without any text have in common: the person; None where there is one."""
    if _letters(_texts(submission)):
        return None
    contact = (submission.phone_e164 or "", submission.email or "")
    return "\0".join([_name(submission.patient_name), *map(str.casefold, contact)])


def same_text(submission: Submission) -> str | None:
    """Return the letters of the free texts, whoever sent them; None where they are but few."""
    text = _letters(_texts(submission))
    return text if len(text) >= LONG_TEXT else None


def _texts(submission: Submission) -> str:
    return " ".join(getattr(submission, name) or "" for name in _FREE_TEXTS)


def _name(name: str) -> str:
    return "".join(symbol for symbol in _folded(name) if symbol.isalnum())


def _letters(text: str) -> str:
    """Return the letters alone: a number or a mark more does not make a text another one."""
    return "".join(symbol for symbol in _folded(text) if symbol.isalpha())


def _folded(text: str) -> str:
    kept = (symbol for symbol in text if unicodedata.category(symbol) != "Cf")
    return unicodedata.normalize("NFKC", "".join(kept)).casefold()
