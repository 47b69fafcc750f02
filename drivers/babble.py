"""A scanner that babbles: more different codes in a second than people could ever hold up, pure.

Rules: more than BABBLE_CODES_MAX new codes within BABBLE_WITHIN_S is a broken scanner, and nothing of it is taken until
it has been as slow as people are for that long. Every code that is taken may cost a record and its place on the disk.
"""

from collections import deque

from model.clock import Instant

BABBLE_WITHIN_S = 1.0
BABBLE_CODES_MAX = 40
"""Ten times what a queue of hurried people with their codes ready brings."""
CALM_CODES_MAX = 4


class Babble:
    """Watches one scanner's codes. Not safe for several threads."""

    def __init__(self) -> None:
        self.is_babbling = False
        self._recent: deque[Instant] = deque(maxlen=BABBLE_CODES_MAX + 1)

    def takes(self, at: Instant) -> bool:
        """Note a code that came at this instant; whether it is to be taken."""
        self._recent.append(at)
        while at - self._recent[0] > BABBLE_WITHIN_S:
            self._recent.popleft()
        if len(self._recent) > BABBLE_CODES_MAX:
            self.is_babbling = True
        elif len(self._recent) <= CALM_CODES_MAX:
            self.is_babbling = False
        return not self.is_babbling
