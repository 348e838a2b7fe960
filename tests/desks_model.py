"""What two desks may see and put back, and who has a place: beside the model of one life."""

from collections.abc import Iterable
from copy import deepcopy
from datetime import datetime, timedelta

from clinicdir.appointments.rules import TRANSITIONS, Action, Status
from tests.request_model import CONTACTS, PATIENT, SYSTEM, Life, Who, Wish

UNDO_WITHIN = timedelta(minutes=10)
UNDOABLE = (
    Action.ATTEND,
    Action.AWAIT_PATIENT,
    Action.BOOK,
    Action.CLAIM,
    Action.CLEAR,
    Action.DECLINE,
    Action.GIVE_UP,
    Action.LOG_CONTACT,
    Action.MARK_ERROR,
    Action.MISS,
    Action.OFFER,
    Action.QUARANTINE,
    Action.RELEASE,
    Action.REOPEN,
    Action.RETIME,
    Action.TRANSFER,
    Action.WAITLIST,
    Action.WITHDRAW,
)
# Out of where a move has led, and on to where the request stood before it.
OUT_OF = {
    Status.ATTENDED: Action.UNDO,
    Status.MISSED: Action.UNDO,
    Status.BOOKED: Action.RETIME,
    Status.OFFERED: Action.EXPIRE_OFFER,
    Status.DECLINED: Action.REOPEN,
    Status.NO_REPLY: Action.REOPEN,
    Status.AWAITING_PATIENT: Action.CLAIM,
    Status.WAITLISTED: Action.CLAIM,
    Status.QUARANTINED: Action.CLEAR,
    Status.WITHDRAWN: Action.UNDO,
    Status.ENTERED_IN_ERROR: Action.UNDO,
}
OWN_WAYS = {
    Action.CLEAR: Action.QUARANTINE,
    Action.LOG_CONTACT: Action.NOTE,
    Action.RELEASE: Action.CLAIM,
    Action.TRANSFER: Action.TRANSFER,
}
BACK_TO = {
    Status.RECEIVED: (Action.RELEASE,),
    Status.QUARANTINED: (Action.RELEASE, Action.QUARANTINE),
    Status.AWAITING_PATIENT: (Action.AWAIT_PATIENT,),
    Status.WAITLISTED: (Action.WAITLIST,),
    Status.BOOKED: (Action.BOOK,),
    Status.ATTENDED: (Action.BOOK, Action.ATTEND),
    Status.MISSED: (Action.BOOK, Action.MISS),
    Status.DECLINED: (Action.DECLINE,),
    Status.NO_REPLY: (Action.AWAIT_PATIENT, Action.GIVE_UP),
    Status.WITHDRAWN: (Action.WITHDRAW,),
}


def has_place(life: Life, wish: Wish, others: Iterable[Life], now: datetime) -> bool:
    """Say whether a clinic with one place at each time has one for all times of a step."""
    taken = {
        time for other in others if other.location_id == life.location_id for time in other.places
    } - life.places
    if wish.action is Action.OFFER:
        return taken.isdisjoint(wish.times)
    if wish.action is Action.BOOK:
        return wish.time not in taken or wish.time in life.times_left(now)
    return True


def put_back(
    life: Life, who: Who, others: list[Life], now: datetime, slugs: dict[int, str]
) -> Life | None:
    """Return the life after a person's last move was put back, None where it cannot be."""
    action, came, to, _, number = life.events[-1]
    is_own = who.number is not None and number == who.number
    is_own = is_own and action in (*UNDOABLE, Action.MERGE)
    renews = came is to and action not in (Action.LOG_CONTACT, Action.TRANSFER)
    if not is_own or renews or life.undone or now - life.changed_at > UNDO_WITHIN:
        return None
    new = deepcopy(life)
    if action in CONTACTS and new.first_contact_at == life.changed_at:
        new.first_contact_at = None
    if action is Action.BOOK:
        new.booked_at = None
    if action is Action.MERGE:
        new.duplicate_of = None
    if action is Action.LOG_CONTACT:
        new.try_again_at = life.hidden_until
    for wish in steps_back(life, who, now):
        if not new.allows(wish, now) or not has_place(new, wish, others, now):
            return None
        new = new.after(wish, now, slugs=slugs)
    return new


def steps_back(life: Life, who: Who, now: datetime) -> list[Wish]:
    """Return the moves that lead back."""
    action, came = life.events[-1][:2]
    out = OWN_WAYS.get(action) or OUT_OF.get(life.status)
    steps = [out] if out else []
    if came is not None and not (out and TRANSITIONS[life.status, out] is came):
        steps += [Action.CLAIM] if out is Action.TRANSFER else []
        steps += BACK_TO.get(came, ())
    times = tuple(sorted(time for time in life.last_offered if time > now))
    if came is Status.OFFERED and times and action is not Action.LOG_CONTACT:
        steps.append(Action.OFFER)
    return [
        Wish(
            step,
            who,
            time=life.booked_at if step is Action.BOOK else None,
            times=times if step is Action.OFFER else (),
            location_id=life.left_id if step is Action.TRANSFER else None,
            reason=life.last_reason if step is Action.DECLINE else None,
            again=life.hidden_until,
            undoes=True,
        )
        for step in steps
    ]


def can_join(life: Life, other: Life, wish: Wish, now: datetime) -> bool:
    """Say whether a request can be closed as a duplicate of another one that is seen, too."""
    takes = other.status is Status.BOOKED or (
        other.status.is_open and other.status is not Status.QUARANTINED
    )
    closed = (Status.ENTERED_IN_ERROR, Status.BOOKED)
    return takes and other is not life and life.status not in closed and life.allows(wish, now)


def is_seen(life: Life, who: Who, places: dict[int, frozenset[int]]) -> bool:
    """Say whether a person's clinics hold a request; patients and time see each."""
    if who.kind in (PATIENT, SYSTEM):
        return True
    return who.number is not None and life.location_id in places[who.number]
