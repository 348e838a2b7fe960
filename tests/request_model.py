"""What a request's life should be, in plain Python: no database, nothing of our operations.

Only the table of states and moves is the code's own; tests/unit/appointments compares it with a
copy by hand. Everything that needs data (who, when, which offer, which clinic) is said here anew.
"""

import copy
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from clinicdir.appointments.rules import TRANSITIONS, Action, Status

LEASE = timedelta(minutes=15)
PATIENT, STAFF, SYSTEM = "patient", "staff", "system"
BESIDE = (Action.NOTE, Action.LOG_CONTACT, Action.CHANGE)
CONTACTS = (
    Action.AWAIT_PATIENT,
    Action.BOOK,
    Action.DECLINE,
    Action.OFFER,
    Action.WAITLIST,
)
PATIENTS = (Action.CHANGE, Action.WITHDRAW, Action.BOOK, Action.TRANSFER)
STAYS_BOOKED = (Status.BOOKED, Status.ATTENDED, Status.MISSED)
HELD, TAKEN, LAPSED = "held", "taken", "lapsed"


@dataclass(frozen=True)
class Who:
    """Who acts: a kind and, for staff, a number."""

    kind: str
    number: int | None = None


@dataclass(frozen=True)
class Wish:
    """A step as somebody wants it; `behind` is how old their page is, in versions."""

    action: Action
    who: Who
    behind: int | None = None
    time: datetime | None = None
    times: tuple[datetime, ...] = ()
    location_id: int | None = None
    reason: str | None = None
    changed: tuple[str, ...] = ()
    again: datetime | None = None
    outcome: str | None = None
    undoes: bool = False


@dataclass
class Life:
    """All that should be known of one request, as the tables should say it."""

    row_id: int
    reference: str
    token: str
    answers: dict[str, object]
    words: set[str]
    location_id: int
    created_at: datetime
    changed_at: datetime
    promise_at: datetime | None
    due_at: datetime
    version: int
    status: Status = Status.RECEIVED
    answers_version: int = 1
    claimed_by: int | None = None
    claimed_until: datetime | None = None
    booked_at: datetime | None = None
    sequence: int = 0
    reason: str | None = None
    first_contact_at: datetime | None = None
    try_again_at: datetime | None = None
    duplicate_of: int | None = None
    places: frozenset[datetime] = frozenset()
    last_offered: frozenset[datetime] = frozenset()
    undone: bool = False
    hidden_until: datetime | None = None
    left_id: int | None = None
    last_reason: str | None = None
    left_by: int | None = None
    offers: list[tuple[datetime, str, int]] = field(default_factory=list)
    events: list[tuple[Action, Status | None, Status, str, int | None]] = field(
        default_factory=lambda: [(Action.SUBMIT, None, Status.RECEIVED, PATIENT, None)]
    )
    audited: list[tuple[int, str, str]] = field(default_factory=list)
    messages: list[str] = field(default_factory=lambda: ["request_waits"])

    def __post_init__(self) -> None:
        self.audited = [(self.location_id, "submit", "- > received")]

    def holder(self, now: datetime) -> int | None:
        """Return who is on it."""
        free = self.claimed_until is None or self.claimed_until <= now
        return None if free else self.claimed_by

    def times_left(self, now: datetime) -> list[datetime]:
        """Return the times that a patient can take."""
        return sorted(time for time, state, _ in self.offers if state == HELD and time > now)

    def has_run_out(self, now: datetime) -> bool:
        """Say whether times were held out and none of them is left."""
        return self.status is Status.OFFERED and not self.times_left(now)

    def is_left_alone(self, now: datetime) -> bool:
        """Say whether somebody was on it and is not any more."""
        return self.status is Status.IN_REVIEW and self.holder(now) is None

    def resumed(self, wish: Wish) -> "Life":
        """Return the life as if the hold had lasted, where its own end is all that is new to them.

        Itself in all other cases.
        """
        is_theirs = wish.who.kind == STAFF and self.left_by == wish.who.number
        by_time = (Action.RELEASE, Status.IN_REVIEW, Status.RECEIVED, SYSTEM, None)
        if wish.behind != 1 or not is_theirs or self.events[-1] != by_time:
            return self
        new = copy.deepcopy(self)
        if wish.action is Action.CLAIM:
            return new
        new.status, new.claimed_by = Status.IN_REVIEW, self.left_by
        new.claimed_until = self.changed_at + timedelta(days=1000)
        return new

    def allows(self, wish: Wish, now: datetime) -> bool:
        """Say whether a step is to be done, else refused."""
        before = self.resumed(wish)
        if before is not self:
            return before.allows(replace(wish, behind=0), now)
        staff = wish.who.kind == STAFF
        if (self.status, wish.action) not in TRANSITIONS or wish.behind not in (None, 0):
            return False
        if wish.who.kind == PATIENT and wish.action not in PATIENTS:
            return False
        if staff and self.holder(now) not in (None, wish.who.number):
            return False
        return self.fits(wish, now)

    def fits(self, wish: Wish, now: datetime) -> bool:
        """Say whether a step's time, clinic or hold is as it must be."""
        if wish.action is Action.RELEASE:
            is_held = self.holder(now) is not None
            return self.claimed_by == wish.who.number if wish.who.kind == STAFF else not is_held
        if wish.action is Action.TRANSFER:
            return wish.location_id != self.location_id
        if wish.action is Action.BOOK and wish.who.kind == PATIENT:
            return wish.time in self.times_left(now)
        if wish.action is Action.OFFER:
            return 1 <= len(set(wish.times)) <= 3 and all(time > now for time in wish.times)
        return True

    def after(self, wish: Wish, now: datetime, *, slugs: dict[int, str]) -> "Life":
        """Return the life after an allowed step."""
        before = self.resumed(wish)
        if before is not self:
            if before.status is Status.IN_REVIEW:
                taken_up = (Action.CLAIM, Status.RECEIVED, Status.IN_REVIEW)
                before.events.append((*taken_up, STAFF, wish.who.number))
                before.audited.append((self.location_id, "claim", "received > in_review"))
            return before.after(replace(wish, behind=0), now, slugs=slugs)
        new, action, was = copy.deepcopy(self), wish.action, self.status
        new.status = TRANSITIONS[was, action]
        new.version += 1
        new.changed_at = now
        new.hold(wish, now)
        new.offer_and_book(wish)
        if action is Action.TRANSFER and wish.location_id is not None:
            new.location_id = wish.location_id
            left = (self.location_id, "transfer_out", f"to {slugs[wish.location_id]}")
            new.audited.append(left)
        if action in (Action.DECLINE, Action.REOPEN):
            new.reason = wish.reason if action is Action.DECLINE else None
            new.last_reason = new.reason or self.last_reason
        new.undone, new.hidden_until = wish.undoes, self.try_again_at
        new.left_id = self.location_id
        new.left_by = self.claimed_by if wish.who.kind == SYSTEM else None
        hears = action in CONTACTS or wish.outcome in ("reached", "voicemail")
        is_contact = wish.who.kind == STAFF and hears and not wish.undoes
        if is_contact and was is not Status.QUARANTINED:
            new.first_contact_at = self.first_contact_at or now
        if action is not Action.NOTE and not (action is Action.RELEASE and wish.who.kind == SYSTEM):
            new.try_again_at = wish.again
        new.events.append((action, was, new.status, wish.who.kind, wish.who.number))
        new.audited.append((new.location_id, action.value, f"{was} > {new.status}"))
        told_anew = action in (Action.TRANSFER, Action.CLEAR, Action.RELEASE)
        if wish.undoes:
            return new
        if told_anew and new.status is not Status.QUARANTINED:
            new.tell("request_waits")
        elif wish.who.kind == PATIENT and was is not Status.QUARANTINED:
            new.tell("patient_changed")
        return new

    def tell(self, kind: str) -> None:
        """Queue a message; none leaves here, and one of a kind that waits is enough."""
        if kind not in self.messages:
            self.messages.append(kind)

    def hold(self, wish: Wish, now: datetime) -> None:
        number = wish.who.number
        if wish.action in BESIDE:
            if number is not None and self.holder(now) == number:
                self.claimed_until = now + LEASE
            return
        takes = self.status is Status.IN_REVIEW and number is not None
        self.claimed_by = number if takes else None
        self.claimed_until = now + LEASE if takes else None

    def offer_and_book(self, wish: Wish) -> None:
        was, action = self.events[-1][2], wish.action
        if was is Status.OFFERED and self.status is not Status.OFFERED:
            taken = wish.time if action is Action.BOOK else None
            self.offers = [
                (time, (TAKEN if time == taken else LAPSED) if state == HELD else state, place)
                for time, state, place in self.offers
            ]
        if action is Action.OFFER:
            self.offers += [(time, HELD, self.location_id) for time in sorted(set(wish.times))]
            self.places = self.last_offered = frozenset(wish.times)
        if action is Action.BOOK:
            self.booked_at = wish.time
            self.places = frozenset({wish.time} if wish.time else ())
        if self.status not in (Status.OFFERED, *STAYS_BOOKED):
            self.places = frozenset()
        ended = was is Status.BOOKED and self.status not in STAYS_BOOKED
        self.sequence += action is Action.BOOK or ended
