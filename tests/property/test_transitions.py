"""Whatever is done to a request, in whatever order: its state, history and audit agree."""

from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from clinicdir import clock
from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.operations import Move, act
from clinicdir.appointments.queries import get_request, list_events
from clinicdir.appointments.rules import (
    TRANSITIONS,
    Action,
    Status,
    allowed_actions,
    next_status,
)
from clinicdir.audit.models import AuditEntry
from clinicdir.audit.rules import OPERATOR
from clinicdir.db import db, transaction
from clinicdir.errors import NotAllowed
from clinicdir.staff.rules import EVERYWHERE
from tests.make import make_request

actions = st.lists(st.sampled_from(Action), max_size=12)


@given(actions)
def test_walk_through_the_table_never_leaves_it(walk: list[Action]) -> None:
    status = Status.RECEIVED
    for action in walk:
        allowed = action in allowed_actions(status)
        try:
            after = next_status(status, action)
        except NotAllowed:
            assert not allowed
        else:
            assert allowed
            assert after is TRANSITIONS[status, action]
            status = after
    assert status in Status


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(walk=actions)
def test_history_replayed_gives_the_present_state(sqlite_app: Flask, walk: list[Action]) -> None:
    with sqlite_app.app_context():
        reference = make_request(sqlite_app).reference
        done = [move(reference, action) for action in walk]
        found = get_request(reference, scope=EVERYWHERE)
        events = list_events(found)
        status: Status | None = None
        for event in events:
            assert event.from_status == status
            assert status is None or TRANSITIONS[status, event.action] == event.to_status
            status = event.to_status
        assert found.status == status
        assert [event.action for event in events] == [Action.SUBMIT, *filter(None, done)]
        told = db.session.execute(
            select(AuditEntry.action, AuditEntry.detail)
            .where(AuditEntry.subject == reference)
            .order_by(AuditEntry.sequence)
        ).all()
        assert [tuple(entry) for entry in told] == [
            (event.action.value, f"{event.from_status or '-'} > {event.to_status}")
            for event in events
        ]


def move(reference: str, action: Action) -> Action | None:
    """Do what the table allows and return it; what it refuses must leave no trace."""
    found = get_request(reference, scope=EVERYWHERE)
    before = (found.status, found.version)
    try:
        with transaction():
            fresh = get_request(reference, scope=EVERYWHERE)
            act(fresh, Move(action, fresh.version), actor=OPERATOR, now=clock.now())
    except NotAllowed:
        assert (before[0], action) not in TRANSITIONS
        after = db.session.scalars(
            select(AppointmentRequest).where(AppointmentRequest.reference == reference)
        ).one()
        assert (after.status, after.version) == before
        return None
    return action
