"""A request's life under every order of sending, retrying and acting, against a small model."""

import itertools
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from flask import Flask
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import func, select

from clinicdir.appointments.arrival import Arrival, link_token, submit_request
from clinicdir.appointments.models import AppointmentRequest, RequestEvent
from clinicdir.appointments.operations import LEASE, Move, act, lease_holder
from clinicdir.appointments.rules import Action, RequestChannel, Status, next_status
from clinicdir.audit.rules import PATIENT, Actor
from clinicdir.db import Base, db, transaction
from clinicdir.errors import Conflict, NotAllowed
from clinicdir.staff.sessions import actor_of
from tests.make import make_staff, make_submission

START = datetime.fromisoformat("2026-11-24T20:00:00+00:00")
NAMES = st.sampled_from(["Robin Example", "Kim Example", "José Núñez"])
ACTIONS = st.sampled_from([Action.CLAIM, Action.BOOK, Action.DECLINE])
PEOPLE = st.integers(0, 1)
_numbers = itertools.count()


@dataclass
class Expected:
    """What the model knows of one request."""

    name: str
    row_id: int
    answer: tuple[str, str]
    version: int
    status: Status = Status.RECEIVED
    holder: int | None = None
    held_until: datetime = START
    history: list[tuple[Action, Status | None, Status]] = field(
        default_factory=lambda: [(Action.SUBMIT, None, Status.RECEIVED)]
    )


class Requests(RuleBasedStateMachine):
    """Sends and moves requests; after each step the tables must say what the model says."""

    keys = Bundle("keys")

    app: Flask
    people: list[Actor]

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.expected: dict[str, Expected] = {}
        self.context = self.app.app_context()
        self.context.push()
        self.before = {name: count(name) for name in ("appointment_request", "outbox_message")}
        self.audited = count("audit_entry")

    def teardown(self) -> None:
        db.session.remove()
        self.context.pop()

    def send(self, key: str, name: str) -> AppointmentRequest:
        submission = make_submission(self.app, patient_name=name)
        with transaction():
            return submit_request(
                submission, Arrival(key, RequestChannel.API), actor=PATIENT, now=self.now
            )

    @rule(target=keys, name=NAMES)
    def submit(self, name: str) -> str:
        key = f"machine:{next(_numbers)}"
        made = self.send(key, name)
        self.expected[key] = Expected(
            name, made.id, (made.reference, link_token(made)), made.version
        )
        return key

    @rule(key=keys)
    def retry_gives_the_same_request(self, key: str) -> None:
        expected = self.expected[key]
        again = self.send(key, expected.name)
        assert (again.id, again.reference, link_token(again)) == (
            expected.row_id,
            *expected.answer,
        )

    @rule(key=keys, name=NAMES)
    def retry_with_other_content_is_refused(self, key: str, name: str) -> None:
        if name == self.expected[key].name:
            return
        try:
            self.send(key, name)
        except Conflict:
            return
        raise AssertionError

    @rule(minutes=st.sampled_from([1, 14, 15, 60]))
    def time_goes_by(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule(key=keys, action=ACTIONS, person=PEOPLE, behind=st.sampled_from([0, 0, 0, 1]))
    def staff_act(self, key: str, action: Action, person: int, behind: int) -> None:
        expected, actor = self.expected[key], self.people[person]
        held = expected.holder is not None and expected.held_until > self.now
        try:
            to = next_status(expected.status, action)
            allowed = behind == 0 and not (held and expected.holder != actor.staff_id)
        except NotAllowed:
            allowed = False
        move = Move(action, expected.version - behind, booked_at=self.now, note="said so")
        try:
            with transaction():
                found = db.session.get_one(AppointmentRequest, expected.row_id)
                act(found, move, actor=actor, now=self.now)
        except NotAllowed:
            assert not allowed
            return
        assert allowed
        expected.history.append((action, expected.status, to))
        expected.status, expected.version = to, expected.version + 1
        expected.holder = actor.staff_id if action is Action.CLAIM else None
        expected.held_until = self.now + LEASE

    @invariant()
    def tables_say_what_the_model_says(self) -> None:
        db.session.rollback()
        for expected in self.expected.values():
            row = db.session.get_one(AppointmentRequest, expected.row_id)
            held = expected.holder if expected.held_until > self.now else None
            assert (row.status, row.version, row.personal["patient_name"]) == (
                expected.status,
                expected.version,
                expected.name,
            )
            assert lease_holder(row, now=self.now) == held
            query = select(RequestEvent).where(RequestEvent.request_id == row.id)
            history = [
                (event.action, event.from_status, event.to_status)
                for event in db.session.scalars(query.order_by(RequestEvent.id))
            ]
            assert history == expected.history
            for (_, _, ended), (_, came_from, _) in itertools.pairwise(history):
                assert ended == came_from

    @invariant()
    def each_request_has_one_message_and_each_step_one_audit_entry(self) -> None:
        for name, before in self.before.items():
            assert count(name) - before == len(self.expected)
        steps = sum(len(expected.history) for expected in self.expected.values())
        assert count("audit_entry") - self.audited == steps


def count(table: str) -> int:
    found = Base.metadata.tables[table]
    return db.session.scalar(select(func.count()).select_from(found)) or 0


def test_requests_follow_the_model_in_any_order_of_steps(sqlite_app: Flask) -> None:
    with sqlite_app.app_context():
        desks = [actor_of(make_staff(f"desk{number}@example.com")) for number in (1, 2)]

    class OnThisApp(Requests):
        app, people = sqlite_app, desks

    run_state_machine_as_test(
        OnThisApp,
        settings=settings(
            deadline=None,
            max_examples=25,
            stateful_step_count=20,
            suppress_health_check=list(HealthCheck),
        ),
    )
