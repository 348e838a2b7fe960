"""Joins a duplicate with the request that it repeats; the patient is told nothing of it."""

from datetime import datetime

from clinicdir.appointments.history import add_event
from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.operations import Move, act
from clinicdir.appointments.queries import get_request
from clinicdir.appointments.rules import Action, Status
from clinicdir.audit.rules import Actor
from clinicdir.errors import FieldError, Invalid, NotAllowed, NotFound, marked
from clinicdir.staff.rules import Scope

# Stands in the details of the event at the request that stays.
JOINED = "joined"


def merge(
    reference: str, into: str, seen_version: int, *, scope: Scope, actor: Actor, now: datetime
) -> None:
    """Close a request as a duplicate of `into`, both by reference and both inside the scope.

    Invalid where there is no such other one, or this one is booked; NotAllowed where it is
    closed as a duplicate already or somebody else changed it.
    """
    request, other = _locked(reference, into, scope=scope)
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
    # Chains are locked in the order of the clinics, as everywhere.
    is_first = other.location_id < request.location_id
    if is_first:
        _note_at(other, request, actor=actor, now=now)
    request.duplicate_of = other.id
    step = Move(Action.MERGE, seen_version, details=(other.reference,))
    act(request, step, actor=actor, now=now)
    if not is_first:
        _note_at(other, request, actor=actor, now=now)


def takes_duplicates(status: Status) -> bool:
    """Say whether a request can take another in: what is closed or set aside would lose it."""
    return status is Status.BOOKED or (status.is_open and status is not Status.QUARANTINED)


def _locked(
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


def _note_at(
    other: AppointmentRequest, duplicate: AppointmentRequest, *, actor: Actor, now: datetime
) -> None:
    words = {"note": None, "details": [JOINED, duplicate.reference]}
    add_event(other, Action.NOTE, came_from=other.status, actor=actor, now=now, words=words)
