"""Lamps and buzzer. A signal is a pattern, played by one thread until the next signal or until its time is up.

Rules: a new signal replaces the old one at once. Each output carries its own maximum on-time (timed_output); beyond
that a pattern ends after signal_time_s, and the buzzer after buzzer_time_s, whatever the pattern says.
"""

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from drivers.errors import DriverSettingsRefused, DriverUnavailable
from drivers.gpio import PinFactory
from drivers.ports import Component, ComponentHealth, Emit, Signal
from drivers.timed_output import ON_TIME_LIMIT_S, TimedOutput
from drivers.timing import REAL, Timing
from model.clock import Instant

log = logging.getLogger(__name__)

STOP_WITHIN_S = 1.0
ON_TIME_MARGIN_S = 0.5  # an output's own limit lies this much behind the pattern's: the pattern ends first, in order


class Light(Enum):
    """Outputs that a pattern switches."""

    GREEN = "green"
    RED = "red"
    BUZZER = "buzzer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """For duration_s exactly these outputs are on."""

    duration_s: float
    on: frozenset[Light]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """Steps in order; the tail from `repeat_from` is repeated until the signal's time is up."""

    steps: tuple[Step, ...]
    repeat_from: int


def _step(duration_s: float, *on: Light) -> Step:
    return Step(duration_s=duration_s, on=frozenset(on))


# Told apart without colours and without looking: one long tone, two short, three short, without end.
PATTERNS: Mapping[Signal, Pattern] = MappingProxyType(
    {
        Signal.GRANTED: Pattern(
            steps=(_step(0.6, Light.GREEN, Light.BUZZER), _step(1.0, Light.GREEN)),
            repeat_from=1,
        ),
        Signal.REFUSED: Pattern(
            steps=(
                _step(0.15, Light.RED, Light.BUZZER),
                _step(0.1, Light.RED),
                _step(0.15, Light.RED, Light.BUZZER),
                _step(1.0, Light.RED),
            ),
            repeat_from=3,
        ),
        Signal.GUARD: Pattern(
            steps=(
                _step(0.1, Light.RED, Light.BUZZER),
                _step(0.1, Light.GREEN),
                _step(0.1, Light.RED, Light.BUZZER),
                _step(0.1, Light.GREEN),
                _step(0.1, Light.RED, Light.BUZZER),
                _step(0.5, Light.GREEN),
                _step(0.5, Light.RED),
            ),
            repeat_from=5,
        ),
        Signal.ALARM: Pattern(
            steps=(_step(0.3, Light.RED, Light.BUZZER), _step(0.2)),
            repeat_from=0,
        ),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmSettings:
    """Lamps and buzzer; None = the gate has none. signal_time_s, buzzer_time_s: longest time of one signal."""

    green_pin: int | None = None
    red_pin: int | None = None
    buzzer_pin: int | None = None
    active_high: bool = True
    signal_time_s: float = 60.0
    buzzer_time_s: float = 30.0

    def __post_init__(self) -> None:
        pins = [pin for pin in (self.green_pin, self.red_pin, self.buzzer_pin) if pin is not None]
        if len(set(pins)) != len(pins):
            raise DriverSettingsRefused(f"alarm: pins {sorted(pins)} name one pin twice")
        for name, value_s in (("signal_time_s", self.signal_time_s), ("buzzer_time_s", self.buzzer_time_s)):
            if not 0 < value_s <= ON_TIME_LIMIT_S - ON_TIME_MARGIN_S:
                raise DriverSettingsRefused(f"alarm: {name} {value_s}, give up to {ON_TIME_LIMIT_S - ON_TIME_MARGIN_S}")


class Alarm:
    """An AlarmOutput."""

    def __init__(
        self,
        settings: AlarmSettings,
        factory: PinFactory,
        *,
        timing: Timing = REAL,
    ) -> None:
        self._settings = settings
        self._factory = factory
        self._timing = timing
        self._monotonic = timing.monotonic
        self._pins = {
            light: pin
            for light, pin in (
                (Light.GREEN, settings.green_pin),
                (Light.RED, settings.red_pin),
                (Light.BUZZER, settings.buzzer_pin),
            )
            if pin is not None
        }
        self._outputs: dict[Light, TimedOutput] = {}
        self._wake = timing.condition()
        self._signal: tuple[Signal, float] = (Signal.OFF, 0.0)
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._emit: Emit | None = None
        self._why: str | None = None

    def start(self, emit: Emit) -> None:
        if self._thread is not None:
            return
        self._emit = emit
        self._stopping = False
        if self._claim():
            self._report("")
        self._thread = threading.Thread(target=self._run, name="alarm", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        with self._wake:
            self._stopping = True
            self._wake.notify_all()
        if self._thread is not None:
            self._thread.join(STOP_WITHIN_S)
            self._thread = None
        for output in self._outputs.values():
            output.stop()
        self._outputs = {}

    def signal(self, signal: Signal) -> None:
        with self._wake:
            self._signal = (signal, self._monotonic())
            self._wake.notify_all()

    def _run(self) -> None:
        shown: tuple[Signal, float] | None = None
        while True:
            with self._wake:
                current = self._signal
                if self._stopping:
                    return
            if current is not shown:
                self._claim()
            wait_s = self._show(*current)
            shown = current
            with self._wake:
                if not self._stopping and self._signal is shown:
                    self._wake.wait(wait_s)

    def _show(self, signal: Signal, since: float) -> float | None:
        """Put the outputs where the pattern has them now; returns seconds until its next step, None when it is over."""
        elapsed_s = self._monotonic() - since
        on, left_s = lights_at(signal, elapsed_s, self._settings.signal_time_s, self._settings.buzzer_time_s)
        for light, output in self._outputs.items():
            if light not in on:
                output.off()
                continue
            try:
                output.on(left_s + ON_TIME_MARGIN_S if left_s is not None else ON_TIME_MARGIN_S)
            except DriverUnavailable as error:
                self._report(str(error))
        return left_s

    def _claim(self) -> bool:
        """Claim what is not claimed; whether all is."""
        for light, pin in self._pins.items():
            if light in self._outputs:
                continue
            own_limit_s = self._settings.buzzer_time_s if light is Light.BUZZER else self._settings.signal_time_s
            try:
                self._outputs[light] = TimedOutput(
                    self._factory,
                    pin,
                    active_high=self._settings.active_high,
                    max_on_time_s=own_limit_s + ON_TIME_MARGIN_S,
                    on_trouble=lambda error: self._report(str(error)),
                    timing=self._timing,
                )
            except DriverUnavailable as error:
                self._report(str(error))
                return False
        return True

    def _report(self, why: str) -> None:
        if self._emit is None or (self._why is not None and bool(self._why) is bool(why)):
            return
        self._why = why
        log.log(logging.WARNING if why else logging.INFO, "alarm_available=%s %s", not why, why)
        at = Instant(self._monotonic())
        self._emit(ComponentHealth(at=at, component=Component.ALARM, is_available=not why, why=why))


def lights_at(
    signal: Signal, elapsed_s: float, signal_time_s: float, buzzer_time_s: float
) -> tuple[frozenset[Light], float | None]:
    """What is on elapsed_s after a signal began, and seconds until that may change; None = it stays dark."""
    pattern = PATTERNS.get(signal)
    if pattern is None or elapsed_s >= signal_time_s:
        return frozenset(), None
    step, left_s = _step_at(pattern, elapsed_s)
    left_s = min(left_s, signal_time_s - elapsed_s)
    if elapsed_s >= buzzer_time_s:
        return step.on - {Light.BUZZER}, left_s
    return step.on, min(left_s, buzzer_time_s - elapsed_s) if Light.BUZZER in step.on else left_s


def _step_at(pattern: Pattern, elapsed_s: float) -> tuple[Step, float]:
    first = pattern.steps[: pattern.repeat_from]
    tail = pattern.steps[pattern.repeat_from :]
    for step in first:
        if elapsed_s < step.duration_s:
            return step, step.duration_s - elapsed_s
        elapsed_s -= step.duration_s
    elapsed_s %= sum(step.duration_s for step in tail)
    for step in tail[:-1]:
        if elapsed_s < step.duration_s:
            return step, step.duration_s - elapsed_s
        elapsed_s -= step.duration_s
    return tail[-1], max(tail[-1].duration_s - elapsed_s, 0.001)
