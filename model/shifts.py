"""When somebody works: shifts by day, by night over midnight, on certain weekdays, or so many days on and off in turn.

A work certificate states its shift; the gate asks only whether this is a time at which that person works. The time on
the way before and after is the community's to grant.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from enum import Enum
from typing import Final, NewType

from model.local_time import MINUTE, at_local, day_of

ScheduleId = NewType("ScheduleId", int)
"""Number of a schedule in the community's list, 1 and up: the schedule claim of a pass. 0 is none."""

EmployerId = NewType("EmployerId", int)
"""An employer of the community's list, 1 and up."""

CYCLE_DAYS_MAX: Final = 62
EVERY_DAY: Final = frozenset(range(7))
_SEARCH_DAYS: Final = CYCLE_DAYS_MAX + 8


class Listing(Enum):
    """The community's public list of employers (红黑榜)."""

    NONE = "none"
    RED = "red"  # commended
    BLACK = "black"  # its certificates open nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """One stretch of work, times of the community's wall clock. Over midnight when ends is not later than begins."""

    begins: time
    ends: time


@dataclass(frozen=True, slots=True, kw_only=True)
class Rota:
    """So many days on, then so many off, in turn. counted_from: a first day on. At most CYCLE_DAYS_MAX together."""

    days_on: int
    days_off: int
    counted_from: date

    def is_on(self, day: date) -> bool:
        """Whether this day, on which a shift begins, is one of work."""
        return (day - self.counted_from).days % (self.days_on + self.days_off) < self.days_on


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """What a work certificate states. shifts: empty where it does not say when its holder works.

    weekdays: on which a shift begins, 0 = Monday. rota: None where every one of these days is worked.
    """

    schedule: ScheduleId
    employer: EmployerId
    listing: Listing = Listing.NONE
    shifts: tuple[Shift, ...] = ()
    weekdays: frozenset[int] = EVERY_DAY
    rota: Rota | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """Minutes that the way to work and back may take before and after a shift."""

    before_min: int = 0
    after_min: int = 0


def is_working(schedule: Schedule, at: datetime, zone: tzinfo, way: Way) -> bool:
    """Whether `at` lies in a shift or on the way to or from it: [begin - before, end + after)."""
    day = day_of(at, zone)
    return any(begins <= at < ends for begins, ends in _stretches(schedule, day - timedelta(days=2), 4, zone, way))


def next_working(schedule: Schedule, at: datetime, zone: tzinfo, way: Way) -> datetime | None:
    """`at` while working, else the first instant of the next shift's way; None where no shift is stated."""
    if is_working(schedule, at, zone, way):
        return at
    day = day_of(at, zone)
    begins = (begins for begins, _ in _stretches(schedule, day - timedelta(days=1), _SEARCH_DAYS, zone, way))
    return min((each for each in begins if each > at), default=None)


def _stretches(
    schedule: Schedule, first: date, days: int, zone: tzinfo, way: Way
) -> Iterator[tuple[datetime, datetime]]:
    before, after = way.before_min * MINUTE, way.after_min * MINUTE
    for day in (first + timedelta(days=number) for number in range(days)):
        if day.weekday() not in schedule.weekdays or (schedule.rota is not None and not schedule.rota.is_on(day)):
            continue
        for shift in schedule.shifts:
            ends_on = day if shift.begins < shift.ends else day + timedelta(days=1)
            yield at_local(day, shift.begins, zone) - before, at_local(ends_on, shift.ends, zone) + after
