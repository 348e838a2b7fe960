"""Gives the imported single addresses to whoever fits a region's grid to them."""

from collections.abc import Collection, Iterator

from sqlalchemy import func, select

from clinicdir.db import db
from clinicdir.finder.fitting.known import KnownAddress
from clinicdir.finder.models import (
    FinderImport,
    ImportKind,
    ImportState,
    finder_point,
    finder_street,
)
from clinicdir.finder.rules import Position
from clinicdir.finder.street import Street

_E6 = 1_000_000
_AT_ONCE = 10_000
_street, _point = finder_street.c, finder_point.c
_ADDRESSES = (
    select(
        _point.number,
        _street.predirection,
        _street.name,
        _street.suffix,
        _street.postdirection,
        _street.postal_code,
        _point.latitude_e6,
        _point.longitude_e6,
    )
    .join(finder_street, _street.id == _point.street_id)
    .join(FinderImport, FinderImport.id == _street.import_id)
    .where(
        FinderImport.state == ImportState.CURRENT,
        FinderImport.kind == ImportKind.ADDRESSES,
        _street.postal_code != "",
    )
    .order_by(_point.street_id, _point.number)
)


def count_known(codes: Collection[str]) -> int:
    """Return how many single addresses in use lie in some ZIP codes."""
    inside = _ADDRESSES.where(_street.postal_code.in_(codes)).order_by(None).subquery()
    return db.session.scalar(select(func.count()).select_from(inside)) or 0


def known_addresses() -> Iterator[KnownAddress]:
    """Yield every single address in use that has a ZIP, street by street, as a stream."""
    rows = db.session.execute(_ADDRESSES.execution_options(yield_per=_AT_ONCE))
    for number, before, name, suffix, behind, code, north, east in rows:
        street = Street(
            number=number,
            predirection=before or None,
            name=name or None,
            suffix=suffix or None,
            postdirection=behind or None,
        )
        yield KnownAddress(street, code, Position(north / _E6, east / _E6))
