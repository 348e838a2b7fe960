"""The patient's own link: a new one ends those before it."""

from datetime import datetime

from clinicdir.appointments.models import KEPT_LINK, AppointmentRequest
from clinicdir.audit.operations import record
from clinicdir.audit.rules import Actor, location_chain
from clinicdir.crypto import token_hash
from clinicdir.db import db, key_ring


def renew_link(request: AppointmentRequest, *, actor: Actor, now: datetime) -> None:
    """Make a new link for a request; `link_token` gives it, and older ones open nothing."""
    ring = key_ring()
    if request.link_key_id == KEPT_LINK:
        request.seal(request.personal)  # without the link that ends here
    request.link_version += 1
    request.link_key_id = ring.newest_id
    request.link_hash = token_hash(ring.link_token(request.row_key, request.link_version))
    record(
        "renew_link",
        actor=actor,
        now=now,
        subject=request.reference,
        chain=location_chain(request.location_id),
    )
    db.session.flush()
