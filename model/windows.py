"""Windows for isolated households: a stretch of time in which one thing is allowed that otherwise is not."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from model.passing import Direction


class WindowKind(Enum):
    """What a window is for; the words stand in records and are never renamed."""

    COME_HOME = "come_home"  # one entry, to begin the isolation at home
    CLINIC = "clinic"  # out to the clinic and back
    DELIVERY = "delivery"  # the door may open, nobody passes a gate
    RUBBISH = "rubbish"  # the door may open, nobody passes a gate
    EMERGENCY = "emergency"


DIRECTIONS_OF: dict[WindowKind, frozenset[Direction]] = {
    WindowKind.COME_HOME: frozenset({Direction.IN}),
    WindowKind.CLINIC: frozenset({Direction.IN, Direction.OUT}),
    WindowKind.DELIVERY: frozenset(),
    WindowKind.RUBBISH: frozenset(),
    WindowKind.EMERGENCY: frozenset({Direction.IN, Direction.OUT}),
}
"""Which way through a gate a window of this kind opens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """One window of one household: [begins, ends), aware UTC."""

    kind: WindowKind
    begins: datetime
    ends: datetime

    def opens(self, direction: Direction, at: datetime) -> bool:
        """Whether it lets its household pass a gate this way at this instant."""
        return direction in DIRECTIONS_OF[self.kind] and self.begins <= at < self.ends


def next_window(windows: Iterable[Window], direction: Direction, at: datetime) -> datetime | None:
    """`at` while a window is open, else the begin of the next one; None when none comes."""
    fitting = [each for each in windows if direction in DIRECTIONS_OF[each.kind] and at < each.ends]
    return min((max(each.begins, at) for each in fitting), default=None)
