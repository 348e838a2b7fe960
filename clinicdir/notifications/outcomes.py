"""What a try has come to: an acceptance, a job to follow, or a trouble and how long to wait."""

from datetime import timedelta

from clinicdir.notifications.channels import Down, NoAddress, NoChannel, Receipt, Refused
from clinicdir.notifications.claiming import Outcome, Standing
from clinicdir.notifications.life import Happening
from clinicdir.notifications.rules import ADDRESS_WAIT, FARTHEST_WAIT, without_address

ERROR_LENGTH = 300


class NotNeeded(Exception):  # noqa: N818 - reads as a word
    """What the message would tell is no longer so."""


def outcome_of(receipt: Receipt, *, job: str | None = None, tried: bool = True) -> Outcome:
    """Return what a receipt says, of a message or of its job."""
    return Outcome(
        receipt.happening,
        tried=tried,
        wait=receipt.ask_again,
        job=receipt.job or job,
        detail=receipt.detail,
        standing=Standing.WORKS,
    )


def outcome_of_trouble(said: Exception, error: str, wait: timedelta) -> Outcome:
    """Return what a trouble means for its message and its channel."""
    if isinstance(said, NotNeeded):
        return Outcome(Happening.DROP)
    if isinstance(said, NoAddress):
        standing = Standing.UNSET if isinstance(said, NoChannel) else Standing.UNKNOWN
        return Outcome(Happening.LACK, error, tried=False, wait=ADDRESS_WAIT, standing=standing)
    if isinstance(said, Refused):
        return Outcome(Happening.REFUSE, error, standing=Standing.WORKS)
    if isinstance(said, Down):
        return Outcome(Happening.FAIL, error, wait=wait, own=said.own, standing=Standing.DOWN)
    asked_for: timedelta = getattr(said, "wait", wait)  # the other side may say how long
    wait = min(max(wait, asked_for), FARTHEST_WAIT)
    return Outcome(Happening.FAIL, error, wait=wait, own=True, standing=Standing.WORKS)


def cleaned(error: Exception) -> str:
    """Return what the other side said without mailboxes: it is shown where no name may be."""
    return without_address(str(error), "")[:ERROR_LENGTH]
