"""How waits and missed promises are counted."""

from datetime import UTC, date, datetime, timedelta

import pytest

from clinicdir.appointments.measures import Asked, WeekMeasures, quantile, was_overdue, week_of

CAME = datetime(2026, 11, 23, 18, tzinfo=UTC)
NOW = CAME + timedelta(hours=10)
MONDAY = date(2026, 11, 23)


def asked(
    promise: float | None = None, contact: float | None = None, *, is_open: bool = True
) -> Asked:
    """Return a request with hours after its arrival."""
    at = [None if hours is None else CAME + timedelta(hours=hours) for hours in (promise, contact)]
    return Asked(CAME, at[0], at[1], is_open)


@pytest.mark.parametrize(
    ("one", "is_overdue"),
    [
        (asked(), False),
        (asked(promise=10), False),
        (asked(promise=9.9), True),
        (asked(promise=9.9, is_open=False), False),
        (asked(promise=4, contact=4), False),
        (asked(promise=4, contact=4.1), True),
        (asked(promise=4, contact=4.1, is_open=False), True),
        (asked(contact=9), False),
    ],
)
def test_overdue_is_a_promise_that_was_not_kept(one: Asked, *, is_overdue: bool) -> None:
    assert was_overdue(one, now=NOW) is is_overdue


@pytest.mark.parametrize(
    ("values", "median", "p90"),
    [
        ([], None, None),
        ([3], 3, 3),
        ([1, 2], 1, 2),
        ([1, 2, 30], 2, 30),
        (list(range(1, 11)), 5, 9),
        (list(range(1, 12)), 6, 10),
    ],
)
def test_quantiles_are_values_that_were_measured(
    values: list[float], median: float | None, p90: float | None
) -> None:
    assert (quantile(values, 0.5), quantile(values, 0.9)) == (median, p90)


def test_week_counts_waits_of_those_contacted_only() -> None:
    every = [asked(2, 1), asked(2, 5, is_open=False), asked(2), asked(None, 0.5), asked()]
    assert week_of(MONDAY, every, now=NOW) == WeekMeasures(
        MONDAY, requests=5, contacted=3, median_h=1, p90_h=5, overdue=2
    )
    assert week_of(MONDAY, [], now=NOW) == WeekMeasures(MONDAY, 0, 0, None, None, 0)
