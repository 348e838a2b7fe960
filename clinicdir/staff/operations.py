"""Invites, moves and disables people, and hands out their one-time links."""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select, update

from clinicdir.audit.operations import record
from clinicdir.audit.rules import Actor
from clinicdir.crypto import token_hash
from clinicdir.db import db
from clinicdir.errors import FieldError, Invalid, NotFound, marked
from clinicdir.locations.models import Location
from clinicdir.staff.models import StaffLink, StaffMember
from clinicdir.staff.queries import clean_address, find_by_email
from clinicdir.staff.rules import LinkPurpose, Role
from clinicdir.staff.sessions import actor_of, end_all_sessions

LINK_LIVES = timedelta(days=7)
ALREADY_THERE = FieldError("email", "exists", marked("This person already has an account"))


def invite(
    email: str, role: Role, locations: Sequence[Location], *, actor: Actor, now: datetime
) -> str:
    """Make an account without a password, or change one not used yet; return its link's token.

    An account in use is refused: changing it is another matter than inviting. One that was
    disabled comes back this way.
    """
    address = clean_address(email)
    if role is not Role.ADMIN:
        _check_locations(locations)
    member = find_by_email(address)
    if member is not None and member.active and member.password is not None:
        raise Invalid(ALREADY_THERE)
    if member is None:
        member = StaffMember(
            email=address, fs_uniquifier=secrets.token_hex(32), created_at=now, active=True
        )
        db.session.add(member)
    else:
        if role is not Role.ADMIN:
            _keep_one_admin(member)
        end_all_sessions(member, "invited anew", now=now)
    member.role, member.password, member.shared_line = role, None, False
    member.active, member.disabled_at = True, None
    member.locations = list(locations)
    db.session.flush()
    record("invite", actor=actor, now=now, subject=address, detail=role.value)
    return make_link(member, LinkPurpose.INVITATION, now=now)


def make_link(member: StaffMember, purpose: LinkPurpose, *, now: datetime) -> str:
    """Return the token of a new one-time link; older links of the person end."""
    _end_links(member, now=now)
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


def reset(email: str, *, actor: Actor, now: datetime) -> str:
    """Return the token of a link for a new password; the old one and all sign-ins end now."""
    member = get_member(email)
    if not member.active:
        raise Invalid(FieldError("email", "disabled", marked("This person is disabled")))
    member.password = None
    end_all_sessions(member, "password reset", now=now)
    record("reset", actor=actor, now=now, subject=member.email)
    return make_link(member, LinkPurpose.INVITATION, now=now)


def assign(
    email: str,
    role: Role,
    locations: Sequence[Location],
    *,
    shared_line: bool,
    actor: Actor,
    now: datetime,
) -> StaffMember:
    """Give a person another role or other locations; every sign-in of theirs ends now."""
    member = get_member(email)
    if role is not Role.ADMIN:
        _check_locations(locations)
        _keep_one_admin(member)
    member.role, member.locations = role, list(locations)
    member.shared_line = shared_line
    end_all_sessions(member, "role or locations changed", now=now)
    slugs = " ".join(location.slug for location in locations)
    record("assign", actor=actor, now=now, subject=member.email, detail=f"{role} {slugs}".strip())
    return member


def set_password(
    member: StaffMember, password_hash: str, *, keep_session: int | None, now: datetime
) -> None:
    """Take a new password; every sign-in but the one at hand ends now."""
    member.password = password_hash
    end_all_sessions(member, "password changed", now=now, keep=keep_session)
    record("password", actor=actor_of(member), now=now, subject=member.email)


def get_member(email: str) -> StaffMember:
    """Return the account of an e-mail address, or raise NotFound."""
    member = find_by_email(email)
    if member is None:
        raise NotFound
    return member


def disable(email: str, *, actor: Actor, now: datetime) -> StaffMember:
    """Shut a person out at once: every sign-in and link ends; the account's history stays."""
    member = get_member(email)
    _keep_one_admin(member)
    member.active = False
    member.disabled_at = now
    end_all_sessions(member, "disabled", now=now)
    _end_links(member, now=now)
    record("disable", actor=actor, now=now, subject=member.email)
    return member


def _keep_one_admin(leaving: StaffMember) -> None:
    """Refuse to lose the last one who can invite admins; the rows are locked against a race."""
    admins = select(StaffMember.id).where(StaffMember.role == Role.ADMIN, StaffMember.active)
    left = set(db.session.scalars(admins.with_for_update())) - {leaving.id}
    if leaving.role is Role.ADMIN and leaving.active and not left:
        message = marked("This is the last admin: make another one first")
        raise Invalid(FieldError("email", "last_admin", message))


def _check_locations(locations: Sequence[Location]) -> None:
    if not locations:
        raise Invalid(
            FieldError("location", "missing", marked("Name at least one location for this role"))
        )


def _end_links(member: StaffMember, *, now: datetime) -> None:
    db.session.execute(
        update(StaffLink)
        .where(StaffLink.staff_id == member.id, StaffLink.used_at.is_(None))
        .values(used_at=now)
    )
