"""What is kept between mails never changes one: it leaves as the library alone would write it."""

import io
from datetime import UTC, datetime
from email.generator import BytesGenerator
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8, EmailPolicy, default
from typing import Any

import pytest

from clinicdir.notifications.mail_headers import OVER_THE_LINE, OVER_THE_LINE_UTF8, POLICY

NOW = datetime(2026, 11, 24, 20, 0, tzinfo=UTC)
SENDERS = ("clinics@group.example", "Zoë’s Clinics <clinics@group.example>", "ü@grüße.example")
BODIES = ("plain\n", "Straße\n", "字" * 500 + "\n")


def compose(policy: "EmailPolicy[Any]", sender: str, body: str, number: int) -> EmailMessage:
    mail = EmailMessage(policy=policy)
    mail["Subject"] = f"A request waits at {'Renton ' * number}"
    mail["From"] = sender
    mail["To"] = f"desk{number}@clinic.example"
    mail["Date"] = NOW
    mail["Message-ID"] = f"<{number}@group.example>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(body)
    mail.add_alternative(f"<p>{body}</p>", subtype="html")
    mail.set_boundary("=next=")
    mail["Content-Language"] = "en"
    return mail


def written(mail: EmailMessage, policy: "EmailPolicy[Any]") -> bytes:
    held = io.BytesIO()
    BytesGenerator(held, policy=policy).flatten(mail)
    return held.getvalue()


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        pytest.param(OVER_THE_LINE, SMTP, id="ascii"),
        pytest.param(OVER_THE_LINE_UTF8, SMTPUTF8, id="utf-8"),
    ],
)
def test_kept_lines_leave_as_the_library_writes_them(
    ours: "EmailPolicy[Any]", theirs: "EmailPolicy[Any]"
) -> None:
    for turn in range(1, 4):
        for sender in SENDERS:
            for body in BODIES:
                told = written(compose(POLICY, sender, body, turn), ours)
                assert told == written(compose(default, sender, body, turn), theirs)


def test_a_clone_with_shorter_lines_folds_anew() -> None:
    long = "Clinics of the group round the sound and the hills <clinics@group.example>"
    mail = compose(POLICY, long, "text\n", 1)
    told = [
        written(mail, policy)
        for policy in (OVER_THE_LINE, OVER_THE_LINE.clone(max_line_length=40), OVER_THE_LINE)
    ]
    assert told[0] == told[2] == written(compose(default, long, "text\n", 1), SMTP)
    assert told[1] != told[0]
