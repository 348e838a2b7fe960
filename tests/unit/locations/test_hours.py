"""Opening hours: read, counted over, across weekends, holidays and both changes of the clocks."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from clinicdir.locations.hours import (
    Hours,
    Standing,
    after_open_time,
    hours_of,
    next_holidays,
    open_spans,
    split_holidays,
    standing,
    tidy,
    unread_part,
    unusual_days,
    usual_week,
    with_holidays_off,
)

SEATTLE = "America/Los_Angeles"
ZONE = ZoneInfo(SEATTLE)
OFFICE = "Mo-Fr 08:00-17:00; PH off"
NIGHTS = "22:00-06:00"


def at(text: str, fold: int = 0) -> datetime:
    """Return the instant, in UTC, of a wall clock in Seattle."""
    return datetime.fromisoformat(text).replace(tzinfo=ZONE, fold=fold).astimezone(UTC)


def hours(text: str, *closed: str) -> Hours:
    return Hours(text, SEATTLE, tuple(map(date.fromisoformat, closed)))


class Place:
    """A location as far as its hours go."""

    def __init__(self, text: str | None, *closed: str) -> None:
        self.hours, self.time_zone, self.closed_days = text, SEATTLE, closed


# Counting.


@pytest.mark.parametrize(
    ("given", "arrived", "minutes", "by"),
    [
        # Inside the hours, before, after, and at the edges.
        (hours(OFFICE), "2026-11-23T10:00", 60, "2026-11-23T11:00"),
        (hours(OFFICE), "2026-11-23T06:15", 60, "2026-11-23T09:00"),
        (hours(OFFICE), "2026-11-23T21:00", 60, "2026-11-24T09:00"),
        (hours(OFFICE), "2026-11-23T16:00", 60, "2026-11-23T17:00"),
        (hours(OFFICE), "2026-11-23T16:30", 60, "2026-11-24T08:30"),
        (hours(OFFICE), "2026-11-23T17:00", 60, "2026-11-24T09:00"),
        (hours(OFFICE), "2026-11-23T08:00", 540, "2026-11-23T17:00"),
        (hours(OFFICE), "2026-11-23T08:00", 541, "2026-11-24T08:01"),
        (hours(OFFICE), "2026-11-23T10:00:37.250", 60, "2026-11-23T11:00:37.250"),
        # A weekend, Thanksgiving, and the same for a clinic that did not say it closes then.
        (hours(OFFICE), "2026-11-20T15:00", 480, "2026-11-23T14:00"),
        (hours(OFFICE), "2026-11-25T16:00", 480, "2026-11-27T15:00"),
        (hours("Mo-Fr 08:00-17:00"), "2026-11-25T16:00", 480, "2026-11-26T15:00"),
        (hours("24/7; PH off"), "2026-11-25T23:00", 120, "2026-11-27T01:00"),
        # Independence Day 2026 is a Saturday: the Friday before is the holiday.
        (hours(OFFICE), "2026-07-02T16:00", 120, "2026-07-06T09:00"),
        # Days that the manager names, alone, around a holiday, in a week without pause.
        (hours(OFFICE, "2026-11-27"), "2026-11-25T16:00", 480, "2026-11-30T15:00"),
        (hours(OFFICE, "2026-11-25"), "2026-11-25T10:00", 60, "2026-11-27T09:00"),
        (hours("24/7", "2026-11-25"), "2026-11-24T23:00", 120, "2026-11-26T01:00"),
        (hours("24/7", "2026-11-25", "2026-11-26"), "2026-11-24T23:00", 120, "2026-11-27T01:00"),
        # A break at noon; nights, and a closed day that takes the middle out of two of them.
        (hours("Mo-Fr 08:00-12:00,13:00-17:00"), "2026-11-23T11:30", 60, "2026-11-23T13:30"),
        (hours(NIGHTS), "2026-11-23T23:00", 480, "2026-11-24T23:00"),
        (hours(NIGHTS), "2026-11-24T03:00", 120, "2026-11-24T05:00"),
        (hours(NIGHTS, "2026-11-24"), "2026-11-23T23:00", 120, "2026-11-25T01:00"),
        (hours("24/7"), "2026-11-23T23:00", 480, "2026-11-24T07:00"),
        # The clocks go forward: the night of eight hours has seven.
        (hours("24/7"), "2026-03-08T01:30", 60, "2026-03-08T03:30"),
        (hours(NIGHTS), "2026-03-07T22:00", 420, "2026-03-08T06:00"),
        (hours(NIGHTS), "2026-03-07T22:00", 480, "2026-03-08T23:00"),
        (hours("02:30-05:00"), "2026-03-07T12:00", 60, "2026-03-08T04:00"),
        (hours("24/7", "2026-03-08"), "2026-03-07T23:00", 120, "2026-03-09T01:00"),
        # They go back: the same night has nine.
        (hours(NIGHTS), "2026-10-31T22:00", 480, "2026-11-01T05:00"),
        (hours(NIGHTS), "2026-10-31T22:00", 540, "2026-11-01T06:00"),
        (hours("24/7", "2026-11-01"), "2026-10-31T23:00", 120, "2026-11-02T01:00"),
        # Between them a weekend lies as any other does.
        (hours(OFFICE), "2026-10-30T16:00", 120, "2026-11-02T09:00"),
        (hours(OFFICE), "2026-03-06T16:00", 120, "2026-03-09T09:00"),
        # A clinic that is open for little: each next time is within 60 days of the last.
        (hours("Mo[1] 08:00-09:00"), "2026-11-24T12:00", 180, "2027-02-01T09:00"),
    ],
)
def test_open_minutes_are_counted_from_the_arrival(
    given: Hours, arrived: str, minutes: int, by: str
) -> None:
    promised = after_open_time(given, at(arrived), minutes)
    assert promised is not None
    assert (promised, promised.utcoffset()) == (at(by), timedelta())


def test_the_hour_that_comes_twice_counts_twice() -> None:
    first, second = at("2026-11-01T01:30"), at("2026-11-01T01:30", fold=1)
    assert second - first == timedelta(hours=1)
    assert after_open_time(hours("24/7"), first, 60) == second
    assert after_open_time(hours("24/7"), second, 60) == at("2026-11-01T02:30")


@pytest.mark.parametrize(
    "given",
    [
        hours("off"),
        hours("2020 Mo-Fr 08:00-17:00"),
        hours("2027 Feb 08:00-17:00"),  # 69 days ahead
        hours("Mo-Fr 08:00-17:00 unknown"),
    ],
)
def test_no_promise_where_nothing_opens_within_sixty_days(given: Hours) -> None:
    assert after_open_time(given, at("2026-11-24T12:00"), 60) is None


def test_opening_after_59_days_still_counts() -> None:
    opens = hours("2027 Feb 08:00-17:00")
    assert after_open_time(opens, at("2026-12-03T09:00"), 60) == at("2027-02-01T09:00")
    assert after_open_time(opens, at("2026-12-03T07:00"), 60) is None
    assert after_open_time(opens, at("2026-12-03T08:00"), 60) == at("2027-02-01T09:00")


# Reading.


@pytest.mark.parametrize(
    ("typed", "unread"),
    [
        ("Mo-Fr 08:00-17:00", None),
        (OFFICE, None),
        ("24/7", None),
        ("mo-fr 9:00-17:00", None),
        ("Mo-Fr 8-17", "8-17"),
        ("Mo-Fr 08:00-17:00; Sa 9am to noon", "9am to noon"),
        ("Monday to Friday", "nday to Friday"),
        ("sunrise-17:00", "sunrise-17:00"),
        ("Mo 08:00-Dusk", "Dusk"),
        ("", ""),
    ],
)
def test_what_cannot_be_read_is_named(typed: str, unread: str | None) -> None:
    assert unread_part(typed) == unread


def test_typed_hours_are_made_tidy() -> None:
    assert tidy(" Mo–Fr  08:00–17:00 ;\N{NO-BREAK SPACE}") == "Mo-Fr 08:00-17:00"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Mo-Fr 08:00-17:00", ("Mo-Fr 08:00-17:00", False)),
        (OFFICE, ("Mo-Fr 08:00-17:00", True)),
        ("Mo-Fr 08:00-17:00;PH closed", ("Mo-Fr 08:00-17:00", True)),
        ("Mo-Fr 08:00-17:00; PH 10:00-12:00", ("Mo-Fr 08:00-17:00; PH 10:00-12:00", False)),
    ],
)
def test_end_about_holidays_comes_off(text: str, parts: tuple[str, bool]) -> None:
    assert split_holidays(text) == parts
    assert with_holidays_off(text) == f"{parts[0]}; PH off"


def test_hours_of_a_place_are_none_where_unknown_or_unreadable() -> None:
    assert hours_of(Place(None)) is None
    assert hours_of(Place("Mon to Thu")) is None
    assert hours_of(Place("24/7", "2026-12-25", "2026-12-24")) == hours(
        "24/7", "2026-12-24", "2026-12-25"
    )


def test_next_holidays_are_those_of_the_country() -> None:
    assert next_holidays(date(2026, 11, 26), 3) == [
        date(2026, 11, 26), date(2026, 12, 25), date(2027, 1, 1),
    ]  # fmt: skip


# Showing.


@pytest.mark.parametrize(
    ("given", "now", "expected"),
    [
        (hours(OFFICE), "2026-11-24T12:00", Standing(True, at("2026-11-24T17:00"))),
        (hours(OFFICE), "2026-11-24T08:00", Standing(True, at("2026-11-24T17:00"))),
        (hours(OFFICE), "2026-11-24T17:00", Standing(False, at("2026-11-25T08:00"))),
        (hours(OFFICE), "2026-11-25T18:00", Standing(False, at("2026-11-27T08:00"))),
        (hours(OFFICE, "2026-11-24"), "2026-11-24T12:00", Standing(False, at("2026-11-25T08:00"))),
        # A change of comment is no closing.
        (
            hours('Mo-Fr 08:00-12:00 "desk", Mo-Fr 12:00-17:00 "by phone"'),
            "2026-11-24T10:00",
            Standing(True, at("2026-11-24T17:00")),
        ),
        (hours(NIGHTS), "2026-11-01T00:30", Standing(True, at("2026-11-01T06:00"))),
        (hours("24/7"), "2026-11-24T12:00", Standing(True, None)),
        (hours("off"), "2026-11-24T12:00", Standing(False, None)),
    ],
)
def test_standing_says_open_or_closed_and_until_when(
    given: Hours, now: str, expected: Standing
) -> None:
    assert standing(given, at(now)) == expected


def week_of(text: str, today: str = "2026-11-24", *closed: str) -> list[list[str]]:
    days = usual_week(hours(text, *closed), date.fromisoformat(today))
    return [[f"{span.start:%H:%M}-{span.end:%H:%M}" for span in day] for day in days]


def test_usual_week_is_that_of_the_clinics_clock() -> None:
    office = ["08:00-17:00"]
    assert week_of(OFFICE) == [office] * 5 + [[], []]
    assert week_of(OFFICE, "2026-11-24", "2026-11-25") == [office] * 5 + [[], []]
    assert week_of("Mo 08:00-12:00,13:00-17:00")[0] == ["08:00-12:00", "13:00-17:00"]
    assert week_of("24/7") == [["00:00-00:00"]] * 7
    assert week_of("off") == [[]] * 7
    # Neither change of the clocks moves what the clinic's clock shows.
    assert week_of("02:30-05:00", "2026-03-08") == [["02:30-05:00"]] * 7
    assert week_of("01:30-05:00", "2026-11-01") == [["01:30-05:00"]] * 7


def test_night_stands_under_the_day_on_which_it_begins() -> None:
    assert week_of(NIGHTS) == [["22:00-06:00"]] * 7
    assert week_of("Fr 22:00-06:00") == [[], [], [], [], ["22:00-06:00"], [], []]
    # What is open for days is cut at midnight.
    long = "Fr 08:00-24:00; Sa 00:00-24:00; Su 00:00-20:00"
    assert week_of(long)[4:] == [["08:00-00:00"], ["00:00-00:00"], ["00:00-20:00"]]


def test_seasons_count_from_today_on() -> None:
    seasons = "Jan-Nov Mo-Fr 08:00-17:00; Dec Mo-Fr 10:00-14:00"
    assert week_of(seasons, "2026-11-16")[:5] == [["08:00-17:00"]] * 5
    # From Friday, Nov 27: the days of December come on Tuesday.
    assert week_of(seasons, "2026-11-27")[:5] == [
        ["08:00-17:00"], ["10:00-14:00"], ["10:00-14:00"], ["10:00-14:00"], ["08:00-17:00"],
    ]  # fmt: skip


def test_unusual_days_are_holidays_closed_days_and_their_nights() -> None:
    today = date(2026, 11, 24)
    assert unusual_days(hours("Mo-Fr 08:00-17:00"), today, 14) == []
    assert unusual_days(hours(OFFICE, "2026-11-27", "2026-11-28"), today, 14) == [
        (date(2026, 11, 26), []),
        (date(2026, 11, 27), []),
    ]
    assert unusual_days(hours(OFFICE), date(2026, 11, 12), 14) == []
    assert unusual_days(hours(OFFICE), date(2026, 11, 13), 14) == [(date(2026, 11, 26), [])]


def test_closed_day_takes_its_own_hours_out_of_two_nights() -> None:
    found = unusual_days(hours(NIGHTS, "2026-11-26"), date(2026, 11, 24), 14)
    assert [
        (day.day, [f"{s.start:%H:%M}-{s.end:%H:%M}" for s in spans]) for day, spans in found
    ] == [
        (25, ["22:00-00:00"]),
        (26, []),
        (27, ["00:00-06:00", "22:00-06:00"]),
    ]


def test_each_of_several_closed_days_is_left_out() -> None:
    """A closed day before, between and after what is asked for hides none of the others."""
    given = hours("24/7", "2026-11-20", "2026-11-23", "2026-11-25", "2026-12-20")
    found = open_spans(given, at("2026-11-22T00:00"), at("2026-11-27T00:00"))
    assert list(found) == [
        (at("2026-11-22T00:00"), at("2026-11-23T00:00")),
        (at("2026-11-24T00:00"), at("2026-11-25T00:00")),
        (at("2026-11-26T00:00"), at("2026-11-27T00:00")),
    ]
    office = hours(OFFICE, "2026-11-23", "2026-11-25")
    assert [
        span.start for span in open_spans(office, at("2026-11-23T00:00"), at("2026-11-26T00:00"))
    ] == [at("2026-11-24T08:00")]


def test_open_spans_are_clipped_to_what_is_asked_for() -> None:
    start, end = at("2026-11-24T10:00"), at("2026-11-25T09:00")
    assert list(open_spans(hours(OFFICE), start, end)) == [
        (start, at("2026-11-24T17:00")),
        (at("2026-11-25T08:00"), end),
    ]
    assert list(open_spans(hours(OFFICE), start, start)) == []


def test_whole_days_in_a_row_leave_no_empty_time_at_their_ends() -> None:
    whole, day = "Mo-Fr 00:00-24:00", timedelta(days=1)
    today = date(2026, 11, 25)
    week = usual_week(hours(whole), today)
    assert [len(spans) for spans in week] == [1, 1, 1, 1, 1, 0, 0]
    assert {span.end - span.start for spans in week for span in spans} == {day}
    monday, friday = date(2026, 11, 30), date(2026, 12, 4)
    closed = hours(whole, str(monday), str(friday))
    assert unusual_days(closed, today, 14) == [(monday, []), (friday, [])]


def test_change_of_a_comment_at_noon_closes_nothing_on_any_day() -> None:
    given = hours('Mo-Fr 08:00-12:00 "desk", Mo-Fr 12:00-17:00 "phone"')
    found = open_spans(given, at("2026-11-23T00:00"), at("2026-11-25T00:00"))
    assert list(found) == [
        (at("2026-11-23T08:00"), at("2026-11-23T17:00")),
        (at("2026-11-24T08:00"), at("2026-11-24T17:00")),
    ]


def test_promise_reaches_two_years_ahead_and_no_minute_more() -> None:
    always, since = hours("24/7"), at("2026-11-24T12:00")
    minutes = 730 * 24 * 60
    assert after_open_time(always, since, minutes) == since + timedelta(days=730)
    assert after_open_time(always, since, minutes + 1) is None


def test_hours_can_stand_in_a_set_for_they_never_change() -> None:
    assert len({hours(OFFICE), hours(OFFICE), hours(NIGHTS)}) == 2
