"""The inbox over all the locations a person has, longest waiting first; it renews itself."""

import hashlib
from datetime import datetime
from typing import Any

from flask import Response, abort, make_response, render_template, request

from clinicdir import clock
from clinicdir.appointments.groups import Group, View, capped, count_groups, list_group
from clinicdir.appointments.untold import list_untold
from clinicdir.errors import NotFound
from clinicdir.locations.mistakes import count_mistakes
from clinicdir.locations.models import Location
from clinicdir.locations.queries import organization_name
from clinicdir.notifications.plans import list_unheard
from clinicdir.staff.rules import Right, can
from clinicdir.web.language import gettext
from clinicdir.web.paging import after
from clinicdir.web.parts import parts
from clinicdir.web.present import signed_in
from clinicdir.web.staff.blueprint import bp, needs
from clinicdir.web.staff.looks import note_list
from clinicdir.web.staff.own import own_places
from clinicdir.web.staff.request_rows import request_rows
from clinicdir.web.staff.search import SearchForm

PAGE_SIZE = 50
_UNTOLD_NAMED = 10
_NOT_MODIFIED = 304


@bp.get("/")
@needs(Right.LIST)
def inbox() -> Response:
    """List the requests of all the person's locations; `?part=rows` gives only what changes."""
    member, now = signed_in(), clock.now()
    tab = _group()
    locations = own_places()
    chosen = _chosen(locations)
    values = _list_values(tab, chosen, now)
    if request.args.get("part") == "rows":
        answer = _with_tag(render_template("staff/inbox_part.html", **values))
    else:
        page = render_template(
            "staff/inbox.html",
            **values,
            member=member,
            locations=locations,
            form=SearchForm(formdata=None),
            unheard=list_unheard(locations, mails=parts().settings.smtp_url is not None),
            mistakes=count_mistakes(member.scope.location_ids)
            if can(member.role, Right.SETTINGS)
            else 0,
            smtp_missing=parts().settings.smtp_url is None,
        )
        answer = make_response(page)
    # Nobody has seen anything new by a 304; all else is noted before it leaves.
    if answer.status_code != _NOT_MODIFIED:
        note_list(f"inbox {chosen.slug}" if chosen else "inbox", now=now)
    return answer


def _group() -> Group:
    try:
        return Group(request.args.get("group", Group.OPEN))
    except ValueError:
        abort(404)


def _list_values(tab: Group, chosen: Location | None, now: datetime) -> dict[str, Any]:
    """Return what the page and the part that renews itself both show."""
    member = signed_in()
    view = View(member.scope, member.id, now, chosen.id if chosen else None)
    found = list_group(tab, view, limit=PAGE_SIZE + 1, after_id=after())
    counts = {group.value: capped(count) for group, count in count_groups(view).items()}
    return {
        "group": organization_name(),
        "name": chosen.name if chosen else gettext("Requests"),
        "chosen": chosen,
        "tab": tab.value,
        "counts": counts,
        "untold": list_untold(scope=member.scope, now=now, limit=_UNTOLD_NAMED),
        "rows": request_rows(found[:PAGE_SIZE], member.id, now=now),
        "next_after": found[PAGE_SIZE - 1].id if len(found) > PAGE_SIZE else None,
        "now": now,
    }


def _with_tag(part: str) -> Response:
    """Return the part under a strong tag of its bytes, or 304 to who has these already."""
    answer = make_response(part)
    answer.set_etag(hashlib.sha256(part.encode()).hexdigest()[:32])
    answer.make_conditional(request)
    return answer


def _chosen(locations: list[Location]) -> Location | None:
    """Return the location that the filter names; a foreign one is as unknown as a made-up one."""
    slug = request.args.get("location")
    if not slug:
        return None
    chosen = next((place for place in locations if place.slug == slug), None)
    if chosen is None:
        raise NotFound
    return chosen
