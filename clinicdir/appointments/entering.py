"""Takes in what is asked at the desk, by phone or by fax, under the rules of every request."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from clinicdir.appointments.answers import parse_phone
from clinicdir.appointments.arrival import Arrival, submit_request, ticked_locations
from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.queries import find_by_submission_key
from clinicdir.appointments.rules import RequestChannel, parse_reference
from clinicdir.appointments.submission import (
    Context,
    Submission,
    check_some,
    check_submission,
    find_errors,
)
from clinicdir.audit.rules import Actor
from clinicdir.errors import FieldError, Invalid, marked
from clinicdir.staff.rules import Scope

CHANNELS = (RequestChannel.PHONE, RequestChannel.DESK, RequestChannel.FAX)
# Stands in the details of the first event: staff said that the patient knows the notice.
NOTICE_TOLD = "notice_told"


@dataclass(frozen=True)
class Entry:
    """What staff say of a request beside its answers, and where they may enter one.

    `key` is new for each form and works once for this person. The clinics of `desk` are the
    person's own, so nobody needs to be told there; `beyond` answer the same phone number.
    """

    key: str
    channel: str
    notice_told: bool
    desk: Scope
    beyond: Scope


def check_entry(answers: Mapping[str, object], context: Context, entry: Entry) -> Submission:
    """Return the request that these answers make, or raise Invalid with every refused field."""
    errors = [*_errors_of(entry), *find_errors(answers, context)]
    if not any(error.field == "location" for error in errors):
        errors += _errors_of_place(check_some(answers, context, ["location"])["location"], entry)
    if errors:
        raise Invalid(*errors)
    return check_submission(answers, context)


def enter_request(
    submission: Submission, entry: Entry, *, actor: Actor, now: datetime
) -> AppointmentRequest:
    """Store a request that staff enter for a patient, or find the one of this key.

    The same key with other answers is Conflict. It is not weighed as spam: a person typed it.
    """
    arrival = Arrival(
        key=_key_of(entry.key, actor),
        channel=RequestChannel(entry.channel),
        # An admin has every clinic and sits at no desk.
        untold=entry.desk.location_ids or frozenset(),
        details=(entry.channel, NOTICE_TOLD),
    )
    return submit_request(submission, arrival, actor=actor, now=now)


def find_entered(key: str, *, actor: Actor) -> AppointmentRequest | None:
    """Return the request that this person entered by this key, if there is one."""
    return find_by_submission_key(_key_of(key, actor))


def read_caller(typed: str) -> dict[str, str]:
    """Return what was looked for as the answer that it is: a phone, an e-mail or a name."""
    text = typed.strip()
    if "@" in text:
        return {"email": text}
    if parse_phone(text) is not None:
        return {"phone": text}
    # The end of a number, or a reference, right or mistyped.
    is_other = any(symbol.isdigit() for symbol in text) or parse_reference(text) is not None
    return {} if is_other or not text else {"patient_name": text}


def _key_of(key: str, actor: Actor) -> str:
    return f"desk:{actor.staff_id}:{key}"


def _errors_of(entry: Entry) -> list[FieldError]:
    errors = []
    if entry.channel not in CHANNELS:
        missing = marked("Select how the request came in")
        errors.append(FieldError("channel", "missing", missing))
    if not entry.notice_told:
        untold = marked("Tell the patient the privacy notice, then tick that they know it")
        errors.append(FieldError("notice_told", "missing", untold))
    return errors


def _errors_of_place(slugs: tuple[str, ...], entry: Entry) -> list[FieldError]:
    """Refuse a clinic that is not theirs to enter for, in the words of one that there is not."""
    try:
        ticked = ticked_locations(slugs)
    except Invalid as refusal:
        return list(refusal.errors)
    if all(entry.desk.holds(place.id) or entry.beyond.holds(place.id) for place in ticked):
        return []
    return [FieldError("location", "not_a_choice", marked("Select a clinic"))]
