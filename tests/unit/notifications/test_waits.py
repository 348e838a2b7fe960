"""The limits of waiting, and what a message says of itself."""

from datetime import timedelta

from clinicdir.notifications.rules import (
    FARTHEST_WAIT,
    GIVE_UP_AFTER,
    STAFF_KINDS,
    Message,
    MessageKind,
    next_wait,
)


def test_farthest_wait_is_the_longest_that_a_failure_can_bring() -> None:
    """A due time beyond it was written before the clock was put back."""
    longest = max(next_wait(attempts, spread=1.0) for attempts in range(100))
    assert longest == FARTHEST_WAIT == timedelta(minutes=12)


def test_message_is_given_up_after_three_days() -> None:
    assert timedelta(days=3) == GIVE_UP_AFTER


def test_wait_before_the_first_try_is_the_shortest() -> None:
    assert next_wait(0) == next_wait(1) == timedelta(seconds=20)


def test_secret_of_a_webhook_is_in_no_text_about_the_message() -> None:
    message = Message("https://hooks.example", "request_waits", {}, secret="whsec_hidden")
    assert "hidden" not in repr(message)


def test_kinds_are_for_the_clinic_or_for_the_patient() -> None:
    to_clinic = {kind for kind in MessageKind if not kind.to_patient}
    assert to_clinic == {*STAFF_KINDS, MessageKind.DIGEST}
    assert all(kind.value.startswith("tell_") for kind in set(MessageKind) - to_clinic)
