"""The outside of one lane's wires in virtual time: a pty to type into, pins to drive and to watch, a sensor's scene."""

import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Final

from drivers.gpio import WirePinFactory
from drivers.mlx90614_twin import Mlx90614Twin, TwinFault
from drivers.serial_scanner import Port, SerialScannerSettings, open_port
from drivers.serial_twin import SerialScannerTwin
from drivers.twins_server import ThermometerTwinServer
from tests.scenarios.virtual_time import VirtualTime

RELAY_PIN, GREEN_PIN, RED_PIN, BUZZER_PIN = 17, 22, 23, 24
INPUT_PINS: Final[Mapping[str, int]] = {
    "presence": 6,
    "door": 5,
    "fire": 16,
    "break_glass": 27,
    "guard_confirm": 20,
    "guard_refuse": 21,
    "guard_emergency": 26,
    "guard_bell": 19,
    "answer_yes": 12,
    "answer_no": 13,
}
WALL_C: Final = 20.0
VARIANT: Final = "DCI"
SUPPLY_V: Final = 3.25
"""Leans on the reading by 0.15 °C: with it the sensor's steps of 0.02 K fall on even hundredths, such as 34.30 °C."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PinMoved:
    """An output of the lane has another level. at_s: on the virtual clock."""

    pin: int
    is_high: bool
    at_s: float


class PtyWatch:
    """Knows whether the scanner's thread has taken, and worked off, all that was typed."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._lock = threading.Lock()
        self._typed = 0
        self._taken = 0
        self._is_reading = False

    def is_idle(self) -> bool:
        """Whether the thread waits for bytes, and none are on their way."""
        with self._lock:
            return self._is_reading and self._taken >= self._typed

    def note_typed(self, count: int) -> None:
        """So many bytes are about to be typed."""
        with self._lock:
            self._typed += count

    def open(self, settings: SerialScannerSettings) -> "WatchedPort":
        """The driver's line, watched."""
        return WatchedPort(open_port(settings), self)

    def reads(self) -> None:
        with self._lock:
            self._is_reading = True
        self._changed()

    def has_read(self, count: int) -> None:
        with self._lock:
            self._is_reading = False
            self._taken += count


class WatchedPort:
    """A serial line whose reader is watched."""

    def __init__(self, port: Port, watch: PtyWatch) -> None:
        self._port = port
        self._watch = watch

    @property
    def in_waiting(self) -> int:
        return self._port.in_waiting

    def read(self, size: int = 1) -> bytes:
        self._watch.reads()
        piece = b""
        try:
            piece = self._port.read(size)
        finally:
            self._watch.has_read(len(piece))
        return piece

    def cancel_read(self) -> None:
        self._port.cancel_read()

    def close(self) -> None:
        self._port.close()


class WatchedPins(WirePinFactory):
    """The mock pins, whose outputs are told to whoever watches, on the thread that moves them and before it goes on."""

    def __init__(self, path: Path, clock: VirtualTime) -> None:
        self.on_moved: Callable[[PinMoved], None] = lambda moved: None
        self._clock = clock
        self._high: set[int] = set()
        super().__init__(path, monotonic=clock.monotonic)

    @property
    def high(self) -> frozenset[int]:
        """Outputs that are on."""
        return frozenset(self._high)

    def announce(self, pin: int, level: bool) -> None:
        super().announce(pin, level)
        if level is (pin in self._high):
            return
        (self._high.add if level else self._high.discard)(pin)
        self.on_moved(PinMoved(pin=pin, is_high=level, at_s=self._clock.monotonic()))


class _EvenNoise(random.Random):
    """Noise of one step of the sensor's, up and down in turn: the middle of every burst is the scene itself."""

    def __init__(self) -> None:
        super().__init__(1)
        self._turns = cycle((0.0, 0.5, -0.5))

    def gauss(self, mu: float = 0.0, sigma: float = 1.0) -> float:
        return mu + sigma * next(self._turns)


class LaneWires:
    """Everything outside of one lane. Open from construction to `close`."""

    def __init__(self, name: str, folder: Path, clock: VirtualTime) -> None:
        self.tty = folder / "scanner"
        self.bus = folder / "i2c.sock"
        self.pty = PtyWatch(clock.changed)
        clock.watch(f"{name} pty", self.pty.is_idle)
        self.pins = WatchedPins(folder / "pins.sock", clock)
        self._scanner = SerialScannerTwin(self.tty)
        self._scanner.plug()
        self._twin = Mlx90614Twin(supply_v=SUPPLY_V, random_source=_EvenNoise(), monotonic=clock.monotonic)
        self.see(WALL_C)
        self._server = ThermometerTwinServer(self._twin, self.bus)
        self._server.start()

    def close(self) -> None:
        """After the terminal has ended."""
        self._server.stop()
        self._scanner.unplug()
        self.pins.close()

    def type(self, code: str) -> None:
        """Show a code to the serial scanner."""
        raw = code.encode() + b"\r"
        self.pty.note_typed(len(raw))
        self._scanner.type(raw)

    def put(self, role: str, is_active: bool) -> None:
        """An input becomes active (low) or not."""
        self.pins.drive(INPUT_PINS[role], not is_active)

    def see(self, skin_c: float) -> None:
        """What is before the thermometer from now on."""
        self._twin.show(object_temp_c=skin_c)

    def fault(self, what: str) -> None:
        """What the thermometer does wrong from now on; `none` ends it."""
        self._twin.show(fault=TwinFault(what))
