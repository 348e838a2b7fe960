"""The audit trail as managers read it: of one request, and of one person."""

from flask import render_template, request
from flask.typing import ResponseReturnValue

from clinicdir import clock
from clinicdir.appointments.rules import Action, parse_reference
from clinicdir.audit.queries import Line, Reach, list_about, list_of_person
from clinicdir.audit.rules import Actor, ActorKind, location_chain
from clinicdir.errors import NotFound, marked
from clinicdir.locations.queries import list_all_locations, organization_name
from clinicdir.staff.rules import Right
from clinicdir.web.language import gettext
from clinicdir.web.paging import after
from clinicdir.web.present import signed_in
from clinicdir.web.staff.blueprint import bp, needs
from clinicdir.web.staff.looks import note_list
from clinicdir.web.staff.own import managed, own_places
from clinicdir.web.staff_labels import EVENT_WORDS

_ON_A_PAGE = 50
# Lists that name no clinic.
_LISTS = ("inbox", "measures", "mistakes")
_WORDS = {
    "assign": marked("role or clinics changed"),
    "backup": marked("backup made"),
    "disable": marked("person disabled"),
    "export": marked("taken out as a file"),
    "factor_off": marked("second step switched off"),
    "factor_on": marked("second step switched on"),
    "invite": marked("person invited"),
    "join": marked("first password chosen"),
    "keys_add": marked("encryption key added"),
    "keys_drop": marked("older encryption key dropped"),
    "keys_export": marked("encryption keys written to a file"),
    "line_open": marked("opened on the shared line"),
    "list": marked("list looked at"),
    "location_added": marked("clinic added"),
    "mistake_done": marked("reported mistake settled"),
    "password": marked("password changed"),
    "print": marked("printed"),
    "recovery_code": marked("recovery code used"),
    "recovery_codes": marked("new recovery codes made"),
    "recovery_codes_end": marked("recovery codes of an older key ended"),
    "renew_link": marked("new link made for the patient"),
    "reset": marked("new password link made"),
    "restore": marked("backup restored"),
    "search": marked("searched"),
    "seed_load": marked("facts loaded"),
    "settings": marked("settings changed"),
    "sign_in": marked("signed in"),
    "sign_out": marked("signed out"),
    "sign_out_elsewhere": marked("signed out elsewhere"),
    "transfer_out": marked("passed on, left this clinic"),
    "unlock": marked("unlocked the page"),
    "view": marked("opened"),
}
_KINDS = {
    ActorKind.PATIENT: marked("the patient"),
    ActorKind.OPERATOR: marked("whoever runs this site"),
    ActorKind.SYSTEM: marked("this site"),
}


@bp.get("/audit")
@needs(Right.AUDIT)
def audit_trail() -> ResponseReturnValue:
    """Ask for a reference, or show who did and looked at what of that request."""
    typed = request.args.get("request", "")
    if not typed:
        return render_template(
            "staff/audit_ask.html", group=organization_name(), member=signed_in()
        )
    reference = parse_reference(typed)
    if reference is None or not _entries_about(reference):
        raise NotFound
    note_list(f"audit {reference}", now=clock.now())
    entries = _entries_about(reference)
    return _page("staff/audit_request.html", entries, reference=reference)


@bp.get("/audit/people/<int:staff_id>")
@needs(Right.AUDIT)
def audit_of_person(staff_id: int) -> ResponseReturnValue:
    """Show what a person did and looked at, and what was done to the account."""
    managed(staff_id)
    note_list(f"audit person {staff_id}", now=clock.now())
    person = managed(staff_id)
    entries = list_of_person(
        person.id, person.email, reach=_reach(), limit=_ON_A_PAGE + 1, before_id=after()
    )
    return _page("staff/audit_person.html", entries, person=person)


def _entries_about(reference: str) -> list[Line]:
    return list_about(reference, chains=_chains(), limit=_ON_A_PAGE + 1, before_id=after())


def _chains() -> list[str] | None:
    """Return the chains of the reader's own clinics, None for an admin, who reads all."""
    own = signed_in().scope.location_ids
    return None if own is None else [location_chain(number) for number in sorted(own)]


def _reach() -> Reach | None:
    """Return the chains and lists of the reader's own clinics, None for an admin, who reads all.

    A look at the trail of a request is not among them: the request may be another clinic's.
    """
    chains = _chains()
    if chains is None:
        return None
    of_places = [f"{name} {place.slug}" for name in ("inbox", "agenda") for place in own_places()]
    return Reach(chains, [*_LISTS, *of_places])


def _page(template: str, entries: list[Line], **more: object) -> str:
    places = {location_chain(place.id): place for place in list_all_locations()}
    zone = next(iter(places.values())).time_zone if places else "UTC"
    return render_template(
        template,
        group=organization_name(),
        member=signed_in(),
        lines=[
            {
                "at": facts.at,
                "zone": places[facts.chain].time_zone if facts.chain in places else zone,
                "where": places[facts.chain].name if facts.chain in places else gettext("Group"),
                "who": _who(facts.actor),
                "what": _what(facts.action),
                "subject": facts.subject,
                "why": facts.detail,
            }
            for facts in (entry.facts for entry in entries[:_ON_A_PAGE])
        ],
        next_after=entries[_ON_A_PAGE - 1].id if len(entries) > _ON_A_PAGE else None,
        **more,
    )


def _who(actor: Actor) -> str:
    words = _KINDS.get(actor.kind)
    return gettext(words) if words else actor.label


def _what(action: str) -> str:
    """Return an action in words, an unknown one as it is."""
    if action in set(Action):
        return gettext(EVENT_WORDS[Action(action)])
    return gettext(_WORDS[action]) if action in _WORDS else action
