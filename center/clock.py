"""Moments as the centre's tables keep them: UTC milliseconds since 1970."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

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
    """Aware UTC datetime of a table's milliseconds."""
    return datetime.fromtimestamp(moment_ms / 1000, UTC)
