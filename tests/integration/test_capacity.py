"""How many a clinic takes at once: places of its times, held by offers and bookings."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from clinicdir.appointments.held_times import NoPlaceLeft
from clinicdir.appointments.queries import get_request
from clinicdir.appointments.rules import Action, Status
from clinicdir.appointments.undoing import undo
from clinicdir.audit.rules import OPERATOR, PATIENT
from clinicdir.db import transaction
from clinicdir.locations.queries import get_location
from clinicdir.staff.rules import EVERYWHERE
from clinicdir.staff.sessions import actor_of
from tests.client import page_text
from tests.conftest import Clock
from tests.integration.test_desk_moves import DESK, TYPED, make_in, send, signed_in, text_at
from tests.lives import do, offers_of
from tests.make import make_request, make_staff
from tests.tables import rows, together

AT = datetime(2026, 12, 1, 22, 30, tzinfo=UTC)
LATER = datetime(2026, 12, 2, 17, tzinfo=UTC)
FULL = "Renton has no place left on Tue, Dec 1, 2:30 pm: enter another time"


def set_capacity(app: Flask, capacity: int | None) -> None:
    with app.app_context(), transaction():
        get_location("renton").capacity = capacity


def held(app: Flask) -> list[Any]:
    return rows(app, "held_time", "request_id", "starts_at", "place", "location_id")


def test_no_capacity_set_is_no_limit_and_a_later_one_counts_what_stands(
    app: Flask, frozen: Clock
) -> None:
    for _ in range(3):
        reference = make_in(app, Status.RECEIVED)
        do(app, reference, Action.BOOK, actor=OPERATOR, now=frozen.now(), booked_at=AT)
    assert held(app) == [(1, AT, 1, 3), (2, AT, 2, 3), (3, AT, 3, 3)]
    set_capacity(app, 3)
    reference = make_in(app, Status.RECEIVED)
    with pytest.raises(NoPlaceLeft):
        do(app, reference, Action.BOOK, actor=OPERATOR, now=frozen.now(), booked_at=AT)


def test_full_time_is_refused_with_its_name_and_all_typed_kept(app: Flask, frozen: Clock) -> None:
    set_capacity(app, 2)
    desk = signed_in(app)
    names = [make_in(app, Status.RECEIVED) for _ in range(3)]
    for reference in names[:2]:
        assert send(app, desk, reference, "book", **TYPED[Action.BOOK]).status_code == 303
    assert held(app) == [(1, AT, 1, 3), (2, AT, 2, 3)]
    answer = send(app, desk, names[2], "book", **TYPED[Action.BOOK])
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert page_text(page).startswith(f"Check your answers below {FULL}")
    assert 'name="day" value="2026-12-01"' in page
    assert 'name="time" value="14:30"' in page
    send(app, desk, names[2], "claim")
    times = {"day1": "2026-12-02", "time1": "09:00", "day3": "2026-12-01", "time3": "14:30"}
    answer = send(app, desk, names[2], "offer", **times)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert f'<a href="#day3">{FULL}</a>' in page
    assert [f'name="{name}" value="{value}"' in page for name, value in times.items()] == [True] * 4
    assert rows(app, "appointment_request", "status")[2] == "in_review"
    assert (held(app)[2:], rows(app, "offer", "id")) == ([], [])


def test_own_offer_becomes_the_place_of_the_booking_and_the_rest_is_free(
    app: Flask, frozen: Clock
) -> None:
    set_capacity(app, 1)
    now, first, second = frozen.now(), make_in(app, Status.RECEIVED), make_in(app, Status.RECEIVED)
    do(app, first, Action.CLAIM, actor=OPERATOR, now=now)
    do(app, first, Action.OFFER, actor=OPERATOR, now=now, offered=(AT, LATER))
    assert held(app) == [(1, AT, 1, 3), (1, LATER, 1, 3)]
    with pytest.raises(NoPlaceLeft):
        do(app, second, Action.BOOK, actor=OPERATOR, now=now, booked_at=AT)
    do(app, first, Action.BOOK, actor=PATIENT, now=now, booked_at=AT)
    assert held(app) == [(1, AT, 1, 3)]
    do(app, second, Action.BOOK, actor=OPERATOR, now=now, booked_at=LATER)
    assert held(app) == [(1, AT, 1, 3), (2, LATER, 1, 3)]
    do(app, first, Action.ATTEND, actor=OPERATOR, now=now)
    do(app, second, Action.WITHDRAW, actor=PATIENT, now=now)
    assert held(app) == [(1, AT, 1, 3)]


@pytest.mark.parametrize(
    ("action", "to"),
    [
        (Action.EXPIRE_OFFER, None), (Action.DECLINE, None), (Action.WITHDRAW, None),
        (Action.GIVE_UP, None), (Action.TRANSFER, "bellevue"), (Action.MERGE, None),
    ],
)  # fmt: skip
def test_places_are_free_once_the_times_are_not_held_out(
    app: Flask, frozen: Clock, action: Action, to: str | None
) -> None:
    set_capacity(app, 1)
    reference = make_in(app, Status.OFFERED)
    assert len(held(app)) == 1
    do(app, reference, action, actor=OPERATOR, now=frozen.now(), to=to)
    assert held(app) == []


def test_time_held_out_before_there_was_a_limit_can_still_be_taken(
    app: Flask, frozen: Clock
) -> None:
    references = [make_in(app, Status.OFFERED) for _ in range(2)]
    set_capacity(app, 1)
    later = frozen.now() + timedelta(hours=1)
    for reference in references:
        do(app, reference, Action.BOOK, actor=PATIENT, now=frozen.now(), booked_at=later)
    assert rows(app, "appointment_request", "status") == ["booked", "booked"]
    assert held(app) == [(1, later, 1, 3), (2, later, 2, 3)]


def test_undo_frees_the_place_or_takes_the_offered_ones_again(app: Flask, frozen: Clock) -> None:
    set_capacity(app, 1)
    with app.app_context():
        actor = actor_of(make_staff(DESK))
    now, first, second = frozen.now(), make_in(app, Status.RECEIVED), make_in(app, Status.RECEIVED)
    do(app, first, Action.CLAIM, actor=actor, now=now)
    do(app, first, Action.OFFER, actor=actor, now=now, offered=(AT, LATER))
    do(app, first, Action.BOOK, actor=actor, now=now, booked_at=AT)

    def put_back() -> None:
        with app.app_context(), transaction():
            found = get_request(first, scope=EVERYWHERE)
            undo(found, found.version, scope=EVERYWHERE, actor=actor, now=now)

    do(app, second, Action.BOOK, actor=actor, now=now, booked_at=LATER)
    with pytest.raises(NoPlaceLeft):
        put_back()
    assert held(app) == [(1, AT, 1, 3), (2, LATER, 1, 3)]
    do(app, second, Action.RETIME, actor=actor, now=now)
    put_back()
    assert held(app) == [(1, AT, 1, 3), (1, LATER, 1, 3)]
    assert offers_of(app, first) == ["taken", "held", "lapsed", "held"]


def test_of_eight_at_once_as_many_win_as_there_are_places(app: Flask, frozen: Clock) -> None:
    set_capacity(app, 3)
    with app.app_context():
        references = [make_request(app).reference for _ in range(8)]

    def book(number: int) -> str:
        try:
            do(
                app, references[number], Action.BOOK, actor=OPERATOR, now=frozen.now(),
                booked_at=AT,
            )  # fmt: skip
        except NoPlaceLeft:
            return "full"
        return "booked"

    assert sorted(together(8, book)) == ["booked"] * 3 + ["full"] * 5
    assert sorted(place for _, _, place, _ in held(app)) == [1, 2, 3]
    assert rows(app, "appointment_request", "status").count("booked") == 3


def test_one_press_says_that_the_time_stands_in_the_other_calendar(
    app: Flask, frozen: Clock
) -> None:
    desk, reference = signed_in(app), make_in(app, Status.RECEIVED)
    assert "are not compared with the clinic’s own calendar" in text_at(desk, reference)
    assert send(app, desk, reference, "in_calendar").status_code == 409
    send(app, desk, reference, "book", **TYPED[Action.BOOK])
    assert "Already in our other calendar" in text_at(desk, reference)
    assert send(app, desk, reference, "in_calendar").status_code == 303
    text = text_at(desk, reference)
    assert "✓ In our other calendar" in text
    assert f"put into our other calendar, {DESK}" in text
    assert "Already in" not in text
    send(app, desk, reference, "retime")
    send(app, desk, reference, "book", day="2026-12-03", time="09:00")
    assert "Already in our other calendar" in text_at(desk, reference)
