"""A receiver that answers 500 for a working day gets each message once when it is well again."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from clinicdir import clock
from clinicdir.appointments.untold import list_untold
from clinicdir.audit.rules import OPERATOR
from clinicdir.cli.routing import make_post
from clinicdir.db import transaction
from clinicdir.locations.queries import get_location
from clinicdir.notifications.delivery import deliver_due
from clinicdir.notifications.plans import Plan, Step, change_plan
from clinicdir.notifications.rules import Channel
from clinicdir.notifications.webhooks import new_secret
from clinicdir.staff.rules import EVERYWHERE
from tests.conftest import Clock
from tests.hooks import Receiver, running_receiver, say
from tests.integration.test_outbox import ask
from tests.tables import rows


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as server:
        yield server


@pytest.fixture
def site(app: Flask, with_settings: Callable[..., Flask], receiver: Receiver) -> Flask:
    """Return a site whose clinic in Renton is told by a webhook alone."""
    step = Step(Channel.WEBHOOK, to=f"http://127.0.0.1:{receiver.port}/in", secret=new_secret())
    with app.app_context(), transaction():
        plan, renton = Plan(steps=(step,)), get_location("renton")
        change_plan(renton, plan, seen_version=0, actor=OPERATOR, now=clock.now())
    return with_settings(allow_private_webhooks=True)


def deliver(site: Flask) -> int:
    with site.app_context():
        return deliver_due(make_post(), clock=clock.now)


def outbox(app: Flask) -> list[tuple[str, int, str | None]]:
    return [tuple(row) for row in rows(app, "outbox_message", "state", "attempts", "last_error")]


def test_what_met_500_for_eight_hours_arrives_once_when_the_receiver_is_well(
    app: Flask, site: Flask, receiver: Receiver, frozen: Clock
) -> None:
    for _ in range(3):
        ask(app)
    receiver.play = say(500)
    for _ in range(8 * 6):
        assert deliver(site) == 0
        frozen.move(minutes=10)
    tried = [attempts for _, attempts, _ in outbox(app)]
    said = "The receiver answered 500 Internal Server Error."
    assert outbox(app) == [("waiting", times, said) for times in tried]
    # Asked at most each time that we look, and at least at every second one.
    assert all(24 <= times <= 48 for times in tried), tried
    assert len(receiver.bodies) == sum(tried)
    receiver.play = say(204)
    frozen.move(minutes=15)
    while deliver(site):
        frozen.move(minutes=1)
    assert [state for state, _, _ in outbox(app)] == ["accepted"] * 3
    asked = sum(tried)
    taken = [head["webhook-id"] for head in receiver.heads[asked:]]
    keys = rows(app, "outbox_message", "message_key")
    assert sorted(taken) == sorted(keys)
    assert {head["webhook-id"] for head in receiver.heads[:asked]} == set(keys)


def test_redirect_loop_ends_at_its_first_answer_and_staff_see_why(
    app: Flask, site: Flask, receiver: Receiver, frozen: Clock
) -> None:
    reference = ask(app)
    receiver.play = say(302, Location=f"http://127.0.0.1:{receiver.port}/in")
    assert deliver(site) == 0
    frozen.move(hours=8)
    assert deliver(site) == 0
    assert receiver.paths == ["/in"]
    said = "The receiver answered 302 Found. Redirects are not followed: set the new address."
    assert outbox(app) == [("refused", 1, said)]
    with app.app_context():
        untold = list_untold(scope=EVERYWHERE, now=frozen.now(), limit=10)
        assert [one.reference for one in untold] == [reference]
