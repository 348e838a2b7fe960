"""Adds a clinic: its facts once; all the rest stands in its settings."""

from flask import redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from wtforms import StringField

from clinicdir import clock
from clinicdir.db import transaction
from clinicdir.errors import Invalid
from clinicdir.locations.adding import add_location, check_location
from clinicdir.locations.address import Pin
from clinicdir.locations.queries import list_locations, organization_name
from clinicdir.staff.rules import Right
from clinicdir.staff.sessions import actor_of
from clinicdir.web.present import signed_in
from clinicdir.web.security import form_token_failed, keeps_answers
from clinicdir.web.staff.blueprint import bp, needs
from clinicdir.web.staff.closing import for_admins
from clinicdir.web.staff.pinning import AddressForm, Look, check_typed, chosen_pin, look_first

_FIELDS = ("slug", "time_zone", "phone", "fax", "email")


class LocationForm(AddressForm):
    """The facts of a new clinic."""

    slug = StringField()
    time_zone = StringField()
    phone = StringField()
    fax = StringField()
    email = StringField()

    def typed(self) -> dict[str, str]:
        """Return what was typed, under the names that the rules have."""
        return super().typed() | {name: str(self[name].data or "") for name in _FIELDS}


@bp.get("/locations/new")
@needs(Right.SETTINGS)
@for_admins
def new_location() -> str:
    """Ask for the facts of a new clinic."""
    form = LocationForm(formdata=None)
    first = next(iter(list_locations(limit=1)), None)
    form.time_zone.data = first.time_zone if first else ""
    return _page(form)


@bp.post("/locations/new")
@keeps_answers
@needs(Right.SETTINGS)
@for_admins
def add() -> ResponseReturnValue:
    """Store a new clinic, which takes no requests yet, once its point on the map was shown."""
    form = LocationForm()
    if form_token_failed():
        return _page(form, expired=True), 400
    try:
        address = check_typed(form, check_location)
        look = look_first(form, address, None)
        if look is not None:
            return _page(form, look=look)
        pin, actor = chosen_pin(form, address, Pin()), actor_of(signed_in())
        with transaction():
            slug = add_location(form.typed(), pin, actor=actor, now=clock.now()).slug
    except Invalid as refusal:
        form.attach(refusal.errors)
        return _page(form), 422
    return redirect(url_for("staff.show_settings", slug=slug), code=303)


def _page(form: LocationForm, *, expired: bool = False, look: Look | None = None) -> str:
    return render_template(
        "staff/new_location.html",
        group=organization_name(),
        member=signed_in(),
        form=form,
        expired=expired,
        look=look,
    )
