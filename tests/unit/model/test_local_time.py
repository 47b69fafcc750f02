"""A community's days and times: midnight, New Year, leap days, and clocks that leap forward or back."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.local_time import MINUTE, at_local, day_of, is_between, next_at, start_of, time_of, whole_minute

SHANGHAI = ZoneInfo("Asia/Shanghai")
BERLIN = ZoneInfo("Europe/Berlin")  # its clocks change at 01:00 UTC
APIA = ZoneInfo("Pacific/Apia")  # left out the whole of 2011-12-30
ZONES = (SHANGHAI, BERLIN, APIA, UTC)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_time_of_day_is_that_of_the_communitys_wall() -> None:
    assert at_local(date(2026, 2, 14), time(6), SHANGHAI) == utc("2026-02-13 22:00")


@pytest.mark.parametrize("left_out", [time(2, 0), time(2, 30), time(2, 59, 59)])
def test_a_time_that_the_clock_leaves_out_is_the_instant_of_its_leap(left_out: time) -> None:
    assert at_local(date(2026, 3, 29), left_out, BERLIN) == utc("2026-03-29 01:00")


def test_a_time_that_the_clock_shows_twice_is_the_first_of_the_two() -> None:
    assert at_local(date(2026, 10, 25), time(2, 30), BERLIN) == utc("2026-10-25 00:30")


def test_a_day_that_was_left_out_begins_with_the_next_one() -> None:
    assert at_local(date(2011, 12, 30), time(12), APIA) == at_local(date(2011, 12, 31), time(), APIA)


@pytest.mark.parametrize(
    ("at", "day"),
    [
        ("2025-12-31 15:59", date(2025, 12, 31)),
        ("2025-12-31 16:00", date(2026, 1, 1)),  # New Year in Shanghai
        ("2028-02-28 16:00", date(2028, 2, 29)),
        ("2028-02-29 16:00", date(2028, 3, 1)),
    ],
)
def test_a_day_ends_at_the_communitys_midnight(at: str, day: date) -> None:
    assert day_of(utc(at), SHANGHAI) == day


def test_a_day_may_begin_in_the_morning() -> None:
    six = time(6)
    assert day_of(at_local(date(2026, 2, 15), time(5, 59), SHANGHAI), SHANGHAI, six) == date(2026, 2, 14)
    assert day_of(at_local(date(2026, 2, 15), six, SHANGHAI), SHANGHAI, six) == date(2026, 2, 15)


def test_the_next_time_is_never_now() -> None:
    six = at_local(date(2026, 2, 14), time(6), SHANGHAI)
    assert next_at(six, time(6), SHANGHAI) == six + timedelta(days=1)
    assert next_at(six - MINUTE, time(6), SHANGHAI) == six


@pytest.mark.parametrize(
    ("hour", "minute", "is_in"), [(21, 59, False), (22, 0, True), (0, 0, True), (5, 59, True), (6, 0, False)]
)
def test_hours_may_lead_over_midnight(hour: int, minute: int, is_in: bool) -> None:
    at = at_local(date(2026, 2, 14), time(hour, minute), SHANGHAI)
    assert is_between(at, time(22), time(6), SHANGHAI) is is_in


def test_equal_hours_are_the_whole_day() -> None:
    assert is_between(utc("2026-02-14 12:00"), time(8), time(8), SHANGHAI)


def test_what_people_are_told_is_a_whole_minute_and_never_too_early() -> None:
    assert whole_minute(utc("2026-02-14 12:00:00")) == utc("2026-02-14 12:00")
    assert whole_minute(utc("2026-02-14 12:00:00.000001")) == utc("2026-02-14 12:01")


INSTANTS = st.integers(0, 29 * 365 * 86_400_000).map(lambda ms: utc("2011-01-01") + timedelta(milliseconds=ms))


@given(
    at=INSTANTS,
    starts_at=st.times(),
    zone=st.sampled_from(ZONES),
)
def test_every_instant_lies_in_its_day(at: datetime, starts_at: time, zone: ZoneInfo) -> None:
    day = day_of(at, zone, starts_at)
    assert start_of(day, zone, starts_at) <= at < start_of(day + timedelta(days=1), zone, starts_at)


@given(
    at=INSTANTS,
    shown=st.times(),
    zone=st.sampled_from(ZONES),
)
def test_the_next_time_comes_within_two_days_and_is_shown_unless_it_is_left_out(
    at: datetime, shown: time, zone: ZoneInfo
) -> None:
    found = next_at(at, shown, zone)
    assert at < found <= at + timedelta(days=2, hours=1)
    is_leap = found.astimezone(zone).utcoffset() != (found - MINUTE).astimezone(zone).utcoffset()
    assert time_of(found, zone) == shown or is_leap
