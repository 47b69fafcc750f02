"""Whether anything moves before the camera, and whether it sees anything at all: a small copy of each frame, pure.

Rules: the lane is awake while something has moved within AWAKE_S, and from the start. A change of the camera's own
exposure is no movement. A frame is black when nothing of it rises above BLACK_LEVEL although the camera can't expose
longer, or nobody knows how it exposes. Black for long is a lost camera: `covered` when a well-lit picture went black
at once, as no evening does, else `too_dark_or_covered`, which is all that can be known.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from drivers.exposure import Exposure, ExposureLimits, is_at_limit
from drivers.qr import GreyFrame
from model.clock import Instant

CELL_PX: Final = 8
MOVED_CELLS: Final = 16  # the smallest code that can be read, 100 pixels a side, covers 150
MOVED_LEVELS: Final = 8.0  # grey levels, and at least MOVED_NOISE times what quiet cells change by themselves
QUIET_SHARE: Final = 0.2  # of the cells: what comes into view may fill all but these
MOVED_NOISE: Final = 18.0  # times what the quiet cells change: 4.7 standard deviations
NOISE_LEVELS_MAX: Final = 3.0  # more than that is no noise any more
AWAKE_S: Final = 2.0
SAME_EXPOSURE: Final = 0.1
BLACK_LEVEL: Final = 20.0  # noise of a covered sensor at its highest gain: 8 on the average, 15 at most
BLACK_SHARE: Final = 0.02  # of the cells: what rises above it in fewer is a glimmer
LIT_SHARE: Final = 1 / 16  # of the longest exposure: a picture that needs no more is of a lit lane
SUDDEN_S: Final = 3.0  # a metering that runs to its end takes less
COVERED_AFTER_S: Final = 5.0
DARK_AFTER_S: Final = 30.0
SEES_AFTER_S: Final = 0.5
COVERED: Final = "covered"
TOO_DARK: Final = "too_dark_or_covered"

Thumbnail = NDArray[np.int16]
_TAKEN: Final = ((1, 2), (3, 6), (5, 1), (7, 5))  # pixels of each cell: enough to halve the noise


def thumbnail(frame: GreyFrame) -> Thumbnail:
    """Four pixels of every cell, averaged."""
    height, width = frame.shape[0] // CELL_PX * CELL_PX, frame.shape[1] // CELL_PX * CELL_PX
    total = np.zeros((height // CELL_PX, width // CELL_PX), np.int16)
    for row, column in _TAKEN:
        total += frame[row:height:CELL_PX, column:width:CELL_PX]
    total >>= 2
    return total


def has_moved(before: Thumbnail, now: Thumbnail) -> bool:
    """Whether more changed than noise does."""
    if before.shape != now.shape:
        return True
    change = np.abs(now - before)
    some = change[::2, ::2].ravel()
    noise = min(float(np.partition(some, int(QUIET_SHARE * some.size))[int(QUIET_SHARE * some.size)]), NOISE_LEVELS_MAX)
    return int(np.count_nonzero(change > max(MOVED_LEVELS, MOVED_NOISE * noise))) >= MOVED_CELLS


class Watch:
    """Keeps watch over the lane from frame to frame. Not safe for several threads."""

    def __init__(self) -> None:
        self._before: Thumbnail | None = None
        self._before_amount: float | None = None
        self._awake_until: Instant | None = None
        self._sight = Sight()
        self.moved_at: Instant | None = None

    def note(self, frame: GreyFrame, exposure: Exposure | None, limits: ExposureLimits | None, at: Instant) -> None:
        """Take a new frame in."""
        now = thumbnail(frame)
        amount = None if exposure is None else exposure.amount
        if self._before is None:
            self.wake(at)
        elif _is_same(self._before_amount, amount) and has_moved(self._before, now):
            self.moved_at = at
            self.wake(at)
        self._before, self._before_amount = now, amount
        self._sight.note(now, exposure, limits, at)

    def wake(self, at: Instant) -> None:
        """Somebody is there, whoever says so."""
        self._awake_until = Instant(at + AWAKE_S)

    def is_awake(self, at: Instant) -> bool:
        return self._awake_until is None or at <= self._awake_until

    def blind_because(self, at: Instant) -> str:
        """Why the camera sees nothing; empty while it sees."""
        return self._sight.blind_because(at)


@dataclass(slots=True)
class Sight:
    """What black frames amount to over time."""

    black_since: Instant | None = None
    lit_last: Instant | None = None
    sees_since: Instant | None = None
    why: str = ""
    _was_lit: bool = False

    def note(self, picture: Thumbnail, exposure: Exposure | None, limits: ExposureLimits | None, at: Instant) -> None:
        """Take the small copy of a frame in."""
        if np.count_nonzero(picture >= BLACK_LEVEL) >= BLACK_SHARE * picture.size:
            self._sees(exposure, limits, at)
            return
        self.sees_since = None
        if self.black_since is None:
            self._was_lit = self.lit_last is not None and at - self.lit_last <= SUDDEN_S
            self.black_since = at
        is_final = exposure is None or limits is None or is_at_limit(exposure, limits)
        after_s = COVERED_AFTER_S if self._was_lit else DARK_AFTER_S
        if is_final and not self.why and at - self.black_since >= after_s:
            self.why = COVERED if self._was_lit else TOO_DARK

    def _sees(self, exposure: Exposure | None, limits: ExposureLimits | None, at: Instant) -> None:
        self.black_since = None
        if exposure is not None and limits is not None and exposure.amount <= LIT_SHARE * limits.amount_max:
            self.lit_last = at
        if self.sees_since is None:
            self.sees_since = at

    def blind_because(self, at: Instant) -> str:
        """Why nothing is seen; kept until something was seen for SEES_AFTER_S."""
        if self.why and self.sees_since is not None and at - self.sees_since >= SEES_AFTER_S:
            self.why = ""
        return self.why


def _is_same(before: float | None, now: float | None) -> bool:
    if before is None or now is None:
        return True
    return abs(now - before) <= SAME_EXPOSURE * before
