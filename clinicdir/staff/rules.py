"""What each role may do and where: the one table of rights."""

import enum
from dataclasses import dataclass
from typing import Protocol

MIN_PASSWORD_LENGTH = 15


class Role(enum.StrEnum):
    """The roles a staff member can have."""

    VIEWER = "viewer"
    DESK = "desk"
    MANAGER = "manager"
    ADMIN = "admin"


class LinkPurpose(enum.StrEnum):
    """What a one-time link opens: the choice of a first password, or a sign-in at once."""

    INVITATION = "invitation"
    SIGN_IN = "sign_in"


class Right(enum.StrEnum):
    """What a role can be allowed to do."""

    LIST = "list"
    OPEN = "open"
    ACT = "act"
    EXPORT = "export"
    SETTINGS = "settings"
    INVITE = "invite"
    AUDIT = "audit"
    SHARED_LINE = "shared_line"


_LOOK = frozenset({Right.LIST, Right.OPEN})

RIGHTS: dict[Role, frozenset[Right]] = {
    Role.VIEWER: _LOOK,
    # The shared line is given to a desk person by person (StaffMember.shared_line).
    Role.DESK: _LOOK | {Right.ACT},
    Role.MANAGER: frozenset(Right),
    Role.ADMIN: frozenset(Right),
}


@dataclass(frozen=True)
class Scope:
    """The locations whose requests a person may see; None means every one."""

    location_ids: frozenset[int] | None

    def holds(self, location_id: int) -> bool:
        """Say whether a location is inside."""
        return self.location_ids is None or location_id in self.location_ids


NOWHERE = Scope(frozenset())
EVERYWHERE = Scope(None)


def can(role: Role, right: Right) -> bool:
    """Say whether a role has a right, within its own locations."""
    return right in RIGHTS[role]


def scope_of(role: Role, location_ids: frozenset[int]) -> Scope:
    """Return what a role with these locations sees: an admin everything, others their own."""
    return EVERYWHERE if role is Role.ADMIN else Scope(location_ids)


class Placed(Protocol):
    """A person as far as role and locations go."""

    @property
    def role(self) -> Role:
        """Return what the person may do."""

    @property
    def scope(self) -> Scope:
        """Return where."""


class OnLine(Placed, Protocol):
    """A person of whom it is also known whether the shared line was given to them."""

    @property
    def shared_line(self) -> bool:
        """Return whether a desk person has the line."""


def has_line(person: OnLine) -> bool:
    """Say whether a person finds callers of all clinics that answer the same number."""
    given = person.shared_line and can(person.role, Right.ACT)
    return given or can(person.role, Right.SHARED_LINE)


def may_manage(reader: Placed, other: Placed) -> bool:
    """Say whether a person may invite, move or disable another one.

    An admin everybody; a manager those whose locations are all among the manager's own, and no
    admin. Somebody without any location is for an admin to place.
    """
    if reader.role is Role.ADMIN:
        return True
    own, theirs = reader.scope.location_ids, other.scope.location_ids
    is_inside = own is not None and bool(theirs) and theirs is not None and theirs <= own
    return can(reader.role, Right.INVITE) and other.role is not Role.ADMIN and is_inside
