"""The patient's own page: what each state says, and what it never says without the check."""

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from clinicdir.appointments.arrival import link_token
from clinicdir.appointments.links import renew_link
from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.operations import Move, act
from clinicdir.appointments.queries import get_request
from clinicdir.appointments.rules import Action, Status, show_reference
from clinicdir.audit.rules import OPERATOR
from clinicdir.db import db, transaction
from clinicdir.locations.queries import get_location
from clinicdir.staff.rules import EVERYWHERE
from tests.conftest import Clock
from tests.make import make_request, make_staff
from tests.own import checked, hold_out, in_days, make_own
from tests.pages import heading, links, main_text, title
from tests.tables import rows

CALL = "Call (206) 693-9929, ask for Renton"
NOT_YET = "This is a request, not yet a booking."
NO_PROMISE = (
    "Renton has not told us how soon it answers."
    " If you hear nothing, call (206) 693-9929 and ask for Renton."
)
TIMES = "Fri, Nov 27, 12:00 pm (PST) Sun, Nov 29, 12:00 pm (PST)"
CHANGE = "See or change your answers Ask another clinic instead"
FAX = "Cover sheet for a faxed referral"
LOST = "Erase your request If you lose this link"
BOOKED = (
    "Tue, Dec 1, 12:00 pm (PST) 332 Burnett Ave S, Renton, WA 98057"
    " If you need another time, call and ask for Renton."
)
NO_TIME = "Renton has no time to offer."
OPEN_WAYS = f"{CHANGE} Take back your request {FAX} {LOST}"
CLOSED_WAYS = f"See your answers {LOST}"
KEEP = (
    "Keep this page as a bookmark, print it, or write the reference down. Whoever has its link"
    " sees this page, so share it only with people you trust."
    " If this is an emergency, call 911."
)
# Heading, what is said, and what can be done.
NO_MAIL = "You get no email about this request: look here to see how it stands."
SAID = {
    Status.RECEIVED: ("We have your request", f"{NOT_YET} {NO_PROMISE} {CALL}", OPEN_WAYS),
    Status.QUARANTINED: ("We have your request", f"{NOT_YET} {NO_PROMISE} {CALL}", OPEN_WAYS),
    Status.IN_REVIEW: ("Renton is looking at it", f"{NOT_YET} {NO_PROMISE} {CALL}", OPEN_WAYS),
    Status.AWAITING_PATIENT: (
        "We tried to reach you",
        f"{NOT_YET} Call, and see whether your phone number or email address here is right. {CALL}",
        OPEN_WAYS,
    ),
    Status.OFFERED: (
        "Choose a time",
        f"{NOT_YET} Renton holds these times out for you: {TIMES} Choose one of these times {CALL}",
        OPEN_WAYS,
    ),
    Status.BOOKED: (
        "You are booked",
        f"{BOOKED} {CALL} Put it into my calendar",
        f"See your answers Cancel the appointment {FAX} {LOST}",
    ),
    Status.WAITLISTED: (
        "You are on the short-notice list",
        f"{NOT_YET} Renton contacts you when a time comes free at short notice. {CALL}",
        OPEN_WAYS,
    ),
    Status.ATTENDED: ("You have been here", CALL, CLOSED_WAYS),
    Status.MISSED: ("We missed you", f"Call to find another time. {CALL}", CLOSED_WAYS),
    Status.DECLINED: (
        "We cannot offer this, but you can still call us",
        f"{NO_TIME} You can call, or ask another clinic of the group. {CALL} Find another clinic",
        CLOSED_WAYS,
    ),
    Status.WITHDRAWN: (
        "You took back your request",
        f"If you want an appointment after all, you can ask anew at any time. {CALL} Ask anew",
        CLOSED_WAYS,
    ),
    Status.NO_REPLY: (
        "We could not reach you",
        f"Renton tried several times. Call, and it opens your request again. {CALL}",
        CLOSED_WAYS,
    ),
    Status.ENTERED_IN_ERROR: (
        "This request was closed",
        f"If you want an appointment after all, you can ask anew at any time. {CALL} Ask anew",
        CLOSED_WAYS,
    ),
}


@pytest.mark.parametrize("status", Status)
def test_each_state_says_how_it_stands_and_what_can_be_done(
    app: Flask, client: FlaskClient, frozen: Clock, status: Status
) -> None:
    own = make_own(app, status, booked_at=in_days(7), decline_reason="no_times")
    hold_out(app, in_days(3), in_days(5))
    page = client.get(own)
    (reference,) = rows(app, "appointment_request", "reference")
    head, said, ways = SAID[status]
    assert title(page) == f"{head} – HIDEF"
    mail = "" if ways == CLOSED_WAYS else f"{NO_MAIL} "
    assert main_text(page) == (
        f"{head} Your reference{show_reference(reference)} Clinic: Renton {said}"
        f" What you can do here {ways} {mail}{KEEP}"
    )
    assert page.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in page.headers


def test_own_page_has_a_word_for_every_state() -> None:
    assert set(SAID) == set(Status)


@pytest.mark.parametrize("status", Status)
def test_nothing_of_the_person_is_shown_without_the_check(
    app: Flask, client: FlaskClient, frozen: Clock, status: Status
) -> None:
    secret = {
        "patient_name": "Zebulon Quagga", "phone": "206 555 7788", "email": "okapi@example.com",
        "goal": "other", "goal_text": "Tapir", "tried": "Gnu", "note": "Ibex",
        "access_needs": "Eland", "body_area": "knee", "stopped": ["running"],
    }  # fmt: skip
    own = make_own(app, status, booked_at=in_days(7), **secret)
    hold_out(app, in_days(3))
    told = (
        "Zebulon", "Quagga", "Z. Q.", "7788", "okapi", "Tapir", "Gnu", "Ibex", "Eland", "Knee",
        "Running",
    )  # fmt: skip
    open_pages = [client.get(own + end) for end in ("", "/fax-cover", "/withdraw", "/check")]
    open_pages += [client.get(f"{own}/calendar.ics")]
    open_pages += [
        client.get(f"{own}/change/{step}") for step in ("who", "contact", "times", "clinic")
    ]
    shown = " ".join(page.get_data(as_text=True) for page in open_pages)
    assert [word for word in told if word in shown] == []
    after = checked(app, own, "7788").get(own).get_data(as_text=True)
    assert [word for word in told if word not in after] == ["Z. Q."]


def test_quarantined_page_is_the_received_one_byte_for_byte(app: Flask, frozen: Clock) -> None:
    owns = [make_own(app, status) for status in (Status.RECEIVED, Status.QUARANTINED)]
    references = rows(app, "appointment_request", "reference")
    for clients in ([app.test_client() for _ in owns], [checked(app, own) for own in owns]):
        for end in ("", "/check", "/withdraw", "/fax-cover", "/change/clinic", "/change/contact"):
            seen = []
            for number, own in enumerate(owns):
                page = clients[number].get(own + end, follow_redirects=True)
                text = page.get_data(as_text=True).replace(own, "OWN")
                text = text.replace(show_reference(references[number]), "REFERENCE")
                seen.append((page.status_code, _without_tokens(text)))
            assert seen[0] == seen[1], end


def _without_tokens(html: str) -> str:
    first, *others = html.split('name="csrf_token" value="')
    return first + "".join(part.partition('"')[2] for part in others)


def test_merged_request_shows_the_other_one(app: Flask, client: FlaskClient, frozen: Clock) -> None:
    with app.app_context():
        kept = make_request(app, phone="206 555 0177", location="bellevue")
        number, reference = kept.id, kept.reference
    own = make_own(app, Status.ENTERED_IN_ERROR, duplicate_of=number)
    page = client.get(own)
    assert main_text(page).startswith(
        "We have your request You asked more than once. The clinic answers all of it here."
        f" Your reference{show_reference(reference)} Clinic: Bellevue"
    )
    # The check asks for the phone number of the request that is shown.
    assert "0177" in main_text(checked(app, own, "0177").get(own))


def test_ring_of_merged_requests_ends(app: Flask, client: FlaskClient) -> None:
    own = make_own(app, Status.ENTERED_IN_ERROR, duplicate_of=None)
    with app.app_context(), transaction():
        found = db.session.query(AppointmentRequest).one()
        found.duplicate_of = found.id
    assert heading(client.get(own)) == "This request was closed"


def test_promise_is_told_while_it_waits(app: Flask, client: FlaskClient, frozen: Clock) -> None:
    own = make_own(app, promise_at=in_days(1))
    assert "Renton will contact you by Wed, Nov 25, 12:00 pm." in main_text(client.get(own))


def test_page_says_when_the_clinic_tried(app: Flask, client: FlaskClient, frozen: Clock) -> None:
    with app.app_context():
        make_staff("desk@example.com")
        made = make_request(app)
        reference, own = made.reference, f"/requests/{link_token(made)}"
        for action in (Action.CLAIM, Action.AWAIT_PATIENT):
            with transaction():
                found = get_request(reference, scope=EVERYWHERE)
                act(found, Move(action), actor=OPERATOR, now=frozen.now())
    assert "Renton tried to reach you on Tue, Nov 24, 12:00 pm (PST)." in main_text(client.get(own))


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("not_offered", "Renton does not offer what you asked for. You can call"),
        ("needs_referral", "Renton needs a referral first. Ask your doctor for one. You can call"),
        ("other", "Clinic: Renton You can call"),
        (None, "Clinic: Renton You can call"),
    ],
)
def test_declined_page_gives_the_reason_and_a_way_on(
    app: Flask, client: FlaskClient, reason: str | None, words: str
) -> None:
    page = client.get(make_own(app, Status.DECLINED, decline_reason=reason))
    assert words in main_text(page)
    assert links(page)["Find another clinic"] == "/"


def test_offered_times_that_are_over_are_told_as_such(
    app: Flask, client: FlaskClient, frozen: Clock
) -> None:
    own = make_own(app, Status.OFFERED)
    hold_out(app, in_days(1))
    frozen.move(days=2)
    said = "The times that Renton held out for you are over. It will offer you others."
    assert said in main_text(client.get(own))


@pytest.mark.parametrize(
    ("at", "words"),
    [
        (datetime(2026, 3, 8, 9, 30, tzinfo=UTC), "Sun, Mar 8, 1:30 am (PST)"),
        (datetime(2026, 3, 8, 10, 30, tzinfo=UTC), "Sun, Mar 8, 3:30 am (PDT)"),
        (datetime(2026, 11, 1, 8, 30, tzinfo=UTC), "Sun, Nov 1, 1:30 am (PDT)"),
        (datetime(2026, 11, 1, 9, 30, tzinfo=UTC), "Sun, Nov 1, 1:30 am (PST)"),
    ],
)
def test_times_carry_the_name_of_the_clock_of_the_clinic(
    app: Flask, client: FlaskClient, at: datetime, words: str
) -> None:
    own = make_own(app, Status.BOOKED, booked_at=at)
    assert f"Clinic: Renton {words} 332" in main_text(client.get(own))


def test_new_link_ends_the_old_one(app: Flask, client: FlaskClient, frozen: Clock) -> None:
    old = make_own(app)
    browser = checked(app, old)
    with app.app_context(), transaction():
        found = db.session.query(AppointmentRequest).one()
        renew_link(found, actor=OPERATOR, now=frozen.now())
        new, reference = f"/requests/{link_token(found)}", found.reference
    assert new != old
    unknown = client.get("/requests/none")
    for end in ("", "/check", "/withdraw", "/fax-cover", "/calendar.ics", "/change/who"):
        answer = browser.get(old + end)
        assert (answer.status_code, answer.data) == (404, unknown.data), end
    assert heading(client.get(new)) == "We have your request"
    assert rows(app, "audit_entry", "action", "subject")[-1] == ("renew_link", reference)
    # Who passed the check of the old link has not passed that of the new one.
    assert "Robin" not in browser.get(new).get_data(as_text=True)


def test_other_clinic_of_a_shared_line_is_asked_for_by_name(
    app: Flask, client: FlaskClient, frozen: Clock
) -> None:
    own = make_own(app, location="covington")
    assert "Call (206) 693-9929, ask for Covington" in links(client.get(own))
    alone = make_own(app, location="bellevue")
    assert "Call (425) 629-9997" in links(client.get(alone))
    with app.app_context():
        assert get_location("covington").name == "Covington"


def test_words_of_a_long_wait_do_not_change_the_state(app: Flask, frozen: Clock) -> None:
    own = make_own(app)
    frozen.at += timedelta(days=400)
    assert heading(app.test_client().get(own)) == "We have your request"
