"""The life of a request: its states, the moves between them, its reference and name words."""

import enum
import secrets
import unicodedata
from collections.abc import Iterable, Sequence

from clinicdir.errors import NotAllowed


class RequestChannel(enum.StrEnum):
    """The way by which a request came in."""

    WEB = "web"
    API = "api"
    PHONE = "phone"
    FAX = "fax"
    DESK = "desk"


class Status(enum.StrEnum):
    """Where a request stands."""

    RECEIVED = "received"
    IN_REVIEW = "in_review"
    AWAITING_PATIENT = "awaiting_patient"
    OFFERED = "offered"
    BOOKED = "booked"
    WAITLISTED = "waitlisted"
    ATTENDED = "attended"
    MISSED = "missed"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    NO_REPLY = "no_reply"
    QUARANTINED = "quarantined"
    ENTERED_IN_ERROR = "entered_in_error"

    @property
    def is_open(self) -> bool:
        """Say whether somebody still has to do something."""
        return self in OPEN


OPEN = (
    Status.RECEIVED,
    Status.IN_REVIEW,
    Status.AWAITING_PATIENT,
    Status.OFFERED,
    Status.WAITLISTED,
    Status.QUARANTINED,
)


class Action(enum.StrEnum):
    """What can be done to a request."""

    SUBMIT = "submit"
    CLAIM = "claim"
    RELEASE = "release"
    AWAIT_PATIENT = "await_patient"
    OFFER = "offer"
    EXPIRE_OFFER = "expire_offer"
    BOOK = "book"
    RETIME = "retime"
    WAITLIST = "waitlist"
    DECLINE = "decline"
    REOPEN = "reopen"
    TRANSFER = "transfer"
    WITHDRAW = "withdraw"
    GIVE_UP = "give_up"
    ATTEND = "attend"
    MISS = "miss"
    UNDO = "undo"
    QUARANTINE = "quarantine"
    CLEAR = "clear"
    MERGE = "merge"
    MARK_ERROR = "mark_error"
    LOG_CONTACT = "log_contact"
    CHANGE = "change"
    NOTE = "note"


class OfferState(enum.StrEnum):
    """What became of a time that was held out."""

    HELD = "held"
    TAKEN = "taken"
    LAPSED = "lapsed"


# The reason of a decline that nobody is told of.
SPAM = "spam"

# What is written beside a request does not end anybody's hold on it.
BESIDE = frozenset({Action.NOTE, Action.LOG_CONTACT, Action.CHANGE})
OF_PATIENT = frozenset({Action.CHANGE, Action.WITHDRAW, Action.BOOK, Action.TRANSFER})

# What ends a wait: from the first of these on, the patient has heard from the clinic.
FIRST_CONTACTS = frozenset(
    {
        Action.AWAIT_PATIENT,
        Action.BOOK,
        Action.DECLINE,
        Action.LOG_CONTACT,
        Action.OFFER,
        Action.WAITLIST,
    }
)
# How a try ends that tells the patient something; one that nobody answers does not.
_TELLING_OUTCOMES = frozenset({"reached", "voicemail"})

_MOVES: dict[Status, dict[Action, Status]] = {
    Status.RECEIVED: {
        Action.CLAIM: Status.IN_REVIEW,
        Action.BOOK: Status.BOOKED,
        Action.DECLINE: Status.DECLINED,
        Action.WITHDRAW: Status.WITHDRAWN,
        Action.QUARANTINE: Status.QUARANTINED,
        Action.TRANSFER: Status.RECEIVED,
    },
    Status.IN_REVIEW: {
        Action.CLAIM: Status.IN_REVIEW,
        Action.AWAIT_PATIENT: Status.AWAITING_PATIENT,
        Action.OFFER: Status.OFFERED,
        Action.BOOK: Status.BOOKED,
        Action.WAITLIST: Status.WAITLISTED,
        Action.DECLINE: Status.DECLINED,
        Action.RELEASE: Status.RECEIVED,
        Action.TRANSFER: Status.RECEIVED,
        Action.WITHDRAW: Status.WITHDRAWN,
    },
    Status.AWAITING_PATIENT: {
        Action.CLAIM: Status.IN_REVIEW,
        Action.OFFER: Status.OFFERED,
        Action.BOOK: Status.BOOKED,
        Action.WAITLIST: Status.WAITLISTED,
        Action.DECLINE: Status.DECLINED,
        Action.TRANSFER: Status.RECEIVED,
        Action.WITHDRAW: Status.WITHDRAWN,
        Action.GIVE_UP: Status.NO_REPLY,
    },
    Status.OFFERED: {
        Action.BOOK: Status.BOOKED,
        Action.EXPIRE_OFFER: Status.IN_REVIEW,
        Action.DECLINE: Status.DECLINED,
        Action.TRANSFER: Status.RECEIVED,
        Action.WITHDRAW: Status.WITHDRAWN,
        Action.GIVE_UP: Status.NO_REPLY,
    },
    Status.BOOKED: {
        Action.ATTEND: Status.ATTENDED,
        Action.MISS: Status.MISSED,
        Action.RETIME: Status.IN_REVIEW,
        Action.WITHDRAW: Status.WITHDRAWN,
    },
    Status.WAITLISTED: {
        Action.CLAIM: Status.IN_REVIEW,
        Action.OFFER: Status.OFFERED,
        Action.BOOK: Status.BOOKED,
        Action.DECLINE: Status.DECLINED,
        Action.TRANSFER: Status.RECEIVED,
        Action.WITHDRAW: Status.WITHDRAWN,
        Action.GIVE_UP: Status.NO_REPLY,
    },
    Status.ATTENDED: {Action.UNDO: Status.BOOKED},
    Status.MISSED: {
        Action.REOPEN: Status.IN_REVIEW,
        Action.GIVE_UP: Status.NO_REPLY,
        Action.UNDO: Status.BOOKED,
    },
    Status.DECLINED: {Action.REOPEN: Status.IN_REVIEW},
    # Only a person who withdrew it for a caller by mistake leads it back.
    Status.WITHDRAWN: {Action.UNDO: Status.IN_REVIEW},
    Status.NO_REPLY: {Action.REOPEN: Status.IN_REVIEW},
    Status.QUARANTINED: {
        Action.CLEAR: Status.RECEIVED,
        Action.DECLINE: Status.DECLINED,
        Action.WITHDRAW: Status.WITHDRAWN,
        # Refused to the sender, it would tell what is never told.
        Action.TRANSFER: Status.QUARANTINED,
    },
    Status.ENTERED_IN_ERROR: {Action.UNDO: Status.IN_REVIEW},
}

_CONTACTABLE = (
    Status.RECEIVED,
    Status.IN_REVIEW,
    Status.AWAITING_PATIENT,
    Status.OFFERED,
    Status.WAITLISTED,
)

TRANSITIONS: dict[tuple[Status, Action], Status] = (
    {(status, action): to for status, moves in _MOVES.items() for action, to in moves.items()}
    | {(status, Action.MERGE): Status.ENTERED_IN_ERROR for status in Status}
    | {(status, Action.MARK_ERROR): Status.ENTERED_IN_ERROR for status in Status}
    | {(status, Action.NOTE): status for status in Status}
    | {(status, Action.LOG_CONTACT): status for status in _CONTACTABLE}
    | {(status, Action.CHANGE): status for status in (*_CONTACTABLE, Status.QUARANTINED)}
)


def next_status(status: Status, action: Action) -> Status:
    """Return the state after an action, or raise NotAllowed."""
    to = TRANSITIONS.get((status, action))
    if to is None:
        message = f"{action} is not possible while a request is {status}"
        raise NotAllowed(message)
    return to


def is_contact(action: Action, details: Sequence[str]) -> bool:
    """Say whether the patient hears from the clinic by a move of staff; `details` are the move's.

    Of a try to reach them the outcome counts: nobody hears by no answer or a wrong number.
    """
    if action is Action.LOG_CONTACT:
        return not _TELLING_OUTCOMES.isdisjoint(details[:1])
    return action in FIRST_CONTACTS


def allowed_actions(status: Status) -> frozenset[Action]:
    """Return what can be done in a state, for buttons and programs."""
    return frozenset(action for (start, action) in TRANSITIONS if start is status)


# No 0 O 1 I L, which are misheard and misread; 31 is prime, as the check symbol needs.
REFERENCE_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
_REFERENCE_LENGTH = 7


def new_reference() -> str:
    """Return a random reference of 7 symbols, the last one its check symbol."""
    body = "".join(secrets.choice(REFERENCE_ALPHABET) for _ in range(_REFERENCE_LENGTH - 1))
    return body + _check_symbol(body)


def parse_reference(text: str) -> str | None:
    """Return the reference that was typed or read out, or None where it cannot be one."""
    reference = text.strip().upper().replace("-", "").replace(" ", "")
    if len(reference) != _REFERENCE_LENGTH or not set(reference) <= set(REFERENCE_ALPHABET):
        return None
    return reference if _check_symbol(reference[:-1]) == reference[-1] else None


def show_reference(reference: str) -> str:
    """Return the reference in two groups, as it is shown and read out: C7K-4KQ2."""
    return f"{reference[:3]}-{reference[3:]}"


def _check_symbol(body: str) -> str:
    """Return the symbol that shows one wrong symbol or two exchanged ones.

    A weighted sum modulo a prime: weights differ, so both kinds of slip change it.
    """
    total = sum(
        weight * REFERENCE_ALPHABET.index(symbol) for weight, symbol in enumerate(body, start=2)
    )
    return REFERENCE_ALPHABET[total % len(REFERENCE_ALPHABET)]


def name_words(names: Iterable[str]) -> set[str]:
    """Return the words by which names are found: folded case, without accents or marks."""
    words: set[str] = set()
    for name in names:
        folded = unicodedata.normalize("NFKD", name).casefold()
        kept = "".join(
            " " if unicodedata.category(symbol)[0] in "ZP" else symbol
            for symbol in folded
            if unicodedata.category(symbol) not in ("Mn", "Cf")
        )
        words.update(kept.split())
    return words
