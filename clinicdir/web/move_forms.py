"""Which form a move of staff is asked with, and the form of a try to reach the patient."""

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from wtforms import RadioField, StringField

from clinicdir.appointments.answers import AnswerReader
from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.rules import Action, parse_reference
from clinicdir.errors import FieldError, Invalid, marked
from clinicdir.web.staff_forms import (
    BookForm,
    Choices,
    DeclineForm,
    MoveForm,
    NoteForm,
    OfferForm,
    PassOnForm,
    ReasonForm,
    WithdrawForm,
    note_of,
    translated,
    unless_refused,
)
from clinicdir.web.staff_labels import AGAIN, OUTCOMES
from clinicdir.web.typed_time import read_instant

_MORNING = time(9)
_LATEST_TRY = timedelta(days=30)
_NOT_AHEAD = marked("The time to try again must be in the future, within 30 days")
_HOURS = {"1h": timedelta(hours=1), "3h": timedelta(hours=3)}


class ContactedForm(MoveForm):
    """How a try to reach the patient ended, and when to try again."""

    outcome = RadioField(marked("How did it end?"), validate_choice=False)
    again = RadioField(marked("Try again (optional)"), validate_choice=False)
    again_day = StringField(
        marked("On this day (optional)"), render_kw={"type": "date", "class": "short"}
    )
    again_time = StringField(
        marked("At this time at the clinic"), render_kw={"type": "time", "class": "short"}
    )
    note = StringField(
        marked("Note for colleagues (optional)"), id="contact_note", render_kw={"maxlength": 500}
    )

    def prepare(self, _choices: Choices) -> None:
        """Offer the outcomes and the waits."""
        self.outcome.choices = translated(OUTCOMES)
        self.again.choices = translated(AGAIN)

    def read(self, found: AppointmentRequest, *, now: datetime) -> dict[str, Any]:
        """Return the outcome, for the history, the note and when to try again."""
        reader = AnswerReader(self.data)
        outcome = reader.choice("outcome", list(OUTCOMES), missing=marked("Select how it ended"))
        note = note_of(reader)
        try:
            again = self._read_again(found.location.time_zone, now=now)
        except Invalid as refusal:
            raise Invalid(*reader.errors, *refusal.errors) from None
        return unless_refused(reader, details=(outcome,), note=note, try_again_at=again)

    def _read_again(self, zone_name: str, *, now: datetime) -> datetime | None:
        """Return the typed day and time, else the wait that was chosen, else None."""
        day, at = self.again_day, self.again_time
        if any((field.data or "").strip() for field in (day, at)):
            return read_instant(
                day, at, zone_name, now=now, latest=_LATEST_TRY, not_ahead=_NOT_AHEAD
            )
        if self.again.data == "morning":
            zone = ZoneInfo(zone_name)
            tomorrow = now.astimezone(zone).date() + timedelta(days=1)
            return datetime.combine(tomorrow, _MORNING, tzinfo=zone).astimezone(now.tzinfo)
        wait = _HOURS.get(self.again.data or "")
        return None if wait is None else now + wait


class MergeForm(MoveForm):
    """The other request that this one repeats."""

    into = StringField(marked("Reference of the request that stays"))

    def read(self, _found: AppointmentRequest, *, now: datetime) -> dict[str, Any]:
        """Return the other's reference as the detail of the move."""
        del now
        other = parse_reference(self.into.data or "")
        if other is None:
            message = marked("Enter the reference of the other request, like C7K-4KQ2")
            raise Invalid(FieldError("into", "not_a_reference", message))
        return {"details": (other,)}


FORMS: dict[Action, type[MoveForm]] = {
    Action.BOOK: BookForm,
    Action.DECLINE: DeclineForm,
    Action.LOG_CONTACT: ContactedForm,
    Action.MARK_ERROR: ReasonForm,
    Action.MERGE: MergeForm,
    Action.NOTE: NoteForm,
    Action.OFFER: OfferForm,
    Action.TRANSFER: PassOnForm,
    Action.WITHDRAW: WithdrawForm,
}


def form_of(action: Action) -> type[MoveForm]:
    """Return the form that a move is asked with; most ask nothing but the press."""
    return FORMS.get(action, MoveForm)
