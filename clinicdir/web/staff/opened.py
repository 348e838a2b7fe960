"""One request, opened: what it says, what was done, and the next moves."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from clinicdir import clock
from clinicdir.appointments.filing import stored_answers
from clinicdir.appointments.merging import can_part, takes_duplicates
from clinicdir.appointments.models import AppointmentRequest, RequestEvent
from clinicdir.appointments.offers import list_offers
from clinicdir.appointments.operations import lease_holder
from clinicdir.appointments.promise import is_overdue
from clinicdir.appointments.queries import (
    find_original,
    find_passed_on,
    get_request,
    list_events,
    list_likely_duplicates,
    list_ticked,
)
from clinicdir.appointments.rules import Action, Status, allowed_actions, parse_reference
from clinicdir.appointments.undoing import find_undoable
from clinicdir.audit.operations import record
from clinicdir.audit.rules import location_chain
from clinicdir.db import transaction
from clinicdir.errors import NotFound
from clinicdir.locations.queries import list_all_locations, organization_name
from clinicdir.notifications.queries import list_deliveries
from clinicdir.staff.queries import names_of
from clinicdir.staff.rules import Right
from clinicdir.staff.sessions import actor_of
from clinicdir.web.answers import Section, answer_rows, area_words, goal_line_of
from clinicdir.web.language import gettext
from clinicdir.web.parts import parts
from clinicdir.web.present import signed_in
from clinicdir.web.staff.blueprint import bp, needs
from clinicdir.web.staff.delivery_lines import delivery_lines
from clinicdir.web.staff.history import history_lines, is_in_calendar, latest_change, who_did
from clinicdir.web.staff.steps import Steps, steps_of, undo_step
from clinicdir.web.staff_forms import Choices, MoveForm, time_choices
from clinicdir.web.staff_labels import CHANNELS, SUSPICIONS

MOST_ALIKE = 5


@bp.get("/requests/<reference>")
@needs(Right.OPEN)
def open_request(reference: str) -> ResponseReturnValue:
    """Show one request, `?step=` open; of one passed on to a foreign clinic, where it went."""
    try:
        elsewhere = in_one_spelling(reference)
        return elsewhere or request_page(reference, attempted=request.args.get("step"))
    except NotFound:
        gone = find_passed_on(parse_reference(reference) or reference, scope=signed_in().scope)
        if gone is None:
            raise
        return render_template(
            "staff/passed_on.html", group=organization_name(), member=signed_in(), gone=gone
        )


@bp.get("/requests/<reference>/print")
@needs(Right.OPEN)
def print_request(reference: str) -> ResponseReturnValue:
    """Show one request on a plain page for paper."""
    elsewhere = in_one_spelling(reference)
    if elsewhere is not None:
        return elsewhere
    now = clock.now()
    record_look(reference, "print", now=now)
    return render_template(
        "staff/print.html", member=signed_in(), **facts_of(find(reference), now=now), now=now
    )


def in_one_spelling(reference: str) -> ResponseReturnValue | None:
    """Send a reference in groups or small letters on to its one address, inside the scope."""
    parsed = parse_reference(reference)
    if parsed is None or parsed == reference:
        return None
    found = get_request(parsed, scope=signed_in().scope)
    values = (request.view_args or {}) | {"reference": found.reference}
    return redirect(url_for(request.endpoint or "", **values), code=303)


def find(reference: str) -> AppointmentRequest:
    """Return a request of the person's own locations; all others look as if they did not exist."""
    parsed = parse_reference(reference)
    if parsed is None or parsed != reference:
        raise NotFound
    return get_request(parsed, scope=signed_in().scope)


def record_look(reference: str, action: str, *, now: datetime) -> None:
    """Write the entry before anything is read for the page: transaction() would end the read."""
    member = signed_in()
    with transaction():
        found = find(reference)
        record(
            action,
            actor=actor_of(member),
            now=now,
            subject=found.reference,
            detail=f"as {member.role}",
            chain=location_chain(found.location_id),
        )


def request_page(
    reference: str,
    form: MoveForm | None = None,
    *,
    problem: str | None = None,
    attempted: str | None = None,
) -> str:
    """Show a request, with an audit entry for the look, however the page came about."""
    member, now = signed_in(), clock.now()
    record_look(reference, "view", now=now)
    found = find(reference)
    events, holder = list_events(found), lease_holder(found, now=now)
    people = names_of({event.staff_id for event in events if event.staff_id} | {holder or 0})
    every = list_all_locations()
    others = [place for place in every if place.id != found.location_id]
    choices = Choices(others, time_choices(found, now=now))
    if form is not None:
        form.prepare(choices)
    steps = Steps()
    if holder in (None, member.id) and found.erased_at is None:
        steps = steps_of(found, member.role, choices, tried=attempted, form=form, now=now)
    tried = steps.named(attempted)
    lines = history_lines(events, people, {place.slug: place.name for place in every})
    return render_template(
        "staff/request.html",
        member=member,
        form=form or MoveForm(formdata=None),
        **facts_of(found, now=now),
        lines=lines,
        **_beside(found, events, steps, now=now),
        last=(who_did(events[-1], people), events[-1].at, lines[-1].words),
        people=people,
        holder=holder,
        steps=steps,
        can_change=allowed_actions(found.status) if steps.note else frozenset(),
        problem=problem,
        attempted=attempted,
        typed=[] if form is None or (tried and tried.form is form) else form.typed(),
        is_typed=form is not None and bool(form.typed()),
        now=now,
    )


def _beside(
    found: AppointmentRequest, events: Sequence[RequestEvent], steps: Steps, *, now: datetime
) -> dict[str, Any]:
    """Return what stands beside the moves: undo, notices, and requests much alike."""
    scope, person = signed_in().scope, signed_in().id
    undoable = find_undoable(events, staff_id=person, now=now) if steps.note else None
    original = find_original(found, scope=scope)
    if undoable is not None and undoable.action is Action.MERGE and not can_part(original):
        undoable = None
    latest = events[-1]
    return {
        # Until somebody does the next thing: the patient is still at the counter or on the phone.
        "is_entered_now": latest.action is Action.SUBMIT and latest.staff_id == person,
        "undo": None if undoable is None else undo_step(found, undoable.action),
        "takes_duplicates": takes_duplicates,
        "can_join": steps.is_more(Action.MERGE.value),
        "changed": latest_change(events, now=now),
        "delivery_rows": delivery_lines(list_deliveries(found.id), now=now),
        "in_calendar": is_in_calendar(events),
        "original": original,
        "alike": list_likely_duplicates(found, scope=scope, limit=MOST_ALIKE),
    }


def facts_of(found: AppointmentRequest, *, now: datetime) -> dict[str, Any]:
    """Return what the page and the printed page both show of a request."""
    personal = found.personal
    waits = found.status.is_open and found.first_contact_at is None
    return {
        "group": organization_name(),
        "request_": found,
        "personal": personal,
        "goal": goal_line_of(found, parts().intake, now=now),
        "area": area_words(found.body_area, parts().intake),
        "sections": sections_of(found),
        "offers": list_offers(found, now=now) if found.status is Status.OFFERED else [],
        "also_fine": [place.name for place in list_ticked(found) if place.id != found.location_id],
        "channel": gettext(CHANNELS[found.channel]) if found.channel in CHANNELS else "",
        "promise": found.promise_at if waits else None,
        "is_overdue": is_overdue(found, now),
        "suspicions": [
            gettext(SUSPICIONS.get(code, code))
            for code in (found.suspicions if found.status is Status.QUARANTINED else [])
        ],
    }


def sections_of(found: AppointmentRequest) -> list[Section]:
    """Return the answers in words, none once they are erased."""
    return [] if found.erased_at else answer_rows(stored_answers(found), parts().intake)
