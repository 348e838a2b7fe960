"""What every page about a patient's own request shows: its clinic, and whom to call."""

from typing import Any

from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.notices import reads_mail
from clinicdir.appointments.rules import SPAM, Status
from clinicdir.locations.queries import list_sharing, organization_name
from clinicdir.locations.rules import TelecomSystem
from clinicdir.web.errors import remember_phones
from clinicdir.web.parts import parts

# Of presses that write something, as on the pages of a new request.
PER_ADDRESS = "200 per 10 minutes"


def frame(found: AppointmentRequest) -> dict[str, Any]:
    """Return the values of the page's frame, and keep the phone for an error page."""
    location = found.location
    remember_phones([location])
    phone = location.telecom_value(TelecomSystem.PHONE)
    status = told_status(found)
    return {
        "code": status.value,
        "is_open": status.is_open,
        "group": organization_name(),
        "request_": found,
        "location": location,
        "sharing": len(list_sharing(phone, TelecomSystem.PHONE)) if phone else 0,
    }


def mail_of(found: AppointmentRequest) -> str:
    """Return whether mail comes to the patient: `comes`, `refused` or `none`."""
    if parts().settings.smtp_url is None:
        return "none"
    if found.email_refused_at is not None:
        return "refused"
    return "comes" if reads_mail(found) else "none"


def told_status(found: AppointmentRequest) -> Status:
    """Return the state that the patient is told: who is taken for spam goes on as received."""
    is_spam = found.status is Status.DECLINED and found.decline_reason == SPAM
    return Status.RECEIVED if is_spam else found.status
