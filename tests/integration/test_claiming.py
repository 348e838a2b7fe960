"""Whose turn a message is and what is noted of it, instant by instant, without any network."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from clinicdir.db import db, transaction
from clinicdir.notifications.claiming import (
    LEASE,
    Outcome,
    Taken,
    Worker,
    find_waiting,
    give_back,
    has_got_through,
    note,
    take_batch,
)
from clinicdir.notifications.life import Happening
from clinicdir.notifications.models import OutboxMessage
from clinicdir.notifications.outbox import new_message
from clinicdir.notifications.rules import Channel, DeliveryState, MessageKind

NOW = datetime(2026, 11, 24, 20, 0, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
MILLI = timedelta(milliseconds=1)


@pytest.fixture
def inside(app: Flask) -> Any:  # noqa: ANN401 - a context manager
    with app.app_context():
        yield app


def put(number: int, *, due: datetime = NOW, **values: Any) -> int:  # noqa: ANN401
    """Store a message about `number` and return its id."""
    channel = values.pop("channel", Channel.EMAIL)
    with transaction():
        row = new_message(
            MessageKind.REQUEST_WAITS, channel=channel, subject_id=number, now=NOW - MINUTE
        )
        row.due_at = due
        for name, value in values.items():
            setattr(row, name, value)
        db.session.add(row)
        db.session.flush()
        return int(row.id)


def row_of(number: int) -> OutboxMessage:
    db.session.rollback()
    db.session.expire_all()
    return db.session.scalars(select(OutboxMessage).where(OutboxMessage.subject_id == number)).one()


def take(worker: Worker, at: datetime = NOW, **values: Any) -> list[int]:  # noqa: ANN401
    channels = values.pop("channels", tuple(Channel))
    return [one.subject_id for one in take_batch(worker, channels=channels, now=at, **values)]


def taken_one(worker: Worker, at: datetime = NOW) -> Taken:
    (one,) = take_batch(worker, channels=tuple(Channel), now=at)
    return one


def noted(worker: Worker, taken: Taken, outcome: Outcome, at: datetime) -> DeliveryState:
    with transaction():
        return note(worker, taken, outcome, now=at)


def test_what_is_due_longest_is_leased_first_and_to_one_worker(inside: Flask) -> None:
    put(1, due=NOW)
    put(2, due=NOW - SECOND)
    put(3, due=NOW + MILLI)
    put(4, due=NOW - SECOND)
    first, second = Worker(), Worker()
    assert take(first, limit=2) == [2, 4]
    assert take(second) == [1]
    assert take(second) == []
    row = row_of(2)
    assert (row.leased_by, row.leased_until) == (first.name, NOW + timedelta(minutes=2))
    assert timedelta(minutes=2) == LEASE
    assert take(second, NOW + LEASE - MILLI) == [3]
    assert take(second, NOW + LEASE) == [2, 4, 1]  # whoever had them is gone


def test_channel_that_is_not_asked_for_stays(inside: Flask) -> None:
    put(1, channel=Channel.FAX)
    assert take(Worker(), channels=()) == []
    assert take(Worker(), channels=(Channel.EMAIL,)) == []
    assert take(Worker(), channels=(Channel.FAX,)) == [1]


def test_only_what_a_worker_has_to_do_with_is_taken(inside: Flask) -> None:
    for number, state in enumerate(DeliveryState):
        put(number, state=state)
    open_states = (DeliveryState.WAITING, DeliveryState.HANDED_OVER)
    assert take(Worker()) == [
        number for number, state in enumerate(DeliveryState) if state in open_states
    ]


def test_due_time_of_before_the_clock_was_put_back_does_not_hold_a_message(inside: Flask) -> None:
    farthest = timedelta(minutes=12)
    put(1, due=NOW + farthest, attempts=1)
    put(2, due=NOW + farthest + MILLI, attempts=1)
    put(3, due=NOW + farthest + MILLI)  # never tried: it stands in for another, or waits by plan
    assert take(Worker()) == [2]


def test_failure_is_tried_again_after_its_wait_and_given_up_after_three_days(
    inside: Flask,
) -> None:
    put(1)
    worker, trouble = Worker(), Outcome(Happening.FAIL, "full", own=True, wait=MINUTE)
    assert noted(worker, taken_one(worker), trouble, NOW) is DeliveryState.WAITING
    row = row_of(1)
    assert (row.attempts, row.due_at, row.troubled_since) == (1, NOW + MINUTE, NOW)
    assert (row.leased_by, row.leased_until, row.finished_at) == (None, None, None)
    assert row.last_error == "full"
    late = NOW + timedelta(days=3) - MILLI
    assert noted(worker, taken_one(worker, late), trouble, late) is DeliveryState.WAITING
    assert (row_of(1).attempts, row_of(1).troubled_since) == (2, NOW)
    later = late + MINUTE
    assert noted(worker, taken_one(worker, later), trouble, later) is DeliveryState.DEAD
    assert (row_of(1).finished_at, row_of(1).due_at) == (later, late + MINUTE)


def test_trouble_of_the_whole_channel_gives_no_message_up(inside: Flask) -> None:
    put(1, troubled_since=NOW - timedelta(days=9))
    worker = Worker()
    down = Outcome(Happening.FAIL, "down", tried=False, wait=MINUTE)
    assert noted(worker, taken_one(worker), down, NOW) is DeliveryState.WAITING
    row = row_of(1)
    assert (row.attempts, row.troubled_since) == (0, NOW - timedelta(days=9))


def test_three_days_are_enough_to_the_instant(inside: Flask) -> None:
    put(1, troubled_since=NOW - timedelta(days=3))
    worker, trouble = Worker(), Outcome(Happening.FAIL, "full", own=True, wait=MINUTE)
    assert noted(worker, taken_one(worker), trouble, NOW) is DeliveryState.DEAD


@pytest.mark.parametrize(
    ("happening", "state"),
    [
        (Happening.ACCEPT, DeliveryState.ACCEPTED),  # it has left, whoever holds it now
        (Happening.DROP, DeliveryState.NOT_NEEDED),
        (Happening.FAIL, DeliveryState.WAITING),
        (Happening.REFUSE, DeliveryState.WAITING),
        (Happening.HAND_OVER, DeliveryState.WAITING),
    ],
)
def test_worker_whose_lease_ran_out_notes_only_what_has_left(
    inside: Flask, happening: Happening, state: DeliveryState
) -> None:
    put(1)
    slow, other = Worker(), Worker()
    taken = taken_one(slow)
    taken_one(other, NOW + LEASE)
    noted(slow, taken, Outcome(happening, "late"), NOW + LEASE)
    assert row_of(1).state is state
    assert row_of(1).leased_by == (other.name if state is DeliveryState.WAITING else None)


def test_nothing_is_noted_of_what_is_over(inside: Flask) -> None:
    put(1)
    worker = Worker()
    taken = taken_one(worker)
    noted(worker, taken, Outcome(Happening.ACCEPT), NOW)
    noted(worker, taken, Outcome(Happening.DROP), NOW + MINUTE)
    assert (row_of(1).state, row_of(1).finished_at) == (DeliveryState.ACCEPTED, NOW)
    assert row_of(1).attempts == 1


@pytest.mark.parametrize(
    ("happening", "due"),
    [
        (Happening.REFUSE, NOW),
        (Happening.GIVE_UP, NOW),
        (Happening.ACCEPT, NOW + MINUTE),
        (Happening.FAIL, NOW + MINUTE),
    ],
)
def test_what_stands_in_leaves_at_once_where_the_first_has_failed(
    inside: Flask, happening: Happening, due: datetime
) -> None:
    first = put(1)
    put(2, due=NOW + MINUTE, follows_id=first)
    put(3, due=NOW - MINUTE, follows_id=first, state=DeliveryState.NOT_NEEDED)
    put(4, due=NOW + MINUTE)
    worker = Worker()
    noted(worker, taken_one(worker), Outcome(happening, "words"), NOW)
    assert [row_of(number).due_at for number in (2, 3, 4)] == [due, NOW - MINUTE, NOW + MINUTE]


def test_only_ones_own_leases_are_given_back(inside: Flask) -> None:
    put(1)
    put(2)
    slow, other = Worker(), Worker()
    rest = take_batch(slow, channels=tuple(Channel), now=NOW)
    take(other, NOW + LEASE, limit=1)
    give_back(slow, rest)
    give_back(slow, [])
    assert row_of(1).leased_by == other.name
    assert (row_of(2).leased_by, row_of(2).leased_until) == (None, None)


def test_first_has_got_through_once_it_was_taken_or_is_not_needed(inside: Flask) -> None:
    ids = {put(number, state=state): state for number, state in enumerate(DeliveryState)}
    assert {state for one, state in ids.items() if has_got_through(one)} == {
        DeliveryState.ACCEPTED,
        DeliveryState.DELIVERED,
        DeliveryState.NOT_NEEDED,
    }
    keys = [row_of(number).message_key for number in range(len(ids))]
    waits = find_waiting([*keys, "another"])
    assert [ids[one.id] for one in waits] == [DeliveryState.WAITING]
    assert find_waiting(["another"]) == []
