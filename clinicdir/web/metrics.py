"""`/metrics`: how desks, messages and this process do, for Prometheus; nothing of people."""

import hmac
import shutil
import threading
from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from flask import Blueprint, Response, abort, current_app, request
from flask.sansio.blueprints import BlueprintSetupState
from sqlalchemy.exc import SQLAlchemyError

from clinicdir import clock
from clinicdir.appointments.groups import Group, View, count_by_status, tally_by_location
from clinicdir.appointments.queries import CLOSED
from clinicdir.appointments.rules import OPEN, Status
from clinicdir.audit.queries import last_time_of_operator
from clinicdir.db import db
from clinicdir.locations.queries import list_slugs
from clinicdir.notifications.channel_states import is_paused, list_channel_states
from clinicdir.notifications.life import FAILED_STATES, OPEN_STATES
from clinicdir.notifications.queries import count_by_state, last_number
from clinicdir.notifications.rules import Channel
from clinicdir.notifications.workers import last_beat
from clinicdir.staff.rules import EVERYWHERE
from clinicdir.web.exposition import CONTENT_TYPE, Family, render
from clinicdir.web.parts import parts
from clinicdir.web.watching import is_from_this_machine, traffic

bp = Blueprint("metrics", __name__)

# A second scraper, or a hurried one, is told what the first was.
KEPT_FOR = timedelta(seconds=5)
# Closed requests are many and change little; a count of a million takes most of a second.
CLOSED_KEPT_FOR = timedelta(minutes=1)
_KEPT = "clinicdir.metrics"
_NOBODY = 0


class Kept:
    """What was read from the database last, for a while."""

    def __init__(self, read: Callable[[datetime], list[Family]], keep_for: timedelta) -> None:
        """Begin with nothing."""
        self._read, self._keep_for = read, keep_for
        self._lock = threading.Lock()
        self._at: datetime | None = None
        self._page = ""

    def page(self) -> str:
        """Return the measures of the database, read anew where they are too old."""
        with self._lock:
            now = clock.now()
            if self._at is None or not timedelta() <= now - self._at < self._keep_for:
                self._page, self._at = render(self._read(now)), now
            return self._page


@bp.record_once
def _begin(state: BlueprintSetupState) -> None:
    kept = (Kept(_of_database, KEPT_FOR), Kept(_closed_requests, CLOSED_KEPT_FOR))
    state.app.extensions[_KEPT] = kept


@bp.get("/metrics")
def metrics() -> Response:
    """Answer Prometheus by token, or from this machine; to anybody else there is no such page."""
    if not (_has_token() or is_from_this_machine()):
        abort(404)
    kept: tuple[Kept, ...] = current_app.extensions[_KEPT]
    pages = [one.page() for one in kept] + [render([*traffic().families(), _disk()])]
    return Response("".join(pages), content_type=CONTENT_TYPE)


def _has_token() -> bool:
    token = parts().settings.metrics_token
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if token is None or scheme.lower() != "bearer":
        return False
    return hmac.compare_digest(given.strip().encode(), token.get_secret_value().encode())


def _of_database(now: datetime) -> list[Family]:
    """Return what the database tells; where it is away, only that it is."""
    up = Family("clinicdir_database_up", "gauge", "1 while the database can be read.")
    try:
        found = [*_requests(now), *_outbox(now), *_channels(now), *_worker(now)]
        found += _backup(now)
    except SQLAlchemyError:
        db.session.rollback()
        found = []
    up.add(1 if found else 0)
    return [up, *found]


def _requests(now: datetime) -> list[Family]:
    slugs = list_slugs()
    by_status = Family("clinicdir_requests", "gauge", "Open requests by clinic and state.")
    _add_counts(by_status, slugs, OPEN)
    overdue = Family("clinicdir_requests_overdue", "gauge", "Requests past their promise.")
    late = Family(
        "clinicdir_promise_lateness_seconds", "gauge", "How long ago the oldest of them was due."
    )
    spam = Family("clinicdir_requests_quarantined", "gauge", "Requests held as possible spam.")
    held = Family(
        "clinicdir_quarantine_age_seconds", "gauge", "How long the oldest of them is held."
    )
    view = View(EVERYWHERE, _NOBODY, now)
    promises, suspects = (tally_by_location(one, view) for one in (Group.OVERDUE, Group.SPAM))
    for place_id, slug in slugs.items():
        due, suspect = promises.get(place_id), suspects.get(place_id)
        overdue.add(due.count if due else 0, {"location": slug})
        late.add(_seconds(now, due.first_promise_at if due else None), {"location": slug})
        spam.add(suspect.count if suspect else 0, {"location": slug})
        held.add(_seconds(now, suspect.first_arrival_at if suspect else None), {"location": slug})
    return [by_status, overdue, late, spam, held]


def _closed_requests(_now: datetime) -> list[Family]:
    """Return what is read once a minute; nothing where the database is away."""
    told = "Closed and booked requests by clinic and state, as of the last minute."
    closed = Family("clinicdir_requests_closed", "gauge", told)
    try:
        _add_counts(closed, list_slugs(), CLOSED)
    except SQLAlchemyError:
        db.session.rollback()
    return [closed]


def _add_counts(family: Family, slugs: dict[int, str], statuses: Collection[Status]) -> None:
    counts = count_by_status(statuses)
    for place_id, slug in slugs.items():
        for status in statuses:
            count = counts.get((place_id, status), 0)
            family.add(count, {"location": slug, "status": status.value})


def _outbox(now: datetime) -> list[Family]:
    waiting = Family("clinicdir_outbox_messages", "gauge", "Messages that wait or failed.")
    oldest = Family(
        "clinicdir_outbox_oldest_age_seconds", "gauge", "Age of the oldest message that waits."
    )
    queued = Family("clinicdir_outbox_queued_total", "counter", "Number of the newest message.")
    queued.add(last_number())
    counts = count_by_state()
    for channel in Channel:
        for state in sorted((*OPEN_STATES, *FAILED_STATES)):
            count = counts.get((channel, state), (0, now))[0]
            waiting.add(count, {"channel": channel.value, "state": state.value})
        since = min((counts[channel, one][1] for one in OPEN_STATES if (channel, one) in counts),
                    default=None)  # fmt: skip
        oldest.add(_seconds(now, since), {"channel": channel.value})
    return [waiting, oldest, queued]


def _channels(now: datetime) -> list[Family]:
    paused = Family("clinicdir_channel_paused", "gauge", "1 while a channel is left alone.")
    trouble = Family(
        "clinicdir_channel_trouble_seconds", "gauge", "How long nothing has left by a channel."
    )
    known = {state.channel: state for state in list_channel_states()}
    for channel in Channel:
        state = known.get(channel)
        is_on = state is not None and is_paused(state.paused_until, now)
        paused.add(1 if is_on else 0, {"channel": channel.value})
        since = state.troubled_since if state else None
        trouble.add(_seconds(now, since), {"channel": channel.value})
    return [paused, trouble]


def _worker(now: datetime) -> list[Family]:
    age = Family(
        "clinicdir_worker_heartbeat_age_seconds", "gauge", "Since when no worker was seen alive."
    )
    seen = last_beat()
    if seen is not None:
        age.add(_seconds(now, seen))
    return [age]


def _backup(now: datetime) -> list[Family]:
    age = Family("clinicdir_backup_age_seconds", "gauge", "Since when there is no newer backup.")
    made_at = last_time_of_operator("backup")
    if made_at is not None:
        age.add(_seconds(now, made_at))
    return [age]


def _disk() -> Family:
    free = Family("clinicdir_instance_free_bytes", "gauge", "Room where the instance folder lies.")
    folder = parts().settings.instance
    free.add(shutil.disk_usage(folder if folder.exists() else ".").free)
    return free


def _seconds(now: datetime, since: datetime | None) -> float:
    """Return the seconds since then; none where there is no such moment, or it is to come."""
    return max((now - since).total_seconds(), 0.0) if since is not None else 0.0
