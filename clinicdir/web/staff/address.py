"""Moves a clinic on the map: its name, its address, and the point that the finder ranks by."""

from flask import redirect, url_for
from flask.typing import ResponseReturnValue

from clinicdir import clock
from clinicdir.errors import Invalid
from clinicdir.locations.address import address_of, change_address, pin_of
from clinicdir.locations.models import Location
from clinicdir.staff.rules import Right
from clinicdir.staff.sessions import actor_of
from clinicdir.web.filters import miles
from clinicdir.web.forms import version_in
from clinicdir.web.language import gettext
from clinicdir.web.present import signed_in
from clinicdir.web.security import form_token_failed, keeps_answers
from clinicdir.web.staff.blueprint import bp, needs
from clinicdir.web.staff.in_force import (
    SAVED,
    STALE,
    VersionedForm,
    put_in_force,
    settings_page,
)
from clinicdir.web.staff.own import own_place
from clinicdir.web.staff.pinning import (
    ADDRESS_FIELDS,
    AddressForm,
    Look,
    check_typed,
    chosen_pin,
    look_first,
)


class MoveForm(AddressForm, VersionedForm):
    """The address of one clinic, with the version that the page showed."""

    def fill(self, location: Location) -> None:
        """Show what is in force."""
        address = address_of(location)
        for name in ADDRESS_FIELDS:
            self[name].data = getattr(address, name) or ""
        self.show(address.in_one_line, pin_of(location))


@bp.get("/settings/<slug>/address")
@needs(Right.SETTINGS)
def show_address(slug: str) -> str:
    """Show where one clinic is."""
    location, form = own_place(slug), MoveForm(formdata=None)
    form.fill(location)
    return _page(location, form)


@bp.post("/settings/<slug>/address")
@keeps_answers
@needs(Right.SETTINGS)
def save_address(slug: str) -> ResponseReturnValue:
    """Put a typed address in force, once the page has shown where the finder sees it."""
    location, form = own_place(slug), MoveForm()
    if form_token_failed():
        return _page(location, form, problem="expired"), 400
    try:
        address = check_typed(form)
    except Invalid as refusal:
        form.attach(refusal.errors)
        return _page(location, form), 422
    look = look_first(form, address, location)
    if look is not None:
        return _page(location, form, look=look)
    actor, now, seen = actor_of(signed_in()), clock.now(), version_in(form.version.data)

    def change(place: Location) -> None:
        pin = chosen_pin(form, address, pin_of(place))
        change_address(place, address, pin, seen_version=seen, actor=actor, now=now)

    status = put_in_force(slug, form, change)
    if status == SAVED:
        return redirect(url_for("staff.show_address", slug=slug), code=303)
    return _page(own_place(slug), form, problem="stale" if status == STALE else None), status


def _page(
    location: Location, form: MoveForm, *, problem: str | None = None, look: Look | None = None
) -> str:
    in_force = _in_words(location)
    return settings_page(
        "staff/address.html", location, form, problem=problem, look=look, in_force=in_force
    )


def _in_words(location: Location) -> list[dict[str, str]]:
    answers = {
        gettext("Name"): location.name,
        gettext("Address"): ", ".join(filter(None, (location.line, location.unit))),
        gettext("City"): f"{location.city}, {location.state} {location.postal_code}",
        gettext("Position"): _pin_words(location),
    }
    return [{"question": question, "answer": answer} for question, answer in answers.items()]


def _pin_words(location: Location) -> str:
    if location.latitude is None:
        return gettext("none, so the clinic has no distance")
    words = f"{location.latitude}, {location.longitude}"
    if location.position_is_estimate:
        words = gettext("%(degrees)s, an estimate", degrees=words)
    if location.position_error_m:
        error = miles(location.position_error_m)
        words = gettext("%(position)s, off by %(distance)s at most", position=words, distance=error)
    return words
