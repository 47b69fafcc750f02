"""An output that switches itself off: its maximum on-time is kept by a thread of its own.

Rules: the line is off unless somebody asked for it, for a time. The deadline stands before the line moves. Asking again
while it is on may lengthen the time, but never beyond the maximum counted from when it went on. Without a living guard
thread nothing goes on.
"""

import logging
import threading
from collections.abc import Callable

from drivers.errors import DriverSettingsRefused, DriverUnavailable
from drivers.gpio import OutputLine, PinFactory
from drivers.timing import REAL, Timing
from model.clock import Instant

log = logging.getLogger(__name__)

ON_TIME_LIMIT_S = 600.0  # nothing at a gate is meant to stay energised longer by software
OFF_RETRY_S = 0.05  # a write that failed is repeated for as long as it takes: off is the one thing that must succeed
STOP_WITHIN_S = 1.0


class TimedOutput:
    """One output line with a maximum on-time. Any thread may call. on_trouble: a write failed; called on any thread."""

    def __init__(
        self,
        factory: PinFactory,
        pin: int,
        *,
        active_high: bool,
        max_on_time_s: float,
        on_trouble: Callable[[DriverUnavailable], None] | None = None,
        on_cut: Callable[[], None] = lambda: None,
        timing: Timing = REAL,
    ) -> None:
        """Claim the line at its inactive level. Raises DriverUnavailable, DriverSettingsRefused.

        on_cut: the maximum ended what was asked for longer; called on the guard thread.
        """
        if not 0 < max_on_time_s <= ON_TIME_LIMIT_S:
            raise DriverSettingsRefused(f"GPIO {pin}: max_on_time_s {max_on_time_s}, give up to {ON_TIME_LIMIT_S:g}")
        self._max_on_time_s = max_on_time_s
        self._on_trouble = on_trouble
        self._on_cut = on_cut
        self._monotonic = timing.monotonic
        self._wake = timing.condition()
        self._on_since: Instant | None = None
        self._off_at: Instant | None = None
        self._asked_until: Instant | None = None
        self._stopping = False
        self._is_in_trouble = False
        self._line = OutputLine(factory, pin, active_high=active_high)
        self._guard = threading.Thread(target=self._keep, name=f"output-{pin}", daemon=True)
        self._guard.start()

    @property
    def is_on(self) -> bool:
        """Whether the line was last put at its active level."""
        return self._on_since is not None

    def on(self, for_s: float) -> None:
        """Switch on for for_s seconds at most. Raises DriverUnavailable when the line can't be written."""
        with self._wake:
            if self._stopping or not self._guard.is_alive():
                raise DriverUnavailable(f"GPIO {self._line.pin}: output is stopped, nothing would switch it off")
            now = Instant(self._monotonic())
            if self._on_since is None:
                self._on_since = now
            latest = self._on_since + self._max_on_time_s
            self._asked_until = Instant(max(now + for_s, self._asked_until or now))
            self._off_at = Instant(min(max(now + for_s, self._off_at or now), latest))
            try:
                self._line.write(True)
            except DriverUnavailable:
                # Whether the line moved is not known: the guard goes on writing off.
                self._off_at = now
                raise
            finally:
                self._wake.notify_all()

    def off(self) -> None:
        """Switch off now; should the write fail, the guard thread repeats it. Never raises."""
        with self._wake:
            self._try_off()
            self._wake.notify_all()

    def stop(self) -> None:
        """Switch off, end the thread, release the line. Idempotent; never raises."""
        with self._wake:
            if self._stopping:
                return
            self._try_off()
            self._stopping = True
            self._wake.notify_all()
        self._guard.join(STOP_WITHIN_S)
        try:
            self._line.close()
        except DriverUnavailable as error:
            self._complain(error)

    def expire(self) -> float | None:
        """Switch off if the time is up; returns seconds until the next look, None when there is nothing to wait for."""
        with self._wake:
            if self._off_at is None:
                return None
            left_s = self._off_at - self._monotonic()
            if left_s > 0:
                return left_s
            is_cut = self._asked_until is not None and self._asked_until > self._off_at
            self._try_off()
            if self._off_at is not None:
                return OFF_RETRY_S
        if is_cut:
            self._on_cut()
        return None

    def _keep(self) -> None:
        with self._wake:
            while not self._stopping:
                self._wake.wait(self.expire())

    def _try_off(self) -> None:
        try:
            self._line.write(False)
        except DriverUnavailable as error:
            self._off_at = Instant(self._monotonic())
            self._complain(error)
        else:
            self._on_since = self._off_at = self._asked_until = None
            self._is_in_trouble = False

    def _complain(self, error: DriverUnavailable) -> None:
        if self._is_in_trouble:
            return  # told once, repeated until it succeeds
        self._is_in_trouble = True
        log.warning("output_write_failed %s", error)
        if self._on_trouble is not None:
            self._on_trouble(error)
