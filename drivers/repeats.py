"""Codes that are shown on and on: each counts once while it stays, pure.

Rules: a code counts when it was not seen within the last window_s. Every sight of it starts that time anew, so that a
code held in front of a scanner for a minute counts once.
"""

from collections.abc import Hashable
from typing import Generic, TypeVar

from model.clock import Instant

REMEMBERED_MAX = 16

Code = TypeVar("Code", bound=Hashable)


class Repeats(Generic[Code]):
    """Tells a code that is new in view from one that is still there. Not safe for several threads."""

    def __init__(self, window_s: float) -> None:
        self._window_s = window_s
        self._seen: dict[Code, Instant] = {}

    def is_new(self, code: Code, at: Instant) -> bool:
        """Note that `code` is in view at `at`; whether it counts."""
        last = self._seen.pop(code, None)
        self._seen[code] = at  # newest last
        while len(self._seen) > REMEMBERED_MAX:
            del self._seen[next(iter(self._seen))]
        return last is None or at - last > self._window_s
