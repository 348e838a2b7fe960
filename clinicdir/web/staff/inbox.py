"""The inbox over all the locations a person has, longest waiting first."""

from datetime import datetime
from typing import Any

from flask import abort, render_template, request

from clinicdir import clock
from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.operations import lease_holder
from clinicdir.appointments.queries import (
    CLOSED,
    COUNT_CAP,
    count_requests,
    list_requests,
)
from clinicdir.appointments.rules import OPEN, Status
from clinicdir.audit.operations import list_view_is_due, record_list_view
from clinicdir.db import transaction
from clinicdir.errors import NotFound
from clinicdir.locations.mistakes import count_mistakes
from clinicdir.locations.models import Location
from clinicdir.locations.queries import list_all_locations, organization_name
from clinicdir.locations.rules import TelecomSystem
from clinicdir.staff.rules import Right, can
from clinicdir.staff.sessions import actor_of
from clinicdir.web.answers import area_words, goal_line_of
from clinicdir.web.login import signed_in
from clinicdir.web.paging import after
from clinicdir.web.parts import parts
from clinicdir.web.staff.blueprint import bp, needs

PAGE_SIZE = 50
GROUPS: dict[str, tuple[Status, ...]] = {
    # What may be spam stands apart, and is counted apart.
    "open": tuple(status for status in OPEN if status is not Status.QUARANTINED),
    "new": (Status.RECEIVED,),
    "handled": (Status.IN_REVIEW, Status.WAITLISTED),
    "waiting": (Status.AWAITING_PATIENT, Status.OFFERED),
    "booked": (Status.BOOKED,),
    "spam": (Status.QUARANTINED,),
    "closed": tuple(status for status in CLOSED if status is not Status.BOOKED),
}


@bp.get("/")
@needs(Right.LIST)
def inbox() -> str:
    """List the requests of all the person's locations, longest waiting first."""
    member, now = signed_in(), clock.now()
    group = request.args.get("group", "open")
    statuses = GROUPS.get(group) or abort(404)
    scope, actor = member.scope, actor_of(member)
    locations = [place for place in list_all_locations() if scope.holds(place.id)]
    chosen = _chosen(locations)
    name = f"inbox {chosen.slug}" if chosen else "inbox"
    if list_view_is_due(name, actor=actor, now=now):
        with transaction():
            record_list_view(name, actor=actor, now=now)
        locations = [place for place in list_all_locations() if scope.holds(place.id)]
        chosen = _chosen(locations)
    location_id = chosen.id if chosen else None
    after_id = after()
    rows = list_requests(
        scope=scope,
        location_id=location_id,
        statuses=statuses,
        limit=PAGE_SIZE + 1,
        after_id=after_id,
    )
    return render_template(
        "staff/inbox.html",
        group=organization_name(),
        member=member,
        locations=locations,
        chosen=chosen,
        tab=group,
        counts=_counts(scope, location_id),
        rows=[_row(row, now) for row in rows[:PAGE_SIZE]],
        next_after=rows[PAGE_SIZE - 1].id if len(rows) > PAGE_SIZE else None,
        unheard=_unheard(locations),
        mistakes=count_mistakes(scope.location_ids) if can(member.role, Right.SETTINGS) else 0,
        smtp_missing=parts().settings.smtp_url is None,
        now=now,
    )


def _chosen(locations: list[Location]) -> Location | None:
    """Return the location that the filter names; a foreign one is as unknown as a made-up one."""
    slug = request.args.get("location")
    if not slug:
        return None
    chosen = next((place for place in locations if place.slug == slug), None)
    if chosen is None:
        raise NotFound
    return chosen


def _counts(scope: Any, location_id: int | None) -> dict[str, str]:  # noqa: ANN401
    counts = count_requests(scope=scope, location_id=location_id, groups=GROUPS)
    return {
        group: f"{COUNT_CAP}+" if count > COUNT_CAP else str(count)
        for group, count in counts.items()
    }


def _row(found: AppointmentRequest, now: datetime) -> dict[str, Any]:
    personal = found.personal
    return {
        "request": found,
        "patient": personal["patient_name"],
        "phone": personal["phone"],
        "phone_e164": personal["phone_e164"],
        "goal": goal_line_of(found, parts().intake, now=now),
        "area": area_words(found.body_area, parts().intake),
        "held": lease_holder(found, now=now) is not None,
    }


def _unheard(locations: list[Location]) -> list[Location]:
    """Return the locations that nobody is told about: no e-mail address, or no mail server."""
    if parts().settings.smtp_url is None:
        return locations
    return [place for place in locations if place.telecom_value(TelecomSystem.EMAIL) is None]
