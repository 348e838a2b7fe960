"""Times held out to a patient: made, taken once, lapsed."""

from datetime import datetime

from sqlalchemy import case, select, update

from clinicdir.appointments.models import AppointmentRequest, Offer
from clinicdir.appointments.rules import OfferState
from clinicdir.db import db
from clinicdir.errors import FieldError, Invalid, marked

MOST_OFFERS = 3


def list_offers(request: AppointmentRequest, *, now: datetime) -> list[Offer]:
    """Return the times that can still be taken, the earliest first."""
    query = select(Offer).where(
        Offer.request_id == request.id, Offer.state == OfferState.HELD, Offer.starts_at > now
    )
    return list(db.session.scalars(query.order_by(Offer.starts_at)))


def find_offer(request: AppointmentRequest, starts_at: datetime, *, now: datetime) -> Offer | None:
    """Return the offer of exactly this instant, while it can be taken."""
    held = list_offers(request, now=now)
    return next((offer for offer in held if offer.starts_at == starts_at), None)


def check_times(times: tuple[datetime, ...], *, now: datetime) -> None:
    """Raise Invalid unless these are one to three different times to come."""
    if not 0 < len(set(times)) <= MOST_OFFERS:
        raise Invalid(FieldError("offered", "count", marked("Offer one to three times")))
    if min(times) <= now:
        message = marked("Each offered time must be in the future")
        raise Invalid(FieldError("offered", "not_ahead", message))


def hold_out(
    request: AppointmentRequest,
    times: tuple[datetime, ...],
    *,
    made_by: int | None,
    now: datetime,
) -> None:
    """Hold these times out to the patient, at the request's present clinic."""
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


def settle_offers(request: AppointmentRequest, *, taken: datetime | None) -> None:
    """Let every time held out lapse, but for the one that was taken."""
    became = case((Offer.starts_at == taken, OfferState.TAKEN), else_=OfferState.LAPSED)
    db.session.execute(
        update(Offer)
        .where(Offer.request_id == request.id, Offer.state == OfferState.HELD)
        .values(state=became if taken is not None else OfferState.LAPSED)
    )
