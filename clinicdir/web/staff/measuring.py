"""How soon each clinic gets in touch, by week: drawings, the tables beneath, and a file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import Response, render_template, request
from flask.typing import ResponseReturnValue

from clinicdir import clock
from clinicdir.appointments.measures import WeekMeasures, measure
from clinicdir.audit.operations import record
from clinicdir.db import transaction
from clinicdir.locations.models import Location
from clinicdir.locations.queries import organization_name
from clinicdir.staff.rules import Right
from clinicdir.staff.sessions import actor_of
from clinicdir.web.filters import day_words
from clinicdir.web.language import gettext, ngettext
from clinicdir.web.paging import after
from clinicdir.web.present import signed_in
from clinicdir.web.spreadsheets import MIME_TYPE, csv_file
from clinicdir.web.staff.blueprint import bp, needs
from clinicdir.web.staff.looks import note_list
from clinicdir.web.staff.own import own_place, own_places

_CLINICS_A_PAGE = 6
_NAME = "measures"
_HEIGHT, _STEP, _HOURS_A_DAY = 80, 24, 48
COLUMNS = (
    "location",
    "week",
    "requests",
    "contacted",
    "median_hours",
    "p90_hours",
    "overdue",
)


@dataclass(frozen=True)
class Bar:
    """One week in a drawing: where its bars stand and how high they are, in pixels."""

    left: int
    median: int
    p90: int


@dataclass(frozen=True)
class ClinicMeasures:
    """What the page shows of a clinic."""

    location: Location
    weeks: Sequence[dict[str, str]]
    bars: Sequence[Bar]
    highest: str
    is_empty: bool


@bp.get("/measures")
@needs(Right.EXPORT)
def measures() -> ResponseReturnValue:
    """Show the measures of the person's clinics, some clinics a page."""
    now, after_id = clock.now(), after()
    note_list(_NAME, now=now)
    chosen = _chosen_places()
    places = [place for place in chosen if place.ordinal > after_id]
    shown = places[:_CLINICS_A_PAGE]
    found = measure(shown, scope=signed_in().scope, now=now)
    return render_template(
        "staff/measures.html",
        group=organization_name(),
        member=signed_in(),
        clinics=[_in_words(place, found[place.id]) for place in shown],
        next_after=shown[-1].ordinal if places[_CLINICS_A_PAGE:] else None,
    )


@bp.get("/measures.csv")
@needs(Right.EXPORT)
def measures_csv() -> ResponseReturnValue:
    """Send the measures of all the person's clinics as a file; noted as an export."""
    now = clock.now()
    with transaction():
        member = signed_in()
        record("export", actor=actor_of(member), now=now, subject=_NAME, detail=f"as {member.role}")
    lines = "".join(csv_file(_lines(_chosen_places(), now)))
    answer = Response(lines, mimetype=MIME_TYPE)
    answer.headers.set("Content-Disposition", "attachment", filename=f"measures-{now:%Y-%m-%d}.csv")
    return answer


def _chosen_places() -> list[Location]:
    """Return the clinics of the person, or the one that the address names."""
    slug = request.args.get("location")
    return [own_place(slug)] if slug else own_places()


def _lines(places: Sequence[Location], now: datetime) -> Iterator[Sequence[object]]:
    yield COLUMNS
    found = measure(places, scope=signed_in().scope, now=now)
    for place in places:
        for week in found[place.id]:
            yield (
                place.slug, week.monday, week.requests, week.contacted,
                _plain(week.median_h), _plain(week.p90_h), week.overdue,
            )  # fmt: skip


def _plain(hours: float | None) -> str:
    return "" if hours is None else f"{hours:.2f}"


def _in_words(place: Location, weeks: Sequence[WeekMeasures]) -> ClinicMeasures:
    highest = max((week.p90_h or 0 for week in weeks), default=0)
    return ClinicMeasures(
        place,
        [
            {
                "week": day_words(week.monday),
                "requests": str(week.requests),
                "contacted": str(week.contacted),
                "median": hours_words(week.median_h),
                "p90": hours_words(week.p90_h),
                "overdue": str(week.overdue),
            }
            for week in weeks
        ],
        [
            Bar(index * _STEP, _pixels(week.median_h, highest), _pixels(week.p90_h, highest))
            for index, week in enumerate(weeks)
        ],
        hours_words(highest or None),
        is_empty=not any(week.contacted for week in weeks),
    )


def _pixels(hours: float | None, highest: float) -> int:
    """Return the height of a bar; whatever was measured can be seen."""
    if hours is None:
        return 0
    return max(round(_HEIGHT * hours / highest), 1) if highest else 1


def hours_words(hours: float | None) -> str:
    """Return a wait in minutes, hours or days; a dash where nothing was measured."""
    if hours is None:
        return "–"  # noqa: RUF001 - as it is printed
    if hours < 1:
        return ngettext("%(count)s min", "%(count)s min", round(hours * 60))
    if hours < _HOURS_A_DAY:
        return gettext("%(number)s h", number=f"{hours:.1f}")
    return gettext("%(number)s days", number=f"{hours / 24:.1f}")
