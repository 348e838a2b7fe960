"""Erasing a request: a page that says what goes and what stays, and a press that does it."""

from flask import redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm.exc import StaleDataError

from clinicdir import clock
from clinicdir.appointments.erasing import erase_by_link, is_under_way
from clinicdir.appointments.following import follow_link
from clinicdir.audit.rules import PATIENT
from clinicdir.db import transaction
from clinicdir.errors import NotAllowed
from clinicdir.locations.queries import organization_name
from clinicdir.web.own_forms import ProofForm
from clinicdir.web.public.blueprint import bp
from clinicdir.web.public.own_check import is_checked, proof_label, prove
from clinicdir.web.public.own_view import PER_ADDRESS, frame, told_status
from clinicdir.web.security import form_token_failed, keeps_answers, limiter


@bp.get("/requests/<token>/erase")
def own_erase(token: str) -> str:
    """Ask once more; programs that follow every link of a mail come no further than here."""
    return _page(token, ProofForm(formdata=None))


@bp.post("/requests/<token>/erase")
@keeps_answers
@limiter.limit(PER_ADDRESS)
def erase(token: str) -> ResponseReturnValue:
    """Erase the request; from then on its link answers as one that never was."""
    found, form = follow_link(token), ProofForm()
    if form_token_failed():
        return _page(token, form, problem="expired"), 400
    if not prove(form, token, found):
        return _page(token, form), 422
    try:
        with transaction():
            erase_by_link(token, actor=PATIENT, now=clock.now())
    except (NotAllowed, StaleDataError):
        return _page(token, form, problem="stale"), 409
    return redirect(url_for("public.erased"), code=303)


@bp.get("/erased")
def erased() -> str:
    """Say that it is done; the page names no request, for there is none any more."""
    return render_template("public/erased.html", group=organization_name())


def _page(token: str, form: ProofForm, *, problem: str = "") -> str:
    found = follow_link(token)
    return render_template(
        "public/own_erase.html",
        **frame(found),
        token_=token,
        form=form,
        problem=problem,
        # Who is taken for spam is shown what everybody else is shown.
        is_under_way=told_status(found).is_open or is_under_way(found, now=clock.now()),
        proof_label="" if is_checked(token, found) else proof_label(found),
    )
