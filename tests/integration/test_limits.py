"""Tries are counted exactly: over several apps, processes and restarts, for known and unknown."""

import multiprocessing
import re
import sqlite3
import stat
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from clinicdir import clock
from clinicdir.web import limits
from clinicdir.web.limits import CounterFile, FileStorage
from clinicdir.web.quotas import Sightings
from tests.client import page_text
from tests.hashes import spend_little
from tests.make import PASSWORD, make_staff, token_of
from tests.tables import together

COUNTS = ("select count(*) from hit", "select count(*) from sighting")
EMAIL = "desk@example.com"


@pytest.fixture
def limited(app: Flask, with_settings: Callable[..., Flask]) -> Flask:
    with app.app_context():
        make_staff(EMAIL)
    return spend_little(with_settings(rate_limits="on"))


def attempt(
    client: FlaskClient, email: str = EMAIL, headers: dict[str, str] | None = None
) -> TestResponse:
    page = client.get("/staff/login").get_data(as_text=True)
    form = {"csrf_token": token_of(page), "email": email, "password": PASSWORD}
    return client.post("/staff/login", data=form, headers=headers)


def statuses(client: FlaskClient, count: int, email: str = EMAIL) -> list[int]:
    return [attempt(client, email).status_code for _ in range(count)]


@pytest.mark.parametrize("email", [EMAIL, "nobody@example.com"])
def test_sixth_try_in_a_minute_is_refused_for_known_and_unknown_names(
    limited: Flask, email: str
) -> None:
    client = limited.test_client()
    client.get("/")
    assert statuses(client, 5, email) == [422] * 5
    answer = attempt(client, email)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 429
    assert 50 <= int(answer.headers["Retry-After"]) <= 61
    assert page_text(page).startswith(
        "We have had several tries from you Try again in a while, or call a clinic."
    )
    assert "Renton: (206) 693-9929" in page_text(page)
    assert email not in page


def test_limit_holds_for_one_account_and_not_for_another(limited: Flask) -> None:
    client = limited.test_client()
    assert statuses(client, 6) == [*[422] * 5, 429]
    assert statuses(client, 1, "other@example.com") == [422]


def test_looking_at_the_page_counts_nothing(limited: Flask) -> None:
    client = limited.test_client()
    for _ in range(40):
        assert client.get("/staff/login").status_code == 200
    assert statuses(client, 1) == [422]


def test_other_spellings_of_an_address_count_for_it(limited: Flask) -> None:
    client = limited.test_client()
    spellings = ["desk@example.com", "DESK@example.com", "Desk@EXAMPLE.COM", "desk@ｅxample.com"]
    assert [attempt(client, typed).status_code for typed in spellings] == [422] * 4
    assert statuses(client, 2, "desk@exampleｃom".replace("ｃ", ".c")) == [422, 429]


def test_tries_without_a_form_token_test_no_password_and_count_nothing(limited: Flask) -> None:
    client = limited.test_client()
    for _ in range(7):
        answer = client.post("/staff/login", data={"email": EMAIL, "password": PASSWORD})
        assert answer.status_code == 400
    assert statuses(client, 6) == [*[422] * 5, 429]


def test_new_address_each_time_gives_no_more_tries(limited: Flask) -> None:
    client = limited.test_client()
    headers = [{"X-Forwarded-For": f"198.51.100.{number}"} for number in range(7)]
    answers = [attempt(client, headers=header).status_code for header in headers]
    assert answers == [*[422] * 5, 429, 429]


def test_one_address_may_not_try_many_accounts(limited: Flask) -> None:
    client = limited.test_client()
    tried = [attempt(client, f"person{number}@example.com") for number in range(31)]
    assert [answer.status_code for answer in tried] == [*[422] * 30, 429]


def test_tries_are_counted_over_two_apps_and_a_restart(
    limited: Flask, with_settings: Callable[..., Flask]
) -> None:
    second = spend_little(with_settings(rate_limits="on"))
    first_client, second_client = limited.test_client(), second.test_client()
    assert statuses(first_client, 3) == [422] * 3
    assert statuses(second_client, 3) == [422, 422, 429]
    assert statuses(first_client, 1) == [429]
    restarted = spend_little(with_settings(rate_limits="on")).test_client()
    assert statuses(restarted, 2) == [429, 429]


def test_tries_at_one_moment_are_counted_exactly(limited: Flask) -> None:
    clients = [limited.test_client() for _ in range(8)]
    forms = [token_of(client.get("/staff/login").get_data(as_text=True)) for client in clients]

    def press(number: int) -> int:
        form = {"csrf_token": forms[number], "email": EMAIL, "password": PASSWORD}
        return clients[number].post("/staff/login", data=form).status_code

    assert sorted(together(8, press)) == [*[422] * 5, *[429] * 3]


def test_limits_can_be_off(app: Flask) -> None:
    with app.app_context():
        make_staff(EMAIL)
    assert statuses(spend_little(app).test_client(), 8) == [422] * 8


def test_limits_work_before_the_folder_is_there(
    app: Flask, with_settings: Callable[..., Flask], tmp_path: Path
) -> None:
    url = app.extensions["clinicdir"].settings.database
    elsewhere = with_settings(
        instance=tmp_path / "not" / "there", database_url=url, rate_limits="on"
    )
    assert statuses(elsewhere.test_client(), 1) == [422]
    file = tmp_path / "not" / "there" / "limits.sqlite3"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


# The storage alone


def test_threads_and_processes_count_exactly(tmp_path: Path) -> None:
    path = tmp_path / "limits.sqlite3"
    spawning = multiprocessing.get_context("spawn")
    counting = [spawning.Process(target=_count, args=(path,)) for _ in range(2)]
    for process in counting:
        process.start()
    for process in counting:
        process.join(timeout=60)
        assert process.exitcode == 0
        process.close()
    assert FileStorage(f"clinicdir-file://{path}").get("key") == 2 * 8 * 25


def _count(path: Path) -> None:
    storage = FileStorage(f"clinicdir-file://{path}")

    def work(_: int) -> list[int]:
        return [storage.incr("key", 600) for _ in range(25)]

    seen = [count for counts in together(8, work) for count in counts]
    assert len(set(seen)) == 8 * 25, "two tries got one number"


def test_count_starts_anew_when_its_time_is_over(tmp_path: Path) -> None:
    storage = FileStorage(f"clinicdir-file://{tmp_path / 'limits.sqlite3'}")
    assert [storage.incr("key", 0.1), storage.incr("key", 0.1)] == [1, 2]
    time.sleep(0.11)
    assert storage.get("key") == 0
    assert storage.incr("key", 600) == 1


def test_later_tries_do_not_lengthen_the_wait(tmp_path: Path) -> None:
    storage = FileStorage(f"clinicdir-file://{tmp_path / 'limits.sqlite3'}")
    storage.incr("key", 60)
    until = storage.get_expiry("key")
    storage.incr("key", 60)
    assert storage.get_expiry("key") == until
    assert 59 < until - time.time() <= 60


def test_counts_can_be_forgotten_and_expired_ones_leave_the_file(tmp_path: Path) -> None:
    path = tmp_path / "limits.sqlite3"
    storage = FileStorage(f"clinicdir-file://{path}")
    storage.incr("a", 600)
    storage.incr("b", 600)
    storage.incr("gone", 0.01)
    storage.clear("a")
    time.sleep(0.02)
    assert (storage.get("a"), storage.get("b")) == (0, 1)
    again = FileStorage(f"clinicdir-file://{path}")
    assert again.check()
    keys = sqlite3.connect(path)
    assert keys.execute("select key from hit").fetchall() == [("b",)]
    keys.close()
    assert again.reset() == 1
    assert storage.get("b") == 0
    assert storage.get_expiry("b") == pytest.approx(time.time(), abs=1)
    assert re.search("sqlite3", str(storage.base_exceptions))


def test_file_does_not_grow_with_ever_new_senders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MOST_ROWS", 1_000)
    path = tmp_path / "limits.sqlite3"
    storage, seen = FileStorage(f"clinicdir-file://{path}"), Sightings(CounterFile(path))
    for number in range(3_000):
        storage.incr(f"sender {number:064}", 600 + number)
        digest = number.to_bytes(32)
        seen.note({"address": (digest, timedelta(seconds=600 + number))}, b"entry", clock.now())
    keys = sqlite3.connect(path)
    counts = [keys.execute(count).fetchone()[0] for count in COUNTS]
    keys.close()
    assert all(1_000 <= count < 1_500 for count in counts), counts
    assert path.stat().st_size < 600_000
    assert storage.get(f"sender {2_999:064}") == 1
    assert storage.get(f"sender {0:064}") == 0


def test_rows_that_have_had_their_time_leave_the_file_of_a_running_site(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "limits.sqlite3"
    storage, seen = FileStorage(f"clinicdir-file://{path}"), Sightings(CounterFile(path))
    storage.incr("gone", 0.01)
    seen.note({"text": (b"gone", timedelta(seconds=0.01))}, b"entry", clock.now())
    time.sleep(0.02)
    monkeypatch.setattr(limits, "_TIDY_EVERY_S", 0.0)
    storage.incr("new", 600)
    with sqlite3.connect(path) as keys:
        left = [keys.execute(count).fetchone()[0] for count in COUNTS]
    keys.close()
    assert left == [1, 0]
