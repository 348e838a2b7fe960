"""Notes that somebody looked at a list, in a transaction of its own."""

from datetime import datetime

from clinicdir.audit.operations import list_view_is_due, record_list_view
from clinicdir.db import transaction
from clinicdir.staff.sessions import actor_of
from clinicdir.web.present import signed_in


def note_list(name: str, *, now: datetime) -> None:
    """Write an audit entry for a look at the list `name`: one a person, list and five minutes.

    The commit ends what was read before: read clinics after this.
    """
    actor = actor_of(signed_in())
    if list_view_is_due(name, actor=actor, now=now):
        with transaction():
            record_list_view(name, actor=actor, now=now)
