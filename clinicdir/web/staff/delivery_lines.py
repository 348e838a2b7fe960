"""How far each message about a request has come, in words; never "sent", never "read"."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from clinicdir.errors import marked
from clinicdir.notifications.queries import Delivery
from clinicdir.notifications.rules import Channel, DeliveryState
from clinicdir.web.language import gettext, ngettext
from clinicdir.web.staff_labels import NOTICES

CHANNELS = {
    Channel.EMAIL: marked("email"),
    Channel.FAX: marked("fax"),
    Channel.WEBHOOK: marked("message to another system"),
}
_ACCEPTED = {
    Channel.EMAIL: marked("accepted by the mail server"),
    Channel.FAX: marked("accepted by the fax service"),
    Channel.WEBHOOK: marked("accepted by the other system"),
}
_STATES = {
    DeliveryState.HANDED_OVER: marked("the other side works on it"),
    DeliveryState.DELIVERED: marked("received"),
    DeliveryState.REFUSED: marked("refused"),
    DeliveryState.NOT_NEEDED: marked("not needed any more"),
    DeliveryState.DEAD: marked("given up after three days"),
}
_TIMED = frozenset({DeliveryState.REFUSED, DeliveryState.DEAD, DeliveryState.DELIVERED})


@dataclass(frozen=True)
class DeliveryLine:
    """One message: its channel, its state in words, when that came, what the other side said."""

    name: str
    words: str
    at: datetime | None
    detail: str | None
    error: str | None
    next_at: datetime | None


def delivery_lines(rows: Iterable[Delivery], *, now: datetime) -> list[DeliveryLine]:
    """Return the messages as the page shows them."""
    return [_line(row, now) for row in rows]


def _line(row: Delivery, now: datetime) -> DeliveryLine:
    name = f"{gettext(NOTICES[row.kind])}, {gettext(CHANNELS[row.channel])}"
    waits = row.state is DeliveryState.WAITING
    is_timed = row.state is DeliveryState.ACCEPTED or row.state in _TIMED
    return DeliveryLine(
        name=name,
        words=_words(row, now),
        at=row.finished_at if is_timed else None,
        detail=row.detail,
        error=None if row.state is DeliveryState.NOT_NEEDED else row.last_error,
        next_at=row.due_at if waits and row.due_at > now else None,
    )


def _words(row: Delivery, now: datetime) -> str:
    if row.state is DeliveryState.ACCEPTED:
        return gettext(_ACCEPTED[row.channel])
    if row.state is not DeliveryState.WAITING:
        return gettext(_STATES[row.state])
    if row.attempts:
        return ngettext(
            "waits, %(count)d try was in vain", "waits, %(count)d tries were in vain", row.attempts
        )
    if row.follows is not None and row.due_at > now:
        return gettext(
            "leaves if this does not get through: %(channel)s",
            channel=gettext(CHANNELS[row.follows]),
        )
    return gettext("waits to leave")
