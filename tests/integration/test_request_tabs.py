"""Two tabs for two people, a day's pause, clinics that close meanwhile: nothing mixed or lost."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from clinicdir.appointments.models import AppointmentRequest, RequestLocation
from clinicdir.db import db, transaction
from clinicdir.locations.models import Location, LocationStatus
from clinicdir.locations.queries import get_location
from clinicdir.web.public.drafts import MOST_DRAFTS
from tests.asking import (
    ANSWERS,
    CHECK,
    CLEAR,
    CONTACT,
    EXPIRED,
    START,
    STEPS,
    TIMES,
    WHO,
    follow,
    forget_cookies,
    path_of,
    shown,
    walk,
)
from tests.conftest import Clock
from tests.make import hidden
from tests.pages import (
    Typed,
    field_errors,
    form,
    heading,
    ids,
    links,
    main_text,
    parse,
    press,
    summary,
    text_of,
)
from tests.tables import all_rows, rows, together

FIRST: dict[str, Typed] = {
    "location": "renton",
    "goal": "run",
    "goal_text": "",
    "patient_name": "First Example",
    "phone": "206 555 0101",
    "note": "First note",
}
SECOND: dict[str, Typed] = {
    "location": "bellevue",
    "goal": "ski",
    "goal_text": "",
    "patient_name": "Second Example",
    "phone": "206 555 0102",
    "note": "Second note",
}
GONE = "Your earlier answers are no longer here: they were sent, cleared, or 24 hours have passed."
JUST_NOW = "What you typed just now is kept. Answer the questions before it once more."


def answer(
    client: FlaskClient, page: TestResponse, step: str, changes: dict[str, Typed]
) -> TestResponse:
    """Answer one page as one person does; return the next one."""
    typed = {name: changes.get(name, value) for name, value in ANSWERS[step].items()}
    return follow(client, press(client, page, step, **typed))


def set_status(app: Flask, slug: str, status: str, notice: str | None = None) -> None:
    with app.app_context(), transaction():
        place = get_location(slug)
        place.status, place.notice = LocationStatus(status), notice


def stored_people(app: Flask) -> list[tuple[Any, ...]]:
    with app.app_context():
        found = db.session.query(AppointmentRequest).order_by(AppointmentRequest.id)
        return [
            (
                made.location.slug,
                made.goal,
                made.personal["patient_name"],
                made.personal["phone"],
                made.personal["note"],
            )
            for made in found
        ]


def as_stored(person: dict[str, Typed]) -> tuple[Typed, ...]:
    return tuple(person[key] for key in ("location", "goal", "patient_name", "phone", "note"))


@pytest.mark.parametrize("opened_late", [False, True])
def test_two_tabs_in_turns_make_two_requests_each_with_its_own_answers(
    app: Flask, client: FlaskClient, frozen: Clock, opened_late: bool
) -> None:
    first = client.get(START)
    second = None if opened_late else client.get(START)
    first = answer(client, first, START, FIRST)
    second = second or client.get(START)
    assert shown(second, START, ("location", "goal")) == {"location": None, "goal": None}
    second = answer(client, second, START, SECOND)
    for step in STEPS[1:]:
        names = list(ANSWERS[step])
        empty = shown(first, step, names)
        assert shown(second, step, names) == empty
        second = answer(client, second, step, SECOND)
        first = answer(client, first, step, FIRST)
    for page, own, other in ((first, FIRST, SECOND), (second, SECOND, FIRST)):
        assert str(own["patient_name"]) in main_text(page)
        assert str(other["patient_name"]) not in main_text(page)
        follow(client, press(client, page, CHECK))
    assert stored_people(app) == [as_stored(FIRST), as_stored(SECOND)]
    assert rows(app, "request_draft", "id") == []


def test_refresh_and_back_show_the_tab_its_own_answers(client: FlaskClient, frozen: Clock) -> None:
    for person in (FIRST, SECOND):
        page = client.get(START)
        for step in STEPS:
            page = answer(client, page, step, person)
    begun = [
        url for words, url in all_links(client.get(START)) if words == "Go on with those answers"
    ]
    tags = {url.partition("?")[2] for url in begun}
    assert (len(begun), len(tags)) == (2, 2)
    seen = []
    for tag in sorted(tags):
        start = client.get(f"{START}?{tag}")
        who = client.get(f"{WHO}?{tag}")
        assert links(who)["Back"] == f"{START}?{tag}"
        assert links(client.get(f"{CONTACT}?{tag}"))["Back"] == f"{WHO}?{tag}"
        name = shown(who, WHO, ["patient_name"])["patient_name"]
        seen.append((shown(start, START, ["goal"])["goal"], name))
        assert str(name) in main_text(client.get(f"{CHECK}?{tag}"))
        # What a refresh sends again belongs to the same person.
        follow(client, press(client, who, WHO))
        assert shown(client.get(f"{WHO}?{tag}"), WHO, ["patient_name"])["patient_name"] == name
    assert sorted(seen) == [("run", "First Example"), ("ski", "Second Example")]
    # An address without the name of a draft does not guess whose answers were meant.
    for step in (WHO, CONTACT, TIMES, CHECK):
        assert client.get(step).headers["Location"] == START


def all_links(page: TestResponse) -> list[tuple[str, str]]:
    return [(text_of(node), node.attrib["href"]) for node in parse(page).iter("a")]


def test_new_request_is_offered_to_go_on_with_the_one_begun_and_shows_none_of_it(
    client: FlaskClient, frozen: Clock
) -> None:
    assert "was begun" not in main_text(client.get(START))
    walk(client, CONTACT)
    page = client.get(f"{START}?location=bellevue")
    assert (
        "On this computer a request was begun and not sent, last on Tue, Nov 24, 12:00 pm."
        " Its answers are not on this page. To ask for another person, start below."
    ) in main_text(page)
    assert "Dance" not in page.get_data(as_text=True)
    assert shown(page, START, ("location", "goal")) == {"location": "bellevue", "goal": None}
    again = client.get(links(page)["Go on with those answers"])
    assert "was begun" not in main_text(again)
    assert shown(again, START, ANSWERS[START]) == ANSWERS[START]
    # It can be cleared from here, which leaves the new one alone.
    cleared = press(client, page, CLEAR)
    assert cleared.headers["Location"] == "/"
    assert "was begun" not in main_text(client.get(START))


def test_address_tells_nothing_of_the_draft_and_the_cookie_stays_small(
    client: FlaskClient, frozen: Clock
) -> None:
    for _ in range(MOST_DRAFTS + 3):
        page = client.get(START)
        page = answer(client, page, START, FIRST)
        token = hidden(page.get_data(as_text=True), "draft")
        assert token not in page.request.url
    cookie = client.get_cookie("clinicdir")
    assert cookie is not None
    assert len(cookie.value) < 700
    offered = [url for words, url in all_links(client.get(START)) if words.startswith("Go on with")]
    assert len(offered) == MOST_DRAFTS


def test_forms_opened_and_left_do_not_push_out_a_request_begun(
    client: FlaskClient, frozen: Clock
) -> None:
    walk(client, CONTACT)
    for _ in range(MOST_DRAFTS * 2):
        page = client.get(START)
    assert "Go on with those answers" in links(page)


def test_two_presses_of_the_first_button_at_once_are_one_draft(
    app: Flask, client: FlaskClient, frozen: Clock
) -> None:
    page = client.get(START)
    cookie = client.get_cookie("clinicdir")
    assert cookie is not None
    data = form(page, START) | {"location": ["renton"], "goal": ["run"]}

    def once(_number: int) -> str:
        other = app.test_client()
        other.set_cookie("clinicdir", cookie.value)
        return str(other.post(START, data=data).headers["Location"])

    assert len(set(together(6, once))) == 1
    assert len(rows(app, "request_draft", "id")) == 1


@pytest.mark.parametrize("step", STEPS[1:])
def test_after_a_day_what_was_typed_is_kept_and_the_rest_is_asked_again(
    app: Flask, client: FlaskClient, frozen: Clock, step: str
) -> None:
    page = walk(client, step)
    frozen.move(hours=25)
    page = follow(client, press(client, page, step, **ANSWERS[step]))
    assert heading(page) == "What do you want to get back to?"
    assert f"{GONE} {JUST_NOW}" in main_text(page)
    assert shown(page, START, ("location", "goal")) == {"location": None, "goal": None}
    for later in STEPS:
        kept = ANSWERS[later] | ({"note": "Line one\nLine two"} if later == TIMES else {})
        if later == step:
            assert shown(page, later, kept) == kept
            page = follow(client, press(client, page, later))
        else:
            page = follow(client, press(client, page, later, **ANSWERS[later]))
    follow(client, press(client, page, CHECK))
    assert len(rows(app, "appointment_request", "id")) == 1


def test_after_a_day_wrong_answers_are_named_and_kept_too(
    client: FlaskClient, frozen: Clock
) -> None:
    page = walk(client, CONTACT)
    frozen.move(hours=25)
    refused = press(client, page, CONTACT, phone="12", contact_by="phone")
    assert (refused.status_code, field_errors(refused)) == (
        422,
        ["Enter a phone number, like 206 555 0123"],
    )
    assert shown(refused, CONTACT, ["phone"]) == {"phone": "12"}


@pytest.mark.parametrize("step", STEPS)
def test_after_a_day_and_a_lost_cookie_one_press_more_keeps_the_page(
    client: FlaskClient, frozen: Clock, step: str
) -> None:
    page = walk(client, step)
    forget_cookies(client)
    frozen.move(hours=25)
    again = press(client, page, step, **ANSWERS[step])
    assert (again.status_code, EXPIRED in main_text(again)) == (400, True)
    kept = ANSWERS[step] | ({"note": "Line one\nLine two"} if step == TIMES else {})
    assert shown(again, step, kept) == kept
    page = follow(client, press(client, again, step))
    if step == START:
        assert heading(page) == "Who is the appointment for?"
        return
    assert JUST_NOW in main_text(page)
    page = follow(client, press(client, page, START, **ANSWERS[START]))
    names = ["patient_name"] if step == WHO else []
    assert shown(page, WHO, names) == {name: ANSWERS[WHO][name] for name in names}


def test_after_a_day_sending_says_that_the_answers_are_gone(
    app: Flask, client: FlaskClient, frozen: Clock
) -> None:
    page = walk(client)
    frozen.move(hours=25)
    gone = press(client, page, CHECK)
    assert gone.headers["Location"] == f"{START}?gone=all"
    text = main_text(follow(client, gone))
    assert (GONE in text, JUST_NOW in text) == (True, False)
    refreshed = client.get(page.request.path + "?" + page.request.query_string.decode())
    assert refreshed.headers["Location"] == f"{START}?gone=all"
    assert rows(app, "appointment_request", "id") == []


def test_first_ticked_open_clinic_gets_the_request_and_all_are_kept(
    app: Flask, client: FlaskClient, frozen: Clock
) -> None:
    page = walk(client, location=["bellevue", "renton", "covington"])
    assert "Clinics, in this orderBellevue; Renton; Covington" in main_text(page)
    assert "This is a request, not yet a booking. Bellevue reads it" in main_text(page)
    set_status(app, "bellevue", "closed")
    page = client.get(links(page)["Change: Your goal"])
    assert form(page, START)["location"] == ["bellevue", "renton", "covington"]
    page = follow(client, press(client, page, START))
    assert "This is a request, not yet a booking. Renton reads it" in main_text(page)
    follow(client, press(client, page, CHECK))
    with app.app_context():
        ticked = db.session.query(Location.slug, RequestLocation.ordinal).join(
            RequestLocation, RequestLocation.location_id == Location.id
        )
        assert sorted(map(tuple, ticked)) == [("bellevue", 0), ("covington", 2), ("renton", 1)]
        assert db.session.query(AppointmentRequest).one().location.slug == "renton"


def test_four_clinics_are_refused_and_stay_ticked(
    app: Flask, client: FlaskClient, frozen: Clock
) -> None:
    before = all_rows(app)
    four = ["seattle-5th-ave", "bellevue", "renton", "issaquah"]
    typed = ANSWERS[START] | {"location": four}
    refused = press(client, client.get(START), START, **typed)
    assert (refused.status_code, summary(refused)) == (
        422,
        [("#location", "Select up to 3 clinics")],
    )
    assert "location" in ids(refused)
    assert shown(refused, START, typed) == typed
    assert all_rows(app) == before
    follow(client, press(client, refused, START, location=four[:3]))


def test_of_very_many_clinics_the_first_and_the_chosen_are_offered(
    app: Flask, client: FlaskClient, frozen: Clock
) -> None:
    with app.app_context(), transaction():
        for number in range(7, 40):
            db.session.add(
                Location(
                    slug=f"more-{number}",
                    ordinal=number,
                    name=f"More {number}",
                    line="1 Way",
                    city="X",
                    state="WA",
                    postal_code="98000",
                    latitude=10 + number / 1000,
                    longitude=10.0,
                    position_is_estimate=False,
                    time_zone="America/Los_Angeles",
                    source="a test",
                    seed={},
                )
            )
    page = client.get(f"{START}?location=more-35")
    offered = [
        node.attrib["value"]
        for node in parse(page).iter("input")
        if node.attrib["name"] == "location"
    ]
    assert (len(offered), offered[0], offered[1]) == (21, "more-35", "seattle-5th-ave")
    assert form(page, START)["location"] == ["more-35"]
    # Instead of a closed one, the nearest are offered too, wherever they stand in the list.
    set_status(app, "more-35", "closed")
    page = client.get(f"{START}?location=more-35")
    assert {words for words, _ in all_links(page) if words.endswith("instead")} == {
        "Ask More 34 instead",
        "Ask More 36 instead",
    }


NEAR_RENTON = ["Ask Covington instead", "Ask Bellevue instead"]


@pytest.mark.parametrize(
    ("status", "notice", "said"),
    [
        ("closed", None, "Renton is closed and takes no requests."),
        ("closed", "Water <damage>", "Renton is closed and takes no requests. Water <damage>"),
        ("limited", None, "Renton can do less than usual right now. You can still ask it."),
        ("open", "No parking in May", "No parking in May"),
    ],
)
def test_notice_comes_first_in_list_results_page_form_and_api(
    app: Flask, client: FlaskClient, frozen: Clock, status: str, notice: str | None, said: str
) -> None:
    set_status(app, "renton", status, notice)
    for page in (client.get("/"), client.get("/?near=98057")):
        [card] = [
            text_of(node)
            for node in parse(page).iter("article")
            if text_of(node).startswith("Renton")
        ]
        assert said in card
        assert card.index(said) < card.index("332 Burnett Ave S")
        ask = "Clinics near Renton to ask instead" if status == "closed" else "Ask Renton for an"
        assert ask in card
    page = client.get("/locations/renton")
    assert main_text(page).startswith(f"Renton {said}")
    near = [words for words, _ in all_links(page) if words.endswith(" instead")]
    assert near == ([] if status == "open" else NEAR_RENTON)
    assert ("Ask Renton for an appointment" in main_text(page)) is (status != "closed")
    asked = client.get(f"{START}?location=renton")
    text = main_text(asked)
    assert text.index(said) < text.index("Which clinic?")
    assert text.count(said) == 2  # on top, and beside the clinic's own box
    near = [words for words, _ in all_links(asked) if words.endswith(" instead")]
    assert near == ([] if status == "open" else NEAR_RENTON)
    assert form(asked, START).get("location") == (None if status == "closed" else ["renton"])
    [shown_in_api] = [
        place
        for place in client.get("/api/v1/locations").get_json()["locations"]
        if place["slug"] == "renton"
    ]
    assert (shown_in_api["status"], shown_in_api["notice"]) == (status, notice)


def test_limited_clinic_still_takes_requests_and_open_ones_come_before_it(
    app: Flask, client: FlaskClient, frozen: Clock
) -> None:
    set_status(app, "covington", "limited", "Mornings only")
    set_status(app, "renton", "closed")
    page = client.get("/locations/renton")
    near = [words for words, _ in all_links(page) if words.endswith(" instead")]
    assert near == ["Ask Bellevue instead", "Ask Seattle, California Ave SW instead"]
    page = walk(client, location="covington")
    assert "Mornings only" in main_text(page)
    follow(client, press(client, page, CHECK))
    assert len(rows(app, "appointment_request", "id")) == 1


def test_where_every_other_clinic_is_limited_they_are_offered_and_closed_ones_never(
    app: Flask, client: FlaskClient
) -> None:
    for slug in ("seattle-5th-ave", "bellevue", "renton", "issaquah"):
        set_status(app, slug, "closed")
    for slug in ("seattle-california-ave-sw", "covington"):
        set_status(app, slug, "limited")
    page = client.get("/locations/renton")
    near = [words for words, _ in all_links(page) if words.endswith(" instead")]
    assert near == ["Ask Covington instead", "Ask Seattle, California Ave SW instead"]
    for slug in ("seattle-california-ave-sw", "covington"):
        set_status(app, slug, "closed")
    assert "instead" not in main_text(client.get("/locations/renton"))


def test_clinic_that_closes_before_sending_leads_to_the_nearest_with_everything_kept(
    app: Flask, client: FlaskClient, frozen: Clock
) -> None:
    page = walk(client)
    set_status(app, "renton", "closed", "Water damage")
    refused = press(client, page, CHECK)
    assert (refused.status_code, summary(refused)) == (
        422,
        [("#goal", "Select a clinic that is open")],
    )
    assert "Renton is closed and takes no requests. Water damage Nearest that take requests" in (
        main_text(refused)
    )
    assert "Dance “all night” <b>" in main_text(refused)
    page = client.get(links(refused)["Ask Covington instead"])
    kept = ANSWERS[START] | {"location": "covington"}
    assert shown(page, START, kept) == kept
    page = follow(client, press(client, page, START))
    assert path_of(follow_to_own(client, page)).startswith("/requests/")
    with app.app_context():
        made = db.session.query(AppointmentRequest).one()
        assert (made.location.slug, made.personal["patient_name"]) == ("covington", "José Example")


def follow_to_own(client: FlaskClient, page: TestResponse) -> TestResponse:
    assert heading(page) == "Check your answers"
    return press(client, page, CHECK)


def test_clinic_that_closes_while_the_first_page_is_open_keeps_what_was_typed(
    app: Flask, client: FlaskClient, frozen: Clock
) -> None:
    page = client.get(f"{START}?location=renton")
    set_status(app, "renton", "closed")
    refused = press(client, page, START, **ANSWERS[START])
    assert (refused.status_code, summary(refused)) == (
        422,
        [("#location", "Select a clinic that is open")],
    )
    assert "Nearest that take requests: Covington and Bellevue. Tick one below." in (
        main_text(refused)
    )
    assert shown(refused, START, ANSWERS[START]) == ANSWERS[START]
    follow(client, press(client, refused, START, location="covington"))


def test_privacy_notice_and_emergency_line_stand_before_the_first_question(
    client: FlaskClient,
) -> None:
    text = main_text(client.get(START))
    first = text.index("Which clinic?")
    notice = client.get("/api/v1/consent").get_json()["text"]
    assert text.index("If this is an emergency, call 911.") < first
    assert text.index(notice) < first


@pytest.mark.parametrize("step", [*STEPS, CHECK])
def test_new_secret_key_costs_one_press_and_no_answer(
    app: Flask, client: FlaskClient, with_settings: Callable[..., Flask], frozen: Clock, step: str
) -> None:
    page = walk(client, step)
    cookie = client.get_cookie("clinicdir")
    assert cookie is not None
    after = with_settings(
        secret_key="another secret of at least thirty-two characters"
    ).test_client()
    after.set_cookie("clinicdir", cookie.value)
    again = press(after, page, step, **ANSWERS.get(step, {}))
    assert (again.status_code, EXPIRED in main_text(again)) == (400, True)
    page = press(after, again, step)
    for later in STEPS[STEPS.index(step) + 1 :] if step in STEPS else ():
        page = press(after, follow(after, page), later, **ANSWERS[later])
    if step != CHECK:
        page = press(after, follow(after, page), CHECK)
    assert path_of(page).startswith("/requests/")
    with app.app_context():
        made = db.session.query(AppointmentRequest).one()
        assert (made.goal, made.personal["patient_name"]) == ("other", "José Example")
