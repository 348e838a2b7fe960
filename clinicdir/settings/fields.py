"""What an operator can set, and what each single value must be."""

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

PREFIX = "CLINICDIR_"

Words = Annotated[tuple[str, ...], NoDecode]
Secrets = Annotated[tuple[SecretStr, ...], NoDecode]


class Settings(BaseSettings):
    """Everything an operator can set; `docs/settings.md` explains each."""

    # An empty variable counts as unset: a secret key of no characters would sign nothing.
    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="ignore", env_ignore_empty=True
    )

    env: Literal["embedded", "production"] = Field(
        "embedded", description="`production` refuses to start with anything unsafe"
    )
    instance: Path = Field(
        Path("instance"), description="folder of everything that is written: database, keys"
    )
    database_url: str = Field(
        "", description="empty: SQLite in the instance folder; else `postgresql+psycopg://…`"
    )
    secret_key: SecretStr | None = Field(
        None, description="signs cookies and form tokens; made once where `ENV` is embedded"
    )
    secret_key_fallbacks: Secrets = Field(
        (), description="older secret keys that still count, comma-separated"
    )
    encryption_keys: Secrets = Field(
        (), description="keys for personal data, newest first, comma-separated; never in a backup"
    )
    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8000, ge=1, le=65535, description="port to listen on")
    base_url: str = Field("", description="how people reach the site; empty: http://HOST:PORT")
    seeds: Path | None = Field(
        None, description="folder with locations.json and the other seeds; empty: the shipped one"
    )
    geocoder: str = Field(
        "offline", description="`offline`, or the geopy service that is asked about addresses"
    )
    geocoder_options: SecretStr | None = Field(
        None, description="what geopy wants to know of the service: `domain=…,api_key=…`"
    )
    smtp_url: SecretStr | None = Field(
        None, description="mail server: `smtp://user:password@host:port` or `smtps://…`"
    )
    mail_from: str = Field("", description="sender of mails; needed with SMTP_URL")
    fax_url: SecretStr | None = Field(
        None, description="`hylafax://host:port`, `mailto:{digits}@…`, `https://…` or `interfax:`"
    )
    fax_fonts: Words = Field((), description="folders with fonts of the fax page, comma-separated")
    fax_http_body: str = Field("", description="JSON posted to the `https://` gateway")
    fax_http_header: SecretStr | None = Field(None, description="header that opens the gateway")
    fax_callback_secret: SecretStr | None = Field(None, description="signs the gateway's callbacks")
    allow_private_webhooks: bool = Field(
        False, description="whether webhooks may use http:// and reach private addresses"
    )
    trusted_proxies: Words = Field(
        (), description="addresses or networks whose X-Forwarded headers are believed"
    )
    rate_limits: Literal["on", "off"] = Field(
        "on", description="`off` for load tests; refused in production"
    )
    metrics_token: SecretStr | None = Field(None, description="opens `/metrics` as bearer token")
    log_format: Literal["text", "json"] = Field("text", description="always `json` in production")
    migration_backup: Literal["on", "off"] = Field(
        "on", description="`off` migrates without a backup: you have made one yourself"
    )
    idle_minutes: int = Field(
        10, ge=1, le=720, description="minutes without a click after which staff pages lock"
    )
    retention_days: int = Field(
        365, ge=1, le=3650, description="days after which closed requests lose personal data"
    )
    confirmed_group_name: str = Field(
        "", description="the group's name, by an operator who has read it on the site"
    )
    confirmed_privacy_text: str = Field(
        "", description="version of the privacy text that the group stands by; see `/privacy`"
    )
    confirmed_emergency_line: str = Field(
        "", description="`911`, where that is what patients of the group should call"
    )
    show_unreviewed: bool = Field(
        False, description="whether production shows guides that no clinician has reviewed"
    )
    ask_birth_date: bool = Field(False, description="whether a request may carry a birth date")
    privacy_url: str = Field("", description="link named Consumer health data privacy, if set")
    social_instagram: str = Field("", description="link to the group's Instagram page, if set")
    social_facebook: str = Field("", description="link to the group's Facebook page, if set")
    social_twitter: str = Field("", description="link to the group's Twitter page, if set")
    social_youtube: str = Field("", description="link to the group's YouTube page, if set")

    @field_validator(
        "secret_key_fallbacks", "encryption_keys", "trusted_proxies", "fax_fonts", mode="before"
    )
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("database_url")
    @classmethod
    def _check_database(cls, value: str) -> str:
        try:
            backend = make_url(value).get_backend_name() if value else "sqlite"
        except ArgumentError:
            backend = ""
        if backend not in ("sqlite", "postgresql"):
            raise ValueError("must be sqlite:///… or postgresql+psycopg://user@host/name")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _check_proxies(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in value:
            ipaddress.ip_network(proxy)
        return value

    @field_validator(
        "base_url", "privacy_url",
        "social_instagram", "social_facebook", "social_twitter", "social_youtube",
    )  # fmt: skip
    @classmethod
    def _check_url(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in ("http", "https") or not parts.hostname):
            raise ValueError("must begin with https:// or http://")
        return value.rstrip("/")

    @field_validator("geocoder_options")
    @classmethod
    def _check_options(cls, value: SecretStr | None) -> SecretStr | None:
        entries = value.get_secret_value().split(",") if value else []
        if not all(re.fullmatch(r"\s*[a-z_]+=.+", entry) for entry in entries):
            raise ValueError("must look like domain=geocoder.example,api_key=…")
        return value

    @field_validator("smtp_url")
    @classmethod
    def _check_smtp(cls, value: SecretStr | None) -> SecretStr | None:
        allowed = "must look like smtp://user:password@host:port or smtps://…"
        parts = urlsplit(value.get_secret_value()) if value else None
        if parts is not None and (parts.scheme not in ("smtp", "smtps") or not parts.hostname):
            raise ValueError(allowed)
        try:
            _ = parts and parts.port
        except ValueError:
            raise ValueError(allowed) from None
        return value

    @field_validator("fax_url")
    @classmethod
    def _check_fax(cls, value: SecretStr | None) -> SecretStr | None:
        allowed = r"hylafax://.+|mailto:.*\{digits\}.*@.+|https?://.+|interfax:"
        if value and not re.fullmatch(allowed, value.get_secret_value()):
            raise ValueError("must begin with hylafax:// or https://, or be mailto:{digits}@…")
        return value

    @property
    def geocoder_arguments(self) -> dict[str, str]:
        """Return the options of the geocoding service by name."""
        text = self.geocoder_options.get_secret_value() if self.geocoder_options else ""
        pairs = (entry.strip().split("=", 1) for entry in text.split(",") if entry)
        return dict(pairs)

    @property
    def is_production(self) -> bool:
        """Say whether the refusals of production are on."""
        return self.env == "production"

    @property
    def url(self) -> str:
        """Return the site's own address without a slash at its end, for absolute links."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.base_url or f"http://{host}:{self.port}"

    @property
    def database(self) -> str:
        """Return the database URL in force."""
        return self.database_url or f"sqlite:///{self.instance.absolute() / 'clinicdir.sqlite3'}"

    @property
    def social_links(self) -> dict[str, str]:
        """Return the links that are set, by the network's name, in the seed's order."""
        links = {
            "Instagram": self.social_instagram,
            "Facebook": self.social_facebook,
            "Twitter": self.social_twitter,
            "YouTube": self.social_youtube,
        }
        return {name: link for name, link in links.items() if link}
