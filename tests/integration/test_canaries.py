"""The search that runs with every test finds what a test plants, and fails that test."""

import logging
import re
import subprocess
import sys
from email.message import EmailMessage
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from clinicdir.cli.serving import prepare_database
from clinicdir.db import db, transaction
from tests.canaries import find, find_in_file, look_at_links, look_at_mail, taken
from tests.conftest import build_app
from tests.integration.test_backup import ROOT
from tests.make import make_request
from tests.postgres import running_postgres

PLANTED = """
import logging

def test_log(): logging.getLogger("clinicdir.web").warning("%s called", "Robin Example")
def test_error():
    try: raise ValueError("206 555 0123")
    except ValueError: logging.getLogger("elsewhere").exception("fault")
def test_file(tmp_path): (tmp_path / "limits.sqlite3-wal").write_bytes(b"\\0+12065550123\\0")
def test_backup(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.backup").write_text("kim@example.com")
def test_nothing(tmp_path): (tmp_path / "clinicdir.sqlite3").write_text("an Example of 2065551234")
"""


def test_test_that_lets_a_word_out_fails(tmp_path: Path) -> None:
    planted = tmp_path / "test_planted.py"
    planted.write_text(PLANTED)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "tests.canaries",
        "-p",
        "no:cacheprovider",
    ]
    command += ["-c", "/dev/null", "--rootdir", str(tmp_path), str(planted)]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)  # noqa: S603
    lines = re.findall(r"^words of a patient got out: (.*)$", done.stdout, re.MULTILINE)
    assert lines == [
        "a log record of clinicdir.web holds 'Robin Example'",
        "a log record of elsewhere holds '206 555 0123'",
        "limits.sqlite3-wal holds '2065550123'",
        "deep/a.backup holds 'kim@example.com'",
    ]
    assert "4 failed, 1 passed" in done.stdout


@pytest.mark.plants_canary
def test_word_in_a_mail_a_link_a_log_or_a_row_is_found(app: Flask) -> None:
    mail = EmailMessage()
    mail["To"], mail["Subject"] = "kim@example.com", "A request waits"
    mail.set_content("José Example asks", cte="base64")
    look_at_mail(mail)
    look_at_links(b'<a href="/staff/search?name=Robin+Example">', "/done?phone=425-555-0199")
    look_at_links(b'<a href="tel:+12065550123">Robin Example</a>', None)  # where it belongs
    logging.getLogger("clinicdir").info("not logged: Robin Example")
    logging.getLogger("clinicdir").error("asked by %s", "Robin Example")
    assert taken() == [
        "a mail holds 'José Example'",
        "a redirect holds '425-555-0199'",
        "a link holds 'Robin+Example'",
        "a log record of clinicdir holds 'Robin Example'",
    ]
    with app.app_context():
        if db.engine.dialect.name != "sqlite":
            return  # its files are searched below
        make_request(app, patient_name="Robin Example", phone="206 555 0123")
        with transaction():
            db.session.execute(text("update location set name = 'Robin Example' where id = 1"))
        assert find(Path(str(db.engine.url.database)).read_bytes()) == "Robin Example"


@pytest.mark.soak
@pytest.mark.needs("PostgreSQL")
def test_files_and_log_of_a_postgresql_server_hold_no_word(tmp_path: Path) -> None:
    """On a server of its own, for the others' clinics have such numbers, and those are public."""
    with running_postgres() as server:
        url = f"{server}/postgres"
        app = build_app(tmp_path, database_url=url)
        with app.app_context():
            prepare_database()
            for number in range(200):
                make_request(app, key=f"k{number}", email="kim@example.com", note="Kim Example")
            with db.engine.connect() as connection:
                connection.execute(text("checkpoint"))
                data = Path(str(connection.scalar(text("show data_directory"))))
            db.session.remove()
            db.engine.dispose()
        files = [*(one for one in data.rglob("*") if one.is_file()), data.parent / "log"]
        assert [one for one in files if find_in_file(one)] == []
        with app.app_context():
            with transaction():
                db.session.execute(text("update location set name = 'Kim Example' where id = 1"))
            db.session.remove()
            db.engine.dispose()
        searched = sum(one.stat().st_size for one in files)
        assert [one.parent.name for one in files if find_in_file(one)] == ["pg_wal"]
    print(f"200 requests, {len(files)} files of {searched / 1e6:.0f} MB searched")  # noqa: T201
