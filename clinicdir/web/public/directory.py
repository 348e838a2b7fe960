"""The list of clinics, the finder, one clinic's page, and what the site says of itself."""

from dataclasses import dataclass

from flask import render_template, request
from flask.typing import ResponseReturnValue

from clinicdir.finder.queries import Nearest, locate, nearest
from clinicdir.finder.rules import Origin, is_coarse, parse_line
from clinicdir.locations.models import Location
from clinicdir.locations.queries import (
    get_location,
    list_all_locations,
    list_locations,
    list_sharing,
    organization_name,
    sharing_counts,
)
from clinicdir.locations.rules import TelecomSystem
from clinicdir.web.errors import remember_phones
from clinicdir.web.paging import after
from clinicdir.web.parts import parts
from clinicdir.web.public.blueprint import bp

PAGE_SIZE = 20
_LONGEST_QUERY = 200


@dataclass(frozen=True)
class Found:
    """What the finder made of a typed line: where it is, if known, and the clinics from there."""

    origin: Origin | None
    results: list[Nearest[Location]]


@bp.get("/")
def home() -> str:
    """Show the finder and the clinics, or what is near a ZIP code or a city."""
    near = request.args.get("near", "").strip()[:_LONGEST_QUERY]
    # A house number in a URL stands in logs and histories already: we neither use nor repeat it.
    if near and is_coarse(parse_line(near)):
        return _results_page(near)
    locations = list_locations(limit=PAGE_SIZE + 1, after=after())
    remember_phones(locations)
    page, more = locations[:PAGE_SIZE], len(locations) > PAGE_SIZE
    return render_template(
        "public/home.html",
        group=organization_name(),
        locations=page,
        next_after=page[-1].ordinal if more else None,
        sharing=sharing_counts(),
        refused_address=bool(near),
    )


@bp.post("/find")
def find() -> str:
    """Answer a street address directly; it is in no URL, log, cookie or row."""
    return _results_page(request.form.get("address", "").strip()[:_LONGEST_QUERY])


def _results_page(typed: str) -> str:
    locations = list_all_locations()
    remember_phones(locations)
    origin = locate(typed, geocoder=parts().geocoder) if typed else None
    found = Found(origin, nearest(origin, locations, limit=PAGE_SIZE))
    return render_template(
        "public/results.html",
        group=organization_name(),
        typed=typed,
        found=found,
        sharing=sharing_counts(),
    )


@bp.get("/locations/")
def all_locations() -> str:
    """Show the clinics without a search, under the address that people guess."""
    return home()


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
        "public/location.html", group=organization_name(), location=shown, shared=shared
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
