"""Requests that wait while no message about them got through to their clinic."""

from datetime import datetime

from sqlalchemy import select

from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.queries import within
from clinicdir.appointments.rules import Status
from clinicdir.db import db
from clinicdir.notifications.queries import untold_subjects
from clinicdir.staff.rules import Scope


def list_untold(*, scope: Scope, now: datetime, limit: int) -> list[AppointmentRequest]:
    """Return such requests inside the scope, longest waiting first."""
    query = select(AppointmentRequest).where(
        AppointmentRequest.status == Status.RECEIVED,
        AppointmentRequest.id.in_(untold_subjects(now=now)),
    )
    query = within(query, scope).order_by(AppointmentRequest.created_at, AppointmentRequest.id)
    return list(db.session.scalars(query.limit(limit)))
