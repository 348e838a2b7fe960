"""Commands about people: staff, their requests, the messages."""

import json
from typing import Any

import click
from flask.cli import AppGroup

from clinicdir import clock
from clinicdir.appointments.claims import free_claims
from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.queries import list_requests
from clinicdir.appointments.rules import Status
from clinicdir.audit.operations import record
from clinicdir.audit.rules import OPERATOR
from clinicdir.cli.refusals import JSON_HELP, in_plain_words
from clinicdir.db import transaction
from clinicdir.locations.queries import get_location
from clinicdir.staff import operations
from clinicdir.staff.queries import list_staff, with_factor
from clinicdir.staff.rules import EVERYWHERE, Role, Scope
from clinicdir.staff.second_factor import remove_factor
from clinicdir.staff.sessions import end_all_sessions
from clinicdir.web.parts import parts

staff = AppGroup("staff", help="Invite, move, disable and list the people who answer requests.")
requests = AppGroup("requests", help="List appointment requests, erase personal data.")

_ROLE = click.option(
    "--role",
    type=click.Choice([role.value for role in Role]),
    required=True,
    help="What the person may do.",
)


@staff.command("invite")
@click.argument("email")
@_ROLE
@click.option("--location", "slugs", multiple=True, help="A location's slug; may be repeated.")
@in_plain_words
def invite(email: str, role: str, slugs: tuple[str, ...]) -> None:
    """Print a one-time link by which a person chooses a password."""
    with transaction():
        places = [get_location(slug) for slug in slugs]
        token = operations.invite(email, Role(role), places, actor=OPERATOR, now=clock.now())
    click.echo(_link(token))


@staff.command("reset")
@click.argument("email")
@click.option(
    "--second-step",
    is_flag=True,
    help="Take the second step away instead, for a lost phone; the password stays.",
)
@in_plain_words
def reset(email: str, second_step: bool) -> None:
    """Print a one-time link for a new password; the old one and all sign-ins end.

    With --second-step app and recovery codes end instead; in production the next sign-in sets a
    new app up. Make sure first that it is really this person who asks.
    """
    if second_step:
        with transaction():
            member, now = operations.get_member(email), clock.now()
            remove_factor(member, actor=OPERATOR, now=now)
            end_all_sessions(member, "second step reset", now=now)
        click.echo(f"{email} has no second step now; all sign-ins have ended.")
        return
    with transaction():
        token = operations.reset(email, actor=OPERATOR, now=clock.now())
    click.echo(_link(token))


@staff.command("assign")
@click.argument("email")
@_ROLE
@click.option("--location", "slugs", multiple=True, help="A location's slug; may be repeated.")
@click.option(
    "--shared-line", is_flag=True, help="May look callers up where locations share a number."
)
@in_plain_words
def assign(email: str, role: str, slugs: tuple[str, ...], shared_line: bool) -> None:
    """Give a person this role, these locations and no others; all sign-ins end."""
    with transaction():
        places = [get_location(slug) for slug in slugs]
        operations.assign(
            email, Role(role), places, shared_line=shared_line, actor=OPERATOR, now=clock.now()
        )
    click.echo(f"{email} is now {role}; all sign-ins have ended.")


@staff.command("disable")
@click.argument("email")
@in_plain_words
def disable(email: str) -> None:
    """Shut a person out at once; what the person was on goes back to the list."""
    with transaction():
        now = clock.now()
        member = operations.disable(email, actor=OPERATOR, now=now)
        count = free_claims(member.id, actor=OPERATOR, now=now)
    click.echo(f"{email} is disabled; all sign-ins have ended. Back in the list: {count}.")


@staff.command("list")
@click.option("--json", "as_json", is_flag=True, help=JSON_HELP)
def list_people(as_json: bool) -> None:
    """List every account with its role and locations."""
    members = list_staff()
    has_factor = with_factor({member.id for member in members})
    people: list[dict[str, Any]] = [
        {
            "email": member.email,
            "role": member.role.value,
            "locations": [place.slug for place in member.locations],
            "active": member.active,
            "joined": member.password is not None,
            "second_step": member.id in has_factor,
            "shared_line": member.shared_line,
        }
        for member in members
    ]
    if as_json:
        click.echo(json.dumps(people, indent=2, ensure_ascii=False))
        return
    for person in people:
        state = "active" if person["active"] else "disabled"
        everywhere = person["role"] == Role.ADMIN
        where = "every location" if everywhere else ", ".join(person["locations"])
        marks = ("second step",) * person["second_step"] + ("shared line",) * person["shared_line"]
        click.echo("  ".join((person["email"], person["role"], state, where, *marks)))


@requests.command("list")
@click.option("--location", "slug", help="A location's slug.")
@click.option(
    "--status",
    type=click.Choice([status.value for status in Status]),
    metavar="STATUS",
    help="Only requests in this state, like received or booked.",
)
@click.option("--limit", type=click.IntRange(min=1), help="At most so many; without it, all.")
@click.option("--personal", is_flag=True, help="Show personal data too; the look is audited.")
@click.option("--json", "as_json", is_flag=True, help=JSON_HELP)
@in_plain_words
def list_all(
    slug: str | None, status: str | None, limit: int | None, personal: bool, as_json: bool
) -> None:
    """List requests in order of arrival."""
    scope = EVERYWHERE if slug is None else Scope(frozenset({get_location(slug).id}))
    if personal:
        with transaction():
            record("export", actor=OPERATOR, now=clock.now(), subject=slug or "all locations")
    statuses = (Status(status),) if status else tuple(Status)
    rows = [
        _request_json(row, personal=personal)
        for row in list_requests(scope=scope, statuses=statuses, limit=limit)
    ]
    if as_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    for row in rows:
        click.echo("  ".join(str(row[name]) for name in ("reference", "location", "status")))


def _link(token: str) -> str:
    return f"{parts().settings.url}/staff/invitation/{token}"


def _request_json(row: AppointmentRequest, *, personal: bool) -> dict[str, object]:
    shown: dict[str, object] = {
        "reference": row.reference,
        "location": row.location.slug,
        "status": row.status.value,
        "channel": row.channel.value,
        "created_at": row.created_at.isoformat(),
        "goal": row.goal,
        "promise_at": row.promise_at.isoformat() if row.promise_at else None,
    }
    return shown | {"personal": row.personal} if personal else shown
