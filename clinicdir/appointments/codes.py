"""The fixed codes of answers; a group's own lists stand in its seeds."""

import enum


class ForWhom(enum.StrEnum):
    """Whom the appointment is for."""

    ME = "me"
    SOMEONE_ELSE = "someone_else"


class ContactBy(enum.StrEnum):
    """How the clinic should get in touch."""

    PHONE = "phone"
    EMAIL = "email"


class PartOfDay(enum.StrEnum):
    """A part of the day at the clinic."""

    MORNING = "morning"
    MIDDAY = "midday"
    LATE_DAY = "late_day"
    ANY = "any"


class Weekday(enum.StrEnum):
    """A day of the week, or any."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"
    ANY = "any"


class YesNoUnsure(enum.StrEnum):
    """An answer that may be unknown."""

    YES = "yes"
    NO = "no"
    NOT_SURE = "not_sure"
