import ast
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from clinicdir.appointments import answers, operations, submission
from clinicdir.appointments.codes import ContactBy, ForWhom, PartOfDay, Weekday, YesNoUnsure
from clinicdir.appointments.intake import read_intake
from clinicdir.appointments.submission import (
    FIELDS,
    Context,
    Submission,
    check_submission,
    find_errors,
)
from clinicdir.errors import Invalid
from clinicdir.resources import resource_dir
from tests.make import CONSENT, TODAY, make_answers

INTAKE = read_intake(resource_dir("seeds"), resource_dir("seeds"))
CONTEXT = Context(today=TODAY, intake=INTAKE)
UNSHOWABLE = "Type this again: it contains characters that cannot be shown"
PHONE = "Enter a phone number, like 206 555 0123"
EMAIL = "Enter an email address, like name@example.com"
READ_AGAIN = "Read the privacy notice again: it changed while you were filling in this form"


def check(**changes: Any) -> Submission:  # noqa: ANN401 - JSON values
    return check_submission(make_answers(**changes), CONTEXT)


def errors(**changes: Any) -> list[tuple[str, str]]:  # noqa: ANN401 - JSON values
    """Return field and sentence of each error that these answers have."""
    found = find_errors(make_answers(**changes), CONTEXT)
    return [(error.field, error.message % error.values) for error in found]


def test_least_answers_are_enough_and_the_rest_is_absent() -> None:
    assert check() == Submission(
        location=("renton",),
        goal="run",
        goal_text=None,
        body_area=None,
        target_month=None,
        stopped=(),
        tried=None,
        for_whom=ForWhom.ME,
        asker_name=None,
        relation=None,
        patient_name="Robin Example",
        birth_date=None,
        phone="206 555 0123",
        phone_e164="+12065550123",
        email=None,
        contact_by=ContactBy.PHONE,
        best_time=None,
        voicemail_ok=False,
        windows=(),
        returning=None,
        referral=None,
        language=None,
        interpreter=False,
        access_needs=None,
        note=None,
        short_notice=False,
        consent_version=CONSENT,
    )


def test_every_answer_is_taken() -> None:
    full = {
        "location": ["renton", "covington", "issaquah"],
        "goal": "other",
        "goal_text": " Dance ",
        "body_area": "knee",
        "target_month": "2027-05",
        "stopped": ["skiing", "running"],
        "tried": "Rest",
        "for_whom": "someone_else",
        "asker_name": "Kim Example",
        "relation": "Parent",
        "patient_name": "Robin Example",
        "phone": "(206) 555-0123 x45",
        "email": "Robin@Example.COM",
        "contact_by": "email",
        "best_time": "late_day",
        "voicemail_ok": True,
        "windows": [{"weekday": "monday", "part": "morning"}, {"weekday": "any", "part": "midday"}],
        "returning": "no",
        "referral": "not_sure",
        "language": "zh-Hant",
        "interpreter": True,
        "access_needs": "No steps",
        "note": "Line one\r\nLine two",
        "short_notice": True,
        "consent_version": CONSENT,
    }
    assert set(full) == set(FIELDS) - {"birth_date"}
    assert check_submission(full, CONTEXT) == Submission(
        location=("renton", "covington", "issaquah"),
        goal="other",
        goal_text="Dance",
        body_area="knee",
        target_month=date(2027, 5, 1),
        stopped=("running", "skiing"),
        tried="Rest",
        for_whom=ForWhom.SOMEONE_ELSE,
        asker_name="Kim Example",
        relation="Parent",
        patient_name="Robin Example",
        birth_date=None,
        phone="(206) 555-0123 x45",
        phone_e164="+12065550123;ext=45",
        email="Robin@example.com",
        contact_by=ContactBy.EMAIL,
        best_time=PartOfDay.LATE_DAY,
        voicemail_ok=True,
        windows=((Weekday.MONDAY, PartOfDay.MORNING), (Weekday.ANY, PartOfDay.MIDDAY)),
        returning=YesNoUnsure.NO,
        referral=YesNoUnsure.NOT_SURE,
        language="zh-Hant",
        interpreter=True,
        access_needs="No steps",
        note="Line one\nLine two",
        short_notice=True,
        consent_version=CONSENT,
    )


def test_nothing_at_all_is_refused_field_by_field_in_the_order_of_the_questions() -> None:
    found = [(error.field, error.message) for error in find_errors({}, CONTEXT)]
    assert found == [
        ("location", "Select a clinic"),
        ("goal", "Select what you want to get back to"),
        ("for_whom", "Select who the appointment is for"),
        ("patient_name", "Enter the patient's full name"),
        ("phone", "Enter a phone number or an email address"),
        ("contact_by", "Select how we should contact you"),
        ("consent_version", READ_AGAIN),
    ]


RULES: list[tuple[dict[str, Any], list[tuple[str, str]]]] = [
    ({"location": []}, [("location", "Select a clinic")]),
    ({"location": ""}, [("location", "Select a clinic")]),
    ({"location": ["a", "b", "c", "d"]}, [("location", "Select up to 3 clinics")]),
    ({"location": ["a", 7]}, [("location", "This must be sent as a list of texts")]),
    ({"location": {"slug": "renton"}}, [("location", "This must be sent as a list of texts")]),
    ({"location": "renton\0"}, [("location", UNSHOWABLE)]),
    ({"location": [chr(0xD800)]}, [("location", UNSHOWABLE)]),
    ({"patient_name": chr(0xDFFF)}, [("patient_name", UNSHOWABLE)]),
    ({"goal": None}, [("goal", "Select what you want to get back to")]),
    ({"goal": "fly"}, [("goal", "Select what you want to get back to")]),
    ({"goal": ["run"]}, [("goal", "Select what you want to get back to")]),
    ({"goal": "other"}, [("goal_text", "Enter what you want to get back to")]),
    (
        {"goal": "other", "goal_text": " \u200b "},
        [("goal_text", "Enter what you want to get back to")],
    ),
    ({"goal_text": "x" * 200}, []),
    ({"goal_text": "x" * 201}, [("goal_text", "Goal must be 200 characters or less")]),
    ({"body_area": "elbow"}, [("body_area", "Select one of the answers")]),
    ({"target_month": "2026-11"}, []),
    ({"target_month": "2029-11"}, []),
    (
        {"target_month": "2026-10"},
        [("target_month", "Target month must be this month or later")],
    ),
    (
        {"target_month": "2029-12"},
        [("target_month", "Target month must be within the next 3 years")],
    ),
    (
        {"target_month": "9999-12"},
        [("target_month", "Target month must be within the next 3 years")],
    ),
    *[
        (
            {"target_month": text},
            [("target_month", "Target month must be this month or later")],
        )
        for text in ("0000-00", "2027-13", "2027-5", "2027-05-01", "May", "２０２７-05", "x" * 99)
    ],
    ({"stopped": ["running", "flying"]}, [("stopped", "Select answers from the list")]),
    ({"stopped": "running"}, [("stopped", "This must be sent as a list of texts")]),
    ({"tried": "x" * 200}, []),
    ({"tried": "x" * 201}, [("tried", "What you have tried must be 200 characters or less")]),
    ({"for_whom": "you"}, [("for_whom", "Select who the appointment is for")]),
    (
        {"for_whom": "someone_else"},
        [
            ("asker_name", "Enter your own full name"),
            ("relation", "Enter how you know the patient, like parent"),
        ],
    ),
    (
        {"for_whom": "someone_else", "asker_name": "k" * 129, "relation": "r" * 129},
        [
            ("asker_name", "Your name must be 128 characters or less"),
            ("relation", "How you know the patient must be 128 characters or less"),
        ],
    ),
    ({"patient_name": "x" * 128}, []),
    ({"patient_name": "x" * 129}, [("patient_name", "Full name must be 128 characters or less")]),
    ({"phone": "555-0142"}, [("phone", PHONE)]),
    ({"phone": "206 123 4567"}, [("phone", PHONE)]),
    ({"phone": "911"}, [("phone", PHONE)]),
    ({"phone": "2" * 21}, [("phone", PHONE)]),
    ({"phone": "call me"}, [("phone", PHONE)]),
    ({"phone": 2065550123}, [("phone", "This must be sent as text")]),
    ({"email": "a@b"}, [("email", EMAIL)]),
    ({"phone": None}, [("phone", "Enter a phone number or an email address")]),
    ({"phone": " ", "email": "\u2060"}, [("phone", "Enter a phone number or an email address")]),
    ({"contact_by": None}, [("contact_by", "Select how we should contact you")]),
    ({"contact_by": "pigeon"}, [("contact_by", "Select how we should contact you")]),
    ({"contact_by": "email"}, [("contact_by", "Enter an email address, or select phone")]),
    (
        {"phone": None, "email": "a@example.com"},
        [("contact_by", "Enter a phone number, or select email")],
    ),
    # Two troubles, but one thing to put right.
    ({"phone": "911", "email": "a@example.com"}, [("phone", PHONE)]),
    ({"best_time": "night"}, [("best_time", "Select one of the answers")]),
    ({"voicemail_ok": "yes"}, [("voicemail_ok", "This must be sent as true or false")]),
    ({"voicemail_ok": 1}, [("voicemail_ok", "This must be sent as true or false")]),
    (
        {"windows": [{"weekday": "monday", "part": "any"}] * 4},
        [("windows", "Choose up to 3 times")],
    ),
    ({"windows": [{"weekday": "someday", "part": "any"}]}, [("windows", "Choose up to 3 times")]),
    *[
        ({"windows": sent}, [("windows", "This must be sent as a list of weekday and part")])
        for sent in (
            "monday",
            {"weekday": "monday", "part": "any"},
            [{"weekday": "monday"}],
            [{"weekday": "monday", "part": "any", "hour": "9"}],
            [{"weekday": "monday", "part": 1}],
            [["monday", "any"]],
        )
    ],
    ({"returning": "perhaps"}, [("returning", "Select one of the answers")]),
    ({"referral": True}, [("referral", "Select one of the answers")]),
    ({"language": "English!"}, [("language", "Select the language you want to speak")]),
    ({"language": "x" * 36}, [("language", "Select the language you want to speak")]),
    ({"interpreter": "no"}, [("interpreter", "This must be sent as true or false")]),
    (
        {"access_needs": "x" * 201},
        [("access_needs", "What you need for access must be 200 characters or less")],
    ),
    ({"note": "x" * 500}, []),
    ({"note": "x" * 501}, [("note", "Note must be 500 characters or less")]),
    ({"note": "x" * 10_000}, [("note", "Note must be 500 characters or less")]),
    ({"short_notice": 0}, [("short_notice", "This must be sent as true or false")]),
    ({"consent_version": "2020-01-01"}, [("consent_version", READ_AGAIN)]),
    ({"consent_version": "x" * 99}, [("consent_version", READ_AGAIN)]),
    ({"birth_date": "1980-05-31"}, [("birth_date", "There is no such field")]),
    ({"phone_e164": "+12065550123"}, [("phone_e164", "There is no such field")]),
    ({"is_admin": True}, [("is_admin", "There is no such field")]),
    ({"y" * 500: 1}, [("y" * 80, "There is no such field")]),
]


@pytest.mark.parametrize(("changes", "expected"), RULES)
def test_rule_speaks_its_sentence(changes: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert errors(**changes) == expected


@pytest.mark.parametrize(
    "name",
    [
        "Q",
        "O'Brien-Smith",
        "Nguyễn Thị Minh Khai",
        "محمد",
        "李小龍",
        "Jean-Luc d’Arc",
        "José \u00e9" + "\u0301" * 90,
        "Null",
        "None",
        '<script>alert("x")</script>',
        "{{7*7}} ${7*7} %s%n",
        '=HYPERLINK("http")',
        "Robert'); DROP TABLE request;--",
    ],
)
def test_name_may_be_anything_that_can_be_read(name: str) -> None:
    assert check(patient_name=f"  {name}\u00a0").patient_name == name


@pytest.mark.parametrize(
    "name",
    [
        "\u200b",
        "\u00a0 \u3000",
        "\u200e\u200f",
        "\ufeff\u2060",
        "\ufe0f",
        "\u3164",
        "\u115f\u1160",
        "\u202e",
        "\u0301",
        "\U000e0041",
        "\u2800",
        "",
        " ",
    ],
)
def test_name_of_which_nothing_is_seen_is_missing(name: str) -> None:
    assert errors(patient_name=name) == [("patient_name", "Enter the patient's full name")]


@pytest.mark.parametrize(
    "name",
    [
        "a\0b",
        "a\x1bb",
        "a\x7fb",
        "a\x85b",
        "a\u202eb",
        "a\u2066b",
        "a\ufffdb",
        "a\uffffb",
        "a\ufdd0b",
        "a\rb",
        "\0",
    ],
)
def test_name_that_cannot_be_shown_is_refused(name: str) -> None:
    assert errors(patient_name=name) == [("patient_name", UNSHOWABLE)]


@pytest.mark.parametrize(
    "name",
    [
        "Robin\r\nBcc: x@x.example",
        "Robin\tExample",
        "Robin\u2028Example",
        "Robin\u2029Example",
        "See https://x.example",
        "WWW.x.example",
    ],
)
def test_name_of_two_lines_or_with_a_link_is_refused(name: str) -> None:
    assert errors(patient_name=name) == [
        ("patient_name", "Enter a name on one line, without web links")
    ]


def test_length_counts_code_points_after_composing() -> None:
    assert check(patient_name="e\u0301" * 128).patient_name == "\u00e9" * 128
    assert errors(patient_name="e\u0301" * 129) == [
        ("patient_name", "Full name must be 128 characters or less")
    ]


def test_line_end_of_a_browser_counts_as_one() -> None:
    assert check(note="x" * 498 + "\r\n" + "x").note == "x" * 498 + "\n" + "x"
    assert errors(note="x" * 499 + "\r\n" + "x") == [
        ("note", "Note must be 500 characters or less")
    ]


@pytest.mark.parametrize(
    ("typed", "e164"),
    [
        ("2065550123", "+12065550123"),
        ("(206) 555.0123", "+12065550123"),
        ("1-206-555-0123", "+12065550123"),
        ("+1 (206) 555-0100 x12", "+12065550100;ext=12"),
        ("206-555-0123 ext ٣", "+12065550123;ext=3"),
        ("２０６５５５０１００", "+12065550100"),
        ("٢٠٦٥٥٥٠١٠٠", "+12065550100"),
        ("+44 20 7946 0018", "+442079460018"),
        ("+49 30 901820", "+4930901820"),
    ],
)
def test_phone_is_kept_as_typed_beside_its_form_for_dialling(typed: str, e164: str) -> None:
    taken = check(phone=typed)
    assert (taken.phone, taken.phone_e164) == (typed, e164)
    assert taken.phone_e164 is not None
    assert taken.phone_e164.isascii()


@pytest.mark.parametrize(
    ("typed", "taken"),
    [
        ("a@example.com", "a@example.com"),
        (" Robin.Example+pt@Clinic.Example.COM ", "Robin.Example+pt@clinic.example.com"),
        ("a@test.example", "a@test.example"),
        ("a@clinic.test", "a@clinic.test"),
        ("jörg@bücher.example", "jörg@bücher.example"),
        ("a@xn--bcher-kva.example", "a@bücher.example"),
        ("x" * 64 + "@example.com", "x" * 64 + "@example.com"),
    ],
)
def test_email_address_is_taken_in_its_normal_form(typed: str, taken: str) -> None:
    assert check(email=typed).email == taken


@pytest.mark.parametrize(
    "typed",
    [
        "a@b",
        "a@localhost",
        '"a b"@x',
        '"a b"@example.com',
        "a b@example.com",
        "a@x.example\nTo:y",
        "a@example.com, b@example.com",
        "Robin <a@example.com>",
        "javascript:alert(1)",
        "a@@example.com",
        "@example.com",
        "a@",
        "a..b@example.com",
        "a@example.com.",
        "a@1.2.3.4",
        "a@[127.0.0.1]",
        "a@" + "x" * 249 + ".com",
    ],
)
def test_email_address_that_cannot_be_written_to_is_refused(typed: str) -> None:
    assert errors(email=typed) == [("email", EMAIL)]


def test_email_alone_is_enough() -> None:
    taken = check(phone=None, email="a@example.com", contact_by="email")
    assert (taken.phone, taken.phone_e164, taken.email) == (None, None, "a@example.com")


def test_birth_date_is_taken_only_where_the_group_asks_for_it() -> None:
    asking = Context(today=TODAY, intake=INTAKE, ask_birth_date=True)
    sent = make_answers(birth_date="1980-05-31")
    assert check_submission(sent, asking).birth_date == date(1980, 5, 31)
    assert check_submission(make_answers(birth_date="2024-02-29"), asking).birth_date == date(
        2024, 2, 29
    )
    for wrong in (
        "0000-00-00", "2026-02-30", "9999-12-31", "2026-11-25", "1879-12-31",
        "2025-02-29", "2026-11-01T01:30", "31.5.1980",
    ):  # fmt: skip
        found = find_errors(make_answers(birth_date=wrong), asking)
        assert [(error.field, error.message) for error in found] == [
            ("birth_date", "Birth date must be a day in the past, like 1980-05-31")
        ]


def test_location_ticked_twice_counts_once() -> None:
    assert check(location=["renton", "", "renton", "covington"]).location == (
        "renton",
        "covington",
    )


def test_refusal_names_every_field_at_once() -> None:
    with pytest.raises(Invalid) as refused:
        check(patient_name="", note="x" * 501, phone="911")
    assert [error.field for error in refused.value.errors] == ["patient_name", "phone", "note"]


def test_sentences_say_what_to_do_and_never_scold() -> None:
    sentences = [
        str(node.args[0].value)
        for module in (answers, submission, operations)
        for node in ast.walk(ast.parse(Path(module.__file__ or "").read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "marked"
        and isinstance(node.args[0], ast.Constant)
    ]
    assert len(sentences) > 30
    banned = ("please", "sorry", "oops", "valid", "forbidden", "required")
    assert [text for text in sentences if any(word in text.casefold() for word in banned)] == []
