"""The search of staff: by POST, so that no name or number stands in an address or a log."""

from flask import render_template
from flask.typing import ResponseReturnValue
from wtforms import StringField

from clinicdir import clock
from clinicdir.appointments.finding import LONGEST, find_wanted, read_wanted
from clinicdir.appointments.rules import allowed_actions
from clinicdir.audit.operations import record
from clinicdir.db import transaction
from clinicdir.errors import Invalid
from clinicdir.locations.queries import organization_name
from clinicdir.staff.rules import NOWHERE, Right, can
from clinicdir.staff.sessions import actor_of
from clinicdir.web.forms import Form
from clinicdir.web.present import signed_in
from clinicdir.web.security import form_token_failed, keeps_answers
from clinicdir.web.staff.blueprint import bp, needs
from clinicdir.web.staff.on_line import line_hits, line_scope, own_places
from clinicdir.web.staff.request_rows import request_rows

MOST = 50


class SearchForm(Form):
    """The one field of the search: a name, a phone number, an e-mail address or a reference."""

    longest = LONGEST

    wanted = StringField()


@bp.post("/search")
@keeps_answers
@needs(Right.LIST)
def search() -> ResponseReturnValue:
    """Find requests at the person's locations, and the callers of a shared line elsewhere."""
    form, member, now = SearchForm(), signed_in(), clock.now()
    if form_token_failed():
        return _page(form, expired=True), 400
    try:
        wanted = read_wanted(form.wanted.data or "")
    except Invalid as refusal:
        form.attach(refusal.errors)
        return _page(form), 422
    on_line = line_scope(member)
    beyond = "own clinics" if on_line == NOWHERE else "own clinics and the shared line"
    with transaction():
        record("search", actor=actor_of(member), now=now, detail=beyond)
    found = find_wanted(wanted, scope=member.scope, limit=MOST + 1)
    others = find_wanted(wanted, scope=on_line, limit=MOST + 1)
    return _page(
        form,
        rows=request_rows(found[:MOST], member.id, now=now),
        hits=line_hits(others[:MOST]),
        is_cut=max(len(found), len(others)) > MOST,
        places=own_places(member.scope),
        is_done=True,
    )


def _page(form: SearchForm, *, expired: bool = False, **values: object) -> str:
    nothing = {"rows": [], "hits": [], "is_cut": False, "places": [], "is_done": False}
    return render_template(
        "staff/search.html",
        **(nothing | values),
        group=organization_name(),
        member=signed_in(),
        form=form,
        expired=expired,
        most=MOST,
        for_caller=allowed_actions if can(signed_in().role, Right.ACT) else None,
        now=clock.now(),
    )
