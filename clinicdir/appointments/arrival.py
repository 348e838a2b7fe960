"""Takes a request in: stores it once, with history, audit entry, message and search words."""

import dataclasses
import hmac
import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from clinicdir.appointments.filing import file_answers, file_names
from clinicdir.appointments.history import add_event
from clinicdir.appointments.models import KEPT_LINK, LINK, AppointmentRequest, RequestLocation
from clinicdir.appointments.notices import notify
from clinicdir.appointments.promise import promised_by
from clinicdir.appointments.rules import Action, RequestChannel, Status, new_reference
from clinicdir.appointments.submission import Submission
from clinicdir.appointments.suspicion import Signs, suspicions_of
from clinicdir.audit.rules import Actor
from clinicdir.crypto import new_row_key, token_hash
from clinicdir.db import db, key_ring
from clinicdir.errors import Conflict, FieldError, Invalid, marked
from clinicdir.locations.models import Location, LocationStatus

_DIGEST_BYTES = 32
_NO_SIGNS = Signs()


@dataclass(frozen=True)
class Arrival:
    """How a submission came in: its one-time key, its way, its language and its link's name.

    `sent` is what was sent, word for word, where that can be sent again; `signs` are of spam.
    The clinics of `untold` get no message; `details` stand in the first event of the history.
    """

    key: str
    channel: RequestChannel
    locale: str = "en"
    source: str | None = None
    sent: str | None = None
    signs: Signs = _NO_SIGNS
    untold: frozenset[int] = frozenset()
    details: tuple[str, ...] = ()


def submit_request(
    submission: Submission, arrival: Arrival, *, actor: Actor, now: datetime
) -> AppointmentRequest:
    """Store a request with its history, audit entry and message, or find the one of this key.

    The same key with the same content gives the request it made; with other content Conflict.
    One that looks like spam is quarantined, and nobody gets a message of it.
    """
    meant, sent = _digests(_meaning(submission)), _digests(arrival.sent)
    digests = [*meant, *sent]
    stored = _find_submitted(arrival.key, digests)
    if stored is not None:
        return stored
    locations = ticked_locations(submission.location)
    chosen = first_taking(locations, submission.goal, submission.contact_by)
    appointment_request = _build(submission, arrival, location=chosen, now=now)
    mark = key_ring().newest_id  # which key made them: until it is no longer needed, it is kept
    appointment_request.submission_hash = b"".join([*meant[:1], *sent[:1], mark])
    try:
        with db.session.begin_nested():
            db.session.add(appointment_request)
    except IntegrityError:
        # On PostgreSQL the same key can come in twice at once; the first one has just committed.
        stored = _find_submitted(arrival.key, digests)
        if stored is None:
            raise
        return stored
    file_names(appointment_request)
    _add_ticked(appointment_request, locations)
    words = {"note": None, "details": list(arrival.details)} if arrival.details else None
    add_event(appointment_request, Action.SUBMIT, came_from=None, actor=actor, now=now, words=words)
    notify(
        appointment_request,
        Action.SUBMIT,
        came_from=None,
        by_patient=True,
        now=now,
        tells_clinic=chosen.id not in arrival.untold,
    )
    return appointment_request


def find_sent(arrival_key: str, sent: str) -> AppointmentRequest | None:
    """Return the request that this key and these very words made, whatever the rules say now."""
    query = select(AppointmentRequest).where(AppointmentRequest.submission_key == arrival_key)
    stored = db.session.scalar(query)
    return stored if stored is not None and _is_of(stored, _digests(sent)) else None


def link_token(appointment_request: AppointmentRequest) -> str:
    """Return the unguessable part of the patient's own link, the same at every call."""
    if appointment_request.link_key_id == KEPT_LINK:
        kept: str = appointment_request.unseal()[LINK]
        return kept
    return key_ring().link_token(
        appointment_request.row_key,
        appointment_request.link_version,
        key_id=appointment_request.link_key_id,
    )


def _find_submitted(key: str, digests: list[bytes]) -> AppointmentRequest | None:
    query = select(AppointmentRequest).where(AppointmentRequest.submission_key == key)
    stored = db.session.scalar(query)
    if stored is not None and not _is_of(stored, digests):
        message = "This key was used before, for a request with other content."
        raise Conflict(message)
    return stored


def _is_of(stored: AppointmentRequest, digests: list[bytes]) -> bool:
    """Say whether one of these hashes is one of those that were stored, one or two in a row.

    Behind them stands the name of the key that made them, which is too short to be one.
    """
    kept, size = stored.submission_hash, _DIGEST_BYTES
    parts = [kept[start : start + size] for start in range(0, len(kept), size)]
    return any(hmac.compare_digest(part, digest) for part in parts for digest in digests)


def _digests(text: str | None) -> list[bytes]:
    """Return a content's hash by each key; a plain one would let a phone be guessed."""
    return [] if text is None else key_ring().fingerprints("submission", text)


def _meaning(submission: Submission) -> str:
    return json.dumps(
        dataclasses.asdict(submission), sort_keys=True, default=str, ensure_ascii=True
    )


def ticked_locations(slugs: tuple[str, ...]) -> list[Location]:
    """Return the clinics of these slugs in their order, or raise Invalid."""
    found = {
        location.slug: location
        for location in db.session.scalars(select(Location).where(Location.slug.in_(slugs)))
    }
    if len(found) < len(slugs):
        raise Invalid(FieldError("location", "not_a_choice", marked("Select a clinic")))
    return [found[slug] for slug in slugs]


def first_open(locations: list[Location]) -> Location:
    """Return the first clinic that takes requests, or raise Invalid."""
    chosen = next((place for place in locations if place.status != LocationStatus.CLOSED), None)
    if chosen is None:
        raise Invalid(FieldError("location", "closed", marked("Select a clinic that is open")))
    return chosen


def first_taking(locations: list[Location], goal: str | None, contact_by: str | None) -> Location:
    """Return the first that takes requests of this goal and this way of contact, or raise Invalid.

    None stands for what is not answered yet, and every clinic takes that.
    """
    first_open(locations)
    are_open = [place for place in locations if place.status != LocationStatus.CLOSED]
    taking = [place for place in are_open if place.takes(goal)]
    if not taking:
        message = marked("Select another goal or another clinic: not taken at %(clinics)s")
        raise Invalid(FieldError("goal", "not_taken", message, {"clinics": _names(are_open)}))
    return first_using(taking, contact_by)


def first_using(places: list[Location], contact_by: str | None) -> Location:
    """Return the first of some clinics that contacts patients by this way, or raise Invalid."""
    chosen = next((place for place in places if place.contacts_by(contact_by)), None)
    if chosen is None:
        message = marked("Select another way: %(clinics)s cannot contact you by this one")
        raise Invalid(FieldError("contact_by", "not_used", message, {"clinics": _names(places)}))
    return chosen


def _names(places: list[Location]) -> str:
    return "; ".join(place.name for place in places)


def _build(
    submission: Submission, arrival: Arrival, *, location: Location, now: datetime
) -> AppointmentRequest:
    ring = key_ring()
    row_key = new_row_key()
    promise_at = promised_by(location, arrived_at=now)
    suspicions = suspicions_of(arrival.signs)
    built = AppointmentRequest(
        row_key=row_key,
        reference=_unused_reference(),
        location_id=location.id,
        location=location,
        asked_location_id=location.id,
        status=Status.QUARANTINED if suspicions else Status.RECEIVED,
        suspicions=suspicions,
        channel=arrival.channel,
        created_at=now,
        changed_at=now,
        promise_at=promise_at,
        due_at=promise_at or now,
        submission_key=arrival.key,
        link_key_id=ring.newest_id,
        link_hash=token_hash(ring.link_token(row_key, 1)),
        link_version=1,
        consent_version=submission.consent_version,
        consented_at=now,
        locale=arrival.locale,
        source=arrival.source,
    )
    file_answers(built, vars(submission))
    return built


def _unused_reference() -> str:
    while True:
        reference = new_reference()
        query = select(AppointmentRequest.id).where(AppointmentRequest.reference == reference)
        if db.session.scalar(query) is None:
            return reference


def _add_ticked(appointment_request: AppointmentRequest, locations: list[Location]) -> None:
    db.session.add_all(
        RequestLocation(request_id=appointment_request.id, location_id=location.id, ordinal=ordinal)
        for ordinal, location in enumerate(locations)
    )
