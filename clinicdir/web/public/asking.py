"""The request, page by page: a few questions, check your answers, send."""

import re
from typing import Any

from flask import redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from clinicdir import clock
from clinicdir.appointments.arrival import Arrival, link_token, submit_request
from clinicdir.appointments.drafts import (
    change_draft,
    drop_draft,
    drop_old_drafts,
    find_draft,
    start_draft,
)
from clinicdir.appointments.models import RequestDraft
from clinicdir.appointments.queries import find_by_submission_key
from clinicdir.appointments.rules import RequestChannel
from clinicdir.audit.rules import PATIENT
from clinicdir.db import transaction
from clinicdir.errors import Invalid
from clinicdir.locations.models import Location, LocationStatus
from clinicdir.locations.queries import find_location, organization_name
from clinicdir.web.answers import answer_rows
from clinicdir.web.forms import STEPS, GoalForm, Offer, QuestionForm, SendForm, step_of
from clinicdir.web.language import LOCALE, gettext
from clinicdir.web.parts import parts
from clinicdir.web.public.answering import (
    answers_of,
    offered,
    refused,
    source_of,
    submission_of,
    today_at,
)
from clinicdir.web.public.blueprint import bp
from clinicdir.web.quotas import hold_earlier_copies, look_at
from clinicdir.web.security import form_token_failed, keeps_answers, limiter
from clinicdir.web.signs import form_signs, kept_signs, opened_stamp

PER_ADDRESS = "200 per 10 minutes"
_COOKIE_KEY = "draft"
# The name that a link gives to where it stands: a poster, a doctor's page.
_SOURCE = re.compile(r"[A-Za-z0-9._-]{1,64}")
_BY_STEP = {form.step: form for form in STEPS}


@bp.get("/request")
def start() -> str:
    """Ask where and what for; a link may have named the clinic and the goal."""
    draft = find_draft(session.get(_COOKIE_KEY), now=clock.now())
    answers = answers_of(draft)
    goals = {choice.code for choice in parts().intake.goals}
    asked = {"location": request.args.get("location"), "goal": request.args.get("goal")}
    place = find_location(asked["location"] or "")
    closed = place is not None and place.status is LocationStatus.CLOSED
    if place is None or closed:
        asked["location"] = None
    if asked["goal"] not in goals:
        asked["goal"] = None
    answers |= {name: value for name, value in asked.items() if value is not None}
    form = GoalForm(formdata=None)
    _prepare(form, answers)
    form.fill(answers)
    form.source.data = _source(request.args.get("source")) or source_of(draft)
    form.change.data = _changing()
    return _question_page(form, closed=place if closed else None)


@bp.get("/request/<any(who, contact, times):step>")
def question(step: str) -> ResponseReturnValue:
    """Ask the next questions, with the answers given before."""
    draft = find_draft(session.get(_COOKIE_KEY), now=clock.now())
    if draft is None:
        return redirect(url_for("public.start"), code=303)
    form = _BY_STEP[step](formdata=None)
    _prepare(form, answers_of(draft))
    form.fill(answers_of(draft))
    form.change.data = _changing()
    return _question_page(form)


@bp.post("/request")
@keeps_answers
@limiter.limit(PER_ADDRESS)
def answer_start() -> ResponseReturnValue:
    """Take the first answers; they are kept from here on, sealed and for a day."""
    return _take_answers(GoalForm)


@bp.post("/request/<any(who, contact, times):step>")
@keeps_answers
@limiter.limit(PER_ADDRESS)
def answer_question(step: str) -> ResponseReturnValue:
    """Take a page's answers and go on."""
    return _take_answers(_BY_STEP[step])


@bp.get("/request/check")
def check() -> ResponseReturnValue:
    """Show every answer, with a way to change it."""
    draft = find_draft(session.get(_COOKIE_KEY), now=clock.now())
    if draft is None:
        return redirect(url_for("public.start"), code=303)
    return _check_page(draft)


@bp.post("/request/check")
@keeps_answers
@limiter.limit(PER_ADDRESS)
def send() -> ResponseReturnValue:
    """Send the request; pressed twice, it is still one request with one reference."""
    now = clock.now()
    form = SendForm()
    token = form.draft.data or session.get(_COOKIE_KEY)
    draft = find_draft(token, now=now)
    if token is None or draft is None:
        sent = find_by_submission_key(_form_key(form.submission_key.data or ""))
        if sent is None:
            return redirect(url_for("public.start"), code=303)
        return redirect(url_for("public.own_page", token=link_token(sent)), code=303)
    _remember_draft(token)
    if form_token_failed():
        return _check_page(draft, expired=True), 400
    key, source = _form_key(draft.submission_key), source_of(draft)
    try:
        submission = submission_of(draft)
        look = look_at(submission, key, form_signs(draft, now=now), now=now)
        arrival = Arrival(key, RequestChannel.WEB, LOCALE, source, signs=look.signs)
        with transaction():
            sent = submit_request(submission, arrival, actor=PATIENT, now=now)
            drop_draft(token)
            link = link_token(sent)
    except Invalid as refusal:
        return _check_page(draft, refusal), 422
    hold_earlier_copies(look, now=now)
    session.pop(_COOKIE_KEY, None)
    return redirect(url_for("public.own_page", token=link), code=303)


@bp.post("/request/clear")
@keeps_answers
def clear() -> ResponseReturnValue:
    """Forget the answers, for people at a shared computer."""
    token = request.form.get("draft") or session.get(_COOKIE_KEY)
    draft = find_draft(token, now=clock.now())
    if draft is not None and form_token_failed():
        _remember_draft(token)
        return _check_page(draft, expired=True), 400
    if token is not None and draft is not None:
        with transaction():
            drop_draft(token)
    session.pop(_COOKIE_KEY, None)
    return redirect(url_for("public.home"), code=303)


def _take_answers(kind: type[QuestionForm]) -> ResponseReturnValue:
    now = clock.now()
    form = kind()
    token = form.draft.data or session.get(_COOKIE_KEY)
    draft = find_draft(token, now=now)
    if draft is None and kind is not GoalForm and not form_token_failed():
        return redirect(url_for("public.start"), code=303)
    answers = answers_of(draft) | form.answers()
    _prepare(form, answers)
    if form_token_failed():
        _remember_draft(form.draft.data)
        return _question_page(form, expired=True), 400
    if form.attach(refused(answers)):
        return _question_page(form), 422
    with transaction():
        drop_old_drafts(now=now)
        # Another tab may have sent it, cleared it or answered another page just now.
        draft = find_draft(token, now=now, to_change=True)
        kept: dict[str, Any] = {"answers": answers_of(draft) | form.answers()}
        if isinstance(form, GoalForm):
            kept["source"] = _source(form.source.data)
            kept["signs"] = kept_signs(draft, stamp=form.opened.data, trap=form.aside.data)
        if draft is None:
            _, token = start_draft(kept, now=now)
        else:
            change_draft(draft, kept, now=now)
    session[_COOKIE_KEY] = token
    return redirect(_next_url(kind, changing=bool(form.change.data)), code=303)


def _next_url(kind: type[QuestionForm], *, changing: bool) -> str:
    following = STEPS.index(kind) + 1
    if changing or following == len(STEPS):
        return url_for("public.check")
    return url_for("public.question", step=STEPS[following].step)


def _source(text: str | None) -> str | None:
    return text if text and _SOURCE.fullmatch(text) else None


def _changing() -> str | None:
    """Return the mark of a page that leads back to the check of all answers."""
    return "1" if "change" in request.args else None


def _remember_draft(token: str | None) -> None:
    """Let the cookie find the draft again: the form that came without its token named it."""
    if token:
        session[_COOKIE_KEY] = token


def _form_key(submission_key: str) -> str:
    return f"form:{submission_key}"


def _prepare(form: QuestionForm, answers: dict[str, Any]) -> None:
    slug = answers.get("location")
    form.prepare(Offer(parts().intake, offered(slug), today_at(slug)))


def _question_page(
    form: QuestionForm, *, expired: bool = False, closed: Location | None = None
) -> str:
    form.draft.data = form.draft.data or session.get(_COOKIE_KEY)
    if isinstance(form, GoalForm):
        # The page shows the notice in force; who sends it on has been shown this one.
        form.consent_version.data = parts().intake.consent.version
        form.opened.data = form.opened.data or opened_stamp(clock.now())
    return render_template(
        form.template,
        group=organization_name(),
        form=form,
        consent=parts().intake.consent,
        expired=expired,
        closed=closed,
        number=STEPS.index(type(form)) + 1,
        count=len(STEPS),
    )


def _check_page(
    draft: RequestDraft, refusal: Invalid | None = None, *, expired: bool = False
) -> str:
    answers = answers_of(draft)
    form = SendForm(formdata=None)
    form.draft.data = session.get(_COOKIE_KEY)
    form.submission_key.data = draft.submission_key
    return render_template(
        "public/check.html",
        group=organization_name(),
        form=form,
        sections=answer_rows(answers, parts().intake),
        location=find_location(answers.get("location") or ""),
        refusals=[
            (step_of(error.field), gettext(error.message, **error.values))
            for error in (refusal.errors if refusal else ())
        ],
        expired=expired,
    )
