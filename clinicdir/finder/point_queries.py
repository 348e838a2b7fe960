"""The few statements that look imported streets and points up, each bounded and by an index."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Dialect,
    Select,
    bindparam,
    select,
    text,
    union_all,
)
from sqlalchemy.sql.selectable import SelectBase

from clinicdir.db import db
from clinicdir.finder.models import FinderImport, ImportKind, finder_point, finder_street
from clinicdir.finder.numbers import BRACKET_NUMBERS, Known
from clinicdir.finder.streets import ImportedStreet

MOST_STREETS = 1_000
MOST_NAMES = 5_000
MOST_POINTS = 5_000
FAR_POINTS = 4
# How many streets are asked about at once: sizes, so that a statement is prepared for each.
BATCHES = (1, 4, 16, 64, 256)
_E6 = 1_000_000

_street, _point = finder_street.c, finder_point.c
_of_name = _street.name == bindparam("name")
_of_zip = _street.postal_code == bindparam("postal_code")


def _in_use(*columns: Any, where: Iterable[ColumnElement[bool]]) -> Select[Any]:  # noqa: ANN401
    """Return a select on the streets of the imports in use."""
    joined = select(*columns).join(FinderImport, FinderImport.id == _street.import_id)
    return joined.where(text("finder_import.state = 'current'"), *where)


_STREET = (
    _street.id,
    FinderImport.kind,
    _street.postal_code,
    _street.predirection,
    _street.name,
    _street.suffix,
    _street.postdirection,
    _street.city,
)
STREETS_IN_ZIP = _in_use(*_STREET, where=(_of_name, _of_zip)).limit(MOST_STREETS)
STREETS_IN_ZIPS = _in_use(
    *_STREET, where=(_of_name, _street.postal_code.between(bindparam("low"), bindparam("high")))
).limit(MOST_STREETS)
STREETS_IN_CITY = _in_use(*_STREET, where=(_of_name, _street.city == bindparam("city"))).limit(
    MOST_STREETS
)
STREETS_ANYWHERE = _in_use(*_STREET, where=(_of_name,)).limit(MOST_STREETS)
NAMES_IN_ZIP = _in_use(_street.name, where=(_of_zip,)).distinct().limit(MOST_NAMES)

_POINTS = select(_point.number, _point.latitude_e6, _point.longitude_e6, _point.street_id)


@lru_cache
def points_close(streets: int) -> Select[Any]:
    """Return a select on the numbers from `low` to `high` on so many streets: s0, s1 and so on."""
    asked: list[BindParameter[int]] = [bindparam(f"s{at}") for at in range(streets)]
    numbers = _point.number.between(bindparam("low"), bindparam("high"))
    ordered = _POINTS.where(_point.street_id.in_(asked), numbers)
    return ordered.order_by(_point.street_id, _point.number).limit(MOST_POINTS)


def _next(condition: ColumnElement[bool], order: ColumnElement[int]) -> Select[Any]:
    """Return a select on the points that come next on a street."""
    on_street = _POINTS.where(_point.street_id == bindparam("street"), condition)
    return select(on_street.order_by(order).limit(FAR_POINTS).subquery())


POINTS_FAR = union_all(
    _next(_point.number <= bindparam("number"), _point.number.desc()),
    _next(_point.number > bindparam("number"), _point.number.asc()),
)


class Compiled(NamedTuple):
    """A statement in the driver's words, its fixed values, and their order where they have one."""

    words: str
    fixed: dict[str, Any]
    order: tuple[str, ...] | None


@lru_cache(maxsize=256)
def compiled(statement: SelectBase, dialect: Dialect) -> Compiled:
    """Return a statement in the driver's words.

    Preparing a statement takes SQLAlchemy twice as long as SQLite takes to answer it.
    """
    made = statement.compile(dialect=dialect)
    fixed = {name: value for name, value in made.params.items() if value is not None}
    return Compiled(str(made), fixed, tuple(made.positiontup) if made.positiontup else None)


class PointQueries:
    """The statements, on the connection of the present session."""

    def __init__(self) -> None:
        """Take the connection once for all that one address needs."""
        self._connection: Connection = db.session.connection()
        self._driver: Any = self._connection.connection.driver_connection

    def streets_in_zip(self, name: str, postal_code: str) -> list[ImportedStreet]:
        """Return the streets of a name in a ZIP."""
        return self._streets(STREETS_IN_ZIP, name=name, postal_code=postal_code)

    def streets_near_zip(self, name: str, postal_code: str) -> list[ImportedStreet]:
        """Return the streets of a name in the ZIPs that begin with the same three digits."""
        low, high = f"{postal_code[:3]}00", f"{postal_code[:3]}99"
        return self._streets(STREETS_IN_ZIPS, name=name, low=low, high=high)

    def streets_in_city(self, name: str, city: str) -> list[ImportedStreet]:
        """Return the streets of a name that the import puts into a city."""
        return self._streets(STREETS_IN_CITY, name=name, city=city)

    def streets_anywhere(self, name: str) -> list[ImportedStreet]:
        """Return the streets of a name in all ZIPs, a thousand at most."""
        return self._streets(STREETS_ANYWHERE, name=name)

    def names_in_zip(self, postal_code: str) -> list[str]:
        """Return the names of the streets in a ZIP, each once."""
        return [row[0] for row in self._rows(NAMES_IN_ZIP, postal_code=postal_code)]

    def close_points(self, street_ids: list[int], number: int) -> list[Known]:
        """Return the known numbers within 200 of a number on some streets, street by street."""
        ids = street_ids[: BATCHES[-1]]
        size = next(batch for batch in BATCHES if len(ids) <= batch)
        # A batch is filled up with a street that is asked about already.
        asked = {f"s{at}": ids[min(at, len(ids) - 1)] for at in range(size)}
        low, high = number - BRACKET_NUMBERS, number + BRACKET_NUMBERS
        return self._points(points_close(size), **asked, low=low, high=high)

    def far_points(self, street_ids: Iterable[int], number: int) -> list[Known]:
        """Return on each street the next few known numbers below and above."""
        found: list[Known] = []
        for street_id in street_ids:
            found += self._points(POINTS_FAR, street=street_id, number=number)
        return found

    def _streets(self, statement: SelectBase, **values: object) -> list[ImportedStreet]:
        rows = self._rows(statement, **values)
        return [ImportedStreet(row[0], ImportKind(row[1]), *row[2:]) for row in rows]

    def _points(self, statement: SelectBase, **values: object) -> list[Known]:
        rows = self._rows(statement, **values)
        return [Known(number, north / _E6, east / _E6, at) for number, north, east, at in rows]

    def _rows(self, statement: SelectBase, **values: object) -> list[Any]:
        words, fixed, order = compiled(statement, self._connection.dialect)
        named = values | fixed
        given = named if order is None else tuple([named[name] for name in order])
        # SQLAlchemy's own way round a result costs three times what SQLite takes to find it.
        cursor = self._driver.cursor()
        try:
            cursor.execute(words, given)
            found: list[Any] = cursor.fetchall()
        except self._connection.dialect.loaded_dbapi.Error:
            # Once more, so that the fault comes as SQLAlchemy's, which the audiences know.
            return list(self._connection.exec_driver_sql(words, given).all())
        finally:
            cursor.close()
        return found
