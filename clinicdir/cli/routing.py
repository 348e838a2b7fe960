"""How messages leave: every channel wired to the settings of this server."""

from collections.abc import Callable, Mapping
from pathlib import Path

from clinicdir import clock
from clinicdir.appointments.digest import resolve_digest
from clinicdir.appointments.messages import note_refusal, read_ahead, resolve
from clinicdir.db import sqlite_path
from clinicdir.notifications.channels import (
    NoChannel,
    Parcel,
    Receipt,
    Route,
    Send,
    send_nothing,
)
from clinicdir.notifications.delivery import Post
from clinicdir.notifications.fax import FaxDriver, FaxJob, FaxStatus
from clinicdir.notifications.fax_choice import Mailing, fax_driver_of, fonts_of
from clinicdir.notifications.fax_receipts import receipt_of
from clinicdir.notifications.messages import MessageTexts
from clinicdir.notifications.rules import Channel, Message, MessageKind
from clinicdir.notifications.smtp import SmtpAddress, SmtpChannel
from clinicdir.notifications.taken_mails import FILE_NAME, TakenMails
from clinicdir.notifications.webhooks import Endpoint, Notice, WebhookChannel
from clinicdir.resources import resource_dir
from clinicdir.settings import Settings
from clinicdir.web.parts import parts


def make_post() -> Post:
    """Return what the outbox worker needs, from the settings."""
    settings = parts().settings
    smtp = None
    if settings.smtp_url is not None:
        smtp = SmtpChannel(SmtpAddress.parse(settings.smtp_url.get_secret_value()))
    send = smtp.send if smtp else send_nothing
    return Post(
        send=send,
        close=smtp.close if smtp else lambda: None,
        sender=settings.mail_from,
        texts=MessageTexts(resource_dir("templates") / "messages"),
        resolve=_resolve,
        read_ahead=read_ahead,
        refused=note_refusal,
        routes=make_routes(settings, send),
        taken_mails=_taken_mails(),
    )


def _resolve(kind: MessageKind, subject_id: int) -> Message:
    settings, now = parts().settings, clock.now()
    if kind is MessageKind.DIGEST:
        return resolve_digest(subject_id, base_url=settings.url, now=now)
    return resolve(kind, subject_id, base_url=settings.url, now=now)


def _taken_mails() -> TakenMails | None:
    """Return the file beside an SQLite database; other engines note quickly enough."""
    database = sqlite_path(parts().settings.database)
    return None if database is None else TakenMails(Path(f"{database}-{FILE_NAME}"))


def make_routes(settings: Settings, send_mail: Send) -> Mapping[Channel, Route]:
    """Return the channels that this server has; messages of any other wait."""
    return {Channel.FAX: _faxes(settings, send_mail), Channel.WEBHOOK: _webhooks(settings)}


def _told_by(channel: Channel, settings: Settings) -> Callable[[MessageKind, int], Message]:
    def told(kind: MessageKind, subject_id: int) -> Message:
        return resolve(kind, subject_id, base_url=settings.url, now=clock.now(), channel=channel)

    return told


def _webhooks(settings: Settings) -> Route:
    channel = WebhookChannel(allow_private=settings.allow_private_webhooks)

    def send(parcel: Parcel) -> Receipt:
        values = parcel.message.values
        notice = Notice(
            kind=parcel.kind.value,
            reference=values["reference"],
            location=values["slug"],
            status=values["status"],
            link=values["link"],
            at=parcel.at,
        )
        endpoint = Endpoint(parcel.message.to, (parcel.message.secret or "",))
        channel.send(notice, endpoint, message_key=parcel.key, now=parcel.now)
        return Receipt()

    return Route(resolve=_told_by(Channel.WEBHOOK, settings), send=send)


def _faxes(settings: Settings, send_mail: Send) -> Route:
    def driver() -> FaxDriver:
        try:
            return fax_driver_of(settings, Mailing(send_mail, settings.mail_from, clock.now))
        except ValueError as problem:
            raise NoChannel(str(problem)) from problem

    def send(parcel: Parcel) -> Receipt:
        way = driver()
        pdf = _page(parcel, settings)
        return _receipt(way.submit(FaxJob(parcel.message.to, pdf, parcel.key)))

    def follow(job: str) -> Receipt:
        return _receipt(driver().follow(job))

    return Route(resolve=_told_by(Channel.FAX, settings), send=send, follow=follow)


def _page(parcel: Parcel, settings: Settings) -> bytes:
    # Slow start: drawing is loaded with the first fax.
    from clinicdir.notifications.fax_page import FaxPage, draw_fax_page  # noqa: PLC0415

    values = parcel.message.values
    page = FaxPage(
        clinic=values["clinic"],
        fax=values["number"],
        reference=values["reference"],
        arrived=values["arrived"],
        link=values["link"],
        call_back=values["call_back"],
        sharing=int(values["sharing"]),
    )
    return draw_fax_page(page, fonts_of(settings), now=parcel.at)


def _receipt(status: FaxStatus) -> Receipt:
    status.raise_if_lost()  # Troubled: sent anew, after a while
    return receipt_of(status)
