"""A hold that ran out while its person was still reading: their next move goes on as within it."""

from datetime import datetime

from clinicdir.appointments.models import AppointmentRequest, RequestEvent
from clinicdir.appointments.queries import list_events
from clinicdir.appointments.rules import BESIDE, Action, Status
from clinicdir.audit.operations import record
from clinicdir.audit.rules import Actor, ActorKind, location_chain
from clinicdir.db import db


def has_only_lapsed(request: AppointmentRequest, seen_version: int | None, *, actor: Actor) -> bool:
    """Say whether all that happened since the actor's page is that time ended their own hold."""
    if seen_version != request.version - 1 or actor.kind is not ActorKind.STAFF:
        return False
    if request.status is not Status.RECEIVED or request.claimed_by is not None:
        return False
    *before, last = list_events(request)
    return _is_by_time(last) and _had_it(before) == actor.staff_id


def _is_by_time(event: RequestEvent) -> bool:
    return event.action is Action.RELEASE and event.actor_kind is ActorKind.SYSTEM


def _had_it(events: list[RequestEvent]) -> int | None:
    """Return whose the hold was: theirs who brought the request into review, else None."""
    for event in reversed(events):
        # The same person may have gone on in this way before.
        if event.action not in BESIDE and not _is_by_time(event):
            return event.staff_id if event.to_status is Status.IN_REVIEW else None
    return None


def add_line(request: AppointmentRequest, *, actor: Actor, now: datetime) -> None:
    """Write into the history that its person has the request again; `record_hold` audits it."""
    line = RequestEvent(
        request_id=request.id,
        at=now,
        actor_kind=actor.kind,
        staff_id=actor.staff_id,
        action=Action.CLAIM,
        from_status=Status.RECEIVED,
        to_status=Status.IN_REVIEW,
    )
    line.seal({"note": None})
    db.session.add(line)


def record_hold(reference: str, location_id: int, *, actor: Actor, now: datetime) -> None:
    """Write the audit entry of `add_line`, when it is the turn of the clinic's chain."""
    record(
        Action.CLAIM.value,
        actor=actor,
        now=now,
        subject=reference,
        detail=f"{Status.RECEIVED} > {Status.IN_REVIEW}",
        chain=location_chain(location_id),
    )
