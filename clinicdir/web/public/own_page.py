"""The patient's own page: how a request stands, for whoever has its link."""

from flask import render_template

from clinicdir import clock
from clinicdir.appointments.queries import get_by_link
from clinicdir.locations.queries import list_sharing, organization_name
from clinicdir.locations.rules import TelecomSystem
from clinicdir.web.errors import remember_phones
from clinicdir.web.ladders import goal_of_request, ladder_of_request
from clinicdir.web.public.blueprint import bp
from clinicdir.web.public.sent import was_sent_here


@bp.get("/requests/<token>")
def own_page(token: str) -> str:
    """Show how a request stands, to whoever has its link; no contact data, no health."""
    appointment_request = get_by_link(token)
    remember_phones([appointment_request.location])
    # The ladder tells of a body area and a goal: nobody but the sender has shown they know them.
    sent_here = was_sent_here(token, now=clock.now())
    ladder_shown = ladder_of_request(appointment_request) if sent_here else None
    phone = appointment_request.location.telecom_value(TelecomSystem.PHONE)
    return render_template(
        "public/own_page.html",
        group=organization_name(),
        request_=appointment_request,
        location=appointment_request.location,
        ladder_shown=ladder_shown,
        goal=goal_of_request(appointment_request) if ladder_shown else "",
        sharing=len(list_sharing(phone, TelecomSystem.PHONE)) if phone else 0,
    )
