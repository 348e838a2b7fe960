"""What a patient changes by the link: details, names, times, the clinic; and what stays typed."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from clinicdir import clock
from clinicdir.appointments.changes import change_answers
from clinicdir.appointments.filing import stored_answers
from clinicdir.appointments.models import AppointmentRequest, RequestEvent
from clinicdir.appointments.rules import Status
from clinicdir.appointments.submission import Context
from clinicdir.audit.rules import PATIENT
from clinicdir.db import db, transaction
from clinicdir.locations.models import LocationStatus
from clinicdir.locations.queries import get_location
from tests.asking import EXPIRED, forget_cookies
from tests.conftest import Clock
from tests.make import TODAY
from tests.own import checked, hold_out, in_days, make_own
from tests.pages import field_errors, form, heading, links, main_text, press, summary, title
from tests.tables import all_rows, rows

STALE = (
    "Your answers have changed since you opened this page. See what stands now and what you typed,"
    " then press the button to put yours in its place."
)
LATE = (
    "Your request has moved on since you opened this page, and its answers stay as they are."
    " Call the clinic to tell it what you typed."
)
MOVABLE = (
    Status.RECEIVED, Status.IN_REVIEW, Status.AWAITING_PATIENT, Status.OFFERED, Status.WAITLISTED,
    Status.QUARANTINED,
)  # fmt: skip
TYPED: dict[str, dict[str, Any]] = {
    "contact": {"phone": "(425) 555-0199", "email": "kim@example.com", "contact_by": "email"},
    "who": {"patient_name": "José Example"},
    "times": {"window1": "monday morning", "note": "Line one\r\nLine two", "interpreter": "y"},
    "clinic": {"location": "covington"},
}


def change(client: FlaskClient, own: str, step: str, **typed: str | None) -> TestResponse:
    page = client.get(f"{own}/change/{step}")
    return press(client, page, f"{own}/change/{step}", **(typed or TYPED[step]))


def answers(app: Flask) -> dict[str, Any]:
    with app.app_context():
        return stored_answers(db.session.query(AppointmentRequest).one())


def last_event(app: Flask) -> tuple[str, str, dict[str, Any]]:
    with app.app_context():
        event = db.session.query(RequestEvent).order_by(RequestEvent.id.desc()).first()
        assert event is not None
        return event.action.value, event.actor_kind.value, event.unseal()


def change_elsewhere(app: Flask, **given: str) -> None:
    """Change answers as another tab, or staff for a caller, does."""
    with app.app_context(), transaction():
        found = db.session.query(AppointmentRequest).one()
        context = Context(TODAY, app.extensions["clinicdir"].intake)
        change_answers(
            found, given, context, seen_answers=found.answers_version, actor=PATIENT,
            now=clock.now(),
        )  # fmt: skip


@pytest.mark.parametrize(
    ("step", "stored"),
    [
        ("contact", {"phone": "(425) 555-0199", "email": "kim@example.com", "contact_by": "email"}),
        ("who", {"patient_name": "José Example"}),
        (
            "times",
            {
                "windows": [{"weekday": "monday", "part": "morning"}],
                "note": "Line one\nLine two",
                "interpreter": True,
            },
        ),
        ("clinic", {"location": "covington"}),
    ],
)
def test_change_is_stored_told_in_history_and_shown(
    app: Flask, frozen: Clock, step: str, stored: dict[str, Any]
) -> None:
    own = make_own(app)
    client, before = checked(app, own), answers(app)
    answer = change(client, own, step)
    assert (answer.status_code, answer.headers["Location"]) == (303, own)
    assert answers(app) == before | stored
    action, actor, words = last_event(app)
    assert actor == "patient"
    if step == "clinic":
        assert action == "transfer"
    else:
        assert (action, sorted(words["details"])) == ("change", sorted(stored))
    page = main_text(client.get(own))
    shown = {
        "contact": "Phone(425) 555-0199", "who": "PatientJosé Example",
        "times": "Monday, morning", "clinic": "Clinic: Covington",
    }  # fmt: skip
    assert shown[step] in page


def test_check_stays_passed_after_the_phone_has_changed(app: Flask, frozen: Clock) -> None:
    own = make_own(app)
    client = checked(app, own)
    change(client, own, "contact")
    assert "(425) 555-0199" in main_text(client.get(own))
    checked(app, own, "0199")


def test_page_opens_with_what_was_answered(app: Flask) -> None:
    own = make_own(
        app, for_whom="someone_else", asker_name="Kim O'Example", relation="Parent",
        windows=[{"weekday": "any", "part": "midday"}], note="Hello", language="es",
        voicemail_ok=True,
    )  # fmt: skip
    client = checked(app, own)
    seen = {}
    for step in TYPED:
        seen[step] = form(client.get(f"{own}/change/{step}"), f"{own}/change/{step}")
        del seen[step]["csrf_token"]
    assert seen == {
        "contact": {
            "answers_version": ["1"], "phone": ["206 555 0123"], "email": [""],
            "contact_by": ["phone"], "best_time": [""], "voicemail_ok": ["y"],
        },
        "who": {
            "answers_version": ["1"], "patient_name": ["Robin Example"],
            "asker_name": ["Kim O'Example"], "relation": ["Parent"],
        },
        "times": {
            "answers_version": ["1"], "window1": ["any midday"], "window2": [""], "window3": [""],
            "language": ["es"], "access_needs": [""], "note": ["Hello"],
        },
        "clinic": {"seen": ["renton"], "location": ["renton"]},
    }  # fmt: skip


def test_change_of_nothing_writes_nothing(app: Flask, frozen: Clock) -> None:
    own = make_own(app)
    client = checked(app, own)
    before = all_rows(app)
    for step in ("who", "contact", "times", "clinic"):
        page = client.get(f"{own}/change/{step}")
        assert press(client, page, f"{own}/change/{step}").status_code == 303
    assert all_rows(app) == before


@pytest.mark.parametrize(
    ("step", "typed", "errors"),
    [
        ("contact", {"phone": "12", "email": "a b"}, [
            ("phone", "Enter a phone number, like 206 555 0123"),
            ("email", "Enter an email address, like name@example.com"),
        ]),
        ("contact", {"phone": "", "email": ""}, [
            ("phone", "Enter a phone number or an email address"),
        ]),
        ("who", {"patient_name": "\u200b"}, [("patient_name", "Enter the patient's full name")]),
        ("times", {"note": "x" * 501}, [("note", "Note must be 500 characters or less")]),
        ("times", {"window1": "someday soon"}, [("window1", "Choose up to 3 times")]),
    ],
)  # fmt: skip
def test_refused_change_says_why_keeps_what_was_typed_and_stores_nothing(
    app: Flask, step: str, typed: dict[str, str], errors: list[tuple[str, str]]
) -> None:
    own = make_own(app)
    client = checked(app, own)
    before = all_rows(app)
    answer = change(client, own, step, **typed)
    assert answer.status_code == 422
    assert title(answer).startswith("Error: Change ")
    assert summary(answer) == [(f"#{name}", words) for name, words in errors]
    assert field_errors(answer) == [words for _, words in errors]
    again = form(answer, f"{own}/change/{step}")
    kept = {name: value for name, value in typed.items() if name != "window1"}
    assert {name: again[name][0].lstrip("\n") for name in kept} == kept
    assert all_rows(app) == before


def test_answers_that_stay_cannot_be_slipped_in(app: Flask) -> None:
    own = make_own(app)
    client, before = checked(app, own), answers(app)
    for step in ("who", "contact", "times"):
        page = client.get(f"{own}/change/{step}")
        data = {name: values[0] for name, values in form(page, f"{own}/change/{step}").items()}
        slipped = {
            "goal": "ski", "for_whom": "someone_else", "consent_version": "x",
            "location": "issaquah", "status": "booked",
            "returning": "yes", "referral": "yes", "birth_date": "1980-05-31",
        }  # fmt: skip
        assert client.post(f"{own}/change/{step}", data=data | slipped).status_code == 303
    assert answers(app) == before


@pytest.mark.parametrize("step", TYPED)
def test_expired_form_keeps_everything_and_needs_one_press(app: Flask, step: str) -> None:
    own = make_own(app)
    client = checked(app, own)
    page, before = client.get(f"{own}/change/{step}"), all_rows(app)
    forget_cookies(client)
    late = press(client, page, f"{own}/change/{step}", **TYPED[step])
    assert late.status_code == 400
    assert EXPIRED in main_text(late)
    assert all_rows(app) == before
    # The cookie told of the check, too; nothing that is stored is shown without it.
    assert "0123" not in late.get_data(as_text=True)
    saved = press(client, late, f"{own}/change/{step}", proof="0123")
    assert (saved.status_code, saved.headers["Location"]) == (303, own)
    assert len(rows(app, "request_event", "id")) == 2


def test_form_with_a_bad_token_and_a_check_in_force_needs_one_press_alone(app: Flask) -> None:
    own = make_own(app)
    client = checked(app, own)
    page = client.get(f"{own}/change/who")
    path = f"{own}/change/who"
    late = press(client, page, path, csrf_token="nine hours old", patient_name="New Example")
    assert late.status_code == 400
    assert press(client, late, path).status_code == 303
    assert answers(app)["patient_name"] == "New Example"


@pytest.mark.parametrize("step", TYPED)
def test_check_that_ran_out_is_asked_for_in_the_form(app: Flask, frozen: Clock, step: str) -> None:
    own = make_own(app)
    client = checked(app, own)
    page = client.get(f"{own}/change/{step}")
    frozen.move(minutes=31)
    before = all_rows(app)
    asked = press(client, page, f"{own}/change/{step}", **TYPED[step])
    assert asked.status_code == 422
    assert field_errors(asked) == ["Enter the last four digits of your phone number"]
    assert all_rows(app) == before
    assert press(client, asked, f"{own}/change/{step}", proof="0123").status_code == 303
    assert len(rows(app, "request_event", "id")) == 2


def test_stale_page_shows_what_stands_and_what_was_typed(app: Flask, frozen: Clock) -> None:
    own = make_own(app)
    client = checked(app, own)
    page = client.get(f"{own}/change/who")
    change_elsewhere(app, patient_name="Other Example")
    answer = press(client, page, f"{own}/change/who", patient_name="Mine Example")
    assert (answer.status_code, heading(answer)) == (409, "Change the names")
    assert main_text(answer).startswith(
        f"{STALE} Change the names What stands now PatientOther Example"
        " What you typed PatientMine Example"
    )
    assert answers(app)["patient_name"] == "Other Example"
    assert press(client, answer, f"{own}/change/who").status_code == 303
    assert answers(app)["patient_name"] == "Mine Example"


@pytest.mark.parametrize("version", ["", "0", "2", "x", "9" * 400, "١"])
def test_made_up_version_counts_as_stale(app: Flask, version: str) -> None:
    own = make_own(app)
    client = checked(app, own)
    page = client.get(f"{own}/change/who")
    answer = press(client, page, f"{own}/change/who", answers_version=version, patient_name="X")
    assert answer.status_code == 409
    assert answers(app)["patient_name"] == "Robin Example"


@pytest.mark.parametrize("step", TYPED)
def test_change_that_comes_too_late_is_told_so_with_what_was_typed(
    app: Flask, frozen: Clock, step: str
) -> None:
    own = make_own(app)
    client = checked(app, own)
    page = client.get(f"{own}/change/{step}")
    with app.app_context(), transaction():
        found = db.session.query(AppointmentRequest).one()
        found.status, found.booked_at = Status.BOOKED, in_days(7)
    before = all_rows(app)
    answer = press(client, page, f"{own}/change/{step}", **TYPED[step])
    assert answer.status_code == 409
    assert LATE in main_text(answer)
    said = {
        "contact": "Phone(425) 555-0199 Emailkim@example.com", "who": "PatientJosé Example",
        "times": "Line one Line two", "clinic": "ClinicCovington",
    }  # fmt: skip
    assert said[step] in main_text(answer).partition("What you typed")[2]
    assert "Save the change" not in main_text(answer)
    assert all_rows(app) == before


def test_made_up_times_on_a_late_page_are_no_fault(app: Flask) -> None:
    own = make_own(app)
    client = checked(app, own)
    page = client.get(f"{own}/change/times")
    change_elsewhere(app, note="Other")
    answer = press(client, page, f"{own}/change/times", window1="someday soon")
    assert answer.status_code == 409


def test_request_that_went_elsewhere_meanwhile_is_not_passed_on_unseen(
    app: Flask, frozen: Clock
) -> None:
    own = make_own(app)
    client = checked(app, own)
    page = client.get(f"{own}/change/clinic")
    assert change(client, own, "clinic", location="bellevue").status_code == 303
    answer = press(client, page, f"{own}/change/clinic", location="issaquah")
    assert answer.status_code == 409
    assert f"{STALE} Ask another clinic instead" in main_text(answer)
    assert "What stands now ClinicBellevue What you typed ClinicIssaquah" in main_text(answer)
    assert press(client, answer, f"{own}/change/clinic").status_code == 303
    assert answers(app)["location"] == "issaquah"


@pytest.mark.parametrize("slug", ["", "nowhere", "../../etc/passwd", "RENTON", "x" * 9000])
def test_clinic_that_is_not_there_is_refused(app: Flask, slug: str) -> None:
    own = make_own(app)
    client = checked(app, own)
    answer = change(client, own, "clinic", location=slug)
    assert (answer.status_code, field_errors(answer)) == (422, ["Select a clinic"])
    assert answers(app)["location"] == "renton"


def test_closed_clinic_is_not_offered_and_refused(app: Flask) -> None:
    own = make_own(app)
    client = checked(app, own)
    with app.app_context(), transaction():
        get_location("covington").status = LocationStatus.CLOSED
    page = client.get(f"{own}/change/clinic")
    assert "Covington" not in main_text(page)
    answer = press(client, page, f"{own}/change/clinic", location="covington")
    assert field_errors(answer) == ["Select a clinic that is open"]


def test_moved_request_keeps_promise_and_reference_and_lets_offers_go(
    app: Flask, frozen: Clock
) -> None:
    own = make_own(app, Status.OFFERED, promise_at=in_days(1))
    hold_out(app, in_days(3))
    before = rows(app, "appointment_request", "reference", "promise_at", "created_at")
    client = checked(app, own)
    change(client, own, "clinic")
    assert rows(app, "appointment_request", "reference", "promise_at", "created_at") == before
    assert rows(app, "appointment_request", "status") == ["received"]
    assert rows(app, "offer", "state") == ["lapsed"]
    assert heading(client.get(own)) == "We have your request"


@pytest.mark.parametrize("status", Status)
def test_only_what_is_not_booked_yet_can_be_changed(
    app: Flask, frozen: Clock, status: Status
) -> None:
    own = make_own(app, status, booked_at=in_days(7))
    client = checked(app, own)
    found = links(client.get(own))
    offered = [words for words in found if words.startswith(("Change:", "Ask another"))]
    opens = [
        client.get(f"{own}/change/{step}").status_code
        for step in ("who", "contact", "times", "clinic")
    ]
    if status in MOVABLE:
        assert offered == [
            "Ask another clinic instead", "Change: Who it is for", "Change: How to reach you",
            "Change: Times and wishes",
        ]  # fmt: skip
        assert opens == [200] * 4
    else:
        assert offered == []
        assert opens == [303] * 4


def test_quarantined_sender_changes_as_any_other_and_stays_quarantined(
    app: Flask, frozen: Clock
) -> None:
    own = make_own(app, Status.QUARANTINED)
    client = checked(app, own)
    for step in TYPED:
        assert change(client, own, step).status_code == 303
    assert rows(app, "appointment_request", "status") == ["quarantined"]
    assert rows(app, "outbox_message", "kind") == ["request_waits"]  # of its arrival alone
    assert answers(app)["location"] == "covington"
