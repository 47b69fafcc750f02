"""The terminal's clock says how far it can be trusted, and never lets a jump pass unseen."""

from datetime import timedelta

import pytest
from shell_world import NOON, VirtualTime

from gate.shell.wall_clock import WallClock
from model.clock import ClockTrust

LAST_GOOD = NOON - timedelta(days=1)


def clock_of(time: VirtualTime, source: ClockTrust = ClockTrust.DECLARED) -> WallClock:
    return WallClock(source, LAST_GOOD, time.sources())


def test_declared_clock_is_trusted_from_the_start() -> None:
    time = VirtualTime()
    clock = clock_of(time)
    assert clock.trust is ClockTrust.DECLARED
    assert clock.now() == NOON


def test_time_that_only_passes_is_no_news() -> None:
    time = VirtualTime()
    clock = clock_of(time)
    for _ in range(100):
        time.pass_s(1.0)
        assert clock.look() is None


def test_small_jump_is_told_once_and_keeps_the_trust() -> None:
    time = VirtualTime()
    clock = clock_of(time)
    time.pass_s(1.0)
    time.jump_s(5.0)
    news = clock.look()
    assert news is not None
    assert news.trust is ClockTrust.DECLARED
    assert news.jumped_s == pytest.approx(5.0)
    time.pass_s(1.0)
    assert clock.look() is None


@pytest.mark.parametrize("jumped_s", [3_600.0, -3_600.0, 31.0, -31.0])
def test_large_jump_takes_the_trust_and_time_goes_on_from_the_last_good(jumped_s: float) -> None:
    time = VirtualTime()
    clock = clock_of(time)
    time.pass_s(10.0)
    clock.look()
    time.jump_s(jumped_s)
    news = clock.look()
    assert news is not None
    assert news.trust is ClockTrust.SAVED
    assert news.jumped_s == pytest.approx(jumped_s)
    time.pass_s(50.0)
    assert clock.look() is None
    assert clock.now() == NOON + timedelta(seconds=60)
    assert clock.timestamp().trust is ClockTrust.SAVED
    assert clock.timestamp().wall == NOON + timedelta(seconds=60 + jumped_s)


def test_clock_that_is_back_on_its_course_is_trusted_again() -> None:
    time = VirtualTime()
    clock = clock_of(time)
    time.jump_s(3_600.0)
    clock.look()
    time.pass_s(5.0)
    time.jump_s(-3_600.0)
    news = clock.look()
    assert news is not None
    assert news.trust is ClockTrust.DECLARED
    assert clock.now() == NOON + timedelta(seconds=5)


def test_ntp_clock_is_not_trusted_before_it_is_synchronised() -> None:
    time = VirtualTime(is_ntp=False)
    clock = clock_of(time, ClockTrust.NTP)
    assert clock.trust is ClockTrust.SAVED
    assert clock.now() == LAST_GOOD
    time.pass_s(3.0)
    time.is_ntp = True
    news = clock.look()
    assert news is not None
    assert news.trust is ClockTrust.NTP


def test_time_server_that_sets_a_clock_from_1970_is_believed() -> None:
    time = VirtualTime(wall=NOON.replace(year=1970), is_ntp=False)
    clock = clock_of(time, ClockTrust.NTP)
    time.pass_s(5.0)
    time.wall = NOON
    time.is_ntp = True
    clock.look()
    time.pass_s(1.0)
    clock.look()
    assert clock.trust is ClockTrust.NTP
    assert clock.now() == NOON + timedelta(seconds=1)


def test_clock_before_the_last_good_time_is_not_trusted() -> None:
    time = VirtualTime(wall=LAST_GOOD - timedelta(days=30))
    clock = clock_of(time, ClockTrust.RTC)
    assert clock.trust is ClockTrust.SAVED
    time.pass_s(7.0)
    assert clock.now() == LAST_GOOD + timedelta(seconds=7)


def test_signed_document_moves_the_last_good_time_forward_only() -> None:
    time = VirtualTime(wall=LAST_GOOD - timedelta(days=30))
    clock = clock_of(time)
    clock.note_good_time(LAST_GOOD + timedelta(hours=5))
    assert clock.now() == LAST_GOOD + timedelta(hours=5)
    clock.note_good_time(LAST_GOOD)
    time.pass_s(1.0)
    assert clock.now() == LAST_GOOD + timedelta(hours=5, seconds=1)


def test_time_server_beats_a_last_good_time_from_the_future() -> None:
    time = VirtualTime()
    clock = WallClock(ClockTrust.NTP, NOON + timedelta(days=365), time.sources())
    assert clock.trust is ClockTrust.NTP
    assert clock.now() == NOON


def test_many_small_jumps_are_a_large_one() -> None:
    time = VirtualTime()
    clock = clock_of(time, ClockTrust.RTC)
    for _ in range(3):
        time.pass_s(1.0)
        time.jump_s(14.0)
        clock.look()
    assert clock.trust is ClockTrust.SAVED
