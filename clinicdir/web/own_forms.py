"""The forms of the patient's own page: the contact check, changes, and taking a request back."""

from collections.abc import Mapping
from typing import Any

from wtforms import HiddenField, RadioField, StringField

from clinicdir.appointments.changes import CHANGEABLE
from clinicdir.appointments.codes import ForWhom
from clinicdir.web.forms import ContactForm, Form, Offer, PeopleForm, QuestionForm, TimesForm


class ProofForm(Form):
    """A form that asks for what only the sender knows, unless it was told a short while ago."""

    proof = StringField()


class CheckForm(ProofForm):
    """The contact check alone, with the page that it leads to."""

    next = HiddenField()


class WithdrawForm(ProofForm):
    """Takes a request back."""

    reason = StringField()


class ClinicForm(ProofForm):
    """Passes a request on to another clinic; `seen` is the one that the page showed."""

    template = "public/own_change_clinic.html"

    location = RadioField(validate_choice=False)
    seen = HiddenField()


class LostLinkForm(Form):
    """Looks a request up without its link; it changes nothing and so needs no form token."""

    reference = StringField()
    proof = StringField()


class ChangeForm(ProofForm, QuestionForm):
    """Changes the answers of one page of questions; it knows which answers its page showed."""

    answers_version = HiddenField()

    def fit(self, answers: Mapping[str, Any]) -> None:
        """Leave out what these answers make needless."""

    def answers(self) -> dict[str, Any]:
        """Return those answers that can be changed."""
        return {name: value for name, value in super().answers().items() if name in CHANGEABLE}


class ChangeContactForm(ChangeForm, ContactForm):
    """Changes how the clinic gets in touch."""

    template = "public/own_change_contact.html"


class ChangePeopleForm(ChangeForm, PeopleForm):
    """Changes the names; whom it is for stays."""

    template = "public/own_change_who.html"

    def fit(self, answers: Mapping[str, Any]) -> None:
        """Ask for the asker only where somebody asks for somebody else."""
        del self.for_whom, self.birth_date
        if answers["for_whom"] == ForWhom.ME:
            del self.asker_name, self.relation


class ChangeTimesForm(ChangeForm, TimesForm):
    """Changes when the patient can come, and the wishes."""

    template = "public/own_change_times.html"

    def prepare(self, offer: Offer) -> None:
        """Offer the same as at first, without what is asked only once."""
        super().prepare(offer)
        del self.returning, self.referral


CHANGES: dict[str, type[ChangeForm]] = {
    form.step: form for form in (ChangePeopleForm, ChangeContactForm, ChangeTimesForm)
}
