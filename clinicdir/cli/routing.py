"""The channels besides e-mail, wired to the settings of this server."""

from collections.abc import Callable, Mapping
from datetime import timedelta

from clinicdir import clock
from clinicdir.appointments.messages import resolve
from clinicdir.notifications.channels import NoChannel, Parcel, Receipt, Route, Send
from clinicdir.notifications.fax import FaxDriver, FaxJob, FaxState, FaxStatus
from clinicdir.notifications.fax_choice import Mailing, fax_driver_of, fonts_of
from clinicdir.notifications.rules import Channel, Message, MessageKind
from clinicdir.notifications.webhooks import Endpoint, Notice, WebhookChannel
from clinicdir.settings import Settings

_FAX_ASKED_EVERY = timedelta(seconds=20)


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
    """Return what a fax has come to; Troubled where its call failed, so that it is sent anew."""
    status.raise_if_lost()
    if status.state is FaxState.RECEIVED:
        pages = status.pages or 1
        return Receipt.confirmed("1 page" if pages == 1 else f"{pages} pages")
    if status.is_final:
        return Receipt(job=status.job)  # a gateway that gives no receipt
    return Receipt.handed_over(status.job, status.words or None, ask_again=_FAX_ASKED_EVERY)
