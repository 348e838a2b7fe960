"""The request, page by page: the whole way, its links, and the patient's own page."""

from collections.abc import Callable
from datetime import date

import pytest
from flask import Flask
from flask.testing import FlaskClient

from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.rules import RequestChannel, Status, show_reference
from clinicdir.db import db, transaction
from clinicdir.locations.models import LocationStatus
from clinicdir.locations.queries import get_location
from tests.asking import (
    ANSWERS,
    BODY,
    CHECK,
    START,
    STEPS,
    TIMES,
    WHO,
    follow,
    path_of,
    shown,
    walk,
)
from tests.conftest import Clock
from tests.make import CONSENT, hidden
from tests.pages import (
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
    title,
)
from tests.tables import rows, together


def test_whole_way_ends_in_one_request_with_every_answer(
    app: Flask, client: FlaskClient, frozen: Clock
) -> None:
    page = walk(client)
    assert heading(page) == "Check your answers"
    sent = press(client, page, CHECK)
    own = follow(client, sent)
    (reference,) = rows(app, "appointment_request", "reference")
    assert heading(own) == "We have your request"
    assert show_reference(reference) in main_text(own)
    plain = {
        "status": Status.RECEIVED,
        "channel": RequestChannel.WEB,
        "goal": "other",
        "body_area": "knee",
        "target_month": date(2027, 5, 1),
        "stopped": ["running", "skiing"],
        "for_whom": "someone_else",
        "contact_by": "phone",
        "best_time": "late_day",
        "voicemail_ok": True,
        "windows": BODY["windows"],
        "is_returning": "no",
        "referral": "not_sure",
        "language": "es",
        "interpreter": True,
        "short_notice": True,
        "consent_version": CONSENT,
        "locale": "en",
        "source": None,
    }
    assert rows(app, "appointment_request", *plain) == [tuple(plain.values())]
    with app.app_context():
        stored = db.session.query(AppointmentRequest).one()
        assert stored.location.slug == "renton"
        assert stored.personal == {
            "patient_name": "José Example",
            "asker_name": "Kim O'Example",
            "relation": "Parent",
            "birth_date": None,
            "phone": "(206) 555-0123 x45",
            "phone_e164": "+12065550123;ext=45",
            "email": "kim@example.com",
            "goal_text": "Dance “all night” <b>",
            "tried": "Rest",
            "note": "Line one\nLine two",
            "access_needs": "No steps",
        }
    assert rows(app, "request_draft", "id") == []
    assert rows(app, "outbox_message", "kind", "state") == [("request_waits", "waiting")]


def test_pages_and_api_store_the_same(app: Flask, client: FlaskClient, frozen: Clock) -> None:
    press(client, walk(client), CHECK)
    client.post("/api/v1/requests", json=BODY, headers={"Idempotency-Key": "k"})
    own = {
        "id", "row_key", "sealed", "reference", "submission_key", "submission_hash", "link_hash",
        "channel",
    }  # fmt: skip
    with app.app_context():
        first, second = db.session.query(AppointmentRequest).order_by(AppointmentRequest.id)
        names = [column.key for column in AppointmentRequest.__mapper__.column_attrs]
        kept = [name for name in names if name not in own]
        assert {name: getattr(first, name) for name in kept} == {
            name: getattr(second, name) for name in kept
        }
        assert first.personal == second.personal
        # JSON can be sent again word for word, so the hash of its words follows.
        assert second.submission_hash[:32] == first.submission_hash[:32]


def test_every_answer_is_shown_for_checking_and_can_be_changed(
    client: FlaskClient, frozen: Clock
) -> None:
    page = walk(client)
    answers = {
        text_of(row.find("dt")): text_of(row.find("dd"))
        for row in parse(page).iter("div")
        if row.find("dt") is not None
    }
    assert answers == {
        "Clinic": "Renton",
        "Get back to": "Something else",
        "In your words": "Dance “all night” <b>",
        "Where it bothers you": "Knee",
        "By when": "May 2027",
        "Stopped or cut down": "Running, Skiing",
        "Tried so far": "Rest",
        "Appointment for": "Someone else",
        "Patient": "José Example",
        "Asked by": "Kim O'Example",
        "Who is the patient's": "Parent",
        "Phone": "(206) 555-0123 x45",
        "Email": "kim@example.com",
        "Contact by": "Phone",
        "Best time": "Late in the day",
        "Voicemail allowed": "Yes",
        "Times that suit": "Monday, morning; Any day, midday",
        "Can come at short notice": "Yes",
        "Been here before": "No",
        "Has a referral": "Not sure",
        "Language": "Español",
        "Interpreter needed": "Yes",
        "Access needs": "No steps",
        "Note": "Line one Line two",
    }
    assert "This is a request, not yet a booking. Renton reads it and contacts you." in main_text(
        page
    )
    who = client.get(links(page)["Change: Who it is for"])
    assert shown(who, WHO, ANSWERS[WHO]) == ANSWERS[WHO]
    back = press(client, who, WHO, patient_name="Changed Example")
    assert path_of(back) == CHECK
    assert "Changed Example" in main_text(client.get(CHECK))


def test_each_page_opens_again_with_its_answers(client: FlaskClient, frozen: Clock) -> None:
    change = links(walk(client))["Change: Your goal"]
    for step in STEPS:
        again = client.get(change if step == START else step)
        typed = ANSWERS[step] | ({"note": "Line one\nLine two"} if step == TIMES else {})
        assert shown(again, step, typed) == typed


def test_link_names_clinic_goal_and_its_own_place(
    app: Flask, client: FlaskClient, frozen: Clock
) -> None:
    page = client.get("/request?location=covington&goal=ski&source=poster-3")
    assert shown(page, START, ("location", "goal", "source")) == {
        "location": "covington",
        "goal": "ski",
        "source": "poster-3",
    }
    page = follow(client, press(client, page, START))
    for step in STEPS[1:]:
        page = follow(client, press(client, page, step, **ANSWERS[step]))
    changed = client.get(links(page)["Change: Your goal"])
    page = follow(client, press(client, changed, START, goal="run"))
    press(client, page, CHECK)
    assert rows(app, "appointment_request", "goal", "source") == [("run", "poster-3")]


@pytest.mark.parametrize(
    "query",
    [
        "location=nowhere&goal=fly&source=a%20b",
        "location=../../etc/passwd&goal=%27--&source=%3Cscript%3E",
        f"location={'x' * 9000}&goal={'y' * 9000}&source={'z' * 65}",
        "location=&goal=&source=",
        "location=renton%20&goal=RUN&source=%0d%0aX:",
    ],
)
def test_link_that_names_what_is_not_there_opens_the_plain_page(
    sqlite_app: Flask, query: str
) -> None:
    page = sqlite_app.test_client().get(f"/request?{query}")
    assert page.status_code == 200
    assert shown(page, START, ("location", "goal", "source")) == {
        "location": None,
        "goal": None,
        "source": "",
    }


def test_closed_clinic_is_told_of_and_not_offered(app: Flask, client: FlaskClient) -> None:
    page = walk(client)
    with app.app_context(), transaction():
        get_location("renton").status = LocationStatus.CLOSED
    refused = press(client, page, CHECK)
    assert (refused.status_code, title(refused)) == (422, "Error: Check your answers – HIDEF")
    assert summary(refused) == [("#goal", "Select a clinic that is open")]
    assert "goal" in ids(refused)
    assert rows(app, "appointment_request", "id") == []

    asked = client.get("/request?location=renton")
    assert "Renton is closed and takes no requests. Call (206) 693-9929" in main_text(asked)
    offered = [
        node.attrib["value"]
        for node in parse(asked).iter("input")
        if node.attrib["name"] == "location"
    ]
    assert offered == [
        "seattle-5th-ave", "bellevue", "issaquah", "seattle-california-ave-sw", "covington",
    ]  # fmt: skip
    stale = press(client, asked, START, location="renton", goal="run")
    assert (stale.status_code, field_errors(stale)) == (422, ["Select a clinic that is open"])
    other = follow(
        client,
        press(client, client.get(links(refused)["Change: Your goal"]), START, location="bellevue"),
    )
    follow(client, press(client, other, CHECK))
    assert rows(app, "request_location", "ordinal") == [0]


def test_double_click_on_send_is_one_request_and_one_confirmation(
    app: Flask, client: FlaskClient
) -> None:
    page = walk(client)
    first, second, third = (press(client, page, CHECK) for _ in range(3))
    assert first.headers["Location"].startswith("/requests/")
    assert first.headers["Location"] == second.headers["Location"] == third.headers["Location"]
    assert len(rows(app, "appointment_request", "id")) == 1
    assert len(rows(app, "outbox_message", "id")) == 1


def test_sends_at_the_same_moment_are_one_request(app: Flask, client: FlaskClient) -> None:
    page = walk(client)
    cookie = client.get_cookie("clinicdir", domain="127.0.0.1") or client.get_cookie("clinicdir")
    assert cookie is not None
    data = form(page, CHECK)

    def once(_: int) -> tuple[int, str | None]:
        other = app.test_client()
        other.set_cookie("clinicdir", cookie.value)
        answer = other.post(CHECK, data=data)
        return answer.status_code, answer.headers.get("Location")

    answers = together(8, once)
    assert len(set(answers)) == 1
    assert answers[0][0] == 303
    assert len(rows(app, "appointment_request", "id")) == 1


def test_answers_sent_from_another_tab_are_not_sent_again(app: Flask, client: FlaskClient) -> None:
    page = walk(client)
    times = client.get(TIMES)
    press(client, page, CHECK)
    late = press(client, times, TIMES, note="Later")
    assert (late.status_code, late.headers["Location"]) == (303, f"{START}?gone=all")
    assert "Your earlier answers are no longer here" in main_text(follow(client, late))
    assert rows(app, "request_draft", "id") == []
    assert len(rows(app, "appointment_request", "id")) == 1


def test_own_page_shows_how_it_stands_and_nothing_of_the_person(
    app: Flask, client: FlaskClient, frozen: Clock
) -> None:
    own = press(client, walk(client), CHECK).headers["Location"]
    with app.app_context(), transaction():
        stored = db.session.query(AppointmentRequest).one()
        stored.status, stored.booked_at = Status.BOOKED, frozen.now()
    page = app.test_client().get(own)
    assert heading(page) == "You are booked"
    assert "Tue, Nov 24, 12:00 pm" in main_text(page)
    assert "(206) 693-9929" in main_text(page)
    whole = page.get_data(as_text=True)
    assert not [word for word in ("José", "Kim", "0123", "Dance", "Rest", "steps") if word in whole]
    assert page.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in page.headers


def test_link_with_one_other_symbol_opens_nothing(app: Flask, client: FlaskClient) -> None:
    own = press(client, walk(client), CHECK).headers["Location"]
    missing = client.get("/requests/none").get_data()
    for place in range(len("/requests/"), len(own)):
        symbol = "A" if own[place] != "A" else "B"
        answer = client.get(own[:place] + symbol + own[place + 1 :])
        assert (answer.status_code, answer.get_data()) == (404, missing)
    assert client.get(own).status_code == 200


def test_birth_date_is_asked_only_where_the_operator_wants_it(
    app: Flask, with_settings: Callable[..., Flask]
) -> None:
    asking = with_settings(ask_birth_date=True)
    for site, expected in ((app, False), (asking, True)):
        client = site.test_client()
        page = client.get("/request")
        token = hidden(page.get_data(as_text=True), "csrf_token")
        answers = {"location": "renton", "goal": "run", "consent_version": CONSENT}
        client.post("/request", data={"csrf_token": token} | answers)
        html = client.get("/request/who").get_data(as_text=True)
        assert ("birth date (optional)" in html) is expected
        who = {"for_whom": "me", "patient_name": "Robin Example", "birth_date": "1980-05-31"}
        posted = client.post("/request/who", data={"csrf_token": token} | who)
        assert posted.status_code == (303 if expected else 422)
