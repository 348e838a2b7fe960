"""How long a message waits, how a mail server's URL is read, and how a mail is written."""

from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import html5lib
import pytest
from jinja2 import TemplateNotFound, UndefinedError

from clinicdir.notifications.messages import MessageTexts
from clinicdir.notifications.rules import (
    ADDRESS_WAIT,
    Message,
    MessageKind,
    next_wait,
    without_address,
)
from clinicdir.notifications.smtp import SmtpAddress
from clinicdir.resources import resource_dir
from tests.architecture.test_translatable import Brackets, untranslated

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


PATIENTS_VALUES = VALUES | {"status": "booked", "left": "Covington"}
# The digest is a plain list of several requests: tests/integration/test_digest.py.
KINDS = [kind.value for kind in MessageKind if kind is not MessageKind.DIGEST]
TEMPLATES = [*KINDS, "tell_booked_anew", "tell_closing"]


def written(template: str, **changes: str) -> EmailMessage:
    """Return a mail in its frame, where it has one."""
    to_patient = template.startswith("tell_")
    frame = "to_patient" if to_patient else "to_clinic"
    values = (PATIENTS_VALUES if to_patient else VALUES) | changes
    message = Message("robin@patient.example", template, values, frame=frame)
    return TEXTS.email(message, sender="no-reply@group.example", message_key="a", now=NOW)


def test_every_kind_of_message_has_its_texts_as_plain_text_and_html() -> None:
    for template in TEMPLATES:
        mail = written(template)
        assert VALUES["reference"] in str(mail["Subject"])
        assert mail["Content-Language"] == "en"
        plain, html = (part.get_content() for part in mail.iter_parts())
        for text in (plain, html):
            assert VALUES["link"] in text
            assert VALUES["reference"] in text
        page = html5lib.HTMLParser(namespaceHTMLElements=False, strict=True).parse(html)
        loads = {found.tag for found in page.iter() if isinstance(found.tag, str)}
        assert loads <= {"html", "head", "meta", "title", "body", "p", "br", "a"}
        assert not [found for found in page.iter() if "style" in found.attrib]


def test_html_form_shows_a_name_as_it_is_and_runs_none_of_it() -> None:
    name = "<script>alert(1)</script> & Sons"
    for template in TEMPLATES:
        plain, html = (part.get_content() for part in written(template, clinic=name).iter_parts())
        assert name in plain
        assert "<script" not in html
        assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; Sons" in html


def test_mail_has_no_text_outside_the_catalogue() -> None:
    texts = MessageTexts(resource_dir("templates") / "messages", {"en": Brackets()})
    known = {*PATIENTS_VALUES.values(), "Covington"}
    for template in TEMPLATES:
        frame = "to_patient" if template.startswith("tell_") else "to_clinic"
        message = Message("a@b.example", template, PATIENTS_VALUES, frame=frame)
        mail = texts.email(message, sender="no-reply@group.example", message_key="a", now=NOW)
        for part in mail.iter_parts():
            assert untranslated(part.get_content(), known) == set(), template
        assert untranslated(str(mail["Subject"]), known) == set(), template


@pytest.mark.parametrize(
    "to",
    [
        "robin@patient.example, all@evil.example", "robin@patient.example\nBcc: all@evil.example",
        "Robin <all@evil.example>", "",
    ],
)  # fmt: skip
def test_mail_goes_to_one_address_or_nowhere(to: str) -> None:
    message = Message(to, "request_waits", VALUES, frame="to_clinic")
    with pytest.raises(ValueError, match=r"^The recipient is not one address\.$"):
        TEXTS.email(message, sender="no-reply@group.example", message_key="a", now=NOW)


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        ("550 5.1.1 <robin@patient.example>: unknown", "550 5.1.1 <…>: unknown"),
        ("550 no mailbox ROBIN here", "550 no mailbox … here"),
        ("450 robin.other@else.example is full", "450 … is full"),
        ("550 robinson is not meant", "550 robinson is not meant"),
        ("", ""),
    ],
)
def test_answer_of_a_server_is_kept_without_the_address(answer: str, kept: str) -> None:
    assert without_address(answer, "robin@patient.example") == kept


def test_unknown_text_is_an_error(tmp_path: Path) -> None:
    message = Message("desk@renton.example", "nothing", VALUES)
    with pytest.raises(TemplateNotFound):
        MessageTexts(tmp_path).email(message, sender="a@b.example", message_key="a", now=NOW)
