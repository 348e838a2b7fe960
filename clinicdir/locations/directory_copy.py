"""A copy of the directory in memory, which public pages read while the database is away."""

import sqlite3
import threading
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine, QueuePool, StaticPool, create_engine, insert, select

from clinicdir.db import db
from clinicdir.locations.models import Location, Organization, Telecom
from clinicdir.locations.rules import TelecomSystem

_KINDS = (Organization, Location, Telecom)
_READERS = 16


class DirectoryCopy:
    """The group, its locations and their numbers as they were when the database last answered."""

    def __init__(self) -> None:
        """Begin without a copy."""
        self._held: list[Sequence[Any]] | None = None
        self._engine: Engine | None = None

    @property
    def engine(self) -> Engine | None:
        """Return what to read the copy by, None before the first one was made."""
        return self._engine

    def refresh(self) -> None:
        """Take what the database holds now; where it is away the older copy stays."""
        with db.engine.connect() as connection:
            held = [connection.execute(select(kind.__table__)).all() for kind in _KINDS]
        if held == self._held:
            return
        self._engine, before = _in_memory(held), self._engine
        self._held = held
        if before is not None:
            before.dispose()  # whoever reads it goes on to the end

    def phones(self, limit: int) -> dict[str, str]:
        """Return the phone of each of the first locations by its name."""
        if self._engine is None:
            return {}
        query = (
            select(Location.name, Telecom.value)
            .join(Telecom)
            .where(Telecom.system == TelecomSystem.PHONE)
            .order_by(Location.ordinal, Telecom.id.desc())
            .limit(limit)
        )
        with self._engine.connect() as connection:
            return {row.name: row.value for row in connection.execute(query)}


def _in_memory(held: list[Sequence[Any]]) -> Engine:
    """Return an engine whose every connection has these rows to itself, in tables like ours."""
    master = sqlite3.connect(":memory:", check_same_thread=False)
    filling = create_engine("sqlite://", creator=lambda: master, poolclass=StaticPool)
    # The tables of all else are there, too, and empty: no imported addresses, no requests.
    db.metadata.create_all(filling)
    with filling.begin() as connection:
        for kind, rows in zip(_KINDS, held, strict=True):
            if rows:
                connection.execute(insert(kind), [row._asdict() for row in rows])
    one_copies = threading.Lock()

    def connect() -> sqlite3.Connection:
        own = sqlite3.connect(":memory:", check_same_thread=False)
        with one_copies:
            master.backup(own)
        return own

    return create_engine("sqlite://", creator=connect, poolclass=QueuePool, max_overflow=_READERS)
