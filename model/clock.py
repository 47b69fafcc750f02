"""Two kinds of time, never mixed: monotonic instants for durations, aware UTC datetimes for records."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import NewType

Instant = NewType("Instant", float)
"""Seconds on the monotonic clock of this boot. Only differences and order mean anything."""


class ClockTrust(Enum):
    """Where a device's wall time comes from."""

    NTP = "ntp"
    RTC = "rtc"
    DECLARED = "declared"  # the host keeps time (`./run`), visibly
    SAVED = "saved"  # last good time on disk, the clock has not been set since the boot
    UNKNOWN = "unknown"

    @property
    def is_trusted(self) -> bool:
        """Whether a 30 s holder's code may be judged by this clock."""
        return self in (ClockTrust.NTP, ClockTrust.RTC, ClockTrust.DECLARED)


@dataclass(frozen=True, slots=True, kw_only=True)
class WallCourse:
    """The course of a trusted wall clock: it showed `wall` at the instant `since`. wall: aware UTC."""

    since: Instant
    wall: datetime

    def at(self, instant: Instant) -> datetime:
        """What it shows at this instant, as long as nobody sets it."""
        return self.wall + timedelta(seconds=instant - self.since)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timestamp:
    """One moment as a record states it. `wall` is aware UTC; `boot_s` are seconds since boot `boot_id`."""

    wall: datetime
    boot_s: float
    boot_id: str
    trust: ClockTrust
