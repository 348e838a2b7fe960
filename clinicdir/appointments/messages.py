"""Tells the outbox worker what to say about a request: where it stands, never whose it is."""

from collections.abc import Collection
from datetime import datetime
from zoneinfo import ZoneInfo

from email_validator import EmailNotValidError, validate_email
from sqlalchemy import select, update
from sqlalchemy.orm import lazyload

from clinicdir.appointments.arrival import link_token
from clinicdir.appointments.models import AppointmentRequest, RequestEvent
from clinicdir.appointments.notices import TRUE_IN, is_spam, reads_mail
from clinicdir.appointments.offers import list_offers
from clinicdir.appointments.rules import Action, Status, show_reference
from clinicdir.db import db, transaction
from clinicdir.locations.models import Location, LocationStatus
from clinicdir.locations.queries import find_location, list_sharing
from clinicdir.locations.rules import TelecomSystem, display_number
from clinicdir.notifications.outbox import was_accepted
from clinicdir.notifications.outcomes import NotNeeded
from clinicdir.notifications.plans import target_of
from clinicdir.notifications.rules import Channel, Message, MessageKind

# The clinic is mostly known from the message before: it need not be read with each request.
_APART = lazyload(AppointmentRequest.location)


def read_ahead(subject_ids: Collection[int]) -> None:
    """Read the requests that many messages tell of, at once; whoever calls keeps what is read."""
    query = select(AppointmentRequest).where(AppointmentRequest.id.in_(subject_ids))
    db.session.scalars(query.options(_APART)).all()


def resolve(
    kind: MessageKind,
    subject_id: int,
    *,
    base_url: str,
    now: datetime,
    channel: Channel = Channel.EMAIL,
) -> Message:
    """Return the message that a row of the outbox stands for, as things are now.

    NotNeeded once nobody has to be told any more, NoAddress while the channel leads nowhere.
    """
    found = db.session.get(AppointmentRequest, subject_id, options=[_APART])
    # What may be spam sends no message, and a duplicate is answered where it was joined.
    if found is None or is_spam(found) or found.status is Status.ENTERED_IN_ERROR:
        raise NotNeeded
    if kind.to_patient:
        return _to_patient(kind, found, base_url=base_url, now=now)
    return _to_clinic(kind, found, channel, base_url=base_url)


def note_refusal(kind: MessageKind, subject_id: int, address: str, now: datetime) -> None:
    """Keep that a patient's mail server refused the address, unless it was changed meanwhile.

    No new version of the request comes of it: it is no reason to refuse what anybody presses.
    """
    if not kind.to_patient:
        return
    with transaction():
        found = db.session.get(AppointmentRequest, subject_id)
        if found is not None and _address(found) == address:
            # The hash is the address as it was just read: a change at this moment wins.
            query = update(AppointmentRequest).where(
                AppointmentRequest.id == found.id,
                AppointmentRequest.email_hash == found.email_hash,
            )
            db.session.execute(query.values(email_refused_at=now))


def _to_clinic(
    kind: MessageKind, request: AppointmentRequest, channel: Channel, *, base_url: str
) -> Message:
    # Whoever takes up a waiting request sees what has changed; others must be told of it.
    still_waits = request.status is Status.RECEIVED
    if still_waits is (kind is MessageKind.PATIENT_CHANGED):
        raise NotNeeded
    location = request.location
    address, secret = target_of(location, channel)
    return Message(
        to=address,
        secret=secret,
        template=kind.value,
        values={
            "clinic": location.name,
            "slug": location.slug,
            "status": request.status.value,
            "reference": show_reference(request.reference),
            "link": f"{base_url}/staff/requests/{request.reference}",
            **(_for_the_page(request, address) if channel is Channel.FAX else {}),
        },
        frame="to_clinic",
    )


def _for_the_page(request: AppointmentRequest, number: str) -> dict[str, str]:
    """Return what a faxed page tells besides: when the request came, whom to call, who shares."""
    location = request.location
    arrived = request.created_at.astimezone(ZoneInfo(location.time_zone))
    phone = location.telecom_value(TelecomSystem.PHONE)
    return {
        "arrived": f"{arrived:%a, %b} {arrived.day}, {arrived:%I:%M %p}".replace(", 0", ", "),
        "number": display_number(number),
        "call_back": display_number(phone) if phone else "",
        "sharing": str(max(1, len(list_sharing(number, TelecomSystem.FAX)))),
    }


def _to_patient(
    kind: MessageKind, request: AppointmentRequest, *, base_url: str, now: datetime
) -> Message:
    if not (reads_mail(request) and _is_true(kind, request, now=now)):
        raise NotNeeded
    values = {
        "clinic": request.location.name,
        "reference": show_reference(request.reference),
        "status": request.status.value,
        "link": f"{base_url}/requests/{link_token(request)}",
    }
    template = kind.value
    if kind is MessageKind.TELL_PASSED_ON:
        left = _left(request)
        values["left"] = left.name
        if left.status is LocationStatus.CLOSED:
            template = "tell_closing"
    elif kind is MessageKind.TELL_BOOKED and was_accepted(kind, request.id):
        template = "tell_booked_anew"
    return Message(
        to=_address(request),
        template=template,
        values=values,
        frame="to_patient",
        language=request.locale,
    )


def _is_true(kind: MessageKind, request: AppointmentRequest, *, now: datetime) -> bool:
    """Say whether what a message tells is so, and still of use."""
    if request.status not in TRUE_IN[kind]:
        return False
    if kind is MessageKind.TELL_OFFERED:
        return bool(list_offers(request, now=now))
    if kind is MessageKind.TELL_BOOKED:
        return request.booked_at is not None and request.booked_at > now
    return True


def _address(request: AppointmentRequest) -> str:
    """Return the patient's address as mail servers write it; names in other scripts stay so."""
    stored: str = request.personal["email"] or ""
    try:
        found = validate_email(stored, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return stored
    return found.ascii_email or stored


def _left(request: AppointmentRequest) -> Location:
    """Return the clinic that passed a request on last."""
    query = (
        select(RequestEvent)
        .where(RequestEvent.request_id == request.id, RequestEvent.action == Action.TRANSFER)
        .order_by(RequestEvent.id.desc())
        .limit(1)
    )
    event = db.session.scalars(query).one()
    return find_location(event.unseal()["passed"][0]) or request.asked_location
