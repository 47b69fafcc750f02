"""The twin of a terminal's wall clock: a file that says how far it is off, and how far it may be trusted.

{"offset_s": 3600.0, "trust": "declared"}: an hour ahead of the machine's clock; "unknown" when nobody keeps it right.
"""

import json
import os
import threading
from pathlib import Path

from model.clock import ClockTrust


class ClockTwin:
    """Any thread. The file is replaced whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self.offset_s = 0.0
        self.is_synchronised = True

    def put(self, *, offset_s: float, is_synchronised: bool) -> None:
        """Let the clock be so far ahead of the truth, from now on."""
        with self._lock:
            trust = ClockTrust.DECLARED if is_synchronised else ClockTrust.UNKNOWN
            told = {"offset_s": offset_s, "trust": trust.value}
            scratch = self._path.with_suffix(".new")
            scratch.write_text(json.dumps(told) + "\n", encoding="utf-8")
            os.replace(scratch, self._path)
            self.offset_s, self.is_synchronised = offset_s, is_synchronised
