"""Runs migrations on the app's own engine, each run in one transaction that locks out a second."""

from alembic import context
from flask import current_app
from sqlalchemy import text

_LOCK = 0x636C696E  # any number, the same for every run


def run() -> None:
    """Bring the database to the version asked for."""
    migrate = current_app.extensions["migrate"]
    options = dict(migrate.configure_args)
    with migrate.db.engine.connect() as plain:
        connection = plain.execution_options(writes=True)  # BEGIN IMMEDIATE on SQLite
        if connection.dialect.name == "postgresql":
            connection.execute(text("set lock_timeout = '10s'"))
            connection.execute(text("select pg_advisory_lock(:lock)"), {"lock": _LOCK})
            connection.commit()
        context.configure(connection=connection, target_metadata=migrate.db.metadata, **options)
        with context.begin_transaction():
            context.run_migrations()
        if connection.dialect.name == "postgresql":
            connection.execute(text("select pg_advisory_unlock(:lock)"), {"lock": _LOCK})
            connection.commit()


run()
