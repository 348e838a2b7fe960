"""What each trouble means for its message, for its channel, and for how long."""

from datetime import timedelta

import pytest

from clinicdir.notifications.channels import (
    Down,
    NoAddress,
    NoChannel,
    Receipt,
    Refused,
    Troubled,
)
from clinicdir.notifications.claiming import Outcome, Standing
from clinicdir.notifications.life import Happening
from clinicdir.notifications.outcomes import (
    NotNeeded,
    cleaned,
    outcome_of,
    outcome_of_trouble,
)
from clinicdir.notifications.webhooks import TryLater

WAIT = timedelta(seconds=40)


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        (NotNeeded(), Outcome(Happening.DROP)),
        (
            NoAddress(),
            Outcome(Happening.LACK, "words", tried=False, wait=timedelta(minutes=5)),
        ),
        (
            NoChannel(),
            Outcome(
                Happening.LACK,
                "words",
                tried=False,
                wait=timedelta(minutes=5),
                standing=Standing.UNSET,
            ),
        ),
        (Refused(), Outcome(Happening.REFUSE, "words", standing=Standing.WORKS)),
        (Down(""), Outcome(Happening.FAIL, "words", wait=WAIT, standing=Standing.DOWN)),
        (
            Down("", own=True),
            Outcome(Happening.FAIL, "words", wait=WAIT, own=True, standing=Standing.DOWN),
        ),
        (
            Troubled(),
            Outcome(Happening.FAIL, "words", wait=WAIT, own=True, standing=Standing.WORKS),
        ),
    ],
)
def test_trouble_says_what_becomes_of_message_and_channel(
    said: Exception, outcome: Outcome
) -> None:
    assert outcome_of_trouble(said, "words", WAIT) == outcome


@pytest.mark.parametrize(("asked_for", "waited"), [(5, 40), (90, 90), (3_600, 720)])
def test_receiver_may_ask_for_a_longer_wait_up_to_twelve_minutes(
    asked_for: int, waited: int
) -> None:
    said = TryLater("", timedelta(seconds=asked_for))
    assert outcome_of_trouble(said, "words", WAIT).wait == timedelta(seconds=waited)


def test_receipt_names_its_job_or_keeps_the_one_it_is_of() -> None:
    asked = outcome_of(Receipt.handed_over("new", "ringing"), job="old")
    assert asked == Outcome(
        Happening.HAND_OVER,
        wait=timedelta(seconds=30),
        job="new",
        detail="ringing",
        standing=Standing.WORKS,
    )
    assert outcome_of(Receipt.confirmed(), job="old", tried=False) == Outcome(
        Happening.CONFIRM,
        tried=False,
        wait=timedelta(seconds=30),
        job="old",
        standing=Standing.WORKS,
    )
    assert outcome_of(Receipt()).tried


def test_words_of_the_other_side_are_cut_and_hold_no_mailbox() -> None:
    said = cleaned(Exception(f"robin@patient.example {'x' * 400}"))
    assert said == f"… {'x' * 298}"
