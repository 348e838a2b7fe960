"""Tells the outbox worker what to say about a request: where it waits, never whose it is."""

from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.rules import Status, show_reference
from clinicdir.db import db
from clinicdir.notifications.delivery import NotNeeded
from clinicdir.notifications.plans import target_of
from clinicdir.notifications.rules import Channel, Message, MessageKind


def resolve(
    kind: MessageKind, subject_id: int, *, base_url: str, channel: Channel = Channel.EMAIL
) -> Message:
    """Return the message that a row of the outbox stands for, as things are now.

    NotNeeded once nobody has to be told any more, NoAddress while the channel leads nowhere.
    """
    appointment_request = db.session.get(AppointmentRequest, subject_id)
    # What may be spam sends no message, and a duplicate is answered where it was joined.
    silent = (Status.QUARANTINED, Status.ENTERED_IN_ERROR)
    if appointment_request is None or appointment_request.status in silent:
        raise NotNeeded
    # Whoever takes up a waiting request sees what has changed; others must be told of it.
    still_waits = appointment_request.status is Status.RECEIVED
    if still_waits is (kind is MessageKind.PATIENT_CHANGED):
        raise NotNeeded
    location = appointment_request.location
    address, secret = target_of(location, channel)
    return Message(
        to=address,
        secret=secret,
        template=kind.value,
        values={
            "clinic": location.name,
            "slug": location.slug,
            "status": appointment_request.status.value,
            "reference": show_reference(appointment_request.reference),
            "link": f"{base_url}/staff/requests/{appointment_request.reference}",
        },
    )
