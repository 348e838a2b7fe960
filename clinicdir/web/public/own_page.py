"""The patient's own page: how a request stands, for whoever has its link."""

from flask import render_template

from clinicdir.appointments.queries import get_by_link
from clinicdir.locations.queries import list_sharing, organization_name
from clinicdir.locations.rules import TelecomSystem
from clinicdir.web.errors import remember_phones
from clinicdir.web.public.blueprint import bp


@bp.get("/requests/<token>")
def own_page(token: str) -> str:
    """Show how a request stands, to whoever has its link; no contact data, no health."""
    appointment_request = get_by_link(token)
    remember_phones([appointment_request.location])
    phone = appointment_request.location.telecom_value(TelecomSystem.PHONE)
    return render_template(
        "public/own_page.html",
        group=organization_name(),
        request_=appointment_request,
        location=appointment_request.location,
        sharing=len(list_sharing(phone, TelecomSystem.PHONE)) if phone else 0,
    )
