"""The code of each older schema goes on working while, and after, this release migrates."""

import json
import subprocess
import sys
import tarfile
from collections import Counter
from io import BytesIO
from pathlib import Path

import pytest
from flask_migrate import upgrade
from sqlalchemy import create_engine, text

from clinicdir.cli.preparing import newest_version
from clinicdir.db import db
from tests.conftest import KEY, build_app
from tests.migrations.test_killed import ENGINES, ROOT


def git(*words: str) -> bytes:
    return subprocess.run(  # noqa: S603 - our own arguments
        ["git", *words],  # noqa: S607 - wherever git is
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout


def last_commits() -> dict[str, str]:
    """Return for each older schema the last commit whose code belongs to it."""
    if not (ROOT / ".git").exists():
        return {}
    changes = git("log", "--first-parent", "--format=%H", "--", "migrations/HEAD").split()
    parents = [git("rev-parse", f"{change.decode()}^").decode().strip() for change in changes[:-1]]
    return {git("show", f"{one}:migrations/HEAD").decode().strip(): one for one in parents[::-1]}


COMMITS = last_commits()


@pytest.mark.soak
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("schema", COMMITS)
def test_older_code_serves_while_and_after_this_release_migrates(
    engine: str, schema: str, tmp_path: Path, postgres_url: str | None
) -> None:
    tree, instance, url = tmp_path / "tree", tmp_path / "instance", ""
    with tarfile.open(fileobj=BytesIO(git("archive", COMMITS[schema]))) as packed:
        packed.extractall(tree, filter="data")
    if engine == "postgresql":
        url = f"{postgres_url}/old_{schema}"
        administrator = create_engine(f"{postgres_url}/postgres", isolation_level="AUTOCOMMIT")
        with administrator.connect() as connection:
            connection.execute(text(f"create database old_{schema}"))
        administrator.dispose()
    with subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, ROOT / "tests/old_code.py", instance, url, KEY],
        cwd=tree,
        env={"PYTHONPATH": str(tree), "PATH": str(Path(sys.executable).parent)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as old:
        assert old.stdin
        assert old.stdout
        assert old.stdout.readline() == "ready\n"
        app = build_app(instance, database_url=url)
        with app.app_context():
            upgrade()
            check = app.test_cli_runner().invoke(args=["db", "check"])
            assert check.exit_code == 0, check.output
        told = json.loads(old.communicate("stop\n", timeout=120)[0])
    with app.app_context():
        stored = set(db.session.scalars(text("select reference from appointment_request")))
        kept = {path.name for path in instance.glob("backups/*/*")}
        db.session.remove()
        db.engine.dispose()
    statuses = Counter(status for status, _ in told["answers"])
    print(f"{engine} {schema} to {newest_version()}: answers {dict(statuses)}")  # noqa: T201 - for the docs
    acknowledged = {reference for status, reference in told["answers"] if status == 201}
    assert acknowledged == stored
    assert set(statuses) <= {201, 503}
    assert told["inbox"] == [200, True, 200, True]
    assert len(kept) == 1
