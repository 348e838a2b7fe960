"""Taking a request back: a page that changes nothing, and a press that does."""

from flask import redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm.exc import StaleDataError

from clinicdir import clock
from clinicdir.appointments.answers import AnswerReader
from clinicdir.appointments.following import follow_link
from clinicdir.appointments.operations import Move, act
from clinicdir.appointments.rules import Action, Status, allowed_actions
from clinicdir.appointments.submission import SHORT_TEXT
from clinicdir.audit.rules import PATIENT
from clinicdir.db import transaction
from clinicdir.errors import NotAllowed, marked
from clinicdir.web.own_forms import WithdrawForm
from clinicdir.web.public.blueprint import bp
from clinicdir.web.public.own_check import is_checked, proof_label, prove
from clinicdir.web.public.own_view import PER_ADDRESS, frame, told_status
from clinicdir.web.security import form_token_failed, keeps_answers, limiter


@bp.get("/requests/<token>/withdraw")
def own_withdraw(token: str) -> ResponseReturnValue:
    """Ask once more; programs that follow every link of a mail come no further than here."""
    if Action.WITHDRAW not in allowed_actions(told_status(follow_link(token))):
        return redirect(url_for("public.own_page", token=token), code=303)
    return _page(token, WithdrawForm(formdata=None))


@bp.post("/requests/<token>/withdraw")
@keeps_answers
@limiter.limit(PER_ADDRESS)
def withdraw(token: str) -> ResponseReturnValue:
    """Take the request back; a second press finds it taken back."""
    found, form = follow_link(token), WithdrawForm()
    if form_token_failed():
        return _page(token, form, problem="expired"), 400
    if found.status is not Status.WITHDRAWN:
        if not prove(form, token, found):
            return _page(token, form), 422
        reader = AnswerReader({"reason": form.reason.data})
        too_long = marked("Reason must be 200 characters or less")
        reason = reader.text("reason", limit=SHORT_TEXT, too_long=too_long)
        if form.attach(reader.errors):
            return _page(token, form), 422
        if not _withdraw(token, reason):
            return _page(token, form, problem="stale"), 409
    return redirect(url_for("public.own_page", token=token), code=303)


def _withdraw(token: str, reason: str | None) -> bool:
    """Say whether the request is taken back now, by this press or one at the same moment."""
    try:
        with transaction():
            found = follow_link(token, to_change=True)
            if found.status is not Status.WITHDRAWN:
                step = Move(Action.WITHDRAW, note=reason)
                act(found, step, actor=PATIENT, now=clock.now())
    except (NotAllowed, StaleDataError):
        return False
    return True


def _page(token: str, form: WithdrawForm, *, problem: str = "") -> str:
    found = follow_link(token)
    return render_template(
        "public/own_withdraw.html",
        **frame(found),
        token_=token,
        form=form,
        problem=problem,
        proof_label="" if is_checked(token, found) else proof_label(found),
    )
