"""`flask demo`: the site on a desk's morning, with invented requests in a database of its own."""

import random
import sys
from datetime import datetime, timedelta
from pathlib import Path

import click
from flask import current_app
from flask.cli import with_appcontext

from clinicdir import clock
from clinicdir.appointments.arrival import Arrival, submit_request
from clinicdir.appointments.operations import Move, act
from clinicdir.appointments.queries import list_requests
from clinicdir.appointments.rules import Action, RequestChannel, Status
from clinicdir.appointments.submission import Context, check_submission
from clinicdir.audit.rules import OPERATOR, PATIENT
from clinicdir.cli.refusals import in_plain_words
from clinicdir.cli.serving import prepare_database, run_server
from clinicdir.db import transaction
from clinicdir.locations.models import Location
from clinicdir.locations.queries import list_all_locations
from clinicdir.staff.operations import invite, make_link
from clinicdir.staff.queries import list_staff
from clinicdir.staff.rules import EVERYWHERE, LinkPurpose, Role
from clinicdir.staff.sessions import actor_of
from clinicdir.web.parts import parts

DATABASE = "demo.sqlite3"
_SEED = 20261124
# Invented; the numbers are of the range kept for fiction.
_PEOPLE = (
    ("Avery Sample", "206 555 0101", "run", "knee", "en"),
    ("Bao Sample", "206 555 0102", "everyday", "back", "vi"),
    ("Camila Sample", "206 555 0103", "ski", "knee", "es"),
    ("Deshawn Sample", "425 555 0104", "sport", "foot_or_ankle", "en"),
    ("Emi Sample", "425 555 0105", "climb", "shoulder", "en"),
    ("Farah Sample", "206 555 0106", "everyday", "hip", "so"),
    ("Grigori Sample", "206 555 0107", "paddle_board", "shoulder", "ru"),
    ("Hana Sample", "425 555 0108", "run", "hip", "ko"),
    ("Ines Sample", "206 555 0109", "everyday", "knee", "es"),
    ("Jonas Sample", "425 555 0110", "ski", "knee", "en"),
    ("Kira Sample", "206 555 0111", "climb", "shoulder", "en"),
    ("Liam Sample", "425 555 0112", "run", "foot_or_ankle", "en"),
)


@click.command("demo")
@with_appcontext
@in_plain_words
def demo() -> None:
    """Serve invented requests and print one sign-in link a role."""
    settings = parts().settings
    if settings.is_production:
        click.echo("The demo invents people and opens doors: not with ENV=production.", err=True)
        sys.exit(1)
    if Path(settings.database).name != DATABASE:
        click.echo(
            "The demo wants a database of its own: run `make demo`, or set"
            f" CLINICDIR_DATABASE_URL=sqlite:///{settings.instance.absolute() / DATABASE}",
            err=True,
        )
        sys.exit(1)
    prepare_database()
    with transaction():
        fill(now=clock.now())
        links = sign_in_links(now=clock.now())
    for role, token in links.items():
        click.echo(f"{role:8} {settings.url}/staff/invitation/{token}")
    run_server(current_app._get_current_object())  # type: ignore[attr-defined]  # noqa: SLF001


def fill(*, now: datetime) -> None:
    """Invent a morning's requests and an account a role, once."""
    places = list_all_locations()
    if list_requests(scope=EVERYWHERE, limit=1) or not places:
        return
    draw = random.Random(_SEED)  # noqa: S311 - invented data, no secret
    for number, person in enumerate(_PEOPLE):
        arrived = now - timedelta(minutes=40 * (len(_PEOPLE) - number) + draw.randrange(30))
        _submit(person, places[number % len(places)], now=arrived)
    for role, email in _accounts().items():
        invite(email, role, [] if role is Role.ADMIN else places[:3], actor=OPERATOR, now=now)
    _work_a_little(now=now)


def sign_in_links(*, now: datetime) -> dict[Role, str]:
    """Return a fresh one-time sign-in link for each invented account."""
    members = {member.email: member for member in list_staff()}
    return {
        role: make_link(members[email], LinkPurpose.SIGN_IN, now=now)
        for role, email in _accounts().items()
    }


def _accounts() -> dict[Role, str]:
    return {role: f"{role.value}@demo.example.org" for role in Role}


def _submit(person: tuple[str, str, str, str, str], place: Location, *, now: datetime) -> None:
    name, phone, goal, body_area, language = person
    intake = parts().intake
    answers = {
        "location": place.slug,
        "goal": goal,
        "body_area": body_area,
        "for_whom": "me",
        "patient_name": name,
        "phone": phone,
        "contact_by": "phone",
        "language": language,
        "interpreter": language != "en",
        "windows": [{"weekday": "tuesday", "part": "morning"}],
        "consent_version": intake.consent.version,
    }
    submission = check_submission(answers, Context(today=now.date(), intake=intake))
    arrival = Arrival(key=f"demo:{name}", channel=RequestChannel.WEB)
    submit_request(submission, arrival, actor=PATIENT, now=now)


def _work_a_little(*, now: datetime) -> None:
    """Let the desk have worked a while: requests booked, taken up, offered, tried, put aside."""
    desk = next(member for member in list_staff() if member.role is Role.DESK)
    waiting = list_requests(scope=desk.scope, statuses=(Status.RECEIVED,), limit=5)
    later = (now + timedelta(days=2)).replace(minute=0, second=0, microsecond=0)
    lives = (
        (Action.BOOK,),
        (Action.CLAIM,),
        (Action.CLAIM, Action.OFFER),
        (Action.CLAIM, Action.AWAIT_PATIENT),
        (Action.QUARANTINE,),
    )
    for found, actions in zip(waiting, lives, strict=False):
        for action in actions:
            offered = (later, later + timedelta(days=1)) if action is Action.OFFER else ()
            step = Move(action, found.version, booked_at=later, offered=offered)
            act(found, step, actor=actor_of(desk), now=now - timedelta(minutes=5))
        if Action.QUARANTINE in actions:
            found.suspicions = ["links", "repeated_text"]
