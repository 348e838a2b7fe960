"""Brings the database up to date before the site is served."""

import sys
from pathlib import Path

import click
from sqlalchemy import inspect, text

from clinicdir import clock
from clinicdir.audit.rules import SYSTEM
from clinicdir.db import db, set_journal_mode, sqlite_path, transaction
from clinicdir.locations import seeds
from clinicdir.resources import resource_dir
from clinicdir.web.parts import parts


def prepare_database() -> None:
    """Migrate to the newest schema and load the seeds into an empty database."""
    path = sqlite_path(parts().settings.database)
    if path is not None:
        _make_private(Path(path))
    version = schema_version()
    _refuse_newer(version)
    if version != newest_version():
        # Slow start: alembic is only needed when there is something to migrate.
        from flask_migrate import upgrade  # noqa: PLC0415

        upgrade()
    db.session.rollback()
    if seeds.is_empty():
        with transaction():
            seeds.load(parts().seeds, actor=SYSTEM, now=clock.now())
    db.session.rollback()


def _refuse_newer(version: str | None) -> None:
    """End with 1 where a newer release has changed the tables already."""
    known = {path.stem for path in (resource_dir("migrations") / "versions").glob("*.py")}
    if version is not None and version not in known:
        click.echo(
            f"The database has the schema {version}, and this release knows only up to"
            f" {newest_version()}. Start the release that you had, or a newer one; docs/operate.md"
            " says how to go back to an older one.",
            err=True,
        )
        sys.exit(1)


def _make_private(database: Path) -> None:
    """Make the SQLite file, or take over the empty one that another command has left."""
    database.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    database.touch(mode=0o600)
    database.chmod(0o600)
    if database.stat().st_size == 0:
        set_journal_mode(str(database))


def schema_version() -> str | None:
    """Return the name of the database's schema, None before the first migration."""
    if not inspect(db.engine).has_table("alembic_version"):
        return None
    with db.engine.connect() as connection:
        version: str | None = connection.scalar(text("select version_num from alembic_version"))
        return version


def newest_version() -> str:
    """Return the name of the newest migration."""
    return (resource_dir("migrations") / "HEAD").read_text().strip()
