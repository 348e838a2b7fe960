"""The moves of staff on a request; a stale page is told so, with everything typed kept."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from flask import redirect, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm.exc import StaleDataError

from clinicdir import clock
from clinicdir.appointments.held_times import NoPlaceLeft
from clinicdir.appointments.merging import merge
from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.operations import Move, act, check_move
from clinicdir.appointments.rules import Action, Status
from clinicdir.appointments.undoing import OtherGone, TooLate, undo
from clinicdir.audit.rules import Actor
from clinicdir.db import transaction
from clinicdir.errors import Invalid, NotAllowed
from clinicdir.staff.rules import Right
from clinicdir.staff.sessions import actor_of
from clinicdir.web.move_forms import MergeForm, form_of
from clinicdir.web.present import signed_in
from clinicdir.web.security import form_token_failed, keeps_answers
from clinicdir.web.staff.blueprint import bp, needs
from clinicdir.web.staff.opened import find, request_page
from clinicdir.web.staff.steps import STAFF_ACTIONS, makes_sense
from clinicdir.web.staff_forms import MoveForm
from clinicdir.web.staff_labels import IN_CALENDAR

_ACTIONS = ", ".join(sorted(STAFF_ACTIONS - {Action.MARK_ERROR}))


@bp.post(f"/requests/<reference>/<any({_ACTIONS}):action>")
@keeps_answers
@needs(Right.ACT)
def move(reference: str, action: str) -> ResponseReturnValue:
    """Move a request on."""
    wanted = Action(action)
    return carry_out(reference, form_of(wanted)(), action=wanted)


@bp.post("/requests/<reference>/mark_error")
@keeps_answers
@needs(Right.SETTINGS)
def mark_error(reference: str) -> ResponseReturnValue:
    """Close what should never have been a request."""
    return carry_out(reference, form_of(Action.MARK_ERROR)(), action=Action.MARK_ERROR)


@bp.post("/requests/<reference>/merge")
@keeps_answers
@needs(Right.ACT)
def merge_request(reference: str) -> ResponseReturnValue:
    """Close a request as a duplicate of another one, and go there."""
    return carry_out(reference, MergeForm(), action=Action.MERGE, perform=_merge)


def _merge(found: AppointmentRequest, step: Move, *, actor: Actor, now: datetime) -> None:
    (into,), seen = step.details, step.seen_version or 0
    scope = signed_in().scope
    merge(found.reference, into, seen, scope=scope, actor=actor, now=now)


@bp.post("/requests/<reference>/undo")
@keeps_answers
@needs(Right.ACT)
def undo_move(reference: str) -> ResponseReturnValue:
    """Put the person's last move back."""
    form, actor, now = MoveForm(), actor_of(signed_in()), clock.now()
    find(reference)
    if form_token_failed():
        return request_page(reference, form, problem="expired"), 400
    try:
        with transaction():
            scope = signed_in().scope
            undo(find(reference), form.seen_version, scope=scope, actor=actor, now=now)
    except NoPlaceLeft:
        return request_page(reference, form, problem="no_place"), 409
    except TooLate:
        return request_page(reference, form, problem="too_late"), 409
    except OtherGone:
        return request_page(reference, form, problem="other_gone"), 409
    except (NotAllowed, StaleDataError):
        return request_page(reference, form, problem="stale"), 409
    return redirect(url_for("staff.open_request", reference=reference), code=303)


@bp.post("/requests/<reference>/in_calendar")
@keeps_answers
@needs(Right.ACT)
def tick_calendar(reference: str) -> ResponseReturnValue:
    """Note that the booked time stands in the clinic's own calendar."""
    return carry_out(reference, MoveForm(), action=Action.NOTE, perform=_tick_calendar)


def _tick_calendar(found: AppointmentRequest, step: Move, *, actor: Actor, now: datetime) -> None:
    if found.status is not Status.BOOKED:
        message = "It is not booked."
        raise NotAllowed(message)
    ticked = Move(Action.NOTE, step.seen_version, details=(IN_CALENDAR,))
    act(found, ticked, actor=actor, now=now)


def carry_out(
    reference: str,
    form: MoveForm,
    *,
    action: Action,
    name: str | None = None,
    perform: Callable[..., None] = act,
) -> ResponseReturnValue:
    """Make the move that a form asks for, or show the request again and say why not."""
    actor, now, attempted = actor_of(signed_in()), clock.now(), name or action.value
    found = find(reference)
    if form_token_failed():
        return request_page(reference, form, problem="expired", attempted=attempted), 400
    try:
        wanted = _read(form, found, action, actor=actor, now=now)
        with transaction():
            perform(find(reference), wanted, actor=actor, now=now)
    except Invalid as refusal:
        form.attach(refusal.errors)
        return request_page(reference, form, attempted=attempted), 422
    except NoPlaceLeft as full:
        form.refuse_full(find(reference), full.starts_at, now=now)
        return request_page(reference, form, attempted=attempted), 422
    except (NotAllowed, StaleDataError):
        return request_page(reference, form, problem="stale", attempted=attempted), 409
    return redirect(url_for("staff.open_request", reference=reference), code=303)


def _read(
    form: MoveForm, found: AppointmentRequest, action: Action, *, actor: Actor, now: datetime
) -> Move:
    """Return the move, or raise: a stale page comes before what is wrong in its form."""
    bare = Move(action, form.seen_version)
    check_move(found, bare, actor=actor, now=now)
    if not makes_sense(found, action, now=now):
        message = "It is not time for that yet."
        raise NotAllowed(message)
    details: dict[str, Any] = form.read(found, now=now)
    return Move(action, form.seen_version, **details)
