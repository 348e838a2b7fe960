"""The table of rights, and which locations a person sees."""

import pytest

from clinicdir.staff.rules import (
    EVERYWHERE,
    NOWHERE,
    RIGHTS,
    Right,
    Role,
    Scope,
    can,
    scope_of,
)

HERE = frozenset({3, 5})


@pytest.mark.parametrize(
    ("role", "rights"),
    [
        (Role.VIEWER, {"list", "open"}),
        (Role.DESK, {"list", "open", "act"}),
        (Role.MANAGER, {right.value for right in Right}),
        (Role.ADMIN, {right.value for right in Right}),
    ],
)
def test_role_has_exactly_its_rights(role: Role, rights: set[str]) -> None:
    assert {right.value for right in Right if can(role, right)} == rights


def test_table_names_every_role() -> None:
    assert set(RIGHTS) == set(Role)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.DESK, Role.MANAGER])
def test_everybody_but_an_admin_sees_their_own_locations(role: Role) -> None:
    assert scope_of(role, HERE) == Scope(HERE)
    assert scope_of(role, frozenset()) == NOWHERE


def test_admin_sees_everything_whatever_is_named() -> None:
    assert scope_of(Role.ADMIN, HERE) == scope_of(Role.ADMIN, frozenset()) == EVERYWHERE


def test_scope_holds_its_locations_and_no_other() -> None:
    assert [number for number in range(8) if Scope(HERE).holds(number)] == [3, 5]
    assert [number for number in range(8) if EVERYWHERE.holds(number)] == list(range(8))
    assert [number for number in range(8) if NOWHERE.holds(number)] == []
