"""The tables of imported places: one generation for each import, and only some are in use."""

import enum
from datetime import datetime

from sqlalchemy import Column, ForeignKey, Index, Integer, Table, Text
from sqlalchemy.orm import Mapped

from clinicdir.db import Base


class ImportKind(enum.StrEnum):
    """What a file tells: single addresses, ranges of numbers, or ZIP codes and cities."""

    ADDRESSES = "addresses"
    RANGES = "ranges"
    PLACES = "places"


class ImportState(enum.StrEnum):
    """Whether an import's rows are being written, in use, or waiting to be deleted."""

    LOADING = "loading"
    CURRENT = "current"
    REPLACED = "replaced"


class FinderImport(Base):
    """One imported file; its rows count only while it is current."""

    __tablename__ = "finder_import"

    kind: Mapped[ImportKind]
    region: Mapped[str]
    file_name: Mapped[str]
    file_format: Mapped[str]
    state: Mapped[ImportState]
    rows: Mapped[int]
    bad_rows: Mapped[int]
    streets: Mapped[int]
    points: Mapped[int]
    imported_at: Mapped[datetime]


# Plain tables, not mapped classes: hundreds of thousands of rows never become objects.
finder_street = Table(
    "finder_street",
    Base.metadata,
    # Numbered by the import itself, one after the other, so that points can be written in order.
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("import_id", ForeignKey("finder_import.id"), nullable=False),
    # Parts are empty, not null, where a street has none: they are compared by equality.
    Column("postal_code", Text, nullable=False),
    Column("predirection", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("suffix", Text, nullable=False),
    Column("postdirection", Text, nullable=False),
    Column("city", Text, nullable=False),
    Index("ix_finder_street_name_postal_code", "name", "postal_code"),
    Index("ix_finder_street_postal_code_name", "postal_code", "name"),
    Index("ix_finder_street_import_id", "import_id"),
)

finder_point = Table(
    "finder_point",
    Base.metadata,
    # Without a foreign key: it would be looked up for each point, and only imports write here.
    Column("street_id", Integer, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("latitude_e6", Integer, nullable=False),
    Column("longitude_e6", Integer, nullable=False),
    sqlite_with_rowid=False,
)

finder_place = Table(
    "finder_place",
    Base.metadata,
    Column("import_id", ForeignKey("finder_import.id"), primary_key=True),
    # A ZIP code, or a city's name as it is looked up.
    Column("key", Text, primary_key=True),
    Column("state", Text, primary_key=True),
    Column("label", Text, nullable=False),
    Column("latitude_e6", Integer, nullable=False),
    Column("longitude_e6", Integer, nullable=False),
    Column("spread_m", Integer, nullable=False),
    Index("ix_finder_place_key", "key"),
    sqlite_with_rowid=False,
)
