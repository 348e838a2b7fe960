"""By which channels a clinic is told of requests, and what stands in for what: a page to set it."""

from flask import redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.exc import StaleDataError
from wtforms import BooleanField, HiddenField, RadioField, StringField

from clinicdir import clock
from clinicdir.audit.queries import find_latest
from clinicdir.db import transaction
from clinicdir.errors import Invalid, NotAllowed, marked
from clinicdir.locations.models import Location
from clinicdir.locations.queries import organization_name
from clinicdir.locations.rules import TelecomSystem, display_number
from clinicdir.notifications.planning import FIRST, OFF, check_plan
from clinicdir.notifications.plans import PLAN_CHANGED, Plan, change_plan, plan_of
from clinicdir.notifications.rules import Channel
from clinicdir.staff.rules import Right
from clinicdir.staff.sessions import actor_of
from clinicdir.web.forms import Form, version_in
from clinicdir.web.language import gettext
from clinicdir.web.parts import parts
from clinicdir.web.present import signed_in
from clinicdir.web.security import form_token_failed, keeps_answers
from clinicdir.web.staff.blueprint import bp, needs
from clinicdir.web.staff.own import own_place

_STANDS_IN = {
    Channel.EMAIL: marked("Only if the e-mail does not get through"),
    Channel.FAX: marked("Only if the fax does not get through"),
    Channel.WEBHOOK: marked("Only if the other system does not take it"),
}
_TYPED = (
    "email_use", "email_to", "fax_use", "fax_to", "webhook_use", "webhook_to",
    "after_min", "quiet_from", "quiet_until", "digest_to",
)  # fmt: skip


class NoticeForm(Form):
    """The channels of one clinic, with the version that the page showed."""

    version = HiddenField()
    email_use = RadioField(validate_choice=False)
    email_to = StringField()
    fax_use = RadioField(validate_choice=False)
    fax_to = StringField()
    webhook_use = RadioField(validate_choice=False)
    webhook_to = StringField()
    new_secret = BooleanField()
    after_min = StringField()
    quiet_from = StringField()
    quiet_until = StringField()
    digest_to = StringField()

    def offer(self) -> None:
        """Put the choices into the fields."""
        stands_in = {one: (one.value, gettext(words)) for one, words in _STANDS_IN.items()}
        for channel in Channel:
            others = [choice for one, choice in stands_in.items() if one is not channel]
            choices = [(FIRST, gettext("At once")), *others, (OFF, gettext("Never"))]
            self[f"{channel}_use"].choices = choices

    def fill(self, plan: Plan) -> None:
        """Show what is in force."""
        for channel in Channel:
            step = plan.step(channel)
            use = OFF if step is None else step.follows or FIRST
            self[f"{channel}_use"].data = str(use)
            self[f"{channel}_to"].data = step.to if step else ""
        if self.fax_to.data:
            self.fax_to.data = display_number(self.fax_to.data)
        self.after_min.data = str(plan.after_min)
        if plan.quiet:
            self.quiet_from.data = _clock(plan.quiet.from_min)
            self.quiet_until.data = _clock(plan.quiet.until_min)
        self.digest_to.data = plan.digest_to

    def typed(self) -> dict[str, str]:
        """Return what was typed, under the names that the rules have."""
        return {name: self[name].data or "" for name in _TYPED} | {
            "new_secret": "y" if self.new_secret.data else ""
        }


@bp.get("/settings/<slug>/notices")
@needs(Right.SETTINGS)
def show_notices(slug: str) -> str:
    """Show how one clinic is told of requests."""
    location, form = own_place(slug), NoticeForm(formdata=None)
    form.fill(plan_of(location.id))
    return _page(location, form)


@bp.post("/settings/<slug>/notices")
@keeps_answers
@needs(Right.SETTINGS)
def save_notices(slug: str) -> ResponseReturnValue:
    """Put a typed plan in force; the secret of a webhook is shown on the answer to this alone."""
    location, form = own_place(slug), NoticeForm()
    if form_token_failed():
        return _page(location, form, problem="expired"), 400
    before = plan_of(location.id)
    private = parts().settings.allow_private_webhooks
    try:
        plan = check_plan(form.typed(), before, allow_private=private)
        with transaction():
            change_plan(
                own_place(slug),
                plan,
                seen_version=version_in(form.version.data),
                actor=actor_of(signed_in()),
                now=clock.now(),
            )
    except Invalid as refusal:
        form.attach(refusal.errors)
        return _page(location, form), 422
    except (NotAllowed, StaleDataError, IntegrityError):
        location = own_place(slug)
        form.version.data = str(plan_of(location.id).version)
        return _page(location, form, problem="stale"), 409
    secret = _new_secret(before, plan)
    if secret is None:
        return redirect(url_for("staff.show_notices", slug=slug), code=303)
    return render_template(
        "staff/webhook_secret.html",
        group=organization_name(),
        member=signed_in(),
        location=own_place(slug),
        secret=secret,
    )


def _new_secret(before: Plan, after: Plan) -> str | None:
    """Return the secret that was made just now."""
    old, new = before.step(Channel.WEBHOOK), after.step(Channel.WEBHOOK)
    if new is None or (old is not None and old.secret == new.secret):
        return None
    return new.secret


def _page(location: Location, form: NoticeForm, *, problem: str | None = None) -> str:
    form.offer()
    plan = plan_of(location.id)
    form.version.data = form.version.data or str(plan.version)
    fax = location.telecom_value(TelecomSystem.FAX)
    return render_template(
        "staff/notices.html",
        group=organization_name(),
        member=signed_in(),
        location=location,
        form=form,
        problem=problem,
        last_change=find_latest(PLAN_CHANGED, location.slug) if problem == "stale" else None,
        own_email=location.telecom_value(TelecomSystem.EMAIL),
        own_fax=display_number(fax) if fax else None,
        has_secret=plan.step(Channel.WEBHOOK) is not None,
    )


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
