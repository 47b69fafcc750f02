"""A community's wall clock: its days, times of day and whole minutes, over changes of the clock as well.

Instants are aware UTC datetimes; a day and a time of day mean something only in the community's time zone. A zone is
any tzinfo; the loader of the rules makes it from a name such as Asia/Shanghai.
"""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final

MINUTE: Final = timedelta(minutes=1)
_DAY: Final = timedelta(days=1)


def at_local(day: date, time_of_day: time, zone: tzinfo) -> datetime:
    """The instant at which a clock on the wall shows this, in UTC.

    A time that the clock shows twice is the first of the two; one that it leaves out is the instant of its leap.
    """
    shown = datetime.combine(day, time_of_day, zone)
    instant = shown.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == shown.replace(tzinfo=None):
        return instant
    instant = instant.replace(second=0, microsecond=0)  # left out; leaps happen at whole minutes
    offset = instant.astimezone(zone).utcoffset()
    while (instant - MINUTE).astimezone(zone).utcoffset() == offset:
        instant -= MINUTE
    return instant


def day_of(at: datetime, zone: tzinfo, starts_at: time = time()) -> date:
    """The community's day at this instant, when its days start at this time instead of midnight."""
    local_day = at.astimezone(zone).date()
    return local_day if at >= at_local(local_day, starts_at, zone) else local_day - _DAY


def start_of(day: date, zone: tzinfo, starts_at: time = time()) -> datetime:
    """The first instant of a community's day, in UTC."""
    return at_local(day, starts_at, zone)


def time_of(at: datetime, zone: tzinfo) -> time:
    """What a clock on the wall shows, without a date."""
    return at.astimezone(zone).time()


def next_at(at: datetime, time_of_day: time, zone: tzinfo) -> datetime:
    """The first instant after `at` at which the clock shows this time, in UTC."""
    day = at.astimezone(zone).date()
    today = at_local(day, time_of_day, zone)
    return today if today > at else at_local(day + _DAY, time_of_day, zone)


def is_between(at: datetime, begins: time, ends: time, zone: tzinfo) -> bool:
    """Whether the clock is in [begins, ends); over midnight when ends is not later than begins. Equal: all day."""
    now = time_of(at, zone)
    return begins <= now < ends if begins < ends else now >= begins or now < ends


def whole_minute(at: datetime) -> datetime:
    """The same instant, or the next one with a whole minute: what people are told is never earlier than what holds."""
    cut = at.replace(second=0, microsecond=0)
    return cut if cut == at else cut + MINUTE
