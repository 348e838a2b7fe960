"""Closes a clinic: no more requests, what is open goes to another one, and so do its people."""

import functools
from datetime import datetime

from flask import redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm.exc import StaleDataError
from wtforms import HiddenField, SelectField, StringField

from clinicdir import clock
from clinicdir.appointments.closing import count_open, count_to_come, move_some
from clinicdir.audit.queries import find_latest
from clinicdir.audit.rules import Actor
from clinicdir.db import transaction
from clinicdir.errors import FieldError, Forbidden, Invalid, NotAllowed, marked
from clinicdir.locations.models import Location, LocationStatus
from clinicdir.locations.operations import CHANGED, close_location
from clinicdir.locations.queries import get_location, list_all_locations, organization_name
from clinicdir.staff.operations import assign
from clinicdir.staff.queries import list_staff
from clinicdir.staff.rules import Right, Role
from clinicdir.staff.sessions import actor_of
from clinicdir.web.forms import Form, version_in
from clinicdir.web.language import gettext
from clinicdir.web.present import signed_in
from clinicdir.web.security import form_token_failed, keeps_answers
from clinicdir.web.staff.blueprint import View, bp, needs


class ClosingForm(Form):
    """Which clinic takes over, and what pages say."""

    version = HiddenField()
    location = SelectField(validate_choice=False)
    notice = StringField()


def for_admins(view: View) -> View:
    """Refuse everybody but admins: closing reaches beyond a manager's own clinics."""

    @functools.wraps(view)
    def guarded(**values: str) -> ResponseReturnValue:
        if signed_in().role is not Role.ADMIN:
            raise Forbidden
        return view(**values)

    guarded.admin_only = True  # type: ignore[attr-defined]
    return guarded


@bp.get("/settings/<slug>/close")
@needs(Right.SETTINGS)
@for_admins
def show_closing(slug: str) -> str:
    """Show what closing a clinic means, or what is left to do where it is closed already."""
    location, form = get_location(slug), ClosingForm(formdata=None)
    form.notice.data = location.notice or gettext("This clinic is closed.")
    return _page(location, form)


@bp.post("/settings/<slug>/close")
@keeps_answers
@needs(Right.SETTINGS)
@for_admins
def close(slug: str) -> ResponseReturnValue:
    """Close a clinic, then move its people and its open requests; again goes on where it ended."""
    location, form = get_location(slug), ClosingForm()
    if form_token_failed():
        return _page(location, form, problem="expired"), 400
    actor, now = actor_of(signed_in()), clock.now()
    try:
        to = _taker(form, location)
        with transaction():
            # First no more come in, then those that are there leave: so none is left behind.
            notice, seen = form.notice.data or "", version_in(form.version.data)
            close_location(get_location(slug), notice, seen_version=seen, actor=actor, now=now)
            _move_people(get_location(slug), get_location(to), actor=actor, now=now)
        _move_requests(slug, to, actor=actor)
    except Invalid as refusal:
        form.attach(refusal.errors)
        return _page(get_location(slug), form), 422
    except (NotAllowed, StaleDataError):
        location = get_location(slug)
        form.version.data = str(location.version)
        return _page(location, form, problem="stale"), 409
    return redirect(url_for("staff.show_closing", slug=slug), code=303)


def _move_requests(slug: str, to: str, *, actor: Actor) -> None:
    """Move in short transactions, so that patients' requests at other clinics need not wait."""
    moved = 1
    while moved:
        with transaction():
            left, taker = get_location(slug), get_location(to)
            moved = move_some(left, taker, actor=actor, now=clock.now())


def _move_people(left: Location, to: Location, *, actor: Actor, now: datetime) -> None:
    """Give everybody of the closing clinic the other one in its place, with the same role."""
    for person in list_staff():
        if person.role is Role.ADMIN or left not in person.locations:
            continue
        others = [place for place in person.locations if place not in (left, to)]
        assign(
            person.email,
            person.role,
            [*others, to],
            shared_line=person.shared_line,
            actor=actor,
            now=now,
        )


def _takers(location: Location) -> list[Location]:
    """Return the clinics that can take over: all that are not closed themselves."""
    return [
        place
        for place in list_all_locations()
        if place.id != location.id and place.status is not LocationStatus.CLOSED
    ]


def _taker(form: ClosingForm, location: Location) -> str:
    """Return the slug that was chosen, or raise Invalid."""
    chosen = form.location.data or ""
    if chosen not in {place.slug for place in _takers(location)}:
        message = marked("Select the clinic that takes over")
        raise Invalid(FieldError("location", "missing", message))
    return chosen


def _page(location: Location, form: ClosingForm, *, problem: str | None = None) -> str:
    form.version.data = form.version.data or str(location.version)
    form.location.choices = [
        ("", gettext("Select a clinic")),
        *((place.slug, place.name) for place in _takers(location)),
    ]
    people = [person for person in list_staff() if location in person.locations]
    return render_template(
        "staff/closing.html",
        group=organization_name(),
        member=signed_in(),
        location=location,
        form=form,
        problem=problem,
        last_change=find_latest(CHANGED, location.slug) if problem == "stale" else None,
        is_closed=location.status is LocationStatus.CLOSED,
        waiting=count_open(location),
        to_come=count_to_come(location, now=clock.now()),
        people=[person.email for person in people if person.role is not Role.ADMIN],
    )
