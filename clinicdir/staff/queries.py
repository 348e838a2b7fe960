"""Reads of accounts and sign-ins."""

from sqlalchemy import select

from clinicdir.crypto import token_hash
from clinicdir.db import db
from clinicdir.staff.models import StaffMember, StaffSession


def find_session(token: str) -> StaffSession | None:
    """Return the sign-in of a cookie's token, live or not."""
    query = select(StaffSession).where(StaffSession.token_hash == token_hash(token))
    return db.session.scalar(query)


def list_staff() -> list[StaffMember]:
    """Return every account, by e-mail address."""
    return list(db.session.scalars(select(StaffMember).order_by(StaffMember.email)))


def names_of(staff_ids: set[int]) -> dict[int, str]:
    """Return the e-mail addresses of some accounts by their numbers."""
    query = select(StaffMember.id, StaffMember.email).where(StaffMember.id.in_(staff_ids))
    return dict(db.session.execute(query).all())
