"""What the doctor says of the machine around the site: clock, disk, proxy, who may read metrics."""

import ipaddress
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from sqlalchemy import func, select

from clinicdir import clock
from clinicdir.appointments.queries import newest_arrival
from clinicdir.cli.findings import Finding, Weight
from clinicdir.db import db
from clinicdir.settings import Settings
from clinicdir.web.parts import parts

_CLOCKS_DIFFER = timedelta(seconds=5)
_LITTLE_ROOM = 1_000_000_000
_SHORT_TOKEN = 20


def look_at_machine() -> Iterator[Finding]:
    """Yield what is to be said of clock, disk and proxy."""
    yield from _clock()
    yield from _disk()
    yield from proxy_findings(parts().settings)


def _clock() -> Iterator[Finding]:
    cure = "Turn on time synchronisation, such as systemd-timesyncd or chrony."
    if db.engine.dialect.name == "postgresql":
        before = clock.now()
        told: datetime = db.session.scalars(select(func.clock_timestamp())).one()
        after = clock.now()
        apart = max(before - told, told - after, timedelta())
        if apart > _CLOCKS_DIFFER:
            seconds = round(apart.total_seconds())
            state = f"{seconds} s apart from the clock of the database"
            yield Finding(Weight.WARNING, "clock", state, cure)
            return
    newest = newest_arrival()
    if newest is not None and newest - clock.now() > _CLOCKS_DIFFER:
        state = f"behind the newest request, which came at {newest:%Y-%m-%d %H:%M} UTC"
        yield Finding(Weight.WARNING, "clock", state, cure)
        return
    yield Finding(Weight.FINE, "clock", f"{clock.now():%Y-%m-%d %H:%M} UTC")


def _disk() -> Iterator[Finding]:
    folder = parts().settings.instance
    free = shutil.disk_usage(folder if folder.exists() else ".").free
    state = f"{free / 1e9:.1f} GB free"
    if free < _LITTLE_ROOM:
        cure = "Make room, or move the instance folder: without room nothing can be stored."
        yield Finding(Weight.WARNING, "disk of the instance folder", state, cure)
    else:
        yield Finding(Weight.FINE, "disk of the instance folder", state)


def proxy_findings(settings: Settings) -> Iterator[Finding]:
    """Yield what does not fit together in how the site is reached, and who may read measures."""
    is_https = settings.url.startswith("https://")
    if is_https and not settings.trusted_proxies:
        yield Finding(
            Weight.WARNING,
            "proxy",
            "the base URL is https, and no proxy is trusted: all people count as one sender",
            "Set CLINICDIR_TRUSTED_PROXIES to the address of the web server before the site.",
        )
    wide = [name for name in settings.trusted_proxies if _is_wide(name)]
    if wide:
        yield Finding(
            Weight.WARNING,
            "proxy",
            f"{', '.join(wide)} takes in addresses of strangers, who can then pose as anybody",
            "Set CLINICDIR_TRUSTED_PROXIES to the addresses of your own web servers alone.",
        )
    host = urlsplit(settings.url).hostname or ""
    if settings.trusted_proxies and not is_https and not _is_near(host):
        yield Finding(
            Weight.WARNING,
            "proxy",
            "the base URL begins with http://, so cookies and links are not kept to TLS",
            "Set CLINICDIR_BASE_URL to the https:// address of the site.",
        )
    if is_https and not _is_near(settings.host):
        yield Finding(
            Weight.NOTE,
            "proxy",
            f"the site itself listens on {settings.host}, where others may reach it without TLS",
            "Set CLINICDIR_HOST to 127.0.0.1, or let a firewall keep others off.",
        )
    token = settings.metrics_token
    if token is not None and len(token.get_secret_value()) < _SHORT_TOKEN:
        yield Finding(
            Weight.WARNING,
            "metrics",
            "the token is short enough to be guessed",
            f"Set CLINICDIR_METRICS_TOKEN to {_SHORT_TOKEN} random characters or more.",
        )


def _is_wide(proxy: str) -> bool:
    """Say whether a network holds public addresses of more than a few machines."""
    network = ipaddress.ip_network(proxy, strict=False)
    few = network.max_prefixlen - 8
    return not network.is_private and network.prefixlen < few


def _is_near(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
