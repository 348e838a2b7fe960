"""What a manager says a clinic takes on: goals, and the ways by which it contacts patients."""

from flask import redirect, url_for
from flask.typing import ResponseReturnValue
from wtforms import SelectMultipleField

from clinicdir import clock
from clinicdir.appointments.codes import ContactBy
from clinicdir.errors import Invalid
from clinicdir.locations.goals import change_left_out, check_left_out
from clinicdir.locations.models import Location
from clinicdir.staff.rules import Right
from clinicdir.staff.sessions import actor_of
from clinicdir.web.forms import version_in
from clinicdir.web.goals import goals_left_out
from clinicdir.web.labels import CONTACT_BY
from clinicdir.web.language import gettext
from clinicdir.web.parts import parts
from clinicdir.web.present import signed_in
from clinicdir.web.security import form_token_failed, keeps_answers
from clinicdir.web.staff.blueprint import bp, needs
from clinicdir.web.staff.in_force import STALE, VersionedForm, put_in_force, settings_page
from clinicdir.web.staff.own import own_place


class GoalsForm(VersionedForm):
    """What one clinic takes, ticked."""

    goals = SelectMultipleField(validate_choice=False)
    ways = SelectMultipleField(validate_choice=False)

    def offer(self) -> None:
        """Put the group's list and the ways into the fields."""
        self.goals.choices = [(goal.code, gettext(goal.label)) for goal in parts().intake.goals]
        self.ways.choices = [(way.value, gettext(words)) for way, words in CONTACT_BY.items()]

    def fill(self, location: Location) -> None:
        """Show what is in force."""
        self.goals.data = [goal for goal in _goals() if location.takes(goal)]
        self.ways.data = [way.value for way in ContactBy if location.contacts_by(way)]


@bp.get("/settings/<slug>/goals")
@needs(Right.SETTINGS)
def show_goals(slug: str) -> str:
    """Show what one clinic takes and how it contacts patients."""
    location, form = own_place(slug), GoalsForm(formdata=None)
    form.fill(location)
    return _page(location, form)


@bp.post("/settings/<slug>/goals")
@keeps_answers
@needs(Right.SETTINGS)
def save_goals(slug: str) -> ResponseReturnValue:
    """Put it in force for the next request."""
    location, form = own_place(slug), GoalsForm()
    if form_token_failed():
        return _page(location, form, problem="expired"), 400
    try:
        leaving = check_left_out(
            goals=_goals(),
            taken=form.goals.data or (),
            ways=[way.value for way in ContactBy],
            used=form.ways.data or (),
        )
    except Invalid as refusal:
        form.attach(refusal.errors)
        return _page(location, form), 422
    seen, actor, now = version_in(form.version.data), actor_of(signed_in()), clock.now()

    def change(place: Location) -> None:
        change_left_out(place, leaving, seen_version=seen, actor=actor, now=now)

    if put_in_force(slug, form, change) == STALE:
        return _page(own_place(slug), form, problem="stale"), STALE
    return redirect(url_for("staff.show_goals", slug=slug), code=303)


def _goals() -> list[str]:
    return [goal.code for goal in parts().intake.goals]


def _page(location: Location, form: GoalsForm, *, problem: str | None = None) -> str:
    form.offer()
    ways = [gettext(words) for way, words in CONTACT_BY.items() if location.contacts_by(way)]
    answers = {
        gettext("Not taken"): "; ".join(goals_left_out(location)) or gettext("nothing left out"),
        gettext("Patients are contacted by"): "; ".join(ways),
    }
    return settings_page(
        "staff/goals.html",
        location,
        form,
        problem=problem,
        in_force=[{"question": name, "answer": answer} for name, answer in answers.items()],
    )
