"""Faxes by a mail gateway: a mail to the number at the gateway, with the page attached.

The gateway faxes the attachment and says nothing that a program could rely on: a fax sent this
way was handed over, and never counts as received.
"""

from collections.abc import Callable
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime

from clinicdir.notifications.channels import Send
from clinicdir.notifications.fax import FaxJob, FaxState, FaxStatus, MailGateway

SUBJECT = "Fax"
TEXT = "The attached page is to be faxed to the number in the address.\n"


class MailDriver:
    """Sends through the mail server of the site; the gateway must know the sender's address."""

    def __init__(
        self, gateway: MailGateway, *, send: Send, sender: str, clock: Callable[[], datetime]
    ) -> None:
        """Keep how mails leave and from whom."""
        self._gateway = gateway
        self._send = send
        self._sender = sender
        self._clock = clock

    def submit(self, job: FaxJob) -> FaxStatus:
        """Mail the page; the Message-ID is the same at every handing over of the same key."""
        mail = EmailMessage()
        mail["Subject"] = SUBJECT
        mail["From"] = self._sender
        mail["To"] = self._gateway.template.replace("{digits}", job.digits)
        mail["Date"] = format_datetime(self._clock())
        mail["Message-ID"] = f"<{job.key}@{self._sender.rpartition('@')[2].rstrip('>')}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(TEXT)
        mail.add_attachment(job.pdf, maintype="application", subtype="pdf", filename="page.pdf")
        self._send(mail)
        return self.follow(job.key)

    def follow(self, job: str) -> FaxStatus:
        """Return that the page was handed over: more is never known."""
        return FaxStatus(FaxState.HANDED_OVER, job)
