"""One request, opened: what it says, what was done, and the next moves."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from flask import redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm.exc import StaleDataError

from clinicdir import clock
from clinicdir.appointments.filing import stored_answers
from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.operations import Move, act, lease_holder
from clinicdir.appointments.queries import (
    get_request,
    list_events,
)
from clinicdir.appointments.rules import Action, allowed_actions, parse_reference
from clinicdir.audit.operations import record
from clinicdir.audit.rules import location_chain
from clinicdir.db import transaction
from clinicdir.errors import FieldError, Invalid, NotAllowed, NotFound, marked
from clinicdir.locations.queries import organization_name
from clinicdir.notifications.queries import list_deliveries
from clinicdir.staff.queries import names_of
from clinicdir.staff.rules import Right, can
from clinicdir.staff.sessions import actor_of
from clinicdir.web.answers import answer_rows, goal_words
from clinicdir.web.forms import MoveForm
from clinicdir.web.language import gettext
from clinicdir.web.login import signed_in
from clinicdir.web.parts import parts
from clinicdir.web.security import form_token_failed, keeps_answers
from clinicdir.web.staff.blueprint import bp, needs

_LATEST_BOOKING = timedelta(days=730)
_NOTE_LENGTH = 500
_TOO_LONG = 10  # digits of a version
MOVES = (Action.CLAIM, Action.BOOK, Action.DECLINE)
DECLINE_REASONS = {
    "not_offered": marked("We do not offer this"),
    "no_times": marked("We have no times in reach"),
    "needs_referral": marked("A referral is needed first"),
    "other": marked("Another reason"),
}
EVENT_WORDS = {
    Action.SUBMIT: marked("came in"),
    Action.CLAIM: marked("taken up"),
    Action.BOOK: marked("booked"),
    Action.DECLINE: marked("declined"),
}


@bp.get("/requests/<reference>")
@needs(Right.OPEN)
def open_request(reference: str) -> str:
    """Show one request."""
    return _request_page(reference, MoveForm(formdata=None))


@bp.post("/requests/<reference>/<any(claim, book, decline):action>")
@keeps_answers
@needs(Right.ACT)
def move(reference: str, action: str) -> ResponseReturnValue:
    """Move a request on; a stale page is told so, with everything typed kept."""
    member, now, attempted = signed_in(), clock.now(), Action(action)
    found, form = _find(reference), MoveForm()
    if form_token_failed():
        return _request_page(reference, form, problem="expired", attempted=attempted), 400
    try:
        step = _read_move(attempted, form, found, now)
    except Invalid as refusal:
        for error in refusal.errors:
            form[error.field].errors = [gettext(error.message)]
        return _request_page(reference, form, attempted=attempted), 422
    try:
        with transaction():
            act(_find(reference), step, actor=actor_of(member), now=now)
    except (NotAllowed, StaleDataError):
        return _request_page(reference, form, problem="stale", attempted=attempted), 409
    return redirect(url_for("staff.open_request", reference=reference), code=303)


def _find(reference: str) -> AppointmentRequest:
    """Return a request of the person's own locations; all others look as if they did not exist."""
    parsed = parse_reference(reference)
    if parsed is None or parsed != reference:
        raise NotFound
    return get_request(parsed, scope=signed_in().scope)


def _read_move(action: Action, form: MoveForm, found: AppointmentRequest, now: datetime) -> Move:
    typed = form.version.data or ""
    version = int(typed) if typed.isascii() and typed.isdecimal() and len(typed) < _TOO_LONG else 0
    if action is Action.BOOK:
        return Move(action, version, booked_at=_booked_at(form, found, now))
    if action is Action.DECLINE:
        if form.decline_reason.data not in DECLINE_REASONS:
            raise Invalid(FieldError("decline_reason", "missing", marked("Select a reason")))
        note = (form.note.data or "").strip()
        if len(note) > _NOTE_LENGTH:
            message = marked("Note must be 500 characters or less")
            raise Invalid(FieldError("note", "too_long", message))
        return Move(action, version, decline_reason=form.decline_reason.data, note=note or None)
    return Move(action, version)


def _booked_at(form: MoveForm, found: AppointmentRequest, now: datetime) -> datetime:
    """Return the instant of a typed day and time at the clinic; one the clock skips is refused."""
    zone = ZoneInfo(found.location.time_zone)
    try:
        local = datetime.strptime(  # noqa: DTZ007 - the clinic's zone is put in below
            f"{(form.day.data or '').strip()} {(form.time.data or '').strip()}", "%Y-%m-%d %H:%M"
        )
        # Of an hour that comes twice when the clocks change, the first one is meant.
        instant = local.replace(tzinfo=zone).astimezone(now.tzinfo)
    except (ValueError, OverflowError):
        message = marked("Enter the day and the time, like 2026-11-24 and 14:30")
        raise Invalid(FieldError("day", "not_a_time", message)) from None
    if instant.astimezone(zone).replace(tzinfo=None) != local:
        message = marked("That time is skipped when the clocks change: choose another")
        raise Invalid(FieldError("time", "skipped", message))
    if not now < instant < now + _LATEST_BOOKING:
        message = marked("The appointment must be in the future, within two years")
        raise Invalid(FieldError("day", "not_ahead", message))
    return instant


def _request_page(
    reference: str,
    form: MoveForm,
    *,
    problem: str | None = None,
    attempted: Action | None = None,
) -> str:
    """Show a request, with an audit entry for the look, however the page came about."""
    member, now = signed_in(), clock.now()
    _record_view(reference, now)
    found = _find(reference)
    personal, events, holder = found.personal, list_events(found), lease_holder(found, now=now)
    form.version.data = str(found.version)
    form.decline_reason.choices = [
        (code, gettext(words)) for code, words in DECLINE_REASONS.items()
    ]
    people = {event.staff_id for event in events if event.staff_id} | {holder} - {None}
    may_act = can(member.role, Right.ACT) and holder in (None, member.id)
    moves = [step for step in MOVES if may_act and step in allowed_actions(found.status)]
    return render_template(
        "staff/request.html",
        group=organization_name(),
        member=member,
        form=form,
        request_=found,
        personal=personal,
        goal=goal_words(found.goal, personal["goal_text"], parts().intake),
        sections=answer_rows(stored_answers(found), parts().intake),
        events=[(event, event.unseal().get("note")) for event in events],
        event_words={action.value: gettext(words) for action, words in EVENT_WORDS.items()},
        people=names_of({number for number in people if number}),
        deliveries=list_deliveries(found.id),
        holder=holder,
        moves=moves,
        problem=problem,
        attempted=attempted,
        typed=[] if attempted in moves else _typed(form),
        now=now,
    )


def _record_view(reference: str, now: datetime) -> None:
    """Write the entry before anything is read for the page: transaction() would end the read."""
    member = signed_in()
    with transaction():
        found = _find(reference)
        record(
            "view",
            actor=actor_of(member),
            now=now,
            subject=found.reference,
            detail=f"as {member.role}",
            chain=location_chain(found.location_id),
        )


def _typed(form: MoveForm) -> list[dict[str, str]]:
    """Return what was typed, to be shown where its form is not offered any more."""
    reason = DECLINE_REASONS.get(form.decline_reason.data or "", "")
    typed = {
        gettext("Day"): form.day.data,
        gettext("Time at the clinic"): form.time.data,
        gettext("Why?"): gettext(reason) if reason else None,
        gettext("Note for colleagues (optional)"): form.note.data,
    }
    return [{"question": name, "answer": value} for name, value in typed.items() if value]
