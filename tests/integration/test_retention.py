"""What is closed for longer than its clinic keeps loses its personal data; what is open never."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskCliRunner
from sqlalchemy import update

from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.retention import purge
from clinicdir.appointments.rules import OPEN, Status
from clinicdir.audit.rules import SYSTEM
from clinicdir.cli.refusals import refuse_unconfirmed_name
from clinicdir.cli.tidying import tidy_up
from clinicdir.db import db, transaction
from clinicdir.locations.queries import get_location
from clinicdir.staff.rules import Role
from tests.conftest import Clock
from tests.make import make_request, make_staff, sign_in
from tests.own import in_days
from tests.pages import field_errors, main_text, press
from tests.tables import all_rows, rows

PAGE = "/staff/settings/renton"


@pytest.fixture(autouse=True)
def _frozen(frozen: Clock) -> None:
    """Stand still."""


def closed(app: Flask, days: float, status: Status = Status.WITHDRAWN, **changes: object) -> int:
    """Store a request that stands in a state since so many days."""
    columns: dict[str, Any] = {
        name: changes.pop(name) for name in ("booked_at", "duplicate_of") if name in changes
    }
    with app.app_context():
        number = make_request(app, **changes).id  # type: ignore[arg-type]
        values: dict[str, Any] = {"status": status, "changed_at": in_days(-days), **columns}
        with transaction():
            db.session.execute(
                update(AppointmentRequest).where(AppointmentRequest.id == number).values(values)
            )
    return number


def erased(app: Flask) -> list[int]:
    """Return the numbers of the requests that are erased."""
    return [number for number, at in rows(app, "appointment_request", "id", "erased_at") if at]


def run(app: Flask, days: int = 365) -> list[tuple[str, int]]:
    with app.app_context():
        done = purge(retention_days=days, actor=SYSTEM, now=in_days(0))
    return [(due.slug, due.count) for due in done]


def test_only_what_is_closed_for_longer_is_erased(app: Flask) -> None:
    due = [
        closed(app, 366, status)
        for status in Status
        if status not in (*OPEN, Status.BOOKED, Status.ENTERED_IN_ERROR)
    ]
    due.append(closed(app, 366, Status.ENTERED_IN_ERROR))
    due.append(closed(app, 400, Status.BOOKED, booked_at=in_days(-366)))
    for status in OPEN:
        closed(app, 4_000, status)
    closed(app, 400, Status.BOOKED, booked_at=in_days(-364))
    closed(app, 400, Status.BOOKED, booked_at=in_days(3))
    closed(app, 364)
    assert run(app) == [("renton", len(due))]
    assert erased(app) == due
    assert rows(app, "audit_entry", "action", "subject", "detail", "actor_kind", "chain")[-1] == (
        "purge", "renton", f"{len(due)} erased, closed before 2025-11-24", "system", "location/3",
    )  # fmt: skip
    assert rows(app, "audit_entry", "action").count("purge") == 1
    assert run(app) == []
    assert rows(app, "audit_entry", "action").count("purge") == 1


def test_duplicate_goes_with_what_it_repeats_and_not_before(app: Flask) -> None:
    still_open = closed(app, 0, Status.RECEIVED)
    over = closed(app, 366)
    closed(app, 500, Status.ENTERED_IN_ERROR, duplicate_of=still_open)
    goes = closed(app, 10, Status.ENTERED_IN_ERROR, duplicate_of=over)
    assert run(app) == [("renton", 2)]
    assert erased(app) == [over, goes]


def test_more_than_one_transaction_writes_down_each(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clinicdir.appointments.retention._AT_ONCE", 2)
    numbers = [closed(app, 366) for _ in range(5)]
    assert run(app) == [("renton", 5)]
    assert erased(app) == numbers
    told = [row for row in rows(app, "audit_entry", "action", "detail") if row[0] == "purge"]
    words = "erased, closed before 2025-11-24"
    assert told == [("purge", f"{count} {words}") for count in (2, 2, 1)]


def test_command_tells_first_and_then_erases(app: Flask, runner: FlaskCliRunner) -> None:
    number = closed(app, 366)
    closed(app, 366, location="covington")
    with app.app_context(), transaction():
        get_location("covington").retention_days = 400
    before = all_rows(app)
    dry = runner.invoke(args=["requests", "purge", "--dry-run"])
    assert (dry.exit_code, dry.output) == (
        0, "renton: 1 would be erased, closed before 2025-11-24.\n",
    )  # fmt: skip
    assert all_rows(app) == before
    done = runner.invoke(args=["requests", "purge"])
    assert (done.exit_code, done.output) == (0, "renton: 1 erased, closed before 2025-11-24.\n")
    assert erased(app) == [number]
    again = runner.invoke(args=["requests", "purge"])
    assert again.output == "Nothing is older than it may be kept.\n"


def test_worker_purges_once_a_day(app: Flask, frozen: Clock) -> None:
    first = closed(app, 366)
    with app.app_context():
        tidy_up()
    second = closed(app, 366)
    frozen.move(hours=23)
    with app.app_context():
        tidy_up()
    assert erased(app) == [first]
    frozen.move(hours=1)
    with app.app_context():
        tidy_up()
    assert erased(app) == [first, second]


def test_clinic_sets_its_own_days_and_empty_means_the_groups(
    app: Flask, with_settings: Callable[..., Flask]
) -> None:
    group = with_settings(retention_days=30)
    with group.app_context():
        make_staff("manager@example.com", Role.MANAGER)
    manager = group.test_client()
    sign_in(manager, "manager@example.com")
    page = manager.get(PAGE)
    assert "Empty: 30 days, as for the whole group." in main_text(page)
    refused = press(manager, page, PAGE, retention_days="3651")
    assert (refused.status_code, field_errors(refused)) == (
        422, ["Enter a whole number of days from 1 to 3650, or nothing"],
    )  # fmt: skip
    assert press(manager, page, PAGE, retention_days="7").status_code == 303
    with group.app_context():
        assert get_location("renton").retention_days == 7
    assert rows(app, "audit_entry", "action", "detail")[-1] == (
        "settings", "retention_days: None > 7",
    )  # fmt: skip
    seen = manager.get(PAGE)
    assert press(manager, seen, PAGE, retention_days="").status_code == 303
    with group.app_context():
        assert get_location("renton").retention_days is None


def test_purge_takes_no_request_that_was_opened_again_meanwhile(app: Flask) -> None:
    """Between the list and the lock somebody may bring it back; what is locked is asked again."""
    number = closed(app, 366, Status.DECLINED)
    with app.app_context():
        from clinicdir.appointments import retention  # noqa: PLC0415

        place = get_location("renton").id
        before = in_days(0) - timedelta(days=365)
        with transaction():
            db.session.execute(update(AppointmentRequest).values(status=Status.IN_REVIEW))
        with transaction():
            done = retention._purge_some(  # noqa: SLF001 - the moment between cannot be had outside
                [number], place, before, actor=SYSTEM, now=in_days(0)
            )
    assert (done, erased(app)) == (0, [])


def test_production_is_not_served_under_a_name_that_nobody_confirmed(
    app: Flask, with_settings: Callable[..., Flask], capsys: pytest.CaptureFixture[str]
) -> None:
    site = {"env": "production", "base_url": "https://clinics.example", "rate_limits": "on"}
    app.extensions["clinicdir"].settings.instance.chmod(0o700)
    with with_settings(**site).app_context():
        refuse_unconfirmed_name()
    with (
        with_settings(**site, confirmed_group_name="Other").app_context(),
        pytest.raises(SystemExit) as ended,
    ):
        refuse_unconfirmed_name()
    assert (ended.value.code, capsys.readouterr().err) == (
        1,
        (
            "CLINICDIR_CONFIRMED_GROUP_NAME is Other, but pages show HIDEF."
            " Read them, then set it to what you stand by.\n"
        ),
    )
