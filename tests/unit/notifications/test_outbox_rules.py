"""How long a message waits, how a mail server's URL is read, and how a mail is written."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from jinja2 import TemplateNotFound, UndefinedError

from clinicdir.notifications.messages import MessageTexts
from clinicdir.notifications.rules import ADDRESS_WAIT, Message, MessageKind, next_wait
from clinicdir.notifications.smtp import SmtpAddress
from clinicdir.resources import resource_dir

TEXTS = MessageTexts(resource_dir("templates") / "messages")
NOW = datetime(2026, 11, 24, 20, 0, tzinfo=UTC)
VALUES = {"clinic": "Renton", "reference": "C7K-4KQ2", "link": "https://clinics.example/x"}


def test_waits_double_from_twenty_seconds_to_ten_minutes() -> None:
    waits = [next_wait(attempts).total_seconds() for attempts in range(1, 9)]
    assert waits == [20, 40, 80, 160, 320, 600, 600, 600]
    assert next_wait(10_000).total_seconds() == 600


def test_waits_are_spread_over_a_fifth_more() -> None:
    assert next_wait(1, spread=1.0).total_seconds() == 24
    assert next_wait(10_000, spread=0.5).total_seconds() == 660


def test_lack_of_an_address_is_looked_at_every_five_minutes() -> None:
    assert ADDRESS_WAIT.total_seconds() == 300


@pytest.mark.parametrize(
    ("url", "read"),
    [
        (
            "smtp://mail.example",
            SmtpAddress("mail.example", 25, None, None, False, False),
        ),
        (
            "smtp://mail.example:587?starttls=required",
            SmtpAddress("mail.example", 587, None, None, False, True),
        ),
        (
            "smtp://clinics%40group.example:p%2Fw%3A@mail.example:587",
            SmtpAddress("mail.example", 587, "clinics@group.example", "p/w:", False, False),
        ),
        (
            "smtps://mail.example",
            SmtpAddress("mail.example", 465, None, None, True, False),
        ),
        (
            "smtp://[::1]:2525?starttls=no",
            SmtpAddress("::1", 2525, None, None, False, False),
        ),
    ],
)
def test_url_of_a_mail_server_is_read(url: str, read: SmtpAddress) -> None:
    assert SmtpAddress.parse(url) == read


@pytest.mark.parametrize("url", ["", "mail.example", "http://mail.example", "smtp://", "smtp:///x"])
def test_url_of_no_mail_server_is_refused_with_what_is_allowed(url: str) -> None:
    with pytest.raises(ValueError, match=r"must look like smtp://user:password@host:port"):
        SmtpAddress.parse(url)


def test_mail_has_the_same_id_at_every_try() -> None:
    message = Message("desk@renton.example", "request_waits", VALUES)
    mails = [
        TEXTS.email(
            message, sender="Clinics <no-reply@group.example>", message_key="a-b-c", now=NOW
        )
        for _ in range(2)
    ]
    assert {mail["Message-ID"] for mail in mails} == {"<a-b-c@group.example>"}
    assert mails[0].as_string() == mails[1].as_string()


def test_mail_refuses_a_line_break_in_its_head() -> None:
    message = Message(
        "desk@renton.example", "request_waits", VALUES | {"clinic": "Renton\nBcc: x@y.example"}
    )
    with pytest.raises(ValueError, match="linefeed"):
        TEXTS.email(message, sender="no-reply@group.example", message_key="a", now=NOW)


def test_value_that_a_text_lacks_is_an_error() -> None:
    message = Message("desk@renton.example", "request_waits", {"clinic": "Renton"})
    with pytest.raises(UndefinedError):
        TEXTS.email(message, sender="no-reply@group.example", message_key="a", now=NOW)


def test_every_kind_of_message_has_its_texts() -> None:
    for kind in MessageKind:
        message = Message("desk@renton.example", kind.value, VALUES)
        mail = TEXTS.email(message, sender="no-reply@group.example", message_key="a", now=NOW)
        assert VALUES["reference"] in str(mail["Subject"])
        assert VALUES["link"] in mail.get_content()


def test_unknown_text_is_an_error(tmp_path: Path) -> None:
    message = Message("desk@renton.example", "nothing", VALUES)
    with pytest.raises(TemplateNotFound):
        MessageTexts(tmp_path).email(message, sender="a@b.example", message_key="a", now=NOW)
