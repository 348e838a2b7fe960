"""What a message tells, by which way, how far it has come, and when to try again."""

import enum
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
    """What a message tells."""

    REQUEST_WAITS = "request_waits"
    PATIENT_CHANGED = "patient_changed"


@dataclass(frozen=True)
class Message:
    """A message as it leaves: whom to, and the values that its text names."""

    to: str
    template: str
    values: dict[str, str]


_FIRST_WAIT = timedelta(seconds=20)
_LONGEST_WAIT = timedelta(minutes=30)
_DOUBLINGS = 7
# Where nobody has set an address yet, nothing was tried: the row is looked at again after this.
ADDRESS_WAIT = timedelta(minutes=5)


def next_wait(attempts: int) -> timedelta:
    """Return how long to wait after this many failed tries: doubling, half an hour at most."""
    doubled: timedelta = _FIRST_WAIT * 2 ** min(attempts - 1, _DOUBLINGS)
    return min(_LONGEST_WAIT, doubled)
