"""While somebody reads for long and a migration wants the table, others still get at it."""

import threading
from collections.abc import Callable

import pytest
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import text

from clinicdir import db as db_module
from clinicdir.cli.preparing import newest_version, prepare_database, schema_version
from clinicdir.db import WAL_IS_SAFE, db

READ = text("select count(*) from location")


def test_a_migration_waits_in_short_tries_and_ends_when_the_reader_has(
    make_app: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db_module, "BUSY_TIMEOUT_S", 0.3)
    app = make_app(migration_backup="off")
    with app.app_context():
        prepare_database()
        db.session.remove()
        downgrade(revision="0006_notices")
        engine = db.engine
        db.session.remove()
    failed: list[BaseException] = []

    def migrate() -> None:
        try:
            with app.app_context():
                upgrade()
        except BaseException as fault:  # noqa: BLE001 - told by the assert below
            failed.append(fault)

    worker = threading.Thread(target=migrate)
    with engine.connect() as reader, engine.connect() as other:
        assert reader.scalar(READ) == 6
        worker.start()
        for _ in range(8):
            worker.join(timeout=0.2)
            if engine.dialect.name == "postgresql":
                # In the queue behind a migration that went on waiting, this would get no answer.
                other.execute(text("set lock_timeout = '10s'"))
            assert other.scalar(READ) == 6
            other.rollback()
        # In WAL mode nobody waits for a reader.
        assert worker.is_alive() or (WAL_IS_SAFE and engine.dialect.name == "sqlite")
        reader.rollback()
        worker.join(timeout=60)
    with app.app_context():
        assert (failed, schema_version()) == ([], newest_version())
