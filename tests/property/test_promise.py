"""Laws of the promise: for any hours, arrival and length, told by a clock that walks minutes."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st
from opening_hours import OpeningHours

from clinicdir.locations.hours import Hours, after_open_time, open_spans

ZONE = ZoneInfo("America/Los_Angeles")
MINUTE = timedelta(minutes=1)
DAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
# Around both changes of the clocks, and around Thanksgiving.
WEEKS = (date(2026, 3, 6), date(2026, 10, 30), date(2026, 11, 24))


@st.composite
def clinics(draw: st.DrawFn) -> str:
    """Return hours in whole quarters, by day or by night, with or without holidays."""
    rules = []
    for day in draw(st.lists(st.sampled_from(DAYS), min_size=1, max_size=7, unique=True)):
        # The hours that a change of the clocks skips or repeats begin and end nothing here.
        opens = draw(st.sampled_from((0, 16, 30, 36, 50, 88)))
        length = draw(st.integers(4, 40))
        closes = opens + length
        if 4 <= closes % 96 <= 12:
            closes += 12
        clock = f"{opens // 4:02}:{opens % 4 * 15:02}-{closes // 4:02}:{closes % 4 * 15:02}"
        rules.append(f"{day} {clock}")
    return "; ".join([*rules, *(["PH off"] if draw(st.booleans()) else [])])


def arrivals() -> st.SearchStrategy[datetime]:
    """Return instants near what is hard."""
    return st.builds(
        lambda day, minutes: (
            datetime.combine(day, datetime.min.time(), ZONE).astimezone(UTC) + minutes * MINUTE
        ),
        st.sampled_from(WEEKS),
        st.integers(0, 6 * 24 * 60),
    )


def is_open(read: OpeningHours, closed: set[date], instant: datetime) -> bool:
    """Ask for one instant alone: another way to the same answer."""
    local = instant.astimezone(ZONE)
    if local.date() in closed:
        return False
    # By the clock on the wall, so that the hour that comes twice is asked for twice.
    return read.is_open(local.replace(tzinfo=None, fold=0))


@settings(max_examples=100, deadline=None)
@given(
    text=clinics(),
    arrived=arrivals(),
    minutes=st.integers(1, 900),
    closed=st.sets(st.sampled_from(WEEKS).map(lambda day: day + timedelta(days=2)), max_size=2),
)
def test_exactly_so_many_open_minutes_lie_before_the_promise(
    text: str, arrived: datetime, minutes: int, closed: set[date]
) -> None:
    hours = Hours(text, "America/Los_Angeles", tuple(sorted(closed)))
    promised = after_open_time(hours, arrived, minutes)
    assert promised is not None
    read, counted, instant = OpeningHours(text, country="US"), 0, arrived
    while instant < promised:
        counted += is_open(read, closed, instant)
        instant += MINUTE
    assert (instant, counted) == (promised, minutes)
    # It lies inside open time, or at the end of it.
    assert is_open(read, closed, promised - MINUTE)


@settings(max_examples=100, deadline=None)
@given(text=clinics(), arrived=arrivals(), minutes=st.integers(1, 900))
def test_later_arrivals_and_longer_promises_are_never_earlier(
    text: str, arrived: datetime, minutes: int
) -> None:
    hours = Hours(text, "America/Los_Angeles")
    promised = after_open_time(hours, arrived, minutes)
    later = after_open_time(hours, arrived + 90 * MINUTE, minutes)
    longer = after_open_time(hours, arrived, minutes + 1)
    assert promised is not None
    assert later is not None
    assert longer is not None
    assert arrived < promised <= later
    assert promised < longer


@settings(max_examples=100, deadline=None)
@given(text=clinics(), arrived=arrivals())
def test_spans_are_in_order_apart_and_inside_what_was_asked_for(
    text: str, arrived: datetime
) -> None:
    end = arrived + timedelta(days=10)
    edges = [edge for span in open_spans(Hours(text, ZONE.key), arrived, end) for edge in span]
    assert edges == sorted(set(edges))
    assert all(arrived <= edge <= end for edge in edges)
