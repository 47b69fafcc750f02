"""The terminal's clocks: monotonic instants, and a wall time that knows whether it can be trusted.

Rules:
- The source is a setting. `ntp`: trusted while the kernel says it is synchronised. `rtc`, `declared`: trusted from the
  start, unless the wall time lies before the last good time that is known (journal, directory, provisioning).
- While the clock is not trusted, codes are judged by the last good time, which goes on by the monotonic clock.
- Small jumps are followed, until together they come to JUMP_LIMIT_S.
- A jump is a difference between the wall clock and its expected course. It is reported once. One of more than
  JUMP_LIMIT_S takes the trust away until the clock is back on its course or, with `ntp`, synchronised again.
"""

import ctypes
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from model.clock import ClockTrust, Instant, Timestamp

JUMP_NOTICED_S: Final = 2.0
JUMP_LIMIT_S: Final = 30.0
"""A holder's code lives for 30 s steps; a larger jump would let an old one in."""

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_ADJTIMEX_BYTES: Final = 256  # struct timex has 208 on 64-bit
_TIME_ERROR: Final = 5  # adjtimex(2): the clock is not synchronised


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockSources:
    """Where time comes from; replaced in tests by a virtual clock."""

    monotonic_s: Callable[[], float] = time.monotonic
    wall: Callable[[], datetime] = lambda: datetime.now(UTC)
    boot_s: Callable[[], float] = lambda: time.clock_gettime(time.CLOCK_BOOTTIME)
    boot_id: Callable[[], str] = lambda: _BOOT_ID.read_text(encoding="ascii").strip()
    is_ntp_synchronised: Callable[[], bool] = lambda: _ask_kernel_for_ntp()
    trust: Callable[[ClockTrust], ClockTrust] | None = None
    """What to think of this clock, from its setting; None: see `WallClock`. Only a simulated clock says it itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockNews:
    """Trust changed, or the wall clock jumped by jumped_s."""

    trust: ClockTrust
    jumped_s: float


class WallClock:
    """The one place that reads clocks. Not thread-safe apart from `now`, `timestamp` and `trust`."""

    def __init__(self, source: ClockTrust, last_good: datetime, sources: ClockSources | None = None) -> None:
        """source: NTP, RTC or DECLARED, from the settings. last_good: newest time that is known to have been.

        A source that says itself what to think of it (the twin) is believed, within the same rules.
        """
        self._sources = sources or ClockSources()
        self._source = source
        self._boot_id = self._sources.boot_id()
        self._last_good = last_good
        self._course_from_s = self._sources.monotonic_s()
        self._course_wall = self._sources.wall()
        self._is_off_course = False
        self._drifted_s = 0.0
        self.trust = self._judge(self._course_wall)
        if self.trust.is_trusted:
            self._last_good = self._course_wall

    def now(self) -> datetime:
        """Aware UTC by which codes are judged: the wall clock while it is trusted, else the last good time going on."""
        wall = self._sources.wall()
        if self.trust.is_trusted:
            return wall
        return self._last_good + timedelta(seconds=self._sources.monotonic_s() - self._course_from_s)

    def instant(self) -> Instant:
        """Now on the monotonic clock."""
        return Instant(self._sources.monotonic_s())

    def timestamp(self) -> Timestamp:
        """Now as a record states it: what the wall clock says, with the trust it deserves."""
        return Timestamp(
            wall=self._sources.wall(), boot_s=self._sources.boot_s(), boot_id=self._boot_id, trust=self.trust
        )

    def note_good_time(self, moment: datetime) -> None:
        """A signed document proves that this moment has passed."""
        expected = self._last_good + timedelta(seconds=self._sources.monotonic_s() - self._course_from_s)
        if moment > expected:
            self._last_good = moment
            self._course_from_s = self._sources.monotonic_s()
            self._course_wall = self._sources.wall()

    def look(self) -> ClockNews | None:
        """Compare the wall clock with its course; called about once a second. None when nothing changed."""
        wall = self._sources.wall()
        jumped_s = (wall - self._expected_wall()).total_seconds()
        is_jump = abs(jumped_s) > JUMP_NOTICED_S
        if is_jump and abs(jumped_s) <= JUMP_LIMIT_S and abs(self._drifted_s + jumped_s) <= JUMP_LIMIT_S:
            self._drifted_s += jumped_s
            self._set_course(wall)
        elif is_jump and self._is_off_course and self._claimed() is ClockTrust.NTP:
            self._set_course(wall)  # the time server, not a person, has the last word
            self._drifted_s = 0.0
            is_jump = False
        was_off_course = self._is_off_course
        self._is_off_course = is_jump and self._course_wall != wall
        trust, before = self._judge(wall), self.trust
        self.trust = trust
        if trust.is_trusted:
            self._last_good, self._course_from_s, self._course_wall = wall, self._sources.monotonic_s(), wall
        is_new_jump = is_jump and not was_off_course
        if trust is before and not is_new_jump:
            return None
        return ClockNews(trust=trust, jumped_s=jumped_s if is_new_jump else 0.0)

    def _expected_wall(self) -> datetime:
        return self._course_wall + timedelta(seconds=self._sources.monotonic_s() - self._course_from_s)

    def _set_course(self, wall: datetime) -> None:
        from_s = self._sources.monotonic_s()
        self._last_good += timedelta(seconds=from_s - self._course_from_s)
        self._course_from_s = from_s
        self._course_wall = wall

    def _judge(self, wall: datetime) -> ClockTrust:
        claimed = self._claimed()
        if not claimed.is_trusted:
            return claimed
        if self._is_off_course:
            return ClockTrust.SAVED
        if claimed is ClockTrust.NTP:
            # A time server has the last word, also against a last good time that lies ahead of the truth.
            return claimed
        is_behind = wall < self._last_good - timedelta(seconds=JUMP_LIMIT_S)
        return ClockTrust.SAVED if is_behind else claimed

    def _claimed(self) -> ClockTrust:
        """What the clock would be worth if nothing spoke against it."""
        if self._sources.trust is not None:
            return self._sources.trust(self._source)
        if self._source is ClockTrust.NTP and not self._sources.is_ntp_synchronised():
            return ClockTrust.SAVED
        return self._source


def _ask_kernel_for_ntp() -> bool:
    buffer = ctypes.create_string_buffer(_ADJTIMEX_BYTES)  # modes = 0: only read
    state = ctypes.CDLL(None, use_errno=True).adjtimex(buffer)
    return 0 <= int(state) < _TIME_ERROR
