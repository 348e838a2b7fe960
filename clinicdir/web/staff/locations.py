"""How a clinic is reached, how many it can see at once, and that its facts were checked."""

from flask import redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm.exc import StaleDataError
from wtforms import BooleanField, HiddenField, StringField

from clinicdir import clock
from clinicdir.audit.queries import find_latest
from clinicdir.db import transaction
from clinicdir.errors import Invalid, NotAllowed
from clinicdir.locations.facts import change_facts, check_facts, facts_of
from clinicdir.locations.models import Location
from clinicdir.locations.operations import CHANGED
from clinicdir.locations.queries import list_sharing, organization_name
from clinicdir.locations.rules import TelecomSystem, display_number
from clinicdir.staff.rules import Right
from clinicdir.staff.sessions import actor_of
from clinicdir.web.forms import Form, version_in
from clinicdir.web.language import gettext
from clinicdir.web.login import signed_in
from clinicdir.web.security import form_token_failed, keeps_answers
from clinicdir.web.staff.blueprint import bp, needs
from clinicdir.web.staff.own import own_place


class FactsForm(Form):
    """The contact points and the places of one clinic, with the version that the page showed."""

    version = HiddenField()
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
    """Put typed facts in force; from a stale page they are kept beside what is new."""
    location, form = own_place(slug), FactsForm()
    if form_token_failed():
        return _page(location, form, problem="expired"), 400
    try:
        facts = check_facts(form.typed())
        with transaction():
            change_facts(
                own_place(slug),
                facts,
                confirmed=bool(form.confirmed.data),
                seen_version=version_in(form.version.data),
                actor=actor_of(signed_in()),
                now=clock.now(),
            )
    except Invalid as refusal:
        form.attach(refusal.errors)
        return _page(location, form), 422
    except (NotAllowed, StaleDataError):
        location = own_place(slug)
        form.version.data = str(location.version)
        return _page(location, form, problem="stale"), 409
    return redirect(url_for("staff.show_facts", slug=slug), code=303)


def _page(location: Location, form: FactsForm, *, problem: str | None = None) -> str:
    form.version.data = form.version.data or str(location.version)
    return render_template(
        "staff/facts.html",
        group=organization_name(),
        member=signed_in(),
        location=location,
        form=form,
        problem=problem,
        last_change=find_latest(CHANGED, location.slug) if problem == "stale" else None,
        in_force=_in_words(location),
        shared=[
            names
            for system in (TelecomSystem.PHONE, TelecomSystem.FAX)
            if (names := _sharing(location, system))
        ],
    )


def _sharing(location: Location, system: TelecomSystem) -> dict[str, object] | None:
    """Return the other clinics that answer the same number, as the database has them now."""
    value = location.telecom_value(system)
    others = [place.name for place in list_sharing(value, system)] if value else []
    others = [name for name in others if name != location.name]
    if not value or not others:
        return None
    return {"number": display_number(value), "clinics": others}


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
