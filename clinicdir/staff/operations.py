"""Invites and disables people, and begins and ends their sign-ins."""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from email_validator import EmailNotValidError, validate_email
from sqlalchemy import select, update

from clinicdir.audit.operations import record
from clinicdir.audit.rules import Actor, ActorKind
from clinicdir.crypto import token_hash
from clinicdir.db import db
from clinicdir.errors import FieldError, Invalid, NotFound, marked
from clinicdir.locations.models import Location
from clinicdir.staff.models import StaffLink, StaffMember, StaffSession
from clinicdir.staff.rules import LinkPurpose, Role

LINK_LIVES = timedelta(days=7)
SESSION_LIVES = timedelta(hours=12)
SEEN_EVERY = timedelta(minutes=1)


def actor_of(member: StaffMember) -> Actor:
    """Return the member as the one who acts."""
    return Actor(ActorKind.STAFF, staff_id=member.id, label=member.email)


def invite(
    email: str, role: Role, locations: Sequence[Location], *, actor: Actor, now: datetime
) -> str:
    """Make an account without a password, or change one not used yet; return its link's token.

    An account that has a password is refused: changing it is another matter than inviting.
    """
    address = clean_address(email)
    if role is not Role.ADMIN and not locations:
        raise Invalid(
            FieldError("location", "missing", marked("Name at least one location for this role"))
        )
    member = _find(address)
    if member is not None and member.password is not None:
        raise Invalid(FieldError("email", "exists", marked("This person already has an account")))
    if member is None:
        member = StaffMember(
            email=address, fs_uniquifier=secrets.token_hex(32), created_at=now, active=True
        )
        db.session.add(member)
    member.role = role
    member.active, member.disabled_at = True, None  # it may have been disabled before its first use
    member.locations = list(locations)
    db.session.flush()
    record("invite", actor=actor, now=now, subject=address, detail=role.value)
    return make_link(member, LinkPurpose.INVITATION, now=now)


def make_link(member: StaffMember, purpose: LinkPurpose, *, now: datetime) -> str:
    """Return the token of a new one-time link; older links of the person end."""
    db.session.execute(
        update(StaffLink)
        .where(StaffLink.staff_id == member.id, StaffLink.used_at.is_(None))
        .values(used_at=now)
    )
    token = secrets.token_urlsafe(32)
    db.session.add(
        StaffLink(
            token_hash=token_hash(token),
            staff_id=member.id,
            purpose=purpose,
            created_at=now,
            expires_at=now + LINK_LIVES,
        )
    )
    return token


def get_link(token: str, *, now: datetime) -> tuple[StaffLink, StaffMember]:
    """Return a link that still works and whose it is; any other is NotFound."""
    query = (
        select(StaffLink, StaffMember)
        .join(StaffMember, StaffMember.id == StaffLink.staff_id)
        .where(
            StaffLink.token_hash == token_hash(token),
            StaffLink.used_at.is_(None),
            StaffLink.expires_at > now,
            StaffMember.active.is_(True),
        )
        .with_for_update(of=StaffLink)
    )
    found = db.session.execute(query).one_or_none()
    if found is None:
        raise NotFound
    return found[0], found[1]


def use_link(token: str, *, password_hash: str | None, now: datetime) -> StaffMember:
    """Use a one-time link up; an invitation takes the hash of the password chosen."""
    link, member = get_link(token, now=now)
    link.used_at = now
    if link.purpose is LinkPurpose.INVITATION:
        if password_hash is None:
            raise NotFound
        member.password = password_hash
        record("join", actor=actor_of(member), now=now, subject=member.email)
    return member


def disable(email: str, *, actor: Actor, now: datetime) -> None:
    """Shut a person out at once: every sign-in and link ends; the account's history stays."""
    member = _find(clean_address(email))
    if member is None:
        raise NotFound
    member.active = False
    member.disabled_at = now
    # Every cookie names this; a new value ends them all, whatever else happens.
    member.fs_uniquifier = secrets.token_hex(32)
    _end(StaffSession.staff_id == member.id, "disabled", now=now)
    db.session.execute(
        update(StaffLink)
        .where(StaffLink.staff_id == member.id, StaffLink.used_at.is_(None))
        .values(used_at=now)
    )
    record("disable", actor=actor, now=now, subject=member.email)


def start_session(member: StaffMember, *, now: datetime) -> str:
    """Begin a sign-in; return the token for its cookie."""
    token = secrets.token_urlsafe(32)
    db.session.add(
        StaffSession(token_hash=token_hash(token), staff_id=member.id, created_at=now, seen_at=now)
    )
    record("sign_in", actor=actor_of(member), now=now, subject=member.email)
    return token


def end_session(token: str, *, actor: Actor, now: datetime) -> None:
    """End one sign-in on the server, so that its cookie opens nothing any more."""
    _end(StaffSession.token_hash == token_hash(token), "signed out", now=now)
    record("sign_out", actor=actor, now=now, subject=actor.label)


def is_live(session: StaffSession, *, idle: timedelta, now: datetime) -> bool:
    """Say whether a sign-in still counts: not ended, not idle too long, not over 12 hours old."""
    return (
        session.ended_at is None
        and session.seen_at > now - idle
        and session.created_at > now - SESSION_LIVES
    )


def _end(which: object, reason: str, *, now: datetime) -> None:
    db.session.execute(
        update(StaffSession)
        .where(which, StaffSession.ended_at.is_(None))  # type: ignore[arg-type]
        .values(ended_at=now, end_reason=reason)
    )


def _find(address: str) -> StaffMember | None:
    return db.session.scalar(select(StaffMember).where(StaffMember.email == address))


def clean_address(email: str) -> str:
    """Return the one spelling by which an address is stored and found, or raise Invalid."""
    try:
        return validate_email(email, check_deliverability=False).normalized.casefold()
    except EmailNotValidError:
        raise Invalid(
            FieldError(
                "email",
                "not_an_email",
                marked("Enter an email address, like name@example.com"),
            )
        ) from None
