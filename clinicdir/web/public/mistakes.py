"""Report a mistake on a clinic's page: one text, to the people who look after the page."""

from flask import redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from wtforms import TextAreaField

from clinicdir import clock
from clinicdir.appointments.answers import AnswerReader
from clinicdir.db import transaction
from clinicdir.errors import marked
from clinicdir.locations.mistakes import TEXT_LENGTH, report_mistake
from clinicdir.locations.models import Location
from clinicdir.locations.queries import get_location, organization_name
from clinicdir.web.errors import remember_phones
from clinicdir.web.forms import Form
from clinicdir.web.public.blueprint import bp
from clinicdir.web.security import form_token_failed, keeps_answers, limiter

PER_ADDRESS = "20 per 10 minutes"


class MistakeForm(Form):
    """What is wrong on the page."""

    text = TextAreaField()


@bp.get("/locations/<slug>/mistake")
def mistake(slug: str) -> str:
    """Ask what is wrong on a clinic's page."""
    return _page(_location(slug), MistakeForm(formdata=None))


@bp.post("/locations/<slug>/mistake")
@keeps_answers
@limiter.limit(PER_ADDRESS)
def report(slug: str) -> ResponseReturnValue:
    """Store what is wrong on a clinic's page."""
    shown, form = _location(slug), MistakeForm()
    if form_token_failed():
        return _page(shown, form, expired=True), 400
    reader = AnswerReader({"text": form.text.data or ""})
    text = reader.text(
        "text",
        limit=TEXT_LENGTH,
        too_long=marked("What is wrong must be 1,000 characters or less"),
        missing=marked("Enter what is wrong on the page"),
    )
    if text is None:
        form.attach(reader.errors)
        return _page(shown, form), 422
    with transaction():
        report_mistake(shown, text, now=clock.now())
    return redirect(url_for("public.mistake_taken", slug=slug), code=303)


@bp.get("/locations/<slug>/mistake/thanks")
def mistake_taken(slug: str) -> str:
    """Say that the report has come in."""
    return render_template(
        "public/mistake_taken.html", group=organization_name(), location=_location(slug)
    )


def _location(slug: str) -> Location:
    shown = get_location(slug)
    remember_phones([shown])
    return shown


def _page(shown: Location, form: MistakeForm, *, expired: bool = False) -> str:
    return render_template(
        "public/mistake.html",
        group=organization_name(),
        location=shown,
        form=form,
        expired=expired,
    )
