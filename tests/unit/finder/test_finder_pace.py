"""One request a second, short queues, and a pause for a service that fails."""

from pathlib import Path

import pytest

from clinicdir.finder.pace import LONGEST_PAUSE_S, PAUSE_S, Pace


@pytest.fixture
def pace(tmp_path: Path) -> Pace:
    return Pace(tmp_path / "new" / "pace.sqlite3")


def test_requests_leave_a_second_apart_and_nobody_waits_longer(pace: Pace) -> None:
    assert [pace.reserve(1_000.0), pace.reserve(1_000.2), pace.reserve(1_000.3)] == [
        0.0,
        pytest.approx(1.0),
        None,
    ]
    assert pace.reserve(1_002.5) == 0.0


def test_two_processes_share_the_pace(pace: Pace) -> None:
    assert pace.reserve(5.0) == 0.0
    assert Pace(pace.path).reserve(5.0) == pytest.approx(1.2)


def test_a_clock_that_is_put_back_does_not_stop_it_for_good(pace: Pace) -> None:
    assert pace.reserve(9_999_999.0) == 0.0
    assert pace.reserve(1_000.0) == 0.0


def test_three_failures_in_a_row_pause_it(pace: Pace) -> None:
    for _ in range(3):
        pace.fail("garbage", 100.0)
    assert pace.failures_in_a_row() == 3
    assert pace.reserve(100.0 + PAUSE_S - 1) is None
    assert pace.reserve(100.0 + PAUSE_S + 1) is not None


def test_an_answer_ends_the_row_of_failures(pace: Pace) -> None:
    pace.fail("garbage", 1.0)
    pace.fail("garbage", 2.0)
    pace.succeed("answered")
    pace.fail("garbage", 3.0)
    assert (pace.failures_in_a_row(), pace.reserve(3.0)) == (1, 0.0)
    assert pace.tally() == {"answered": 1, "garbage": 3}


def test_service_that_asks_for_a_pause_gets_it_but_not_for_ever(pace: Pace) -> None:
    pace.fail("too many", 0.0, pause_s=300)
    assert (pace.reserve(299.0), pace.reserve(301.0)) == (None, 0.0)
    pace.fail("too many", 400.0, pause_s=1e12)
    assert pace.reserve(400.0 + LONGEST_PAUSE_S - 1) is None
    assert pace.reserve(400.0 + LONGEST_PAUSE_S + 1) is not None
