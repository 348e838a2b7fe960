# ruff: noqa: S608 - statements of our own making
"""`flask audit verify` names the first entry that was changed, exchanged, or cut off."""

import json
import os
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskCliRunner
from sqlalchemy import text

from clinicdir import clock
from clinicdir.audit.operations import record
from clinicdir.audit.rules import GROUP_CHAIN, OPERATOR
from clinicdir.db import db, folder_beside, transaction

CHAIN = "location/3"


@pytest.fixture
def trail(app: Flask) -> Flask:
    """Return an app with five entries in one chain."""
    with app.app_context():
        for number in range(1, 6):
            with transaction():
                record(f"step {number}", actor=OPERATOR, now=clock.now(), chain=CHAIN)
    return app


def tamper(app: Flask, *statements: str) -> None:
    """Change rows as somebody with the database's password could, past its triggers."""
    with app.app_context():
        if db.engine.dialect.name == "sqlite":
            before = [f"drop trigger audit_entry_no_{verb}" for verb in ("update", "delete")]
        else:
            before = ["set session_replication_role = replica"]
        with transaction():
            for statement in (*before, *statements):
                db.session.execute(text(statement))
            if db.engine.dialect.name != "sqlite":
                db.session.execute(text("reset session_replication_role"))


def faults(runner: FlaskCliRunner) -> dict[str, str]:
    """Return the chains that do not fit, and why."""
    done = runner.invoke(args=["audit", "verify", "--json"])
    told = json.loads(done.stdout)
    found = {row["chain"]: row["fault"] for row in told if row["fault"]}
    assert done.exit_code == bool(found)
    return found


def noted(app: Flask) -> Path:
    with app.app_context():
        return folder_beside("audit_heads")


def test_untouched_trail_fits(trail: Flask, runner: FlaskCliRunner) -> None:
    done = runner.invoke(args=["audit", "verify"])
    assert done.exit_code == 0
    assert done.stdout.splitlines()[-1] == "location/3: 5 entries, all fit"
    assert faults(runner) == {}


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("action", "'nothing'"),
        ("subject", "'AAAAAAA'"),
        ("detail", "'other'"),
        ("actor_label", "'somebody@else.example'"),
        ("staff_id", "7"),
        ("hash", "(select hash from audit_entry as other where other.sequence = 2 limit 1)"),
    ],
)
def test_changed_entry_is_named(
    trail: Flask, runner: FlaskCliRunner, column: str, value: str
) -> None:
    of_three = f"where chain = '{CHAIN}' and sequence = 3"
    tamper(trail, f"update audit_entry set {column} = {value} {of_three}")
    with trail.app_context():
        row = db.session.scalar(text(f"select id from audit_entry {of_three}"))
    assert faults(runner) == {CHAIN: f"entry 3 (row {row}) was changed"}


def test_exchanged_entries_are_named(trail: Flask, runner: FlaskCliRunner) -> None:
    move = f"update audit_entry set sequence = {{}} where chain = '{CHAIN}' and sequence = {{}}"
    tamper(trail, move.format(99, 2), move.format(2, 3), move.format(3, 99))
    with trail.app_context():
        of_two = text(f"select id from audit_entry where chain = '{CHAIN}' and sequence = 2")
        row = db.session.scalar(of_two)
    assert faults(runner) == {CHAIN: f"entry 2 (row {row}) was changed"}


def test_missing_entry_is_named(trail: Flask, runner: FlaskCliRunner) -> None:
    tamper(trail, f"delete from audit_entry where chain = '{CHAIN}' and sequence = 4")
    assert faults(runner) == {CHAIN: "entry 4 is missing"}


def test_end_that_was_cut_off_shows(trail: Flask, runner: FlaskCliRunner) -> None:
    tamper(trail, f"delete from audit_entry where chain = '{CHAIN}' and sequence > 3")
    assert faults(runner) == {CHAIN: "entry 4 is missing: the end was cut off"}


def test_end_that_was_cut_off_with_its_note_in_the_database_shows(
    trail: Flask, runner: FlaskCliRunner
) -> None:
    """Whoever can write the whole database could hide it there; the file outside gives it away."""
    last = f"select hash from audit_entry where chain = '{CHAIN}' and sequence = 3"
    tamper(
        trail,
        f"delete from audit_entry where chain = '{CHAIN}' and sequence > 3",
        f"update audit_head set count = 3, hash = ({last}) where chain = '{CHAIN}'",
    )
    words = "entry 4 is missing: the end was cut off, and the database's note with it"
    assert faults(runner) == {CHAIN: words}


def test_whole_chain_that_was_removed_shows(trail: Flask, runner: FlaskCliRunner) -> None:
    tamper(
        trail,
        f"delete from audit_entry where chain = '{CHAIN}'",
        f"delete from audit_head where chain = '{CHAIN}'",
    )
    assert faults(runner) == {CHAIN: "the row of its end is missing"}


def test_entry_added_behind_the_end_shows(trail: Flask, runner: FlaskCliRunner) -> None:
    columns = "chain, at, actor_kind, staff_id, actor_label, action, subject, detail, hash"
    tamper(
        trail,
        f"insert into audit_entry ({columns}, sequence) select {columns}, 6 from audit_entry"
        f" where chain = '{CHAIN}' and sequence = 5",
    )
    [(chain, fault)] = faults(runner).items()
    assert (chain, fault.startswith("entry 6 ("), fault.endswith("was changed")) == (
        CHAIN,
        True,
        True,
    )


def test_note_outside_lags_after_a_crash_and_the_trail_still_fits(
    trail: Flask, runner: FlaskCliRunner
) -> None:
    kept = noted(trail) / "location%2F3"
    early = kept.read_text()
    with trail.app_context(), transaction():
        record("later", actor=OPERATOR, now=clock.now(), chain=CHAIN)
    assert kept.read_text() != early
    kept.write_text(early)
    assert faults(runner) == {}
    kept.unlink()
    assert faults(runner) == {}
    kept.write_text("no head\n")
    assert faults(runner) == {CHAIN: "its file in the instance folder cannot be read"}


def test_note_is_private_and_holds_count_and_hash_alone(trail: Flask) -> None:
    files = {path.name: path for path in noted(trail).iterdir()}
    assert set(files) == {GROUP_CHAIN, "location%2F3"} & set(files)
    count, last = files["location%2F3"].read_text().split()
    assert (count, len(last)) == ("5", 64)
    assert files["location%2F3"].stat().st_mode & 0o777 == 0o600


def test_what_was_rolled_back_leaves_no_note(trail: Flask) -> None:
    before = (noted(trail) / "location%2F3").read_text()

    def change_the_mind() -> None:
        with trail.app_context(), transaction():
            record("nothing", actor=OPERATOR, now=clock.now(), chain=CHAIN)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        change_the_mind()
    with trail.app_context(), transaction():
        record("elsewhere", actor=OPERATOR, now=clock.now(), chain="location/4")
    assert (noted(trail) / "location%2F3").read_text() == before


def test_folder_that_cannot_be_written_costs_the_note_alone(
    trail: Flask, runner: FlaskCliRunner
) -> None:
    folder = noted(trail)
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    folder.write_text("a file where the folder should be")
    with trail.app_context(), transaction():
        record("kept", actor=OPERATOR, now=clock.now(), chain=CHAIN)
    os.unlink(folder)  # noqa: PTH108 - as above
    done = runner.invoke(args=["audit", "verify"])
    assert done.stdout.splitlines()[-1] == "location/3: 6 entries, all fit"
