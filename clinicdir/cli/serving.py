"""`flask serve`: one process that migrates, loads the seeds once, serves and delivers."""

import contextlib
import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator
from typing import Any

import click
from flask import Flask, current_app
from flask.cli import with_appcontext
from sqlalchemy.exc import InterfaceError, OperationalError
from waitress.server import create_server

from clinicdir import clock
from clinicdir.appointments.digest import queue_digests
from clinicdir.appointments.tidying import expire_offers, release_lapsed
from clinicdir.cli.draining import drain_on_sigterm
from clinicdir.cli.preparing import newest_version, prepare_database, schema_version
from clinicdir.cli.refusals import in_plain_words, refuse_unconfirmed_name
from clinicdir.cli.routing import make_post
from clinicdir.cli.tidying import tidy_up
from clinicdir.cli.wire import StrictChannel
from clinicdir.db import db, transaction
from clinicdir.notifications.channel_states import resume_channels
from clinicdir.notifications.claiming import Worker
from clinicdir.notifications.delivery import deliver_due
from clinicdir.notifications.operations import drop_unneeded
from clinicdir.notifications.queries import has_dead
from clinicdir.notifications.rules import Channel
from clinicdir.notifications.workers import BEAT_EVERY_S, beat
from clinicdir.web.going_on import keep_fresh
from clinicdir.web.parts import parts

__all__ = [
    "deliver_until",
    "newest_version",
    "prepare_database",
    "run_server",
    "schema_version",
    "serve",
]

_log = logging.getLogger(__name__)

THREADS = 8
# Well below the 1,024 files that a process may have open, and that select() can watch.
_CONNECTIONS = 900
_HEADER_BYTES = 32_768
# The site refuses more than 64,000 bytes; this much is read to say so, and then the line is cut.
_BODY_BYTES = 1_000_000
_LEAVE_S = 5
_EVERY_S = 2.0
_AT_ONCE = 10_000
_AT_ONCE_S = 60.0
_LOOK_EVERY_S = 60.0
_TIDY_EVERY_S = 3600.0
_WORKERS: dict[str, dict[str, Any]] = {
    "outbox": {"channels": (Channel.EMAIL,)},
    "outbox-slow": {"channels": (Channel.FAX, Channel.WEBHOOK), "tidies": False},
}


@click.command("serve")
@with_appcontext
@in_plain_words
def serve() -> None:
    """Bring the database up to date, load the seeds once, serve the site, deliver messages."""
    prepare_database()
    refuse_unconfirmed_name()
    run_server(current_app._get_current_object())  # type: ignore[attr-defined]  # noqa: SLF001


def run_server(app: Flask) -> None:
    """Serve until SIGINT or SIGTERM; requests in hand are answered first."""
    settings = parts().settings
    # A read left open here would keep every writer waiting, for as long as the site runs.
    db.session.remove()
    stop = threading.Event()
    copier = threading.Thread(target=keep_fresh, args=(app, stop), name="copier", daemon=True)
    workers = [*_workers(app, stop), copier]
    try:
        server = create_server(
            app,
            host=_one_address(settings.host),
            port=settings.port,
            threads=THREADS,
            connection_limit=_CONNECTIONS,
            max_request_header_size=_HEADER_BYTES,
            max_request_body_size=_BODY_BYTES,
            # web/security.py decides whose X-Forwarded-… is believed; waitress would drop them.
            clear_untrusted_proxy_headers=False,
            ident=None,
        )
    except OSError as trouble:  # also a name that cannot be looked up
        click.echo(
            f"Cannot listen on {settings.host}:{settings.port} ({trouble.strerror})."
            " Set CLINICDIR_PORT to a free port, and CLINICDIR_HOST to an address of this machine.",
            err=True,
        )
        sys.exit(1)
    server.channel_class = StrictChannel
    drain_on_sigterm(server, stop)
    for worker in workers:
        worker.start()
    click.echo(f"clinicdir is at {settings.url} (Ctrl+C ends it)")
    sys.stdout.flush()
    try:
        server.run()
    finally:
        stop.set()
        _join(workers)


def _join(workers: list[threading.Thread]) -> None:
    """Wait until the workers have left, a few seconds for all of them together."""
    until = time.monotonic() + _LEAVE_S
    for worker in workers:
        worker.join(timeout=max(0, until - time.monotonic()))


def _one_address(host: str) -> str:
    """Return the first address of a host; of several, waitress makes a server that cannot drain."""
    first: str = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][4][0]  # type: ignore[assignment]
    return first


def deliver_until(app: Flask, stop: threading.Event) -> None:
    """Run the workers until told to stop."""
    workers = _workers(app, stop)
    for worker in workers:
        worker.start()
    stop.wait()
    _join(workers)


def _workers(app: Flask, stop: threading.Event) -> list[threading.Thread]:
    """Return the workers; a fax or a webhook takes its time, so e-mails do not wait behind it."""
    return [
        threading.Thread(target=_work, args=(app, stop), kwargs=options, name=name, daemon=True)
        for name, options in _WORKERS.items()
    ]


def _work(
    app: Flask,
    stop: threading.Event,
    *,
    channels: Collection[Channel] = tuple(Channel),
    tidies: bool = True,
) -> None:
    """Deliver what is due by these channels until told to stop; no trouble ends the worker."""
    worker = Worker()
    with _unended(app):
        resume_channels()
    beat_at = looked = tidied = float("-inf")
    wait = _EVERY_S
    while not stop.wait(wait):
        wait = _EVERY_S
        with _unended(app):
            if time.monotonic() - beat_at > BEAT_EVERY_S:
                with transaction():
                    beat(f"{socket.gethostname()}:{os.getpid()}", now=clock.now())
                beat_at = time.monotonic()
            done = deliver_due(
                make_post(),
                clock=clock.now,
                limit=_AT_ONCE,
                worker=worker,
                channels=channels,
                stopped=_stops_at(time.monotonic() + _AT_ONCE_S, stop),
            )
            wait = 0 if done else _EVERY_S  # as long as messages leave, there may be more
        if tidies and time.monotonic() - looked > _LOOK_EVERY_S:
            with _unended(app):
                _look_through()
            looked = time.monotonic()
        if tidies and time.monotonic() - tidied > _TIDY_EVERY_S:
            with _unended(app):
                tidy_up()
            tidied = time.monotonic()


def _stops_at(until: float, stop: threading.Event) -> Callable[[], bool]:
    return lambda: stop.is_set() or time.monotonic() > until


@contextlib.contextmanager
def _unended(app: Flask) -> Iterator[None]:
    """Give the app's context; whatever goes wrong in it, the worker goes on."""
    try:
        with app.app_context():
            yield
    except (InterfaceError, OperationalError) as trouble:  # busy, full or away, perhaps for long
        kind = type(trouble.orig).__name__
        _log.warning("the outbox worker waits for the database: %s", kind)
    except Exception:  # noqa: BLE001 - whatever it was, messages must go on leaving
        _log.exception("the outbox worker goes on after a fault")


def _look_through() -> None:
    """Do what a minute brings: what lapses, and messages given up that nobody needs any more."""
    now = clock.now()
    expire_offers(now=now)
    release_lapsed(now=now)
    queue_digests(now=now)
    if has_dead():
        with transaction():
            drop_unneeded(make_post().resolve, now=now)
