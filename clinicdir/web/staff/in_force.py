"""What all pages of a clinic's settings do alike: save from a version, say who was faster."""

from collections.abc import Callable
from typing import Any

from flask import render_template
from sqlalchemy.orm.exc import StaleDataError
from wtforms import HiddenField

from clinicdir.audit.queries import find_latest
from clinicdir.db import transaction
from clinicdir.errors import Invalid, NotAllowed
from clinicdir.locations.models import Location
from clinicdir.locations.operations import CHANGED
from clinicdir.locations.queries import organization_name
from clinicdir.web.forms import Form
from clinicdir.web.present import signed_in
from clinicdir.web.staff.own import own_place

SAVED, REFUSED, STALE = 303, 422, 409


class VersionedForm(Form):
    """A form that knows which version of the clinic its page showed."""

    version = HiddenField()


def put_in_force(slug: str, form: VersionedForm, change: Callable[[Location], None]) -> int:
    """Change one clinic in a transaction of its own and return the status that says how it went.

    What is refused stands in the form; a page that was stale gets the version of now, so that
    pressing once more saves it.
    """
    try:
        with transaction():
            change(own_place(slug))
    except Invalid as refusal:
        form.attach(refusal.errors)
        return REFUSED
    except (NotAllowed, StaleDataError):
        form.version.data = str(own_place(slug).version)
        return STALE
    return SAVED


def settings_page(
    template: str,
    location: Location,
    form: VersionedForm,
    *,
    problem: str | None = None,
    **values: Any,  # noqa: ANN401 - whatever the template shows besides
) -> str:
    """Show one page of a clinic's settings; a stale one names the last change."""
    form.version.data = form.version.data or str(location.version)
    return render_template(
        template,
        group=organization_name(),
        member=signed_in(),
        location=location,
        form=form,
        problem=problem,
        last_change=find_latest(CHANGED, location.slug) if problem == "stale" else None,
        **values,
    )
