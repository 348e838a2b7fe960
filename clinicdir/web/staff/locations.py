"""How a clinic is reached, how many it can see at once, and that its facts were checked."""

from collections.abc import Sequence
from typing import NamedTuple

from flask import redirect, url_for
from flask.typing import ResponseReturnValue
from wtforms import BooleanField, HiddenField, StringField

from clinicdir import clock
from clinicdir.errors import Invalid
from clinicdir.locations.facts import LocationFacts, change_facts, check_facts, facts_of
from clinicdir.locations.models import Location
from clinicdir.locations.queries import list_sharing
from clinicdir.locations.rules import TelecomSystem, display_number
from clinicdir.staff.rules import Right
from clinicdir.staff.sessions import actor_of
from clinicdir.web.forms import version_in
from clinicdir.web.language import gettext
from clinicdir.web.present import signed_in
from clinicdir.web.security import form_token_failed, keeps_answers
from clinicdir.web.staff.blueprint import bp, needs
from clinicdir.web.staff.in_force import SAVED, STALE, VersionedForm, put_in_force, settings_page
from clinicdir.web.staff.own import own_place

_SYSTEMS = (TelecomSystem.PHONE, TelecomSystem.FAX)


class Line(NamedTuple):
    """A phone or fax number, the other clinics that answer it, and if this one would join them."""

    system: str
    number: str
    clinics: Sequence[str]
    joins: bool


class FactsForm(VersionedForm):
    """The contact points and the places of one clinic.

    `shown` are the numbers of which the page has said who else answers them.
    """

    shown = HiddenField()
    phone = StringField()
    fax = StringField()
    email = StringField()
    capacity = StringField()
    confirmed = BooleanField()

    def fill(self, location: Location) -> None:
        """Show what is in force."""
        facts = facts_of(location)
        self.phone.data = display_number(facts.phone) if facts.phone else ""
        self.fax.data = display_number(facts.fax) if facts.fax else ""
        self.email.data = facts.email or ""
        self.capacity.data = str(facts.capacity or "")

    def typed(self) -> dict[str, str]:
        """Return what was typed, under the names that the rules have."""
        return {name: self[name].data or "" for name in ("phone", "fax", "email", "capacity")}


@bp.get("/settings/<slug>/contact")
@needs(Right.SETTINGS)
def show_facts(slug: str) -> str:
    """Show how one clinic is reached."""
    location, form = own_place(slug), FactsForm(formdata=None)
    form.fill(location)
    return _page(location, form)


@bp.post("/settings/<slug>/contact")
@keeps_answers
@needs(Right.SETTINGS)
def save_facts(slug: str) -> ResponseReturnValue:
    """Put typed facts in force, once the page has said whose lines a new number joins or leaves."""
    location, form = own_place(slug), FactsForm()
    if form_token_failed():
        return _page(location, form, problem="expired"), 400
    try:
        facts = check_facts(form.typed())
    except Invalid as refusal:
        form.attach(refusal.errors)
        return _page(location, form), 422
    lines = _changed_lines(location, facts)
    numbers = f"{facts.phone} {facts.fax}"
    if lines and form.shown.data != numbers:
        form.shown.data = numbers
        return _page(location, form, lines=lines)
    confirmed, seen = bool(form.confirmed.data), version_in(form.version.data)
    actor, now = actor_of(signed_in()), clock.now()

    def change(place: Location) -> None:
        change_facts(place, facts, confirmed=confirmed, seen_version=seen, actor=actor, now=now)

    status = put_in_force(slug, form, change)
    if status == SAVED:
        return redirect(url_for("staff.show_facts", slug=slug), code=303)
    return _page(own_place(slug), form, problem="stale" if status == STALE else None), status


def _page(
    location: Location,
    form: FactsForm,
    *,
    problem: str | None = None,
    lines: Sequence[Line] = (),
) -> str:
    present = facts_of(location)
    shared = [_line(location, system, getattr(present, system)) for system in _SYSTEMS]
    return settings_page(
        "staff/facts.html",
        location,
        form,
        problem=problem,
        in_force=_in_words(location),
        lines=lines,
        shared=[line for line in shared if line.clinics],
    )


def _changed_lines(location: Location, facts: LocationFacts) -> list[Line]:
    """Return every line of others that the location would leave or join with these facts."""
    lines = []
    for system in _SYSTEMS:
        before, after = (getattr(one, system) for one in (facts_of(location), facts))
        if before != after:
            lines += [_line(location, system, before), _line(location, system, after, joins=True)]
    return [line for line in lines if line.clinics]


def _line(
    location: Location, system: TelecomSystem, value: str | None, *, joins: bool = False
) -> Line:
    """Return a number with the other clinics that answer it, as the database has them now."""
    others = list_sharing(value, system) if value else []
    names = [place.name for place in others if place.id != location.id]
    return Line(system.value, display_number(value) if value else "", names, joins)


def _in_words(location: Location) -> list[dict[str, str]]:
    facts = facts_of(location)
    checked = location.checked_at
    answers = {
        gettext("Phone"): display_number(facts.phone) if facts.phone else "",
        gettext("Fax"): display_number(facts.fax) if facts.fax else "",
        gettext("Email"): facts.email or "",
        gettext("Places at the same time"): str(facts.capacity or gettext("no limit")),
        gettext("Facts checked"): checked.isoformat() if checked else gettext("never"),
    }
    return [{"question": question, "answer": answer} for question, answer in answers.items()]
