"""Shows a request's answers as questions and words, for patients and for staff."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from clinicdir.appointments.intake import Choice, Intake
from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.submission import MAX_LOCATIONS
from clinicdir.locations.queries import find_location
from clinicdir.web.filters import month_year
from clinicdir.web.labels import (
    BEST_TIMES,
    CONTACT_BY,
    FOR_WHOM,
    LANGUAGES,
    YES_NO_UNSURE,
    window_words,
)
from clinicdir.web.language import gettext, ngettext

_MIDDLE_OF_MONTH = 15
_DAYS_A_WEEK = 7


@dataclass(frozen=True)
class Row:
    """One answer: its field, the question in short, what was answered (empty if nothing)."""

    field: str
    question: str
    answer: str


@dataclass(frozen=True)
class Section:
    """The answers of one page of questions, with the step where they are changed."""

    step: str
    title: str
    rows: list[Row]


def answer_rows(answers: Mapping[str, Any], intake: Intake) -> list[Section]:
    """Return every answer in the order of the questions, in words."""
    return [
        Section("goal", gettext("Your goal"), _goal_rows(answers, intake)),
        Section("who", gettext("Who it is for"), _people_rows(answers)),
        Section("contact", gettext("How to reach you"), _contact_rows(answers)),
        Section("times", gettext("Times and wishes"), _wish_rows(answers)),
    ]


def goal_words(goal: str, goal_text: str | None, intake: Intake) -> str:
    """Return the goal as people read it; their own words where they gave them."""
    return goal_text or _label(goal, intake.goals)


def goal_line(
    goal: str, goal_text: str | None, intake: Intake, *, target_month: date | None, today: date
) -> str:
    """Return what staff read first: Run a 5k, May 2027 (24 weeks).

    Weeks are whole ones from `today`, the day at the clinic, to the 15th of the month; a month
    whose 15th has gone by has none.
    """
    words = goal_words(goal, goal_text, intake)
    if target_month is None:
        return words
    days = (target_month.replace(day=_MIDDLE_OF_MONTH) - today).days
    if days < 0:
        return gettext("%(goal)s, %(month)s", goal=words, month=month_year(target_month))
    weeks = days // _DAYS_A_WEEK
    left = ngettext("%(count)s week", "%(count)s weeks", weeks) if weeks else gettext("this week")
    return gettext(
        "%(goal)s, %(month)s (%(left)s)", goal=words, month=month_year(target_month), left=left
    )


def goal_line_of(found: AppointmentRequest, intake: Intake, *, now: datetime) -> str:
    """Return that line for a stored request, with the weeks left from the day at its clinic."""
    return goal_line(
        found.goal,
        found.personal["goal_text"],
        intake,
        target_month=found.target_month,
        today=now.astimezone(ZoneInfo(found.location.time_zone)).date(),
    )


def area_words(body_area: str | None, intake: Intake) -> str:
    """Return where it bothers the patient, empty if they did not say."""
    return _label(body_area, intake.body_areas)


def slugs_of(answers: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the clinics that were ticked, in their order; one may stand alone, without a list."""
    location = answers.get("location") or ()
    return (location,) if isinstance(location, str) else tuple(location)


def _goal_rows(answers: Mapping[str, Any], intake: Intake) -> list[Row]:
    ticked = [find_location(slug) for slug in slugs_of(answers)[:MAX_LOCATIONS]]
    clinics = [location.name for location in ticked if location is not None]
    label = gettext("Clinics, in this order") if clinics[1:] else gettext("Clinic")
    stopped = [_label(code, intake.stopped) for code in answers.get("stopped") or ()]
    rows = [
        Row("location", label, "; ".join(clinics)),
        Row("goal", gettext("Get back to"), _label(answers.get("goal"), intake.goals)),
    ]
    if answers.get("goal_text"):
        rows.append(Row("goal_text", gettext("In your words"), answers["goal_text"]))
    return [
        *rows,
        Row(
            "body_area",
            gettext("Where it bothers you"),
            _label(answers.get("body_area"), intake.body_areas),
        ),
        Row("target_month", gettext("By when"), _month(answers.get("target_month"))),
        Row("stopped", gettext("Stopped or cut down"), ", ".join(stopped)),
        Row("tried", gettext("Tried so far"), answers.get("tried") or ""),
    ]


def _people_rows(answers: Mapping[str, Any]) -> list[Row]:
    rows = [
        Row("for_whom", gettext("Appointment for"), _word(answers.get("for_whom"), FOR_WHOM)),
        Row("patient_name", gettext("Patient"), answers.get("patient_name") or ""),
    ]
    if answers.get("birth_date"):
        rows.append(Row("birth_date", gettext("Birth date"), answers["birth_date"]))
    if answers.get("asker_name") or answers.get("relation"):
        rows += [
            Row("asker_name", gettext("Asked by"), answers.get("asker_name") or ""),
            Row("relation", gettext("Who is the patient's"), answers.get("relation") or ""),
        ]
    return rows


def _contact_rows(answers: Mapping[str, Any]) -> list[Row]:
    return [
        Row("phone", gettext("Phone"), answers.get("phone") or ""),
        Row("email", gettext("Email"), answers.get("email") or ""),
        Row("contact_by", gettext("Contact by"), _word(answers.get("contact_by"), CONTACT_BY)),
        Row("best_time", gettext("Best time"), _word(answers.get("best_time"), BEST_TIMES)),
        Row("voicemail_ok", gettext("Voicemail allowed"), _yes_no(answers.get("voicemail_ok"))),
    ]


def _wish_rows(answers: Mapping[str, Any]) -> list[Row]:
    windows = [
        window_words(window["weekday"], window["part"]) for window in answers.get("windows") or ()
    ]
    language = answers.get("language")
    return [
        Row("windows", gettext("Times that suit"), "; ".join(windows)),
        Row(
            "short_notice",
            gettext("Can come at short notice"),
            _yes_no(answers.get("short_notice")),
        ),
        Row(
            "returning", gettext("Been here before"), _word(answers.get("returning"), YES_NO_UNSURE)
        ),
        Row("referral", gettext("Has a referral"), _word(answers.get("referral"), YES_NO_UNSURE)),
        Row("language", gettext("Language"), LANGUAGES.get(language or "", language or "")),
        Row("interpreter", gettext("Interpreter needed"), _yes_no(answers.get("interpreter"))),
        Row("access_needs", gettext("Access needs"), answers.get("access_needs") or ""),
        Row("note", gettext("Note"), answers.get("note") or ""),
    ]


def _label(code: str | None, choices: Sequence[Choice]) -> str:
    return next((gettext(choice.label) for choice in choices if choice.code == code), code or "")


def _month(typed: str | None) -> str:
    return month_year(date.fromisoformat(f"{typed}-01")) if typed else ""


def _word(code: str | None, labels: Mapping[Any, str]) -> str:
    return gettext(labels[code]) if code in labels else code or ""


def _yes_no(value: object) -> str:
    return gettext("Yes") if value else gettext("No")
