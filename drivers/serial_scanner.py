"""A barcode scanner on a serial line (USB CDC or UART), read by its own thread. The only file that imports pyserial.

Rules: read what waits, or one byte; never wait for an end of line. A scanner that goes away is opened again and again,
at most every RECONNECT_MAX_S. Health is reported once when it goes and once when it returns. A line without end makes
it unavailable until a code comes through and no more such lines have come for CALM_S: somebody must set the scanner's
terminator, or mend its cable. Codes between the noise are taken all the same, and a code goes ahead of the health that
it proves: each is a record, and the person waits for the code's. One that babbles is unavailable too: its codes are
dropped until it is calm again.
"""

import logging
import termios
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import serial

from drivers.babble import Babble
from drivers.errors import DriverSettingsRefused
from drivers.ports import CodeScanned, Component, ComponentHealth, Emit
from drivers.repeats import Repeats
from drivers.serial_framing import Framer
from model.clock import Instant
from model.credentials import Scanner

log = logging.getLogger(__name__)

READ_WITHIN_S = 0.5
PIECE_BYTES_MAX = 4096
RECONNECT_MIN_S = 0.25
RECONNECT_MAX_S = 5.0
CALM_S = 1.0
PARTIAL_KEPT_S = 2.0  # a code arrives within 50 ms at 115,200 baud; what is older belongs to nothing
STOP_WITHIN_S = 1.5

# A scanner pulled out shows as any of these, by the call that meets it; termios.error is not an OSError.
GONE = (serial.SerialException, OSError, termios.error)

NOT_THERE = "not there"
NO_LINE_END = "no line end"
BABBLING = "babbling"


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialScannerSettings:
    """One scanner. port: tty or pty. prefix, suffix: what the scanner is set to put around a code."""

    port: str
    baud: int = 115_200
    prefix: bytes = b""
    suffix: bytes = b""
    repeat_window_s: float = 2.0

    def __post_init__(self) -> None:
        if self.baud not in serial.Serial.BAUDRATES:
            raise DriverSettingsRefused(f"scanner {self.port}: no such rate as {self.baud} baud")
        if not 0 <= self.repeat_window_s <= 60:
            raise DriverSettingsRefused(f"scanner {self.port}: repeat_window_s {self.repeat_window_s}, give 0 to 60")


class Port(Protocol):
    """An open line, as pyserial has it. Every call raises one of GONE when the scanner is no longer there."""

    @property
    def in_waiting(self) -> int:
        """Bytes that have come and were not read."""

    def read(self, size: int = 1) -> bytes:
        """As many bytes as come within READ_WITHIN_S, at most size."""

    def cancel_read(self) -> None: ...

    def close(self) -> None: ...


OpenPort = Callable[[SerialScannerSettings], Port]


def open_port(settings: SerialScannerSettings) -> Port:
    """Open a scanner's line for this process alone. Raises one of GONE."""
    port: Port = serial.Serial(settings.port, settings.baud, timeout=READ_WITHIN_S, exclusive=True)
    return port


class SerialScanner:
    """A Device: emits each code once. open_port: of another kind of line, or of one that is watched."""

    def __init__(
        self,
        settings: SerialScannerSettings,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        open_port: OpenPort = open_port,
    ) -> None:
        self._settings = settings
        self._open_port = open_port
        self._monotonic = monotonic
        self._framer = Framer(settings.prefix, settings.suffix)
        self._repeats: Repeats[bytes] = Repeats(settings.repeat_window_s)
        self._babble = Babble()
        self._port: Port | None = None
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._emit: Emit | None = None
        self._why: str | None = None
        self._overflowed_at = float("-inf")
        self._is_heard = False  # a code came through since

    def start(self, emit: Emit) -> None:
        if self._thread is not None:
            return
        self._emit = emit
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="serial-scanner", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        port = self._port
        if port is not None:
            try:
                port.cancel_read()
            except GONE:
                log.debug("serial_scanner_was_gone")
        if self._thread is not None:
            self._thread.join(STOP_WITHIN_S)
            self._thread = None

    def _run(self) -> None:
        backoff_s = RECONNECT_MIN_S
        while not self._stopping.is_set():
            try:
                self._port = port = self._open()
                self._report("")
                backoff_s = RECONNECT_MIN_S
                self._read_on(port)
            except GONE:
                self._report(NOT_THERE)
            finally:
                self._close()
            self._stopping.wait(backoff_s)
            backoff_s = min(2 * backoff_s, RECONNECT_MAX_S)

    def _open(self) -> Port:
        self._framer.reset()
        return self._open_port(self._settings)

    def _read_on(self, port: Port) -> None:
        heard_at = self._monotonic()
        while not self._stopping.is_set():
            piece = port.read(min(port.in_waiting or 1, PIECE_BYTES_MAX))
            now = self._monotonic()
            if piece:
                heard_at = now
                self._take(piece)
            elif now - heard_at > PARTIAL_KEPT_S:
                self._framer.reset()
            if self._is_heard and not self._framer.is_dropping and now - self._overflowed_at >= CALM_S:
                self._is_heard = False
                self._report("")

    def _take(self, piece: bytes) -> None:
        fed = self._framer.feed(piece)
        if fed.has_overflowed:
            self._overflowed_at = self._monotonic()
            self._is_heard = False
            self._report(NO_LINE_END)
        for code in fed.codes:
            at = Instant(self._monotonic())
            if not self._repeats.is_new(code, at):
                continue
            if not self._babble.takes(at):
                self._report(BABBLING)
                continue
            self._is_heard = True
            if self._emit is not None:
                self._emit(CodeScanned(at=at, scanner=Scanner.SERIAL, text=code))

    def _close(self) -> None:
        port, self._port = self._port, None
        if port is not None:
            try:
                port.close()
            except GONE:
                log.debug("serial_scanner_close_failed")

    def _report(self, why: str) -> None:
        if self._emit is None or self._stopping.is_set() or (self._why is not None and bool(self._why) is bool(why)):
            return
        self._why = why
        log.log(logging.WARNING if why else logging.INFO, "serial_scanner_available=%s %s", not why, why)
        at = Instant(self._monotonic())
        self._emit(ComponentHealth(at=at, component=Component.SERIAL_SCANNER, is_available=not why, why=why))
