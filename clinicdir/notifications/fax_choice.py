"""Picks the fax driver that the settings name."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from clinicdir.notifications.channels import Send
from clinicdir.notifications.fax import (
    FaxDriver,
    HttpGateway,
    HylafaxAddress,
    NoFax,
    parse_fax_url,
)
from clinicdir.notifications.fax_http import HttpDriver, HttpForm
from clinicdir.notifications.fax_hylafax import HylafaxDriver
from clinicdir.notifications.fax_mail import MailDriver


@dataclass(frozen=True)
class Mailing:
    """How mails leave, for a gateway that is reached by mail."""

    send: Send
    sender: str
    clock: Callable[[], datetime]


def fax_driver(url: str, form: HttpForm, mailing: Mailing) -> FaxDriver:
    """Return the driver for CLINICDIR_FAX_URL, one that only waits where it is empty.

    ValueError says which setting is wrong and what it may hold. No connection is made.
    """
    if not url:
        return NoFax()
    try:
        address = parse_fax_url(url)
    except ValueError as problem:
        message = f"CLINICDIR_FAX_URL: {problem}."
        raise ValueError(message) from None
    if isinstance(address, HylafaxAddress):
        return HylafaxDriver(address)
    if isinstance(address, HttpGateway):
        form.check()
        return HttpDriver(address, form)
    return MailDriver(address, send=mailing.send, sender=mailing.sender, clock=mailing.clock)
