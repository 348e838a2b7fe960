"""A request of another clinic on the shared line: read it, or pass it on to the own clinic."""

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm.exc import StaleDataError

from clinicdir import clock
from clinicdir.appointments.operations import Move, act
from clinicdir.appointments.queries import get_request, list_events, list_likely_duplicates
from clinicdir.appointments.rules import Action, parse_reference
from clinicdir.audit.operations import record
from clinicdir.audit.rules import location_chain
from clinicdir.db import transaction
from clinicdir.errors import NotAllowed, NotFound
from clinicdir.locations.models import Location
from clinicdir.locations.queries import list_all_locations
from clinicdir.staff.queries import names_of
from clinicdir.staff.rules import Right, Scope
from clinicdir.staff.sessions import actor_of
from clinicdir.web.present import signed_in
from clinicdir.web.security import form_token_failed, keeps_answers
from clinicdir.web.staff.blueprint import bp, needs
from clinicdir.web.staff.history import history_lines, who_did
from clinicdir.web.staff.on_line import line_hit, line_scope, own_places
from clinicdir.web.staff.opened import MOST_ALIKE, facts_of
from clinicdir.web.staff_forms import MoveForm


@bp.get("/line/<reference>")
@needs(Right.OPEN)
def open_on_line(reference: str) -> ResponseReturnValue:
    """Show a request of another clinic on the line, to read only; each opening is noted."""
    if _is_own(reference):
        return redirect(url_for("staff.open_request", reference=reference), code=303)
    return _line_page(reference)


@bp.post("/line/<reference>/take")
@keeps_answers
@needs(Right.ACT)
def take(reference: str) -> ResponseReturnValue:
    """Pass a request of another clinic on the line on to a clinic of the person's own."""
    if _is_own(reference):  # a second press: the first one has brought it here
        return redirect(url_for("staff.open_request", reference=reference), code=303)
    form, member, now = MoveForm(), signed_in(), clock.now()
    scope = line_scope(member)
    get_request(_checked(reference), scope=scope)
    if form_token_failed():
        return _line_page(reference, problem="expired"), 400
    try:
        with transaction():
            wanted = Move(Action.TRANSFER, form.seen_version, location=_place())
            found = get_request(reference, scope=scope, to_change=True)
            act(found, wanted, actor=actor_of(member), now=now)
    except (NotAllowed, StaleDataError):
        return _line_page(reference, problem="stale"), 409
    return redirect(url_for("staff.open_request", reference=reference), code=303)


def _line_page(reference: str, *, problem: str | None = None) -> str:
    """Show the request with nothing to change on it, and an entry for the look."""
    now = clock.now()
    with transaction():
        member = signed_in()
        found = get_request(_checked(reference), scope=line_scope(member))
        record(
            "line_open",
            actor=actor_of(member),
            now=now,
            subject=found.reference,
            detail=f"as {member.role}",
            chain=location_chain(found.location_id),
        )
    member = signed_in()
    found = get_request(reference, scope=line_scope(member))
    events = list_events(found)
    people = names_of({event.staff_id for event in events if event.staff_id})
    places = {place.slug: place.name for place in list_all_locations()}
    lines = history_lines(events, people, places)
    return render_template(
        "staff/line.html",
        member=member,
        form=MoveForm(formdata=None),
        hit=line_hit(found),
        places=own_places(member.scope),
        **facts_of(found, now=now),
        lines=lines,
        last=(who_did(events[-1], people), events[-1].at, lines[-1].words),
        alike=list_likely_duplicates(found, scope=_reach(), limit=MOST_ALIKE),
        problem=problem,
        now=now,
    )


def _reach() -> Scope:
    """Return the own clinics and those on the line: whose callers the person may look up."""
    member = signed_in()
    own, beyond = member.scope.location_ids, line_scope(member).location_ids
    return Scope((own or frozenset()) | (beyond or frozenset()))


def _checked(reference: str) -> str:
    if parse_reference(reference) != reference:
        raise NotFound
    return reference


def _is_own(reference: str) -> bool:
    try:
        get_request(_checked(reference), scope=signed_in().scope)
    except NotFound:
        return False
    return True


def _place() -> Location:
    """Return the own clinic that was pressed; the only one needs no saying."""
    places = own_places(signed_in().scope)
    slug = request.form.get("location") or (places[0].slug if len(places) == 1 else "")
    chosen = next((place for place in places if place.slug == slug), None)
    if chosen is None:
        raise NotFound
    return chosen
