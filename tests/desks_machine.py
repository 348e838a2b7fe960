"""Two desks and the patients, in any order of steps, beside a model: the machine of one request
with scopes, one place at each time, undo, merge and the shared line.

Desk 0 answers for Renton and Covington; desk 1 for Renton alone, with the line that both share.
Bellevue is nobody's and has another number: what is passed on to it is out of both desks' sight.
"""

from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from datetime import datetime, timedelta
from itertools import product
from typing import ClassVar

from flask import Flask
from hypothesis import strategies as st
from hypothesis.stateful import rule
from sqlalchemy import delete, update

from clinicdir.appointments.merging import merge
from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.operations import Move, act
from clinicdir.appointments.queries import get_by_link, get_request, list_requests
from clinicdir.appointments.rules import TRANSITIONS, Action, Status
from clinicdir.appointments.undoing import undo
from clinicdir.audit.rules import Actor
from clinicdir.db import Base, db, transaction
from clinicdir.errors import Invalid, NotAllowed, NotFound
from clinicdir.locations.queries import get_location
from clinicdir.staff.rules import Scope
from clinicdir.staff.sessions import actor_of
from clinicdir.web.staff.on_line import line_scope
from tests.desks_model import UNDOABLE, can_join, has_place, is_seen, put_back
from tests.make import make_staff
from tests.request_machine import BEHIND, MOST_OPEN, PEOPLE, SLUGS, Requests, run, states_of
from tests.request_model import PATIENT, STAFF, Life, Who, Wish

OWN = (("renton", "covington"), ("renton",))
SHARED, BEYOND = "covington", "bellevue"
HOURS = st.sets(st.integers(0, 3), min_size=1, max_size=3)
DESK = st.sampled_from([0, 1])


class TwoDesks(Requests):
    """Does at two desks what desks do; each sees only what is at its clinics."""

    scopes: ClassVar[dict[int, Scope]]
    lines: ClassVar[dict[int, Scope]]
    places: ClassVar[dict[int, frozenset[int]]]
    why: ClassVar[Counter[str]]

    def teardown(self) -> None:
        """Give back every place too, for the next example begins at the same time."""
        held = Base.metadata.tables["held_time"]
        with transaction():
            db.session.execute(delete(held))
        super().teardown()

    # -- what is different with two desks ---------------------------------------------------------

    def read(self, key: str, who: Who) -> AppointmentRequest:
        """Read a request as far as the person sees it."""
        life = self.lives[key]
        if who.kind == PATIENT:
            return get_by_link(life.token, to_change=True)
        assert who.number is not None
        return get_request(life.reference, scope=self.scopes[who.number], to_change=True)

    def sees(self, who: Who, key: str) -> bool:
        return is_seen(self.lives[key], who, self.places)

    def others(self, key: str) -> list[Life]:
        return [life for name, life in self.lives.items() if name != key]

    def allows(self, key: str, wish: Wish) -> bool:
        would, life = super().allows(key, wish), self.lives[key]
        for reason, fits in (
            ("older page", wish.behind in (None, 0) or life.resumed(wish) is not life),
            ("not seen", self.sees(wish.who, key)),
            ("no place", has_place(self.lives[key], wish, self.others(key), self.now)),
        ):
            self.why[reason] += not fits and (would or reason == "older page")
            would = would and fits
        return would

    def check_no_change(
        self,
        key: str,
        wish: Wish,
        do: Callable[[AppointmentRequest, Actor, int | None], None],
        *,
        refused: bool,
    ) -> None:
        refused = refused or not self.sees(wish.who, key)
        super().check_no_change(key, wish, do, refused=refused)

    def submit_new(self, name: str, slugs: list[str]) -> str:
        """Send a request; nobody ticks Bellevue first."""
        return super().submit_new(name, sorted(slugs, key=BEYOND.__eq__))

    def submit_at(self, slug: str) -> str:
        """Send a request to exactly this clinic."""
        return super().submit_new("Kim Example", [slug, *(one for one in SLUGS if one != slug)])

    def slots(self, hours: set[int]) -> tuple[datetime, ...]:
        """Return few times of the next day, so that both desks want the same ones."""
        day = self.now.replace(hour=15, minute=0, second=0, microsecond=0) + timedelta(days=1)
        return tuple(day + timedelta(hours=hour) for hour in sorted(hours))

    # -- what the desks do ------------------------------------------------------------------------

    @rule(key=Requests.keys, hours=HOURS, person=PEOPLE, behind=BEHIND)
    def offer_slots(self, key: str, hours: set[int], person: int, behind: int) -> None:
        type(self).steps += 1
        key = self.led(key, frozenset({Status.IN_REVIEW}))
        who, times = self.person(person, key), self.slots(hours)
        self.attempt_move(key, Wish(Action.OFFER, who, behind=behind, times=times))

    @rule(key=Requests.keys, hour=st.integers(0, 3), person=PEOPLE, behind=BEHIND)
    def book_slot(self, key: str, hour: int, person: int, behind: int) -> None:
        type(self).steps += 1
        key = self.led(key, frozenset({Status.IN_REVIEW, Status.OFFERED}))
        who, (time,) = self.person(person, key), self.slots({hour})
        self.attempt_move(key, Wish(Action.BOOK, who, behind=behind, time=time))

    @rule(
        key=Requests.keys,
        first=st.none() | st.sampled_from(UNDOABLE),
        desk=DESK,
        behind=BEHIND,
        minutes=st.sampled_from([0, 0, 0, 9, 11]),
    )
    def undo_last(
        self, key: str, first: Action | None, desk: int, behind: int, minutes: int
    ) -> None:
        """Put the last move back: one's own or another's, in time or not."""
        type(self).steps += 1
        who = self.person(desk)
        if first is not None:
            key = self.led(key, states_of(first))
            self.act_as(who, key, first, behind=0)
            self.tables_say_what_the_model_says()
        theirs = [one for one in self.lives if self.undone(one, who) is not None]
        key = theirs[-1] if theirs and key not in theirs and behind == 0 else key
        self.now += timedelta(minutes=minutes)
        life, new = self.lives[key], None
        if behind == 0:
            new = self.undone(key, who) if self.sees(who, key) else None
            other = self.person(1 - desk)
            could = self.sees(other, key) and self.undone(key, other) is not None
            self.why["undo by another"] += could

        def do(found: AppointmentRequest) -> None:
            assert who.number is not None
            undo(
                found, life.version - behind, scope=self.scopes[who.number],
                actor=self.actor(who), now=self.now,
            )  # fmt: skip

        if self.does("undo", key, who, do, should=new is not None) and new is not None:
            if life.duplicate_of is not None:
                self.note_beside(self.kept_of(key), who)
                self.done["part"] += 1
            self.lives[key] = new

    def kept_of(self, key: str) -> str:
        """Return the request that one is a duplicate of."""
        number = self.lives[key].duplicate_of
        return next(one for one, life in self.lives.items() if life.row_id == number)

    def note_beside(self, key: str, who: Who) -> None:
        """Note at the request that stays what was done with its duplicate."""
        kept = self.lives[key] = deepcopy(self.lives[key])
        kept.events.append((Action.NOTE, kept.status, kept.status, STAFF, who.number))
        kept.audited.append((kept.location_id, "note", f"{kept.status} > {kept.status}"))

    def undone(self, key: str, who: Who) -> Life | None:
        life = self.lives[key]
        if life.events[-1][0] is Action.MERGE:
            kept = None if life.duplicate_of is None else self.kept_of(key)
            if kept is None or self.lives[kept].duplicate_of or not self.sees(who, kept):
                return None
        return put_back(self.lives[key], who, self.others(key), self.now, self.slugs)

    @rule(key=Requests.keys, into=Requests.keys, desk=DESK, behind=st.sampled_from([0, 0, 1]))
    def join(self, key: str, into: str, desk: int, behind: int) -> None:
        """Close a request as a duplicate of another, now and then one of the other clinic."""
        type(self).steps += 1
        who, life = self.person(desk), self.lives[key]
        if into == key and self.count_open() <= MOST_OPEN:
            slug = OWN[0][life.location_id == self.locations["renton"]]
            into = self.submit_new("Kim Example", [slug, BEYOND])
        other = self.lives[into]
        wish = Wish(Action.MERGE, who, behind=behind)
        should = self.sees(who, key) and self.sees(who, into)
        should = should and can_join(life, other, wish, self.now)

        def do(_found: AppointmentRequest) -> None:
            assert who.number is not None
            merge(
                life.reference,
                other.reference,
                life.version - behind,
                scope=self.scopes[who.number],
                actor=self.actor(who),
                now=self.now,
            )

        if self.does("merge", key, who, do, should=should):
            self.lives[key] = life.after(wish, self.now, slugs=self.slugs)
            self.lives[key].duplicate_of = other.row_id
            self.note_beside(into, who)

    def on_line(self, key: str) -> bool:
        return self.lives[key].location_id == self.locations[SHARED]

    @rule(key=Requests.keys, desk=st.sampled_from([1, 1, 1, 0]), behind=BEHIND)
    def take_on_line(self, key: str, desk: int, behind: int) -> None:
        """Take a request of another clinic that answers the same number to Renton."""
        theirs = [
            one for one, life in self.lives.items() if self.on_line(one) and life.status.is_open
        ]
        if theirs:
            key = theirs[-1]
        elif desk == 1 and self.count_open() <= MOST_OPEN:
            key = self.submit_at(SHARED)
        self.take_from(key, desk, behind=behind)

    def take_from(self, key: str, desk: int, *, behind: int) -> None:
        """Take a request over the line as a desk."""
        type(self).steps += 1
        who, slug = self.person(desk), OWN[desk][0]
        wish = Wish(Action.TRANSFER, who, behind=behind, location_id=self.locations[slug])
        life = self.lives[key]
        has_line = desk == 1 and self.on_line(key)
        should = has_line and life.allows(wish, self.now)
        assert who.number is not None
        try:
            with transaction():
                line = self.lines[who.number]
                found = get_request(life.reference, scope=line, to_change=True)
                move = Move(Action.TRANSFER, life.version - behind, location=get_location(slug))
                act(found, move, actor=self.actor(who), now=self.now)
        except (NotAllowed, NotFound):
            assert not should
            self.refused["line"] += 1
        else:
            assert should
            self.done["line"] += 1
            self.lives[key] = life.after(wish, self.now, slugs=self.slugs)

    def does(
        self,
        name: str,
        key: str,
        who: Who,
        do: Callable[[AppointmentRequest], None],
        *,
        should: bool,
    ) -> bool:
        """Do a step that is more than one move; it must be done or refused as the model says."""
        try:
            with transaction():
                do(self.read(key, who))
        except (NotAllowed, NotFound, Invalid):
            assert not should, name
            self.refused[name] += 1
            return False
        assert should, name
        self.done[name] += 1
        return True

    # -- what must be so after each step ----------------------------------------------------------

    def tables_say_what_the_model_says(self) -> None:
        """Compare the rows, and who sees what; each step takes a second."""
        super().tables_say_what_the_model_says()
        held = [(row.location_id, row.starts_at, row.place) for row in self.rows("held_time")]
        assert len({(place, time) for place, time, _ in held}) == len(held)
        assert {number for _, _, number in held} <= {1}
        current = tuple(status for status in Status if status is not Status.ENTERED_IN_ERROR)
        for number, scope in self.scopes.items():
            listed = {
                one.reference for one in list_requests(scope=scope, statuses=current, limit=None)
            }
            assert listed == {
                life.reference
                for life in self.lives.values()
                if life.location_id in self.places[number]
                and life.status is not Status.ENTERED_IN_ERROR
            }
        db.session.rollback()
        self.now += timedelta(seconds=1)


def desks_on(app: Flask) -> type[TwoDesks]:
    """Return the machine with an app of its own, one place at each time, and the two desks."""
    table = Base.metadata.tables["location"]
    with app.app_context():
        with transaction():
            db.session.execute(update(table).where(table.c.slug.in_(SLUGS)).values(capacity=1))
        desks = [make_staff(f"desk{at}@example.com", locations=own) for at, own in enumerate(OWN)]
        with transaction():
            desks[1].shared_line = True

        class OnThisApp(TwoDesks):
            app: ClassVar[Flask]

        OnThisApp.people = [actor_of(desk) for desk in desks]
        OnThisApp.scopes = {desk.id: desk.scope for desk in desks}
        OnThisApp.lines = {desk.id: line_scope(desk) for desk in desks}
        OnThisApp.places = {
            desk.id: frozenset(get_location(slug).id for slug in own)
            for desk, own in zip(desks, OWN, strict=True)
        }
    OnThisApp.app, OnThisApp.steps, OnThisApp.why = app, 0, Counter()
    OnThisApp.done, OnThisApp.refused, OnThisApp.moves = Counter(), Counter(), set()
    return OnThisApp


def run_two_desks(app: Flask, *, examples: int, steps: int) -> type[TwoDesks]:
    """Run that many examples of that many steps with two desks; return what was done."""
    machine = desks_on(app)
    run(machine, examples=examples, steps=steps)
    return machine


def do_everything_once(app: Flask) -> type[TwoDesks]:
    """Undo each move that can be, by the wrong and the right desk; join, part and take.

    From each clinic. In any order such steps are rare; here none is left to chance.
    """
    machine = desks_on(app)
    for status, action in TRANSITIONS:
        if action in UNDOABLE:
            one = machine()
            key = one.submit_new("Robin Example", list(SLUGS))
            assert one.led(key, frozenset({status})) == key
            one.act_as(one.person(0), key, action, behind=0)
            one.tables_say_what_the_model_says()
            for desk in (1, 0):
                one.undo_last(key, None, desk, 0, 0)
                one.tables_say_what_the_model_says()
            one.teardown()
    for (slug, other), desk in product(product(SLUGS, repeat=2), (0, 1)):
        one = machine()
        key, into = (one.submit_at(where) for where in (slug, other))
        for behind in (1, 0):
            one.join(key, into, desk, behind)
            one.tables_say_what_the_model_says()
        for other_desk in (1 - desk, desk):
            one.undo_last(key, None, other_desk, 0, 0)
            one.tables_say_what_the_model_says()
        one.take_from(into, desk, behind=0)
        one.tables_say_what_the_model_says()
        one.teardown()
    return machine
