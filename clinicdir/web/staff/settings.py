"""What a manager says of each clinic: hours, how soon it answers, whether it takes requests."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from wtforms import BooleanField, RadioField, StringField, TextAreaField

from clinicdir import clock
from clinicdir.appointments.promise import promised_by
from clinicdir.appointments.retention import kept_days
from clinicdir.errors import Invalid, marked
from clinicdir.locations.hours import next_holidays, split_holidays
from clinicdir.locations.models import Location, LocationStatus
from clinicdir.locations.operations import change_settings, check_settings
from clinicdir.locations.queries import organization_name
from clinicdir.staff.rules import Right
from clinicdir.staff.sessions import actor_of
from clinicdir.web.filters import day_words
from clinicdir.web.forms import version_in
from clinicdir.web.language import gettext, ngettext
from clinicdir.web.opening import answer_words, shown_hours
from clinicdir.web.parts import parts
from clinicdir.web.present import signed_in
from clinicdir.web.security import form_token_failed, keeps_answers
from clinicdir.web.staff.blueprint import bp, needs
from clinicdir.web.staff.in_force import STALE, VersionedForm, put_in_force, settings_page
from clinicdir.web.staff.own import own_place, own_places

_OFFERED_HOURS = (2, 4, 8, 16)
_OTHER = "other"
_HOLIDAYS_NAMED = 3
STATUSES = {
    LocationStatus.OPEN: marked("It takes requests"),
    LocationStatus.LIMITED: marked("It takes requests, with limits that the notice tells"),
    LocationStatus.CLOSED: marked("It takes no requests"),
}


class SettingsForm(VersionedForm):
    """The settings of one clinic."""

    hours = StringField()
    closed_on_holidays = BooleanField()
    closed_days = TextAreaField()
    answers_within = RadioField(validate_choice=False)
    answers_within_h = StringField()
    status = RadioField(validate_choice=False)
    notice = StringField()
    retention_days = StringField()

    def offer(self) -> None:
        """Put the choices into the fields."""
        self.answers_within.choices = [
            ("", gettext("We do not say")),
            *((str(count), _hours_words(count)) for count in _OFFERED_HOURS),
            (_OTHER, gettext("Another number of opening hours, written below")),
        ]
        self.status.choices = [(status.value, gettext(words)) for status, words in STATUSES.items()]

    def fill(self, location: Location) -> None:
        """Show what is in force."""
        self.hours.data, self.closed_on_holidays.data = split_holidays(location.hours or "")
        self.closed_days.data = "\n".join(location.closed_days)
        hours = f"{(location.answers_within_min or 0) / 60:g}"
        is_offered = hours in map(str, _OFFERED_HOURS)
        if location.answers_within_min is None:
            self.answers_within.data = ""
        else:
            self.answers_within.data = hours if is_offered else _OTHER
            self.answers_within_h.data = "" if is_offered else hours
        self.status.data = location.status.value
        self.notice.data = location.notice or ""
        self.retention_days.data = str(location.retention_days or "")

    def typed(self) -> dict[str, Any]:
        """Return what was typed, under the names that the rules have."""
        chosen = self.answers_within.data or ""
        # Chosen and left empty is a number to be asked for, not a promise withdrawn.
        hours = (self.answers_within_h.data or "").strip() or "0" if chosen == _OTHER else chosen
        return {
            "hours": self.hours.data or "",
            "closed_on_holidays": bool(self.closed_on_holidays.data),
            "closed_days": self.closed_days.data or "",
            "answers_within_h": hours,
            "status": self.status.data or "",
            "notice": self.notice.data or "",
            "retention_days": self.retention_days.data or "",
        }


@bp.get("/settings")
@needs(Right.SETTINGS)
def list_settings() -> str:
    """List the clinics whose settings the person may change, with what is in force."""
    member, now = signed_in(), clock.now()
    return render_template(
        "staff/all_settings.html",
        group=organization_name(),
        member=member,
        rows=[
            {"location": place, "settings": _in_words(place, now), "name": place.name}
            for place in own_places()
        ],
    )


@bp.get("/settings/<slug>")
@needs(Right.SETTINGS)
def show_settings(slug: str) -> str:
    """Show the settings of one clinic."""
    location = own_place(slug)
    form = SettingsForm(formdata=None)
    form.fill(location)
    return _page(location, form)


@bp.post("/settings/<slug>")
@keeps_answers
@needs(Right.SETTINGS)
def save_settings(slug: str) -> ResponseReturnValue:
    """Put typed settings in force; from a stale page they are kept and shown beside the new."""
    location, form = own_place(slug), SettingsForm()
    if form_token_failed():
        return _page(location, form, problem="expired"), 400
    try:
        settings = check_settings(form.typed())
    except Invalid as refusal:
        form.attach(refusal.errors)
        return _page(location, form), 422
    seen, actor, now = version_in(form.version.data), actor_of(signed_in()), clock.now()

    def change(place: Location) -> None:
        change_settings(place, settings, seen_version=seen, actor=actor, now=now)

    if put_in_force(slug, form, change) == STALE:
        return _page(own_place(slug), form, problem="stale"), STALE
    return redirect(url_for("staff.show_settings", slug=slug), code=303)


def _page(location: Location, form: SettingsForm, *, problem: str | None = None) -> str:
    now = clock.now()
    form.offer()
    today = now.astimezone(ZoneInfo(location.time_zone)).date()
    return settings_page(
        "staff/settings.html",
        location,
        form,
        problem=problem,
        in_force=_in_words(location, now),
        opening=shown_hours(location, now),
        promise_at=promised_by(location, arrived_at=now),
        group_days=parts().settings.retention_days,
        holidays=[day_words(day) for day in next_holidays(today, _HOLIDAYS_NAMED)],
    )


def _in_words(location: Location, now: datetime) -> Sequence[dict[str, str | None]]:
    """Return the settings in force as questions and answers."""
    within = answer_words(location, now)
    answers = {
        gettext("Opening hours"): location.hours,
        gettext("Closed days"): ", ".join(location.closed_days),
        gettext("Answers within"): within or gettext("not said"),
        gettext("Requests"): gettext(STATUSES[location.status]),
        gettext("Notice"): location.notice,
        gettext("Personal data of closed requests"): _kept_words(location),
    }
    return [{"question": question, "answer": answer} for question, answer in answers.items()]


def _kept_words(location: Location) -> str:
    days = kept_days(location, parts().settings.retention_days)
    return ngettext("kept for %(count)s day", "kept for %(count)s days", days)


def _hours_words(count: int) -> str:
    return ngettext("Within %(count)s opening hour", "Within %(count)s opening hours", count)
