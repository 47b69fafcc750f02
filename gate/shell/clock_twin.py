"""The twin of a wall clock, for simulation only: a file says how far it is off, and what is to be thought of it.

`clock.source = "twin:/absolute/file"`; the file holds {"offset_s": 0.0, "trust": "ntp"} and may be replaced at any
time. A file that is missing, broken, too long or says something else is a clock of which nothing is known.
"""

import json
import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from gate.shell.wall_clock import ClockSources
from model.clock import ClockTrust

TWIN: Final = "twin:"
READ_AGAIN_AFTER_S: Final = 1.0
FILE_MAX_BYTES: Final = 1_024
OFFSET_MAX_S: Final = 100 * 366 * 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    offset_s: float
    trust: ClockTrust


_NOTHING: Final = _Said(offset_s=0.0, trust=ClockTrust.UNKNOWN)


@dataclass(slots=True)
class ClockTwin:
    """This machine's clocks, with a wall time that the file moves. Any thread: the worst race reads the file twice."""

    path: Path
    real: ClockSources = field(default_factory=ClockSources)
    _said: _Said = _NOTHING
    _read_at: float = -math.inf

    def sources(self) -> ClockSources:
        """What a `WallClock` reads instead of the machine's own."""
        real = self.real
        return ClockSources(
            monotonic_s=real.monotonic_s, wall=self.wall, boot_s=real.boot_s, boot_id=real.boot_id, trust=self.trust
        )

    def wall(self) -> datetime:
        """Aware UTC, as far off as the file says."""
        return self.real.wall() + timedelta(seconds=self._newest().offset_s)

    def trust(self, source: ClockTrust) -> ClockTrust:
        """What the file says of it; the setting has no say."""
        return self._newest().trust

    def _newest(self) -> _Said:
        now = self.real.monotonic_s()
        if now - self._read_at >= READ_AGAIN_AFTER_S:
            self._read_at = now
            self._said = _read(self.path)
        return self._said


def _read(path: Path) -> _Said:
    try:
        with path.open("rb") as file:
            text = file.read(FILE_MAX_BYTES + 1)
        if len(text) > FILE_MAX_BYTES:
            return _NOTHING
        told = json.loads(text)
        offset_s = float(told["offset_s"])
        if not abs(offset_s) <= OFFSET_MAX_S:
            return _NOTHING
        return _Said(offset_s=offset_s, trust=ClockTrust(told["trust"]))
    except (OSError, ValueError, KeyError, TypeError):
        return _NOTHING
