"""Reads the settings from the environment and refuses what does not go together."""

import difflib
import ipaddress
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qs, urlsplit

from flask.helpers import get_debug_flag
from pydantic import SecretStr, ValidationError
from sqlalchemy.engine import make_url

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


def check_places(settings: Settings, static: Path) -> None:
    """Stop where the data would lie in `static`, the folder that everybody may read."""
    places = {f"{PREFIX}INSTANCE": settings.instance}
    url = make_url(settings.database)
    if url.get_backend_name() == "sqlite":
        places[f"{PREFIX}DATABASE_URL"] = Path(str(url.database))
    for name, place in places.items():
        if place.resolve().is_relative_to(static.resolve()):
            message = (
                f"{name} lies in {static}, which everybody can read through the site."
                " Set it to a folder elsewhere."
            )
            raise BadSettings(message)


def _refuse_unknown(environment: Mapping[str, str]) -> None:
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    for name in sorted(environment):
        # Small letters would be read, too: of two spellings of one name, nobody knows which counts.
        if name.upper().startswith(PREFIX) and name not in known:
            near = difflib.get_close_matches(name.upper(), known, n=1)
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
    troubles = [*_mail_troubles(settings), *_fax_troubles(settings), *_address_troubles(settings)]
    url = make_url(settings.database)
    if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
        troubles.append(
            "Set CLINICDIR_DATABASE_URL to sqlite:////folder/file:"
            " what is only in memory is gone at the end."
        )
    if settings.geocoder_options is not None and settings.geocoder == "offline":
        troubles.append(
            "Set CLINICDIR_GEOCODER to the service that CLINICDIR_GEOCODER_OPTIONS is for,"
            " or unset the options."
        )
    if settings.is_production:
        troubles += _production_troubles(settings)
    if troubles:
        raise BadSettings("\n".join(troubles))


def _mail_troubles(settings: Settings) -> Iterator[str]:
    if settings.smtp_url is None:
        return
    if "@" not in settings.mail_from:
        yield "Set CLINICDIR_MAIL_FROM to the sender's address of the mails."
    asked = parse_qs(_parts(settings.smtp_url).query, keep_blank_values=True)
    if asked not in ({}, {"starttls": ["required"]}):
        yield "CLINICDIR_SMTP_URL: after the ? only starttls=required has a meaning."


def _fax_troubles(settings: Settings) -> Iterator[str]:
    scheme = _parts(settings.fax_url).scheme
    if scheme == "mailto" and settings.smtp_url is None:
        yield "Set CLINICDIR_SMTP_URL: faxes leave by mail."
    if scheme not in ("http", "https", "interfax"):
        for name in ("fax_http_body", "fax_http_header"):
            if getattr(settings, name):
                yield (
                    f"{PREFIX}{name.upper()} is for an https:// gateway."
                    " Set CLINICDIR_FAX_URL to one, or unset it."
                )
    for folder in settings.fax_fonts:
        if not Path(folder).is_dir():
            yield f"CLINICDIR_FAX_FONTS: there is no folder {folder}."


def _parts(url: SecretStr | None) -> SplitResult:
    return urlsplit(url.get_secret_value() if url else "")


def _address_troubles(settings: Settings) -> Iterator[str]:
    parts = urlsplit(settings.base_url)
    try:
        port = parts.port
    except ValueError:
        yield "CLINICDIR_BASE_URL: the port must be a number up to 65535."
        return
    if parts.path or parts.query or parts.fragment or "@" in parts.netloc:
        yield "CLINICDIR_BASE_URL: must end after the host or its port; pages lie right under it."
    by_itself = _is_near(parts.hostname) and _is_near(settings.host) and parts.scheme == "http"
    if by_itself and not settings.trusted_proxies and (port or 80) != settings.port:
        yield (
            f"CLINICDIR_BASE_URL names port {port or 80}, but the site listens on {settings.port}."
            " Set CLINICDIR_PORT to the same, or unset the one that is wrong."
        )


def _is_near(host: str | None) -> bool:
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return host == "localhost"


def _production_troubles(settings: Settings) -> list[str]:
    troubles = []
    key = settings.secret_key.get_secret_value() if settings.secret_key else ""
    if len(key) < MIN_SECRET_LENGTH or key.lower() in _SAMPLE_SECRETS:
        troubles.append("Set CLINICDIR_SECRET_KEY to at least 32 random characters.")
    if not settings.encryption_keys:
        troubles.append(
            "Set CLINICDIR_ENCRYPTION_KEYS; `CLINICDIR_ENV=embedded flask keys new` prints one."
        )
    troubles += _key_troubles(settings)
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


def _key_troubles(settings: Settings) -> Iterator[str]:
    older = [key.get_secret_value() for key in settings.secret_key_fallbacks]
    if any(len(key) < MIN_SECRET_LENGTH for key in older):
        yield (
            "Take the keys of less than 32 characters out of CLINICDIR_SECRET_KEY_FALLBACKS:"
            " whoever guesses one signs in as anybody."
        )
    if settings.secret_key in settings.encryption_keys:
        yield (
            "Set CLINICDIR_SECRET_KEY to another key than CLINICDIR_ENCRYPTION_KEYS holds:"
            " each has one use."
        )
    if any(ipaddress.ip_network(proxy).prefixlen == 0 for proxy in settings.trusted_proxies):
        yield (
            "Set CLINICDIR_TRUSTED_PROXIES to the addresses of your own web servers:"
            " it believes everybody."
        )


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
