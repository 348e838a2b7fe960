"""A person's own account: password, second step, sign-ins, shortcut keys."""

from collections.abc import Callable
from datetime import timedelta

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_security import hash_password, verify_password

from clinicdir import clock
from clinicdir.db import transaction
from clinicdir.errors import Forbidden, Invalid, marked
from clinicdir.locations.queries import organization_name
from clinicdir.staff.operations import set_password
from clinicdir.staff.rules import Right
from clinicdir.staff.second_factor import (
    confirm_factor,
    count_recovery_codes,
    has_factor,
    pass_factor,
    remove_factor,
    renew_recovery_codes,
    secret_of,
    start_factor,
)
from clinicdir.staff.sessions import actor_of, end_own_session, list_sessions
from clinicdir.web.language import gettext
from clinicdir.web.parts import parts
from clinicdir.web.passwords import NewPasswordForm
from clinicdir.web.present import own_session, signed_in
from clinicdir.web.second_factor import CodeForm, app_picture, count_proof, recovery_codes_page
from clinicdir.web.security import form_token_failed, keeps_answers
from clinicdir.web.staff.blueprint import bp, needs
from clinicdir.web.watching import note_refused

_DONE = {
    "password": marked("Your new password counts. Your other sign-ins have ended."),
    "off": marked("The second step is off."),
    "session": marked("That sign-in has ended."),
    "shortcuts": marked("Saved."),
}


@bp.get("/account")
@needs(Right.LIST)
def account() -> str:
    """Show the person's own account."""
    return _page()


@bp.post("/account/password")
@keeps_answers
@needs(Right.LIST)
def change_password() -> ResponseReturnValue:
    """Take a new password, for whoever knows the present one; other sign-ins end."""
    form, member = NewPasswordForm(), signed_in()
    if form_token_failed():
        return _page(password=form), 400
    count_proof(member.id)
    known = member.password is not None and verify_password(
        form.current.data or "", member.password
    )
    if not known:
        note_refused("password")
        form.current.errors = [gettext("Enter the password that you sign in with now")]
    if not (form.check(member.email) and known):
        return _page(password=form), 422
    hashed, kept = hash_password(form.password.data or ""), own_session().id
    with transaction():
        set_password(signed_in(), hashed, keep_session=kept, now=clock.now())
    return _done("password")


@bp.post("/account/factor")
@needs(Right.LIST)
def begin_factor() -> ResponseReturnValue:
    """Make the key for an app; the second step counts from its first right code on."""
    with transaction():
        start_factor(signed_in(), now=clock.now())
    return redirect(url_for("staff.account"), code=303)


@bp.post("/account/factor/confirm")
@keeps_answers
@needs(Right.LIST)
def turn_factor_on() -> ResponseReturnValue:
    """Turn the second step on, and show its recovery codes."""
    return _by_code(lambda code: confirm_factor(signed_in(), code, now=clock.now()))


@bp.post("/account/factor/codes")
@keeps_answers
@needs(Right.LIST)
def make_recovery_codes() -> ResponseReturnValue:
    """Make new recovery codes; the older ones end."""

    def renew(code: str) -> list[str]:
        pass_factor(signed_in(), code, now=clock.now())
        return renew_recovery_codes(signed_in(), now=clock.now())

    return _by_code(renew)


@bp.post("/account/factor/off")
@keeps_answers
@needs(Right.LIST)
def turn_factor_off() -> ResponseReturnValue:
    """Turn the second step off, where it is not a must."""
    if parts().settings.is_production:
        raise Forbidden

    def remove(code: str) -> None:
        member = signed_in()
        pass_factor(member, code, now=clock.now())
        remove_factor(member, actor=actor_of(member), now=clock.now())

    return _by_code(remove)


@bp.post("/account/shortcuts")
@needs(Right.LIST)
def set_shortcuts() -> ResponseReturnValue:
    """Turn the shortcut keys on or off."""
    with transaction():
        signed_in().shortcuts = request.form.get("shortcuts") == "on"
    return _done("shortcuts")


@bp.post("/account/sessions/<int:session_id>")
@needs(Right.LIST)
def end_sign_in(session_id: int) -> ResponseReturnValue:
    """End another sign-in of the same person."""
    with transaction():
        end_own_session(session_id, signed_in(), now=clock.now())
    return _done("session")


def _by_code(change: Callable[[str], list[str] | None]) -> ResponseReturnValue:
    """Make a change that a code of the app allows; show recovery codes if it gives some."""
    form = CodeForm()
    if form_token_failed():
        return _page(code=form), 400
    count_proof(signed_in().id)
    try:
        with transaction():
            codes = change(form.code.data or "")
    except Invalid as refusal:
        note_refused("second_step")
        form.attach(refusal.errors)
        return _page(code=form), 422
    if codes is None:
        return _done("off")
    return recovery_codes_page(codes, target=url_for("staff.account"))


def _done(what: str) -> ResponseReturnValue:
    return redirect(url_for("staff.account", done=what), code=303)


def _page(*, password: NewPasswordForm | None = None, code: CodeForm | None = None) -> str:
    member, now = signed_in(), clock.now()
    secret = secret_of(member)
    idle = timedelta(minutes=parts().settings.idle_minutes)
    done = _DONE.get(request.args.get("done", ""))
    code = code or CodeForm(formdata=None)
    password = password or NewPasswordForm(formdata=None)
    # What opens doors is never sent back.
    code.code.data = password.current.data = password.password.data = None
    return render_template(
        "staff/account.html",
        group=organization_name(),
        member=member,
        form=password if password.errors else code,
        password=password,
        code=code,
        secret=secret,
        picture=app_picture(member, secret) if secret else None,
        has_factor=has_factor(member),
        codes_left=count_recovery_codes(member),
        sessions=list_sessions(member, idle=idle, now=now),
        own_session_id=own_session().id,
        zone=member.locations[0].time_zone if member.locations else "UTC",
        done=gettext(done) if done else None,
        expired=form_token_failed(),
    )
