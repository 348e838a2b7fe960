"""The moves that a request's page offers: those of its state, the most used first."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from flask import url_for

from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.rules import Action, Status, allowed_actions
from clinicdir.staff.rules import Right, Role, can
from clinicdir.web.language import gettext
from clinicdir.web.move_forms import form_of
from clinicdir.web.staff_forms import AcceptForm, Choices, MoveForm
from clinicdir.web.staff_labels import BUTTONS, EVENT_WORDS, TITLES

ACCEPT = "accept"
_FRONT: dict[Status, tuple[Action, ...]] = {
    Status.RECEIVED: (Action.CLAIM, Action.BOOK, Action.DECLINE),
    Status.IN_REVIEW: (
        Action.BOOK, Action.OFFER, Action.LOG_CONTACT, Action.DECLINE, Action.AWAIT_PATIENT,
        Action.CLAIM,
    ),
    Status.AWAITING_PATIENT: (
        Action.BOOK, Action.OFFER, Action.LOG_CONTACT, Action.CLAIM, Action.GIVE_UP,
    ),
    Status.OFFERED: (Action.LOG_CONTACT, Action.EXPIRE_OFFER, Action.GIVE_UP),
    Status.WAITLISTED: (Action.OFFER, Action.BOOK, Action.LOG_CONTACT, Action.CLAIM),
    Status.BOOKED: (Action.ATTEND, Action.MISS, Action.RETIME),
    Status.MISSED: (Action.REOPEN, Action.GIVE_UP),
    Status.DECLINED: (Action.REOPEN,),
    Status.NO_REPLY: (Action.REOPEN,),
    Status.QUARANTINED: (Action.CLEAR, Action.DECLINE),
}  # fmt: skip
# What stands behind "More", the more used first.
_REST = (
    Action.CLAIM, Action.LOG_CONTACT, Action.BOOK, Action.DECLINE, Action.TRANSFER,
    Action.WAITLIST, Action.RELEASE, Action.GIVE_UP, Action.QUARANTINE, Action.MARK_ERROR,
)  # fmt: skip
_BESIDE = (Action.NOTE, Action.WITHDRAW)
STAFF_ACTIONS = frozenset(
    (*(step for steps in _FRONT.values() for step in steps), *_REST, *_BESIDE)
)
# Moves that another view makes than the one for all.
_OWN_ROUTES = {Action.MARK_ERROR: "staff.mark_error", Action.MERGE: "staff.merge_request"}
# A booked request stays, and what is closed as a mistake is joined with nothing.
_NO_DUPLICATES = (Status.BOOKED, Status.ENTERED_IN_ERROR)
# Not the thing that somebody mostly came for: the plainer button.
_SECOND = frozenset(
    (Action.DECLINE, Action.GIVE_UP, Action.MARK_ERROR, Action.MISS, Action.WITHDRAW)
)


@dataclass(frozen=True)
class Step:
    """One move: where its form goes, what it asks, and the words on it."""

    name: str
    url: str
    title: str
    button: str
    form: MoveForm
    is_second: bool


@dataclass(frozen=True)
class Steps:
    """The moves by where the page shows them: buttons alone, and forms that ask something."""

    buttons: list[Step] = field(default_factory=list)
    forms: list[Step] = field(default_factory=list)
    more_buttons: list[Step] = field(default_factory=list)
    more_forms: list[Step] = field(default_factory=list)
    note: Step | None = None
    withdraw: Step | None = None
    accept: Step | None = None
    buttons_first: bool = False

    def named(self, name: str | None) -> Step | None:
        """Return the step of that name, None where it is not offered."""
        beside = filter(None, (self.note, self.withdraw, self.accept))
        every = (*self.buttons, *self.forms, *self.more_buttons, *self.more_forms, *beside)
        return next((step for step in every if step.name == name), None)

    def is_more(self, name: str) -> bool:
        """Say whether the step of that name stands behind "More"."""
        return any(step.name == name for step in (*self.more_buttons, *self.more_forms))


def makes_sense(found: AppointmentRequest, action: Action, *, now: datetime) -> bool:
    """Say whether a move of the present state says something true: nobody came to a later time."""
    if action not in (Action.ATTEND, Action.MISS) or found.booked_at is None:
        return True
    return found.booked_at <= now


class _Maker:
    """Makes the steps of one page; the one that was tried keeps what was typed."""

    def __init__(
        self, found: AppointmentRequest, choices: Choices, tried: str | None, form: MoveForm | None
    ) -> None:
        self._found, self._choices = found, choices
        self._tried, self._form = tried, form

    def of_all(self, actions: Iterable[Action]) -> tuple[list[Step], list[Step]]:
        """Return the steps that are a mere button, and those that ask something."""
        steps = [self.of(action) for action in actions]
        asking = [step for step in steps if step.form.asked()]
        return [step for step in steps if step not in asking], asking

    def of(self, action: Action) -> Step:
        """Return the step of a move."""
        reference, closes_spam = self._found.reference, self._closes_spam(action)
        own = _OWN_ROUTES.get(action)
        url = (
            url_for("staff.move", reference=reference, action=action.value)
            if own is None
            else url_for(own, reference=reference)
        )
        return Step(
            name=action.value,
            url=url,
            title=gettext(TITLES[action]) if action in TITLES else "",
            button=gettext("Close as spam") if closes_spam else gettext(BUTTONS[action]),
            form=self._form_of(action.value, MoveForm if closes_spam else form_of(action)),
            is_second=action in _SECOND,
        )

    def accept(self) -> Step:
        """Return the step in which a caller takes one of the times held out."""
        return Step(
            name=ACCEPT,
            url=url_for("staff.accept", reference=self._found.reference),
            title=gettext("Accept a time for the caller"),
            button=gettext("Book this time"),
            form=self._form_of(ACCEPT, AcceptForm),
            is_second=False,
        )

    def _closes_spam(self, action: Action) -> bool:
        return action is Action.DECLINE and self._found.status is Status.QUARANTINED

    def _form_of(self, name: str, kind: type[MoveForm]) -> MoveForm:
        kept = self._form if name == self._tried and type(self._form) is kind else None
        form = kind(formdata=None) if kept is None else kept
        form.prepare(self._choices)
        form.version.data = str(self._found.version)
        return form


def steps_of(
    found: AppointmentRequest,
    role: Role,
    choices: Choices,
    *,
    tried: str | None,
    form: MoveForm | None,
    now: datetime,
) -> Steps:
    """Return what a person may do with a request now; the caller looks after the lease."""
    if not can(role, Right.ACT):
        return Steps()
    allowed = {step for step in allowed_actions(found.status) if makes_sense(found, step, now=now)}
    if not can(role, Right.SETTINGS):
        allowed.discard(Action.MARK_ERROR)
    maker = _Maker(found, choices, tried, form)
    front = [step for step in _FRONT.get(found.status, ()) if step in allowed]
    rest = [step for step in _REST if step in allowed and step not in front]
    buttons, forms = maker.of_all(front)
    if found.status not in _NO_DUPLICATES:
        rest.append(Action.MERGE)
    more_buttons, more_forms = maker.of_all(rest)
    return Steps(
        buttons_first=bool(buttons) and front[0].value == buttons[0].name,
        buttons=buttons,
        forms=forms,
        more_buttons=more_buttons,
        more_forms=more_forms,
        note=maker.of(Action.NOTE),
        withdraw=maker.of(Action.WITHDRAW) if Action.WITHDRAW in allowed else None,
        accept=maker.accept() if choices.times and found.status is Status.OFFERED else None,
    )


def undo_step(found: AppointmentRequest, undone: Action) -> Step:
    """Return the step that puts a move back."""
    form = MoveForm(formdata=None)
    form.version.data = str(found.version)
    return Step(
        name=Action.UNDO.value,
        url=url_for("staff.undo_move", reference=found.reference),
        title="",
        button=gettext("Undo: %(what)s", what=gettext(EVENT_WORDS[undone])),
        form=form,
        is_second=True,
    )
