"""What a patient takes along: a calendar entry, and a cover sheet for a faxed referral."""

from datetime import date

from flask import Response, render_template
from flask.typing import ResponseReturnValue

from clinicdir import clock
from clinicdir.appointments.calendar_entry import calendar_entry
from clinicdir.appointments.following import follow_link
from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.rules import Status, show_reference
from clinicdir.errors import NotFound
from clinicdir.locations.queries import day_at, list_sharing
from clinicdir.locations.rules import TelecomSystem
from clinicdir.web.filters import call_words
from clinicdir.web.language import gettext
from clinicdir.web.public.blueprint import bp
from clinicdir.web.public.own_check import is_checked
from clinicdir.web.public.own_view import frame

_MOST_INITIALS = 4


@bp.get("/requests/<token>/calendar.ics")
def own_calendar(token: str) -> ResponseReturnValue:
    """Hand out the calendar entry of a booked appointment."""
    found = follow_link(token)
    if found.status is not Status.BOOKED:
        raise NotFound
    values = frame(found)
    clinic = found.location.name
    entry = calendar_entry(
        found,
        summary=gettext("Appointment at %(clinic)s", clinic=clinic),
        description=gettext(
            "Reference %(reference)s. %(call)s.",
            reference=show_reference(found.reference),
            call=call_words(found.location, values["sharing"] if values["sharing"] > 1 else 0),
        ),
    )
    headers = {"Content-Disposition": 'attachment; filename="appointment.ics"'}
    return Response(entry, content_type="text/calendar; charset=utf-8", headers=headers)


@bp.get("/requests/<token>/fax-cover")
def own_fax_cover(token: str) -> str:
    """Show a first page for a fax: the clinic in large letters, and of the patient initials."""
    found = follow_link(token)
    location = found.location
    fax = location.telecom_value(TelecomSystem.FAX)
    return render_template(
        "public/own_fax_cover.html",
        **frame(found),
        token_=token,
        fax=fax,
        fax_sharing=len(list_sharing(fax, TelecomSystem.FAX)) if fax else 0,
        initials=_initials(found) if is_checked(token, found) else "",
        today=_today(found),
    )


def _today(found: AppointmentRequest) -> date:
    return day_at(found.location.slug, now=clock.now())


def _initials(found: AppointmentRequest) -> str:
    """Return the first letters of the patient's names: R. E."""
    words = [word for word in found.personal["patient_name"].split() if word[0].isalpha()]
    return " ".join(f"{word[0].upper()}." for word in words[:_MOST_INITIALS])
