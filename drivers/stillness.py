"""Notices a thermometer whose words have stopped changing while each is still a sound, plausible word. Pure.

The word's resolution is 0.02 K, and a living sensor's noise is taken to be at least one such step (an assumption, which
the contract test checks on the sensor that is wired). Object and can standing still together is then no quiet scene:
- FROZEN_READS looks in a row over FROZEN_AFTER_S: with that noise once in 10^10 looks, a thousand years;
- a burst that is the same word as the looks before it: whoever stepped up is as warm as the wall, to 0.02 K.
"""

from typing import Final

from model.clock import Instant
from model.temperature import Celsius

FROZEN_READS: Final = 20
FROZEN_AFTER_S: Final = 30.0
STILL_READS_BEFORE_A_BURST: Final = 3
STILL_BEFORE_A_BURST_S: Final = 4.0


class Stillness:
    """Follows the words of one sensor. is_frozen: until a word differs."""

    def __init__(self) -> None:
        self.is_frozen = False
        self._word: tuple[Celsius, Celsius] | None = None
        self._reads = 0
        self._since = Instant(0.0)

    def note_look(self, object_c: Celsius, can_c: Celsius, at: Instant) -> None:
        """One look at an idle sensor."""
        self._note(object_c, can_c, at)
        if self._reads >= FROZEN_READS and at - self._since >= FROZEN_AFTER_S:
            self.is_frozen = True

    def note_burst(self, objects_c: list[Celsius], can_c: Celsius, at: Instant) -> None:
        """One whole burst, as read."""
        before = self._reads
        for object_c in objects_c:
            self._note(object_c, can_c, at)
        is_unchanged = self._reads == before + len(objects_c)
        lasted_s = at - self._since
        if is_unchanged and before >= STILL_READS_BEFORE_A_BURST and lasted_s >= STILL_BEFORE_A_BURST_S:
            self.is_frozen = True

    def forget(self) -> None:
        """The sensor was lost: what it said before means nothing any more."""
        self.is_frozen, self._word, self._reads = False, None, 0

    def _note(self, object_c: Celsius, can_c: Celsius, at: Instant) -> None:
        if (object_c, can_c) != self._word:
            self._word, self._reads, self._since, self.is_frozen = (object_c, can_c), 0, at, False
        self._reads += 1
