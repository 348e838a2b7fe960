"""What moves, reasons, events and suspicions are called on the staff pages."""

from clinicdir.appointments.erasing import ERASED
from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.rules import Action, RequestChannel
from clinicdir.errors import marked
from clinicdir.notifications.rules import MessageKind
from clinicdir.web.language import gettext

# The ways by which staff hear of a request that they enter.
CHANNELS = {
    RequestChannel.PHONE: marked("Phone call"),
    RequestChannel.DESK: marked("Walk-in"),
    RequestChannel.FAX: marked("Fax"),
}
DECLINE_REASONS = {
    "not_offered": marked("We do not offer this"),
    "no_times": marked("We have no times in reach"),
    "needs_referral": marked("A referral is needed first"),
    "other": marked("Another reason"),
}
OUTCOMES = {
    "reached": marked("Reached"),
    "voicemail": marked("Voicemail left"),
    "no_answer": marked("No answer"),
    "wrong_number": marked("Wrong number"),
}
AGAIN = {
    "1h": marked("In 1 hour"),
    "3h": marked("In 3 hours"),
    "morning": marked("Tomorrow morning"),
}
# The heading of a form, empty where the button says all.
TITLES = {
    Action.BOOK: marked("Booked with the patient"),
    Action.DECLINE: marked("We cannot do it"),
    Action.LOG_CONTACT: marked("Tried to reach the patient"),
    Action.MARK_ERROR: marked("Entered by mistake"),
    Action.MERGE: marked("Join with another request"),
    Action.NOTE: marked("Add a note"),
    Action.OFFER: marked("Offer times"),
    Action.TRANSFER: marked("Pass on to another clinic"),
    Action.WITHDRAW: marked("Withdraw for the caller"),
}
BUTTONS = {
    Action.ATTEND: marked("The patient came"),
    Action.AWAIT_PATIENT: marked("Wait for the patient"),
    Action.BOOK: marked("Mark as booked"),
    Action.CLAIM: marked("I’m on it"),  # noqa: RUF001 - as it is printed
    Action.CLEAR: marked("Not spam: put it among the new ones"),
    Action.DECLINE: marked("Decline"),
    Action.EXPIRE_OFFER: marked("Take the times back"),
    Action.GIVE_UP: marked("Close: no reply"),
    Action.LOG_CONTACT: marked("Save the try"),
    Action.MARK_ERROR: marked("Close as a mistake"),
    Action.MERGE: marked("Join this one with it"),
    Action.MISS: marked("The patient did not come"),
    Action.NOTE: marked("Save the note"),
    Action.OFFER: marked("Offer these times"),
    Action.QUARANTINE: marked("May be spam"),
    Action.RELEASE: marked("Put it back among the new ones"),
    Action.REOPEN: marked("Open it again"),
    Action.RETIME: marked("Find another time"),
    Action.TRANSFER: marked("Pass it on"),
    Action.WAITLIST: marked("Put on the short-notice list"),
    Action.WITHDRAW: marked("Withdraw the request"),
}
EVENT_WORDS = {
    Action.SUBMIT: marked("came in"),
    Action.CLAIM: marked("taken up"),
    Action.RELEASE: marked("put back among the new ones"),
    Action.AWAIT_PATIENT: marked("waits for the patient"),
    Action.OFFER: marked("times offered"),
    Action.EXPIRE_OFFER: marked("offered times taken back"),
    Action.BOOK: marked("booked"),
    Action.RETIME: marked("needs another time"),
    Action.WAITLIST: marked("put on the short-notice list"),
    Action.DECLINE: marked("declined"),
    Action.REOPEN: marked("opened again"),
    Action.TRANSFER: marked("passed on"),
    Action.WITHDRAW: marked("withdrawn"),
    Action.GIVE_UP: marked("closed without a reply"),
    Action.ATTEND: marked("the patient came"),
    Action.MISS: marked("the patient did not come"),
    Action.UNDO: marked("undone"),
    Action.QUARANTINE: marked("put aside as maybe spam"),
    Action.CLEAR: marked("found to be no spam"),
    Action.MERGE: marked("joined with another request"),
    Action.MARK_ERROR: marked("closed as a mistake"),
    Action.LOG_CONTACT: marked("tried to reach the patient"),
    Action.CHANGE: marked("changed"),
    Action.NOTE: marked("note"),
}
ANSWER_NAMES = {
    "patient_name": marked("name of the patient"),
    "asker_name": marked("who asks"),
    "relation": marked("who asks"),
    "phone": marked("phone"),
    "email": marked("email"),
    "contact_by": marked("how to contact"),
    "best_time": marked("best time"),
    "voicemail_ok": marked("voicemail"),
    "windows": marked("times"),
    "short_notice": marked("short notice"),
    "language": marked("language"),
    "interpreter": marked("interpreter"),
    "access_needs": marked("access needs"),
    "note": marked("note"),
}
NEW_LINK = "new_link"
IN_CALENDAR = "in_other_calendar"
# What a note stands for that was made by a press.
PRESSED = {
    NEW_LINK: marked("new link given"),
    IN_CALENDAR: marked("put into our other calendar"),
    ERASED: marked("personal data erased"),
}
SUSPICIONS = {
    "honeypot": marked("a field that people do not see was filled in"),
    "too_fast": marked("it was sent faster than people type"),
    "links": marked("it holds web links"),
    "repeated_text": marked("the same text came before"),
    "busy_address": marked("many requests came from one network address"),
    "busy_phone": marked("many requests came with this phone number"),
    "unsigned": marked("it did not come from a page of ours"),
}
# What a message tells, and whom.
NOTICES = {
    MessageKind.REQUEST_WAITS: marked("To the clinic: a request waits"),
    MessageKind.PATIENT_CHANGED: marked("To the clinic: the patient has changed it"),
    MessageKind.TELL_RECEIVED: marked("To the patient: we have it"),
    MessageKind.TELL_TRIED: marked("To the patient: we tried to reach you"),
    MessageKind.TELL_OFFERED: marked("To the patient: choose a time"),
    MessageKind.TELL_BOOKED: marked("To the patient: booked"),
    MessageKind.TELL_RETIMED: marked("To the patient: the time is off"),
    MessageKind.TELL_WAITLISTED: marked("To the patient: on the short-notice list"),
    MessageKind.TELL_DECLINED: marked("To the patient: declined"),
    MessageKind.TELL_REOPENED: marked("To the patient: opened again"),
    MessageKind.TELL_PASSED_ON: marked("To the patient: another clinic has it"),
    MessageKind.TELL_WITHDRAWN: marked("To the patient: withdrawn"),
    MessageKind.TELL_GIVEN_UP: marked("To the patient: closed without a reply"),
    MessageKind.TELL_CORRECTED: marked("To the patient: a correction"),
}


def patient_words(found: AppointmentRequest) -> str:
    """Return the patient's name, or that it is erased."""
    name: str = found.personal["patient_name"]
    return gettext("erased") if found.erased_at else name
