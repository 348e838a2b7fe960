"""The pages of one-time links: choose a first password, or sign in at once."""

from flask import Blueprint, redirect, render_template
from flask.typing import ResponseReturnValue
from flask_security import hash_password, login_user

from clinicdir import clock
from clinicdir.db import transaction
from clinicdir.locations.queries import organization_name
from clinicdir.staff.models import StaffMember
from clinicdir.staff.operations import get_link, use_link
from clinicdir.staff.rules import LinkPurpose
from clinicdir.web.login import PER_ADDRESS, second_factor_url
from clinicdir.web.passwords import PasswordForm
from clinicdir.web.present import pending_sign_in
from clinicdir.web.security import form_token_failed, keeps_answers, limiter

bp = Blueprint("invitation", __name__)


@bp.get("/invitation/<token>")
def invitation(token: str) -> ResponseReturnValue:
    """Show what a one-time link opens; looking does not use it up, for mail scanners look too."""
    link, member = get_link(token, now=clock.now())
    return _invitation_page(PasswordForm(), link.purpose, member)


@bp.post("/invitation/<token>")
@keeps_answers
@limiter.limit(PER_ADDRESS)
def accept_invitation(token: str) -> ResponseReturnValue:
    """Set the first password where the link asks for one, use the link up and sign in."""
    link, member = get_link(token, now=clock.now())
    form, chooses = PasswordForm(), link.purpose is LinkPurpose.INVITATION
    if form_token_failed():
        return _invitation_page(form, link.purpose, member), 400
    if chooses and not form.check(member.email):
        return _invitation_page(form, link.purpose, member), 422
    hashed = hash_password(form.password.data or "") if chooses else None
    with transaction():
        member = use_link(token, password_hash=hashed, now=clock.now())
    login_user(member)
    waits = pending_sign_in() is not None
    return redirect(second_factor_url("") if waits else "/staff/", code=303)


def _invitation_page(form: PasswordForm, purpose: LinkPurpose, member: StaffMember) -> str:
    chooses = purpose is LinkPurpose.INVITATION
    form.password.data = None  # a password is never sent back
    return render_template(
        "staff/invitation.html",
        group=organization_name(),
        form=form,
        chooses=chooses,
        email=member.email,
        expired=form_token_failed(),
    )
