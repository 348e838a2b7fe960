"""A process of its own in which two people claim every request at once, for test_two_claims.

It takes an instance folder, a database URL and the numbers of the two; it prints who got which,
and how often the database was too busy to store anything.
"""

import json
import sys
from pathlib import Path

from sqlalchemy.exc import OperationalError
from sqlalchemy.orm.exc import StaleDataError

from clinicdir import clock
from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.operations import Move, act
from clinicdir.appointments.queries import get_request
from clinicdir.appointments.rules import Action
from clinicdir.audit.rules import Actor, ActorKind
from clinicdir.db import db, transaction
from clinicdir.errors import NotAllowed
from clinicdir.staff.rules import EVERYWHERE
from tests.conftest import build_app
from tests.tables import together


def claim_all(folder: str, url: str, *numbers: str) -> tuple[list[tuple[int, str]], int]:
    """Return each person's number with each reference that the person got; and the busy times."""
    busy = [0]
    app = build_app(Path(folder), database_url=url)
    with app.app_context():
        query = db.select(AppointmentRequest.reference).order_by(AppointmentRequest.id)
        references = list(db.session.scalars(query))
        db.session.remove()

    def claim(thread: int) -> list[tuple[int, str]]:
        number = int(numbers[thread])
        actor = Actor(ActorKind.STAFF, number, f"person {number}")
        with app.app_context():
            return [(number, one) for one in references if claim_or_press_again(one, actor, busy)]

    print("ready", flush=True)  # noqa: T201 - to the test that started this
    sys.stdin.readline()
    return [won for person in together(len(numbers), claim, seconds=900) for won in person], busy[0]


def claim_or_press_again(reference: str, actor: Actor, busy: list[int]) -> bool:
    """Claim; where the database was too busy to store anything, press again as a person would."""
    while True:
        try:
            return claim_one(reference, actor)
        except OperationalError:
            busy[0] += 1


def claim_one(reference: str, actor: Actor) -> bool:
    """Claim as from a page that was opened before anybody did; say whether it worked."""
    try:
        with transaction():
            found = get_request(reference, scope=EVERYWHERE)
            act(found, Move(Action.CLAIM, 1), actor=actor, now=clock.now())
    except (NotAllowed, StaleDataError):
        return False
    return True


if __name__ == "__main__":
    print(json.dumps(claim_all(*sys.argv[1:])))  # noqa: T201 - to the test that started this
