"""Hands on a gate's wires: pins, the sensor's surroundings, the scanner's tty, the camera's frames.

What goes over them is described beside the gate's drivers (docs/wiring.md), of which nothing is imported: pins and
physics are JSON, one object per line, on Unix sockets; the tty carries bytes; the camera takes pictures from a folder.
"""

import contextlib
import json
import os
import socket
import threading
import time
import tty
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol

from simulator.errors import WireLost
from simulator.physics import SensorView
from simulator.pictures import Frame
from simulator.wiring import GateWiring, Input, Output

LINE_MAX = 4096
HISTORY_MAX = 10_000
_ANSWER_WITHIN_S = 2.0
_RECONNECT_EVERY_S = 0.2
_STOP_WITHIN_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputChange:
    """An output's level changed. at: the gate's own instant, seconds on this machine's monotonic clock."""

    at: float
    output: Output
    is_active: bool


class SensorTrouble(Enum):
    """What may be wrong with a thermometer, in the words of its twin's wire."""

    NONE = "none"
    ABSENT = "absent"
    STUCK = "stuck_high"
    NO_PEC = "no_pec"


class GateOutside(Protocol):
    """What a person can do to a gate, and see of it."""

    def set_input(self, role: Input, is_active: bool) -> None: ...

    def changes_since(self, at: float) -> tuple[OutputChange, ...]: ...

    def is_active(self, output: Output) -> bool: ...

    def scan_with_serial(self, text: str) -> None: ...

    def show_to_camera(self, frame: Frame) -> None: ...


class PinWireClient:
    """The outside of a terminal's pins. Reconnects when the terminal starts again, and puts every input back as it was.

    A thread of its own reads; every method may be called from any thread.
    """

    def __init__(self, wiring: GateWiring, on_change: Callable[[OutputChange], None] | None = None) -> None:
        """on_change: called on the reading thread for each change of an output."""
        self._wiring = wiring
        self._on_change = on_change
        self._by_number = {pin.number: output for output, pin in wiring.outputs.items()}
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._connection: socket.socket | None = None
        self._inputs: dict[int, bool] = {}
        self._levels: dict[int, bool] = {}
        self._history: deque[OutputChange] = deque(maxlen=HISTORY_MAX)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"pins-{wiring.name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Hang up. Idempotent; within 2 s."""
        self._stopping.set()
        with self._lock:
            if self._connection is not None:
                # A terminal that has gone first has hung up already.
                with contextlib.suppress(OSError):
                    self._connection.shutdown(socket.SHUT_RDWR)
        if self._thread.is_alive():
            self._thread.join(_STOP_WITHIN_S)

    @property
    def is_connected(self) -> bool:
        """Whether a terminal is there and has told the levels of its outputs."""
        with self._lock:
            return self._connection is not None and bool(self._levels)

    def wait_until_connected(self, at_most_s: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self._connection is not None and bool(self._levels), at_most_s)

    def is_input_active(self, role: Input) -> bool | None:
        """How an input was put last; None when this gate has no such input."""
        pin = self._wiring.inputs.get(role)
        if pin is None:
            return None
        with self._lock:
            return self._inputs.get(pin.number, not pin.active_high) == pin.active_high

    def set_input(self, role: Input, is_active: bool) -> None:
        """Put an input at its active or inactive level; kept for a terminal that is not there now. Unwired: nothing."""
        pin = self._wiring.inputs.get(role)
        if pin is None:
            return
        with self._lock:
            self._inputs[pin.number] = pin.level(is_active)
            self._drive(pin.number)

    def is_active(self, output: Output) -> bool:
        pin = self._wiring.outputs.get(output)
        with self._lock:
            return pin is not None and pin.number in self._levels and self._levels[pin.number] == pin.active_high

    def changes_since(self, at: float) -> tuple[OutputChange, ...]:
        """Changes of outputs from this instant on, oldest first."""
        with self._lock:
            return tuple(change for change in self._history if change.at >= at)

    def _drive(self, number: int) -> None:
        if self._connection is None:
            return
        line = json.dumps({"pin": number, "level": int(self._inputs[number])}).encode() + b"\n"
        try:
            self._connection.sendall(line)
        except OSError:
            return  # the reader notices as well, connects again and puts every input back

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                connection = _connect(self._wiring.pins_socket)
            except WireLost:
                self._stopping.wait(_RECONNECT_EVERY_S)
                continue
            with self._changed:
                self._connection = connection
                for number in self._inputs:
                    self._drive(number)
            self._read(connection)
            with self._changed:
                self._connection = None
                self._everything_drops()
            connection.close()

    def _read(self, connection: socket.socket) -> None:
        try:
            with connection.makefile("rb") as lines:
                while line := lines.readline(LINE_MAX):
                    self._take(json.loads(line))
        except (OSError, ValueError):
            return

    def _take(self, told: dict[str, object]) -> None:
        with self._changed:
            snapshot = told.get("snapshot")
            if isinstance(snapshot, dict):
                for number, level in snapshot.items():
                    self._note(int(number), bool(level), time.monotonic())
            elif isinstance(told.get("pin"), int):
                self._note(int(str(told["pin"])), bool(told["level"]), float(str(told["at"])))
            self._changed.notify_all()

    def _everything_drops(self) -> None:
        """A terminal that is gone holds no relay: what was active is not any more."""
        for number, output in self._by_number.items():
            if number in self._levels:
                self._note(number, not self._wiring.outputs[output].active_high, time.monotonic())
        self._levels.clear()

    def _note(self, number: int, level: bool, at: float) -> None:
        output = self._by_number.get(number)
        if output is None:
            return
        active_high = self._wiring.outputs[output].active_high
        was_active = self._levels.get(number, not active_high) == active_high
        self._levels[number] = level
        if (level == active_high) != was_active:
            change = OutputChange(at=at, output=output, is_active=level == active_high)
            self._history.append(change)
            if self._on_change is not None:
                self._on_change(change)


class PhysicsWire:
    """Sets what one gate's thermometer sees. One thread."""

    def __init__(self, wiring: GateWiring) -> None:
        self._path = wiring.physics_socket
        self._connection: socket.socket | None = None

    def show(self, view: SensorView, fault: SensorTrouble = SensorTrouble.NONE) -> None:
        """Put the sensor into this scene. Raises WireLost when the twin is gone or refuses."""
        order = {
            "object_temp_c": round(view.object_c, 3),
            "can_temp_c": round(view.can_c, 3),
            "fault": fault.value,
        }
        try:
            if self._connection is None:
                self._connection = _connect(self._path)
                self._connection.settimeout(_ANSWER_WITHIN_S)
            self._connection.sendall(json.dumps(order).encode() + b"\n")
            answer = self._connection.recv(LINE_MAX)
        except OSError as error:
            self.close()
            raise WireLost(f"{self._path}: the thermometer's twin does not answer ({error})") from error
        if b'"ok"' not in answer:
            self.close()
            raise WireLost(f"{self._path}: the thermometer's twin refused: {answer.decode(errors='replace').strip()}")

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class SerialScannerWire:
    """A hand scanner at the end of a cable: a pty whose other end the terminal opens by a link. Any thread.

    baud is of no matter on a pty. end: what the scanner is set up to send after each code.
    """

    def __init__(self, link: Path, *, end: bytes = b"\r") -> None:
        self._link = link
        self._end = end
        self._lock = threading.Lock()
        self._pty: tuple[int, int] | None = None
        self.plug()

    @property
    def is_plugged(self) -> bool:
        return self._pty is not None

    def plug(self) -> None:
        """Plug it in: a new tty under the same name. Plugged in already: nothing."""
        with self._lock:
            if self._pty is not None:
                return
            # The slave stays open here: otherwise a terminal that closes its end would hang up the line.
            master, slave = os.openpty()
            os.set_blocking(master, False)  # nobody may be reading: what does not fit is lost, as on a real line
            tty.setraw(slave)
            self._link.unlink(missing_ok=True)
            self._link.symlink_to(os.ttyname(slave))
            self._pty = master, slave

    def scan(self, text: str) -> None:
        """Send one code as the scanner would; nothing when it is pulled out."""
        self.type(text.encode() + self._end)

    def type(self, line: bytes) -> None:
        """Send these bytes as they are; nothing when it is pulled out."""
        with self._lock:
            if self._pty is not None:
                with contextlib.suppress(BlockingIOError):
                    os.write(self._pty[0], line)

    def close(self) -> None:
        """Pull it out: its tty is gone. Idempotent."""
        with self._lock:
            if self._pty is None:
                return
            self._link.unlink(missing_ok=True)
            for handle in self._pty:
                os.close(handle)
            self._pty = None


class CameraWire:
    """What stands before the camera: a picture in a folder (P5 PGM). Replaced whole, never half written. Any thread."""

    def __init__(self, folder: Path) -> None:
        self._target = folder / "frame.pgm"
        self._scratch = folder / "frame.new"
        self._lock = threading.Lock()
        self._frame: Frame | None = None
        self.is_plugged = True

    @property
    def frame(self) -> Frame | None:
        """What is before the camera now, whether it is plugged in or not."""
        return self._frame

    def show(self, frame: Frame) -> None:
        """Put a frame before the camera. A camera that is pulled out sees it when it is back."""
        with self._lock:
            self._frame = frame
            if self.is_plugged:
                self._write(frame)

    def pull(self) -> None:
        """Pull its plug: there is no picture. Idempotent."""
        with self._lock:
            self.is_plugged = False
            self._target.unlink(missing_ok=True)

    def plug(self) -> None:
        """Plug it in again. Idempotent."""
        with self._lock:
            self.is_plugged = True
            if self._frame is not None:
                self._write(self._frame)

    def _write(self, frame: Frame) -> None:
        height, width = frame.shape
        self._scratch.write_bytes(b"P5\n%d %d\n255\n" % (width, height) + frame.tobytes())
        os.replace(self._scratch, self._target)


class Gate:
    """All wires of one gate together: a GateOutside."""

    def __init__(self, wiring: GateWiring, on_change: Callable[[OutputChange], None] | None = None) -> None:
        self.wiring = wiring
        self.pins = PinWireClient(wiring, on_change)
        self.physics = PhysicsWire(wiring)
        self.scanner = SerialScannerWire(wiring.scanner_tty) if wiring.scanner_tty else None
        self.camera = CameraWire(wiring.frames) if wiring.frames else None

    def start(self) -> None:
        self.pins.start()

    def stop(self) -> None:
        self.pins.stop()
        self.physics.close()
        if self.scanner is not None:
            self.scanner.close()

    def set_input(self, role: Input, is_active: bool) -> None:
        self.pins.set_input(role, is_active)

    def changes_since(self, at: float) -> tuple[OutputChange, ...]:
        return self.pins.changes_since(at)

    def is_active(self, output: Output) -> bool:
        return self.pins.is_active(output)

    def scan_with_serial(self, text: str) -> None:
        if self.scanner is not None:
            self.scanner.scan(text)

    def show_to_camera(self, frame: Frame) -> None:
        if self.camera is not None:
            self.camera.show(frame)


def poll_until(
    holds: Callable[[], bool], *, at_most_s: float, wait: Callable[[float], object], every_s: float = 0.03
) -> bool:
    """Whether `holds` came true in time. wait: sleeps that many seconds and may end early."""
    rounds = max(1, int(at_most_s / every_s))
    for _ in range(rounds):
        if holds():
            return True
        wait(every_s)
    return holds()


def _connect(path: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(str(path))
    except OSError as error:
        connection.close()
        raise WireLost(f"{path}: nobody listens there ({error.strerror})") from error
    return connection
