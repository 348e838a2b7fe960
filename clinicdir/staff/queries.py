"""Reads of accounts and sign-ins."""

from email_validator import EmailNotValidError, validate_email
from sqlalchemy import select

from clinicdir.crypto import token_hash
from clinicdir.db import db
from clinicdir.errors import FieldError, Invalid, marked
from clinicdir.staff.models import StaffFactor, StaffMember, StaffSession


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


def find_by_email(email: str) -> StaffMember | None:
    """Return the account of an e-mail address, if there is one; Invalid for what is no address."""
    query = select(StaffMember).where(StaffMember.email == clean_address(email))
    return db.session.scalar(query)


def find_member(staff_id: int) -> StaffMember | None:
    """Return the account of that number, if there is one."""
    in_reach = staff_id <= 2**31 - 1  # PostgreSQL refuses to look for a greater one
    return db.session.get(StaffMember, staff_id) if in_reach else None


def with_factor(staff_ids: set[int]) -> set[int]:
    """Return which of these people have a second step at sign-in."""
    query = select(StaffFactor.staff_id).where(
        StaffFactor.staff_id.in_(staff_ids), StaffFactor.confirmed_at.is_not(None)
    )
    return set(db.session.scalars(query))


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
