"""Mail to patients: who gets which, when it leaves, what it never says, what an undo mends."""

import dataclasses
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import html5lib
import pytest
from flask import Flask
from sqlalchemy import select, text, update

from clinicdir import clock
from clinicdir.appointments.arrival import link_token
from clinicdir.appointments.changes import change_answers
from clinicdir.appointments.closing import move_some
from clinicdir.appointments.messages import note_refusal
from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.notices import OWN_TOLD, TOLD, TRUE_IN
from clinicdir.appointments.queries import get_request
from clinicdir.appointments.rules import SPAM, TRANSITIONS, Action, Status, show_reference
from clinicdir.appointments.submission import Context
from clinicdir.appointments.undoing import undo
from clinicdir.audit.rules import OPERATOR, PATIENT, Actor
from clinicdir.cli.routing import make_post
from clinicdir.db import db, transaction
from clinicdir.locations.operations import close_location
from clinicdir.locations.queries import get_location
from clinicdir.notifications.delivery import deliver_due
from clinicdir.notifications.outcomes import NotNeeded
from clinicdir.notifications.queries import is_stuck
from clinicdir.notifications.rules import MessageKind
from clinicdir.staff.rules import EVERYWHERE
from clinicdir.staff.sessions import actor_of
from clinicdir.web.staff_labels import NOTICES
from tests.conftest import Clock
from tests.integration.test_desk_moves import DESK, make_in, signed_in, text_at
from tests.integration.test_outbox import give_address
from tests.lives import do
from tests.mail import MailServer, html_of, running_mail_server
from tests.make import TODAY, make_request, make_staff
from tests.own import hold_out, in_days, make_own
from tests.pages import main_text
from tests.tables import rows

PATIENTS = "robin@patient.example"
BY_MAIL: dict[str, Any] = {"email": PATIENTS, "contact_by": "email"}
URL = "http://127.0.0.1:8000"


@pytest.fixture
def server() -> Iterator[MailServer]:
    with running_mail_server() as running:
        yield running


@pytest.fixture
def post_app(with_settings: Callable[..., Flask], server: MailServer) -> Flask:
    return with_settings(smtp_url=server.url())


@pytest.fixture
def desk(app: Flask, frozen: Clock) -> Actor:
    """Return somebody of the desk, whose presses can be undone."""
    with app.app_context():
        return actor_of(make_staff(DESK))


def deliver(app: Flask) -> int:
    with app.app_context():
        return deliver_due(make_post(), clock=clock.now)


def press(app: Flask, reference: str, action: Action, actor: Actor, **details: Any) -> None:  # noqa: ANN401
    later = clock.now() + timedelta(days=1)
    times: dict[str, Any] = {"booked_at": later, "offered": (later,)}
    do(app, reference, action, actor=actor, now=clock.now(), **(times | details))


def put_back(app: Flask, reference: str, actor: Actor) -> None:
    with app.app_context(), transaction():
        found = get_request(reference, scope=EVERYWHERE)
        undo(found, found.version, scope=EVERYWHERE, actor=actor, now=clock.now())


def told(app: Flask) -> list[tuple[str, str]]:
    """Return the kind and the state of each message, oldest first."""
    return rows(app, "outbox_message", "kind", "state")


def forget(app: Flask) -> None:
    """Let nothing be written about what came before."""
    with app.app_context(), transaction():
        db.session.execute(text("delete from outbox_message"))


def own_link(app: Flask, reference: str) -> str:
    with app.app_context():
        return f"{URL}/requests/{link_token(get_request(reference, scope=EVERYWHERE))}"


def ask(app: Flask, **changes: Any) -> str:  # noqa: ANN401
    with app.app_context():
        return make_request(app, **(BY_MAIL | changes)).reference


def test_request_is_confirmed_at_once_in_text_and_html(
    app: Flask, post_app: Flask, server: MailServer, frozen: Clock
) -> None:
    reference = ask(app)
    assert deliver(post_app) == 1  # the clinic has no address yet
    (mail,) = server.mails
    link, shown = own_link(app, reference), show_reference(reference)
    assert (mail["To"], mail["Subject"]) == (PATIENTS, f"We have your request at Renton: {shown}")
    assert server.recipients == [[PATIENTS]]
    first = "Renton has your appointment request. It is a request, not yet a booking."
    second = (
        "Open it to see by when the clinic answers, to change what you have said, or to take it"
        " back."
    )
    about_link = (
        "The page behind this link always shows what holds now; if an earlier message says"
        " something else, go by the page. Whoever has the link sees the page, so pass it on only to"
        " people you trust."
    )
    last = "Answers to this message reach nobody. In an emergency, call 911."
    assert mail.get_content() == "\r\n".join(
        [
            first, "", second, "", "Clinic: Renton", f"Reference: {shown}",
            "How it stands: We have your request", f"Open your request: {link}", "",
            about_link, "", last, "",
        ]
    )  # fmt: skip
    page = html5lib.HTMLParser(namespaceHTMLElements=False, strict=True).parse(html_of(mail))
    assert page.attrib == {"lang": "en"}
    paragraphs = [" ".join("".join(found.itertext()).split()) for found in page.iter("p")]
    assert paragraphs == [
        first, second,
        f"Clinic: Renton Reference: {shown} How it stands: We have your request",
        "Open your request", about_link, last,
    ]  # fmt: skip
    assert [found.attrib for found in page.iter("a")] == [{"href": link}]
    tags = {found.tag for found in page.iter() if isinstance(found.tag, str)}
    assert tags == {"html", "head", "meta", "title", "body", "p", "br", "a"}


def test_link_of_a_mail_opens_the_own_page_and_so_does_the_earlier_one(
    app: Flask, post_app: Flask, server: MailServer, desk: Actor, frozen: Clock
) -> None:
    reference = ask(app)
    deliver(post_app)
    press(app, reference, Action.BOOK, desk)
    frozen.move(minutes=2)
    deliver(post_app)
    first, second = (re.findall(r"/requests/\S+", mail.get_content()) for mail in server.mails)
    assert first == second == [own_link(app, reference).removeprefix(URL)]
    page = app.test_client().get(first[0])
    assert page.status_code == 200
    assert show_reference(reference) in main_text(page)


CANARIES: dict[str, Any] = {
    "patient_name": "Quibble Canaryname",
    "for_whom": "someone_else",
    "asker_name": "Asker Canaryasker",
    "relation": "canaryrelation",
    "phone": "206 555 0177",
    "goal": "other",
    "goal_text": "canarygoal",
    "tried": "canarytried",
    "note": "canarynote",
    "access_needs": "canaryneeds",
    "body_area": "shoulder",
    "stopped": ["climbing"],
    "best_time": "morning",
    "windows": [{"weekday": "thursday", "part": "midday"}],
    "target_month": "2027-05",
    "language": "so",
    "interpreter": True,
    "referral": "yes",
    "returning": "yes",
}
CANARY_WORDS = (
    "quibble", "canary", "5550177", "555 0177", "shoulder", "climbing", "morning", "thursday",
    "midday", "2027-05", "somali", "interpreter", "referral", "zebra", "patient.example",
)  # fmt: skip


def test_no_mail_of_any_kind_says_a_word_of_person_or_health(app: Flask, frozen: Clock) -> None:
    # The digest tells a manager of many requests; it has its own test.
    assert NOTICES.keys() == set(MessageKind) - {MessageKind.DIGEST}
    reference = ask(app, **CANARIES)
    give_address(app, "covington", "desk@covington.example")
    press(app, reference, Action.TRANSFER, OPERATOR, to="covington", note="Zebra")
    hold_out(app, in_days(1))
    for kind in NOTICES:
        clinics = {
            MessageKind.REQUEST_WAITS: Status.RECEIVED,
            MessageKind.PATIENT_CHANGED: Status.BOOKED,
        }
        status = clinics.get(kind) or min(TRUE_IN[kind])
        seen = source_of(app, kind, status)
        assert show_reference(reference).casefold() in seen
        assert [word for word in CANARY_WORDS if word in seen] == [], kind


def source_of(app: Flask, kind: MessageKind, status: Status) -> str:
    """Return a whole mail about the one request in this state: encoded, decoded, heads, parts."""
    with app.app_context():
        with transaction():
            changed = update(AppointmentRequest).values(status=status, booked_at=in_days(1))
            db.session.execute(changed)
        (number,) = db.session.scalars(select(AppointmentRequest.id))
        post = make_post()
        message = post.resolve(kind, number)
        mail = post.texts.email(message, sender="no@g.example", message_key="a", now=clock.now())
        assert mail["To"] == (PATIENTS if kind.to_patient else "desk@covington.example")
        del mail["To"]
        parts = [part.get_content() for part in mail.walk() if not part.is_multipart()]
        assert len(parts) == 2
        return "\n".join([mail.as_string(), *map(str, mail.values()), *parts]).casefold()


def test_table_says_which_step_of_staff_tells_the_patient(app: Flask, frozen: Clock) -> None:
    # Each action out of one state, and all that is done to what may be spam.
    one_state = {action: (status, action) for status, action in sorted(TRANSITIONS, reverse=True)}
    aside = {pair for pair in TRANSITIONS if pair[0] is Status.QUARANTINED}
    for status, action in sorted({*one_state.values(), *aside}):
        reference = make_in(app, status, **BY_MAIL)
        forget(app)
        press(app, reference, action, OPERATOR, to="bellevue", decline_reason="other")
        kinds = [kind for kind, _ in told(app) if MessageKind(kind).to_patient]
        was_aside = status is Status.QUARANTINED and action is not Action.CLEAR
        wanted = [] if was_aside else [TOLD[action]] if action in TOLD else []
        assert kinds == wanted, (status, action)
        due = rows(app, "outbox_message", "kind", "due_at")
        waits = {at - frozen.now() for kind, at in due if MessageKind(kind).to_patient}
        assert waits <= {timedelta(minutes=2)}
        forget(app)


def test_patients_own_presses_and_what_is_spam_send_no_mail_to_the_patient(
    app: Flask, frozen: Clock
) -> None:
    assert {*OWN_TOLD} == {Action.SUBMIT, Action.BOOK}
    own = {
        Action.CHANGE: ["patient_changed"],
        Action.TRANSFER: ["request_waits"],
        Action.WITHDRAW: ["patient_changed"],
    }
    for action, kinds in own.items():
        reference = ask(app)
        forget(app)
        press(app, reference, action, PATIENT, to="bellevue")
        assert told(app) == [(kind, "waiting") for kind in kinds]
    reference = make_in(app, Status.OFFERED, **BY_MAIL)
    forget(app)
    at = rows(app, "offer", "starts_at")[-1]
    press(app, reference, Action.BOOK, PATIENT, booked_at=at)
    assert rows(app, "outbox_message", "kind", "due_at") == [
        ("patient_changed", frozen.now()), ("tell_booked", frozen.now())
    ]  # fmt: skip
    reference = ask(app)
    forget(app)
    press(app, reference, Action.DECLINE, OPERATOR, decline_reason=SPAM)
    assert told(app) == []


@pytest.mark.parametrize("given", [{"email": PATIENTS, "contact_by": "phone"}, {}])
def test_who_did_not_ask_for_mail_gets_none(app: Flask, given: dict[str, Any]) -> None:
    with app.app_context():
        reference = make_request(app, **given).reference
    press(app, reference, Action.BOOK, OPERATOR)
    assert told(app) == [("request_waits", "waiting")]


def test_undo_within_two_minutes_cancels_the_mail(
    app: Flask, post_app: Flask, server: MailServer, desk: Actor, frozen: Clock
) -> None:
    reference = make_in(app, Status.RECEIVED, **BY_MAIL)
    deliver(post_app)
    press(app, reference, Action.DECLINE, desk, decline_reason="other")
    frozen.move(seconds=119)
    assert deliver(post_app) == 0
    put_back(app, reference, desk)
    assert told(app)[-1] == ("tell_declined", "not_needed")  # at once, as the page shows
    frozen.move(minutes=20)
    assert deliver(post_app) == 0
    assert told(app)[1:] == [("tell_received", "accepted"), ("tell_declined", "not_needed")]
    assert [mail["Subject"][:12] for mail in server.mails] == ["We have your"]


def test_later_undo_sends_a_correction_that_says_how_it_stands(
    app: Flask, post_app: Flask, server: MailServer, desk: Actor, frozen: Clock
) -> None:
    reference = make_in(app, Status.RECEIVED, **BY_MAIL)
    forget(app)
    press(app, reference, Action.DECLINE, desk, decline_reason="other")
    frozen.move(minutes=2)
    assert deliver(post_app) == 1
    frozen.move(minutes=1)
    put_back(app, reference, desk)
    assert deliver(post_app) == 1
    assert told(app) == [("tell_declined", "accepted"), ("tell_corrected", "accepted")]
    wrong, right = server.mails
    assert wrong["Subject"] == f"About your request at Renton: {show_reference(reference)}"
    assert right["Subject"] == f"Correction, your request at Renton: {show_reference(reference)}"
    said = right.get_content().splitlines()
    assert said[0] == (
        "We wrote to you a short time ago that something had changed about your request at Renton."
        " That was a mistake: what counts is below."
    )
    assert said[4] == "How it stands: We have your request"


def test_undo_while_a_worker_has_the_mail_in_hand_corrects_it_after_that(
    app: Flask, post_app: Flask, server: MailServer, desk: Actor, frozen: Clock
) -> None:
    reference = make_in(app, Status.RECEIVED, **BY_MAIL)
    forget(app)
    press(app, reference, Action.BOOK, desk)
    frozen.move(minutes=2)

    def undo_meanwhile(mail: EmailMessage) -> None:
        frozen.move(seconds=5)
        put_back(app, reference, desk)
        real.send(mail)

    with post_app.app_context():
        real = make_post()
        hasty = dataclasses.replace(real, send=undo_meanwhile)
        assert deliver_due(hasty, clock=clock.now) == 1
    assert told(app) == [("tell_booked", "accepted"), ("tell_corrected", "waiting")]
    frozen.move(seconds=114)
    assert deliver(post_app) == 0  # the worker's lease runs: the order of the two is kept
    frozen.move(seconds=1)
    assert deliver(post_app) == 1
    assert [mail["Subject"].split(":")[0] for mail in server.mails] == [
        "You are booked at Renton", "Correction, your request at Renton"
    ]  # fmt: skip


def test_undo_tells_what_the_mistake_kept_from_being_told(
    app: Flask, post_app: Flask, server: MailServer, desk: Actor, frozen: Clock
) -> None:
    reference = make_in(app, Status.IN_REVIEW, **BY_MAIL)
    forget(app)
    press(app, reference, Action.OFFER, OPERATOR)
    frozen.move(seconds=119)
    press(app, reference, Action.DECLINE, desk, decline_reason="other")
    frozen.move(seconds=1)
    assert deliver(post_app) == 0
    assert told(app) == [("tell_offered", "not_needed"), ("tell_declined", "waiting")]
    put_back(app, reference, desk)
    assert deliver(post_app) == 1
    assert [(kind, state) for kind, state in told(app)] == [
        ("tell_offered", "not_needed"), ("tell_declined", "not_needed"),
        ("tell_offered", "accepted"),
    ]  # fmt: skip


def test_undo_of_a_claim_tells_the_clinic_again_only_where_it_was_not_told(
    app: Flask, post_app: Flask, server: MailServer, desk: Actor, frozen: Clock
) -> None:
    give_address(app)
    first = make_in(app, Status.RECEIVED)
    assert deliver(post_app) == 1
    press(app, first, Action.CLAIM, desk)
    put_back(app, first, desk)
    assert told(app) == [("request_waits", "accepted")]
    forget(app)
    second = make_in(app, Status.RECEIVED)
    press(app, second, Action.CLAIM, desk)  # before the worker has come to it
    assert deliver(post_app) == 0
    put_back(app, second, desk)
    assert told(app) == [("request_waits", "not_needed"), ("request_waits", "waiting")]
    assert deliver(post_app) == 1


def test_one_message_of_a_kind_waits_for_a_request(
    app: Flask, post_app: Flask, server: MailServer, frozen: Clock
) -> None:
    give_address(app)
    reference = make_in(app, Status.RECEIVED)
    server.answers["RCPT"] = "450 Not now"
    deliver(post_app)
    press(app, reference, Action.TRANSFER, OPERATOR, to="bellevue")
    press(app, reference, Action.TRANSFER, OPERATOR, to="renton")
    assert rows(app, "outbox_message", "kind", "state", "attempts", "due_at") == [
        ("request_waits", "waiting", 1, frozen.now())
    ]
    server.answers.clear()
    assert deliver(post_app) == 1


def test_refused_address_is_kept_shown_and_written_to_no_more(
    app: Flask, post_app: Flask, server: MailServer, frozen: Clock
) -> None:
    client, reference = signed_in(app), ask(app)
    before = rows(app, "appointment_request", "version")
    server.answers["RCPT"] = f"550 5.1.1 <{PATIENTS}>: no mailbox Robin, says mx@host.example"
    assert deliver(post_app) == 0
    assert rows(app, "outbox_message", "kind", "state", "last_error") == [
        ("request_waits", "waiting", "Renton has no e-mail address"),
        ("tell_received", "refused", "550 5.1.1 <…>: no mailbox …, says …"),
    ]
    assert rows(app, "appointment_request", "email_refused_at") == [frozen.now()]
    assert rows(app, "appointment_request", "version") == before  # nobody's page is stale by it
    page = text_at(client, reference)
    assert (
        "The patient’s mail server refused the address on Tue, Nov 24, 12:00 pm: call instead."
    ) in page
    refused = "email: refused Tue, Nov 24, 12:00 pm: 550 5.1.1 <…>: no mailbox"
    assert f"To the patient: we have it, {refused}" in page
    assert "206 555 0123 email refused: call" in main_text(client.get("/staff/"))
    no_phone = "No phone number was given, so only their own page tells them."
    assert no_phone not in page
    with app.app_context(), transaction():
        found = get_request(reference, scope=EVERYWHERE)
        found.seal(found.personal | {"phone": None, "phone_e164": None})
    assert f"call instead. {no_phone}" in text_at(client, reference)
    assert "by email email refused Renton" in main_text(client.get("/staff/"))
    server.answers.clear()
    press(app, reference, Action.BOOK, OPERATOR)
    frozen.move(minutes=2)
    assert deliver(post_app) == 0
    assert [kind for kind, _ in told(app)] == ["request_waits", "tell_received"]


def test_new_address_is_written_to_again_and_an_old_refusal_does_not_count(
    app: Flask, frozen: Clock
) -> None:
    reference = ask(app)
    with app.app_context():
        number = get_request(reference, scope=EVERYWHERE).id
        note_refusal(MessageKind.TELL_RECEIVED, number, PATIENTS, clock.now())
        assert rows(app, "appointment_request", "email_refused_at") == [frozen.now()]
        db.session.rollback()
        context = Context(today=TODAY, intake=app.extensions["clinicdir"].intake)
        with transaction():
            found = get_request(reference, scope=EVERYWHERE)
            changes = {"email": "new@patient.example"}
            change_answers(found, changes, context, seen_answers=1, actor=PATIENT, now=clock.now())
        note_refusal(MessageKind.TELL_RECEIVED, number, PATIENTS, clock.now())
        note_refusal(MessageKind.REQUEST_WAITS, number, "new@patient.example", clock.now())
    assert rows(app, "appointment_request", "email_refused_at") == [None]


def test_message_that_is_not_so_any_more_is_not_sent(app: Flask, frozen: Clock) -> None:
    reference = make_in(app, Status.BOOKED, **BY_MAIL)  # it begins in an hour
    with app.app_context():
        number, resolve = get_request(reference, scope=EVERYWHERE).id, make_post().resolve
        assert resolve(MessageKind.TELL_BOOKED, number).template == "tell_booked"
        for kind in set(TRUE_IN) - {MessageKind.TELL_BOOKED, MessageKind.TELL_CORRECTED}:
            with pytest.raises(NotNeeded):
                resolve(kind, number)
        frozen.move(hours=1)
        with pytest.raises(NotNeeded):
            resolve(MessageKind.TELL_BOOKED, number)


def test_second_booking_says_that_the_first_time_does_not_hold(
    app: Flask, post_app: Flask, server: MailServer, frozen: Clock
) -> None:
    reference = ask(app)
    forget(app)
    for days in (1, 2):
        press(app, reference, Action.BOOK, OPERATOR, booked_at=in_days(days))
        frozen.move(minutes=2)
        assert deliver(post_app) == 1
        press(app, reference, Action.RETIME, OPERATOR)
    assert [mail["Subject"].split(":")[0] for mail in server.mails] == [
        "You are booked at Renton", "Your new time at Renton"
    ]  # fmt: skip


def test_patients_of_a_clinic_that_closes_read_where_their_request_is(
    app: Flask, post_app: Flask, server: MailServer, frozen: Clock
) -> None:
    ask(app)
    forget(app)
    with app.app_context(), transaction():
        left, to = get_location("renton"), get_location("bellevue")
        close_location(left, "", seen_version=left.version, actor=OPERATOR, now=clock.now())
        assert move_some(left, to, actor=OPERATOR, now=clock.now()) == 1
    assert deliver(post_app) == 0
    frozen.move(minutes=2)
    assert deliver(post_app) == 1
    (mail,) = server.mails
    assert mail["Subject"].startswith("Bellevue has your request now: ")
    assert mail.get_content().splitlines()[:5] == [
        (
            "Renton is closed and takes no more patients. Your appointment request has gone to"
            " Bellevue. You need not ask again: Bellevue answers it."
        ),
        "",
        (
            "If you would rather go elsewhere, open your request and ask another clinic, or take it"
            " back."
        ),
        "",
        "Clinic: Bellevue",
    ]


def test_own_page_says_whether_mail_comes(app: Flask, post_app: Flask, frozen: Clock) -> None:
    comes = (
        "We write to your email address when something changes here. Mail can get lost, so look"
        " here too."
    )
    none = "You get no email about this request: look here to see how it stands."
    refused = (
        "The email address you gave did not take our mail, so we send none. Look here, or call;"
        " you can correct the address under your answers."
    )
    own, by_phone = make_own(app, **BY_MAIL), make_own(app)
    for site, path, says in (
        (post_app, own, comes), (app, own, none), (post_app, by_phone, none),
    ):  # fmt: skip
        text = main_text(site.test_client().get(path))
        assert [words for words in (comes, none, refused) if words in text] == [says]
    with app.app_context(), transaction():
        db.session.execute(update(AppointmentRequest).values(email_refused_at=clock.now()))
    assert refused in main_text(post_app.test_client().get(own))
    gone = make_own(app, Status.WITHDRAWN, **BY_MAIL)
    assert comes not in main_text(post_app.test_client().get(gone))


def test_undo_hides_the_row_again_until_the_time_to_try_again(
    app: Flask, desk: Actor, frozen: Clock
) -> None:
    reference = make_in(app, Status.RECEIVED)
    again = in_days(1)
    press(app, reference, Action.LOG_CONTACT, OPERATOR, try_again_at=again)
    press(app, reference, Action.BOOK, desk)
    assert rows(app, "appointment_request", "try_again_at") == [None]
    put_back(app, reference, desk)
    assert rows(app, "appointment_request", "try_again_at", "status") == [(again, "received")]


def test_full_mailbox_of_a_patient_does_not_count_as_a_stuck_outbox(
    app: Flask, post_app: Flask, server: MailServer, frozen: Clock
) -> None:
    give_address(app)
    ask(app)
    server.answers["RCPT"] = "452 4.2.2 Mailbox full"
    deliver(post_app)
    began = frozen.now()
    assert rows(app, "outbox_message", "attempts") == [1, 1]
    with app.app_context():
        assert is_stuck(since=began)
    with app.app_context(), transaction():
        db.session.execute(text("update outbox_message set state = 'accepted' where id = 1"))
    assert told(app)[0] == ("request_waits", "accepted")
    with app.app_context():
        assert not is_stuck(since=began)


def test_passing_on_by_mistake_is_told_only_where_its_mail_has_left(
    app: Flask, post_app: Flask, server: MailServer, desk: Actor, frozen: Clock
) -> None:
    give_address(app)
    reference = make_in(app, Status.RECEIVED, **BY_MAIL)
    deliver(post_app)
    frozen.move(seconds=1)
    before = told(app)
    press(app, reference, Action.TRANSFER, desk, to="bellevue")
    put_back(app, reference, desk)
    assert told(app) == [
        *before, ("request_waits", "not_needed"), ("tell_passed_on", "not_needed")
    ]  # fmt: skip
    forget(app)
    press(app, reference, Action.TRANSFER, desk, to="bellevue")
    frozen.move(minutes=2)
    deliver(post_app)
    put_back(app, reference, desk)
    assert told(app)[1:] == [("tell_passed_on", "accepted"), ("tell_corrected", "waiting")]
    assert deliver(post_app) == 1
    assert server.mails[-1]["Subject"].startswith("Correction, your request at Renton")
