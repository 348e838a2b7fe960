"""What a manager says of a clinic: who may, what is refused, two at once, and what it changes."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from clinicdir.staff.rules import Role
from tests.asking import EXPIRED
from tests.conftest import Clock
from tests.make import make_staff, sign_in
from tests.pages import (
    Typed,
    field_errors,
    form,
    heading,
    links,
    main_text,
    press,
    summary,
    title,
)
from tests.tables import all_rows, rows, together

ALL, RENTON = "/staff/settings", "/staff/settings/renton"
MANAGER, OTHER = "manager@example.com", "other@example.com"
COLUMNS = ("hours", "closed_days", "answers_within_min", "status", "notice", "version")
BEFORE: tuple[Any, ...] = (None, [], None, "open", None, 1)
TYPED: dict[str, Typed] = {
    "hours": "Mo-Fr 08:00-17:00; Sa 09:00-12:00",
    "closed_on_holidays": "y",
    "closed_days": "12/24/2026\r\n2026-11-27, 2026-11-27",
    "answers_within": "8",
    "status": "limited",
    "notice": "  No new patients in\N{NO-BREAK SPACE}December ",
}
STORED = (
    "Mo-Fr 08:00-17:00; Sa 09:00-12:00; PH off",
    ["2026-11-27", "2026-12-24"],
    480,
    "limited",
    "No new patients in December",
    2,
)
DETAIL = (
    "hours: None > Mo-Fr 08:00-17:00; Sa 09:00-12:00; PH off;"
    " closed_days: [] > ['2026-11-27', '2026-12-24'];"
    " answers_within_min: None > 480; status: open > limited; notice"
)
FASTER = (
    "Somebody else was faster other@example.com changed these settings on Tue, Nov 24, 12:00 pm."
    " What is in force stands below, and what you typed is still in the form. Save it again if it"
    " is right."
)


@pytest.fixture(autouse=True)
def _frozen(frozen: Clock) -> None:
    """Let it be Tuesday noon in Renton."""


@pytest.fixture
def people(app: Flask) -> None:
    with app.app_context():
        make_staff(MANAGER, Role.MANAGER, ("renton", "bellevue"))
        make_staff(OTHER, Role.MANAGER, ("renton",))


@pytest.fixture
def manager(app: Flask, people: None) -> FlaskClient:
    return signed_in(app, MANAGER)


def signed_in(app: Flask, email: str) -> FlaskClient:
    client = app.test_client()
    sign_in(client, email)
    return client


def stored(app: Flask, slug: str = "renton") -> tuple[Any, ...]:
    found = {row[0]: row[1:] for row in rows(app, "location", "slug", *COLUMNS)}
    return tuple(found[slug])


def save(client: FlaskClient, **typed: Typed) -> TestResponse:
    return press(client, client.get(RENTON), RENTON, **(TYPED | typed))


def told(app: Flask) -> list[Any]:
    columns = ("actor_label", "action", "subject", "detail", "chain")
    return [row for row in rows(app, "audit_entry", *columns) if row[1] == "settings"]


def shown(page: TestResponse) -> dict[str, list[str]]:
    """Return what stands in the form, without its token and version."""
    values = form(page, RENTON)
    return {name: values[name] for name in values.keys() - {"csrf_token", "version"}}


def test_manager_sets_what_patients_read_at_the_next_request(
    app: Flask, client: FlaskClient, manager: FlaskClient
) -> None:
    answer = save(manager)
    assert (answer.status_code, answer.headers["Location"]) == (303, RENTON)
    assert stored(app) == STORED
    assert told(app) == [
        (
            MANAGER,
            "settings",
            "renton",
            DETAIL,
            "location/3",
        )
    ]
    page = main_text(client.get("/locations/renton"))
    assert page.startswith(
        "Renton Renton can do less than usual right now. You can still ask it."
        " No new patients in December Nearest that take r"
    )
    assert "Open now, closes 5:00 pm Mon–Fri 8:00 am – 5:00 pm Sat 9:00 am – 12:00 pm" in page
    assert "different on: Thu, Nov 26 closed Fri, Nov 27 closed" in page
    answered = client.get("/api/v1/locations/renton").get_json()
    assert (answered["hours"], answered["status"]) == (STORED[0], "limited")
    again = main_text(manager.get(RENTON))
    assert "For a request sent now: “Renton will contact you by Wed, Nov 25, 11:00 am.”" in again
    assert "The next ones are Thu, Nov 26; Fri, Dec 25; Fri, Jan 1." in again


def test_page_shows_what_is_in_force_and_saving_it_again_changes_nothing(
    app: Flask, manager: FlaskClient
) -> None:
    save(manager)
    page = manager.get(RENTON)
    assert shown(page) == {
        "hours": ["Mo-Fr 08:00-17:00; Sa 09:00-12:00"],
        "closed_on_holidays": ["y"],
        "closed_days": ["2026-11-27\n2026-12-24"],
        "answers_within": ["8"],
        "answers_within_h": [""],
        "status": ["limited"],
        "notice": ["No new patients in December"],
        "retention_days": [""],
    }
    before = all_rows(app, without=("staff_session",))
    assert press(manager, page, RENTON).status_code == 303
    assert all_rows(app, without=("staff_session",)) == before


def test_emptied_settings_are_unset(app: Flask, manager: FlaskClient) -> None:
    save(manager)
    answer = save(
        manager,
        hours=" ", closed_on_holidays=None, closed_days="", answers_within="", status="open",
        notice="",
    )  # fmt: skip
    assert answer.status_code == 303
    assert stored(app) == (*BEFORE[:-1], 3)
    text = main_text(manager.get(RENTON))
    assert "What patients read now Call to check opening hours." in text
    assert "For a request sent now: “Renton has not told us how soon it answers.”" in text


def test_tick_alone_makes_no_hours(app: Flask, manager: FlaskClient) -> None:
    assert save(manager, hours="", answers_within="").status_code == 303
    assert stored(app)[0] is None


@pytest.mark.parametrize(
    ("chosen", "written", "minutes"),
    [("2", "", 120), ("16", "99", 960), ("other", " 24 ", 1440), ("other", "200", 12_000)],
)
def test_answers_within_a_choice_or_a_free_number(
    app: Flask, manager: FlaskClient, chosen: str, written: str, minutes: int
) -> None:
    assert save(manager, answers_within=chosen, answers_within_h=written).status_code == 303
    assert stored(app)[2] == minutes
    values = shown(manager.get(RENTON))
    kept = [written.strip()] if chosen == "other" else [""]
    assert (values["answers_within"], values["answers_within_h"]) == ([chosen], kept)


WRITE = "Write opening hours like Mo-Fr 08:00-17:00; Sa 09:00-12:00."
NUMBER = "Enter a whole number of opening hours from 1 to 200"


@pytest.mark.parametrize(
    ("typed", "field", "sentence"),
    [
        ({"hours": "Mo-Fr 8-17"}, "hours", f"{WRITE} “8-17” cannot be read"),
        ({"hours": "Mo-Fr <b>"}, "hours", f"{WRITE} “<b>” cannot be read"),
        ({"hours": "9 to 5"}, "hours", f"{WRITE} “9 to 5” cannot be read"),
        ({"hours": "Mo 08:00-sunset"}, "hours", f"{WRITE} “sunset” cannot be read"),
        ({"hours": "Mo," * 200}, "hours", "Opening hours must be 500 characters or less"),
        (
            {"hours": ""},
            "hours",
            "Enter opening hours: how soon you answer is counted over them",
        ),
        (
            {"closed_days": "2026-12-24\nChristmas"},
            "closed_days",
            "Write each closed day like 2026-12-24. “Christmas” is no day",
        ),
        (
            {"closed_days": "2026-02-30"},
            "closed_days",
            "Write each closed day like 2026-12-24. “2026-02-30” is no day",
        ),
        (
            {"closed_days": " ".join(f"2027-{n // 28 + 1:02}-{n % 28 + 1:02}" for n in range(101))},
            "closed_days",
            "Closed days must be 100 or fewer: take out the ones that are over",
        ),
        ({"answers_within": "other"}, "answers_within_h", NUMBER),
        ({"answers_within": "other", "answers_within_h": "0"}, "answers_within_h", NUMBER),
        ({"answers_within": "other", "answers_within_h": "201"}, "answers_within_h", NUMBER),
        ({"answers_within": "other", "answers_within_h": "1.5"}, "answers_within_h", NUMBER),
        ({"answers_within": "other", "answers_within_h": "٣"}, "answers_within_h", NUMBER),
        ({"answers_within": "soon"}, "answers_within_h", NUMBER),
        ({"status": "shut"}, "status", "Select whether this clinic takes requests"),
        ({"status": None}, "status", "Select whether this clinic takes requests"),
        ({"notice": "x" * 201}, "notice", "Notice must be 200 characters or less"),
        (
            {"notice": "a\N{RIGHT-TO-LEFT OVERRIDE}b"},
            "notice",
            "Notice has a character that no page can show: type it again",
        ),
    ],
)
def test_refused_settings_are_kept_with_what_to_write(
    app: Flask, manager: FlaskClient, typed: dict[str, Typed], field: str, sentence: str
) -> None:
    answer = save(manager, **typed)
    assert answer.status_code == 422
    assert title(answer) == "Error: Settings of Renton – HIDEF"
    assert summary(answer) == [(f"#{field}", sentence)]
    assert field_errors(answer) == [sentence]
    wanted = {name: value for name, value in (TYPED | typed).items() if value is not None}
    kept = shown(answer)
    for name, value in wanted.items():
        offered = name not in ("answers_within", "status") or value in ("8", "other", "limited")
        if offered:
            assert [text.replace("\r\n", "\n") for text in kept[name]] == [
                str(value).replace("\r\n", "\n")
            ], name
    assert stored(app) == BEFORE
    assert told(app) == []


def test_all_that_is_refused_is_named_at_once(manager: FlaskClient) -> None:
    answer = save(manager, hours="9 to 5", closed_days="x", status=None, notice="x" * 201)
    assert [where for where, _ in summary(answer)] == [
        "#hours", "#closed_days", "#status", "#notice",
    ]  # fmt: skip


def test_failed_form_token_keeps_everything(app: Flask, manager: FlaskClient) -> None:
    page = manager.get(RENTON)
    answer = press(manager, page, RENTON, **(TYPED | {"csrf_token": "old"}))
    assert answer.status_code == 400
    assert EXPIRED in main_text(answer)
    assert stored(app) == BEFORE
    assert press(manager, answer, RENTON).status_code == 303
    assert stored(app) == STORED


def test_stale_page_is_told_who_was_faster_and_keeps_what_was_typed(
    app: Flask, manager: FlaskClient
) -> None:
    page, other = manager.get(RENTON), signed_in(app, OTHER)
    save(other, hours="24/7", closed_on_holidays=None, answers_within="2", notice="Ring twice")
    after = stored(app)
    answer = press(manager, page, RENTON, **TYPED)
    assert answer.status_code == 409
    assert heading(answer) == "Settings of Renton"
    assert FASTER in main_text(answer)
    assert "Opening hours24/7" in main_text(answer)
    assert "Ring twice" in main_text(answer)
    assert shown(answer)["hours"] == [TYPED["hours"]]
    assert stored(app) == after
    assert press(manager, answer, RENTON).status_code == 303
    assert stored(app) == (*STORED[:-1], 3)


def test_of_two_managers_at_once_one_is_told(app: Flask, manager: FlaskClient) -> None:
    clients = [manager, signed_in(app, OTHER)]
    pages = [client.get(RENTON) for client in clients]
    notices = ["from the one", "from the other"]

    def press_together(number: int) -> TestResponse:
        typed = TYPED | {"notice": notices[number]}
        return press(clients[number], pages[number], RENTON, **typed)

    answers = together(2, press_together)
    assert sorted(answer.status_code for answer in answers) == [303, 409]
    (won,) = [number for number in range(2) if answers[number].status_code == 303]
    lost = answers[1 - won]
    assert stored(app)[-2:] == (notices[won], 2)
    assert shown(lost)["notice"] == [notices[1 - won]]
    assert len(told(app)) == 1


@pytest.mark.parametrize("version", ["", "0", "-1", "1.0", "9" * 30, "x"])
def test_made_up_version_is_stale(app: Flask, manager: FlaskClient, version: str) -> None:
    assert save(manager, version=version).status_code == 409
    assert stored(app) == BEFORE


# Who.


@pytest.mark.parametrize("role", [Role.DESK, Role.VIEWER])
def test_desk_and_viewer_have_no_settings(app: Flask, role: Role) -> None:
    with app.app_context():
        make_staff("desk@example.com", role)
    client = signed_in(app, "desk@example.com")
    assert "Settings" not in links(client.get("/staff/"))
    assert client.get(ALL).status_code == 403
    assert client.get(RENTON).status_code == 403
    token = {"csrf_token": "any"}
    assert client.post(RENTON, data=token | {"hours": "24/7"}).status_code == 403
    assert stored(app) == BEFORE


def test_manager_sees_only_own_clinics(app: Flask, manager: FlaskClient) -> None:
    assert links(manager.get("/staff/"))["Settings"] == ALL
    page = manager.get(ALL)
    assert [words for words in links(page) if words.startswith("Change")] == [
        "Change the settings of Bellevue", "Change the settings of Renton",
    ]  # fmt: skip
    foreign = "/staff/settings/covington"
    unknown = manager.get("/staff/settings/nowhere")
    assert manager.get(foreign).status_code == 404
    assert manager.get(foreign).data == unknown.data
    page = manager.get(RENTON)
    data = form(page, RENTON) | TYPED
    assert manager.post(foreign, data=data).status_code == 404
    assert stored(app, "covington") == BEFORE


def test_admin_changes_every_clinic(app: Flask) -> None:
    with app.app_context():
        make_staff("admin@example.com", Role.ADMIN, ())
    client = signed_in(app, "admin@example.com")
    page = client.get("/staff/settings/covington")
    answer = press(client, page, "/staff/settings/covington", **TYPED)
    assert answer.status_code == 303
    assert (stored(app, "covington"), stored(app)) == (STORED, BEFORE)
    assert len([words for words in links(client.get(ALL)) if words.startswith("Change")]) == 6


def test_list_says_what_is_in_force(manager: FlaskClient) -> None:
    save(manager)
    text = main_text(manager.get(ALL))
    assert "Answers within8 opening hours" in text
    assert "RequestsIt takes requests, with limits that the notice tells" in text
    assert text.startswith("Settings Bellevue Opening hours–")


def test_hours_that_no_longer_open_are_said_to_promise_nothing(manager: FlaskClient) -> None:
    save(manager, hours="off", closed_on_holidays=None)
    text = main_text(manager.get(RENTON))
    assert "These hours do not open within 60 days, so no promise is made." in text
