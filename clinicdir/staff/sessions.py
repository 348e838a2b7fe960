"""Begins and ends sign-ins; a cookie opens nothing unless its row is live here."""

import secrets
from datetime import datetime, timedelta

from sqlalchemy import select, update

from clinicdir.audit.operations import record
from clinicdir.audit.rules import Actor, ActorKind
from clinicdir.crypto import token_hash
from clinicdir.db import db
from clinicdir.errors import NotFound
from clinicdir.staff.models import StaffMember, StaffSession

SESSION_LIVES = timedelta(hours=12)
# How long the page that asks for the second factor may lie open.
PENDING_LIVES = timedelta(minutes=10)
SEEN_EVERY = timedelta(minutes=1)


def actor_of(member: StaffMember) -> Actor:
    """Return the member as the one who acts."""
    return Actor(ActorKind.STAFF, staff_id=member.id, label=member.email)


def start_session(
    member: StaffMember, *, device: str = "", needs_factor: bool = False, now: datetime
) -> str:
    """Begin a sign-in; return the token for its cookie. It may still want the second factor."""
    token = secrets.token_urlsafe(32)
    db.session.add(
        StaffSession(
            token_hash=token_hash(token),
            staff_id=member.id,
            created_at=now,
            seen_at=now,
            passed_at=None if needs_factor else now,
            device=device,
        )
    )
    if not needs_factor:
        record("sign_in", actor=actor_of(member), now=now, subject=member.email)
    return token


def pass_session(session: StaffSession, member: StaffMember, *, now: datetime) -> str:
    """Open a sign-in whose second factor was right; its cookie gets a new token."""
    token = secrets.token_urlsafe(32)
    session.token_hash = token_hash(token)
    session.passed_at = session.seen_at = now
    record("sign_in", actor=actor_of(member), now=now, subject=member.email)
    return token


def end_session(token: str, *, actor: Actor, now: datetime) -> None:
    """End one sign-in on the server, so that its cookie opens nothing any more."""
    _end(StaffSession.token_hash == token_hash(token), "signed out", now=now)
    record("sign_out", actor=actor, now=now, subject=actor.label)


def end_own_session(session_id: int, member: StaffMember, *, now: datetime) -> None:
    """End another sign-in of the same person, or raise NotFound."""
    in_reach = session_id <= 2**31 - 1  # PostgreSQL refuses to look for a greater one
    session = db.session.get(StaffSession, session_id) if in_reach else None
    if session is None or session.staff_id != member.id:
        raise NotFound
    _end(StaffSession.id == session_id, "ended by its person", now=now)
    record("sign_out_elsewhere", actor=actor_of(member), now=now, subject=member.email)


def end_all_sessions(
    member: StaffMember, reason: str, *, now: datetime, keep: int | None = None
) -> None:
    """End every sign-in of a person, but for one if that is to stay."""
    which = StaffSession.staff_id == member.id
    _end(which if keep is None else which & (StaffSession.id != keep), reason, now=now)
    if keep is None:
        # Every cookie names this; a new value ends them all, whatever else happens.
        member.fs_uniquifier = secrets.token_hex(32)


def unlock_session(session: StaffSession, member: StaffMember, *, now: datetime) -> None:
    """Let a sign-in that was idle go on; its person has just typed the password."""
    session.seen_at = now
    record("unlock", actor=actor_of(member), now=now, subject=member.email)


def list_sessions(member: StaffMember, *, idle: timedelta, now: datetime) -> list[StaffSession]:
    """Return a person's sign-ins that are live or that the password opens, the latest first."""
    query = select(StaffSession).where(
        StaffSession.staff_id == member.id, StaffSession.ended_at.is_(None)
    )
    rows = db.session.scalars(query.order_by(StaffSession.created_at.desc(), StaffSession.id))
    return [
        row for row in rows if is_live(row, idle=idle, now=now) or can_go_on(row, member, now=now)
    ]


def is_live(session: StaffSession, *, idle: timedelta, now: datetime) -> bool:
    """Say whether a sign-in still counts: passed, not ended, not idle long, under 12 hours old."""
    return session.seen_at > now - idle and _is_young(session, now=now)


def can_go_on(session: StaffSession, member: StaffMember, *, now: datetime) -> bool:
    """Say whether the password alone is enough for a sign-in, however long it was idle.

    Whoever came by a one-time link and has no password signs in anew.
    """
    return _is_young(session, now=now) and member.active and member.password is not None


def is_pending(session: StaffSession, *, now: datetime) -> bool:
    """Say whether a sign-in still waits for its second factor."""
    return (
        session.ended_at is None
        and session.passed_at is None
        and session.created_at > now - PENDING_LIVES
    )


def _is_young(session: StaffSession, *, now: datetime) -> bool:
    return (
        session.ended_at is None
        and session.passed_at is not None
        and session.created_at > now - SESSION_LIVES
    )


def _end(which: object, reason: str, *, now: datetime) -> None:
    db.session.execute(
        update(StaffSession)
        .where(which, StaffSession.ended_at.is_(None))  # type: ignore[arg-type]
        .values(ended_at=now, end_reason=reason)
    )
