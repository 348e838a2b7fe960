"""The end of a request's form: check the answers, send them, or forget them."""

from dataclasses import dataclass

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from clinicdir import clock
from clinicdir.appointments.arrival import Arrival, link_token, submit_request
from clinicdir.appointments.drafts import drop_draft
from clinicdir.appointments.queries import find_by_submission_key
from clinicdir.appointments.rules import RequestChannel
from clinicdir.audit.rules import PATIENT
from clinicdir.db import transaction
from clinicdir.errors import FieldError, Invalid
from clinicdir.locations.queries import organization_name
from clinicdir.web.answers import answer_rows, slugs_of
from clinicdir.web.errors import remember_phones
from clinicdir.web.forms import SendForm, step_of
from clinicdir.web.language import LOCALE, gettext
from clinicdir.web.opening import answer_words
from clinicdir.web.parts import parts
from clinicdir.web.public.answering import chosen, instead_of, limited, receiver, submission_of
from clinicdir.web.public.asking import PER_ADDRESS, to_start
from clinicdir.web.public.blueprint import bp
from clinicdir.web.public.drafts import Kept, forget, named, remember, tagged
from clinicdir.web.public.sent import forget_sent, remember_sent
from clinicdir.web.quotas import hold_earlier_copies, look_at
from clinicdir.web.security import form_token_failed, keeps_answers, limiter
from clinicdir.web.signs import form_signs


@dataclass(frozen=True)
class Trouble:
    """Why the check is shown again: what was refused, or which button to press once more."""

    refusal: Invalid | None = None
    pressed: str | None = None

    @property
    def errors(self) -> tuple[FieldError, ...]:
        """Return the refused fields."""
        return self.refusal.errors if self.refusal else ()

    @property
    def is_old_notice(self) -> bool:
        """Say whether the notice changed, so that the new one is to be shown."""
        return any(error.field == "consent_version" for error in self.errors)


@bp.get("/request/check")
def check() -> ResponseReturnValue:
    """Show every answer, with a way to change it."""
    kept = tagged(request.args.get("d"), now=clock.now())
    if kept is None or kept.draft is None:
        return to_start()
    return _check_page(kept, Trouble())


@bp.post("/request/check")
@keeps_answers
@limiter.limit(PER_ADDRESS)
def send() -> ResponseReturnValue:
    """Send the request; pressed twice, it is still one request with one reference."""
    now = clock.now()
    form = SendForm()
    kept = named(form.draft.data, now=now)
    if kept is None or kept.draft is None:
        sent = find_by_submission_key(_form_key(form.submission_key.data or ""))
        # Once staff have made a new link, an old page must not hand it out.
        if sent is None or sent.link_version != 1 or form_token_failed():
            return to_start()
        remember_sent(link_token(sent), now=now)
        return redirect(url_for("public.own_page", token=link_token(sent)), code=303)
    remember(kept)
    if form_token_failed():
        return _check_page(kept, Trouble(pressed="send")), 400
    answers = kept.answers
    if form.consent_version.data:
        answers["consent_version"] = form.consent_version.data
    key = _form_key(kept.draft.submission_key)
    try:
        submission = submission_of(answers)
        look = look_at(submission, key, form_signs(kept.draft, now=now), now=now)
        arrival = Arrival(key, RequestChannel.WEB, LOCALE, kept.source, signs=look.signs)
        with transaction():
            sent = submit_request(submission, arrival, actor=PATIENT, now=now)
            drop_draft(kept.token)
            link = link_token(sent)
    except Invalid as refusal:
        return _check_page(kept, Trouble(refusal)), 422
    hold_earlier_copies(look, now=now)
    forget(kept)
    remember_sent(link, now=now)
    return redirect(url_for("public.own_page", token=link), code=303)


@bp.post("/request/clear")
@keeps_answers
def clear() -> ResponseReturnValue:
    """Forget the answers, for people at a shared computer."""
    kept = named(request.form.get("draft"), now=clock.now())
    if kept is not None and kept.draft is not None:
        if form_token_failed():
            remember(kept)
            return _check_page(kept, Trouble(pressed="clear")), 400
        with transaction():
            drop_draft(kept.token)
    if kept is not None:
        forget(kept)
    forget_sent()
    return redirect(url_for("public.home"), code=303)


def _form_key(submission_key: str) -> str:
    return f"form:{submission_key}"


def _check_page(kept: Kept, trouble: Trouble) -> str:
    assert kept.draft is not None  # noqa: S101 - for mypy; every view has looked
    places = chosen(slugs_of(kept.answers))
    remember_phones(places)
    asked = receiver(kept.answers)
    form = SendForm(formdata=None)
    form.draft.data = kept.token
    form.submission_key.data = kept.draft.submission_key
    form.consent_version.data = parts().intake.consent.version if trouble.is_old_notice else None
    return render_template(
        "public/check.html",
        group=organization_name(),
        form=form,
        sections=answer_rows(kept.answers, parts().intake),
        asked=asked,
        answers_within=answer_words(asked, clock.now()),
        noticed=[(place, instead_of(place)) for place in limited(places)],
        refusals=[
            (_shown_at(error), gettext(error.message, **error.values)) for error in trouble.errors
        ],
        notice=parts().intake.consent if trouble.is_old_notice else None,
        pressed=trouble.pressed,
        tag=kept.tag,
    )


def _shown_at(error: FieldError) -> str:
    """Return the part of the page that an error leads to."""
    return "consent_version" if error.field == "consent_version" else step_of(error.field)
