"""Shifts to the minute: day, night over midnight, 3 on 1 off, weekdays; over leap days, New Year and changed clocks."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.local_time import MINUTE
from model.passback import LastPassage, PassbackMode, PassbackRules, ends_at, is_passed_back
from model.passing import Direction
from model.shifts import EmployerId, Rota, Schedule, ScheduleId, Shift, Way, is_working, next_working
from model.windows import Window, WindowKind, next_window
from tests.unit.model.worlds import BERLIN, SHANGHAI, moments, schedules

NO_WAY = Way()
DAY = Shift(begins=time(8), ends=time(16))
NIGHT = Shift(begins=time(22), ends=time(6))


def schedule(*shifts: Shift, weekdays: frozenset[int] = frozenset(range(7)), rota: Rota | None = None) -> Schedule:
    return Schedule(schedule=ScheduleId(1), employer=EmployerId(1), shifts=shifts, weekdays=weekdays, rota=rota)


def local(zone: ZoneInfo, *moment: int, fold: int = 0) -> datetime:
    year, month, day, hour, minute = moment
    return datetime(year, month, day, hour, minute, tzinfo=zone, fold=fold).astimezone(UTC)


@pytest.mark.parametrize(
    ("shown", "is_at_work"),
    [((7, 59), False), ((8, 0), True), ((15, 59), True), ((16, 0), False)],
)
def test_a_day_shift_begins_and_ends_on_its_minute(shown: tuple[int, int], is_at_work: bool) -> None:
    assert is_working(schedule(DAY), local(SHANGHAI, 2020, 2, 14, *shown), SHANGHAI, NO_WAY) is is_at_work


@pytest.mark.parametrize(
    ("day", "shown", "is_at_work"),
    [
        (14, (21, 59), False),
        (14, (22, 0), True),
        (14, (23, 59), True),
        (15, (0, 0), True),
        (15, (5, 59), True),
        (15, (6, 0), False),
    ],
)
def test_a_night_shift_goes_over_midnight(day: int, shown: tuple[int, int], is_at_work: bool) -> None:
    assert is_working(schedule(NIGHT), local(SHANGHAI, 2020, 2, day, *shown), SHANGHAI, NO_WAY) is is_at_work


def test_the_way_to_work_and_back_belongs_to_the_shift() -> None:
    way = Way(before_min=60, after_min=45)
    for shown, is_at_work in (((6, 59), False), ((7, 0), True), ((16, 44), True), ((16, 45), False)):
        assert is_working(schedule(DAY), local(SHANGHAI, 2020, 2, 14, *shown), SHANGHAI, way) is is_at_work


def test_a_way_may_begin_on_the_day_before() -> None:
    early = schedule(Shift(begins=time(0, 30), ends=time(8)), weekdays=frozenset({0}))  # Mondays
    way = Way(before_min=60, after_min=0)
    assert is_working(early, local(SHANGHAI, 2020, 2, 16, 23, 30), SHANGHAI, way)  # Sunday night
    assert not is_working(early, local(SHANGHAI, 2020, 2, 16, 23, 29), SHANGHAI, way)


def test_three_days_on_one_off_go_on_over_a_leap_day_and_the_end_of_a_month() -> None:
    turns = schedule(DAY, rota=Rota(days_on=3, days_off=1, counted_from=date(2020, 2, 27)))
    worked = [
        is_working(turns, local(SHANGHAI, 2020, 2, 27, 9, 0) + timedelta(days=number), SHANGHAI, NO_WAY)
        for number in range(8)  # 27, 28, 29 February, then 1 March off
    ]
    assert worked == [True, True, True, False, True, True, True, False]


def test_a_rota_holds_before_the_day_that_it_is_counted_from_and_over_new_year() -> None:
    turns = schedule(DAY, rota=Rota(days_on=2, days_off=2, counted_from=date(2021, 1, 1)))
    worked = [
        is_working(turns, local(SHANGHAI, 2020, 12, 30, 9, 0) + timedelta(days=number), SHANGHAI, NO_WAY)
        for number in range(4)
    ]
    assert worked == [False, False, True, True]


def test_a_night_shift_that_began_on_new_years_eve_ends_next_year() -> None:
    nights = schedule(NIGHT, weekdays=frozenset({3}))  # Thursdays; 31 December 2020 is one
    assert is_working(nights, local(SHANGHAI, 2021, 1, 1, 5, 59), SHANGHAI, NO_WAY)
    assert not is_working(nights, local(SHANGHAI, 2021, 1, 1, 22, 0), SHANGHAI, NO_WAY)


def test_weekdays_are_those_on_which_a_shift_begins() -> None:
    fridays = schedule(NIGHT, weekdays=frozenset({4}))
    assert is_working(fridays, local(SHANGHAI, 2020, 2, 15, 3, 0), SHANGHAI, NO_WAY)  # Saturday morning
    assert not is_working(fridays, local(SHANGHAI, 2020, 2, 14, 3, 0), SHANGHAI, NO_WAY)  # Friday morning


def test_a_night_in_which_the_clock_is_put_forward_ends_by_the_clock_on_the_wall() -> None:
    begins, ends = local(BERLIN, 2020, 3, 28, 22, 0), local(BERLIN, 2020, 3, 29, 6, 0)
    assert ends - begins == timedelta(hours=7)
    assert is_working(schedule(NIGHT), ends - MINUTE, BERLIN, NO_WAY)
    assert not is_working(schedule(NIGHT), ends, BERLIN, NO_WAY)


def test_a_night_in_which_the_clock_is_put_back_has_an_hour_more() -> None:
    begins, ends = local(BERLIN, 2020, 10, 24, 22, 0), local(BERLIN, 2020, 10, 25, 6, 0)
    assert ends - begins == timedelta(hours=9)
    for minute in range(0, 9 * 60, 30):
        assert is_working(schedule(NIGHT), begins + minute * MINUTE, BERLIN, NO_WAY)
    assert not is_working(schedule(NIGHT), ends, BERLIN, NO_WAY)


def test_who_states_no_shift_never_works_and_is_told_no_time() -> None:
    assert next_working(schedule(), local(SHANGHAI, 2020, 2, 14, 9, 0), SHANGHAI, NO_WAY) is None


def test_the_next_shift_is_found_over_the_longest_time_off() -> None:
    rare = schedule(DAY, rota=Rota(days_on=1, days_off=61, counted_from=date(2020, 2, 14)))
    after = local(SHANGHAI, 2020, 2, 14, 16, 0)
    assert next_working(rare, after, SHANGHAI, NO_WAY) == local(SHANGHAI, 2020, 4, 16, 8, 0)


@pytest.mark.parametrize("zone", [SHANGHAI, BERLIN], ids=str)
@settings(max_examples=50)
@given(found=schedules, at=moments, before=st.integers(0, 120))
def test_the_next_time_of_work_is_one_and_there_is_none_before(
    zone: tzinfo, found: Schedule, at: datetime, before: int
) -> None:
    way = Way(before_min=before, after_min=30)
    begins = next_working(found, at, zone, way)
    if begins is None or begins == at:
        assert begins is None or is_working(found, at, zone, way)
        return
    assert is_working(found, begins, zone, way)
    assert not any(is_working(found, at + part * (begins - at) / 9, zone, way) for part in range(9))


def test_the_next_window_is_the_open_one_or_the_first_to_open_this_way() -> None:
    noon = datetime(2020, 2, 14, 12, tzinfo=UTC)
    clinic = Window(kind=WindowKind.CLINIC, begins=noon, ends=noon + timedelta(hours=1))
    home = Window(kind=WindowKind.COME_HOME, begins=noon - timedelta(hours=1), ends=noon + timedelta(hours=2))
    rubbish = replace(home, kind=WindowKind.RUBBISH)
    both = (clinic, home, rubbish)
    assert next_window(both, Direction.OUT, noon - MINUTE) == noon
    assert next_window(both, Direction.IN, noon - MINUTE) == noon - MINUTE
    assert next_window(both, Direction.OUT, clinic.ends - MINUTE) == clinic.ends - MINUTE
    assert next_window(both, Direction.OUT, clinic.ends) is None
    assert next_window((rubbish,), Direction.OUT, noon) is None


def test_a_timed_refusal_of_a_second_use_ends_on_its_minute() -> None:
    noon = datetime(2020, 2, 14, 12, tzinfo=UTC)
    rules, last = PassbackRules(mode=PassbackMode.TIMED, within_min=10), LastPassage(direction=Direction.IN, at=noon)
    assert is_passed_back(rules, last, Direction.IN, noon + 9 * MINUTE)
    assert not is_passed_back(rules, last, Direction.IN, ends_at(rules, last))
    assert not is_passed_back(rules, last, Direction.OUT, noon)
    hard = PassbackRules(mode=PassbackMode.HARD)
    assert is_passed_back(hard, last, Direction.IN, noon + timedelta(days=9))
    assert not is_passed_back(hard, replace(last, direction=Direction.OUT), Direction.IN, noon)
