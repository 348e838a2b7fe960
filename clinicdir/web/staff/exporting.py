"""Takes requests out of the inbox: a CSV file, sent line by line as it is read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import Response, render_template, stream_with_context
from flask.typing import ResponseReturnValue
from wtforms import RadioField, SelectField, StringField

from clinicdir import clock
from clinicdir.appointments.exports import Extent, Wanted, each_request, extent_of
from clinicdir.appointments.filing import stored_answers
from clinicdir.appointments.groups import STATUSES, Group
from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.rules import Status
from clinicdir.audit.operations import record
from clinicdir.audit.rules import GROUP_CHAIN, location_chain
from clinicdir.db import transaction
from clinicdir.errors import FieldError, Invalid, NotFound, marked
from clinicdir.locations.models import Location
from clinicdir.locations.queries import organization_name
from clinicdir.staff.rules import Right
from clinicdir.staff.sessions import actor_of
from clinicdir.web.forms import Form
from clinicdir.web.language import gettext
from clinicdir.web.present import signed_in
from clinicdir.web.security import form_token_failed, keeps_answers
from clinicdir.web.spreadsheets import MIME_TYPE, csv_file
from clinicdir.web.staff.blueprint import bp, needs
from clinicdir.web.staff.own import own_places

_ALL = "all"
# In the five plain words for states, with what may be spam and everything besides.
_GROUPS: dict[str, tuple[Status, ...]] = {_ALL: tuple(Status)} | {
    group.value: STATUSES[group]
    for group in (
        Group.OPEN,
        Group.NEW,
        Group.HANDLED,
        Group.WAITING,
        Group.BOOKED,
        Group.CLOSED,
        Group.SPAM,
    )
}
_GROUP_WORDS = {
    _ALL: marked("All, also closed ones"),
    "open": marked("To do"),
    "new": marked("New"),
    "handled": marked("Being handled"),
    "waiting": marked("Waiting for patient"),
    "booked": marked("Booked"),
    "closed": marked("Closed"),
    "spam": marked("Check: may be spam"),
}
# Codes and names as in the JSON API, so that a program can read the file as well.
_TIMES = ("created_at", "changed_at", "promise_at", "first_contact_at", "booked_at")
_STATE = ("reference", "location", "status", "channel", "decline_reason", *_TIMES, "time_zone")
_ANSWERS = (
    "for_whom", "patient_name", "birth_date", "asker_name", "relation", "phone", "email",
    "contact_by", "best_time", "voicemail_ok", "goal", "goal_text", "body_area", "target_month",
    "stopped", "tried", "windows", "short_notice", "returning", "referral", "language",
    "interpreter", "access_needs", "note",
)  # fmt: skip
COLUMNS = (*_STATE, *_ANSWERS)


class ExportForm(Form):
    """Which requests go into the file."""

    group = RadioField(validate_choice=False)
    location = SelectField(validate_choice=False)
    since = StringField()
    until = StringField()

    def offer(self, places: Sequence[Location]) -> None:
        """Put the choices into the fields."""
        self.group.choices = [(group, gettext(words)) for group, words in _GROUP_WORDS.items()]
        self.location.choices = [
            ("", gettext("All my clinics")),
            *((place.slug, place.name) for place in places),
        ]


@dataclass(frozen=True)
class _Choice:
    """What was chosen: for the query, and for the audit trail, which holds no person's data."""

    wanted: Wanted
    chain: str
    words: str


@bp.get("/export")
@needs(Right.EXPORT)
def export() -> str:
    """Offer a file of requests."""
    form = ExportForm(formdata=None)
    form.group.data = "open"
    return _page(form)


@bp.post("/export.csv")
@keeps_answers
@needs(Right.EXPORT)
def export_csv() -> ResponseReturnValue:
    """Send the chosen requests as a file; noted once, with the choice and how many there are."""
    form, now = ExportForm(), clock.now()
    if form_token_failed():
        return _page(form, expired=True), 400
    member = signed_in()
    actor, scope, role = actor_of(member), member.scope, member.role
    try:
        with transaction():
            chosen = _chosen(form)
            extent = extent_of(chosen.wanted, scope=scope)
            detail = f"{chosen.words} count={extent.count} as {role}"
            record("export", actor=actor, now=now, subject="requests", detail=detail,
                   chain=chosen.chain)  # fmt: skip
    except Invalid as refusal:
        form.attach(refusal.errors)
        return _page(form), 422
    lines = _lines(each_request(chosen.wanted, scope=scope, last_id=extent.last_id), extent)
    # The rows are read while the answer leaves, so the database must stay at hand until its end.
    answer = Response(stream_with_context(csv_file(lines)), mimetype=MIME_TYPE)
    answer.headers.set("Content-Disposition", "attachment", filename=f"requests-{now:%Y-%m-%d}.csv")
    return answer


def _lines(requests: Iterator[AppointmentRequest], extent: Extent) -> Iterator[Sequence[object]]:
    yield COLUMNS
    if extent.count:
        yield from map(_cells, requests)


def _cells(found: AppointmentRequest) -> list[object]:
    """Return a request's cells; times by the clinic's clock, as spreadsheets read them."""
    zone = ZoneInfo(found.location.time_zone)
    values: dict[str, Any] = stored_answers(found)
    values["windows"] = [f"{one['weekday']} {one['part']}" for one in found.windows]
    values |= {name: getattr(found, name) for name in ("reference", "decline_reason")}
    values |= {"status": found.status.value, "channel": found.channel.value}
    values |= {name: _clock_time(getattr(found, name), zone) for name in _TIMES}
    values["time_zone"] = found.location.time_zone
    return [_cell(values[name]) for name in COLUMNS]


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "; ".join(map(str, value)) if isinstance(value, list) else value


def _clock_time(at: datetime | None, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M}" if at else ""


def _chosen(form: ExportForm) -> _Choice:
    """Return what a form asks for; Invalid with every fault, NotFound for a foreign clinic."""
    places, slug = own_places(), form.location.data or ""
    place = next((place for place in places if place.slug == slug), None)
    if slug and place is None:
        raise NotFound
    errors: list[FieldError] = []
    group = form.group.data or ""
    if group not in _GROUP_WORDS:
        errors.append(FieldError("group", "missing", marked("Select which requests you want")))
    since, until = _day(form.since, errors), _day(form.until, errors)
    if since and until and until < since:
        message = marked("Last day must be the first day or later")
        errors.append(FieldError("until", "out_of_order", message))
    if errors:
        raise Invalid(*errors)
    zone = ZoneInfo((place or places[0]).time_zone) if places else ZoneInfo("UTC")
    wanted = Wanted(
        _GROUPS[group],
        location_id=place.id if place else None,
        since=_midnight(since, zone),
        until=_midnight(until + timedelta(days=1), zone) if until else None,
    )
    words = f"group={group} location={slug or 'all'} since={since or '-'} until={until or '-'}"
    return _Choice(wanted, location_chain(place.id) if place else GROUP_CHAIN, words)


def _day(field: StringField, errors: list[FieldError]) -> date | None:
    typed = (field.data or "").strip()
    if not typed:
        return None
    try:
        day = date.fromisoformat(typed) if len(typed) == len("2026-11-24") else None
    except ValueError:
        day = None
    # The ends of the calendar have no midnight in every zone.
    if day is None or not date.min.year < day.year < date.max.year:
        message = marked("Enter the day like 2026-11-24")
        errors.append(FieldError(field.name, "not_a_day", message))
        return None
    return day


def _midnight(day: date | None, zone: ZoneInfo) -> datetime | None:
    return datetime.combine(day, time(), zone) if day else None


def _page(form: ExportForm, *, expired: bool = False) -> str:
    form.offer(own_places())
    return render_template(
        "staff/export.html",
        group=organization_name(),
        member=signed_in(),
        form=form,
        expired=expired,
    )
