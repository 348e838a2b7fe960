"""What the doctor says about messages: mail server, worker, channels, what waits, what failed."""

import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid

import click

from clinicdir import clock
from clinicdir.cli.findings import Finding, Weight
from clinicdir.db import db
from clinicdir.notifications.channel_states import list_channel_states
from clinicdir.notifications.channels import Refused, Troubled
from clinicdir.notifications.queries import OutboxCount, count_outbox
from clinicdir.notifications.smtp import SmtpAddress, SmtpChannel
from clinicdir.notifications.workers import SEEN_WITHIN, last_beat
from clinicdir.web.parts import parts

_STALE = timedelta(hours=1)
_TIMEOUT_S = 5.0
_WRONG_PASSWORD = ("530", "534", "535")
_NO_SERVER = "Set CLINICDIR_SMTP_URL and CLINICDIR_MAIL_FROM."
_NO_WORKER = "Start `flask serve`, or `flask notifications deliver --watch` beside it."
_SEE = "See `flask notifications list`"


def look_at_messages() -> Iterator[Finding]:
    """Yield what is to be said about messages."""
    count = count_outbox()
    yield from _waiting(count)
    yield from _failed(count)
    yield from _mail_server()
    yield from _channels()
    yield from _worker(count)


def _waiting(count: OutboxCount) -> Iterator[Finding]:
    if parts().settings.smtp_url is None:
        yield Finding(
            Weight.WARNING,
            "messages",
            f"nobody is being notified, no mail server is set; {count.waiting} wait",
            _NO_SERVER,
        )
    elif count.oldest_at is not None and clock.now() - count.oldest_at > _STALE:
        yield Finding(
            Weight.WARNING,
            "messages",
            f"{count.waiting} wait, the oldest since {_moment(count.oldest_at)}",
            "Run `flask notifications deliver` and see what it says.",
        )
    else:
        yield Finding(Weight.FINE, "messages", f"{count.waiting} wait")


def _failed(count: OutboxCount) -> Iterator[Finding]:
    if count.refused:
        yield Finding(
            Weight.WARNING,
            "messages",
            f"{count.refused} were refused for good",
            "Correct the clinics' e-mail addresses; the requests stand in the inbox.",
        )
    if count.dead:
        yield Finding(
            Weight.WARNING,
            "messages given up",
            str(count.dead),
            f"{_SEE}; `flask notifications retry --all-dead` tries them again.",
        )


def _mail_server() -> Iterator[Finding]:
    """Sign in to the mail server without sending; a wrong password is found before a patient."""
    channel = _smtp()
    if channel is None:
        return
    db.session.rollback()  # a slow server must not keep a read open
    try:
        channel.check()
    except Troubled as trouble:
        error = str(trouble)
        cure = "Check the host and port in CLINICDIR_SMTP_URL, and that its server runs."
        if error.startswith(_WRONG_PASSWORD):
            cure = "Correct the user and password in CLINICDIR_SMTP_URL."
        yield Finding(Weight.TROUBLE, "mail server", error, cure)
    else:
        yield Finding(Weight.FINE, "mail server", "takes the connection and the sign-in")


def _channels() -> Iterator[Finding]:
    for state in list_channel_states():
        if state.troubled_since is not None and state.failures:
            yield Finding(
                Weight.TROUBLE,
                f"channel {state.channel}",
                f"nothing leaves since {_moment(state.troubled_since)}: {state.last_error}",
                "All its messages are kept. Mend the cause, then run"
                " `flask notifications deliver`, or wait.",
            )


def _worker(count: OutboxCount) -> Iterator[Finding]:
    seen = last_beat()
    if seen is not None and clock.now() - seen <= SEEN_WITHIN:
        yield Finding(Weight.FINE, "worker", f"seen alive at {_moment(seen)}")
        return
    state = "never seen alive" if seen is None else f"last seen alive at {_moment(seen)}"
    weight = Weight.WARNING if count.waiting else Weight.NOTE
    yield Finding(weight, "worker", state, _NO_WORKER)


def send_test_mail(address: str) -> None:
    """Send one mail that says nothing but where it comes from; say what the server answered."""
    channel, settings = _smtp(), parts().settings
    if channel is None:
        click.echo(f"No mail server is set. {_NO_SERVER}", err=True)
        sys.exit(1)
    try:
        channel.send(_test_mail(address, sender=settings.mail_from, link=settings.url))
    except (Refused, Troubled) as trouble:
        click.echo(f"The test mail was not accepted: {trouble}", err=True)
        sys.exit(1)
    except ValueError:
        click.echo("Enter one e-mail address, like name@example.com.", err=True)
        sys.exit(2)
    finally:
        channel.close()
    click.echo("The mail server has accepted the test mail. Look whether it arrives.")


def _test_mail(address: str, *, sender: str, link: str) -> EmailMessage:
    mail = EmailMessage()
    mail["Subject"] = f"Test mail from {link}"
    mail["From"] = sender
    mail["To"] = address
    mail["Date"] = format_datetime(clock.now())
    mail["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2].rstrip(">"))
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(
        f"This site can send mail: {link}\n\n"
        "Somebody asked for it by `flask doctor --send-test-mail`. There is nothing to do.\n"
    )
    return mail


def _smtp() -> SmtpChannel | None:
    url = parts().settings.smtp_url
    if url is None:
        return None
    return SmtpChannel(SmtpAddress.parse(url.get_secret_value()), timeout_s=_TIMEOUT_S)


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
