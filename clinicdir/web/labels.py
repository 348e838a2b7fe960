"""What the codes of a request's answers are called on pages."""

from clinicdir.appointments.codes import ContactBy, ForWhom, PartOfDay, Weekday, YesNoUnsure
from clinicdir.errors import marked
from clinicdir.staff.rules import Role
from clinicdir.web.language import gettext

FOR_WHOM = {ForWhom.ME: marked("Me"), ForWhom.SOMEONE_ELSE: marked("Someone else")}
CONTACT_BY = {ContactBy.PHONE: marked("Phone"), ContactBy.EMAIL: marked("Email")}
PARTS = {
    PartOfDay.MORNING: marked("morning"),
    PartOfDay.MIDDAY: marked("midday"),
    PartOfDay.LATE_DAY: marked("late in the day"),
    PartOfDay.ANY: marked("any time"),
}
BEST_TIMES = {
    PartOfDay.MORNING: marked("Morning"),
    PartOfDay.MIDDAY: marked("Midday"),
    PartOfDay.LATE_DAY: marked("Late in the day"),
    PartOfDay.ANY: marked("Any time"),
}
WEEKDAYS = {
    Weekday.MONDAY: marked("Monday"),
    Weekday.TUESDAY: marked("Tuesday"),
    Weekday.WEDNESDAY: marked("Wednesday"),
    Weekday.THURSDAY: marked("Thursday"),
    Weekday.FRIDAY: marked("Friday"),
    Weekday.SATURDAY: marked("Saturday"),
    Weekday.SUNDAY: marked("Sunday"),
    Weekday.ANY: marked("Any day"),
}
YES_NO_UNSURE = {
    YesNoUnsure.YES: marked("Yes"),
    YesNoUnsure.NO: marked("No"),
    YesNoUnsure.NOT_SURE: marked("Not sure"),
}
ROLES = {
    Role.VIEWER: marked("Viewer: reads requests"),
    Role.DESK: marked("Front desk: answers requests"),
    Role.MANAGER: marked("Manager: also settings, people and reports"),
    Role.ADMIN: marked("Admin: everything at all clinics"),
}
# In their own words; "und" is the tag for a language that is not named.
LANGUAGES = {
    "en": "English",
    "es": "Español",
    "zh-Hant": "繁體中文",
    "vi": "Tiếng Việt",
    "ko": "한국어",
    "ru": "Русский",
    "so": "Soomaali",
    "am": "አማርኛ",
    "tl": "Tagalog",
    "uk": "Українська",
}


def window_words(weekday: str, part: str) -> str:
    """Return a wished time as people read it: Monday, morning; what is no time stays as typed."""
    try:
        day, time = WEEKDAYS[Weekday(weekday)], PARTS[PartOfDay(part)]
    except ValueError:
        return f"{weekday} {part}".strip()
    return gettext("%(weekday)s, %(part)s", weekday=gettext(day), part=gettext(time))


# What a patient reads of the reason, by the codes that staff choose from.
_DECLINED = {
    "not_offered": marked("%(clinic)s does not offer what you asked for."),
    "no_times": marked("%(clinic)s has no time to offer."),
    "needs_referral": marked("%(clinic)s needs a referral first. Ask your doctor for one."),
}


def decline_words(reason: str | None, clinic: str) -> str:
    """Return why a clinic could not help, as its patient reads it; empty where it gave no word."""
    words = _DECLINED.get(reason or "")
    return gettext(words, clinic=clinic) if words else ""
