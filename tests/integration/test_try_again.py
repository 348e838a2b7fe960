"""After a try to reach the patient: when to try again, until when a row is out of the lists."""

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from clinicdir.appointments.rules import Action, Status
from clinicdir.appointments.tidying import release_lapsed
from clinicdir.audit.rules import PATIENT
from tests.client import page_text
from tests.conftest import Clock
from tests.integration.test_desk_moves import make_in, send, signed_in, text_at
from tests.lives import do
from tests.tables import rows

NOON = datetime(2026, 11, 24, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("typed", "at", "words"),
    [
        ({"again": "1h"}, NOON + timedelta(hours=1), "Tue, Nov 24, 1:00 pm"),
        ({"again": "3h"}, NOON + timedelta(hours=3), "Tue, Nov 24, 3:00 pm"),
        ({"again": "morning"}, datetime(2026, 11, 25, 17, tzinfo=UTC), "Wed, Nov 25, 9:00 am"),
        (
            {"again": "1h", "again_day": "2026-11-27", "again_time": "10:30"},
            datetime(2026, 11, 27, 18, 30, tzinfo=UTC), "Fri, Nov 27, 10:30 am",
        ),
    ],
)  # fmt: skip
def test_time_to_try_again_is_kept_and_shown(
    app: Flask, frozen: Clock, typed: dict[str, str], at: datetime, words: str
) -> None:
    desk, reference = signed_in(app), make_in(app, Status.RECEIVED)
    answer = send(app, desk, reference, "log_contact", outcome="voicemail", **typed)
    assert answer.status_code == 303
    assert rows(app, "appointment_request", "try_again_at", "status") == [(at, "received")]
    assert f"Try again {words}. Until then it is not in the lists." in text_at(desk, reference)
    send(app, desk, reference, "note", note="Her sister has the phone")
    assert rows(app, "appointment_request", "try_again_at") == [at]
    send(app, desk, reference, "log_contact", outcome="reached")
    assert rows(app, "appointment_request", "try_again_at") == [None]
    assert "Until then" not in text_at(desk, reference)


@pytest.mark.parametrize(
    ("day", "time", "says"),
    [
        ("2026-11-24", "11:59", "The time to try again must be in the future, within 30 days"),
        ("2026-12-24", "12:01", "The time to try again must be in the future, within 30 days"),
        ("2026-11-27", "", "Enter the day and the time, like 2026-11-24 and 14:30"),
    ],
)
def test_time_that_cannot_be_is_refused_and_kept(
    app: Flask, frozen: Clock, day: str, time: str, says: str
) -> None:
    desk, reference = signed_in(app), make_in(app, Status.RECEIVED)
    answer = send(
        app, desk, reference, "log_contact", outcome="no_answer", again_day=day, again_time=time
    )
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert page_text(page).startswith(f"Check your answers below {says}")
    assert f'<a href="#again_day">{says}</a>' in page
    assert f'name="again_day" value="{day}"' in page
    assert rows(app, "appointment_request", "try_again_at", "version") == [(None, 1)]


def test_later_moves_bring_the_row_back_but_a_hold_that_ran_out_does_not(
    app: Flask, frozen: Clock
) -> None:
    desk, reference = signed_in(app), make_in(app, Status.RECEIVED)
    later = [NOON + timedelta(hours=3)]
    send(app, desk, reference, "claim")
    send(app, desk, reference, "log_contact", outcome="voicemail", again="3h")
    frozen.move(minutes=16)
    with app.app_context():
        assert release_lapsed(now=frozen.now()) == 1
    assert rows(app, "appointment_request", "status", "try_again_at") == [("received", *later)]
    do(app, reference, Action.CHANGE, actor=PATIENT, now=frozen.now(), details=("phone",))
    assert rows(app, "appointment_request", "try_again_at") == [None]
