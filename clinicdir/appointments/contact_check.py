"""Whether whoever opens a link knows the phone number or the e-mail that the request gave."""

import enum
import hmac
import unicodedata

_DIGITS = 4
_LETTERS = 3
_BETWEEN_DIGITS = frozenset(" -.()")


class Proof(enum.StrEnum):
    """What is asked for: something that the sender knows and the link does not tell."""

    PHONE_DIGITS = "phone_digits"
    EMAIL_LETTERS = "email_letters"


def wanted_proof(phone_e164: str | None) -> Proof:
    """Return what to ask for: the end of the phone number, else the beginning of the e-mail."""
    return Proof.EMAIL_LETTERS if phone_e164 is None else Proof.PHONE_DIGITS


def proves(typed: str, *, phone_e164: str | None, email: str | None) -> bool:
    """Say whether the end of the phone number was typed, or else the beginning of the e-mail.

    Four digits, of which those of an extension are none; three letters, in either case.
    """
    if phone_e164 is not None:
        return _same(_digits(typed), phone_e164.partition(";")[0][-_DIGITS:])
    if email is not None:
        return _same(_folded(typed), _folded(email)[:_LETTERS])
    return False


def _digits(typed: str) -> str:
    """Return the digits of any script as 0 to 9, and whatever else stands between them."""
    plain = unicodedata.normalize("NFKC", typed).strip()
    return "".join(
        str(unicodedata.decimal(symbol)) if symbol.isdecimal() else symbol
        for symbol in plain
        if symbol not in _BETWEEN_DIGITS
    )


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip().casefold()


def _same(typed: str, wanted: str) -> bool:
    """Compare in a time that does not tell how much of it was right."""
    return hmac.compare_digest(typed.encode(), wanted.encode())
