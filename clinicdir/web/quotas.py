"""Counts what comes from an address, a phone and a text, in the file that all workers share.

Only keyed hashes stand in it, each for an hour or a day; no count refuses anything.
"""

import logging
import sqlite3
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from flask import current_app
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm.exc import StaleDataError

from clinicdir.appointments.copies import COPIES_WITHIN, entry_of, hold_copies
from clinicdir.appointments.submission import Submission
from clinicdir.appointments.suspicion import (
    CLEARLY_SAME_REQUESTS,
    MOST_SAME_TEXTS,
    Signs,
    count_links,
    same_bare_request,
    same_request,
    same_text,
)
from clinicdir.db import key_ring, transaction
from clinicdir.web.limits import CounterFile
from clinicdir.web.parts import parts
from clinicdir.web.security import sender_of_request

_log = logging.getLogger(__name__)

_HOUR, _DAY = timedelta(hours=1), timedelta(hours=24)
# A location that gets more in an hour is told of in the log; it means nothing for a request.
BUSY_LOCATION = 60
# More of one kind are not counted; every threshold lies far below.
_MOST_OF_ONE = 1_000
_NAME = "clinicdir.sightings"


@dataclass(frozen=True)
class Look:
    """The signs of one arrival, and the arrivals whose text is the same."""

    signs: Signs
    copies: frozenset[bytes] = frozenset()


class Sightings:
    """Who has seen what how often: one row for each arrival, so that a repeated try adds none."""

    def __init__(self, file: CounterFile) -> None:
        """Take the file that all workers share."""
        self._file = file

    def note(self, what: dict[str, tuple[bytes, timedelta]], entry: bytes, now: datetime) -> None:
        """Note an arrival under each of these hashes, for as long as each says."""
        at, connection = now.timestamp(), self._file.connection()
        with connection:
            connection.execute("begin immediate")
            for digest, window in what.values():
                connection.execute(
                    "insert into sighting (what, entry, expires) select :what, :entry, :expires"
                    " where (select count(*) from sighting where what = :what and expires > :at)"
                    " < :most"
                    " on conflict (what, entry) do nothing",
                    {
                        "what": digest,
                        "entry": entry,
                        "at": at,
                        "expires": at + window.total_seconds(),
                        "most": _MOST_OF_ONE,
                    },
                )
        self._file.wrote()

    def entries(self, digest: bytes, now: datetime) -> frozenset[bytes]:
        """Return the arrivals noted under a hash within its time."""
        rows = self._file.connection().execute(
            "select entry from sighting where what = ? and expires > ?", (digest, now.timestamp())
        )
        return frozenset(entry for (entry,) in rows)

    def purge(self) -> None:
        """Drop what has had its time."""
        self._file.tidy()


def sightings() -> Sightings:
    """Return the counts of the present app."""
    file = CounterFile(parts().settings.instance / "limits.sqlite3")
    found: Sightings = current_app.extensions.setdefault(_NAME, Sightings(file))
    return found


def look_at(submission: Submission, key: str, form: Signs, *, now: datetime) -> Look:
    """Count an arrival and return all its signs: those of its form, of its words, of others.

    The same key counts once. Counts that cannot be had are none, and cost nobody a request.
    """
    signs = replace(form, links=count_links(submission))
    what = _what(submission)
    try:
        sightings().note(what, entry_of(key), now)
        seen = {name: sightings().entries(digest, now) for name, (digest, _) in what.items()}
    except (sqlite3.Error, OSError):
        _log.exception("the counts cannot be had")
        return Look(signs)
    count = {name: len(entries) for name, entries in seen.items()}
    if count.get("location") == BUSY_LOCATION + 1:
        slug = submission.location[0]
        text = "%s: more than %d requests in an hour"
        _log.warning(text, slug, BUSY_LOCATION, extra={"location": slug})
    signs = replace(
        signs,
        same_requests=count.get("request", 0),
        same_bare_requests=count.get("bare", 0),
        same_texts=count.get("text", 0),
        from_address=count.get("address", 0),
        from_phone=count.get("phone", 0),
    )
    return Look(signs, _copies(seen) if signs.copies_are_held else frozenset())


def hold_earlier_copies(look: Look, *, now: datetime) -> None:
    """Have the first copies of a text checked, too, once it has come too often to be people's."""
    if not look.copies:
        return
    try:
        with transaction():
            hold_copies(look.copies, now=now)
    except (DBAPIError, StaleDataError):
        # The next copy tries again; whoever sent this one must not be told of any trouble.
        _log.exception("earlier copies could not be held")


def _copies(seen: dict[str, frozenset[bytes]]) -> frozenset[bytes]:
    """Return the arrivals that are the same so often that no person sent them."""
    most = {
        "request": CLEARLY_SAME_REQUESTS,
        "bare": CLEARLY_SAME_REQUESTS,
        "text": MOST_SAME_TEXTS,
    }
    found = (
        seen.get(name, frozenset())
        for name, number in most.items()
        if len(seen.get(name, ())) > number
    )
    return frozenset[bytes]().union(*found)


def _number(submission: Submission) -> str | None:
    """Return the phone number without an extension: a whole hospital may share the rest."""
    return None if submission.phone_e164 is None else submission.phone_e164.split(";")[0]


def _what(submission: Submission) -> dict[str, tuple[bytes, timedelta]]:
    """Return the hashes under which an arrival counts; the quotas only where they are on."""
    values: dict[str, tuple[str | None, timedelta]] = {
        "request": (same_request(submission), COPIES_WITHIN),
        "text": (same_text(submission), COPIES_WITHIN),
    }
    if parts().settings.rate_limits == "on":
        values |= {
            "address": (sender_of_request().hex(), _HOUR),
            "location": (submission.location[0], _HOUR),
            "phone": (_number(submission), _DAY),
            "bare": (same_bare_request(submission), COPIES_WITHIN),
        }
    ring = key_ring()
    return {
        name: (ring.fingerprint(f"sighting {name}", value), window)
        for name, (value, window) in values.items()
        if value is not None
    }
