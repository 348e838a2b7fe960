"""Puts checked answers into a request's row, sealed or plain, and the words it is found by."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import delete

from clinicdir.appointments.models import AppointmentRequest, NameWord
from clinicdir.appointments.rules import name_words
from clinicdir.crypto import KeyRing
from clinicdir.db import db, key_ring

SEALED = (
    "patient_name",
    "asker_name",
    "relation",
    "birth_date",
    "phone",
    "phone_e164",
    "email",
    "goal_text",
    "tried",
    "access_needs",
    "note",
)
_PLAIN = (
    "goal",
    "body_area",
    "target_month",
    "for_whom",
    "contact_by",
    "best_time",
    "voicemail_ok",
    "returning",
    "referral",
    "language",
    "interpreter",
    "short_notice",
)


def file_answers(row: AppointmentRequest, values: Mapping[str, Any]) -> None:
    """Write checked answers, all or some, into a row; the rest of it stays as it is."""
    for name in values.keys() & set(_PLAIN):
        setattr(row, name, values[name])
    if "stopped" in values:
        row.stopped = list(values["stopped"])
    stored = as_stored(values)
    if "windows" in values:
        row.windows = stored["windows"]
    kept = row.unseal() if row.sealed is not None else {}
    row.seal(kept | {name: stored[name] for name in SEALED if name in values})
    for name, value in contact_hashes(row.personal, key_ring()).items():
        setattr(row, name, value)


def as_stored(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return checked answers in the form in which a row has them."""
    stored = {name: _plain(value) for name, value in values.items()}
    if "windows" in values:
        stored["windows"] = [{"weekday": day, "part": part} for day, part in values["windows"]]
    return stored


def file_names(row: AppointmentRequest) -> None:
    """Write the keyed hashes of the words in a stored row's names, in place of earlier ones."""
    hashes = name_hashes(row.personal, key_ring())
    db.session.execute(delete(NameWord).where(NameWord.request_id == row.id))
    db.session.add_all(NameWord(request_id=row.id, word_hash=one) for one in hashes)


def stored_answers(row: AppointmentRequest) -> dict[str, Any]:
    """Return a request's answers under the names and in the form in which JSON has them."""
    personal = {name: value for name, value in row.personal.items() if name != "phone_e164"}
    plain = {name: getattr(row, name) for name in _PLAIN}
    month = row.target_month
    return (
        personal
        | plain
        | {
            "location": row.location.slug,
            "target_month": f"{month:%Y-%m}" if month else None,
            "stopped": row.stopped,
            "windows": row.windows,
        }
    )


def contact_hashes(personal: Mapping[str, Any], ring: KeyRing) -> dict[str, bytes | None]:
    """Return the keyed hashes of phone and e-mail by the columns that they stand in."""
    hashes: dict[str, bytes | None] = dict.fromkeys(
        ("phone_hash", "phone_last4_hash", "email_hash")
    )
    if personal["phone_e164"] is not None:
        number = personal["phone_e164"].split(";")[0]
        hashes["phone_hash"] = ring.fingerprint("phone", number)
        hashes["phone_last4_hash"] = ring.fingerprint("phone_last4", number[-4:])
    if personal["email"] is not None:
        hashes["email_hash"] = ring.fingerprint("email", personal["email"].casefold())
    return hashes


def name_hashes(personal: Mapping[str, Any], ring: KeyRing) -> list[bytes]:
    """Return the keyed hash of each word of the names."""
    names = filter(None, (personal["patient_name"], personal["asker_name"]))
    return [ring.fingerprint("name_word", word) for word in sorted(name_words(names))]


def _plain(value: Any) -> Any:  # noqa: ANN401 - a date is the one thing JSON lacks
    return value.isoformat() if isinstance(value, date) else value
