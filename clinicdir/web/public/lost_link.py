"""For who has lost the link: reference and the end of the phone number show the state, no more."""

from flask import render_template, request
from flask.typing import ResponseReturnValue
from limits import parse

from clinicdir.appointments.contact_check import proves
from clinicdir.appointments.following import find_shown
from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.rules import parse_reference
from clinicdir.errors import marked
from clinicdir.locations.queries import list_locations, organization_name
from clinicdir.web.errors import remember_phones
from clinicdir.web.language import gettext
from clinicdir.web.own_forms import LostLinkForm
from clinicdir.web.public.blueprint import bp
from clinicdir.web.public.own_view import frame
from clinicdir.web.security import address_prefix
from clinicdir.web.tries import Counter, count_try

_PER_ADDRESS = parse("10 per 15 minutes")
_PER_REFERENCE = parse("10 per 15 minutes")
_MOST_PHONES = 20  # shown to who has tried too often
_NO_TOKEN = {"csrf": False}  # nothing is changed and no cookie is set
_NOTHING_FITS = marked("Check the reference and the digits or letters: they do not fit together")


@bp.get("/lost-link")
def lost_link() -> str:
    """Ask for the reference and the end of the phone number."""
    return _ask(LostLinkForm(formdata=None, meta=_NO_TOKEN))


@bp.post("/lost-link")
def look_up() -> ResponseReturnValue:
    """Show how a request stands; an unknown reference and wrong digits look the same."""
    form = LostLinkForm(meta=_NO_TOKEN)
    if _lacks_answers(form):
        return _ask(form), 422
    reference = parse_reference(form.reference.data or "")
    if reference is None:
        form.reference.errors = [gettext("Enter the reference as you got it, like C7K-4KQ2")]
        return _ask(form), 422
    remember_phones(list_locations(limit=_MOST_PHONES))
    count_try(
        Counter(_PER_ADDRESS, "lost address", address_prefix(request.remote_addr or "")),
        Counter(_PER_REFERENCE, "lost reference", reference),
    )
    found = find_shown(reference)
    if found is None or not _fits(form.proof.data or "", found):
        form.proof.errors = [gettext(_NOTHING_FITS)]
        return _ask(form), 422
    return render_template("public/lost_link_state.html", **frame(found))


def _lacks_answers(form: LostLinkForm) -> bool:
    if not (form.reference.data or "").strip():
        form.reference.errors = [gettext("Enter the reference of your request, like C7K-4KQ2")]
    if not (form.proof.data or "").strip():
        form.proof.errors = [gettext("Enter the last four digits, or the first three letters")]
    return bool(form.errors)


def _fits(typed: str, found: AppointmentRequest) -> bool:
    personal = found.personal
    return proves(typed, phone_e164=personal["phone_e164"], email=personal["email"])


def _ask(form: LostLinkForm) -> str:
    return render_template("public/lost_link.html", group=organization_name(), form=form)
