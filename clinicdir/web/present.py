"""Who is here: the sign-in of the cookie that a request brings, and whose it is."""

from flask import session
from flask_login import current_user

from clinicdir import clock
from clinicdir.db import db
from clinicdir.errors import NotFound
from clinicdir.staff.models import StaffMember, StaffSession
from clinicdir.staff.queries import find_session
from clinicdir.staff.sessions import can_go_on, is_pending, pass_session

COOKIE_KEY = "staff_session"


def own_session() -> StaffSession:
    """Return the row of the present sign-in, behind the guard of the staff blueprint."""
    row = find_session(session[COOKIE_KEY])
    if row is None:
        raise NotFound
    return row


def pending_sign_in() -> tuple[StaffSession, StaffMember] | None:
    """Return the sign-in of this cookie that waits for its second factor, and whose it is."""
    token = session.get(COOKIE_KEY)
    row = find_session(token) if token else None
    if row is None or not is_pending(row, now=clock.now()):
        return None
    member = db.session.get(StaffMember, row.staff_id)
    return None if member is None or not member.active else (row, member)


def present_token() -> str | None:
    """Return the token of this cookie's sign-in, whatever it opens."""
    token: str | None = session.get(COOKIE_KEY)
    return token


def open_sign_in() -> tuple[StaffSession, StaffMember] | None:
    """Return the sign-in of this cookie that is live or that its password opens, and whose it is.

    Asking is not activity.
    """
    token = present_token()
    row = find_session(token) if token else None
    member = None if row is None else db.session.get(StaffMember, row.staff_id)
    if row is None or member is None or session.get("_user_id") != member.fs_uniquifier:
        return None
    return (row, member) if can_go_on(row, member, now=clock.now()) else None


def let_in(row: StaffSession, member: StaffMember) -> None:
    """Open a sign-in whose second factor was right, inside the caller's transaction."""
    session[COOKIE_KEY] = pass_session(row, member, now=clock.now())


def signed_in() -> StaffMember:
    """Return who is signed in, behind the guard of the staff blueprint."""
    member: StaffMember = current_user._get_current_object()  # noqa: SLF001 - the proxy's own way
    return member
