"""Finds requests by what a caller says: reference, name, phone number or e-mail address."""

import unicodedata
from dataclasses import dataclass

from sqlalchemy import Select, select, union_all

from clinicdir.appointments.answers import parse_phone
from clinicdir.appointments.models import AppointmentRequest, NameWord
from clinicdir.appointments.queries import within
from clinicdir.appointments.rules import name_words, parse_reference
from clinicdir.db import db, key_ring
from clinicdir.errors import FieldError, Invalid, marked
from clinicdir.staff.rules import Scope

LONGEST = 200
_LAST_DIGITS = 4
_MOST_WORDS = 12
_MARKS_OF_NUMBERS = frozenset("+-./() ")


@dataclass(frozen=True)
class Wanted:
    """What was typed, as the things that it can mean; the words themselves are not kept."""

    reference: str | None = None
    phone: tuple[bytes, ...] = ()
    last_digits: tuple[bytes, ...] = ()
    email: tuple[bytes, ...] = ()
    # For each word its hash under every key, of which one must be a word of the names.
    words: tuple[tuple[bytes, ...], ...] = ()


def read_wanted(typed: str) -> Wanted:
    """Return what somebody looks for, or raise Invalid for the field `wanted`."""
    text = unicodedata.normalize("NFKC", typed).strip()
    if len(text) > LONGEST:
        message = marked("What you look for must be %(most)s characters or less")
        raise Invalid(FieldError("wanted", "too_long", message, {"most": LONGEST}))
    words = sorted(name_words([text]))
    if not words:
        message = marked("Enter a name, a phone number, an email address or a reference")
        raise Invalid(FieldError("wanted", "empty", message))
    if "@" in text:
        return Wanted(email=_hashes("email", unicodedata.normalize("NFC", text).casefold()))
    digits = _digits(text)
    if digits is not None and len(digits) == _LAST_DIGITS:
        return Wanted(last_digits=_hashes("phone_last4", digits))
    number = parse_phone(text)
    return Wanted(
        reference=parse_reference(text),
        phone=() if number is None else _hashes("phone", number.partition(";")[0]),
        words=tuple(_hashes("name_word", word) for word in words[:_MOST_WORDS]),
    )


def find_wanted(wanted: Wanted, *, scope: Scope, limit: int) -> list[AppointmentRequest]:
    """Return the requests inside a scope that fit, the newest first."""
    ways = _ways(wanted)
    if not ways:
        return []
    found = select(AppointmentRequest).where(
        AppointmentRequest.id.in_(union_all(*ways) if len(ways) > 1 else ways[0])
    )
    query = within(found, scope).order_by(AppointmentRequest.id.desc()).limit(limit)
    return list(db.session.scalars(query))


def _ways(wanted: Wanted) -> list[Select[int]]:
    """Return one query for each thing that was meant, of the numbers of requests."""
    row = AppointmentRequest
    ways = []
    if wanted.reference is not None:
        ways.append(select(row.id).where(row.reference == wanted.reference))
    for column, hashes in (
        (row.phone_hash, wanted.phone),
        (row.phone_last4_hash, wanted.last_digits),
        (row.email_hash, wanted.email),
    ):
        if hashes:
            ways.append(select(row.id).where(column.in_(hashes)))
    if wanted.words:
        ways.append(_with_words(wanted.words))
    return ways


def _with_words(words: tuple[tuple[bytes, ...], ...]) -> Select[int]:
    """Return the query for the requests that have every word."""
    first, *others = (
        select(NameWord.request_id).where(NameWord.word_hash.in_(hashes)) for hashes in words
    )
    return first.where(*(NameWord.request_id.in_(other) for other in others))


def _hashes(purpose: str, value: str) -> tuple[bytes, ...]:
    return tuple(key_ring().fingerprints(purpose, value))


def _digits(text: str) -> str | None:
    """Return the digits of what may be a number, in any script; None where it is none."""
    digits = "".join(
        str(unicodedata.decimal(symbol)) if symbol.isdecimal() else symbol
        for symbol in text
        if symbol not in _MARKS_OF_NUMBERS
    )
    return digits if digits.isascii() and digits.isdecimal() else None
