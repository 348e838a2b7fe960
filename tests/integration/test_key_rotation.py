"""`flask keys rotate`: all comes under a new key while the site writes; then the old one goes."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from clinicdir.appointments.arrival import link_token
from clinicdir.appointments.drafts import keep_answers, new_token
from clinicdir.appointments.filing import file_answers
from clinicdir.appointments.models import AppointmentRequest
from clinicdir.backup.key_files import replace_keys
from clinicdir.backup.rotation import count_by_key, sealed_tables, steps_of_requests
from clinicdir.crypto import CannotOpen, KeyRing, load_sealed, new_key, token_hash
from clinicdir.db import db, transaction
from clinicdir.staff.models import StaffMember
from clinicdir.staff.second_factor import code_at, confirm_factor, pass_factor, start_factor
from tests.conftest import KEY, Clock
from tests.integration.test_backup import ROOT, run
from tests.integration.test_backup_soak import store_many
from tests.make import make_answers, make_request, make_staff
from tests.tables import all_rows, rows, together

ADDED = "Added the key {}. Run `flask keys export FILE` now: backups need it, too."
DROPPED = "Dropped {}. {} has it still: older backups need it. Delete it with the last of them."
DAY_LATER = {"days": 1, "seconds": 1}


@pytest.fixture
def generated(with_settings: Callable[..., Flask]) -> Flask:
    """Return an app whose key was made once, in the instance folder."""
    return with_settings(encryption_keys=())


def keys_of(app: Flask) -> list[str]:
    folder: Path = app.extensions["clinicdir"].settings.instance
    return (folder / "encryption_keys").read_text().split()


def name_of(key: str) -> str:
    return KeyRing([key]).newest_id.hex()


def opened_by(app: Flask, key: str) -> dict[str, list[Any]]:
    """Return what each sealed row says, opened by one key alone; else CannotOpen."""
    found = {}
    for table in sealed_tables():
        with app.app_context(), db.engine.connect() as connection:
            query = table.select().where(table.c.sealed.is_not(None)).order_by(table.c.id)
            found[table.name] = [
                load_sealed(
                    KeyRing([key]).open(
                        bytes(row.sealed), context=f"{table.name}|".encode() + bytes(row.row_key)
                    )
                )
                for row in connection.execute(query)
            ]
    return found


def fill(app: Flask, frozen: Clock) -> None:
    """Store two requests and a draft."""
    with app.app_context():
        for number in range(2):
            make_request(
                app, now=frozen.now(), phone=f"206 555 014{number}", email="quill@canary.example"
            )
        with transaction():
            keep_answers(new_token(), {"answers": {"note": "half"}}, now=frozen.now())
        db.session.remove()


def test_every_row_comes_under_the_new_key_and_the_old_one_goes(
    generated: Flask, frozen: Clock
) -> None:
    fill(generated, frozen)
    (old,) = keys_of(generated)
    before, said = all_rows(generated), opened_by(generated, old)
    with generated.app_context():
        links = [link_token(row) for row in db.session.query(AppointmentRequest)]
        db.session.remove()
    frozen.move(**DAY_LATER)
    code, told = run(generated, "keys", "rotate")
    (new,) = keys_of(generated)
    count = sum(map(len, said.values()))
    aside = (
        generated.extensions["clinicdir"].settings.instance / "encryption_keys.before-rotation-1"
    )
    assert (code, told.splitlines()) == (
        0,
        [
            ADDED.format(name_of(new)),
            f"Pass 1: {count} rows sealed anew.",
            "Pass 2: 0 rows sealed anew.",
            DROPPED.format(name_of(old), aside),
        ],
    )
    assert (aside.read_text(), aside.stat().st_mode & 0o777) == (f"{new}\n{old}\n", 0o600)
    after = opened_by(generated, new)
    for row, link in zip(after["appointment_request"], links, strict=True):
        assert row.pop("link") == link
    assert after == said
    with pytest.raises(CannotOpen):
        opened_by(generated, old)
    kept = all_rows(generated)
    same = set(kept) - {
        "audit_entry",
        "audit_head",
        "name_word",
        *(t.name for t in sealed_tables()),
    }
    assert {name: kept[name] for name in same} == {name: before[name] for name in same}
    assert kept["audit_entry"][: len(before["audit_entry"])] == before["audit_entry"]
    entries = rows(generated, "audit_entry", "action", "subject", "detail")[-2:]
    assert entries == [("keys_add", name_of(new), ""), ("keys_drop", name_of(old), "")]
    assert run(generated, "audit", "verify")[0] == 0
    # Links and searches go on; the old key is not asked.
    with generated.app_context():
        first, second = db.session.query(AppointmentRequest).order_by(AppointmentRequest.id)
        assert [link_token(row) for row in (first, second)] == links
        assert [row.link_hash for row in (first, second)] == [token_hash(one) for one in links]
        assert first.personal["email"] == "quill@canary.example"
        assert "link" not in first.personal
        ring = KeyRing([new])
        words = rows(generated, "name_word", "request_id", "word_hash")
        assert sorted(words) == sorted(
            (row.id, ring.fingerprint("name_word", word))
            for row in (first, second)
            for word in ("robin", "example")
        )
        assert [row.phone_hash for row in (first, second)] == [
            ring.fingerprint("phone", f"+1206555014{number}") for number in range(2)
        ]
        assert first.version == 1
        db.session.remove()
    for link in links:
        assert generated.test_client().get(f"/requests/{link}").status_code == 200


def test_process_that_runs_takes_up_the_new_key_and_its_rows_need_no_second_pass(
    generated: Flask, with_settings: Callable[..., Flask], frozen: Clock
) -> None:
    fill(generated, frozen)
    running = with_settings(encryption_keys=())
    post = {"json": make_answers(phone="206 555 0140"), "headers": {"Idempotency-Key": "k"}}
    first = running.test_client().post("/api/v1/requests", **post)
    (old,) = keys_of(generated)
    code, told = run(generated, "keys", "rotate")
    new = keys_of(generated)[0]
    assert (code, keys_of(generated), told.splitlines()[-2:]) == (
        0,
        [new, old],
        [
            "Every row is sealed by the newest key. The older one stays for now:",
            (
                "- 3 requests came in by it less than a day ago and may be sent again; run this"
                " command again tomorrow."
            ),
        ],
    )
    # Neither was told anything, nor built anew.
    again = running.test_client().post("/api/v1/requests", **post)
    assert (again.status_code, again.get_json()) == (first.status_code, first.get_json())
    post["headers"] = {"Idempotency-Key": "another"}
    assert running.test_client().post("/api/v1/requests", **post).status_code == 201
    sealed = run(generated, "keys", "list", "--json")[1]
    total = sum(map(len, opened_by(generated, new).values()))
    assert json.loads(sealed) == [
        {"key": name_of(new), "in_ring": True, "seals": True, "rows": total},
        {"key": name_of(old), "in_ring": True, "seals": False, "rows": 0},
    ]
    assert run(running, "keys", "list")[1] == (
        f"{name_of(new)}  seals and opens  {total} rows\n{name_of(old)}  opens  0 rows\n"
    )
    with running.app_context():
        found = db.session.query(AppointmentRequest.phone_hash).order_by(AppointmentRequest.id)
        assert [row.phone_hash for row in found] == [
            KeyRing([new]).fingerprint("phone", f"+1206555014{number}") for number in (0, 1, 0, 0)
        ]
        db.session.remove()
    frozen.move(**DAY_LATER)
    code, told = run(generated, "keys", "rotate")
    assert (code, told.splitlines()[0], keys_of(generated)) == (
        0, "Pass 1: 0 rows sealed anew.", [new],
    )  # fmt: skip
    # What one who never got the answer sends after a day is refused, and nothing is stored twice.
    post["headers"] = {"Idempotency-Key": "k"}
    assert running.test_client().post("/api/v1/requests", **post).status_code == 409


def test_names_hashed_by_the_old_key_are_found_though_the_row_was_sealed_since(
    generated: Flask, with_settings: Callable[..., Flask], frozen: Clock
) -> None:
    fill(generated, frozen)
    (old,), new = keys_of(generated), new_key()
    file = generated.extensions["clinicdir"].settings.instance / "encryption_keys"
    file.write_text(f"{new}\n{old}\n")
    with generated.app_context(), transaction():
        stored = db.session.query(AppointmentRequest).order_by(AppointmentRequest.id).first()
        assert stored is not None
        file_answers(stored, {})  # as a change of the note does: the names keep their hashes
        stored.link_key_id = KeyRing([new]).newest_id
    code, told = run(generated, "keys", "rotate")
    everything = sum(map(len, opened_by(generated, new).values()))
    assert (code, told.splitlines()[0]) == (0, f"Pass 1: {everything} rows sealed anew.")
    ring = KeyRing([new])
    wanted = sorted(ring.fingerprint("name_word", word) for word in ("robin", "example"))
    assert sorted(rows(generated, "name_word", "word_hash")) == sorted(wanted * 2)


def test_recovery_codes_hold_the_old_key_until_they_end(generated: Flask, frozen: Clock) -> None:
    with generated.app_context():
        make_staff("desk@renton.example")
        with transaction():
            member = make_staff_member()
            secret = start_factor(member, now=frozen.now())
            codes = confirm_factor(member, code_at(secret, frozen.now()), now=frozen.now())
        db.session.remove()
    code, told = run(generated, "keys", "rotate")
    new, _old = keys_of(generated)
    assert (code, told.splitlines()[-1]) == (
        0,
        (
            "- 10 recovery codes of staff can be checked by it alone; ask them to make new ones, or"
            " end those codes by `flask keys rotate --end-recovery-codes`."
        ),
    )
    with generated.app_context(), transaction():
        pass_factor(make_staff_member(), codes[0], now=frozen.now())  # it counts still
    assert opened_by(generated, new)["staff_factor"] == [{"secret": secret}]
    code, told = run(generated, "keys", "rotate", "--end-recovery-codes")
    assert (code, keys_of(generated)) == (0, [new])
    assert rows(generated, "staff_recovery_code", "code_hash")[1:] == []  # the used one is history
    assert ("recovery_codes_end", "9") in rows(generated, "audit_entry", "action", "detail")


def make_staff_member() -> StaffMember:
    return db.session.query(StaffMember).filter_by(email="desk@renton.example").one()


def test_keys_of_the_settings_are_rotated_by_the_operator_and_the_command_together(
    app: Flask, with_settings: Callable[..., Flask], frozen: Clock
) -> None:
    fill(app, frozen)
    frozen.move(**DAY_LATER)
    assert run(app, "keys", "rotate") == (
        1,
        (
            "CLINICDIR_ENCRYPTION_KEYS is set, so this command cannot add a key. Put the one that"
            " `flask keys new` prints before the present one, with a comma between them, restart"
            " every process of the site, and run `flask keys rotate --restarted`.\n"
        ),
    )
    new = new_key()
    both = with_settings(encryption_keys=f"{new},{KEY}")
    assert run(both, "keys", "rotate") == (
        1,
        (
            "Restart every process of the site, so that all know the new key. Then run `flask keys"
            " rotate --restarted`.\n"
        ),
    )
    assert sum(map(len, opened_by(app, KEY).values())) > 0  # nothing has happened yet
    code, told = run(both, "keys", "rotate", "--restarted")
    assert (code, told.splitlines()[-1]) == (
        0,
        (
            f"Nothing needs {name_of(KEY)} any more. Take all but the first key out of"
            " CLINICDIR_ENCRYPTION_KEYS and restart; keep them while you keep older backups."
        ),
    )
    only = with_settings(encryption_keys=new)
    with only.app_context():
        names = [row.personal["patient_name"] for row in db.session.query(AppointmentRequest)]
        db.session.remove()
    assert names == ["Robin Example"] * 2


def rotate_killed(app: Flask, *, writers: int, kills: int) -> list[int]:
    """Rotate while other processes post and the command is killed; return what the posts said."""
    settings = app.extensions["clinicdir"].settings
    given = {"INSTANCE": settings.instance, "DATABASE_URL": settings.database_url}
    environment = {f"CLINICDIR_{name}": str(value) for name, value in given.items() if value}
    environment |= {"PATH": os.environ["PATH"], "CLINICDIR_SECRET_KEY": "x" * 40}  # noqa: TID251
    hammer = [sys.executable, "-m", "tests.hammer", settings.instance, settings.database_url]
    posting = [
        subprocess.Popen(  # noqa: S603 - our own command
            [*hammer, f"w{number}", ""], cwd=ROOT,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for number in range(writers)
    ]  # fmt: skip
    for one in posting:
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n"
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "keys", "rotate"]
    for number in range(kills + 1):
        done = done_by_newest(app)
        process = subprocess.Popen(  # noqa: S603 - our own command
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        if number == 0:
            for one in posting:
                assert one.stdin is not None
                one.stdin.write("\n")
                one.stdin.flush()
        if number < kills:
            wait_until(lambda: done_by_newest(app) > done or process.poll() is not None)  # noqa: B023
            process.send_signal(signal.SIGKILL)
        told, _ = process.communicate(timeout=900)
        if number == kills:
            assert process.returncode == 0, told
    return [status for one in posting for status in json.loads(one.communicate(timeout=900)[0])]


def done_by_newest(app: Flask) -> int:
    """Return how many rows are sealed by the newest key since there are two."""
    made = keys_of(app)
    if len(made) == 1:
        return 0
    newest = KeyRing(made).newest_id
    with app.app_context():
        return sum(counts.get(newest, 0) for counts in count_by_key().values())


def wait_until(condition: Callable[[], bool], *, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "the command did not begin"
        time.sleep(0.02)


def assert_all_rotated(app: Flask, *, count: int) -> None:
    new = keys_of(app)[0]
    found = opened_by(app, new)
    assert len(found["appointment_request"]) == count
    ring = KeyRing([new])
    hashes = [
        (ring.fingerprint("phone", row["phone_e164"]), row["patient_name"].startswith("Robin "))
        for row in found["appointment_request"]
    ]
    assert [(one, True) for one in rows(app, "appointment_request", "phone_hash")] == hashes
    words = set(rows(app, "name_word", "word_hash"))
    assert ring.fingerprint("name_word", "robin") in words
    assert words <= {
        ring.fingerprint("name_word", word)
        for row in found["appointment_request"]
        for word in row["patient_name"].casefold().split()
    }
    assert run(app, "audit", "verify")[0] == 0


def test_rotation_that_ends_early_while_the_site_writes_goes_on_where_it_was(
    generated: Flask, with_settings: Callable[..., Flask]
) -> None:
    store_many(generated, 121)
    made = [new_key(), *keys_of(generated)]
    replace_keys(generated.extensions["clinicdir"].settings.instance / "encryption_keys", made)
    running = with_settings(encryption_keys=())

    def post(thread: int) -> list[int]:
        if thread == 0:
            with generated.app_context():
                list(islice(steps_of_requests(), 2))  # and no more: it ends here
                db.session.remove()
            return []
        client = running.test_client()
        return [
            client.post(
                "/api/v1/requests",
                json=make_answers(patient_name=f"Robin {thread} {number}"),
                headers={"Idempotency-Key": f"{thread}-{number}"},
            ).status_code
            for number in range(5)
        ]

    assert together(3, post) == [[], [201] * 5, [201] * 5]
    with generated.app_context():
        counts = count_by_key()["appointment_request"]
    assert counts == {KeyRing(made[:1]).newest_id: 110, KeyRing(made[1:]).newest_id: 21}
    assert run(generated, "keys", "rotate")[0] == 0
    assert keys_of(generated) == made  # no third one; the second stays for what came in today
    assert_all_rotated(generated, count=131)


@pytest.mark.soak
def test_rotation_under_traffic_is_killed_ten_times(generated: Flask) -> None:
    store_many(generated, 10_000)
    start = time.monotonic()
    statuses = rotate_killed(generated, writers=2, kills=10)
    assert statuses == [201] * 160
    assert_all_rotated(generated, count=10_160)
    took = time.monotonic() - start
    print(f"10,160 requests under a new key, killed 10 times: {took:.0f} s")  # noqa: T201
