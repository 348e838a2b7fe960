"""The one set of rules for what a request may say, whether it comes by a form or as JSON."""

import enum
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from datetime import date
from typing import Any

from clinicdir.appointments.answers import AnswerReader
from clinicdir.appointments.codes import ContactBy, ForWhom, PartOfDay, Weekday, YesNoUnsure
from clinicdir.appointments.intake import Intake
from clinicdir.errors import FieldError, Invalid, marked

MAX_LOCATIONS = 3
MAX_WINDOWS = 3
SHORT_TEXT = 200
NOTE_LENGTH = 500
NAME_LENGTH = 128


@dataclass(frozen=True)
class Submission:
    """A request as it was sent and found right; texts are NFC and trimmed, absent ones None."""

    location: tuple[str, ...]
    goal: str
    goal_text: str | None
    body_area: str | None
    target_month: date | None
    stopped: tuple[str, ...]
    tried: str | None
    for_whom: ForWhom
    asker_name: str | None
    relation: str | None
    patient_name: str
    birth_date: date | None
    phone: str | None
    phone_e164: str | None
    email: str | None
    contact_by: ContactBy
    best_time: PartOfDay | None
    voicemail_ok: bool
    windows: tuple[tuple[Weekday, PartOfDay], ...]
    returning: YesNoUnsure | None
    referral: YesNoUnsure | None
    language: str | None
    interpreter: bool
    access_needs: str | None
    note: str | None
    short_notice: bool
    consent_version: str


# Every name that an answer may have; phone_e164 is worked out, not sent.
FIELDS = tuple(field.name for field in fields(Submission) if field.name != "phone_e164")


@dataclass(frozen=True)
class Context:
    """What the rules need to know besides the answers: today at the clinic, and the lists."""

    today: date
    intake: Intake
    ask_birth_date: bool = False
    # By which the clinics in question contact patients.
    ways: Collection[ContactBy] = tuple(ContactBy)


def check_submission(answers: Mapping[str, object], context: Context) -> Submission:
    """Return the request that these answers make, or raise Invalid with every refused field."""
    reader = AnswerReader(answers)
    values = _read_all(reader, context)
    if reader.errors:
        raise Invalid(*reader.errors)
    return Submission(**values)


def find_errors(answers: Mapping[str, object], context: Context) -> list[FieldError]:
    """Return every refused field of these answers, in the order of the questions."""
    reader = AnswerReader(answers)
    _read_all(reader, context)
    return reader.errors


def check_some(
    answers: Mapping[str, object], context: Context, names: Collection[str]
) -> dict[str, Any]:
    """Return the checked values of some answers among all of them, or raise Invalid.

    Faults of other answers are passed over: a month that was ahead when it was sent may be past.
    """
    reader = AnswerReader(answers)
    values = _read_all(reader, context)
    among = {*names, "phone_e164"} if "phone" in names else set(names)
    errors = [error for error in reader.errors if error.field in among]
    if errors:
        raise Invalid(*errors)
    return {name: values[name] for name in among}


def _read_all(reader: AnswerReader, context: Context) -> dict[str, Any]:
    allowed = set(FIELDS) if context.ask_birth_date else set(FIELDS) - {"birth_date"}
    reader.refuse_unknown(allowed)
    values: dict[str, Any] = {"location": _locations(reader)}
    values |= _goal(reader, context)
    values |= _people(reader, context)
    values |= _contact(reader, context)
    values |= _times(reader)
    values |= _rest(reader, context)
    return values


def _locations(reader: AnswerReader) -> tuple[str, ...]:
    sent = reader.raw("location")
    slugs = reader.texts("location", [sent] if isinstance(sent, str) else sent)
    if not slugs:
        reader.refuse("location", "missing", marked("Select a clinic"))
    elif len(slugs) > MAX_LOCATIONS:
        reader.refuse("location", "too_many", marked("Select up to 3 clinics"))
    return slugs


def _goal(reader: AnswerReader, context: Context) -> dict[str, Any]:
    intake = context.intake
    goal = reader.choice(
        "goal",
        [choice.code for choice in intake.goals],
        missing=marked("Select what you want to get back to"),
    )
    goal_text = reader.text(
        "goal_text",
        limit=SHORT_TEXT,
        too_long=marked("Goal must be 200 characters or less"),
        missing=marked("Enter what you want to get back to") if goal == "other" else None,
    )
    return {
        "goal": goal,
        "goal_text": goal_text,
        "body_area": reader.choice("body_area", [choice.code for choice in intake.body_areas]),
        "target_month": reader.month(
            "target_month",
            first=context.today,
            refused=marked("Target month must be this month or later"),
            too_late=marked("Target month must be within the next 3 years"),
        ),
        "stopped": reader.choices("stopped", [choice.code for choice in intake.stopped]),
        "tried": reader.text(
            "tried",
            limit=SHORT_TEXT,
            too_long=marked("What you have tried must be 200 characters or less"),
        ),
    }


def _people(reader: AnswerReader, context: Context) -> dict[str, Any]:
    for_whom = reader.choice(
        "for_whom", list(ForWhom), missing=marked("Select who the appointment is for")
    )
    else_asks = for_whom == ForWhom.SOMEONE_ELSE
    values: dict[str, Any] = {
        "for_whom": for_whom and ForWhom(for_whom),
        "asker_name": reader.name(
            "asker_name",
            too_long=marked("Your name must be 128 characters or less"),
            missing=marked("Enter your own full name") if else_asks else None,
        ),
        "relation": reader.text(
            "relation",
            limit=NAME_LENGTH,
            too_long=marked("How you know the patient must be 128 characters or less"),
            missing=marked("Enter how you know the patient, like parent") if else_asks else None,
        ),
        "patient_name": reader.name(
            "patient_name",
            too_long=marked("Full name must be 128 characters or less"),
            missing=marked("Enter the patient's full name"),
        ),
        "birth_date": None,
    }
    if context.ask_birth_date:
        values["birth_date"] = reader.day(
            "birth_date",
            last=context.today,
            refused=marked("Birth date must be a day in the past, like 1980-05-31"),
        )
    return values


def _contact(reader: AnswerReader, context: Context) -> dict[str, Any]:
    phone, e164 = reader.phone("phone", refused=marked("Enter a phone number, like 206 555 0123"))
    email = reader.email("email", refused=marked("Enter an email address, like name@example.com"))
    if not (reader.was_sent("phone") or reader.was_sent("email")):
        reader.refuse("phone", "missing", marked("Enter a phone number or an email address"))
    how = reader.choice(
        "contact_by", list(ContactBy), missing=marked("Select how we should contact you")
    )
    if how is not None and not reader.was_sent(how) and reader.was_sent(_other_way(how)):
        words = _WAY_NOT_GIVEN if _other_way(how) in context.ways else _ONLY_WAY_NOT_GIVEN
        reader.refuse("contact_by", "not_given", words[ContactBy(how)])
    return {
        "phone": phone,
        "phone_e164": e164,
        "email": email,
        "contact_by": how and ContactBy(how),
        "best_time": _maybe(PartOfDay, reader.choice("best_time", list(PartOfDay))),
        "voicemail_ok": reader.flag("voicemail_ok"),
    }


_WAY_NOT_GIVEN = {
    ContactBy.PHONE: marked("Enter a phone number, or select email"),
    ContactBy.EMAIL: marked("Enter an email address, or select phone"),
}
_ONLY_WAY_NOT_GIVEN = {
    ContactBy.PHONE: marked("Enter a phone number: this clinic contacts patients by phone only"),
    ContactBy.EMAIL: marked("Enter an email address: this clinic contacts patients by email only"),
}


def _other_way(how: str) -> str:
    return ContactBy.EMAIL if how == ContactBy.PHONE else ContactBy.PHONE


def _times(reader: AnswerReader) -> dict[str, Any]:
    refused = marked("Choose up to 3 times")
    windows: list[tuple[Weekday, PartOfDay]] = []
    rows = reader.rows("windows", {"weekday", "part"}, limit=MAX_WINDOWS, refused=refused)
    for row in rows:
        try:
            windows.append((Weekday(row["weekday"]), PartOfDay(row["part"])))
        except ValueError:
            reader.refuse("windows", "not_a_choice", refused)
            break
    return {"windows": tuple(windows), "short_notice": reader.flag("short_notice")}


_LANGUAGE_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")


def _rest(reader: AnswerReader, context: Context) -> dict[str, Any]:
    language = reader.text(
        "language", limit=35, too_long=marked("Select the language you want to speak")
    )
    if language is not None and not _LANGUAGE_TAG.fullmatch(language):
        reader.refuse("language", "not_a_tag", marked("Select the language you want to speak"))
    consent_version = reader.text("consent_version", limit=40, too_long=_READ_AGAIN)
    if consent_version != context.intake.consent.version:
        reader.refuse("consent_version", "not_in_force", _READ_AGAIN)
    return {
        "returning": _maybe(YesNoUnsure, reader.choice("returning", list(YesNoUnsure))),
        "referral": _maybe(YesNoUnsure, reader.choice("referral", list(YesNoUnsure))),
        "language": language,
        "interpreter": reader.flag("interpreter"),
        "access_needs": reader.text(
            "access_needs",
            limit=SHORT_TEXT,
            too_long=marked("What you need for access must be 200 characters or less"),
        ),
        "note": reader.text(
            "note", limit=NOTE_LENGTH, too_long=marked("Note must be 500 characters or less")
        ),
        "consent_version": consent_version,
    }


_READ_AGAIN = marked(
    "Read the privacy notice again: it changed while you were filling in this form"
)


def _maybe(kind: type[enum.StrEnum], code: str | None) -> enum.StrEnum | None:
    return None if code is None else kind(code)
