"""What patients can do by their link, done by staff for a caller."""

from datetime import datetime
from typing import Any

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm.exc import StaleDataError
from wtforms import SelectField

from clinicdir import clock
from clinicdir.appointments.arrival import link_token
from clinicdir.appointments.changes import change_answers, change_location
from clinicdir.appointments.filing import stored_answers
from clinicdir.appointments.links import renew_link
from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.offers import find_offer
from clinicdir.appointments.operations import Move, act, check_move
from clinicdir.appointments.rules import Action
from clinicdir.appointments.submission import Context
from clinicdir.audit.rules import Actor
from clinicdir.db import transaction
from clinicdir.errors import Invalid, NotAllowed
from clinicdir.locations.queries import day_at, list_all_locations, organization_name
from clinicdir.staff.rules import Right
from clinicdir.staff.sessions import actor_of
from clinicdir.web.answers import answer_rows
from clinicdir.web.forms import ContactForm, Offer, PeopleForm, QuestionForm, TimesForm, version_in
from clinicdir.web.language import gettext
from clinicdir.web.parts import parts
from clinicdir.web.present import signed_in
from clinicdir.web.security import form_token_failed, keeps_answers
from clinicdir.web.staff.blueprint import bp, needs
from clinicdir.web.staff.moving import carry_out
from clinicdir.web.staff.opened import find, in_one_spelling, record_look, request_page
from clinicdir.web.staff.steps import ACCEPT
from clinicdir.web.staff_forms import AcceptForm, MoveForm, place_choices
from clinicdir.web.staff_labels import NEW_LINK

_QUESTIONS: dict[str, type[QuestionForm]] = {
    "who": PeopleForm,
    "contact": ContactForm,
    "times": TimesForm,
}
_CHANGE = "/requests/<reference>/change/<any(who, contact, times, clinic):what>"


class ClinicForm(MoveForm):
    """Which clinic the caller would rather go to."""

    location = SelectField(validate_choice=False)


@bp.get(_CHANGE)
@needs(Right.ACT)
def change(reference: str, what: str) -> ResponseReturnValue:
    """Show some answers to be changed for a caller."""
    elsewhere = in_one_spelling(reference)
    if elsewhere is not None:
        return elsewhere
    found = find(reference)
    check_move(found, Move(_action(what)), actor=actor_of(signed_in()), now=clock.now())
    form = _form_of(what)(formdata=None)
    if isinstance(form, QuestionForm):
        form.fill(stored_answers(found))
    return _change_page(reference, what, form)


@bp.post(_CHANGE)
@keeps_answers
@needs(Right.ACT)
def change_for_caller(reference: str, what: str) -> ResponseReturnValue:
    """Put a caller's answers in place of the earlier ones."""
    form, actor, now = _form_of(what)(), actor_of(signed_in()), clock.now()
    find(reference)
    if form_token_failed():
        return _change_page(reference, what, form, problem="expired"), 400
    try:
        with transaction():
            _change(find(reference), form, actor=actor, now=now)
    except Invalid as refusal:
        form.attach(refusal.errors)
        return _change_page(reference, what, form), 422
    except (NotAllowed, StaleDataError):
        return _change_page(reference, what, form, problem="stale"), 409
    return redirect(url_for("staff.open_request", reference=reference), code=303)


@bp.post("/requests/<reference>/accept")
@keeps_answers
@needs(Right.ACT)
def accept(reference: str) -> ResponseReturnValue:
    """Book one of the times held out, which the caller takes."""
    return carry_out(reference, AcceptForm(), action=Action.BOOK, name=ACCEPT, perform=_accept)


@bp.post("/requests/<reference>/link")
@keeps_answers
@needs(Right.ACT)
def new_link(reference: str) -> ResponseReturnValue:
    """Make a new link for the caller, show it once, and end the old ones."""
    form, actor, now = MoveForm(), actor_of(signed_in()), clock.now()
    find(reference)
    if form_token_failed():
        return request_page(reference, form, problem="expired"), 400
    step = Move(Action.NOTE, form.seen_version, details=(NEW_LINK,))
    try:
        with transaction():
            found = find(reference)
            act(found, step, actor=actor, now=now)
            renew_link(found, actor=actor, now=now)
            token = link_token(found)
    except (NotAllowed, StaleDataError):
        return request_page(reference, form, problem="stale"), 409
    return render_template(
        "staff/new_link.html",
        group=organization_name(),
        member=signed_in(),
        reference=reference,
        link=f"{parts().settings.url}{url_for('public.own_page', token=token)}",
    )


def _accept(found: AppointmentRequest, step: Move, *, actor: Actor, now: datetime) -> None:
    check_move(found, step, actor=actor, now=now)
    if step.booked_at is None or find_offer(found, step.booked_at, now=now) is None:
        message = "This time is not held out any more."
        raise NotAllowed(message)
    act(found, step, actor=actor, now=now)


def _change(
    found: AppointmentRequest, form: QuestionForm | ClinicForm, *, actor: Actor, now: datetime
) -> None:
    if isinstance(form, ClinicForm):
        version, slug = form.seen_version, form.location.data or ""
        check_move(found, Move(Action.TRANSFER, version), actor=actor, now=now)
        change_location(found, slug, seen_version=version, actor=actor, now=now)
        return
    check_move(found, Move(Action.CHANGE), actor=actor, now=now)
    today = day_at(found.location.slug, now=now)
    context = Context(today, parts().intake, ask_birth_date=parts().settings.ask_birth_date)
    seen = version_in(request.form.get("answers_version"))
    change_answers(found, form.answers(), context, seen_answers=seen, actor=actor, now=now)


def _action(what: str) -> Action:
    return Action.TRANSFER if what == "clinic" else Action.CHANGE


def _form_of(what: str) -> type[QuestionForm | ClinicForm]:
    return _QUESTIONS.get(what, ClinicForm)


def _change_page(
    reference: str, what: str, form: QuestionForm | ClinicForm, *, problem: str | None = None
) -> str:
    """Show the form of a change, or what was typed where it is not possible any more."""
    member, now = signed_in(), clock.now()
    record_look(reference, "view", now=now)
    found = find(reference)
    places = list_all_locations()
    if isinstance(form, QuestionForm):
        today, answered = day_at(found.location.slug, now=now), stored_answers(found)
        form.prepare(Offer(parts().intake, places, today, [found.location], answered))
    else:
        others = [place for place in places if place.id != found.location_id]
        form.location.choices = place_choices(others)
    return render_template(
        "staff/change.html",
        group=organization_name(),
        member=member,
        form=form,
        request_=found,
        what=what,
        is_possible=_is_possible(found, what, now=now),
        problem=problem,
        present=_rows(what, stored_answers(found)),
        typed=_rows(what, form.answers()) if isinstance(form, QuestionForm) else [],
    )


def _is_possible(found: AppointmentRequest, what: str, *, now: datetime) -> bool:
    try:
        check_move(found, Move(_action(what)), actor=actor_of(signed_in()), now=now)
    except NotAllowed:
        return False
    return True


def _rows(what: str, answers: dict[str, Any]) -> list[dict[str, str]]:
    """Return what is asked on one page of the change, in words."""
    if what == "clinic":
        location = answer_rows(answers, parts().intake)[0].rows[0]
        return [{"question": gettext("Clinic"), "answer": location.answer}]
    sections = {section.step: section for section in answer_rows(answers, parts().intake)}
    left_out = ("for_whom", "birth_date", "returning", "referral")
    return [
        {"question": row.question, "answer": row.answer}
        for row in sections[what].rows
        if row.field not in left_out
    ]
