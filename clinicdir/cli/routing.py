"""The channels besides e-mail, wired to the settings of this server."""

from collections.abc import Mapping

from clinicdir import clock
from clinicdir.appointments.messages import resolve
from clinicdir.notifications.channels import Parcel, Receipt, Route
from clinicdir.notifications.rules import Channel, Message, MessageKind
from clinicdir.notifications.webhooks import Endpoint, Notice, WebhookChannel
from clinicdir.settings import Settings


def make_routes(settings: Settings) -> Mapping[Channel, Route]:
    """Return the channels that this server has; messages of any other wait."""
    return {Channel.WEBHOOK: _webhooks(settings)}


def _webhooks(settings: Settings) -> Route:
    channel = WebhookChannel(allow_private=settings.allow_private_webhooks)

    def told(kind: MessageKind, subject_id: int) -> Message:
        return resolve(
            kind, subject_id, base_url=settings.url, now=clock.now(), channel=Channel.WEBHOOK
        )

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

    return Route(resolve=told, send=send)
