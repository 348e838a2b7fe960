import itertools

import pytest

from clinicdir.appointments.rules import (
    OPEN,
    REFERENCE_ALPHABET,
    TRANSITIONS,
    Action,
    Status,
    allowed_actions,
    name_words,
    new_reference,
    next_status,
    parse_reference,
    show_reference,
)
from clinicdir.errors import NotAllowed

# The table of the architecture, a line a status; its quarantined row lacks the last two moves,
# which a sender who is never told of it must find there as in received.
TABLE = """
received: claim in_review, book booked, decline declined, withdraw withdrawn,
  quarantine quarantined, transfer received
in_review: claim in_review, await_patient awaiting_patient, offer offered, book booked,
  waitlist waitlisted, decline declined, release received, transfer received, withdraw withdrawn
awaiting_patient: claim in_review, offer offered, book booked, waitlist waitlisted,
  decline declined, transfer received, withdraw withdrawn, give_up no_reply
offered: book booked, expire_offer in_review, decline declined, transfer received,
  withdraw withdrawn, give_up no_reply
booked: attend attended, miss missed, retime in_review, withdraw withdrawn
waitlisted: claim in_review, offer offered, book booked, decline declined, transfer received,
  withdraw withdrawn, give_up no_reply
attended: undo booked
missed: reopen in_review, give_up no_reply, undo booked
declined: reopen in_review
withdrawn: undo in_review
no_reply: reopen in_review
quarantined: clear received, decline declined, withdraw withdrawn, transfer quarantined,
  change quarantined
entered_in_error: undo in_review
"""
CONTACTABLE = {"received", "in_review", "awaiting_patient", "offered", "waitlisted"}


def expected() -> dict[tuple[str, str], str]:
    moves: dict[tuple[str, str], str] = {}
    for line in TABLE.strip().replace(",\n ", ",").splitlines():
        status, _, actions = line.partition(":")
        moves |= {
            (status, action): to
            for action, to in (move.split() for move in actions.split(",") if move.strip())
        }
        moves |= {
            (status, "merge"): "entered_in_error",
            (status, "mark_error"): "entered_in_error",
            (status, "note"): status,
        }
        if status in CONTACTABLE:
            moves |= {(status, "log_contact"): status, (status, "change"): status}
    return moves


def test_table_is_the_one_of_the_architecture() -> None:
    assert {(str(start), str(action)): str(to) for (start, action), to in TRANSITIONS.items()} == (
        expected()
    )


@pytest.mark.parametrize("status", Status)
def test_every_pair_in_the_table_is_allowed_and_every_other_refused(status: Status) -> None:
    for action in Action:
        to = expected().get((status, action))
        assert (action in allowed_actions(status)) == (to is not None)
        if to is None:
            with pytest.raises(NotAllowed):
                next_status(status, action)
        else:
            assert next_status(status, action) == to


def test_every_status_is_reached_from_received() -> None:
    reached = {Status.RECEIVED}
    while more := {to for (start, _), to in TRANSITIONS.items() if start in reached} - reached:
        reached |= more
    assert reached == set(Status)


def test_open_means_that_somebody_still_has_to_do_something() -> None:
    assert (
        {status for status in Status if status.is_open}
        == set(OPEN)
        == {
            Status.RECEIVED,
            Status.IN_REVIEW,
            Status.AWAITING_PATIENT,
            Status.OFFERED,
            Status.WAITLISTED,
            Status.QUARANTINED,
        }
    )


def test_reference_has_seven_symbols_that_cannot_be_misread() -> None:
    references = {new_reference() for _ in range(500)}
    assert len(references) == 500
    assert {len(reference) for reference in references} == {7}
    assert set("".join(references)) == set(REFERENCE_ALPHABET)
    assert not set(REFERENCE_ALPHABET) & set("01OIL")
    assert len(set(REFERENCE_ALPHABET)) == 31


def test_reference_is_read_as_people_write_it() -> None:
    reference = new_reference()
    shown = show_reference(reference)
    assert shown == f"{reference[:3]}-{reference[3:]}"
    for typed in (reference, shown, f" {shown.lower()} ", " ".join(reference)):
        assert parse_reference(typed) == reference


@pytest.mark.parametrize("typed", ["", "C7K", "C7K4KQ2X9", "C7K-4KQ0", "ＣＣＣＣＣＣＣ", "../../x"])
def test_text_that_cannot_be_a_reference_is_none(typed: str) -> None:
    assert parse_reference(typed) is None


def test_every_wrong_symbol_and_every_swap_of_neighbours_is_caught() -> None:
    for reference in (new_reference() for _ in range(20)):
        for place, symbol in itertools.product(range(7), REFERENCE_ALPHABET):
            if symbol != reference[place]:
                wrong = reference[:place] + symbol + reference[place + 1 :]
                assert parse_reference(wrong) is None, (reference, wrong)
        for place in range(6):
            first, second = reference[place], reference[place + 1]
            if first != second:
                wrong = reference[:place] + second + first + reference[place + 2 :]
                assert parse_reference(wrong) is None, (reference, wrong)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["Robin Example"], {"robin", "example"}),
        (["José Núñez", "Jose Nunez"], {"jose", "nunez"}),
        (["O’Brien-Smith"], {"o", "brien", "smith"}),
        (["Straße", "STRASSE"], {"strasse"}),
        (["Ro\u200bbin"], {"robin"}),
        (["李 小龍"], {"李", "小龍"}),
        (["Ｆｕｌｌ"], {"full"}),
        (["—"], set()),
        ([], set()),
    ],
)
def test_name_words_fold_case_accents_and_marks(names: list[str], words: set[str]) -> None:
    assert name_words(names) == words
