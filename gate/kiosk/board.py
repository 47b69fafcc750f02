"""What every page looks at: the newest screen, whether the terminal lives, and parts that the kiosk itself has lost.

There is one board. Whoever shows it remembers the number it has shown and waits for another one: what changed in
between is never queued. On the loop's thread only.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from time import monotonic

from gate.screens import LostShown, ScreenState


class Board:
    """The newest of everything. number: grows with each change."""

    def __init__(
        self,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        instant: Callable[[], float] = monotonic,
    ) -> None:
        self.number = 0
        self.screen: ScreenState | None = None
        self.is_closed = False
        self._now = now
        self._instant = instant
        self._taken_at = instant()
        self._own_lost: dict[str, LostShown] = {}
        self._own: dict[str, str] = {}
        self._changed = asyncio.Event()

    @property
    def is_alive(self) -> bool:
        """Whether the terminal speaks. Without it nothing that it ever said may be shown."""
        return self.screen is not None

    @property
    def age_s(self) -> float:
        """Seconds since the present screen came: progress is counted on from there."""
        return max(self._instant() - self._taken_at, 0.0)

    @property
    def lost(self) -> tuple[LostShown, ...]:
        """What the terminal has lost, and what the kiosk has."""
        theirs = self.screen.lost if self.screen is not None else ()
        mine = [lost for name, lost in self._own_lost.items() if all(name != each.component for each in theirs)]
        return (*theirs, *mine)

    @property
    def own_parts(self) -> dict[str, str]:
        """Parts that belong to the kiosk, and why they are lost; empty words for those that work."""
        return dict(self._own)

    def take(self, screen: ScreenState | None) -> None:
        """A screen came; None: the terminal is not heard any more."""
        if screen is None and self.screen is None:
            return
        self.screen = screen
        self._taken_at = self._instant()
        self.tell_changed()

    def note_part(self, component: str, *, is_available: bool, why: str = "") -> None:
        """A part that belongs to the kiosk, such as the speaker, was lost or came back."""
        self._own[component] = "" if is_available else why or "lost"
        if is_available:
            if self._own_lost.pop(component, None) is not None:
                self.tell_changed()
        elif component not in self._own_lost:
            self._own_lost[component] = LostShown(component=component, why=why, since=self._now())
            self.tell_changed()

    def tell_changed(self) -> None:
        """Something that pages show is new."""
        self.number += 1
        self._changed.set()
        self._changed = asyncio.Event()

    def close(self) -> None:
        """The kiosk ends: whoever waits goes home."""
        self.is_closed = True
        self.tell_changed()

    async def another(self, shown: int, within_s: float) -> bool:
        """Wait until there is something else than what has this number; False when it took too long."""
        if self.number != shown:
            return True
        try:
            async with asyncio.timeout(within_s):
                await self._changed.wait()
        except TimeoutError:
            return False
        return True
