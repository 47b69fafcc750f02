"""One clock for a whole gate in one process: loop, wall clock, and every thread of a driver.

Rules:
- Time stands still while anything works: the loop has something to do, a driver's thread runs, or a source that is
  watched (a commit on its way, bytes in a pty, a call in the loop's executor) is not idle. Waiting for it is real.
- Only then, on the loop's thread, one step is taken: one thread whose wait is over goes on, or the clock goes to the
  next moment for which the loop or a thread waits. Never two threads at once, and always in the same order.
- A leap is asked for: to a moment at which something is due, past what gates do every second, and only at rest.
- Before the end the clock is set free: whoever waits goes on, and waits in real time from then on.
"""

import asyncio
import selectors
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from gate.shell.wall_clock import ClockSources

BEGINS_S: Final = 1_000.0
SHORTEST_WAIT_S: Final = 1e-6
"""What is left of a wait after rounding must not become a wait of nothing: the clock would stand still for ever."""
STUCK_AFTER_S: Final = 30.0
_LOOK_AGAIN_S: Final = 0.05

T = TypeVar("T")


class StuckError(Exception):
    """Something works on and on, and so the clock can't go on. Its words name what."""


class VirtualCondition(threading.Condition):
    """A condition on which one thread waits, in virtual time. The clock alone ends a wait."""

    def __init__(self, clock: "VirtualTime", number: int) -> None:
        super().__init__()
        self.number = number
        self.is_parked = False
        self.due_s: float | None = None  # None: until it is called
        self.owner = ""
        self._clock = clock
        self._may_go_on = False

    def wait(self, timeout: float | None = None) -> bool:
        if self._clock.is_free:
            return super().wait(timeout)
        self._may_go_on = False
        self._clock.park(self, timeout)
        while not self._may_go_on:
            super().wait()
        return True

    def wait_for(self, predicate: Callable[[], T], timeout: float | None = None) -> T:
        ends_s = None if timeout is None else self._clock.monotonic() + timeout
        while not (outcome := predicate()):
            left_s = None if ends_s is None else ends_s - self._clock.monotonic()
            if left_s is not None and left_s <= 0:
                break
            self.wait(left_s)
            if self._clock.is_free:
                ends_s = self._clock.monotonic()
        return outcome

    def notify(self, n: int = 1) -> None:
        if self._clock.is_free:
            super().notify(n)
        else:
            self._clock.call(self)

    def go_on(self) -> None:
        """End the wait; on the loop's thread."""
        with self:
            self._may_go_on = True
            super().notify(1)


class VirtualTime:
    """The clock. Reading it is safe for several threads; it goes on by the loop's thread alone."""

    def __init__(self, began: datetime, *, blind_to: Sequence[str] = ()) -> None:
        """blind_to: sources that are not waited for, to show what then goes wrong."""
        self.is_free = False
        self._began = began
        self._now_s = BEGINS_S
        self._blind_to = frozenset(blind_to)
        self._changed = threading.Condition()
        self._conditions: list[VirtualCondition] = []
        self._sources: dict[str, Callable[[], bool]] = {}
        self._leap_to: Callable[[], float | None] = lambda: None

    def monotonic(self) -> float:
        """Seconds, as `time.monotonic` gives them."""
        return self._now_s

    @property
    def wall(self) -> datetime:
        """Aware UTC."""
        return self.wall_at(self._now_s)

    def wall_at(self, instant_s: float) -> datetime:
        """What the wall clock shows at an instant."""
        return self._began + timedelta(seconds=instant_s - BEGINS_S)

    def instant_at(self, moment: datetime) -> float:
        """The instant at which the wall clock shows a moment."""
        return BEGINS_S + (moment - self._began).total_seconds()

    def sources(self) -> ClockSources:
        """For a terminal's WallClock."""
        return ClockSources(
            monotonic_s=self.monotonic,
            wall=lambda: self.wall,
            boot_s=self.monotonic,
            boot_id=lambda: "11112222-3333-4444-5555-666677778888",
            is_ntp_synchronised=lambda: True,
        )

    def condition(self) -> VirtualCondition:
        """A condition for one thread, which is waited for from now on."""
        with self._changed:
            condition = VirtualCondition(self, len(self._conditions))
            self._conditions.append(condition)
        return condition

    def watch(self, name: str, is_idle: Callable[[], bool]) -> None:
        """Wait for this source too. It calls `changed` when it has become idle."""
        self._sources[name] = is_idle

    def changed(self) -> None:
        """Something may be idle that was not. Any thread."""
        with self._changed:
            self._changed.notify_all()

    def leap_by(self, leap_to: Callable[[], float | None]) -> None:
        """leap_to: asked at every step for an instant to which nothing of interest happens; None: none now."""
        self._leap_to = leap_to

    def set_free(self) -> None:
        """Let everybody go on, and wait in real time from now on: the end of a run."""
        self.is_free = True
        for condition in self._conditions:
            condition.go_on()

    # below: for conditions

    def park(self, condition: VirtualCondition, timeout_s: float | None) -> None:
        """The thread of a condition has nothing to do for so long."""
        with self._changed:
            condition.due_s = None if timeout_s is None else self._now_s + max(timeout_s, SHORTEST_WAIT_S)
            condition.owner = threading.current_thread().name
            condition.is_parked = True
            self._changed.notify_all()

    def call(self, condition: VirtualCondition) -> None:
        """Whoever waits on a condition has something to do now."""
        with self._changed:
            if condition.is_parked:
                condition.due_s = self._now_s

    # below: for the loop

    def wait_until_idle(self, within_s: float) -> bool:
        """Whether nothing but the loop has anything to do; waits for it in real time."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._who_works(), within_s)

    def who_works(self) -> list[str]:
        """Names of what is not idle."""
        with self._changed:
            return self._who_works()

    def step(self, loop_due_s: float | None) -> bool:
        """Let one thread go on, or go to the next moment that somebody waits for. False: nobody waits for any.

        Every thread is idle when this is called. loop_due_s: the loop's next timer.
        """
        due_s, condition = self._next()
        leap_to_s = self._leap_to() if due_s is None or due_s > self._now_s else None
        if leap_to_s is not None and leap_to_s > self._now_s:
            self._now_s = leap_to_s
            return True
        if condition is not None and due_s is not None and (loop_due_s is None or due_s <= loop_due_s):
            self._now_s = max(self._now_s, due_s)
            with self._changed:
                condition.is_parked = False
            condition.go_on()
            return True
        if loop_due_s is None:
            return False
        self._now_s = max(self._now_s, loop_due_s)
        return True

    def _next(self) -> tuple[float | None, VirtualCondition | None]:
        with self._changed:
            waiting = [(each.due_s, each.number, each) for each in self._conditions if each.due_s is not None]
            if not waiting:
                return None, None
            due_s, _, condition = min(waiting, key=lambda each: each[:2])
            return due_s, condition

    def _who_works(self) -> list[str]:
        threads = [each.owner or f"thread {each.number}" for each in self._conditions if not each.is_parked]
        sources = [name for name, is_idle in self._sources.items() if not self._is_blind_to(name) and not is_idle()]
        return threads + sources

    def _is_blind_to(self, name: str) -> bool:
        return any(name.endswith(each) for each in self._blind_to)


class _IdleSelector(selectors.DefaultSelector):
    """Lets virtual time pass instead of waiting, once everything is idle."""

    def __init__(self, clock: VirtualTime, is_away: Callable[[], bool]) -> None:
        super().__init__()
        self._clock = clock
        self._is_away = is_away

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if self._clock.is_free:
            return super().select(_LOOK_AGAIN_S if timeout is None else min(timeout, _LOOK_AGAIN_S))
        due_s = None if timeout is None else self._clock.monotonic() + timeout
        while True:
            if ready := self._until_idle():
                return ready
            if due_s is not None and self._clock.monotonic() >= due_s:
                return []
            if not self._clock.step(due_s):
                return super().select(_LOOK_AGAIN_S)

    def _until_idle(self) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait in real time until nothing works, or the loop has something to do: what that is."""
        gives_up_at = time.monotonic() + STUCK_AFTER_S
        while self._is_away() or not self._clock.wait_until_idle(_LOOK_AGAIN_S):
            if ready := super().select(_LOOK_AGAIN_S if self._is_away() else 0):
                return ready
            if time.monotonic() > gives_up_at:
                raise StuckError(f"not idle within {STUCK_AFTER_S:g} s: {', '.join(self._clock.who_works())}")
        # Whoever became idle may have said something before.
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop by a virtual clock. What runs in its executor is waited for."""

    def __init__(self, clock: VirtualTime) -> None:
        self._away = 0
        super().__init__(_IdleSelector(clock, lambda: self._away > 0))
        self._clock = clock

    def time(self) -> float:
        return self._clock.monotonic()

    def run_in_executor(self, executor: Executor | None, func: Callable[..., T], *args: Any) -> "asyncio.Future[T]":
        self._away += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._came_back)
        return future

    def _came_back(self, future: "asyncio.Future[Any]") -> None:
        self._away -= 1
