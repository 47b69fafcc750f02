"""Moments as the centre's tables keep them: UTC milliseconds since 1970."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

YEAR_FIRST: Final = 2000
YEAR_LAST: Final = 2199
"""What a device tells outside these years is no time at all."""
_FIRST_MS: Final = round(datetime(2, 1, 1, tzinfo=UTC).timestamp() * 1000)
_LAST_MS: Final = round(datetime(9998, 12, 31, tzinfo=UTC).timestamp() * 1000)
"""A year from the calendar's ends: such a moment exists in every time zone."""

NowMs = Callable[[], int]
"""A clock of UTC milliseconds; handed in, so that a test states the moment."""


def now_ms() -> int:
    """The wall clock of this host."""
    return time.time_ns() // 1_000_000


def to_ms(moment: datetime) -> int:
    """Milliseconds of an aware datetime; raises ValueError for a naive one."""
    if moment.tzinfo is None:
        raise ValueError("a moment without a time zone means nothing here")
    return round(moment.timestamp() * 1000)


def from_ms(moment_ms: int) -> datetime:
    """Aware UTC datetime of a table's milliseconds. Total: what no calendar holds becomes its first or last moment."""
    return datetime.fromtimestamp(min(max(moment_ms, _FIRST_MS), _LAST_MS) / 1000, UTC)


def is_plausible(moment: datetime) -> bool:
    """Whether a device can have meant this moment; one that passes can be moved to every time zone."""
    return YEAR_FIRST <= moment.year <= YEAR_LAST
