"""Changes the answers of a request that was sent: by the patient, or by staff for a caller."""

from collections.abc import Mapping
from datetime import datetime

from clinicdir.appointments.arrival import first_open, first_using, ticked_locations
from clinicdir.appointments.filing import as_stored, file_answers, file_names, stored_answers
from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.operations import Move, act
from clinicdir.appointments.rules import Action, next_status
from clinicdir.appointments.submission import Context, check_some
from clinicdir.audit.rules import Actor
from clinicdir.errors import FieldError, Invalid, NotAllowed, marked

# What the first visit cannot do without, and what was agreed to, stays as it was sent.
CHANGEABLE = frozenset(
    {
        "patient_name", "asker_name", "relation",
        "phone", "email", "contact_by", "best_time", "voicemail_ok",
        "windows", "short_notice", "language", "interpreter", "access_needs", "note",
    }
)  # fmt: skip
_CONTACT = frozenset({"phone", "email", "contact_by"})


def change_answers(
    request: AppointmentRequest,
    answers: Mapping[str, object],
    context: Context,
    *,
    seen_answers: int,
    actor: Actor,
    now: datetime,
) -> None:
    """Put these answers in place of the earlier ones; Invalid names each that is refused.

    `seen_answers` is the `answers_version` of the page: NotAllowed where others were given since.
    History says which answers changed, not what they were.
    """
    next_status(request.status, Action.CHANGE)
    if request.answers_version != seen_answers:
        message = "The answers have changed since this page was opened."
        raise NotAllowed(message)
    before = stored_answers(request)
    wanted = {name: value for name, value in answers.items() if name in CHANGEABLE}
    # Who takes back one way of contact must leave another: these are only right together.
    checked = wanted.keys() | (_CONTACT if wanted.keys() & _CONTACT else set())
    values = check_some(before | wanted, context, checked)
    if values.get("contact_by", before["contact_by"]) != before["contact_by"]:
        first_using([request.location], values["contact_by"])
    after = before | as_stored(values)
    changed = tuple(name for name in before if after[name] != before[name])
    if not changed:
        return
    file_answers(request, values)
    if "email" in changed:
        request.email_refused_at = None
    request.answers_version += 1
    act(request, Move(Action.CHANGE, details=changed), actor=actor, now=now)
    if not {"patient_name", "asker_name"}.isdisjoint(changed):
        file_names(request)


def change_location(
    request: AppointmentRequest, slug: str, *, seen_version: int | None, actor: Actor, now: datetime
) -> None:
    """Pass a request on to another clinic that takes requests; its promise stays."""
    chosen = first_open(ticked_locations((slug,)))
    if not (chosen.takes(request.goal) and chosen.contacts_by(request.contact_by)):
        message = marked(
            "Select another clinic: %(clinic)s does not take this goal or way of contact"
        )
        raise Invalid(FieldError("location", "not_taken", message, {"clinic": chosen.name}))
    step = Move(Action.TRANSFER, seen_version=seen_version, location=chosen)
    act(request, step, actor=actor, now=now)
