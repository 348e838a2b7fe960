"""The request, page by page: a few questions, each with the answers given before."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from clinicdir import clock
from clinicdir.appointments.drafts import drop_old_drafts, keep_answers
from clinicdir.db import transaction
from clinicdir.locations.models import Location, LocationStatus
from clinicdir.locations.queries import organization_name
from clinicdir.web.answers import slugs_of
from clinicdir.web.forms import STEPS, GoalForm, Offer, QuestionForm
from clinicdir.web.parts import parts
from clinicdir.web.public.answering import (
    chosen,
    instead_of,
    limited,
    offered,
    refused,
    today_at,
)
from clinicdir.web.public.blueprint import bp
from clinicdir.web.public.drafts import Kept, begin, named, remember, started, tagged
from clinicdir.web.security import form_token_failed, keeps_answers, limiter
from clinicdir.web.signs import kept_signs, opened_stamp

PER_ADDRESS = "200 per 10 minutes"
# The name that a link gives to where it stands: a poster, a doctor's page.
_SOURCE = re.compile(r"[A-Za-z0-9._-]{1,64}")
_BY_STEP = {form.step: form for form in STEPS}


@dataclass(frozen=True)
class Around:
    """What a page of questions says besides its questions."""

    expired: bool = False
    # Clinics asked for by a link, whose notices come first.
    asked: Sequence[str] = ()
    # Other requests that this browser has begun.
    begun: Sequence[Kept] = ()


@bp.get("/request")
def start() -> str:
    """Ask where and what for, anew or again; a link may have named the clinic and the goal."""
    now = clock.now()
    begun = started(now=now)
    tag = request.args.get("d")
    kept = None if tag is None else tagged(tag, now=now)
    new = kept is None
    kept = kept or begin(begun)
    form, asked = GoalForm(formdata=None), _asked()
    answers = kept.answers | asked
    around = Around(asked=slugs_of(answers), begun=begun if new else ())
    if any(place.status is LocationStatus.CLOSED for place in chosen(asked.get("location", ()))):
        # Said at the top, and not ticked.
        answers["location"] = kept.answers.get("location")
    _prepare(form, answers)
    form.fill(answers)
    form.source.data = _source(request.args.get("source")) or kept.source
    form.change.data = _changing()
    return _question_page(form, kept, around)


@bp.get("/request/<any(who, contact, times):step>")
def question(step: str) -> ResponseReturnValue:
    """Ask the next questions, with the answers given before."""
    kept = tagged(request.args.get("d"), now=clock.now())
    if kept is None or kept.draft is None:
        return to_start()
    form = _BY_STEP[step](formdata=None)
    _prepare(form, kept.answers)
    form.fill(kept.answers)
    form.change.data = _changing()
    return _question_page(form, kept)


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


def to_start() -> ResponseReturnValue:
    """Lead to the first page; whoever came by a link of ours learns that the answers are gone."""
    gone = "all" if "d" in request.args or request.form.get("draft") else None
    return redirect(url_for("public.start", gone=gone), code=303)


def _take_answers(kind: type[QuestionForm]) -> ResponseReturnValue:
    now = clock.now()
    form = kind()
    # A form without a name for its draft is an old or a copied one; the first page starts anew.
    anew = kind is GoalForm and not form.draft.data
    kept = None if anew else named(form.draft.data, now=now)
    if kept is None:
        if kind is not GoalForm and not form_token_failed():
            return to_start()
        kept = begin(started(now=now))
    answers = kept.answers | form.answers()
    _prepare(form, answers)
    remember(kept)
    if form_token_failed():
        return _question_page(form, kept, Around(expired=True)), 400
    if form.attach(refused(answers)):
        return _question_page(form, kept), 422
    kept_now: dict[str, Any] = {"answers": form.answers()}
    if isinstance(form, GoalForm):
        kept_now["source"] = _source(form.source.data)
        stamp, trap = form.opened.data, form.aside.data
        kept_now["signs"] = kept_signs(kept.draft, stamp=stamp, trap=trap)
    with transaction():
        drop_old_drafts(now=now)
        # Another tab may have answered another page of it just now.
        keep_answers(kept.token, kept_now, now=now)
    if kept.draft is None and kind is not GoalForm:
        # A day has passed: this page's answers are kept, those before it are asked again.
        return redirect(url_for("public.start", d=kept.tag, gone="before"), code=303)
    return redirect(_next_url(kind, kept, changing=bool(form.change.data)), code=303)


def _next_url(kind: type[QuestionForm], kept: Kept, *, changing: bool) -> str:
    following = STEPS.index(kind) + 1
    if changing or following == len(STEPS):
        return url_for("public.check", d=kept.tag)
    return url_for("public.question", step=STEPS[following].step, d=kept.tag)


def _previous_url(form: QuestionForm, kept: Kept) -> str | None:
    """Return where Back leads, None on the first page."""
    number = STEPS.index(type(form))
    if form.change.data:
        return url_for("public.check", d=kept.tag)
    if number == 0:
        return None
    if number == 1:
        return url_for("public.start", d=kept.tag)
    return url_for("public.question", step=STEPS[number - 1].step, d=kept.tag)


def _asked() -> dict[str, Any]:
    """Return what a link has answered already: a clinic and a goal that there are."""
    asked: dict[str, Any] = {}
    slug, goal = request.args.get("location"), request.args.get("goal")
    if slug and chosen([slug]):
        asked["location"] = [slug]
    if goal in {choice.code for choice in parts().intake.goals}:
        asked["goal"] = goal
    return asked


def _source(text: str | None) -> str | None:
    return text if text and _SOURCE.fullmatch(text) else None


def _changing() -> str | None:
    """Return the mark of a page that leads back to the check of all answers."""
    return "1" if "change" in request.args else None


def _prepare(form: QuestionForm, answers: dict[str, Any]) -> None:
    slugs = slugs_of(answers)
    places = offered(slugs) if isinstance(form, GoalForm) else []
    form.prepare(Offer(parts().intake, places, today_at(slugs), chosen(slugs), answers))


def _question_page(form: QuestionForm, kept: Kept, around: Around | None = None) -> str:
    around = around or Around()
    form.draft.data = kept.token
    places: list[Location] = []
    if isinstance(form, GoalForm):
        # The page shows the notice in force; who sends it on has been shown this one.
        form.consent_version.data = parts().intake.consent.version
        places = offered(form.location.data or ())
        form.opened.data = form.opened.data or opened_stamp(clock.now())
    noticed = limited(chosen(around.asked or slugs_of(form.data)))
    return render_template(
        form.template,
        group=organization_name(),
        form=form,
        consent=parts().intake.consent,
        expired=around.expired,
        places=places,
        noticed=[(place, instead_of(place)) for place in noticed],
        begun=around.begun,
        gone=request.args.get("gone"),
        tag=kept.tag,
        back=_previous_url(form, kept),
        number=STEPS.index(type(form)) + 1,
        count=len(STEPS),
    )
