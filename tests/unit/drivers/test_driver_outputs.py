"""Outputs: the level at the claim, the maximum on-time, the patterns, the feedback. No hardware, no waiting."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.alarm import Light, lights_at
from drivers.barrier import FEEDBACK_STUCK, NO_FEEDBACK, Feedback, after_look
from drivers.errors import DriverSettingsRefused, DriverUnavailable
from drivers.gpio import OutputLine, PinFactory, TickClock, open_pin_factory
from drivers.ports import Signal
from drivers.timed_output import TimedOutput
from drivers.timing import Timing
from model.clock import Instant

lgpio = pytest.importorskip("lgpio")
RELAY = 17


class Clock:
    """A monotonic clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def pins(tmp_path: Path) -> Iterator[PinFactory]:
    factory = open_pin_factory(f"wire:{tmp_path / 'pins'}")
    yield factory
    factory.close()


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """What a gpiochip is asked for, in order: (order, level) of one line."""
    asked: list[tuple[str, int]] = []
    monkeypatch.setattr("gpiozero.pins.local.get_pi_revision", lambda: 0xC03114)
    monkeypatch.setattr(lgpio, "gpiochip_open", lambda chip: 1)
    monkeypatch.setattr(lgpio, "gpiochip_close", lambda handle: 0)
    monkeypatch.setattr(lgpio, "gpio_get_mode", lambda handle, pin: 2)
    monkeypatch.setattr(lgpio, "gpio_claim_input", lambda handle, pin, flags=0: asked.append(("input", flags)))
    monkeypatch.setattr(lgpio, "gpio_claim_output", lambda handle, pin, level=0: asked.append(("output", level)))
    monkeypatch.setattr(lgpio, "gpio_write", lambda handle, pin, level: asked.append(("write", int(level))))
    return asked


def test_active_low_relay_is_claimed_at_its_safe_level_and_never_lower(kernel: list[tuple[str, int]]) -> None:
    factory = open_pin_factory("lgpio")
    line = OutputLine(factory, RELAY, active_high=False)
    outputs = [each for each in kernel if each[0] != "input"]
    assert outputs == [("output", 1)]
    line.write(True)
    line.close()
    assert kernel[-3:] == [("write", 0), ("write", 1), ("input", lgpio.SET_PULL_UP)]
    factory.close()


def test_gpiozeros_own_pin_would_energise_an_active_low_relay_at_its_claim(kernel: list[tuple[str, int]]) -> None:
    """Ablation: the pin class of the library instead of ours."""
    from gpiozero.pins.lgpio import LGPIOPin

    factory = open_pin_factory("lgpio")
    factory.factory.pin_class = LGPIOPin
    line = OutputLine(factory, RELAY, active_high=False)
    assert [each for each in kernel if each[0] != "input"] == [("output", 0), ("write", 1)]
    line.close()
    factory.close()


def test_output_goes_off_when_its_time_is_up(pins: PinFactory) -> None:
    clock = Clock()
    output = TimedOutput(pins, RELAY, active_high=True, max_on_time_s=10.0, timing=Timing(monotonic=clock))
    output.on(3.0)
    clock.now += 2.9
    assert output.expire() == pytest.approx(0.1)
    assert output.is_on
    clock.now += 0.1
    assert output.expire() is None
    assert not output.is_on
    output.stop()


def test_asking_again_and_again_never_lengthens_beyond_the_maximum(pins: PinFactory) -> None:
    clock = Clock()
    output = TimedOutput(pins, RELAY, active_high=True, max_on_time_s=10.0, timing=Timing(monotonic=clock))
    on_for_s = 0.0
    output.on(3.0)
    while output.is_on:
        clock.now += 1.0
        on_for_s += 1.0
        output.expire()
        if output.is_on:
            output.on(3.0)
        assert on_for_s <= 10.0
    assert on_for_s == 10.0
    output.stop()


def test_what_the_maximum_cut_is_told_and_what_ended_in_its_time_is_not(pins: PinFactory) -> None:
    clock, told = Clock(), []
    output = TimedOutput(
        pins,
        RELAY,
        active_high=True,
        max_on_time_s=10.0,
        timing=Timing(monotonic=clock),
        on_cut=lambda: told.append(clock.now),
    )
    output.on(5.0)
    clock.now += 5.0
    output.expire()
    assert told == []
    output.on(8.0)
    clock.now += 7.0
    output.on(8.0)
    clock.now += 3.0
    output.expire()
    assert not output.is_on
    assert told == [clock.now]
    output.stop()


def test_without_a_maximum_asking_again_would_hold_it_for_ever(pins: PinFactory) -> None:
    """Ablation: the same, with the maximum out of reach."""
    clock = Clock()
    output = TimedOutput(pins, RELAY, active_high=True, max_on_time_s=600.0, timing=Timing(monotonic=clock))
    for _ in range(60):
        output.on(3.0)
        clock.now += 1.0
        output.expire()
    assert output.is_on
    output.stop()


def test_write_that_fails_is_told_once_and_repeated_until_the_output_is_off(
    pins: PinFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, told = Clock(), []
    output = TimedOutput(
        pins,
        RELAY,
        active_high=True,
        max_on_time_s=10.0,
        timing=Timing(monotonic=clock),
        on_trouble=lambda error: told.append(error),
    )
    output.on(1.0)
    write = output._line.write
    failures = 3

    def failing(is_active: bool) -> None:
        nonlocal failures
        if not is_active and failures:
            failures -= 1
            raise DriverUnavailable("GPIO 17 can't be written")
        write(is_active)

    monkeypatch.setattr(output._line, "write", failing)
    clock.now += 1.0
    for _ in range(10):
        output.expire()
    assert not output.is_on
    assert failures == 0
    assert len(told) == 1
    output.stop()


def test_output_that_is_stopped_switches_nothing_on(pins: PinFactory) -> None:
    output = TimedOutput(pins, RELAY, active_high=True, max_on_time_s=1.0)
    output.stop()
    with pytest.raises(DriverUnavailable, match="stopped"):
        output.on(0.5)


@pytest.mark.parametrize("max_on_time_s", [0.0, -1.0, 601.0])
def test_maximum_on_time_out_of_range_is_refused(pins: PinFactory, max_on_time_s: float) -> None:
    with pytest.raises(DriverSettingsRefused, match="max_on_time_s"):
        TimedOutput(pins, RELAY, active_high=True, max_on_time_s=max_on_time_s)


@pytest.mark.parametrize("pin", [-1, 28, 40])
def test_pin_that_is_not_on_the_header_is_refused(pins: PinFactory, pin: int) -> None:
    with pytest.raises(DriverSettingsRefused, match="BCM"):
        OutputLine(pins, pin, active_high=True)


@given(st.sampled_from(Signal), st.floats(0, 200), st.floats(1, 100), st.floats(1, 100))
def test_no_signal_lasts_longer_than_its_time_nor_the_buzzer_than_its_own(
    signal: Signal, elapsed_s: float, signal_time_s: float, buzzer_time_s: float
) -> None:
    on, left_s = lights_at(signal, elapsed_s, signal_time_s, buzzer_time_s)
    if elapsed_s >= signal_time_s:
        assert (on, left_s) == (frozenset(), None)
    if elapsed_s >= buzzer_time_s:
        assert Light.BUZZER not in on
    assert left_s is None or left_s > 0


def test_signals_are_told_apart_by_colour_and_by_number_of_tones() -> None:
    def tones(signal: Signal) -> int:
        heard = [Light.BUZZER in lights_at(signal, at / 100, 60, 60)[0] for at in range(300)]
        return sum(1 for before, after in zip([False, *heard], heard, strict=False) if after and not before)

    assert [tones(signal) for signal in (Signal.OFF, Signal.GRANTED, Signal.REFUSED, Signal.GUARD)] == [0, 1, 2, 3]
    assert tones(Signal.ALARM) > 4
    assert lights_at(Signal.GRANTED, 2.0, 60, 60)[0] == {Light.GREEN}
    assert lights_at(Signal.REFUSED, 2.0, 60, 60)[0] == {Light.RED}


def look(feedback: Feedback, at: float, is_on: bool, has_moved: bool) -> Feedback:
    return after_look(feedback, Instant(at), is_on=is_on, has_moved=has_moved, within_s=1.0)


def test_feedback_may_follow_late_but_not_never() -> None:
    feedback = look(Feedback(), 0.0, True, False)
    assert look(feedback, 0.9, True, False).fault == ""
    assert look(feedback, 1.0, True, False).fault == NO_FEEDBACK
    assert look(feedback, 0.9, True, True) == Feedback()


def test_barrier_that_did_not_move_is_not_trusted_at_rest() -> None:
    broken = Feedback(differs_since=Instant(0.0), fault=NO_FEEDBACK)
    at_rest = look(broken, 5.0, False, False)
    assert at_rest.fault == NO_FEEDBACK
    assert look(at_rest, 6.0, True, True).fault == ""


def test_barrier_that_stays_open_is_a_fault_until_it_is_back() -> None:
    stuck = look(Feedback(differs_since=Instant(0.0)), 1.0, False, True)
    assert stuck.fault == FEEDBACK_STUCK
    assert look(stuck, 2.0, False, False).fault == ""


def test_edges_keep_their_distance_whatever_the_kernels_origin_and_the_delay() -> None:
    clock: Any = TickClock()
    epoch_s = 1_795_000_000.0
    first = clock.monotonic_of(epoch_s, 50.004)
    late = clock.monotonic_of(epoch_s + 0.2, 50.9)  # the process stood still in between
    assert late - first == pytest.approx(0.2, abs=1e-4)
    assert late <= 50.9
