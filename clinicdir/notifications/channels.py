"""The ways by which messages leave, and what the other side can say to them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage

from clinicdir.notifications.life import Happening
from clinicdir.notifications.rules import Message, MessageKind

ASK_AGAIN = timedelta(seconds=30)


class NoAddress(Exception):  # noqa: N818 - reads as a word
    """Nobody has set an address or a mail server yet; the message waits for one."""


class Refused(Exception):  # noqa: N818 - reads as a word
    """The other side will never take this message; trying again is of no use."""


class Troubled(Exception):  # noqa: N818
    """The other side cannot take it now; try again later."""


class NoChannel(NoAddress):
    """The channel itself is not set up; all its messages wait alike."""


class Down(Troubled):
    """The channel as a whole does not work: its messages wait without being tried.

    `own` says that it broke off over this very message, which may be the cause.
    """

    def __init__(self, message: str, *, own: bool = False) -> None:
        """Keep the words, and whether a message of its own may be the cause."""
        super().__init__(message)
        self.own = own


Send = Callable[[EmailMessage], None]


@dataclass(frozen=True)
class Parcel:
    """A message on its way by another channel than e-mail.

    `message.to` is a number or an address, `message.secret` what a webhook is signed with;
    `key` and `at`, when the message was written, are the same at every try, for the other side to
    know a message that came twice.
    """

    message: Message
    key: str
    kind: MessageKind
    at: datetime
    now: datetime


@dataclass(frozen=True)
class Receipt:
    """What the other side has said; of a job to be followed, when it is asked again."""

    happening: Happening = Happening.ACCEPT
    job: str | None = None
    detail: str | None = None
    ask_again: timedelta = ASK_AGAIN

    @classmethod
    def handed_over(
        cls, job: str, detail: str | None = None, *, ask_again: timedelta = ASK_AGAIN
    ) -> "Receipt":
        """Say that the other side works on it under this name, to be followed."""
        return cls(Happening.HAND_OVER, job=job, detail=detail, ask_again=ask_again)

    @classmethod
    def confirmed(cls, detail: str | None = None) -> "Receipt":
        """Say that it has arrived, as in "1 page received"."""
        return cls(Happening.CONFIRM, detail=detail)


@dataclass(frozen=True)
class Route:
    """How messages of one channel leave.

    `resolve` works out what to say and whom to, `send` hands it over, `follow` asks how a job
    stands. Each may raise Refused (never again), Troubled (this one, later), Down (the channel,
    later) or NoAddress. From `follow`, Troubled means that the job failed and is sent anew, Down
    that it could not be asked.
    """

    resolve: Callable[[MessageKind, int], Message]
    send: Callable[[Parcel], Receipt]
    follow: Callable[[str], Receipt] | None = None


def send_nothing(_mail: EmailMessage) -> None:
    """Stand for the mail server while none is set: the message waits."""
    message = "CLINICDIR_SMTP_URL is not set"
    raise NoChannel(message)
