"""Which kinds of imports are in use, remembered for a second: most lookups need not ask."""

import time
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, select

from clinicdir.db import db
from clinicdir.finder.models import FinderImport, ImportKind, ImportState

REMEMBERED_S = 1.0

_known: WeakKeyDictionary[Engine, tuple[float, frozenset[ImportKind]]] = WeakKeyDictionary()
_KINDS = select(FinderImport.kind).where(FinderImport.state == ImportState.CURRENT).distinct()


def kinds_in_use() -> frozenset[ImportKind]:
    """Return the kinds that have an import in use; another process's change shows in a second."""
    engine, now = db.engine, time.monotonic()
    known = _known.get(engine)
    if known is None or known[0] < now:
        known = _known[engine] = (now + REMEMBERED_S, frozenset(db.session.scalars(_KINDS)))
    return known[1]


def forget() -> None:
    """Ask the database at the next look-up, for something was put in use."""
    _known.pop(db.engine, None)
