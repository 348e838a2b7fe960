"""The second step of the sign-in: a code of an app, or its set-up where one is a must."""

import segno
from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue
from limits import parse_many
from wtforms import StringField

from clinicdir import clock
from clinicdir.db import transaction
from clinicdir.errors import Invalid, NotAllowed
from clinicdir.locations.queries import organization_name
from clinicdir.staff.models import StaffMember
from clinicdir.staff.second_factor import (
    app_link,
    confirm_factor,
    has_factor,
    pass_factor,
    secret_of,
)
from clinicdir.web.forms import Form
from clinicdir.web.login import is_own_path
from clinicdir.web.present import let_in, pending_sign_in
from clinicdir.web.security import form_token_failed, keeps_answers
from clinicdir.web.tries import Counter, count_try
from clinicdir.web.watching import note_refused, note_staff

bp = Blueprint("second_factor", __name__)

# Three of a million codes fit at a time: 20 tries an hour find one in two years, on average.
_LIMITS = parse_many("5 per minute; 20 per hour")
_INBOX = "/staff/"


class CodeForm(Form):
    """Takes a code of an app, or a recovery code."""

    code = StringField()


@bp.get("/second-factor")
def ask() -> ResponseReturnValue:
    """Ask for the code, or show how to set an app up where there is none yet."""
    waiting = pending_sign_in()
    if waiting is None:
        return redirect(_INBOX, code=303)  # which leads to the sign-in where there is none
    return _page(CodeForm(formdata=None), waiting[1])


@bp.post("/second-factor")
@keeps_answers
def take() -> ResponseReturnValue:
    """Take the code; the first right one of a new app also gives the recovery codes."""
    waiting = pending_sign_in()
    if waiting is None:
        return redirect(_INBOX, code=303)
    form = CodeForm()
    note_staff(waiting[1].id)
    if form_token_failed():
        return _page(form, waiting[1]), 400
    count_proof(waiting[1].id)
    try:
        with transaction():
            codes = _let_in_by(form.code.data or "")
    except Invalid as refusal:
        note_refused("second_step")
        form.attach(refusal.errors)
        return _page(form, waiting[1]), 422
    if codes is None:
        return redirect(_target(), code=303)
    return recovery_codes_page(codes, target=_target())


def count_proof(staff_id: int) -> None:
    """Count a try at a person's code or password, wherever it is made; 429 after too many.

    Without a count nobody may try: six digits could be guessed.
    """
    count_try(*(Counter(limit, "proof", str(staff_id)) for limit in _LIMITS))


def _let_in_by(code: str) -> list[str] | None:
    """Open the sign-in by a code; return the recovery codes if it was the first of an app."""
    waiting = pending_sign_in()
    if waiting is None:  # opened a moment ago, in another tab
        raise NotAllowed
    row, member = waiting
    codes = None
    if has_factor(member):
        pass_factor(member, code, now=clock.now())
    else:
        codes = confirm_factor(member, code, now=clock.now())
    let_in(row, member)
    return codes


def recovery_codes_page(codes: list[str], *, target: str) -> str:
    """Show new recovery codes, which are never shown again."""
    return render_template(
        "staff/recovery_codes.html", group=organization_name(), codes=codes, target=target
    )


def app_picture(member: StaffMember, secret: str) -> str:
    """Return the QR code that an app reads, as a data address that stands in the page itself."""
    link = app_link(member, secret, organization_name())
    picture: str = segno.make(link, error="m").svg_data_uri(scale=4, light="#fff", border=3)
    return picture


def _page(form: CodeForm, member: StaffMember) -> str:
    secret = None if has_factor(member) else secret_of(member)
    form.code.data = None
    return render_template(
        "staff/second_factor.html",
        group=organization_name(),
        form=form,
        secret=secret,
        picture=app_picture(member, secret) if secret else None,
        target=request.args.get("next"),
        expired=form_token_failed(),
    )


def _target() -> str:
    """Return where the person wanted to go; only a path of our own counts."""
    wanted = request.args.get("next", "")
    return wanted if wanted and is_own_path(wanted) else _INBOX
