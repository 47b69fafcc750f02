"""What the residents' screens show while people walk, read as a browser reads it: server-sent events."""

import contextlib
import http.client
import json
import threading
import time
from collections.abc import Mapping
from typing import Any, Final

Row = dict[str, Any]

_SILENT_AT_MOST_S: Final = 10.0
"""A screen's stream says something every second."""
_SHOWN_MAX: Final = 10_000
_LINE_BYTES_MAX: Final = 256 * 1024


class ScreenWatch:
    """Reads every screen on a thread of its own until it is closed. What ends is not read again: the check says so."""

    def __init__(self, ports: Mapping[str, int]) -> None:
        """ports: of each gate's kiosk, by the gate's device."""
        self._lock = threading.Lock()
        self._shown: list[Row] = []
        self._is_closed = False
        self._threads = [
            threading.Thread(target=self._read, args=(gate, port), name=f"screen-{gate}", daemon=True)
            for gate, port in ports.items()
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def shown(self) -> list[Row]:
        """Each face as it came: gate, face, at (monotonic). At most _SHOWN_MAX, the first ones."""
        with self._lock:
            return list(self._shown)

    def close(self) -> None:
        """Take no more; the threads end with the next word of their screen."""
        self._is_closed = True

    def _read(self, gate: str, port: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_SILENT_AT_MOST_S)
        with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(connection):
            connection.request("GET", "/events/resident")
            response = connection.getresponse()
            while response.status == 200 and not self._is_closed:
                line = response.readline(_LINE_BYTES_MAX)
                if not line:
                    return
                self._take(gate, face_in(line))

    def _take(self, gate: str, face: str | None) -> None:
        if face is None:
            return
        with self._lock:
            last = next((row["face"] for row in reversed(self._shown) if row["gate"] == gate), None)
            if face != last and len(self._shown) < _SHOWN_MAX:
                self._shown.append({"gate": gate, "face": face, "at": time.monotonic()})


def face_in(line: bytes) -> str | None:
    """The face that a line of the stream tells; None where it tells none."""
    if not line.startswith(b"data:"):
        return None
    try:
        told = json.loads(line.removeprefix(b"data:"))
    except ValueError:
        return None
    face = told.get("face") if isinstance(told, dict) else None
    return face if isinstance(face, str) else None
