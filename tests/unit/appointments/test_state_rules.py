"""The life of a request: the whole table of states and moves, pair by pair."""

import itertools

import pytest

from clinicdir.appointments.rules import (
    OPEN,
    TRANSITIONS,
    Action,
    Status,
    allowed_actions,
    next_status,
)
from clinicdir.errors import NotAllowed

# Written out once more, as people read it, so that a slip in the code shows.
TABLE = """
received: claim in_review, book booked, decline declined, withdraw withdrawn,
    quarantine quarantined, transfer received, log_contact received, change received
in_review: claim in_review, await_patient awaiting_patient, offer offered, book booked,
    waitlist waitlisted, decline declined, release received, transfer received,
    withdraw withdrawn, log_contact in_review, change in_review
awaiting_patient: claim in_review, offer offered, book booked, waitlist waitlisted,
    decline declined, transfer received, withdraw withdrawn, give_up no_reply,
    log_contact awaiting_patient, change awaiting_patient
offered: book booked, expire_offer in_review, decline declined, transfer received,
    withdraw withdrawn, give_up no_reply, log_contact offered, change offered
booked: attend attended, miss missed, retime in_review, withdraw withdrawn
waitlisted: claim in_review, offer offered, book booked, decline declined, transfer received,
    withdraw withdrawn, give_up no_reply, log_contact waitlisted, change waitlisted
attended: undo booked
missed: reopen in_review, give_up no_reply, undo booked
declined: reopen in_review
withdrawn: undo in_review
no_reply: reopen in_review
quarantined: clear received, decline declined, withdraw withdrawn, transfer quarantined,
    change quarantined
entered_in_error: undo in_review
"""


def written_out() -> dict[tuple[Status, Action], Status]:
    table: dict[tuple[Status, Action], Status] = {}
    for line in TABLE.replace("\n    ", " ").strip().splitlines():
        start, _, moves = line.partition(":")
        for move in filter(None, moves.strip().split(", ")):
            action, to = move.split(" ")
            table[Status(start), Action(action)] = Status(to)
    for status in Status:
        table[status, Action.MERGE] = table[status, Action.MARK_ERROR] = Status.ENTERED_IN_ERROR
        table[status, Action.NOTE] = status
    return table


def test_table_is_the_one_written_out() -> None:
    assert written_out() == TRANSITIONS


@pytest.mark.parametrize("status", Status)
def test_every_pair_is_allowed_or_refused_as_written(status: Status) -> None:
    table = written_out()
    for action in Action:
        if (status, action) in table:
            assert next_status(status, action) is table[status, action]
        else:
            with pytest.raises(NotAllowed, match=f"{action} is not possible while .* {status}"):
                next_status(status, action)


@pytest.mark.parametrize("status", Status)
def test_buttons_offer_what_the_table_allows(status: Status) -> None:
    expected = {action for start, action in written_out() if start is status}
    assert allowed_actions(status) == expected


def test_every_status_can_be_reached_from_received() -> None:
    reached, before = {Status.RECEIVED}, set[Status]()
    while reached != before:
        before = set(reached)
        reached |= {TRANSITIONS[pair] for pair in TRANSITIONS if pair[0] in before}
    assert reached == set(Status)


def test_nothing_but_an_undo_leads_out_of_an_end() -> None:
    for end in (Status.WITHDRAWN, Status.ENTERED_IN_ERROR):
        pairs = {pair for pair in TRANSITIONS if pair[0] is end and pair[1] is not Action.UNDO}
        leads_to = {TRANSITIONS[pair] for pair in pairs}
        assert leads_to <= {end, Status.ENTERED_IN_ERROR}


def test_requests_are_submitted_once_and_never_again() -> None:
    assert [pair for pair in TRANSITIONS if pair[1] is Action.SUBMIT] == []


def test_open_is_what_somebody_still_has_to_do() -> None:
    assert [status.value for status in Status if status.is_open] == [
        "received", "in_review", "awaiting_patient", "offered", "waitlisted", "quarantined",
    ]  # fmt: skip
    assert set(OPEN) == {status for status in Status if status.is_open}


def test_words_of_the_table_are_those_of_the_contract() -> None:
    used = {action for _, action in TRANSITIONS} | {Action.SUBMIT}
    assert used == set(Action)
    assert all(word == word.lower() for word in itertools.chain(Status, Action))
