"""The people of a manager's clinics: invite, move, hand out new links, disable."""

from typing import Any

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import BooleanField, RadioField, SelectMultipleField, StringField

from clinicdir import clock
from clinicdir.appointments.claims import free_claims
from clinicdir.db import transaction
from clinicdir.errors import FieldError, Forbidden, Invalid, NotFound, marked
from clinicdir.locations.models import Location
from clinicdir.locations.queries import organization_name
from clinicdir.staff.operations import ALREADY_THERE, assign, disable, invite, reset
from clinicdir.staff.queries import find_by_email, list_staff, with_factor
from clinicdir.staff.rules import Right, Role, may_manage
from clinicdir.staff.second_factor import remove_factor
from clinicdir.staff.sessions import actor_of, end_all_sessions
from clinicdir.web.forms import Form
from clinicdir.web.labels import ROLES
from clinicdir.web.language import gettext
from clinicdir.web.parts import parts
from clinicdir.web.present import signed_in
from clinicdir.web.security import form_token_failed, keeps_answers
from clinicdir.web.staff.blueprint import bp, needs
from clinicdir.web.staff.own import managed, own_places

_DONE = {
    "assign": marked("Saved. The person signs in again to see the change."),
    "factor": marked("The second step is reset. The person sets it up anew after signing in."),
    "disable": marked("This person is shut out. What they were on is back in the list."),
}


class PersonForm(Form):
    """Who a person is, what they may do and where."""

    email = StringField()
    role = RadioField(validate_choice=False)
    location = SelectMultipleField(validate_choice=False)
    shared_line = BooleanField()

    def prepare(self, places: list[Location]) -> None:
        """Offer the roles that the reader may give, and the reader's clinics."""
        self.role.choices = [(role.value, gettext(ROLES[role])) for role in _roles_to_give()]
        self.location.choices = [(place.slug, place.name) for place in places]

    def chosen(self, places: list[Location]) -> tuple[Role, list[Location]]:
        """Return the role and the clinics; Invalid without a role, NotFound for foreign clinics."""
        role = next((role for role in _roles_to_give() if role.value == self.role.data), None)
        if role is None:
            message = marked("Select what the person may do")
            raise Invalid(FieldError("role", "missing", message))
        ticked: list[str] = self.location.data or []
        if not set(ticked) <= {place.slug for place in places}:
            raise NotFound
        return role, [place for place in places if place.slug in ticked]


def _roles_to_give() -> list[Role]:
    return [role for role in Role if role is not Role.ADMIN or signed_in().role is Role.ADMIN]


@bp.get("/team")
@needs(Right.INVITE)
def team() -> str:
    """List the people whom the reader may manage, and offer to invite one more."""
    return _team_page(PersonForm(formdata=None))


@bp.post("/team")
@keeps_answers
@needs(Right.INVITE)
def invite_person() -> ResponseReturnValue:
    """Invite a person; the link is shown once, to be handed over."""
    form, places = PersonForm(), own_places()
    form.prepare(places)
    if form_token_failed():
        return _team_page(form), 400
    try:
        with transaction():
            email = form.email.data or ""
            _refuse_foreign(email)
            role, chosen = form.chosen(own_places())
            token = invite(email, role, chosen, actor=actor_of(signed_in()), now=clock.now())
    except Invalid as refusal:
        form.attach(refusal.errors)
        return _team_page(form), 422
    return _link_page(email, token)


@bp.get("/team/<int:staff_id>")
@needs(Right.INVITE)
def person(staff_id: int) -> str:
    """Show one person and what can be done."""
    member = managed(staff_id)
    form = PersonForm(formdata=None)
    form.role.data = member.role.value
    form.location.data = [place.slug for place in member.locations]
    form.shared_line.data = member.shared_line
    return _person_page(form, staff_id)


@bp.post("/team/<int:staff_id>/assign")
@keeps_answers
@needs(Right.INVITE)
def assign_person(staff_id: int) -> ResponseReturnValue:
    """Give a person another role or other clinics; their sign-ins end."""
    form, places = PersonForm(), own_places()
    form.prepare(places)
    if form_token_failed():
        return _person_page(form, staff_id), 400
    try:
        with transaction():
            member = managed(staff_id)
            role, chosen = form.chosen(own_places())
            assign(
                member.email,
                role,
                chosen,
                shared_line=bool(form.shared_line.data),
                actor=actor_of(signed_in()),
                now=clock.now(),
            )
    except Invalid as refusal:
        form.attach(refusal.errors)
        return _person_page(form, staff_id), 422
    return _done(staff_id, "assign")


@bp.post("/team/<int:staff_id>/link")
@needs(Right.INVITE)
def hand_out_link(staff_id: int) -> ResponseReturnValue:
    """Hand out a link for a new password; the old password and all sign-ins end."""
    try:
        with transaction():
            member = _other(staff_id)
            token = reset(member.email, actor=actor_of(signed_in()), now=clock.now())
            email = member.email
    except Invalid as refusal:
        return _refusal_page(staff_id, refusal), 422
    return _link_page(email, token)


@bp.post("/team/<int:staff_id>/factor")
@needs(Right.INVITE)
def reset_factor(staff_id: int) -> ResponseReturnValue:
    """Take away the second step of a person whose phone is lost; their sign-ins end."""
    with transaction():
        member = _other(staff_id)
        remove_factor(member, actor=actor_of(signed_in()), now=clock.now())
        end_all_sessions(member, "second step reset", now=clock.now())
    return _done(staff_id, "factor")


@bp.post("/team/<int:staff_id>/disable")
@needs(Right.INVITE)
def disable_person(staff_id: int) -> ResponseReturnValue:
    """Shut a person out at once; what they were on goes back to the list."""
    try:
        with transaction():
            member = managed(staff_id)
            actor = actor_of(signed_in())
            disable(member.email, actor=actor, now=clock.now())
            free_claims(staff_id, actor=actor, now=clock.now())
    except Invalid as refusal:
        return _refusal_page(staff_id, refusal), 422
    return _done(staff_id, "disable")


def _other(staff_id: int) -> Any:  # noqa: ANN401 - as above
    """Return a person to reset; one's own password and second step ask for proof, elsewhere."""
    if staff_id == signed_in().id:
        raise Forbidden
    return managed(staff_id)


def _refuse_foreign(email: str) -> None:
    """Refuse to invite away somebody who belongs to other clinics; it says no more than that."""
    member = find_by_email(email)
    if member is not None and member.active and not may_manage(signed_in(), member):
        raise Invalid(ALREADY_THERE)


def _done(staff_id: int, what: str) -> ResponseReturnValue:
    return redirect(url_for("staff.person", staff_id=staff_id, done=what), code=303)


def _team_page(form: PersonForm) -> str:
    reader, places = signed_in(), own_places()
    form.prepare(places)
    people = [member for member in list_staff() if may_manage(reader, member)]
    return render_template(
        "staff/team.html",
        group=organization_name(),
        member=reader,
        form=form,
        people=people,
        has_factor=with_factor({person.id for person in people}),
        role_words={role.value: gettext(words) for role, words in ROLES.items()},
        expired=form_token_failed(),
    )


def _person_page(form: PersonForm, staff_id: int, problem: str | None = None) -> str:
    person, reader = managed(staff_id), signed_in()
    form.prepare(own_places())
    done = _DONE.get(request.args.get("done", ""))
    return render_template(
        "staff/person.html",
        group=organization_name(),
        member=reader,
        person=person,
        form=form,
        has_factor=person.id in with_factor({person.id}),
        is_self=person.id == reader.id,
        problem=problem,
        done=gettext(done) if done else None,
        expired=form_token_failed(),
    )


def _refusal_page(staff_id: int, refusal: Invalid) -> str:
    form = PersonForm(formdata=None)
    person = managed(staff_id)
    form.role.data = person.role.value
    form.location.data = [place.slug for place in person.locations]
    return _person_page(form, staff_id, gettext(refusal.errors[0].message))


def _link_page(email: str, token: str) -> str:
    return render_template(
        "staff/link.html",
        group=organization_name(),
        member=signed_in(),
        email=email,
        link=parts().settings.url + url_for("invitation.invitation", token=token),
    )
