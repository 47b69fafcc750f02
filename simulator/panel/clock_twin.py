"""The twin of a terminal's wall clock: a file that says how far it is off, and what it says of itself."""

import json
import os
import threading
from pathlib import Path


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
            told = {"offset_s": offset_s, "is_synchronised": is_synchronised}
            scratch = self._path.with_suffix(".new")
            scratch.write_text(json.dumps(told) + "\n", encoding="utf-8")
            os.replace(scratch, self._path)
            self.offset_s, self.is_synchronised = offset_s, is_synchronised
