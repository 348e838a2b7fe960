"""The table of rights, and which locations a person sees."""

from dataclasses import dataclass

import pytest

from clinicdir.staff.rules import (
    EVERYWHERE,
    MIN_PASSWORD_LENGTH,
    NOWHERE,
    RIGHTS,
    Right,
    Role,
    Scope,
    can,
    has_line,
    may_manage,
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
    assert len({Scope(HERE), Scope(HERE), EVERYWHERE, NOWHERE}) == 3  # it cannot be changed


@dataclass(frozen=True)
class Person:
    """Somebody as far as rights go."""

    role: Role
    scope: Scope
    shared_line: bool = False


def person(role: Role, *locations: int, shared_line: bool = False) -> Person:
    return Person(role, scope_of(role, frozenset(locations)), shared_line)


@pytest.mark.parametrize(
    ("other", "managed_by"),
    [
        (person(Role.DESK, 3), {"admin", "manager"}),
        (person(Role.VIEWER, 3, 5), {"admin", "manager"}),  # just the manager's own clinics
        (person(Role.MANAGER, 5), {"admin", "manager"}),
        (person(Role.DESK, 3, 8), {"admin"}),  # also at a clinic that is not the manager's
        (person(Role.DESK, 8), {"admin"}),
        (person(Role.DESK), {"admin"}),  # whoever has no clinic yet is for an admin to place
        (person(Role.ADMIN), {"admin"}),
        (Person(Role.ADMIN, Scope(HERE)), {"admin"}),
        (Person(Role.DESK, EVERYWHERE), {"admin"}),
    ],
)
def test_person_is_managed_by_an_admin_or_whose_clinics_are_all_the_managers(
    other: Person, managed_by: set[str]
) -> None:
    readers = (
        person(Role.ADMIN), person(Role.MANAGER, 3, 5), person(Role.MANAGER),
        person(Role.DESK, 3, 5), person(Role.VIEWER, 3, 5),
    )  # fmt: skip
    found = [reader.role.value for reader in readers if may_manage(reader, other)]
    assert (set(found), len(found)) == (managed_by, len(managed_by))


def test_manager_whose_scope_is_everything_manages_nobody_by_it() -> None:
    assert not may_manage(Person(Role.MANAGER, EVERYWHERE), person(Role.DESK, 3))


@pytest.mark.parametrize(
    ("role", "without", "given"),
    [
        (Role.VIEWER, False, False),
        (Role.DESK, False, True),
        (Role.MANAGER, True, True),
        (Role.ADMIN, True, True),
    ],
)
def test_shared_line_is_given_to_a_desk_and_a_managers_anyhow(
    role: Role, *, without: bool, given: bool
) -> None:
    assert has_line(person(role, 3)) is without
    assert has_line(person(role, 3, shared_line=True)) is given


def test_password_has_fifteen_characters_or_more() -> None:
    assert MIN_PASSWORD_LENGTH == 15
