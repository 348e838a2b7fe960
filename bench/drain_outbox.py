"""Measures how many e-mails a second one worker hands to a mail server on this machine.

    python -m bench.drain_outbox
    python -m bench.drain_outbox --mails 3000 --folder /var/tmp
    python -m bench.drain_outbox --database postgresql://…

The mail server runs in a process of its own and takes everything. The database is a new SQLite
file with the settings that ship, in a folder that is removed afterwards: name one on the disk
that you want to know about. Or it fills an empty PostgreSQL database. Figures are for one
connection; three rounds are shown, because machines are noisy.
"""

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flask import Flask
from sqlalchemy import delete

from clinicdir import clock
from clinicdir.cli.routing import make_post
from clinicdir.cli.serving import prepare_database
from clinicdir.db import db, transaction
from clinicdir.locations.models import Telecom
from clinicdir.locations.queries import get_location
from clinicdir.locations.rules import TelecomSystem
from clinicdir.notifications.delivery import deliver_due
from clinicdir.notifications.models import OutboxMessage
from clinicdir.notifications.rules import Channel, MessageKind
from tests.conftest import build_app
from tests.mail import free_port
from tests.make import make_request

ROUNDS = 3
REQUESTS = 50
_SERVER = """
import sys, time
from aiosmtpd.controller import Controller
class Takes:
    async def handle_DATA(self, server, session, envelope):
        return "250 OK"
Controller(Takes(), hostname="127.0.0.1", port=int(sys.argv[1])).start()
time.sleep(3600)
"""


def main() -> None:
    """Queue and drain the asked number of mails, three times, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mails", type=int, default=1000)
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--database", default=None)
    options = parser.parse_args()
    with mail_server() as port, tempfile.TemporaryDirectory(dir=options.folder) as folder:
        given = {"database_url": options.database} if options.database else {}
        smtp_url = f"smtp://127.0.0.1:{port}"
        app = build_app(Path(folder), smtp_url=smtp_url, mail_from="clinics@example.com", **given)
        with app.app_context():
            prepare_database()
            subjects = make_subjects(app)
            for _ in range(ROUNDS):
                queue(options.mails, subjects)
                sys.stdout.write(f"{drain(options.mails)}\n")


@contextmanager
def mail_server() -> Iterator[int]:
    """Run a mail server that takes everything; yield its port."""
    port = free_port()
    process = subprocess.Popen(  # noqa: S603 - our own text
        [sys.executable, "-c", _SERVER, str(port)]
    )
    try:
        wait_for(port)
        yield port
    finally:
        process.kill()
        process.wait()


def wait_for(port: int) -> None:
    """Return once somebody answers at the port; fail after ten seconds."""
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def make_subjects(app: Flask) -> list[int]:
    """Make the requests that the mails are about, at a clinic with an address of its own."""
    with transaction():
        address = Telecom(location_id=get_location("renton").id, value="desk@example.com")
        address.system = TelecomSystem.EMAIL
        db.session.add(address)
    ids = [make_request(app).id for _ in range(REQUESTS)]
    with transaction():
        db.session.execute(delete(OutboxMessage))
    return ids


def queue(mails: int, subjects: list[int]) -> None:
    """Write so many messages, due now."""
    now = clock.now()
    with transaction():
        db.session.add_all(
            OutboxMessage(
                message_key=str(uuid.uuid4()),
                kind=MessageKind.REQUEST_WAITS,
                channel=Channel.EMAIL,
                subject_id=subjects[number % len(subjects)],
                created_at=now,
                due_at=now,
            )
            for number in range(mails)
        )


def drain(mails: int) -> str:
    """Deliver all that is due; return the figures as a line."""
    began, worked = time.perf_counter(), time.process_time()
    taken = deliver_due(make_post(), clock=clock.now, limit=mails)
    seconds, busy = time.perf_counter() - began, time.process_time() - worked
    return (
        f"{taken} of {mails} taken, {taken / seconds:.0f} a second,"
        f" {busy / taken * 1000:.2f} ms of processor each, load {os.getloadavg()[0]:.1f}"
    )


if __name__ == "__main__":
    main()
