"""Decides who is told of a step: the clinic that a request waits, the patient what has changed."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from clinicdir.appointments.codes import ContactBy
from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.rules import SPAM, Action, Status
from clinicdir.notifications.outbox import AT_ONCE, Queued, drop, enqueue, lock_messages
from clinicdir.notifications.plans import tell_clinic
from clinicdir.notifications.rules import Channel, DeliveryState, MessageKind

# So long mail about a press of staff waits, so that an undo still cancels it.
UNDO_WAIT = timedelta(minutes=2)

# The one table of what the patient is told: of a step by staff, in mail. All else is silent.
TOLD: dict[Action, MessageKind] = {
    Action.SUBMIT: MessageKind.TELL_RECEIVED,
    Action.CLEAR: MessageKind.TELL_RECEIVED,
    Action.AWAIT_PATIENT: MessageKind.TELL_TRIED,
    Action.OFFER: MessageKind.TELL_OFFERED,
    Action.BOOK: MessageKind.TELL_BOOKED,
    Action.RETIME: MessageKind.TELL_RETIMED,
    Action.WAITLIST: MessageKind.TELL_WAITLISTED,
    Action.DECLINE: MessageKind.TELL_DECLINED,
    Action.REOPEN: MessageKind.TELL_REOPENED,
    Action.TRANSFER: MessageKind.TELL_PASSED_ON,
    Action.WITHDRAW: MessageKind.TELL_WITHDRAWN,
    Action.GIVE_UP: MessageKind.TELL_GIVEN_UP,
}
# Of their own presses patients get mail about these alone.
OWN_TOLD = frozenset({Action.SUBMIT, Action.BOOK})

_LOOKED_AT = frozenset({Status.RECEIVED, Status.IN_REVIEW})
# The states in which a message is true; in any other it is not sent.
TRUE_IN: dict[MessageKind, frozenset[Status]] = {
    MessageKind.TELL_RECEIVED: _LOOKED_AT,
    MessageKind.TELL_TRIED: frozenset({Status.AWAITING_PATIENT}),
    MessageKind.TELL_OFFERED: frozenset({Status.OFFERED}),
    MessageKind.TELL_BOOKED: frozenset({Status.BOOKED}),
    MessageKind.TELL_RETIMED: _LOOKED_AT,
    MessageKind.TELL_WAITLISTED: frozenset({Status.WAITLISTED}),
    MessageKind.TELL_DECLINED: frozenset({Status.DECLINED}),
    MessageKind.TELL_REOPENED: _LOOKED_AT,
    MessageKind.TELL_PASSED_ON: _LOOKED_AT,
    MessageKind.TELL_WITHDRAWN: frozenset({Status.WITHDRAWN}),
    MessageKind.TELL_GIVEN_UP: frozenset({Status.NO_REPLY}),
    # It says how things stand now, whatever that is.
    MessageKind.TELL_CORRECTED: frozenset(Status),
}

# After these a request waits for whoever takes it up, and the clinic must be told of it.
_WAITS_ANEW = frozenset({Action.SUBMIT, Action.TRANSFER, Action.CLEAR, Action.RELEASE})
_UNHEARD_OF = frozenset({Action.CHANGE, Action.WITHDRAW, Action.BOOK})


def reads_mail(request: AppointmentRequest) -> bool:
    """Say whether the patient wants to hear by e-mail, at an address that takes our mail."""
    wants = request.contact_by == ContactBy.EMAIL and request.email_hash is not None
    return wants and request.email_refused_at is None


def is_spam(request: AppointmentRequest) -> bool:
    """Say whether it may be spam or was declined as such: its sender is told nothing."""
    declined = request.status is Status.DECLINED and request.decline_reason == SPAM
    return declined or request.status is Status.QUARANTINED


def notify(
    request: AppointmentRequest,
    action: Action,
    *,
    came_from: Status | None,
    by_patient: bool,
    now: datetime,
    tells_clinic: bool = True,
) -> None:
    """Write the messages that a step causes; what may be spam causes none.

    `tells_clinic` is False where the one who does it is at the clinic.
    """
    was_aside = came_from is Status.QUARANTINED and action is not Action.CLEAR
    if was_aside or request.status is Status.QUARANTINED:
        return
    if action in _WAITS_ANEW and tells_clinic:
        _enqueue(request, MessageKind.REQUEST_WAITS, now=now)
    elif by_patient and action in _UNHEARD_OF:
        _enqueue(request, MessageKind.PATIENT_CHANGED, now=now)
    told = TOLD.get(action)
    if told is None or is_spam(request) or not reads_mail(request):
        return
    if not by_patient or action in OWN_TOLD:
        waits = not by_patient and action is not Action.SUBMIT
        _enqueue(request, told, now=now, wait=UNDO_WAIT if waits else AT_ONCE)


def take_back(
    request: AppointmentRequest, undone: Action, *, since: datetime, now: datetime
) -> None:
    """After an undo: cancel the mail about the step that was undone, or correct it.

    What was told, or is being told at this moment, since the step was made gets a correction.
    What nobody was told because of the step is told now.
    """
    told = TOLD.get(undone)
    rows = lock_messages(request.id, now=now)
    theirs = [row for row in rows if row.kind in (told, MessageKind.TELL_CORRECTED)]
    wrong = [row for row in theirs if told and _may_have_left(row, since=since)]
    for row in theirs:
        if row.kind is told and row.is_free:
            drop(row.id, now=now)
    waits = [row for row in rows if row.kind is MessageKind.REQUEST_WAITS]
    _take_back_waits(request, undone, waits, since=since, now=now)
    if is_spam(request) or not reads_mail(request):
        return
    if wrong:
        _enqueue(request, MessageKind.TELL_CORRECTED, now=now, wait=_rest(wrong, now=now))
    else:
        others = [row for row in rows if row.kind is not told]
        _tell_again(request, [row for row in others if _tells(row, request.status)], now=now)


def _take_back_waits(
    request: AppointmentRequest,
    undone: Action,
    rows: list[Queued],
    *,
    since: datetime,
    now: datetime,
) -> None:
    """Drop the notices to a clinic that has nothing to take up any more; tell the one that has."""
    was_passed = undone is Action.TRANSFER
    astray = [row for row in rows if was_passed and row.created_at >= since]
    for row in astray:
        if row.is_free:
            drop(row.id, now=now)
    if request.status is not Status.RECEIVED:
        return
    # What stands in for another channel is dropped where that one got through.
    firsts = [row for row in rows if row.follows_id is None and row not in astray]
    if was_passed and any(_may_have_left(row, since=since) for row in firsts):
        # It waited for the clinic before and went to the other one.
        wait = _rest(firsts, now=now)
        _enqueue(request, MessageKind.REQUEST_WAITS, now=now, wait=wait)
    else:
        _tell_again(request, firsts, now=now)


def _may_have_left(row: Queued, *, since: datetime) -> bool:
    was_accepted = row.state is DeliveryState.ACCEPTED and (row.finished_at or since) >= since
    return was_accepted or row.in_hand_until is not None


def _tells(row: Queued, status: Status) -> bool:
    is_news = row.kind is not MessageKind.TELL_CORRECTED
    return is_news and status in TRUE_IN.get(row.kind, frozenset())


def _tell_again(request: AppointmentRequest, rows: list[Queued], *, now: datetime) -> None:
    """Write the last of these messages anew where it was dropped, or may be at this moment."""
    if not rows:
        return
    last = rows[-1]
    if last.state is DeliveryState.NOT_NEEDED or last.in_hand_until is not None:
        _enqueue(request, last.kind, now=now, wait=_rest([last], now=now))


def _rest(rows: Iterable[Queued], *, now: datetime) -> timedelta:
    """Return for how long a worker may still have one of these in hand: mail keeps its order."""
    return max([row.in_hand_until - now for row in rows if row.in_hand_until], default=AT_ONCE)


def _enqueue(
    request: AppointmentRequest,
    kind: MessageKind,
    *,
    now: datetime,
    wait: timedelta = AT_ONCE,
) -> None:
    if kind.to_patient:
        enqueue(kind, channel=Channel.EMAIL, subject_id=request.id, now=now, wait=wait)
    else:
        tell_clinic(kind, request.location, subject_id=request.id, now=now, wait=wait)
