"""Many at once: the same request fifty times, different ones from two processes, first keys."""

import json
import subprocess
import sys
from pathlib import Path

from flask import Flask

from clinicdir.appointments.models import AppointmentRequest
from clinicdir.db import db
from tests.hammer import POSTS, THREADS
from tests.make import make_answers
from tests.tables import rows, together

ROOT = Path(__file__).parent.parent.parent


def start(*arguments: str) -> "subprocess.Popen[str]":
    """Start Python on arguments, in the folder of the checkout."""
    return subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: "subprocess.Popen[str]") -> str:
    output, errors = process.communicate("go\n", timeout=60)
    assert process.returncode == 0, errors
    return output


def test_fifty_equal_posts_at_once_are_one_request_and_fifty_equal_answers(app: Flask) -> None:
    def post(_: int) -> tuple[int, bytes]:
        answer = app.test_client().post(
            "/api/v1/requests", json=make_answers(), headers={"Idempotency-Key": "the same"}
        )
        return answer.status_code, answer.get_data()

    answers = together(50, post)
    assert len(set(answers)) == 1
    assert answers[0][0] == 201
    for table in ("appointment_request", "request_event", "outbox_message", "request_location"):
        assert len(rows(app, table, "id")) == 1
    assert rows(app, "audit_entry", "action").count("submit") == 1


def test_equal_keys_with_other_content_at_once_are_one_request_and_conflicts(app: Flask) -> None:
    def post(number: int) -> int:
        answer = app.test_client().post(
            "/api/v1/requests",
            json=make_answers(patient_name=f"Robin {number}"),
            headers={"Idempotency-Key": "the same"},
        )
        return answer.status_code

    assert sorted(together(10, post)) == [201] + [409] * 9
    assert len(rows(app, "appointment_request", "id")) == 1


def test_two_processes_of_eight_threads_are_refused_nothing(app: Flask) -> None:
    settings = app.extensions["clinicdir"].settings
    processes = [
        start("-m", "tests.hammer", str(settings.instance), settings.database_url, name)
        for name in ("first", "second")
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:  # both begin now
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    statuses = [status for process in processes for status in json.loads(finish(process))]
    assert statuses == [201] * (2 * THREADS * POSTS)
    with app.app_context():
        stored = db.session.query(AppointmentRequest).all()
        assert len({one.reference for one in stored}) == len(stored) == len(statuses)
        (location_id,) = {one.location_id for one in stored}
    chain = f"location/{location_id}"
    numbers = [
        sequence
        for name, sequence in rows(app, "audit_entry", "chain", "sequence")
        if name == chain
    ]
    assert sorted(numbers) == list(range(1, len(statuses) + 1))


def test_two_first_starts_at_once_agree_on_their_keys(tmp_path: Path) -> None:
    script = (
        "import sys, pathlib\n"
        "from clinicdir.crypto import new_key\n"
        "from clinicdir.settings import complete_secrets, load_settings\n"
        "settings = load_settings(instance=pathlib.Path(sys.argv[1]) / 'instance')\n"
        "print('ready', flush=True)\n"
        "sys.stdin.readline()\n"
        "made = complete_secrets(settings, new_key)\n"
        "print(made.secret_key.get_secret_value(),"
        " *[key.get_secret_value() for key in made.encryption_keys])\n"
    )
    processes = [start("-c", script, str(tmp_path)) for _ in range(2)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    outputs = {finish(process) for process in processes}
    assert len(outputs) == 1
    assert len(outputs.pop().split()) == 2
    assert sorted(path.name for path in (tmp_path / "instance").iterdir()) == [
        "encryption_keys",
        "secret_key",
    ]
