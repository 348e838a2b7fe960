"""Picks the fax driver and the fonts that the settings name."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import SecretStr

from clinicdir.notifications import fax_callback
from clinicdir.notifications.channels import Send
from clinicdir.notifications.fax import (
    FaxDriver,
    HttpGateway,
    HylafaxAddress,
    NoFax,
    parse_fax_url,
)
from clinicdir.notifications.fax_fonts import FOLDERS, Fonts, find_fonts
from clinicdir.notifications.fax_http import HttpDriver, HttpForm
from clinicdir.notifications.fax_hylafax import HylafaxDriver
from clinicdir.notifications.fax_mail import MailDriver
from clinicdir.settings import Settings


@dataclass(frozen=True)
class Mailing:
    """How mails leave, for a gateway that is reached by mail."""

    send: Send
    sender: str
    clock: Callable[[], datetime]


def fax_driver_of(settings: Settings, mailing: Mailing) -> FaxDriver:
    """Return the driver that the settings name; ValueError where one of them is wrong."""
    back = f"{settings.url}{fax_callback.PATH}" if settings.fax_callback_secret else ""
    form = HttpForm(settings.fax_http_body, _shown(settings.fax_http_header), back)
    return fax_driver(_shown(settings.fax_url), form, mailing)


def fonts_of(settings: Settings) -> Fonts:
    """Return the fonts of the page: the operator's folders come before the system's."""
    return find_fonts((*map(Path, settings.fax_fonts), *FOLDERS))


def _shown(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret else ""


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
