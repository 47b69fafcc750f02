"""How the threads of drivers tell the time and wait for it: by this machine's clock, unless another is handed in."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

MakeCondition = Callable[[], threading.Condition]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """One clock for all drivers of a lane. condition: each has one thread that waits on it, with that clock's time."""

    monotonic: Callable[[], float] = time.monotonic
    condition: MakeCondition = threading.Condition


REAL = Timing()
"""This machine's clock."""
