"""What a message tells, by which way, how far it has come, and when to try again."""

import enum
import re
from dataclasses import dataclass
from datetime import timedelta


class Channel(enum.StrEnum):
    """The ways by which a message leaves."""

    EMAIL = "email"


class DeliveryState(enum.StrEnum):
    """Where a message stands; nobody ever knows that it was read."""

    WAITING = "waiting"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    NOT_NEEDED = "not_needed"


class MessageKind(enum.StrEnum):
    """What a message tells, to the clinic; those that begin with `tell_` go to the patient."""

    REQUEST_WAITS = "request_waits"
    PATIENT_CHANGED = "patient_changed"
    TELL_RECEIVED = "tell_received"
    TELL_TRIED = "tell_tried"
    TELL_OFFERED = "tell_offered"
    TELL_BOOKED = "tell_booked"
    TELL_RETIMED = "tell_retimed"
    TELL_WAITLISTED = "tell_waitlisted"
    TELL_DECLINED = "tell_declined"
    TELL_REOPENED = "tell_reopened"
    TELL_PASSED_ON = "tell_passed_on"
    TELL_WITHDRAWN = "tell_withdrawn"
    TELL_GIVEN_UP = "tell_given_up"
    TELL_CORRECTED = "tell_corrected"

    @property
    def to_patient(self) -> bool:
        """Say whether it goes to the patient, not to the clinic."""
        return self.value.startswith("tell_")


@dataclass(frozen=True)
class Message:
    """A message as it leaves: whom to, the values that its text names, and in which language.

    The text is the whole mail, or, with a `frame`, what stands in that frame, as text and HTML.
    """

    to: str
    template: str
    values: dict[str, str]
    frame: str | None = None
    language: str = "en"


_FIRST_WAIT = timedelta(seconds=20)
_LONGEST_WAIT = timedelta(minutes=30)
_DOUBLINGS = 7
# Where nobody has set an address yet, nothing was tried: the row is looked at again after this.
ADDRESS_WAIT = timedelta(minutes=5)


def next_wait(attempts: int) -> timedelta:
    """Return how long to wait after this many failed tries: doubling, half an hour at most."""
    doubled: timedelta = _FIRST_WAIT * 2 ** min(attempts - 1, _DOUBLINGS)
    return min(_LONGEST_WAIT, doubled)


_ANY_ADDRESS = re.compile(r"[^\s<>]+@[^\s<>]+")


def without_address(answer: str, address: str) -> str:
    """Return a mail server's answer without the address that it repeats, whole or in part."""
    names = (address, address.partition("@")[0])
    for name in names:
        answer = re.sub(rf"(?<![\w.]){re.escape(name)}(?![\w.])", "…", answer, flags=re.IGNORECASE)
    return _ANY_ADDRESS.sub("…", answer)
