"""People tell the lamps' signals apart; the lamps are driven by the gate's own patterns."""

import pytest

from drivers.alarm import Light, lights_at
from drivers.ports import Signal
from simulator.senses import GateAnswer, perceive
from simulator.wires import OutputChange
from simulator.wiring import Output

LAMPS = {Light.GREEN: Output.GREEN, Light.RED: Output.RED, Light.BUZZER: Output.BUZZER}


def shown(*signals: tuple[Signal, float], until: float) -> list[OutputChange]:
    """The changes of the lamps when signals begin at these instants; sampled as finely as lamps switch."""
    changes: list[OutputChange] = []
    lit: frozenset[Light] = frozenset()
    for tick in range(int(until * 1000)):
        now = tick / 1000
        current = max((each for each in signals if each[1] <= now), key=lambda each: each[1], default=None)
        on = lights_at(current[0], now - current[1], 60.0, 30.0)[0] if current else frozenset()
        for light in LAMPS:
            if (light in on) != (light in lit):
                changes.append(OutputChange(at=now, output=LAMPS[light], is_active=light in on))
        lit = frozenset(on)
    return changes


@pytest.mark.parametrize(
    ("signal", "answer"),
    [
        (Signal.REFUSED, GateAnswer.REFUSED),
        (Signal.GUARD, GateAnswer.GUARD_CALLED),
        (Signal.ALARM, GateAnswer.ALARM),
        (Signal.OFF, GateAnswer.NOTHING),
    ],
)
@pytest.mark.parametrize("after_s", [1.5, 2.0, 3.3, 5.7, 9.9])
def test_each_signal_is_understood_whenever_one_looks(signal: Signal, answer: GateAnswer, after_s: float) -> None:
    assert perceive(shown((signal, 0.0), until=after_s), after_s) is answer


@pytest.mark.parametrize("tick", range(0, 100, 3))
def test_a_call_for_the_guard_is_never_taken_for_a_refusal(tick: int) -> None:
    now = 0.3 + tick / 20
    assert perceive(shown((Signal.GUARD, 0.0), until=now), now) is not GateAnswer.REFUSED


@pytest.mark.parametrize("before", [Signal.GUARD, Signal.ALARM])
def test_the_guards_refusal_is_seen_after_the_call(before: Signal) -> None:
    changes = shown((before, 0.0), (Signal.OFF, 4.0), (Signal.REFUSED, 4.1), until=6.0)
    assert perceive(changes, 6.0) is GateAnswer.REFUSED


def test_an_alarm_that_ended_is_no_answer() -> None:
    changes = shown((Signal.ALARM, 0.0), (Signal.OFF, 3.0), until=5.0)
    assert perceive(changes, 5.0) is GateAnswer.NOTHING


def test_green_alone_opens_only_a_lane_without_a_barrier() -> None:
    changes = shown((Signal.GRANTED, 0.0), until=2.0)
    assert perceive(changes, 2.0) is GateAnswer.NOTHING
    assert perceive(changes, 2.0, has_barrier=False) is GateAnswer.OPENED


def test_a_released_barrier_is_open_whatever_the_lamps_say() -> None:
    changes = [*shown((Signal.ALARM, 0.0), until=2.0), OutputChange(at=1.9, output=Output.RELEASE, is_active=True)]
    assert perceive(changes, 2.0) is GateAnswer.OPENED
