"""Each read of requests gives what its scope holds, in its order, and nothing beside."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from clinicdir.appointments.arrival import link_token
from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.operations import Move, act
from clinicdir.appointments.queries import (
    CLOSED,
    find_by_submission_key,
    find_original,
    find_passed_on,
    get_by_link,
    get_request,
    list_booked,
    list_events,
    list_likely_duplicates,
    list_requests,
    list_ticked,
    lock_free_request,
    newest_arrival,
)
from clinicdir.appointments.rules import Action
from clinicdir.audit.rules import OPERATOR
from clinicdir.db import transaction
from clinicdir.errors import NotFound
from clinicdir.locations.queries import get_location
from clinicdir.staff.rules import EVERYWHERE, NOWHERE, Scope
from tests.make import make_request

NOW = datetime(2026, 11, 24, 20, 0, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@pytest.fixture
def here(sqlite_app: Flask) -> Iterator[Scope]:
    """Return the scope of Renton, inside an app."""
    with sqlite_app.app_context():
        yield Scope(frozenset({get_location("renton").id}))


@pytest.fixture
def ask(sqlite_app: Flask) -> Any:  # noqa: ANN401 - a function
    """Return a maker of requests, at Renton unless told otherwise; it returns the reference."""

    def made(**values: Any) -> str:  # noqa: ANN401
        return make_request(sqlite_app, **({"now": NOW} | values)).reference

    return made


def known(reference: str) -> AppointmentRequest:
    return get_request(reference, scope=EVERYWHERE)


def change(reference: str, **values: Any) -> None:  # noqa: ANN401
    with transaction():
        found = known(reference)
        for name, value in values.items():
            setattr(found, name, value)


def step(reference: str, move: Move, at: datetime = NOW) -> None:
    with transaction():
        act(known(reference), move, actor=OPERATOR, now=at)


def names(found: list[AppointmentRequest]) -> list[str]:
    return [one.reference for one in found]


def test_request_is_got_inside_the_scope_alone(here: Scope, ask: Any) -> None:  # noqa: ANN401
    own, foreign = ask(), ask(location="covington")
    for to_change in (False, True):
        assert get_request(own, scope=here, to_change=to_change).reference == own
        for scope, reference in ((here, foreign), (NOWHERE, own), (EVERYWHERE, "AAAAAAA")):
            with pytest.raises(NotFound):
                get_request(reference, scope=scope, to_change=to_change)


def test_list_is_by_due_time_inside_the_scope_and_goes_on_where_it_stopped(
    here: Scope,
    ask: Any,  # noqa: ANN401
) -> None:
    late, early, same = ask(), ask(), ask()
    foreign, closed = ask(location="covington"), ask()
    for reference, minutes in ((late, 9), (early, 1), (same, 9), (foreign, 0), (closed, 5)):
        change(reference, due_at=NOW + minutes * MINUTE)
    step(closed, Move(Action.WITHDRAW))
    assert names(list_requests(scope=here, limit=None)) == [early, closed, late, same]
    assert names(list_requests(scope=EVERYWHERE, limit=2)) == [foreign, early]
    assert list_requests(scope=NOWHERE, limit=9) == []
    assert names(list_requests(scope=here, limit=9, statuses=CLOSED)) == [closed]
    covington = get_location("covington").id
    assert names(list_requests(scope=EVERYWHERE, location_id=covington, limit=9)) == [foreign]
    assert list_requests(scope=here, location_id=covington, limit=9) == []
    after = {
        name: list_requests(scope=here, limit=9, after_id=known(name).id) for name in (late, same)
    }
    assert [names(found) for found in after.values()] == [[same], []]
    # One outside the scope counts as none: the list begins anew and tells nothing of it.
    beyond = list_requests(scope=here, limit=1, after_id=known(foreign).id)
    assert names(beyond) == [early]


def test_newest_arrival_is_that_of_the_request_stored_last(here: Scope, ask: Any) -> None:  # noqa: ANN401
    assert newest_arrival() is None
    ask(now=NOW)
    ask(now=NOW - DAY)
    assert newest_arrival() == NOW - DAY


def test_history_and_ticks_are_in_their_order_and_of_one_request(here: Scope, ask: Any) -> None:  # noqa: ANN401
    own = ask(location=["renton", "covington"])
    other = ask(location=["covington"])
    step(own, Move(Action.WITHDRAW))
    assert [event.action for event in list_events(known(own))] == [Action.SUBMIT, Action.WITHDRAW]
    assert [place.slug for place in list_ticked(known(own))] == ["renton", "covington"]
    assert [place.slug for place in list_ticked(known(other))] == ["covington"]


def test_request_that_was_passed_on_is_known_where_it_lay_and_nowhere_else(
    here: Scope,
    ask: Any,  # noqa: ANN401
) -> None:
    moved, stayed = ask(), ask()
    covington = get_location("covington")
    step(moved, Move(Action.TRANSFER, location=covington), NOW + MINUTE)
    gone = find_passed_on(moved, scope=here)
    assert gone is not None
    assert (gone.reference, gone.left.slug, gone.to.slug) == (moved, "renton", "covington")
    assert gone.at == NOW + MINUTE
    assert find_passed_on(stayed, scope=here) is None
    assert find_passed_on(moved, scope=Scope(frozenset({covington.id}))) is None
    assert find_passed_on(moved, scope=NOWHERE) is None


def test_likely_duplicates_share_phone_or_mail_within_thirty_days(here: Scope, ask: Any) -> None:  # noqa: ANN401
    mine = {"phone": "206 555 0199", "email": "Robin@patient.example"}
    first = ask(**mine)
    by_phone = ask(phone="(206) 555-0199 x7", now=NOW + 30 * DAY)
    by_mail = ask(phone="206 555 0111", email="robin@patient.example", now=NOW - 30 * DAY)
    beyond = [ask(**mine, now=NOW + 30 * DAY + MINUTE), ask(**mine, now=NOW - 30 * DAY - MINUTE)]
    ask(phone="206 555 0112")
    foreign, joined = ask(**mine, location="covington"), ask(**mine)
    step(joined, Move(Action.MARK_ERROR))

    def alike(reference: str, scope: Scope = here, limit: int = 9) -> list[str]:
        return names(list_likely_duplicates(known(reference), scope=scope, limit=limit))

    assert alike(first) == [by_mail, by_phone]
    assert alike(first, limit=1) == [by_mail]
    assert alike(first, EVERYWHERE) == [foreign, by_mail, by_phone]
    assert alike(by_phone) == [beyond[0], first]
    assert alike(ask(phone=None, email="nobody@patient.example", contact_by="email")) == []


def test_booked_are_those_of_the_day_and_the_clinic(here: Scope, ask: Any) -> None:  # noqa: ANN401
    start, end = NOW + DAY, NOW + 2 * DAY
    times = (end, start, end - MINUTE, start - MINUTE, start)
    booked = [ask() for _ in times]
    for reference, at in zip(booked, times, strict=True):
        step(reference, Move(Action.BOOK, booked_at=at))
    foreign, undone = ask(location="covington"), ask()
    step(foreign, Move(Action.BOOK, booked_at=start))
    change(undone, booked_at=start)
    renton, covington = get_location("renton").id, get_location("covington").id

    def found(location_id: int, scope: Scope = here, limit: int = 9) -> list[str]:
        return names(list_booked(location_id, start, end, scope=scope, limit=limit))

    assert found(renton) == [booked[1], booked[4], booked[2]]
    assert found(renton, limit=1) == [booked[1]]
    assert found(covington) == []
    assert found(covington, EVERYWHERE) == [foreign]
    assert found(renton, NOWHERE) == []


def test_original_of_a_duplicate_is_shown_inside_the_scope(here: Scope, ask: Any) -> None:  # noqa: ANN401
    own, copy, foreign = ask(), ask(), ask(location="covington")
    assert find_original(known(copy), scope=here) is None
    change(copy, duplicate_of=known(own).id)
    shown = find_original(known(copy), scope=here)
    assert shown is not None
    assert shown.reference == own
    change(copy, duplicate_of=known(foreign).id)
    assert find_original(known(copy), scope=here) is None


def test_link_and_key_find_their_own_request(here: Scope, ask: Any) -> None:  # noqa: ANN401
    own, other = ask(key="form:one"), ask(key="form:two")
    for to_change in (False, True):
        assert get_by_link(link_token(known(own)), to_change=to_change).reference == own
        with pytest.raises(NotFound):
            get_by_link("another", to_change=to_change)
    by_key = find_by_submission_key("form:two")
    assert by_key is not None
    assert by_key.reference == other
    assert find_by_submission_key("form:three") is None


def test_request_is_locked_by_its_number(here: Scope, ask: Any) -> None:  # noqa: ANN401
    number = known(ask()).id
    found = lock_free_request(number)
    assert found is not None
    assert found.id == number
    assert lock_free_request(number + 1) is None
