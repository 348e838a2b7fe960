"""Joins a duplicate with the request that it repeats; the patient is told nothing of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from clinicdir.appointments.history import add_event
from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.operations import Move, act
from clinicdir.appointments.queries import get_request
from clinicdir.appointments.rules import Action, Status
from clinicdir.audit.rules import Actor
from clinicdir.errors import FieldError, Invalid, NotAllowed, NotFound, marked
from clinicdir.staff.rules import Scope

# Stand in the details of the events at the request that stays: of the joining, and of its undo.
JOINED = "joined"
PARTED = "parted"


def merge(
    reference: str, into: str, seen_version: int, *, scope: Scope, actor: Actor, now: datetime
) -> None:
    """Close a request as a duplicate of `into`, both by reference and both inside the scope.

    Invalid where there is no such other one, or this one is booked; NotAllowed where it is
    closed as a duplicate already or somebody else changed it.
    """
    request, other = lock_both(reference, into, scope=scope)
    is_left = other is None or other.id == request.id or other.erased_at is not None
    if other is None or is_left or not takes_duplicates(other.status):
        message = marked("Enter the reference of another request that is open or booked")
        raise Invalid(FieldError("into", "not_another", message))
    if request.status is Status.ENTERED_IN_ERROR:
        message = "It is closed already."
        raise NotAllowed(message)
    if request.status is Status.BOOKED:
        message = marked("This one is booked, so it stays: join the other one with it instead")
        raise Invalid(FieldError("into", "booked", message))
    with noted_at(other, request, JOINED, actor=actor, now=now):
        request.duplicate_of = other.id
        step = Move(Action.MERGE, seen_version, details=(other.reference,))
        act(request, step, actor=actor, now=now)


def takes_duplicates(status: Status) -> bool:
    """Say whether a request can take another in: what is closed or set aside would lose it."""
    return status is Status.BOOKED or (status.is_open and status is not Status.QUARANTINED)


def can_part(other: AppointmentRequest | None) -> bool:
    """Say whether what was joined with a request, None where it is not seen, can leave it again.

    Not one that was erased, which took its duplicates along, or is itself a duplicate by now.
    """
    return other is not None and other.erased_at is None and other.duplicate_of is None


def lock_both(
    reference: str, into: str, *, scope: Scope
) -> tuple[AppointmentRequest, AppointmentRequest | None]:
    """Return both requests, locked in one order: two that are joined crosswise do not wait."""
    numbers = {get_request(reference, scope=scope).id: reference}
    try:
        numbers[get_request(into, scope=scope).id] = into
    except NotFound:
        return get_request(reference, scope=scope, to_change=True), None
    found = {
        name: get_request(name, scope=scope, to_change=True) for _, name in sorted(numbers.items())
    }
    return found[reference], found.get(into)


@contextmanager
def noted_at(
    other: AppointmentRequest,
    duplicate: AppointmentRequest,
    what: str,
    *,
    actor: Actor,
    now: datetime,
) -> Iterator[None]:
    """Write at the request that stays what is done here with its duplicate: JOINED or PARTED."""
    words = {"note": None, "details": [what, duplicate.reference]}
    # Chains are locked in the order of the clinics, as everywhere.
    is_first = other.location_id < duplicate.location_id
    if is_first:
        add_event(other, Action.NOTE, came_from=other.status, actor=actor, now=now, words=words)
    yield
    if not is_first:
        add_event(other, Action.NOTE, came_from=other.status, actor=actor, now=now, words=words)
