"""What readers say is wrong about a clinic's page, for those who can put it right."""

from flask import redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from clinicdir import clock
from clinicdir.db import transaction
from clinicdir.locations.mistakes import close_mistake, list_mistakes
from clinicdir.locations.queries import organization_name
from clinicdir.staff.rules import Right
from clinicdir.staff.sessions import actor_of
from clinicdir.web.present import signed_in
from clinicdir.web.staff.blueprint import bp, needs
from clinicdir.web.staff.looks import note_list

_MOST = 50


@bp.get("/mistakes")
@needs(Right.SETTINGS)
def mistakes() -> str:
    """List what is not done yet at the person's locations, the oldest first."""
    member, now = signed_in(), clock.now()
    note_list("mistakes", now=now)
    return render_template(
        "staff/mistakes.html",
        group=organization_name(),
        member=member,
        reports=list_mistakes(member.scope.location_ids, _MOST),
    )


@bp.post("/mistakes/<int(max=2147483647):mistake>/done")
@needs(Right.SETTINGS)
def mistake_done(mistake: int) -> ResponseReturnValue:
    """Take a report off the list."""
    member = signed_in()
    with transaction():
        ids = member.scope.location_ids
        close_mistake(mistake, ids, actor=actor_of(member), now=clock.now())
    return redirect(url_for("staff.mistakes"), code=303)
