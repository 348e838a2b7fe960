"""What each channel is given to tell a clinic: values of the place, none of the person."""

from datetime import UTC, datetime

from flask import Flask

from clinicdir.appointments.messages import resolve
from clinicdir.audit.rules import OPERATOR
from clinicdir.db import transaction
from clinicdir.locations.rules import TelecomSystem, display_number
from clinicdir.notifications.plans import Plan, Step, change_plan
from clinicdir.notifications.rules import Channel, MessageKind
from tests.integration.test_sealing import CANARIES
from tests.make import make_request

NOW = datetime(2026, 11, 24, 20, 0, tzinfo=UTC)
STEPS = (
    Step(Channel.EMAIL, to="desk@renton.example"),
    Step(Channel.FAX, to="+12065550188"),
    Step(Channel.WEBHOOK, to="https://hooks.example/renton", secret="whsec_x"),
)


def test_no_channel_is_given_a_word_of_the_person(sqlite_app: Flask) -> None:
    with sqlite_app.app_context():
        made = make_request(sqlite_app, goal="other", for_whom="someone_else", now=NOW, **CANARIES)
        with transaction():
            change_plan(made.location, Plan(STEPS), seen_version=0, actor=OPERATOR, now=NOW)
        told = {
            step.channel: resolve(
                MessageKind.REQUEST_WAITS,
                made.id,
                base_url="https://clinics.example",
                now=NOW,
                channel=step.channel,
            ).values
            for step in STEPS
        }
        reference, name = made.reference, made.location.name
        call_back = display_number(made.location.telecom_value(TelecomSystem.PHONE) or "")
    of_the_place = {
        "clinic": name,
        "slug": "renton",
        "status": "received",
        "reference": f"{reference[:3]}-{reference[3:]}",
        "link": f"https://clinics.example/staff/requests/{reference}",
    }
    on_paper = {
        "arrived": "Tue, Nov 24, 12:00 PM",
        "number": "(206) 555-0188",
        "call_back": call_back,
        "sharing": "1",
    }
    assert told == {
        Channel.EMAIL: of_the_place,
        Channel.FAX: of_the_place | on_paper,
        Channel.WEBHOOK: of_the_place,
    }
