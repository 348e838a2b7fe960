"""The forms of staff: one for each move that asks something, and what it says of the move."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from wtforms import Field, HiddenField, RadioField, SelectField, StringField, TextAreaField

from clinicdir.appointments.answers import AnswerReader
from clinicdir.appointments.arrival import first_open, ticked_locations
from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.offers import list_offers
from clinicdir.appointments.rules import Status
from clinicdir.errors import FieldError, Invalid, NotAllowed, marked
from clinicdir.locations.models import Location, LocationStatus
from clinicdir.web.filters import day_time
from clinicdir.web.forms import Form, version_in
from clinicdir.web.language import gettext
from clinicdir.web.staff_labels import DECLINE_REASONS
from clinicdir.web.typed_time import read_instant

NOTE_LENGTH = 500
_DAY = {"type": "date", "class": "short"}
_TIME = {"type": "time", "class": "short"}
_NOTE = {"maxlength": NOTE_LENGTH}


@dataclass(frozen=True)
class Choices:
    """What the forms of a page offer to choose from."""

    places: Sequence[Location]
    times: Sequence[tuple[str, str]]


class MoveForm(Form):
    """One move of staff on a request, with the version that their page showed."""

    # Days and times of day stand side by side.
    in_pairs: ClassVar[bool] = False

    version = HiddenField()

    def prepare(self, _choices: Choices) -> None:
        """Put the choices into the fields."""

    def asked(self) -> list[Field]:
        """Return the fields that a person fills in."""
        return [field for field in self if not isinstance(field, HiddenField)]

    def typed(self) -> list[dict[str, str]]:
        """Return what was typed, to be shown where this form is not offered any more."""
        rows = []
        for field in self.asked():
            value: str = field.data or ""
            if value and isinstance(field, RadioField | SelectField):
                offered: Any = field.choices or ()
                value = dict(offered).get(value, "")
            if value:
                rows.append({"question": gettext(field.label.text), "answer": value})
        return rows

    @property
    def seen_version(self) -> int:
        """Return the version that the page showed, 0 where the form says none."""
        return version_in(self.version.data)

    def refuse_full(self, found: AppointmentRequest, starts_at: datetime, *, now: datetime) -> None:
        """Say at its field that all places of a time are taken."""
        del now
        self.attach([full_error(self.asked()[0].name, found, starts_at)])

    def read(self, _found: AppointmentRequest, *, now: datetime) -> dict[str, Any]:
        """Return what the form says of the move, or raise Invalid."""
        del now
        return {}


class BookForm(MoveForm):
    """The time that was agreed on with the patient."""

    in_pairs = True

    day = StringField(marked("Day"), render_kw=_DAY)
    time = StringField(marked("Time at the clinic"), render_kw=_TIME)

    def read(self, found: AppointmentRequest, *, now: datetime) -> dict[str, Any]:
        """Return the instant of the typed day and time."""
        return {"booked_at": read_instant(self.day, self.time, found.location.time_zone, now=now)}


class OfferForm(MoveForm):
    """One to three times to hold out to the patient."""

    in_pairs = True

    day1 = StringField(marked("Day 1"), render_kw=_DAY)
    time1 = StringField(marked("Time on day 1"), render_kw=_TIME)
    day2 = StringField(marked("Day 2 (optional)"), render_kw=_DAY)
    time2 = StringField(marked("Time on day 2"), render_kw=_TIME)
    day3 = StringField(marked("Day 3 (optional)"), render_kw=_DAY)
    time3 = StringField(marked("Time on day 3"), render_kw=_TIME)

    def read(self, found: AppointmentRequest, *, now: datetime) -> dict[str, Any]:
        """Return the typed times; a pair left empty is none, but one there must be."""
        fields = self.asked()
        pairs = list(zip(fields[::2], fields[1::2], strict=True))
        errors: list[FieldError] = []
        times: list[datetime] = []
        for pair in [pair for pair in pairs if _is_typed(*pair)] or pairs[:1]:
            try:
                times.append(read_instant(*pair, found.location.time_zone, now=now))
            except Invalid as refusal:
                errors += refusal.errors
        if errors:
            raise Invalid(*errors)
        return {"offered": tuple(times)}

    def refuse_full(self, found: AppointmentRequest, starts_at: datetime, *, now: datetime) -> None:
        """Say at its day that all places of a time are taken."""
        fields = self.asked()
        for day, time in zip(fields[::2], fields[1::2], strict=True):
            zone = found.location.time_zone
            if _is_typed(day, time) and read_instant(day, time, zone, now=now) == starts_at:
                self.attach([full_error(day.name, found, starts_at)])


class AcceptForm(MoveForm):
    """Which of the times held out a caller takes."""

    offer = RadioField(marked("Which time?"), validate_choice=False)

    def prepare(self, choices: Choices) -> None:
        """Offer the times that can still be taken."""
        self.offer.choices = list(choices.times)

    def read(self, found: AppointmentRequest, *, now: datetime) -> dict[str, Any]:
        """Return the chosen time; NotAllowed where it is not held out any more."""
        if not self.offer.data:
            raise Invalid(FieldError("offer", "missing", marked("Select a time")))
        held = {str(offer.id): offer.starts_at for offer in list_offers(found, now=now)}
        if self.offer.data not in held:
            message = "This time is not held out any more."
            raise NotAllowed(message)
        return {"booked_at": held[self.offer.data]}


class DeclineForm(MoveForm):
    """Why the clinic cannot do it."""

    decline_reason = RadioField(marked("Why?"), validate_choice=False)
    note = StringField(marked("Note for colleagues (optional)"), render_kw=_NOTE)

    def prepare(self, _choices: Choices) -> None:
        """Offer the reasons."""
        self.decline_reason.choices = translated(DECLINE_REASONS)

    def read(self, found: AppointmentRequest, *, now: datetime) -> dict[str, Any]:
        """Return the reason and the note; what may be spam is declined as such."""
        del now
        reader = AnswerReader(self.data)
        if found.status is Status.QUARANTINED:
            reason: str | None = "spam"
        else:
            reason = reader.choice(
                "decline_reason", list(DECLINE_REASONS), missing=marked("Select a reason")
            )
        note = note_of(reader)
        return unless_refused(reader, decline_reason=reason, note=note)


class ReasonForm(MoveForm):
    """A reason that colleagues must be told."""

    note = StringField(marked("Reason"), id="reason", render_kw=_NOTE)

    def read(self, _found: AppointmentRequest, *, now: datetime) -> dict[str, Any]:
        """Return the reason as the note of the move."""
        del now
        reader = AnswerReader(self.data)
        too_long = marked("Reason must be 500 characters or less")
        note = reader.text(
            "note", limit=NOTE_LENGTH, too_long=too_long, missing=marked("Enter a reason")
        )
        return unless_refused(reader, note=note)


class PassOnForm(ReasonForm):
    """Which other clinic gets the request, and why."""

    location = SelectField(marked("Clinic"), id="pass_on_to", validate_choice=False)
    note = StringField(marked("Reason, for colleagues"), id="pass_on_reason", render_kw=_NOTE)

    def prepare(self, choices: Choices) -> None:
        """Offer every other clinic of the group that takes requests."""
        self.location.choices = place_choices(choices.places)

    def read(self, found: AppointmentRequest, *, now: datetime) -> dict[str, Any]:
        """Return the clinic and the reason."""
        errors: list[FieldError] = []
        location, details = None, {}
        try:
            location = first_open(ticked_locations((self.location.data or "",)))
        except Invalid as refusal:
            errors += refusal.errors
        try:
            details = super().read(found, now=now)
        except Invalid as refusal:
            errors += refusal.errors
        if errors:
            raise Invalid(*errors)
        return details | {"location": location}


class WithdrawForm(MoveForm):
    """The caller's wish to take the request back."""

    note = StringField(
        marked("Note for colleagues (optional)"), id="withdraw_note", render_kw=_NOTE
    )

    def read(self, _found: AppointmentRequest, *, now: datetime) -> dict[str, Any]:
        """Return the note."""
        del now
        reader = AnswerReader(self.data)
        note = note_of(reader)
        return unless_refused(reader, note=note)


class NoteForm(MoveForm):
    """A note for colleagues."""

    note = TextAreaField(marked("Note for colleagues"), id="own_note")

    def read(self, _found: AppointmentRequest, *, now: datetime) -> dict[str, Any]:
        """Return the note."""
        del now
        reader = AnswerReader(self.data)
        note = note_of(reader, missing=marked("Enter a note"))
        return unless_refused(reader, note=note)


def full_error(field: str, found: AppointmentRequest, starts_at: datetime) -> FieldError:
    """Return the words for a time at which the clinic has no place left."""
    when = day_time(starts_at, found.location.time_zone)
    message = marked("%(clinic)s has no place left on %(when)s: enter another time")
    values: dict[str, str | int] = {"clinic": found.location.name, "when": when}
    return FieldError(field, "full", message, values)


def place_choices(places: Sequence[Location]) -> list[tuple[str, str]]:
    """Return the clinics that take requests, after an empty choice."""
    taking = [place for place in places if place.status is not LocationStatus.CLOSED]
    return [("", gettext("Select a clinic")), *((place.slug, place.name) for place in taking)]


def time_choices(found: AppointmentRequest, *, now: datetime) -> list[tuple[str, str]]:
    """Return the times held out for a request as choices."""
    zone = found.location.time_zone
    return [
        (str(offer.id), day_time(offer.starts_at, zone)) for offer in list_offers(found, now=now)
    ]


def _is_typed(*fields: Field) -> bool:
    return any((field.data or "").strip() for field in fields)


def translated(words: dict[str, str]) -> list[tuple[str, str]]:
    """Return words as choices, in the reader's language."""
    return [(code, gettext(text)) for code, text in words.items()]


def note_of(reader: AnswerReader, *, missing: str | None = None) -> str | None:
    """Return the note that was typed, None where it is left empty."""
    too_long = marked("Note must be 500 characters or less")
    return reader.text("note", limit=NOTE_LENGTH, too_long=too_long, missing=missing)


def unless_refused(reader: AnswerReader, **details: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return the details of a move, or raise Invalid with all that was refused."""
    if reader.errors:
        raise Invalid(*reader.errors)
    return details
