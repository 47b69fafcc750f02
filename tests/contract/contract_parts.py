"""Parts of the device contracts, which run on the twins, and on real devices where GATEHOUSE_HARDWARE names them.

GATEHOUSE_HARDWARE="mlx90614=/dev/i2c-1,serial=/dev/ttyACM0,camera=picamera2,pins=lgpio/17/27" names devices; `pins`
needs a wire between the two BCM numbers (output/input).
"""

import json
import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from drivers.ports import Reading

WITHIN_S = 10.0
R = TypeVar("R", bound=Reading)


def hardware() -> dict[str, str]:
    """The devices that this machine has, by kind."""
    named = os.environ.get("GATEHOUSE_HARDWARE", "")
    return dict(part.split("=", 1) for part in named.split(",") if "=" in part)


class Listener:
    """Collects what a driver emits, on whatever thread."""

    def __init__(self) -> None:
        self.readings: list[Reading] = []
        self._changed = threading.Condition()

    def __call__(self, reading: Reading) -> None:
        with self._changed:
            self.readings.append(reading)
            self._changed.notify_all()

    def of(self, kind: type[R]) -> list[R]:
        with self._changed:
            return [reading for reading in self.readings if isinstance(reading, kind)]

    def await_nth(self, kind: type[R], count: int = 1, within_s: float = WITHIN_S) -> R:
        """The count-th reading of a kind; fails when it does not come in time."""
        self.await_that(lambda: len(self.of(kind)) >= count, within_s)
        return self.of(kind)[count - 1]

    def await_that(self, is_so: Callable[[], bool], within_s: float = WITHIN_S) -> None:
        deadline = time.monotonic() + within_s
        with self._changed:
            while not is_so():
                left_s = deadline - time.monotonic()
                assert left_s > 0, f"did not come within {within_s} s: {self.readings}"
                self._changed.wait(min(left_s, 0.05))


class Outside:
    """The world outside the terminal's pins, as the simulator sees it: drives inputs and sees outputs.

    events: every line that came, in order; None once the terminal is gone.
    """

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))
        self.events: list[dict[str, Any] | None] = []
        self._changed = threading.Condition()
        threading.Thread(target=self._listen, daemon=True).start()

    def drive(self, pin: int, level: int) -> None:
        self.say({"pin": pin, "level": level})

    def say(self, message: object) -> None:
        self._socket.sendall(json.dumps(message).encode() + b"\n")

    def levels(self, pin: int) -> list[int]:
        """Every level that was announced for a pin, the snapshot's first."""
        with self._changed:
            found = []
            for event in self.events:
                if event is not None and str(pin) in event.get("snapshot", {}):
                    found.append(event["snapshot"][str(pin)])
                elif event is not None and event.get("pin") == pin:
                    found.append(event["level"])
            return found

    def await_levels(self, pin: int, *expected: int, within_s: float = 5.0) -> None:
        self.await_that(lambda: self.levels(pin) == list(expected), within_s)

    def await_that(self, is_so: Any, within_s: float = 5.0) -> None:
        deadline = time.monotonic() + within_s
        with self._changed:
            while not is_so():
                left_s = deadline - time.monotonic()
                assert left_s > 0, f"did not come within {within_s} s: {self.events}"
                self._changed.wait(min(left_s, 0.05))

    def close(self) -> None:
        self._socket.close()

    def _listen(self) -> None:
        with self._socket.makefile("rb") as lines:
            try:
                for line in lines:
                    self._note(json.loads(line))
            except OSError:
                pass
        self._note(None)

    def _note(self, event: dict[str, Any] | None) -> None:
        with self._changed:
            self.events.append(event)
            self._changed.notify_all()
