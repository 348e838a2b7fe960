"""The contact check: a link alone opens no contact data; its sender's phone number does."""

import hashlib
from datetime import datetime, timedelta

from flask import redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from limits import parse

from clinicdir import clock
from clinicdir.appointments.contact_check import Proof, proves, wanted_proof
from clinicdir.appointments.following import follow_link
from clinicdir.appointments.models import AppointmentRequest
from clinicdir.errors import marked
from clinicdir.web.language import gettext
from clinicdir.web.own_forms import CheckForm, ProofForm
from clinicdir.web.public.blueprint import bp
from clinicdir.web.public.own_view import frame
from clinicdir.web.security import address_prefix, form_token_failed, keeps_answers
from clinicdir.web.tries import Counter, count_try, give_back
from clinicdir.web.watching import note_refused

KEPT_FOR = timedelta(minutes=30)
_COOKIE_KEY = "checked"
_MOST_KEPT = 5
_PER_LINK = parse("5 per 15 minutes")
_PER_ADDRESS = parse("20 per 15 minutes")
# Where the check may lead to, besides the own page.
_NEXT = frozenset({"who", "contact", "times", "clinic"})
ASKED = {
    Proof.PHONE_DIGITS: marked("Last four digits of your phone number"),
    Proof.EMAIL_LETTERS: marked("First three letters of your email address"),
}
_MISSING = {
    Proof.PHONE_DIGITS: marked("Enter the last four digits of your phone number"),
    Proof.EMAIL_LETTERS: marked("Enter the first three letters of your email address"),
}
_WRONG = {
    Proof.PHONE_DIGITS: marked("Enter the last four digits of the phone number in your request"),
    Proof.EMAIL_LETTERS: marked("Enter the first three letters of the email in your request"),
}


@bp.get("/requests/<token>/check")
def own_check(token: str) -> ResponseReturnValue:
    """Ask for the end of the phone number, and say what for."""
    found, wanted = follow_link(token), request.args.get("next", "")
    if is_checked(token, found):
        return redirect(_next_url(token, wanted), code=303)
    form = CheckForm(formdata=None)
    form.next.data = wanted
    return check_page(token, found, form)


@bp.post("/requests/<token>/check")
@keeps_answers
def pass_check(token: str) -> ResponseReturnValue:
    """Open the contact data to whoever knows the end of the phone number."""
    found, form = follow_link(token), CheckForm()
    if form_token_failed():
        return check_page(token, found, form, expired=True), 400
    if not prove(form, token, found):
        note_refused("contact_check")
        return check_page(token, found, form), 422
    return redirect(_next_url(token, form.next.data or ""), code=303)


def is_checked(token: str, found: AppointmentRequest) -> bool:
    """Say whether this browser passed the check of this link less than half an hour ago."""
    return _is_fresh(session.get(_COOKIE_KEY, {}).get(_mark(token, found)), clock.now())


def prove(form: ProofForm, token: str, found: AppointmentRequest) -> bool:
    """Say whether the check is passed, now or a short while ago; the form shows why it is not.

    Wrong tries are counted by link and by sender; too many end the request with 429.
    """
    if is_checked(token, found):
        return True
    frame(found)  # the clinic's phone, for a page that says that it was tried too often
    personal, typed = found.personal, form.proof.data or ""
    wanted = wanted_proof(personal["phone_e164"])
    if not typed.strip():
        form.proof.errors = [gettext(_MISSING[wanted])]
        return False
    counters = (
        Counter(_PER_LINK, "check link", found.link_hash.hex()),
        Counter(_PER_ADDRESS, "check address", address_prefix(request.remote_addr or "")),
    )
    count_try(*counters)
    if not proves(typed, phone_e164=personal["phone_e164"], email=personal["email"]):
        form.proof.errors = [gettext(_WRONG[wanted])]
        return False
    give_back(*counters)
    _remember(token, found)
    return True


def proof_label(found: AppointmentRequest) -> str:
    """Return what the check asks for."""
    return gettext(ASKED[wanted_proof(found.personal["phone_e164"])])


def _remember(token: str, found: AppointmentRequest) -> None:
    now = clock.now()
    kept = {mark: at for mark, at in session.get(_COOKIE_KEY, {}).items() if _is_fresh(at, now)}
    newest = sorted(kept.items(), key=lambda item: item[1])[1 - _MOST_KEPT :]
    session[_COOKIE_KEY] = dict(newest) | {_mark(token, found): int(now.timestamp())}


def _is_fresh(at: int | None, now: datetime) -> bool:
    return at is not None and 0 <= now.timestamp() - at < KEPT_FOR.total_seconds()


def _mark(token: str, found: AppointmentRequest) -> str:
    """Return what the cookie keeps of a link and what it shows: a merge asks for a new check."""
    return hashlib.sha256(token.encode() + found.row_key).hexdigest()[:32]


def _next_url(token: str, wanted: str) -> str:
    if wanted in _NEXT:
        return url_for("public.own_change", token=token, step=wanted)
    return url_for("public.own_page", token=token)


def check_page(
    token: str, found: AppointmentRequest, form: CheckForm, *, expired: bool = False
) -> str:
    """Return the page that asks for the check."""
    return render_template(
        "public/own_check.html",
        **frame(found),
        token_=token,
        form=form,
        expired=expired,
        proof_label=proof_label(found),
    )
