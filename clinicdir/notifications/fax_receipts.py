"""Puts how a fax stands into the words of the outbox."""

from datetime import timedelta

from clinicdir.notifications.channels import Receipt
from clinicdir.notifications.fax import FaxState, FaxStatus
from clinicdir.notifications.life import Happening

_ASKED_EVERY = timedelta(seconds=20)


def receipt_of(status: FaxStatus) -> Receipt:
    """Return what a fax has come to; one whose call failed is sent anew."""
    if status.state is FaxState.RECEIVED:
        pages = status.pages or 1
        return Receipt.confirmed("1 page" if pages == 1 else f"{pages} pages")
    if status.state is FaxState.HANDED_OVER:
        return Receipt(job=status.job)  # a gateway that gives no receipt
    if status.is_final:
        return Receipt(Happening.FAIL, job=status.job, detail=status.words or status.state.value)
    return Receipt.handed_over(status.job, status.words or None, ask_again=_ASKED_EVERY)
