"""Times held out to a patient: made, taken once, lapsed."""

from datetime import datetime

from sqlalchemy import select, update

from clinicdir.appointments.models import AppointmentRequest, Offer
from clinicdir.appointments.rules import OfferState
from clinicdir.db import db
from clinicdir.errors import FieldError, Invalid, NotAllowed, marked

MOST_OFFERS = 3


def list_offers(request: AppointmentRequest, *, now: datetime) -> list[Offer]:
    """Return the times that can still be taken, the earliest first."""
    query = select(Offer).where(
        Offer.request_id == request.id, Offer.state == OfferState.HELD, Offer.starts_at > now
    )
    return list(db.session.scalars(query.order_by(Offer.starts_at)))


def hold_out(
    request: AppointmentRequest,
    times: tuple[datetime, ...],
    *,
    made_by: int | None,
    now: datetime,
) -> None:
    """Hold out up to three times, in place of any held out before."""
    if not 0 < len(set(times)) <= MOST_OFFERS:
        raise Invalid(FieldError("offered", "count", marked("Offer one to three times")))
    lapse_offers(request)
    db.session.add_all(
        Offer(
            request_id=request.id,
            location_id=request.location_id,
            starts_at=starts_at,
            made_at=now,
            made_by=made_by,
            state=OfferState.HELD,
        )
        for starts_at in sorted(set(times))
    )


def take_offer(request: AppointmentRequest, starts_at: datetime, *, now: datetime) -> None:
    """Take one of the times held out; NotAllowed where it is gone."""
    taken = db.session.scalar(
        update(Offer)
        .where(
            Offer.request_id == request.id,
            Offer.starts_at == starts_at,
            Offer.starts_at > now,
            Offer.state == OfferState.HELD,
        )
        .values(state=OfferState.TAKEN)
        .returning(Offer.id)
    )
    if taken is None:
        message = "This time is not held out any more."
        raise NotAllowed(message)


def lapse_offers(request: AppointmentRequest) -> None:
    """Hold out none of the times any more."""
    db.session.execute(
        update(Offer)
        .where(Offer.request_id == request.id, Offer.state == OfferState.HELD)
        .values(state=OfferState.LAPSED)
    )
