"""Reads the settings from the environment and refuses what does not go together."""

import difflib
import os
import stat
from collections.abc import Mapping
from typing import Any

from flask.helpers import get_debug_flag
from pydantic import ValidationError

from clinicdir.settings.fields import PREFIX, Settings

MIN_SECRET_LENGTH = 32
EMERGENCY_LINE = "911"
_SAMPLE_SECRETS = frozenset({"changeme", "secret", "dev", "password"})


class BadSettings(Exception):  # noqa: N818 - reads as a word
    """A setting is missing, unknown or wrong; the text says what to set."""


def load_settings(**given: Any) -> Settings:  # noqa: ANN401 - whatever the fields take
    """Read the settings from the environment, overridden by `given`, or raise BadSettings."""
    _refuse_unknown(os.environ)  # noqa: TID251 - this module is the one allowed to ask
    try:
        settings = Settings(**given)
    except ValidationError as problem:
        raise BadSettings(_in_words(problem)) from None
    _refuse_together(settings)
    return settings


def check_confirmed(settings: Settings, name: str, shown: str) -> None:
    """Stop production where the confirmed `name` is another one than pages show."""
    confirmed = getattr(settings, name)
    if settings.is_production and confirmed != shown:
        message = (
            f"{PREFIX}{name.upper()} is {confirmed}, but pages show {shown}."
            " Read them, then set it to what you stand by."
        )
        raise BadSettings(message)


def _refuse_unknown(environment: Mapping[str, str]) -> None:
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    for name in sorted(environment):
        if name.startswith(PREFIX) and name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {near[0]}?" if near else " See docs/settings.md."
            message = f"There is no setting {name}.{hint}"
            raise BadSettings(message)


def _in_words(problem: ValidationError) -> str:
    lines = []
    for error in problem.errors():
        name = f"{PREFIX}{str(error['loc'][0]).upper()}"
        reason = error["msg"].removeprefix("Value error, ")
        lines.append(f"{name}: {reason}.")
    return "\n".join(lines)


def _refuse_together(settings: Settings) -> None:
    """Stop with one sentence a trouble, each saying what to set."""
    troubles = []
    if settings.smtp_url is not None and "@" not in settings.mail_from:
        troubles.append("Set CLINICDIR_MAIL_FROM to the sender's address of the mails.")
    fax_url = settings.fax_url.get_secret_value() if settings.fax_url else ""
    if fax_url.startswith("mailto:") and settings.smtp_url is None:
        troubles.append("Set CLINICDIR_SMTP_URL: faxes leave by mail.")
    if settings.is_production:
        troubles += _production_troubles(settings)
    if troubles:
        raise BadSettings("\n".join(troubles))


def _production_troubles(settings: Settings) -> list[str]:
    troubles = []
    key = settings.secret_key.get_secret_value() if settings.secret_key else ""
    if len(key) < MIN_SECRET_LENGTH or key.lower() in _SAMPLE_SECRETS:
        troubles.append("Set CLINICDIR_SECRET_KEY to at least 32 random characters.")
    if not settings.encryption_keys:
        troubles.append(
            "Set CLINICDIR_ENCRYPTION_KEYS; `CLINICDIR_ENV=embedded flask keys new` prints one."
        )
    if not settings.base_url.startswith("https://"):
        troubles.append("Set CLINICDIR_BASE_URL to the https:// address of the site.")
    troubles += _unconfirmed(settings)
    if settings.rate_limits == "off":
        troubles.append("Unset CLINICDIR_RATE_LIMITS: limits stay on in production.")
    if get_debug_flag():
        troubles.append("Unset FLASK_DEBUG: its pages show the data to whoever meets a fault.")
    if settings.instance.exists() and settings.instance.stat().st_mode & stat.S_IRWXO:
        troubles.append(f"Run `chmod 700 {settings.instance}`: everybody can reach the data in it.")
    return troubles


def _unconfirmed(settings: Settings) -> list[str]:
    """Say what the group itself must decide; that it fits what pages show is checked with them."""
    troubles = []
    if "retention_days" not in settings.model_fields_set:
        troubles.append(
            "Set CLINICDIR_RETENTION_DAYS: so long closed requests keep their personal data."
        )
    if not settings.confirmed_privacy_text:
        troubles.append(
            "Read the page /privacy, then set CLINICDIR_CONFIRMED_PRIVACY_TEXT to its version."
        )
    if settings.confirmed_emergency_line != EMERGENCY_LINE:
        troubles.append(
            f"Set CLINICDIR_CONFIRMED_EMERGENCY_LINE to {EMERGENCY_LINE},"
            " which pages tell patients to call."
        )
    if not settings.confirmed_group_name:
        troubles.append(
            "Set CLINICDIR_CONFIRMED_GROUP_NAME to the name of the clinic group on the site."
        )
    return troubles
