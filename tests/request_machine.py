"""Does to requests whatever patients, staff and time can do, in any order, beside a model.

After each step every row that this example made is read and compared with the model. More hands
(the desk's pages, a browser) come in as more rules: a rule says its wish to the model and does it.
"""

import itertools
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, ClassVar

from flask import Flask
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Row, func, select, update

from clinicdir.appointments.arrival import Arrival, link_token, submit_request
from clinicdir.appointments.changes import CHANGEABLE, change_answers, change_location
from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.operations import Move, act
from clinicdir.appointments.queries import get_by_link, get_request
from clinicdir.appointments.rules import TRANSITIONS, Action, RequestChannel, Status
from clinicdir.appointments.submission import Context
from clinicdir.appointments.tidying import expire_offers, release_lapsed
from clinicdir.audit.rules import PATIENT as PATIENT_ACTOR
from clinicdir.audit.rules import Actor, location_chain
from clinicdir.crypto import token_hash
from clinicdir.db import Base, db, key_ring, transaction
from clinicdir.errors import Conflict, Invalid, NotAllowed, NotFound
from clinicdir.locations.queries import get_location, list_all_locations
from clinicdir.staff.rules import EVERYWHERE
from clinicdir.staff.sessions import actor_of
from clinicdir.web.staff_labels import OUTCOMES
from tests.make import TODAY, make_staff, make_submission
from tests.request_model import PATIENT, PATIENTS, STAFF, SYSTEM, Life, Who, Wish

START = datetime.fromisoformat("2026-11-24T20:00:00+00:00")
PROMISED = timedelta(hours=26)
MOST_OPEN = 3
NAMES = {
    "Robin Example": {"robin", "example"},
    "Kim Example": {"kim", "example"},
    "José Núñez": {"jose", "nunez"},
}
SLUGS = ("renton", "bellevue", "covington")
CHANGES: tuple[dict[str, object], ...] = (
    *(dict[str, object](patient_name=name) for name in NAMES),
    {"phone": "206 555 0188"},
    {"phone": "", "email": "kim@example.com", "contact_by": "email"},
    {"phone": "206 555 0123", "email": "robin@example.com"},
    {"email": ""},
    {"phone": ""},
    {"contact_by": "email"},
    {"windows": [{"weekday": "tuesday", "part": "morning"}]},
    {"note": "The bell at the side door"},
    {"note": "", "voicemail_ok": True, "short_notice": True},
    {"patient_name": ""},
    {"goal": "walk", "consent_version": "another"},
)
# Each move of the table but two, which have rules of their own.
MOVES = [pair for pair in TRANSITIONS if pair[1] not in (Action.TRANSFER, Action.CHANGE)]
HOLDER = 2  # whoever is on the request, else the first
PEOPLE = st.sampled_from([HOLDER, HOLDER, HOLDER, 0, 1])
SLUG_ORDERS = st.permutations(SLUGS)
BEHIND = st.sampled_from([0, 0, 0, 0, 0, 0, 0, 1])
PICK = st.integers(0, 5)
WITHDRAWS = 5
# Times ahead, in minutes; then what is no offer: none, four, one that has just begun, a past one.
MINUTES = st.sampled_from(
    [
        *((20,), (60, 1440), (90, 1440, 2880), (20, 20, 60), (1440,), (2880, 60)),
        *((), (20, 60, 90, 1440), (0,), (60, -5)),
    ]
)
TABLES = (
    "appointment_request",
    "request_event",
    "request_location",
    "offer",
    "held_time",
    "name_word",
    "outbox_message",
    "audit_entry",
)
_numbers = itertools.count()


class Requests(RuleBasedStateMachine):
    """Sends, changes and moves requests; the tables must say what the model says."""

    keys = Bundle("keys")

    app: ClassVar[Flask]
    people: ClassVar[list[Actor]]
    steps: ClassVar[int]
    refused: ClassVar[Counter[str]]
    done: ClassVar[Counter[str]]
    moves: ClassVar[set[tuple[Status, Action]]]

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.lives: dict[str, Life] = {}
        self.sent: dict[str, dict[str, Any]] = {}
        self.context = self.app.app_context()
        self.context.push()
        self.locations = {place.slug: place.id for place in list_all_locations()}
        self.slugs = {number: slug for slug, number in self.locations.items()}
        self.before = {name: newest(name) for name in TABLES}

    def teardown(self) -> None:
        """Leave nothing that time would move on in the next example."""
        left = Base.metadata.tables["appointment_request"]
        with transaction():
            db.session.execute(
                update(left)
                .where(left.c.id > self.before["appointment_request"])
                .values(status=Status.ENTERED_IN_ERROR)
            )
        db.session.remove()
        self.context.pop()

    # -- what a rule is made of ------------------------------------------------------------------

    def send(self, key: str, sent: dict[str, Any]) -> AppointmentRequest:
        submission = make_submission(self.app, **sent)
        arrival = Arrival(key, RequestChannel.API)
        made = submit_request(submission, arrival, actor=PATIENT_ACTOR, now=self.now)
        if key not in self.lives:
            made.promise_at = made.due_at = self.now + PROMISED
        return made

    def read(self, key: str, who: Who) -> AppointmentRequest:
        """Read a request as its page does: by the patient's link, or by its reference."""
        life = self.lives[key]
        if who.kind == PATIENT:
            return get_by_link(life.token, to_change=True)
        return get_request(life.reference, scope=EVERYWHERE, to_change=who == self.person(0))

    def count_open(self) -> int:
        return sum(life.status.is_open for life in self.lives.values())

    def person(self, number: int, key: str | None = None) -> Who:
        if number == HOLDER:
            holder = None if key is None else self.lives[key].holder(self.now)
            return self.person(0) if holder is None else Who(STAFF, holder)
        return Who(STAFF, self.people[number].staff_id)

    def actor(self, who: Who) -> Actor:
        if who.kind == PATIENT:
            return PATIENT_ACTOR
        return next(actor for actor in self.people if actor.staff_id == who.number)

    def allows(self, key: str, wish: Wish) -> bool:
        """Say whether a step is to be done, else refused."""
        return self.lives[key].allows(wish, self.now)

    def attempt(
        self, key: str, wish: Wish, do: Callable[[AppointmentRequest, Actor, int | None], None]
    ) -> bool:
        """Do a step; it must be done or refused as the model says."""
        life = self.lives[key]
        allowed = self.allows(key, wish)
        seen = None if wish.behind is None else life.version - wish.behind
        try:
            with transaction():
                do(self.read(key, wish.who), self.actor(wish.who), seen)
        except (NotAllowed, NotFound, Invalid):
            assert not allowed, wish
            self.refused[wish.action.value] += 1
            return False
        assert allowed, wish
        self.done[wish.action.value] += 1
        self.moves.add((life.resumed(wish).status, wish.action))
        self.lives[key] = life.after(wish, self.now, slugs=self.slugs)
        return True

    def outcome(self, key: str) -> str:
        """Return how a try to reach the patient ends, each of them in its turn."""
        return list(OUTCOMES)[self.lives[key].version % len(OUTCOMES)]

    def attempt_move(self, key: str, wish: Wish) -> bool:
        def do(found: AppointmentRequest, actor: Actor, seen: int | None) -> None:
            to = wish.location_id
            move = Move(
                wish.action,
                seen,
                location=None if to is None else get_location(self.slugs[to]),
                booked_at=wish.time,
                offered=wish.times,
                decline_reason=wish.reason,
                try_again_at=wish.again,
                details=(wish.outcome,) if wish.outcome else (),
                note="said so",
            )
            act(found, move, actor=actor, now=self.now)

        return self.attempt(key, wish, do)

    def led(self, key: str, goals: frozenset[Status]) -> str:
        """Return a request in one of these states: this one, another, or one led there.

        Hypothesis leaves whole rules out of an example; the others must not wait for them.
        """
        there = [one for one, life in self.lives.items() if life.status in goals]
        if there:
            return key if key in there else there[-1]
        way = way_to(self.lives[key].status, goals)
        if way is None:
            key = self.submit_new("Kim Example", list(SLUGS))
            way = way_to(Status.RECEIVED, goals)
        for step in way or ():
            type(self).steps += 1
            self.act_as(self.person(HOLDER, key), key, step, behind=0)
            self.tables_say_what_the_model_says()
        return key

    # -- sending ---------------------------------------------------------------------------------

    @initialize(target=keys, name=st.sampled_from(sorted(NAMES)), slugs=SLUG_ORDERS)
    def submit_first(self, name: str, slugs: list[str]) -> str:
        return self.submit_new(name, slugs)

    @precondition(lambda self: self.count_open() < MOST_OPEN)
    @rule(target=keys, name=st.sampled_from(sorted(NAMES)), slugs=SLUG_ORDERS)
    def submit(self, name: str, slugs: list[str]) -> str:
        return self.submit_new(name, slugs)

    def submit_new(self, name: str, slugs: list[str]) -> str:
        type(self).steps += 1
        key = f"machine:{next(_numbers)}"
        self.sent[key] = {"patient_name": name, "location": slugs[:2]}
        with transaction():
            made = self.send(key, self.sent[key])
            db.session.flush()
            self.lives[key] = Life(
                row_id=made.id,
                reference=made.reference,
                token=link_token(made),
                answers={
                    "patient_name": name,
                    "phone": "206 555 0123",
                    "email": None,
                    "contact_by": "phone",
                    "windows": [],
                    "note": None,
                    "voicemail_ok": False,
                    "short_notice": False,
                },
                words=NAMES[name],
                location_id=self.locations[slugs[0]],
                created_at=self.now,
                changed_at=self.now,
                promise_at=self.now + PROMISED,
                due_at=self.now + PROMISED,
                version=made.version,
            )
        return key

    @rule(key=keys, name=st.none() | st.sampled_from(sorted(NAMES)))
    def retry(self, key: str, name: str | None) -> None:
        """Send the same again, or under the same key something else."""
        type(self).steps += 1
        sent, life = self.sent[key], self.lives[key]
        name = name or sent["patient_name"]
        try:
            with transaction():
                again = self.send(key, sent | {"patient_name": name})
                answer = (again.id, again.reference, link_token(again))
        except Conflict:
            assert name != sent["patient_name"]
            self.refused["submit"] += 1
        else:
            assert name == sent["patient_name"]
            assert answer == (life.row_id, life.reference, life.token)
            self.done["submit again"] += 1

    # -- the patient, or staff for a caller -------------------------------------------------------

    @rule(key=keys, change=st.sampled_from(CHANGES), by=st.sampled_from([0, 1, None, None]), behind=BEHIND)  # fmt: skip  # noqa: E501
    def change(self, key: str, change: dict[str, object], by: int | None, behind: int) -> None:
        type(self).steps += 1
        who = Who(PATIENT) if by is None else self.person(by)
        self.change_as(who, key, change, behind=behind)

    def change_as(self, who: Who, key: str, change: dict[str, object], *, behind: int) -> None:
        life = self.lives[key]
        merged = life.answers | {
            name: None if value == "" else value
            for name, value in change.items()
            if name in CHANGEABLE
        }
        changed = tuple(name for name in merged if merged[name] != life.answers[name])
        wish = Wish(Action.CHANGE, who, changed=changed)
        fits = behind == 0 and (not (changed or "patient_name" in change) or makes_sense(merged))
        context = Context(today=TODAY, intake=self.app.extensions["clinicdir"].intake)

        def do(found: AppointmentRequest, actor: Actor, _seen: int | None) -> None:
            seen = life.answers_version - behind
            change_answers(found, change, context, seen_answers=seen, actor=actor, now=self.now)

        if not fits or not changed:
            self.check_no_change(key, wish, do, refused=not fits)
        elif self.attempt(key, wish, do):
            new = self.lives[key]
            new.answers, new.answers_version = merged, life.answers_version + 1
            new.words = NAMES[str(merged["patient_name"])]

    def check_no_change(
        self,
        key: str,
        wish: Wish,
        do: Callable[[AppointmentRequest, Actor, int | None], None],
        *,
        refused: bool,
    ) -> None:
        """Send a change that is refused, or that changes nothing."""
        refused = refused or (self.lives[key].status, Action.CHANGE) not in TRANSITIONS
        try:
            with transaction():
                do(self.read(key, wish.who), self.actor(wish.who), None)
        except (NotAllowed, NotFound, Invalid):
            assert refused
        else:
            assert not refused

    @rule(key=keys, slug=st.sampled_from(SLUGS), by=st.sampled_from([0, 1, None]), behind=BEHIND)
    def pass_on(self, key: str, slug: str, by: int | None, behind: int) -> None:
        type(self).steps += 1
        who = Who(PATIENT) if by is None else self.person(by)
        self.pass_on_as(who, key, slug, behind=None if by is None else behind)

    def pass_on_as(self, who: Who, key: str, slug: str, *, behind: int | None) -> None:
        place = self.locations[slug]
        wish = Wish(Action.TRANSFER, who, behind=behind, location_id=place)

        def do(found: AppointmentRequest, actor: Actor, seen: int | None) -> None:
            change_location(found, slug, seen_version=seen, actor=actor, now=self.now)

        self.attempt(key, wish, do)

    # -- offers and bookings ----------------------------------------------------------------------

    @rule(key=keys, minutes=MINUTES, person=PEOPLE, behind=BEHIND)
    def offer(self, key: str, minutes: tuple[int, ...], person: int, behind: int) -> None:
        type(self).steps += 1
        times = tuple(self.now + timedelta(minutes=number) for number in minutes)
        key = self.led(key, states_of(Action.OFFER))
        self.attempt_move(
            key, Wish(Action.OFFER, self.person(person, key), behind=behind, times=times)
        )

    def pick(self, key: str, pick: int) -> datetime:
        """Return a time ever held out for this request, or one that never was."""
        life = self.lives[key]
        times = life.times_left(self.now) + [time for time, _, _ in reversed(life.offers)]
        near = times[0] + timedelta(seconds=1) if times else self.now + PROMISED
        return times[pick] if pick < len(times) else near

    @rule(key=keys, pick=PICK)
    def patient_answers(self, key: str, pick: int) -> None:
        """Accept a time held out, or that was, or almost; now and then take the wish back."""
        type(self).steps += 1
        key = self.led(key, frozenset({Status.OFFERED}))
        if pick == WITHDRAWS:
            wish = Wish(Action.WITHDRAW, Who(PATIENT))
        else:
            wish = Wish(Action.BOOK, Who(PATIENT), time=self.pick(key, pick))
        self.attempt_move(key, wish)

    @rule(key=keys, pick=PICK, person=PEOPLE, behind=BEHIND)
    def staff_book(self, key: str, pick: int, person: int, behind: int) -> None:
        type(self).steps += 1
        key = self.led(key, states_of(Action.BOOK))
        time = self.pick(key, pick)
        self.attempt_move(
            key, Wish(Action.BOOK, self.person(person, key), behind=behind, time=time)
        )

    # -- each move once ---------------------------------------------------------------------------

    def do_once(self, status: Status, action: Action, kind: str) -> None:
        """Lead a new request to a state and do one step there; it must be done."""
        key = self.submit_new("Robin Example", list(SLUGS))
        assert self.led(key, frozenset({status})) == key
        who = Who(PATIENT) if kind == PATIENT else self.person(HOLDER, key)
        done = self.done[action]
        if action is Action.CHANGE:
            self.change_as(who, key, {"patient_name": "Kim Example"}, behind=0)
        elif action is Action.TRANSFER:
            self.pass_on_as(who, key, SLUGS[1], behind=None)
        else:
            self.act_as(who, key, action, behind=None)
        can = kind == STAFF or action is not Action.BOOK or status is Status.OFFERED
        assert (self.done[action] > done) is can

    # -- all else that staff do -------------------------------------------------------------------

    @rule(key=keys, move=st.sampled_from(MOVES), person=PEOPLE, by_patient=st.booleans())
    def go_on(self, key: str, move: tuple[Status, Action], person: int, by_patient: bool) -> None:
        """Do a step of the table from its state, whichever it is, so that lives get long."""
        type(self).steps += 1
        status, action = move
        key = self.led(key, frozenset({status}))
        if action is Action.WITHDRAW and by_patient:
            self.act_as(Who(PATIENT), key, action, behind=None)
        else:
            self.act_as(self.person(person, key), key, action, behind=0)

    @rule(
        key=keys,
        action=st.sampled_from(list(Action)),
        person=st.sampled_from([0, 1, None]),
        behind=BEHIND,
    )
    def anybody_tries_anything(
        self, key: str, action: Action, person: int | None, behind: int
    ) -> None:
        type(self).steps += 1
        if action in (Action.TRANSFER, Action.CHANGE):
            return  # they have rules of their own
        who = Who(PATIENT) if person is None else self.person(person)
        self.act_as(who, key, action, behind=None if person is None else behind)

    def act_as(self, who: Who, key: str, action: Action, *, behind: int | None) -> None:
        wish = Wish(
            action,
            who,
            behind=behind,
            time=self.now + PROMISED if action is Action.BOOK else None,
            times=(self.now + PROMISED,) if action is Action.OFFER else (),
            reason="no_times" if action is Action.DECLINE else None,
            again=self.now + PROMISED if action is Action.LOG_CONTACT else None,
            location_id=self.elsewhere(key) if action is Action.TRANSFER else None,
            outcome=self.outcome(key) if action is Action.LOG_CONTACT else None,
        )
        self.attempt_move(key, wish)

    def elsewhere(self, key: str) -> int:
        """Return the first clinic where a request is not."""
        return next(one for one in self.slugs if one != self.lives[key].location_id)

    # -- time -------------------------------------------------------------------------------------

    @rule(minutes=st.sampled_from([1, 14, 15, 60, 1500]))
    def time_goes_by(self, minutes: int) -> None:
        type(self).steps += 1
        self.now += timedelta(minutes=minutes)

    @rule(
        key=keys,
        status=st.sampled_from([None, Status.OFFERED, Status.IN_REVIEW]),
        minutes=st.sampled_from([0, 1, 15, 1500, 3000]),
    )
    def worker_looks(self, key: str, status: Status | None, minutes: int) -> None:
        """Let time go by, for a request that time can move on too, and let the worker look."""
        type(self).steps += 1
        if status is not None:
            self.led(key, frozenset({status}))
        self.now += timedelta(minutes=minutes)
        lives = self.lives.items()
        due = [key for key, life in lives if life.has_run_out(self.now)]
        assert expire_offers(now=self.now) == self.move_by_time(due, Action.EXPIRE_OFFER)
        due = [key for key, life in lives if life.is_left_alone(self.now)]
        assert release_lapsed(now=self.now) == self.move_by_time(due, Action.RELEASE)

    def move_by_time(self, due: list[str], action: Action) -> int:
        for key in due:
            wish = Wish(action, Who(SYSTEM))
            self.lives[key] = self.lives[key].after(wish, self.now, slugs=self.slugs)
            self.done[f"{action} by time"] += 1
        return len(due)

    # -- what must be so after each step ------------------------------

    @invariant()
    def tables_say_what_the_model_says(self) -> None:
        db.session.rollback()
        stored = {row.id: row for row in self.rows("appointment_request")}
        assert stored.keys() == {life.row_id for life in self.lives.values()}
        events = sort_by(self.rows("request_event"), "request_id")
        offers = sort_by(self.rows("offer"), "request_id")
        words = sort_by(self.rows("name_word"), "request_id")
        ticked = sort_by(self.rows("request_location"), "request_id")
        messages = sort_by(self.rows("outbox_message"), "subject_id")
        audited = sort_by(self.rows("audit_entry"), "subject")
        held_times = sort_by(self.rows("held_time"), "request_id")
        for life in self.lives.values():
            check_row(stored[life.row_id], life)
            check_history(events[life.row_id], life)
            assert len(ticked[life.row_id]) == 2
            assert [(row.starts_at, row.state, row.location_id) for row in offers[life.row_id]] == (
                life.offers
            )
            held = [row for row in offers[life.row_id] if row.state == "held"]
            assert bool(held) is (life.status is Status.OFFERED)
            assert {(row.location_id, row.starts_at) for row in held_times[life.row_id]} == {
                (life.location_id, time) for time in life.places
            }
            ring = key_ring()
            assert {row.word_hash for row in words[life.row_id]} == {
                ring.fingerprint("name_word", word) for word in life.words
            }
            kinds = [row.kind for row in messages[life.row_id]]
            assert [kind for kind in kinds if not kind.to_patient] == life.messages
            told = [kind for kind in kinds if kind.to_patient]
            assert len(told) == len(set(told)) <= len({action for action, *_ in life.events})
            assert Counter(
                (row.chain, row.action, row.detail) for row in audited[life.reference]
            ) == Counter(
                (location_chain(number), action, detail) for number, action, detail in life.audited
            )

    def rows(self, table: str) -> list[Row[Any]]:
        """Return what this example has written into a table, in its order."""
        found = Base.metadata.tables[table]
        query = select(found).where(found.c.id > self.before[table]).order_by(found.c.id)
        return list(db.session.execute(query).all())


def way_to(status: Status, goals: frozenset[Status]) -> tuple[Action, ...] | None:
    """Return the fewest steps of staff from a state to one of these, None where none lead there."""
    ways: dict[Status, tuple[Action, ...]] = {status: ()}
    for start in (reached := [status]):
        if start in goals:
            return ways[start]
        for (at, step), to in TRANSITIONS.items():
            if at is start and step is not Action.TRANSFER and to not in ways:
                ways[to] = (*ways[start], step)
                reached.append(to)
    return None


def states_of(action: Action) -> frozenset[Status]:
    """Return the states that allow an action."""
    return frozenset(status for status, able in TRANSITIONS if able is action)


def check_row(row: Row[Any], life: Life) -> None:
    """Compare the request's own row: where it stands, who is on it, times, counters, answers."""
    said = {
        "status": life.status,
        "location_id": life.location_id,
        "version": life.version,
        "answers_version": life.answers_version,
        "created_at": life.created_at,
        "changed_at": life.changed_at,
        "promise_at": life.promise_at,
        "due_at": life.due_at,
        "first_contact_at": life.first_contact_at,
        "try_again_at": life.try_again_at,
        "claimed_by": life.claimed_by,
        "claimed_until": life.claimed_until,
        "booked_at": life.booked_at,
        "calendar_sequence": life.sequence,
        "decline_reason": life.reason,
        "duplicate_of": life.duplicate_of,
    }
    assert {name: getattr(row, name) for name in said} == said
    context = b"appointment_request|" + row.row_key
    personal = json.loads(key_ring().open(row.sealed, context=context))
    answers = {name: personal.get(name, getattr(row, name, None)) for name in life.answers}
    assert answers == life.answers
    token = key_ring().link_token(row.row_key, row.link_version, key_id=row.link_key_id)
    assert (token, row.link_hash) == (life.token, token_hash(life.token))
    assert row.email_hash == hash_of("email", life.answers["email"])
    assert (row.phone_hash is None) is (life.answers["phone"] is None)


def hash_of(name: str, value: object) -> bytes | None:
    return None if value is None else key_ring().fingerprint(name, str(value).casefold())


def check_history(events: list[Row[Any]], life: Life) -> None:
    """Compare the history, and walk it through the table to where the request stands now."""
    assert [
        (row.action, row.from_status, row.to_status, row.actor_kind, row.staff_id) for row in events
    ] == life.events
    status = Status.RECEIVED
    for row in events[1:]:
        assert row.from_status == status
        status = TRANSITIONS[status, row.action]
    assert status is life.status


def makes_sense(answers: dict[str, object]) -> bool:
    """Say whether answers can stand: a name, and the way of contact that was chosen."""
    return bool(answers["patient_name"] and answers[str(answers["contact_by"])])


def sort_by(rows: Iterable[Row[Any]], column: str) -> dict[Any, list[Row[Any]]]:
    sorted_out = defaultdict[Any, list[Row[Any]]](list)
    for row in rows:
        sorted_out[getattr(row, column)].append(row)
    return sorted_out


def newest(table: str) -> int:
    """Return the highest number in a table."""
    return db.session.scalar(select(func.max(Base.metadata.tables[table].c.id))) or 0


def machine_on(app: Flask) -> type[Requests]:
    """Return the machine with an app of its own and two people who see every clinic."""
    with app.app_context():
        desks = [actor_of(make_staff(f"desk{number}@example.com")) for number in (1, 2)]

    class OnThisApp(Requests):
        pass

    OnThisApp.app, OnThisApp.people, OnThisApp.steps = app, desks, 0
    OnThisApp.done, OnThisApp.refused, OnThisApp.moves = Counter(), Counter(), set()
    return OnThisApp


def run_machine(app: Flask, *, examples: int, steps: int) -> type[Requests]:
    """Run that many examples of that many steps, the same ones every time; return what was done."""
    machine = machine_on(app)
    run(machine, examples=examples, steps=steps)
    return machine


def run(machine: type[Requests], *, examples: int, steps: int) -> None:
    """Run a machine, the same way every time."""
    run_state_machine_as_test(
        machine,
        settings=settings(
            derandomize=True,
            deadline=None,
            database=None,
            max_examples=examples,
            stateful_step_count=steps,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        ),
    )


def do_every_move(app: Flask) -> set[tuple[Status, Action]]:
    """Do each move of the table once by everybody who may, each to a request of its own."""
    machine = machine_on(app)
    for status, action in TRANSITIONS:
        for kind in (STAFF, PATIENT) if action in PATIENTS else (STAFF,):
            one = machine()
            one.do_once(status, action, kind)
            one.tables_say_what_the_model_says()
            one.teardown()
    return machine.moves


def go_on_after_the_hold(app: Flask) -> list[Action]:
    """Do each move of who had a request until time put it back, by a page of before; return them.

    Each on a request of its own; nobody else may do it by such a page, nor anybody by an older one.
    """
    machine = machine_on(app)
    moves = [action for status, action in TRANSITIONS if status is Status.IN_REVIEW]
    for action in moves:
        one = machine()
        key = one.submit_new("Kim Example", list(SLUGS))
        one.act_as(one.person(0), key, Action.CLAIM, behind=0)
        one.worker_looks(key, None, 15)
        for number, behind in ((1, 1), (0, 2), (0, 1), (0, 1)):
            if action is Action.TRANSFER:
                one.pass_on_as(one.person(number), key, SLUGS[1], behind=behind)
            else:
                one.act_as(one.person(number), key, action, behind=behind)
            one.tables_say_what_the_model_says()
        one.teardown()
    return [action for action in moves if machine.done[action.value]]
