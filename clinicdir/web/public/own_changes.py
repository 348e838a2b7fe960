"""What a patient changes before it is booked: details, times, names, the clinic."""

from typing import Any

from flask import redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm.exc import StaleDataError

from clinicdir import clock
from clinicdir.appointments.changes import CHANGEABLE, change_answers, change_location
from clinicdir.appointments.filing import stored_answers
from clinicdir.appointments.following import follow_link
from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.rules import Action, allowed_actions
from clinicdir.appointments.submission import Context
from clinicdir.audit.rules import PATIENT
from clinicdir.db import transaction
from clinicdir.errors import Invalid, NotAllowed
from clinicdir.locations.models import Location, LocationStatus
from clinicdir.locations.queries import find_location
from clinicdir.web.answers import Row, answer_rows
from clinicdir.web.forms import Offer, version_in
from clinicdir.web.language import gettext
from clinicdir.web.own_forms import CHANGES, ChangeForm, ClinicForm
from clinicdir.web.parts import parts
from clinicdir.web.public.answering import offered, today_at
from clinicdir.web.public.blueprint import bp
from clinicdir.web.public.own_check import is_checked, proof_label, prove
from clinicdir.web.public.own_view import PER_ADDRESS, frame, told_status
from clinicdir.web.security import form_token_failed, keeps_answers, limiter

_CLINIC = "clinic"
OwnForm = ChangeForm | ClinicForm


@bp.get("/requests/<token>/change/<any(who, contact, times, clinic):step>")
def own_change(token: str, step: str) -> ResponseReturnValue:
    """Show the answers of one page to be changed, after the check."""
    found = follow_link(token)
    if not _may_change(found, step):
        return redirect(url_for("public.own_page", token=token), code=303)
    if not is_checked(token, found):
        return redirect(url_for("public.own_check", token=token, next=step), code=303)
    form = _new_form(step, found, is_sent=False)
    if isinstance(form, ChangeForm):
        form.fill(stored_answers(found))
    _note_what_stands(form, found)
    return _page(token, step, form)


@bp.post("/requests/<token>/change/<any(who, contact, times, clinic):step>")
@keeps_answers
@limiter.limit(PER_ADDRESS)
def save_change(token: str, step: str) -> ResponseReturnValue:
    """Put new answers in place of the earlier ones; nothing typed is ever lost."""
    found = follow_link(token)
    form = _new_form(step, found, is_sent=True)
    if form_token_failed():
        return _page(token, step, form, problem="expired"), 400
    if not prove(form, token, found):
        return _page(token, step, form), 422
    try:
        with transaction():
            _save(form, follow_link(token, to_change=True))
    except Invalid as refusal:
        if not form.attach(refusal.errors):
            raise
        return _page(token, step, form), 422
    except (NotAllowed, StaleDataError):
        return _page(token, step, form, problem="stale"), 409
    return redirect(url_for("public.own_page", token=token), code=303)


def _may_change(found: AppointmentRequest, step: str) -> bool:
    action = Action.TRANSFER if step == _CLINIC else Action.CHANGE
    return action in allowed_actions(told_status(found))


def _new_form(step: str, found: AppointmentRequest, *, is_sent: bool) -> OwnForm:
    """Return the form of a step, with what was sent where something was."""
    given = {} if is_sent else {"formdata": None}
    slug = found.location.slug
    if step == _CLINIC:
        form = ClinicForm(**given)
        takers = [place for place in offered((slug,)) if _can_take(place, found)]
        form.location.choices = [(place.slug, place.name) for place in takers]
        return form
    change = CHANGES[step](**given)
    answered = stored_answers(found)
    change.prepare(Offer(parts().intake, [], today_at((slug,)), [found.location], answered))
    change.fit(answered)
    return change


def _can_take(place: Location, found: AppointmentRequest) -> bool:
    """Say whether a patient may choose a clinic; where the request is now stays to be seen."""
    if place.status is LocationStatus.CLOSED:
        return False
    takes = place.takes(found.goal) and place.contacts_by(found.contact_by)
    return takes or place.id == found.location_id


def _note_what_stands(form: OwnForm, found: AppointmentRequest) -> None:
    """Write into the form what its page shows, so that a later change is noticed."""
    if isinstance(form, ClinicForm):
        form.seen.data = found.location.slug
        form.location.data = form.location.data or found.location.slug
    else:
        form.answers_version.data = str(found.answers_version)


def _save(form: OwnForm, found: AppointmentRequest) -> None:
    now, slug = clock.now(), found.location.slug
    if isinstance(form, ClinicForm):
        if form.seen.data != slug:
            message = "It has gone to another clinic since this page was opened."
            raise NotAllowed(message)
        if form.location.data != slug:
            wanted = form.location.data or ""
            change_location(found, wanted, seen_version=None, actor=PATIENT, now=now)
        return
    typed, stored = form.answers(), stored_answers(found)
    if all(stored[name] == value for name, value in typed.items()):
        return
    context = Context(today_at((slug,)), parts().intake, parts().settings.ask_birth_date)
    change_answers(
        found,
        typed,
        context,
        seen_answers=version_in(form.answers_version.data),
        actor=PATIENT,
        now=now,
    )


def _page(token: str, step: str, form: OwnForm, *, problem: str = "") -> str:
    """Show the form; after a change by another, or too late, with what stands and what was typed.

    Nothing that is stored is shown without the check.
    """
    found = follow_link(token)
    checked, stale = is_checked(token, found), problem == "stale"
    if stale:
        _note_what_stands(form, found)
    return render_template(
        form.template,
        **frame(found),
        token_=token,
        step=step,
        form=form,
        problem=problem,
        proof_label="" if checked else proof_label(found),
        may_change=_may_change(found, step),
        stands=_rows(stored_answers(found), step) if stale and checked else [],
        typed=_typed_rows(form, found, step) if stale else [],
    )


def _rows(answers: dict[str, Any], step: str) -> list[Row]:
    """Return in words those answers of a step that can be changed."""
    if step == _CLINIC:
        place = find_location(answers["location"] or "")
        return [Row("location", gettext("Clinic"), place.name if place else "")]
    sections = answer_rows(answers, parts().intake)
    rows = next(section.rows for section in sections if section.step == step)
    return [row for row in rows if row.field in CHANGEABLE]


def _typed_rows(form: OwnForm, found: AppointmentRequest, step: str) -> list[Row]:
    if isinstance(form, ClinicForm):
        return _rows({"location": form.location.data}, step)
    known = {"for_whom": found.for_whom, "location": found.location.slug}
    return _rows(known | form.answers(), step)
