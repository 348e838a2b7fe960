"""The forms: what a page asks, turned into the same answers that the JSON API takes."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar

from flask import request
from flask_wtf import FlaskForm
from werkzeug.datastructures import MultiDict
from wtforms import (
    BooleanField,
    Field,
    HiddenField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)

from clinicdir.appointments.answers import showable
from clinicdir.appointments.codes import PartOfDay, Weekday
from clinicdir.appointments.intake import Choice, Intake
from clinicdir.appointments.submission import MAX_WINDOWS
from clinicdir.errors import FieldError
from clinicdir.locations.models import Location
from clinicdir.web.answers import slugs_of
from clinicdir.web.filters import month_year
from clinicdir.web.goals import goals_for, ways_for
from clinicdir.web.labels import (
    BEST_TIMES,
    CONTACT_BY,
    FOR_WHOM,
    LANGUAGES,
    PARTS,
    WEEKDAYS,
    YES_NO_UNSURE,
    window_words,
)
from clinicdir.web.language import gettext

_MONTHS_AHEAD = 36
_LONGEST_VERSION = 9


# Where the errors of an answer are shown that several fields make up.
_SHOWN_AT = {"windows": "window1"}


class Form(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """A form whose token web/security.py checks and whose rules the domain has."""

    class Meta(FlaskForm.Meta):  # type: ignore[misc]  # the same
        """How this site's forms read what was sent."""

        def wrap_formdata(self, _form: FlaskForm, formdata: Any) -> Any:  # noqa: ANN401
            """Read a form, never JSON, and of it what a page can show again.

            The rules refuse what stands for the rest.
            """
            if formdata is None or request.method != "POST":
                return None
            sent = request.form.items(multi=True)
            return MultiDict((name, showable(text)) for name, text in sent)

    def attach(self, errors: Iterable[FieldError]) -> bool:
        """Show the domain's errors at this page's fields; say whether there was one."""
        found = False
        for error in errors:
            field = self._fields.get(_SHOWN_AT.get(error.field, error.field))
            if field is not None:
                field.errors = [gettext(error.message, **error.values)]
                found = True
        return found


@dataclass(frozen=True)
class Offer:
    """What the questions offer to choose from: the group's lists, clinics, and today there."""

    intake: Intake
    locations: Sequence[Location]
    today: date
    # The clinics that were chosen, and what was answered before: it stays to be seen.
    receivers: Sequence[Location] = ()
    answered: Mapping[str, Any] = dataclasses.field(default_factory=dict)


class QuestionForm(Form):
    """One page of questions of the request."""

    step: ClassVar[str]
    template: ClassVar[str]

    draft = HiddenField()
    change = HiddenField()

    def prepare(self, offer: Offer) -> None:
        """Put the group's choices into the fields."""

    def fill(self, answers: Mapping[str, Any]) -> None:
        """Show answers given before."""
        for name, field in self._fields.items():
            if name in answers:
                field.data = answers[name]

    def answers(self) -> dict[str, Any]:
        """Return this page's answers as JSON has them, None where nothing was answered."""
        own = (name for name in self._fields if name not in ("csrf_token", "draft", "change"))
        return {name: _as_answer(self._fields[name]) for name in own}


class GoalForm(QuestionForm):
    """Where, and what to get back to: the question that everything else works back from."""

    step = "goal"
    template = "public/ask_goal.html"

    location = SelectMultipleField(validate_choice=False)
    goal = RadioField(validate_choice=False)
    goal_text = StringField()
    body_area = SelectField(validate_choice=False)
    target_month = SelectField(validate_choice=False)
    stopped = SelectMultipleField(validate_choice=False)
    tried = StringField()
    consent_version = HiddenField()
    source = HiddenField()
    opened = HiddenField()
    # People do not see it and leave it empty; its name tempts no browser to fill it in.
    aside = StringField()

    def prepare(self, offer: Offer) -> None:
        """Offer the clinics that are given, the group's goals, and three years of months."""
        self.location.choices = [(location.slug, location.name) for location in offer.locations]
        takers, answered = offer.receivers or offer.locations, offer.answered.get("goal")
        self.goal.choices = _pairs(goals_for(takers, offer.intake.goals, answered))
        self.body_area.choices = [("", gettext("Not said")), *_pairs(offer.intake.body_areas)]
        self.stopped.choices = _pairs(offer.intake.stopped)
        self.target_month.choices = [("", gettext("No date")), *_months(offer.today)]

    def fill(self, answers: Mapping[str, Any]) -> None:
        """Show answers given before; a single clinic may stand there without a list."""
        super().fill({**answers, "location": list(slugs_of(answers))})

    def answers(self) -> dict[str, Any]:
        """Return the answers without the link's name and the signs, which are no answers."""
        beside = ("source", "opened", "aside")
        return {name: value for name, value in super().answers().items() if name not in beside}


class PeopleForm(QuestionForm):
    """Who is asking, and for whom."""

    step = "who"
    template = "public/ask_who.html"

    for_whom = RadioField(validate_choice=False)
    patient_name = StringField()
    birth_date = StringField()
    asker_name = StringField()
    relation = StringField()

    def prepare(self, _offer: Offer) -> None:
        """Offer the two answers."""
        self.for_whom.choices = _translated(FOR_WHOM)


class ContactForm(QuestionForm):
    """How the clinic gets in touch."""

    step = "contact"
    template = "public/ask_contact.html"

    phone = StringField()
    email = StringField()
    contact_by = RadioField(validate_choice=False)
    best_time = SelectField(validate_choice=False)
    voicemail_ok = BooleanField()

    def prepare(self, offer: Offer) -> None:
        """Offer the ways that a chosen clinic uses, and the times."""
        goal, answered = offer.answered.get("goal"), offer.answered.get("contact_by")
        ways = ways_for(offer.receivers, goal=goal, answered=answered)
        self.contact_by.choices = _translated({way: CONTACT_BY[way] for way in ways})
        self.best_time.choices = [("", gettext("Not said")), *_translated(BEST_TIMES)]


class TimesForm(QuestionForm):
    """When the patient can come, and what else the clinic should know; all of it optional."""

    step = "times"
    template = "public/ask_times.html"

    window1 = SelectField(validate_choice=False)
    window2 = SelectField(validate_choice=False)
    window3 = SelectField(validate_choice=False)
    short_notice = BooleanField()
    returning = SelectField(validate_choice=False)
    referral = SelectField(validate_choice=False)
    language = SelectField(validate_choice=False)
    interpreter = BooleanField()
    access_needs = StringField()
    note = TextAreaField()

    def prepare(self, _offer: Offer) -> None:
        """Offer each day with each part of it, and the languages in their own words."""
        times = [("", gettext("No wish")), *_windows()]
        for field in (self.window1, self.window2, self.window3):
            field.choices = times
        unsure = [("", gettext("Not said")), *_translated(YES_NO_UNSURE)]
        self.returning.choices = self.referral.choices = unsure
        self.language.choices = [
            ("", gettext("Not said")),
            *LANGUAGES.items(),
            ("und", gettext("Another language")),
        ]

    def fill(self, answers: Mapping[str, Any]) -> None:
        """Spread the list of times over the three fields."""
        super().fill(answers)
        for field, window in zip(
            (self.window1, self.window2, self.window3), answers.get("windows") or (), strict=False
        ):
            field.data = f"{window['weekday']} {window['part']}"

    def answers(self) -> dict[str, Any]:
        """Gather the three fields into the list of times."""
        given = super().answers()
        chosen = [given.pop(f"window{number}") for number in range(1, MAX_WINDOWS + 1)]
        windows = []
        for value in filter(None, chosen):
            weekday, _, part = value.partition(" ")
            windows.append({"weekday": weekday, "part": part})
        return given | {"windows": windows}


STEPS: tuple[type[QuestionForm], ...] = (GoalForm, PeopleForm, ContactForm, TimesForm)


def step_of(answer: str) -> str:
    """Return the step of the page that asks for an answer, the first one where none does."""
    field = _SHOWN_AT.get(answer, answer)
    return next((form.step for form in STEPS if hasattr(form, field)), STEPS[0].step)


class SendForm(Form):
    """Sends a checked request; its key works once, however often the button is pressed."""

    draft = HiddenField()
    submission_key = HiddenField()
    # Filled where the page shows a notice that changed: sending then agrees to that one.
    consent_version = HiddenField()


def version_in(typed: str | None) -> int:
    """Return the version that a form says its page showed; 0, older than any, for all else."""
    typed = typed or ""
    is_number = typed.isascii() and typed.isdecimal() and len(typed) <= _LONGEST_VERSION
    return int(typed) if is_number else 0


def _as_answer(field: Field) -> Any:  # noqa: ANN401 - text, list or yes-no
    if isinstance(field, BooleanField):
        return bool(field.data)
    if isinstance(field, SelectMultipleField):
        return list(field.data or ())
    value = field.data
    if isinstance(value, str):
        # Browsers send line ends as two characters; the limits count what people typed.
        value = value.replace("\r\n", "\n")
    return value or None


def _pairs(choices: Iterable[Choice]) -> list[tuple[str, str]]:
    return [(choice.code, gettext(choice.label)) for choice in choices]


def _translated(labels: Mapping[Any, str]) -> list[tuple[str, str]]:
    return [(code.value, gettext(label)) for code, label in labels.items()]


def _months(today: date) -> list[tuple[str, str]]:
    months = []
    for ahead in range(_MONTHS_AHEAD + 1):
        year, month = divmod(today.year * 12 + today.month - 1 + ahead, 12)
        day = date(year, month + 1, 1)
        months.append((f"{day:%Y-%m}", month_year(day)))
    return months


def _windows() -> list[tuple[str, str]]:
    return [
        (f"{weekday} {part}", window_words(weekday, part))
        for weekday in WEEKDAYS
        for part in PARTS
        if not (weekday is Weekday.ANY and part is PartOfDay.ANY)
    ]
