"""The patient's own page: how a request stands, what can be done now, and taking a time."""

from datetime import datetime

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm.exc import StaleDataError

from clinicdir import clock
from clinicdir.appointments.filing import stored_answers
from clinicdir.appointments.following import follow_link
from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.offers import list_offers
from clinicdir.appointments.operations import Move, act
from clinicdir.appointments.queries import get_by_link, list_events
from clinicdir.appointments.rules import Action, Status, allowed_actions
from clinicdir.audit.rules import PATIENT
from clinicdir.db import transaction
from clinicdir.errors import NotAllowed
from clinicdir.web.answers import Section, answer_rows
from clinicdir.web.labels import decline_words
from clinicdir.web.ladders import goal_of_request, ladder_of_request
from clinicdir.web.own_forms import CHANGES, CheckForm
from clinicdir.web.parts import parts
from clinicdir.web.public.blueprint import bp
from clinicdir.web.public.own_check import check_page, is_checked, prove
from clinicdir.web.public.own_view import PER_ADDRESS, frame, mail_of, told_status
from clinicdir.web.public.sent import was_sent_here
from clinicdir.web.security import form_token_failed, keeps_answers, limiter


@bp.get("/requests/<token>")
def own_page(token: str) -> str:
    """Show how a request stands to whoever has its link; health and contact after the check."""
    return _page(token)


@bp.post("/requests/<token>/accept")
@keeps_answers
@limiter.limit(PER_ADDRESS)
def accept(token: str) -> ResponseReturnValue:
    """Take one of the times held out; whoever presses too late sees what is still open."""
    found = follow_link(token)
    if form_token_failed():
        return _page(token, problem="expired"), 400
    form = CheckForm()
    if not prove(form, token, found):
        return check_page(token, found, form), 422
    starts_at = _instant(request.form.get("starts_at", ""))
    if starts_at is None:
        return _page(token, problem="gone"), 409
    try:
        with transaction():
            found = follow_link(token, to_change=True)
            # A second press on the button that booked it is no fault.
            if (found.status, found.booked_at) != (Status.BOOKED, starts_at):
                step = Move(Action.BOOK, booked_at=starts_at)
                act(found, step, actor=PATIENT, now=clock.now())
    except (NotAllowed, StaleDataError):
        return _page(token, problem="gone"), 409
    return redirect(url_for("public.own_page", token=token), code=303)


def _page(token: str, *, problem: str = "") -> str:
    found, now = follow_link(token), clock.now()
    checked = is_checked(token, found)
    possible = allowed_actions(told_status(found))
    # The ladder tells of a body area and a goal: nobody but the sender has shown they know them.
    merged = get_by_link(token).id != found.id
    is_known = checked or (not merged and was_sent_here(token, now=now))
    ladder_shown = ladder_of_request(found, told_status(found)) if is_known else None
    return render_template(
        "public/own_page.html",
        **frame(found),
        token_=token,
        merged=merged,
        checked=checked,
        sections=_answers(found) if checked else [],
        changeable=set(CHANGES) if Action.CHANGE in possible else set(),
        may_move=Action.TRANSFER in possible,
        may_withdraw=Action.WITHDRAW in possible,
        offers=list_offers(found, now=now) if found.status is Status.OFFERED else [],
        tried_at=_tried_at(found),
        mail=mail_of(found),
        declined=decline_words(found.decline_reason, found.location.name),
        ladder_shown=ladder_shown,
        goal=goal_of_request(found) if ladder_shown else "",
        problem=problem,
    )


def _answers(found: AppointmentRequest) -> list[Section]:
    return answer_rows(stored_answers(found), parts().intake)


def _tried_at(found: AppointmentRequest) -> datetime | None:
    """Return when the clinic last tried to reach the patient, for the one state that tells it."""
    if found.status is not Status.AWAITING_PATIENT:
        return None
    tries = (Action.AWAIT_PATIENT, Action.LOG_CONTACT)
    return max((event.at for event in list_events(found) if event.action in tries), default=None)


def _instant(typed: str) -> datetime | None:
    """Return the instant that a button stands for, None for anything else."""
    try:
        instant = datetime.fromisoformat(typed)
    except ValueError:
        return None
    return None if instant.tzinfo is None else instant
