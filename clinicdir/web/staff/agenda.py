"""Who comes today and in the six days after, clinic by clinic; made to be printed too."""

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import render_template, request

from clinicdir import clock
from clinicdir.appointments.queries import list_booked
from clinicdir.audit.operations import record
from clinicdir.audit.rules import location_chain
from clinicdir.db import transaction
from clinicdir.errors import NotFound
from clinicdir.locations.models import Location
from clinicdir.locations.queries import organization_name
from clinicdir.staff.rules import Right
from clinicdir.staff.sessions import actor_of
from clinicdir.web.filters import clock_time, day_words
from clinicdir.web.present import signed_in
from clinicdir.web.staff.blueprint import bp, needs
from clinicdir.web.staff.looks import note_list
from clinicdir.web.staff.own import own_places
from clinicdir.web.staff_labels import patient_words

_DAYS = 7
_DAY = timedelta(days=1)
_MOST = 500


@bp.get("/agenda")
@needs(Right.LIST)
def agenda() -> str:
    """List the booked requests of seven days at one clinic, the first of the person's own."""
    now = clock.now()
    own = own_places()
    slug = _chosen(own).slug if own else ""
    if slug:
        note_list(f"agenda {slug}", now=now)
    places = own_places()
    place = _chosen(places) if places else None
    days, first = [], None
    if place is not None:
        first = _named_day("from", place, now=now)
        days = _booked_days(place, first, _DAYS)
    return render_template(
        "staff/agenda.html",
        group=organization_name(),
        member=signed_in(),
        locations=places,
        chosen=place,
        days=days,
        first=first,
        earlier=None if first is None else first - timedelta(days=_DAYS),
        later=None if first is None else first + timedelta(days=_DAYS),
        today=None if place is None else now.astimezone(ZoneInfo(place.time_zone)).date(),
    )


@bp.get("/agenda/print")
@needs(Right.LIST)
def print_day() -> str:
    """Show who is booked on one day at one clinic, on a plain page for paper.

    Each time is noted: what is on paper leaves the site.
    """
    now = clock.now()
    place = _chosen(own_places())
    day = _named_day("day", place, now=now)
    _record_print(f"agenda {place.slug} {day}", place, now=now)
    place = _chosen(own_places())
    [booked] = _booked_days(place, day, 1)
    return render_template(
        "staff/print_day.html",
        group=organization_name(),
        member=signed_in(),
        location=place,
        booked=booked,
        now=now,
    )


def _record_print(subject: str, place: Location, *, now: datetime) -> None:
    """Write the entry before anything is read for the page: transaction() ends what was read."""
    member, chain = signed_in(), location_chain(place.id)
    with transaction():
        record(
            "print",
            actor=actor_of(member),
            now=now,
            subject=subject,
            detail=f"as {member.role}",
            chain=chain,
        )


def _chosen(places: list[Location]) -> Location:
    """Return the clinic that the address names; a foreign one is as unknown as a made-up one."""
    slug = request.args.get("location") or next((place.slug for place in places), "")
    chosen = next((place for place in places if place.slug == slug), None)
    if chosen is None:
        raise NotFound
    return chosen


def _named_day(name: str, place: Location, *, now: datetime) -> date:
    """Return the day that the address names, else today at the clinic; within two years."""
    today = now.astimezone(ZoneInfo(place.time_zone)).date()
    try:
        typed = date.fromisoformat(request.args.get(name, ""))
    except ValueError:
        return today
    return typed if abs(typed - today) <= timedelta(days=730) else today


def _booked_days(place: Location, first: date, count: int) -> list[dict[str, Any]]:
    """Return each of the days with its rows, also a day on which nobody comes."""
    zone = ZoneInfo(place.time_zone)
    start, end = (
        datetime.combine(day, time(0), tzinfo=zone) for day in (first, first + count * _DAY)
    )
    rows = list_booked(place.id, start, end, scope=signed_in().scope, limit=_MOST)
    days: dict[date, list[dict[str, Any]]] = {first + number * _DAY: [] for number in range(count)}
    for row in rows:
        if row.booked_at is None:
            continue
        local, personal = row.booked_at.astimezone(zone), row.personal
        days[local.date()].append(
            {
                "request": row,
                "at": clock_time(local.time()),
                "patient": patient_words(row),
                "phone": personal["phone"],
            }
        )
    return [{"day": day, "words": day_words(day), "rows": found} for day, found in days.items()]
