"""What a message tells, by which way, how far it has come, and when to try again."""

import enum
import re
from dataclasses import dataclass, field
from datetime import timedelta


class Channel(enum.StrEnum):
    """The ways by which a message leaves."""

    EMAIL = "email"
    FAX = "fax"
    WEBHOOK = "webhook"


class DeliveryState(enum.StrEnum):
    """Where a message stands; nobody ever knows that it was read. Its moves: `life.LIFE`."""

    WAITING = "waiting"
    HANDED_OVER = "handed_over"
    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    REFUSED = "refused"
    NOT_NEEDED = "not_needed"
    DEAD = "dead"


class MessageKind(enum.StrEnum):
    """What a message tells, to the clinic; those that begin with `tell_` go to the patient."""

    REQUEST_WAITS = "request_waits"
    PATIENT_CHANGED = "patient_changed"
    DIGEST = "digest"
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


# What tells a clinic of a request; where such a message fails, nobody there knows.
STAFF_KINDS = frozenset({MessageKind.REQUEST_WAITS, MessageKind.PATIENT_CHANGED})


@dataclass(frozen=True)
class Message:
    """A message as it leaves: whom to, the values that its text names, and in which language.

    The text is the whole mail, or, with a `frame`, what stands in that frame, as text and HTML.
    `secret` is what a webhook is signed with.
    """

    to: str
    template: str
    values: dict[str, str]
    frame: str | None = None
    language: str = "en"
    secret: str | None = field(default=None, repr=False)


_FIRST_WAIT = timedelta(seconds=20)
# After an outage the last message is tried within this time and a fifth.
_LONGEST_WAIT = timedelta(minutes=10)
_DOUBLINGS = 5
_SPREAD = 0.2
# Where nobody has set an address yet, nothing was tried: the row is looked at again after this.
ADDRESS_WAIT = timedelta(minutes=5)
# A message whose recipient does not take it for so long is given up, and staff are told.
GIVE_UP_AFTER = timedelta(days=3)
# A due time farther off than any wait was written before the clock was put back.
FARTHEST_WAIT = _LONGEST_WAIT * (1 + _SPREAD)


def next_wait(attempts: int, *, spread: float = 0.0) -> timedelta:
    """Return how long to wait after this many failed tries: doubling, ten minutes at most.

    `spread`, from 0 to 1, adds up to a fifth, so that what failed together does not come back
    together.
    """
    doubled: timedelta = _FIRST_WAIT * 2 ** min(max(attempts, 1) - 1, _DOUBLINGS)
    return min(_LONGEST_WAIT, doubled) * (1 + _SPREAD * spread)


_ANY_ADDRESS = re.compile(r"[^\s<>]+@[^\s<>]+")


def without_address(answer: str, address: str) -> str:
    """Return a mail server's answer without the address that it repeats, whole or in part."""
    names = (address, address.partition("@")[0])
    for name in filter(None, names):
        answer = re.sub(rf"(?<![\w.]){re.escape(name)}(?![\w.])", "…", answer, flags=re.IGNORECASE)
    return _ANY_ADDRESS.sub("…", answer)
