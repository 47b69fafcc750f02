"""The barrier's release relay, with feedback where the site has it.

Rules: released for a time, never beyond the output's own maximum (timed_output). Where a feedback contact says that the
barrier has moved, it must follow the relay within feedback_within_s; if it does not, the barrier is unavailable: a
relay that moves nothing is noticed. It is available again once feedback follows again.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from drivers.errors import DriverSettingsRefused, DriverUnavailable
from drivers.gpio import InputLine, PinFactory
from drivers.ports import Component, ComponentHealth, Emit, ReleaseEndedEarly
from drivers.timed_output import TimedOutput
from drivers.timing import REAL, Timing
from model.clock import Instant

log = logging.getLogger(__name__)

NO_FEEDBACK = "no feedback"
FEEDBACK_STUCK = "feedback stuck"
STOP_WITHIN_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BarrierSettings:
    """The release relay. active_high: level that energises it. feedback_*: the contact that says "released"."""

    pin: int
    active_high: bool = True
    max_on_time_s: float = 10.0
    feedback_pin: int | None = None
    feedback_pull_up: bool | None = True
    feedback_active_low: bool = True
    feedback_within_s: float = 3.0

    def __post_init__(self) -> None:
        if self.feedback_pin == self.pin:
            raise DriverSettingsRefused(f"barrier: pin and feedback_pin are both {self.pin}")
        if not 0.05 <= self.feedback_within_s <= 30:
            raise DriverSettingsRefused(f"barrier: feedback_within_s {self.feedback_within_s}, give 0.05 to 30")


class Barrier:
    """A BarrierOutput."""

    def __init__(
        self,
        settings: BarrierSettings,
        factory: PinFactory,
        *,
        timing: Timing = REAL,
    ) -> None:
        self._settings = settings
        self._factory = factory
        self._timing = timing
        self._monotonic = timing.monotonic
        self._lock = threading.RLock()
        self._emit: Emit | None = None
        self._output: TimedOutput | None = None
        self._feedback: _FeedbackWatch | None = None
        self._is_started = False
        self._why: str | None = None

    def start(self, emit: Emit) -> None:
        with self._lock:
            if self._is_started:
                return
            self._emit = emit
            self._is_started = True
            if self._claim() is not None:
                self._report("")

    def stop(self) -> None:
        with self._lock:
            self._is_started = False
            output, self._output = self._output, None
            feedback, self._feedback = self._feedback, None
        if output is not None:
            output.stop()
        if feedback is not None:
            feedback.stop()

    def release(self, release_time_s: float) -> None:
        with self._lock:
            output = self._claim()
        if output is None:
            return
        try:
            output.on(release_time_s)
        except DriverUnavailable as error:
            self._report(str(error))
        else:
            if self._feedback is None:
                self._report("")

    def secure(self) -> None:
        with self._lock:
            output = self._output
        if output is not None:
            output.off()

    def _claim(self) -> TimedOutput | None:
        """The output, claimed now if it was not; None while it can't be had."""
        if self._output is None and self._is_started:
            settings = self._settings
            try:
                output = TimedOutput(
                    self._factory,
                    settings.pin,
                    active_high=settings.active_high,
                    max_on_time_s=settings.max_on_time_s,
                    on_trouble=lambda error: self._report(str(error)),
                    on_cut=self._tell_cut,
                    timing=self._timing,
                )
            except DriverUnavailable as error:
                self._report(str(error))
                return None
            self._output = output
            self._feedback = self._watch(output)
        return self._output

    def _watch(self, output: TimedOutput) -> "_FeedbackWatch | None":
        if self._settings.feedback_pin is None:
            return None
        try:
            return _FeedbackWatch(self._settings, self._factory, output, self._report, self._timing)
        except DriverUnavailable as error:
            self._report(str(error))
            return None

    def _tell_cut(self) -> None:
        with self._lock:
            emit = self._emit
        if emit is not None:
            emit(ReleaseEndedEarly(at=Instant(self._monotonic())))

    def _report(self, why: str) -> None:
        """Report a change of availability once; why is empty when the barrier works."""
        with self._lock:
            if self._why is not None and bool(self._why) is bool(why):
                return
            self._why = why
            emit = self._emit
        log.log(logging.WARNING if why else logging.INFO, "barrier_available=%s %s", not why, why)
        if emit is not None:
            at = Instant(self._monotonic())
            emit(ComponentHealth(at=at, component=Component.BARRIER, is_available=not why, why=why))


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """What is known of relay and feedback: since when they differ, if they do, and the fault that this showed."""

    differs_since: Instant | None = None
    fault: str = ""


def after_look(feedback: Feedback, now: Instant, *, is_on: bool, has_moved: bool, within_s: float) -> Feedback:
    """Compare relay and feedback; a barrier that did not move is trusted again only once it moves: rest is no proof."""
    if is_on is has_moved:
        is_proof = is_on or feedback.fault != NO_FEEDBACK
        return Feedback() if is_proof else Feedback(fault=feedback.fault)
    since = now if feedback.differs_since is None else feedback.differs_since
    if now - since < within_s:
        return Feedback(differs_since=since, fault=feedback.fault)
    return Feedback(differs_since=since, fault=NO_FEEDBACK if is_on else FEEDBACK_STUCK)


class _FeedbackWatch:
    """Looks at relay and feedback a few times per feedback_within_s, on a thread of its own."""

    LOOKS = 10

    def __init__(
        self,
        settings: BarrierSettings,
        factory: PinFactory,
        output: TimedOutput,
        report: Callable[[str], None],
        timing: Timing,
    ) -> None:
        self._settings = settings
        self._output = output
        self._report = report
        self._monotonic = timing.monotonic
        self._wake = timing.condition()
        self._stopping = False
        if settings.feedback_pin is None:
            raise DriverSettingsRefused("barrier: feedback needs feedback_pin")
        self._line = InputLine(factory, settings.feedback_pin, pull_up=settings.feedback_pull_up)
        self._thread = threading.Thread(target=self._run, name="barrier-feedback", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        with self._wake:
            self._stopping = True
            self._wake.notify_all()
        self._thread.join(STOP_WITHIN_S)
        try:
            self._line.close()
        except DriverUnavailable:
            log.debug("barrier_feedback_release_failed")

    def _run(self) -> None:
        feedback = Feedback()
        within_s = self._settings.feedback_within_s
        while not self._is_stopped_within(within_s / self.LOOKS):
            try:
                has_moved = self._line.read() is not self._settings.feedback_active_low
            except DriverUnavailable as error:
                self._report(str(error))
                continue
            now = Instant(self._monotonic())
            before = feedback
            feedback = after_look(feedback, now, is_on=self._output.is_on, has_moved=has_moved, within_s=within_s)
            if feedback.fault != before.fault:
                self._report(feedback.fault)

    def _is_stopped_within(self, duration_s: float) -> bool:
        with self._wake:
            return self._wake.wait_for(lambda: self._stopping, duration_s)
