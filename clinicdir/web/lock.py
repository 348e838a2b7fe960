"""The lock of a staff page after some idle minutes: what was typed stays, the password opens it."""

from flask import Blueprint, Response, redirect, render_template, request, session
from flask.typing import ResponseReturnValue
from flask_security import verify_password
from wtforms import PasswordField, StringField

from clinicdir import clock
from clinicdir.appointments.answers import showable
from clinicdir.appointments.groups import Group, View, capped, count_groups
from clinicdir.db import transaction
from clinicdir.errors import NotAllowed
from clinicdir.locations.queries import organization_name
from clinicdir.staff.models import StaffMember
from clinicdir.staff.sessions import actor_of, end_session, unlock_session
from clinicdir.web.errors import SECRET
from clinicdir.web.forms import Form
from clinicdir.web.language import gettext
from clinicdir.web.login import is_own_path, password_tries
from clinicdir.web.present import open_sign_in, present_token
from clinicdir.web.security import Locked, form_token_failed, keeps_answers
from clinicdir.web.tries import has_room
from clinicdir.web.watching import note_refused, note_staff

bp = Blueprint("lock", __name__)

_INBOX = "/staff/"
_KEPT = "kept-"
_NOT_KEPT = SECRET | {"csrf_token"}


class UnlockForm(Form):
    """Takes the password, and keeps where a form was going that met the lock."""

    password = PasswordField()
    address = StringField()


@bp.get("/unlock")
def ask() -> ResponseReturnValue:
    """Ask for the password; `?part=counts` tells only how much waits. Neither is activity."""
    found = open_sign_in()
    if found is None:
        return redirect(_target(), code=303)  # which leads to the sign-in
    if request.args.get("part") == "counts":
        return Response(_counts(found[1]), content_type="text/plain; charset=utf-8")
    return _page(UnlockForm(formdata=None), found[1], {})


@bp.post("/unlock")
@keeps_answers
def take() -> ResponseReturnValue:
    """Open the sign-in again by its password, and give back the form that met the lock."""
    found = open_sign_in()
    if found is None:
        return redirect(_target(), code=303)
    form, kept, member = UnlockForm(), _kept(), found[1]
    problem, status = _check(form, member)
    note_staff(member.id)
    if status is not None:
        note_refused("unlock")
        return _page(form, member, kept, problem=problem), status
    with transaction():
        _open()
    if request.args.get("part") == "sheet":  # asked by static/js/lock.js, whose page stays
        return Response(status=204)
    address = form.address.data or ""
    if not (address.startswith(_INBOX) and is_own_path(address)):
        return redirect(_target(), code=303)
    return render_template(
        "staff/unlocked.html",
        group=organization_name(),
        address=address,
        kept=kept,
        # What is sentences, not the marks of lists and numbers of versions.
        sentences=[text for texts in kept.values() for text in texts if " " in text.strip()],
    )


@bp.post("/unlock/leave")
def leave() -> ResponseReturnValue:
    """End the sign-in, so that somebody else can sign in here."""
    found, token = open_sign_in(), present_token()
    if found is not None and token is not None:
        with transaction():
            end_session(token, actor=actor_of(found[1]), now=clock.now())
    session.clear()
    return redirect("/staff/login", code=303)


@bp.app_errorhandler(Locked)
def stop(_locked: Locked) -> ResponseReturnValue:
    """Answer a form that meets the lock: nothing is done yet, and all that was typed is kept."""
    found = open_sign_in()
    if found is None:  # ended this very moment
        return redirect("/staff/login", code=303)
    form = UnlockForm(formdata=None)
    form.address.data = request.full_path.rstrip("?")
    kept = {
        showable(name): [showable(text) for text in texts]
        for name, texts in request.form.lists()
        if name not in _NOT_KEPT
    }
    return _page(form, found[1], kept), 403


def _check(form: UnlockForm, member: StaffMember) -> tuple[str | None, int | None]:
    """Return what is wrong with a try and its status; no status for the right password."""
    if form_token_failed():
        return None, 400
    if not has_room(*password_tries("unlock", str(member.id))):
        return gettext("Wait a minute, then type your password once more"), 429
    if _is_password(member, form.password.data or ""):
        return None, None
    return gettext("Enter the password that you sign in with"), 422


def _is_password(member: StaffMember, typed: str) -> bool:
    return member.password is not None and bool(verify_password(typed, member.password))


def _open() -> None:
    found = open_sign_in()
    if found is None:  # ended this very moment
        raise NotAllowed
    unlock_session(*found, now=clock.now())


def _kept() -> dict[str, list[str]]:
    return {
        showable(name.removeprefix(_KEPT)): [showable(text) for text in texts]
        for name, texts in request.form.lists()
        if name.startswith(_KEPT)
    }


def _target() -> str:
    """Return where the person wanted to go; only a page of the staff counts."""
    wanted = request.args.get("next", "")
    return wanted if wanted.startswith(_INBOX) and is_own_path(wanted) else _INBOX


def _counts(member: StaffMember) -> str:
    """Return how much waits for the person, without a name or a number of anybody."""
    counts = count_groups(View(member.scope, member.id, clock.now()))
    return gettext(
        "%(new)s new, %(overdue)s overdue",
        new=capped(counts[Group.NEW]),
        overdue=capped(counts[Group.OVERDUE]),
    )


def _page(
    form: UnlockForm, member: StaffMember, kept: dict[str, list[str]], problem: str | None = None
) -> str:
    form.password.data = None
    form.password.errors = [problem] if problem else []
    target = request.args.get("next", "")
    return render_template(
        "staff/unlock.html",
        group=organization_name(),
        form=form,
        counts=_counts(member),
        kept={f"{_KEPT}{name}": texts for name, texts in kept.items()},
        target=target if is_own_path(target) else None,
        expired=form_token_failed(),
    )
