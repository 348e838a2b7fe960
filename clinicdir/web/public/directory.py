"""One clinic's page, and what the site says of itself."""

from flask import render_template
from flask.typing import ResponseReturnValue

from clinicdir import clock
from clinicdir.locations.queries import get_location, list_sharing, organization_name
from clinicdir.locations.rules import TelecomSystem
from clinicdir.web.errors import remember_phones
from clinicdir.web.opening import shown_hours
from clinicdir.web.parts import parts
from clinicdir.web.public.answering import instead_of
from clinicdir.web.public.blueprint import bp


@bp.get("/locations/<slug>")
def location(slug: str) -> str:
    """Show one clinic."""
    shown = get_location(slug)
    remember_phones([shown])
    shared = {
        system.value: list_sharing(value, system)
        for system in (TelecomSystem.PHONE, TelecomSystem.FAX)
        if (value := shown.telecom_value(system)) is not None
    }
    return render_template(
        "public/location.html",
        group=organization_name(),
        location=shown,
        shared=shared,
        near=instead_of(shown),
        opening=shown_hours(shown, clock.now()),
    )


@bp.get("/privacy")
def privacy() -> str:
    """Show the notice in force and what is kept of a visit."""
    return render_template(
        "public/privacy.html", group=organization_name(), consent=parts().intake.consent
    )


@bp.get("/about")
def about() -> str:
    """Show where the data of the finder comes from."""
    return render_template("public/about.html", group=organization_name())


@bp.get("/favicon.ico")
def favicon() -> ResponseReturnValue:
    """Answer browsers that ask unbidden: the icon is named in each page."""
    return "", 204
