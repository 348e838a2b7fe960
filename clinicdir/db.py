"""The model base, the SQLite settings that keep promises, and the one place that commits."""

import enum
import fcntl
import os
import sqlite3
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import Flask, current_app
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session
from sqlalchemy import (
    DateTime,
    Dialect,
    Engine,
    Enum,
    LargeBinary,
    MetaData,
    Text,
    event,
    func,
    select,
)
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, registry
from sqlalchemy.types import TypeDecorator

from clinicdir.crypto import KeyRing, dump_sealed, load_sealed, new_row_key
from clinicdir.patience import sqlite
from clinicdir.patience.gate import Gates
from clinicdir.patience.waiting import copy_in_use, in_request, must_know

# WAL files of older releases can be corrupted by two checkpoints at once (sqlite.org, 3.51.3).
WAL_IS_SAFE = sqlite3.sqlite_version_info >= (3, 51, 3)
BUSY_TIMEOUT_S = 4


class UTCDateTime(TypeDecorator[datetime]):
    """An instant that is UTC on every engine; SQLite alone would give back naive values."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a naive value, which would be an hour nobody knows."""
        del dialect
        if value is None:
            return None
        if value.tzinfo is None:
            message = "An instant needs its zone; use clinicdir.clock.now()."
            raise ValueError(message)
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give SQLite's naive value its zone back."""
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """The parent of every table: integer key, named constraints, UTC times, enums as words."""

    # Inside a registry, because Flask-SQLAlchemy copies the class body and then finds two.
    registry = registry(
        metadata=MetaData(
            naming_convention={
                "ix": "ix_%(table_name)s_%(column_0_N_name)s",
                "uq": "uq_%(table_name)s_%(column_0_N_name)s",
                "ck": "ck_%(table_name)s_%(constraint_name)s",
                "fk": "fk_%(table_name)s_%(column_0_N_name)s",
                "pk": "pk_%(table_name)s",
            }
        ),
        type_annotation_map={
            datetime: UTCDateTime,
            str: Text,
            enum.StrEnum: Enum(
                enum.StrEnum,
                native_enum=False,
                length=40,
                create_constraint=False,
                values_callable=lambda words: [word.value for word in words],
            ),
        },
    )

    id: Mapped[int] = mapped_column(primary_key=True, sort_order=-10)


class Sealed:
    """A row whose personal fields are one encrypted value, bound to the row by `row_key`."""

    __tablename__: str

    row_key: Mapped[bytes] = mapped_column(LargeBinary(16), unique=True, default=new_row_key)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)

    def _context(self) -> bytes:
        return self.__tablename__.encode() + b"|" + self.row_key

    def seal(self, personal: dict[str, Any]) -> None:
        """Encrypt `personal` into this row; the row key is made now if there is none yet."""
        if self.row_key is None:
            self.row_key = new_row_key()
        self.sealed = key_ring().seal(dump_sealed(personal), context=self._context())

    def unseal(self) -> dict[str, Any]:
        """Decrypt this row's personal fields, or raise crypto.CannotOpen."""
        return load_sealed(key_ring().open(self.sealed, context=self._context()))


class _Session(Session):
    """A session that turns pages away at a shut gate, and reads a copy where one was put up."""

    def get_bind(self, *args: Any, **options: Any) -> Engine | Connection:  # noqa: ANN401
        """Return what to ask, or raise Unavailable."""
        if in_request():
            if (copy := copy_in_use()) is not None:
                return copy
            if not (self.in_transaction() or must_know()):
                current_app.extensions[_GATES].reading.enter()
        return super().get_bind(*args, **options)

    def close(self) -> None:
        """End; the answer is made by now, so a database that is gone must not take it along."""
        with suppress(DBAPIError):
            super().close()


db = SQLAlchemy(model_class=Base, disable_autonaming=True, session_options={"class_": _Session})

_writer = threading.Lock()
_AFTER_COMMIT = "clinicdir.after_commit"
_GATES = "clinicdir.gates"


def key_ring() -> KeyRing:
    """Return the ring that belongs to the present app's database."""
    ring: KeyRing = current_app.extensions["clinicdir.key_ring"]
    return ring.present()


def folder_beside(purpose: str) -> Path:
    """Return the folder in the instance folder for what is kept outside the present database."""
    instance: Path = current_app.extensions["clinicdir.instance"]
    return instance / purpose / Path(db.engine.url.database or "").name


def init_db(app: Flask, ring: KeyRing, instance: Path) -> None:
    """Bind the database of `app.config` and the keys that its personal data is sealed with."""
    app.extensions["clinicdir.key_ring"] = ring
    app.extensions["clinicdir.instance"] = instance
    db.init_app(app)
    gates = app.extensions[_GATES] = Gates()
    with app.app_context():
        _prepare(db.engine, gates)


def engine_options(url: str) -> dict[str, Any]:
    """Return SQLAlchemy's engine options for a database URL."""
    options: dict[str, Any] = {"hide_parameters": True}  # else patients' values stand in logs
    options["pool_size"] = 10  # the server's eight threads and two workers keep theirs
    if make_url(url).get_backend_name() == "sqlite":
        options["connect_args"] = {"timeout": BUSY_TIMEOUT_S}
    else:
        options["pool_pre_ping"] = True
        options["pool_timeout"] = BUSY_TIMEOUT_S
        # Without the second, a line that was cut would be waited at for a quarter of an hour.
        options["connect_args"] = {"connect_timeout": 3, "tcp_user_timeout": 15_000}
    return options


def sqlite_path(url: URL | str) -> str | None:
    """Return the database file of an SQLite URL, None for any other engine."""
    parsed = make_url(url)
    return parsed.database if parsed.get_backend_name() == "sqlite" else None


def _prepare(engine: Engine, gates: Gates) -> None:
    event.listen(engine, "after_cursor_execute", lambda *_: gates.reading.open())
    if engine.dialect.name == "sqlite":
        sqlite.watch(engine, gates, usual_s=lambda: BUSY_TIMEOUT_S)
        event.listen(engine, "connect", _on_connect)
    else:
        # Optional dependency: psycopg.
        from clinicdir.patience import postgres  # noqa: PLC0415

        postgres.watch(engine, gates.reading)


def _on_connect(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves, see _on_begin
    for pragma in ("foreign_keys = ON", "synchronous = FULL", "secure_delete = ON"):
        connection.execute(f"PRAGMA {pragma}")
    mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
    # WAL is kept in the file and set once, by create_database; the journal mode is per connection.
    if mode != "wal":
        connection.execute("PRAGMA journal_mode = TRUNCATE")


def set_journal_mode(path: str) -> None:
    """Choose the journal of a new SQLite file: WAL where it is safe, else left to connections."""
    if WAL_IS_SAFE:
        connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.close()


@contextmanager
def transaction() -> Iterator[None]:
    """Commit everything done inside, or nothing; the only code that commits."""
    session = db.session
    if session.new or session.dirty or session.deleted:
        message = "Something was changed before transaction() began; do it inside."
        raise RuntimeError(message)
    session.rollback()  # ends the page's read; its rows are read anew below
    with _turn_to_write():
        try:
            session.connection(execution_options={"writes": True})
            yield
            session.commit()
        except BaseException:
            session.info.pop(_AFTER_COMMIT, None)
            session.rollback()
            raise
    for call in session.info.pop(_AFTER_COMMIT, {}).values():
        call()


def _turn_to_write() -> AbstractContextManager[None]:
    """Return what to hold while writing: threads that wait for SQLite's lock poll for it."""
    if db.engine.dialect.name != "sqlite":
        return nullcontext()
    gates: Gates = current_app.extensions[_GATES]
    return sqlite.one_writer(_writer, gates.writing, usual_s=BUSY_TIMEOUT_S)


def after_commit(name: str, call: Callable[[], None]) -> None:
    """Have `call` made once the present transaction() has committed; the last of a name counts."""
    db.session.info.setdefault(_AFTER_COMMIT, {})[name] = call


@contextmanager
def sole_process(name: str) -> Iterator[bool]:
    """Hold a lock of that name and yield True, or yield False while another process has it.

    Work that spans many transactions needs it; the lock ends with the process, also by SIGKILL.
    """
    path = sqlite_path(db.engine.url)
    with _sole_by_file(f"{path}.{name}.lock") if path else _sole_by_server(name) as is_sole:
        yield is_sole


@contextmanager
def _sole_by_file(path: str) -> Iterator[bool]:
    handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
    else:
        yield True
    finally:
        os.close(handle)


@contextmanager
def _sole_by_server(name: str) -> Iterator[bool]:
    number = zlib.crc32(name.encode())
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        is_sole = bool(connection.scalar(select(func.pg_try_advisory_lock(number))))
        try:
            yield is_sole
        finally:
            if is_sole:
                connection.scalar(select(func.pg_advisory_unlock(number)))


def render_item(kind: str, item: object, _context: object) -> str | bool:
    """Write our column types into a new migration as SQLAlchemy's own: no import needed."""
    if kind == "type" and isinstance(item, UTCDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, Enum):
        return f"sa.String(length={item.length})"  # a new word then needs no migration
    return False
