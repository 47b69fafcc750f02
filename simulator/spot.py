"""The spot before a gate: one person at a time, a resident who walks by, or whoever tries the gate by hand."""

import threading


class Spot:
    """Rules: whoever tries by hand keeps the others away until giving the spot back, and waits for who stands there."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_by_hand = False
        self._somebody_stands_there = False

    @property
    def is_by_hand(self) -> bool:
        """Whether residents keep away, because somebody tries the gate by hand."""
        return self._is_by_hand

    @property
    def is_taken_by_resident(self) -> bool:
        """Whether a resident stands there now."""
        return self._somebody_stands_there

    def step_up(self) -> bool:
        """For a resident: True when the spot is theirs until `leave`."""
        with self._lock:
            if self._is_by_hand or self._somebody_stands_there:
                return False
            self._somebody_stands_there = True
            return True

    def leave(self) -> None:
        """The resident has gone."""
        with self._lock:
            self._somebody_stands_there = False

    def take_by_hand(self) -> bool:
        """Keep residents away from now on; False while one still stands there."""
        with self._lock:
            self._is_by_hand = True
            return not self._somebody_stands_there

    def give_back(self) -> None:
        """Let residents walk by themselves again."""
        with self._lock:
            self._is_by_hand = False
