"""The one clock: UTC, in whole milliseconds, as every table stores it."""

from datetime import UTC, datetime, timedelta

from clinicdir import clock


def test_now_is_the_present_instant_in_utc_cut_to_milliseconds() -> None:
    instants = []
    for _ in range(50):  # one instant could end in zeros by chance
        before = datetime.now(UTC)  # noqa: TID251 - what the clock is held against
        instant = clock.now()
        after = datetime.now(UTC)  # noqa: TID251 - as above
        assert before - timedelta(milliseconds=1) < instant <= after
        instants.append(instant)
    assert {instant.tzinfo for instant in instants} == {UTC}
    assert {instant.microsecond % 1_000 for instant in instants} == {0}


def test_now_keeps_its_milliseconds() -> None:
    """A clock that stood at whole tenths would put what follows quickly in one instant."""
    until = clock.now() + timedelta(milliseconds=30)
    seen = set()
    while (instant := clock.now()) < until:
        seen.add(instant)
    assert len({instant.microsecond // 1_000 % 10 for instant in seen}) > 1
