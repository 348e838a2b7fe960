"""Commands about messages: deliver what waits, list how far each has come, try again."""

import json
import signal
import sys
import threading
from datetime import timedelta

import click
from flask import current_app
from flask.cli import AppGroup

from clinicdir import clock
from clinicdir.audit.rules import OPERATOR
from clinicdir.cli.refusals import JSON_HELP, in_plain_words
from clinicdir.cli.routing import make_post
from clinicdir.cli.serving import deliver_until
from clinicdir.db import db, transaction
from clinicdir.notifications import operations
from clinicdir.notifications.channel_states import resume_channels
from clinicdir.notifications.delivery import deliver_due
from clinicdir.notifications.life import FAILED_STATES, OPEN_STATES
from clinicdir.notifications.queries import Delivery, list_messages
from clinicdir.notifications.rules import DeliveryState

notifications = AppGroup("notifications", help="Deliver messages, list them, try them again.")

_MOST = 100_000


@notifications.command("deliver")
@click.option("--watch", is_flag=True, help="Go on until ended, as `flask serve` does.")
@in_plain_words
def deliver(watch: bool) -> None:
    """Try each message that is due once, also by a channel that is paused."""
    if watch:
        _watch()
        return
    resume_channels()
    accepted = deliver_due(make_post(), clock=clock.now, limit=_MOST)
    click.echo(f"{accepted} accepted by the mail server.")


def _watch() -> None:
    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    db.session.remove()
    click.echo("Delivering messages (Ctrl+C ends it)")
    sys.stdout.flush()
    deliver_until(current_app._get_current_object(), stop)  # type: ignore[attr-defined]  # noqa: SLF001


@notifications.command("list")
@click.option(
    "--state",
    type=click.Choice([state.value for state in DeliveryState]),
    help="Only messages in this state; without it, those that wait and those that failed.",
)
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True)
@click.option("--json", "as_json", is_flag=True, help=JSON_HELP)
@in_plain_words
def list_all(state: str | None, limit: int, as_json: bool) -> None:
    """List messages: number, kind, channel, state, age, tries, last error. No personal data."""
    states = (DeliveryState(state),) if state else (*OPEN_STATES, *FAILED_STATES)
    found = list_messages(states=states, limit=limit)
    if as_json:
        click.echo(json.dumps([_as_json(one) for one in found], indent=2, ensure_ascii=False))
        return
    for one in found:
        click.echo("  ".join(_words(one)))


def _as_json(one: Delivery) -> dict[str, object]:
    return {
        "id": one.id,
        "kind": one.kind.value,
        "channel": one.channel.value,
        "state": one.state.value,
        "created_at": one.created_at.isoformat(),
        "age_s": round((clock.now() - one.created_at).total_seconds()),
        "due_at": one.due_at.isoformat(),
        "attempts": one.attempts,
        "finished_at": one.finished_at.isoformat() if one.finished_at else None,
        "last_error": one.last_error,
    }


def _words(one: Delivery) -> list[str]:
    age = clock.now() - one.created_at
    words = [str(one.id), one.kind.value, one.channel.value, one.state.value]
    words += [f"{_rounded(age)} old", f"{one.attempts} tries"]
    return [*words, one.last_error] if one.last_error else words


def _rounded(age: timedelta) -> str:
    minutes = round(age.total_seconds() / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"  # noqa: PLR2004 - two hours


@notifications.command("retry")
@click.argument("ids", metavar="[ID]...", nargs=-1, type=int)
@click.option("--all-dead", is_flag=True, help="Every message that was given up.")
@in_plain_words
def retry(ids: tuple[int, ...], all_dead: bool) -> None:
    """Let messages leave again that were refused or given up, by their numbers in the list."""
    if bool(ids) is all_dead:
        click.echo(
            "Give the numbers that `flask notifications list` shows, or --all-dead.", err=True
        )
        sys.exit(2)
    with transaction():
        if all_dead:
            count = operations.retry_dead(actor=OPERATOR, now=clock.now())
        else:
            count = operations.retry(ids, actor=OPERATOR, now=clock.now())
    resume_channels()
    click.echo(f"{count} will be tried again.")
