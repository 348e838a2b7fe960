"""This release's code goes on storing and showing requests while a later migration runs.

tests/soak/test_migrations_old_code.py does it with the real code of each older schema.
"""

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import upgrade
from sqlalchemy import text

from clinicdir.cli.preparing import newest_version, prepare_database
from clinicdir.db import db
from clinicdir.resources import resource_dir
from tests.make import make_answers, make_staff, sign_in

THREADS = 3
# Migrations as CONTRIBUTING.md wants them: they add, with defaults, and keep nobody out for long.
LATER = {
    "9998_column": """
    op.add_column(
        "appointment_request", sa.Column("later", sa.Text(), nullable=False, server_default="x")
    )
    op.create_table("later", sa.Column("id", sa.Integer(), primary_key=True))
""",
    "9999_index": """
    if op.get_bind().dialect.name != "postgresql":
        op.create_index("ix_later", "appointment_request", ["later"])
        return
    with op.get_context().autocommit_block():
        op.execute("set lock_timeout = 0")
        op.drop_index(
            "ix_later", "appointment_request", if_exists=True, postgresql_concurrently=True
        )
        op.create_index("ix_later", "appointment_request", ["later"], postgresql_concurrently=True)
""",
}
HEAD = """
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "{own}", "{previous}", None, None


def upgrade():
"""


def migrations_with_later_ones(folder: Path) -> str:
    """Return a folder of migrations that has two more than this release."""
    copy, previous = folder / "migrations", newest_version()
    shutil.copytree(resource_dir("migrations"), copy)
    for own, body in LATER.items():
        text_of_it = HEAD.format(own=own, previous=previous) + body
        (copy / f"versions/{own}.py").write_text(text_of_it)
        previous = own
    (copy / "HEAD").write_text(f"{previous}\n")
    return str(copy)


def test_requests_are_stored_and_shown_while_and_after_later_migrations_run(
    make_app: Callable[..., Flask], tmp_path: Path
) -> None:
    app = make_app()
    with app.app_context():
        prepare_database()
        make_staff("desk@renton.example")
        db.session.remove()
    done = threading.Event()
    answers: list[tuple[int, str]] = []

    def post(name: str) -> None:
        told = FlaskClient(app).post(
            "/api/v1/requests", json=make_answers(), headers={"Idempotency-Key": name}
        )
        answers.append((told.status_code, (told.get_json() or {}).get("reference", "")))

    def post_on(thread: int) -> None:
        number = 0
        while not done.is_set():
            number += 1
            post(f"traffic-{thread}-{number}")

    threads = [threading.Thread(target=post_on, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    try:
        while len(answers) < THREADS:
            done.wait(0.01)
        with app.app_context():
            upgrade(directory=migrations_with_later_ones(tmp_path))
        after = len(answers)
    finally:
        done.set()
        for thread in threads:
            thread.join()
    post("after")
    client = app.test_client()
    sign_in(client, "desk@renton.example")
    newest = answers[-1][1]
    assert newest in client.get(f"/staff/requests/{newest}").get_data(as_text=True)
    with app.app_context():
        stored = db.session.execute(text("select reference, later from appointment_request"))
        acknowledged = sorted((reference, "x") for status, reference in answers if status == 201)
        assert sorted(map(tuple, stored)) == acknowledged
        db.session.remove()
    # Where the machine is very slow, SQLite's lock may last longer than a writer waits.
    assert {status for status, _ in answers} <= {201, 503}
    assert THREADS <= after < len(answers)
