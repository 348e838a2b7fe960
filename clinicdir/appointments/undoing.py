"""Puts a person's last move back, for ten minutes and while nothing else has happened."""

from collections.abc import Sequence
from contextlib import nullcontext
from datetime import datetime, timedelta

from sqlalchemy import func, select

from clinicdir.appointments.held_times import hold_places
from clinicdir.appointments.merging import PARTED, can_part, lock_both, noted_at
from clinicdir.appointments.models import AppointmentRequest, Offer, RequestEvent
from clinicdir.appointments.notices import take_back
from clinicdir.appointments.operations import HIDDEN_UNTIL, Move, act
from clinicdir.appointments.queries import find_original, list_events
from clinicdir.appointments.rules import FIRST_CONTACTS, Action, Status, next_status
from clinicdir.audit.rules import Actor
from clinicdir.db import db
from clinicdir.errors import NotAllowed
from clinicdir.locations.models import Location
from clinicdir.locations.queries import find_location
from clinicdir.staff.rules import Scope

UNDO_WITHIN = timedelta(minutes=10)
# Stands in the details of each event that puts something back.
UNDONE = "undone"
UNDOABLE = frozenset(
    {
        Action.ATTEND, Action.AWAIT_PATIENT, Action.BOOK, Action.CLAIM, Action.CLEAR,
        Action.DECLINE, Action.GIVE_UP, Action.LOG_CONTACT, Action.MARK_ERROR, Action.MERGE,
        Action.MISS, Action.OFFER, Action.QUARANTINE, Action.RELEASE, Action.REOPEN, Action.RETIME,
        Action.TRANSFER, Action.WAITLIST, Action.WITHDRAW,
    }
)  # fmt: skip
# They leave the state as it is and are moves all the same; what else does so renews a hold.
_WITHIN_A_STATE = frozenset({Action.LOG_CONTACT, Action.TRANSFER})
# Out of each state, into review or to the booking before; nothing from review itself.
_BACK = {
    Status.ATTENDED: Action.UNDO,
    Status.AWAITING_PATIENT: Action.CLAIM,
    Status.BOOKED: Action.RETIME,
    Status.DECLINED: Action.REOPEN,
    Status.ENTERED_IN_ERROR: Action.UNDO,
    Status.MISSED: Action.UNDO,
    Status.NO_REPLY: Action.REOPEN,
    Status.OFFERED: Action.EXPIRE_OFFER,
    Status.QUARANTINED: Action.CLEAR,
    Status.WAITLISTED: Action.CLAIM,
    Status.WITHDRAWN: Action.UNDO,
}
# These lead back by a way of their own, wherever the request stands.
_OWN_WAYS = {
    Action.CLEAR: Action.QUARANTINE,
    Action.LOG_CONTACT: Action.NOTE,
    Action.RELEASE: Action.CLAIM,
    Action.TRANSFER: Action.TRANSFER,
}
# From review on to where the request stood before the move.
_ON: dict[Status, tuple[Action, ...]] = {
    Status.ATTENDED: (Action.BOOK, Action.ATTEND),
    Status.AWAITING_PATIENT: (Action.AWAIT_PATIENT,),
    Status.BOOKED: (Action.BOOK,),
    Status.DECLINED: (Action.DECLINE,),
    Status.MISSED: (Action.BOOK, Action.MISS),
    Status.NO_REPLY: (Action.AWAIT_PATIENT, Action.GIVE_UP),
    Status.OFFERED: (Action.OFFER,),
    Status.QUARANTINED: (Action.RELEASE, Action.QUARANTINE),
    Status.RECEIVED: (Action.RELEASE,),
    Status.WAITLISTED: (Action.WAITLIST,),
    Status.WITHDRAWN: (Action.WITHDRAW,),
}


class TooLate(NotAllowed):
    """The move was made too long ago to be put back."""


class OtherGone(NotAllowed):
    """The request that this one was joined with is out of sight, erased or a duplicate itself."""


def find_undoable(
    events: Sequence[RequestEvent], *, staff_id: int | None, now: datetime
) -> RequestEvent | None:
    """Return the person's move that can be put back now: the last event of all, or None."""
    last = events[-1]
    return last if _is_own_move(last, staff_id) and now - last.at <= UNDO_WITHIN else None


def undo(
    request: AppointmentRequest,
    seen_version: int,
    *,
    scope: Scope,
    actor: Actor,
    now: datetime,
) -> None:
    """Put the actor's last move back by moves of the table, as if it had not been made.

    NotAllowed where something else has happened since, TooLate after `UNDO_WITHIN`, NoPlaceLeft
    where a time that was held out is somebody else's by now; OtherGone where a joined one cannot
    leave the request that it was joined with, which keeps all that it got meanwhile.
    """
    other = _lock_original(request, scope=scope)
    last = list_events(request)[-1]
    if request.version != seen_version or not _is_own_move(last, actor.staff_id):
        message = "Something else has happened since."
        raise NotAllowed(message)
    if now - last.at > UNDO_WITHIN:
        message = "It was made too long ago."
        raise TooLate(message)
    if last.action is Action.MERGE and not can_part(other):
        raise OtherGone
    steps = _steps_back(request, last, now=now)
    # Before a step locks a chain: whoever waits for a place must hold none.
    again = [time for step in steps for time in (*step.offered, step.booked_at) if time]
    if again:
        hold_places(request, again, at=steps[0].location)
    noted = noted_at(other, request, PARTED, actor=actor, now=now) if other else nullcontext()
    with noted:
        _put_back_words(request, last)
        for step in steps:
            act(request, step, actor=actor, now=now)
    # A contact attempt told nobody, nor kept anybody from being told.
    if last.action is not Action.LOG_CONTACT:
        take_back(request, last.action, since=last.at, now=now)


def _lock_original(request: AppointmentRequest, *, scope: Scope) -> AppointmentRequest | None:
    """Lock a joined request and the one that it was joined with; return that one, if it is seen."""
    other = find_original(request, scope=scope)
    return lock_both(request.reference, other.reference, scope=scope)[1] if other else None


def _is_own_move(event: RequestEvent, staff_id: int | None) -> bool:
    if event.action not in UNDOABLE or staff_id is None or event.staff_id != staff_id:
        return False
    is_move = event.from_status is not event.to_status or event.action in _WITHIN_A_STATE
    return is_move and UNDONE not in (event.unseal().get("details") or ())


def _put_back_words(request: AppointmentRequest, last: RequestEvent) -> None:
    """Put back what no step back writes, before the first one, so that it is written with it."""
    if last.action in FIRST_CONTACTS and request.first_contact_at == last.at:
        request.first_contact_at = None
    if last.action is Action.MERGE:
        request.duplicate_of = None
    elif last.action is Action.BOOK:
        request.booked_at = None
    elif last.action is Action.LOG_CONTACT:
        request.try_again_at = _hidden_until(last)


def _hidden_until(event: RequestEvent) -> datetime | None:
    """Return the time to try again that an event has ended, None where there was none."""
    hidden_until = event.unseal().get(HIDDEN_UNTIL)
    return datetime.fromisoformat(hidden_until) if hidden_until else None


def _steps_back(request: AppointmentRequest, last: RequestEvent, *, now: datetime) -> list[Move]:
    """Return the moves that lead back; the first one tells what it puts back."""
    times: tuple[datetime, ...] = ()
    if last.from_status is Status.OFFERED:
        times = _times_of_last_offer(request, now=now)
    return [
        Move(
            action,
            location=_left(last) if action is Action.TRANSFER else None,
            try_again_at=_hidden_until(last),
            booked_at=request.booked_at if action is Action.BOOK else None,
            offered=times if action is Action.OFFER else (),
            decline_reason=_last_reason(request) if action is Action.DECLINE else None,
            details=(UNDONE,) if number else (UNDONE, last.action.value),
            undoes=True,
        )
        for number, action in enumerate(_actions_back(request.status, last))
        if action is not Action.OFFER or times
    ]


def _actions_back(status: Status, last: RequestEvent) -> list[Action]:
    """Return what leads out of a state to where the request stood before an event."""
    out = _OWN_WAYS.get(last.action) or _BACK.get(status)
    on = list(_ON.get(last.from_status, ())) if last.from_status else []
    if out is None:
        return on
    if last.from_status is next_status(status, out):
        return [out]
    return [out, Action.CLAIM, *on] if out is Action.TRANSFER else [out, *on]


def _left(event: RequestEvent) -> Location:
    """Return the clinic that passed a request on; NotAllowed where it is not listed any more."""
    left = find_location(event.unseal()["passed"][0])
    if left is None:
        message = "The clinic is not there any more."
        raise NotAllowed(message)
    return left


def _last_reason(request: AppointmentRequest) -> str | None:
    """Return why a request was declined last; one that was opened again says so no more."""
    declines = [event for event in list_events(request) if event.action is Action.DECLINE]
    reason: str | None = declines[-1].unseal().get("reason")
    return reason


def _times_of_last_offer(request: AppointmentRequest, *, now: datetime) -> tuple[datetime, ...]:
    """Return the times to come among those that were held out before the move."""
    of_request = Offer.request_id == request.id
    latest = select(func.max(Offer.made_at)).where(of_request).scalar_subquery()
    query = select(Offer.starts_at).where(of_request, Offer.made_at == latest)
    return tuple(db.session.scalars(query.where(Offer.starts_at > now).order_by(Offer.starts_at)))
