"""Enters a request for a patient who calls, comes in or sends a fax: one page, the same rules."""

import re
import secrets
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import BooleanField, Field, HiddenField, RadioField, SelectField

from clinicdir import clock
from clinicdir.appointments.answers import showable
from clinicdir.appointments.codes import ContactBy, ForWhom
from clinicdir.appointments.entering import (
    Entry,
    check_entry,
    enter_request,
    find_entered,
    read_caller,
)
from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.submission import Context
from clinicdir.db import transaction
from clinicdir.errors import Conflict, FieldError, Invalid, marked
from clinicdir.locations.queries import day_at, organization_name
from clinicdir.staff.rules import Right, Role, can
from clinicdir.staff.sessions import actor_of
from clinicdir.web.errors import remember_phones
from clinicdir.web.forms import STEPS, ContactForm, GoalForm, Offer, PeopleForm, TimesForm
from clinicdir.web.language import gettext
from clinicdir.web.parts import parts
from clinicdir.web.present import signed_in
from clinicdir.web.security import form_token_failed, keeps_answers
from clinicdir.web.staff.blueprint import bp, needs
from clinicdir.web.staff.on_line import line_scope, own_places
from clinicdir.web.staff_forms import place_choices
from clinicdir.web.staff_labels import CHANNELS

_KEY = re.compile(r"[A-Za-z0-9_-]{20,64}")
_FIRST = (
    "channel", "location", "patient_name", "phone", "email", "contact_by", "for_whom",
    "asker_name", "relation",
)  # fmt: skip
_BESIDE = ("channel", "notice_told", "submission_key")
# Answered seldom: folded in until one of them holds something.
_SELDOM = (
    "body_area", "target_month", "stopped", "tried", "birth_date", "best_time", "returning",
    "referral", "language", "interpreter", "access_needs",
)  # fmt: skip
# What the rules say to patients, where staff would take it as said to themselves.
_FOR_STAFF = {
    ("asker_name", "missing"): marked("Enter the full name of who asks for the patient"),
    ("asker_name", "too_long"): marked("The name of who asks must be 128 characters or less"),
    ("contact_by", "missing"): marked("Select how to contact the patient"),
    ("goal", "missing"): marked("Select what the patient wants to get back to"),
    ("goal_text", "missing"): marked("Enter what the patient wants to get back to"),
    ("relation", "missing"): marked("Enter how they know the patient, like parent"),
}


class EntryForm(GoalForm, PeopleForm, ContactForm, TimesForm):
    """Every question of the patients' pages at once, with the way that the request came in."""

    _fields: dict[str, Field]

    channel = RadioField(validate_choice=False)
    location = SelectField(validate_choice=False)  # type: ignore[assignment]  # one clinic
    notice_told = BooleanField()
    submission_key = HiddenField()

    def __init__(self, **options: Any) -> None:  # noqa: ANN401
        """Put the fields in the order of the page, which the list of errors follows."""
        super().__init__(**options)
        others = {name: field for name, field in self._fields.items() if name not in _FIRST}
        self._fields = {name: self._fields[name] for name in _FIRST} | others

    def prepare(self, offer: Offer) -> None:
        """Offer what the patients' pages offer, the ways, and the clinics given."""
        for step in STEPS:
            step.prepare(self, offer)
        self.channel.choices = [(code.value, gettext(words)) for code, words in CHANNELS.items()]
        self.location.choices = place_choices(offer.locations)
        self.for_whom.choices = [
            (ForWhom.ME.value, gettext("The patient")),
            (ForWhom.SOMEONE_ELSE.value, gettext("Someone for the patient")),
        ]

    def answers(self) -> dict[str, Any]:
        """Return the answers as a request has them, without what staff say beside them."""
        return {name: value for name, value in super().answers().items() if name not in _BESIDE}

    def attach(self, errors: Iterable[FieldError]) -> bool:
        """Show the domain's errors in words for staff."""
        said = (
            replace(error, message=_FOR_STAFF.get((error.field, error.code), error.message))
            for error in errors
        )
        return super().attach(said)

    @property
    def is_unfolded(self) -> bool:
        """Say whether a question that is folded in at first holds an answer or an error."""
        return any(self[name].data or self[name].errors for name in _SELDOM)


@bp.app_template_test("allowed_act")
def allowed_act(role: Role) -> bool:
    """Say whether a role may act on requests, for the links to what viewers may not."""
    return can(role, Right.ACT)


@bp.get("/new")
@needs(Right.ACT)
def new_request() -> str:
    """Ask for a request; the inbox names the clinic that it shows."""
    return _page(_blank({}, place=request.args.get("location")))


@bp.post("/new/caller")
@keeps_answers
@needs(Right.ACT)
def new_for_caller() -> ResponseReturnValue:
    """Ask for a request of somebody who was looked for; nothing is stored yet."""
    known = read_caller(showable(request.form.get("wanted", "")))
    if not known:
        return redirect(url_for("staff.new_request"), code=303)
    way = next((way.value for way in ContactBy if way in known), None)
    return _page(_blank(known | {"contact_by": way}))


@bp.post("/new")
@keeps_answers
@needs(Right.ACT)
def enter() -> ResponseReturnValue:
    """Store what was entered and go to the new request; pressed twice, it is still one."""
    form, member, now = EntryForm(), signed_in(), clock.now()
    if form_token_failed():
        return _page(form, expired=True), 400
    answers = {name: value for name, value in form.answers().items() if value is not None}
    entry, actor = _entry_of(form), actor_of(member)
    today = day_at(form.location.data, now=now)
    context = Context(today, parts().intake, ask_birth_date=parts().settings.ask_birth_date)
    try:
        submission = check_entry(answers, context, entry)
        with transaction():
            found = enter_request(submission, entry, actor=actor, now=now)
            reference, is_own = found.reference, entry.desk.holds(found.location_id)
    except Invalid as refusal:
        form.attach(refusal.errors)
        if any(error.field == "consent_version" for error in refusal.errors):
            form.notice_told.data = False  # what they were told is not the notice any more
        return _page(form), 422
    except Conflict:
        earlier = find_entered(entry.key, actor=actor)
        form.submission_key.data = None
        return _page(form, earlier=earlier), 409
    page = "staff.open_request" if is_own else "staff.open_on_line"
    return redirect(url_for(page, reference=reference), code=303)


def _blank(answers: dict[str, Any], *, place: str | None = None) -> EntryForm:
    """Return the form with what is known; a person with one clinic need not choose it."""
    form = EntryForm(formdata=None)
    form.fill({"for_whom": ForWhom.ME.value} | answers)
    own = own_places(signed_in().scope)
    likely = [one.slug for one in own if one.slug == place or len(own) == 1]
    form.location.data = next(iter(likely), "")
    return form


def _entry_of(form: EntryForm) -> Entry:
    key, member = form.submission_key.data or "", signed_in()
    return Entry(
        key=key if _KEY.fullmatch(key) else secrets.token_urlsafe(),
        channel=form.channel.data or "",
        notice_told=bool(form.notice_told.data),
        desk=member.scope,
        beyond=line_scope(member),
    )


def _page(
    form: EntryForm, *, earlier: AppointmentRequest | None = None, expired: bool = False
) -> str:
    member, now = signed_in(), clock.now()
    places = [*own_places(member.scope), *own_places(line_scope(member))]
    remember_phones(places)
    form.prepare(Offer(parts().intake, places, day_at(form.location.data, now=now)))
    form.consent_version.data = parts().intake.consent.version
    form.submission_key.data = form.submission_key.data or secrets.token_urlsafe()
    return render_template(
        "staff/new_request.html",
        group=organization_name(),
        member=member,
        form=form,
        consent=parts().intake.consent,
        has_places=bool(places),
        earlier=earlier,
        expired=expired,
    )
