"""Walks through the pages of a request as a patient does, and reads what they show."""

from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.make import CONSENT
from tests.pages import (
    Typed,
    form,
    main_text,
    press,
)

START, WHO, CONTACT, TIMES = "/request", "/request/who", "/request/contact", "/request/times"


CHECK, CLEAR = "/request/check", "/request/clear"


STEPS = (START, WHO, CONTACT, TIMES)


ANSWERS: dict[str, dict[str, Typed]] = {
    START: {
        "location": "renton",
        "goal": "other",
        "goal_text": "Dance “all night” <b>",
        "body_area": "knee",
        "target_month": "2027-05",
        "stopped": ["running", "skiing"],
        "tried": "Rest",
    },
    WHO: {
        "for_whom": "someone_else",
        "patient_name": "José Example",
        "asker_name": "Kim O'Example",
        "relation": "Parent",
    },
    CONTACT: {
        "phone": "(206) 555-0123 x45",
        "email": "kim@example.com",
        "contact_by": "phone",
        "best_time": "late_day",
        "voicemail_ok": "y",
    },
    TIMES: {
        "window1": "monday morning",
        "window2": "any midday",
        "window3": "",
        "short_notice": "y",
        "returning": "no",
        "referral": "not_sure",
        "language": "es",
        "interpreter": "y",
        "access_needs": "No steps",
        "note": "Line one\r\nLine two",
    },
}


BODY = {
    "location": "renton",
    "goal": "other",
    "goal_text": "Dance “all night” <b>",
    "body_area": "knee",
    "target_month": "2027-05",
    "stopped": ["running", "skiing"],
    "tried": "Rest",
    "for_whom": "someone_else",
    "patient_name": "José Example",
    "asker_name": "Kim O'Example",
    "relation": "Parent",
    "phone": "(206) 555-0123 x45",
    "email": "kim@example.com",
    "contact_by": "phone",
    "best_time": "late_day",
    "voicemail_ok": True,
    "windows": [{"weekday": "monday", "part": "morning"}, {"weekday": "any", "part": "midday"}],
    "short_notice": True,
    "returning": "no",
    "referral": "not_sure",
    "language": "es",
    "interpreter": True,
    "access_needs": "No steps",
    "note": "Line one\nLine two",
    "consent_version": CONSENT,
}


EXPIRED = (
    "This page was open for a long time, or your browser did not keep our cookie."
    " All your answers are still here. Press the button once more."
)


def follow(client: FlaskClient, answer: TestResponse) -> TestResponse:
    """Go where a sent form leads, which must be by 303."""
    assert answer.status_code == 303, main_text(answer)
    return client.get(answer.headers["Location"])


def path_of(answer: TestResponse) -> str:
    """Return where an answer leads, without the part that tells one draft from another."""
    return answer.headers["Location"].partition("?")[0]


def walk(
    client: FlaskClient,
    until: str = CHECK,
    *,
    first: TestResponse | None = None,
    aside: str = "",
    **changes: Typed,
) -> TestResponse:
    """Answer page after page; return the page `until` as it opens.

    `first` is a first page opened before, `aside` what stands in the field that people leave empty.
    """
    page = first or client.get(START)
    for step in STEPS:
        if step == until:
            return page
        typed = {name: changes.get(name, value) for name, value in ANSWERS[step].items()}
        if step == START:
            typed["aside"] = aside
        page = follow(client, press(client, page, step, **typed))
    return page


def shown(page: TestResponse, step: str, names: Any) -> dict[str, Typed]:  # noqa: ANN401
    """Return what a page's form holds of these fields, lists only where there are several."""
    values = form(page, step)
    return {name: _plain(values.get(name)) for name in names}


def _plain(values: list[str] | None) -> Typed:
    return values[0] if values is not None and len(values) == 1 else values


def forget_cookies(client: FlaskClient) -> None:
    client.delete_cookie("clinicdir", domain="127.0.0.1")
    client.delete_cookie("clinicdir")


def token_in(html: str) -> str:
    return html.rpartition("/")[2]
