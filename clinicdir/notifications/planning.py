"""Reads what a manager has typed about notices: a plan, or what is to be corrected."""

from collections.abc import Mapping

from email_validator import EmailNotValidError, validate_email

from clinicdir.errors import FieldError, Invalid, marked
from clinicdir.locations.rules import parse_number
from clinicdir.notifications.plans import Plan, Quiet, Step
from clinicdir.notifications.rules import Channel
from clinicdir.notifications.targets import BadTarget, read_target
from clinicdir.notifications.webhooks import new_secret

OFF, FIRST = "off", "first"
_MOST_MIN = 240
_LONGEST_NUMBER = 40


def check_plan(typed: Mapping[str, str], before: Plan, *, allow_private: bool) -> Plan:
    """Return the plan that was typed, or raise Invalid.

    A webhook gets a secret when it gets its first address, and a new one when that is asked for.
    """
    errors: list[FieldError] = []
    steps = tuple(
        _step(channel, typed, before, errors, allow_private=allow_private)
        for channel in Channel
        if typed[f"{channel}_use"] != OFF
    )
    _check_order(steps, errors)
    plan = Plan(
        steps=steps,
        after_min=_minutes(typed["after_min"], errors),
        quiet=_quiet(typed, errors),
        digest_to=_mailbox("digest_to", typed["digest_to"], errors),
        version=before.version,
    )
    if errors:
        raise Invalid(*errors)
    return plan


def _step(
    channel: Channel,
    typed: Mapping[str, str],
    before: Plan,
    errors: list[FieldError],
    *,
    allow_private: bool,
) -> Step:
    use, to, secret = typed[f"{channel}_use"], typed[f"{channel}_to"].strip(), ""
    follows = None
    if use != FIRST:
        if use not in {one.value for one in Channel if one is not channel}:
            message = marked("Select when this channel is used")
            errors.append(FieldError(f"{channel}_use", "missing", message))
        else:
            follows = Channel(use)
    if channel is Channel.EMAIL:
        to = _mailbox("email_to", to, errors)
    elif channel is Channel.FAX:
        to = _fax_number(to, errors)
    else:
        _check_url(to, errors, allow_private=allow_private)
        known = before.step(channel)
        secret = known.secret if known and not typed["new_secret"] else new_secret()
    return Step(channel, follows, to, secret)


def _check_order(steps: tuple[Step, ...], errors: list[FieldError]) -> None:
    if not any(step.follows is None for step in steps):
        message = marked("Select at least one channel that is used at once")
        errors.append(FieldError("email_use", "none_first", message))
        return
    known: set[Channel | None] = {None}
    for _ in steps:
        known |= {step.channel for step in steps if step.follows in known}
    for step in steps:
        if step.channel not in known:
            message = marked("Select a channel that is used at once, or stands in for one")
            errors.append(FieldError(f"{step.channel}_use", "no_first", message))


def _mailbox(field: str, text: str, errors: list[FieldError]) -> str:
    if not text.strip():
        return ""
    try:
        found = validate_email(text.strip(), check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        message = marked("Enter an email address, like name@example.com")
        errors.append(FieldError(field, "not_an_address", message))
        return ""
    return found.normalized


def _fax_number(text: str, errors: list[FieldError]) -> str:
    if not text:
        return ""
    try:
        return parse_number(text[: _LONGEST_NUMBER + 1])
    except ValueError:
        message = marked("Enter a fax number like (206) 555-0100, without an extension")
        errors.append(FieldError("fax_to", "not_a_number", message))
        return ""


def _check_url(text: str, errors: list[FieldError], *, allow_private: bool) -> None:
    try:
        read_target(text, allow_private=allow_private)
    except BadTarget:
        message = marked("Enter an address that begins with https:// and is open to the internet")
        errors.append(FieldError("webhook_to", "not_a_target", message))


def _minutes(text: str, errors: list[FieldError]) -> int:
    typed = text.strip()
    number = int(typed) if typed.isascii() and typed.isdecimal() and len(typed) < 4 else 0  # noqa: PLR2004
    if not 1 <= number <= _MOST_MIN:
        message = marked("Enter a whole number of minutes from 1 to 240")
        errors.append(FieldError("after_min", "out_of_range", message))
    return number


def _quiet(typed: Mapping[str, str], errors: list[FieldError]) -> Quiet | None:
    texts = {name: typed[name].strip() for name in ("quiet_from", "quiet_until")}
    if not any(texts.values()):
        return None
    found = {name: _minute_of_day(text) for name, text in texts.items()}
    for name, minute in found.items():
        if minute is None:
            message = marked("Enter a time like 19:00, or leave both times empty")
            errors.append(FieldError(name, "not_a_time", message))
    begins, ends = found["quiet_from"], found["quiet_until"]
    if begins is None or ends is None:
        return None
    if begins == ends:
        message = marked("Enter a time that differs from the one at which quiet begins")
        errors.append(FieldError("quiet_until", "same", message))
    return Quiet(begins, ends)


def _minute_of_day(text: str) -> int | None:
    hours, colon, minutes = text.partition(":")
    parts = (hours, minutes)
    if not colon or not all(one.isascii() and one.isdecimal() and len(one) <= 2 for one in parts):  # noqa: PLR2004
        return None
    if int(hours) > 23 or int(minutes) > 59:  # noqa: PLR2004
        return None
    return int(hours) * 60 + int(minutes)
