"""A lock that is given in the order of asking.

A plain lock, and SQLite's own even more (it is asked again after growing waits), goes to whoever asks at the right
moment: an ingest that drains a backlog commits without a pause, and everybody else would wait until it is done.
"""

import threading
from collections import deque


class Turns:
    """One holder at a time, first come first served."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._is_held = False
        self._waiting: deque[threading.Event] = deque()

    def take(self, *, within_s: float) -> bool:
        """Wait for one's turn; False when it did not come in time."""
        with self._mutex:
            if not self._is_held:
                self._is_held = True
                return True
            mine = threading.Event()
            self._waiting.append(mine)
        if mine.wait(within_s):
            return True
        with self._mutex:
            if mine.is_set():  # it came just now
                return True
            self._waiting.remove(mine)
            return False

    def give_back(self) -> None:
        """Hand the turn to whoever has waited longest."""
        with self._mutex:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._is_held = False
