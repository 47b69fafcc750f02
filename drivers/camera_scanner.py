"""A scanner made of a camera: frames to QR codes to CodeScanned, hints and health, on one thread.

What is in view, and what keeps it from being read, is camera_view's. Here frames come in: at frames_per_s while
somebody is there, at half of it, and never less than SLEEPING_FRAMES_PER_S, while nobody is. Health is reported once
when frames stop coming (`no_picture`) or show nothing for long (`covered`, `too_dark_or_covered`), and once when they
show something again.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from drivers.camera_view import Seen, View
from drivers.errors import DriverSettingsRefused, DriverUnavailable, ReadingInvalid
from drivers.frames import FrameSource, check_source_spec, open_frames
from drivers.ports import Component, ComponentHealth, Emit
from drivers.qr import QrReader
from model.clock import Instant

log = logging.getLogger(__name__)

SLEEPING_FRAMES_PER_S = 5.0  # somebody who steps up is seen within 0.2 s
NO_PICTURE = "no_picture"
BROKEN_FRAMES_MAX = 10  # that many broken pictures one after another are a broken camera
REOPEN_INTERVAL_S = 2.0
STOP_WITHIN_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraScannerSettings:
    """One camera. source: picamera2, or frames:/dir."""

    source: str
    frames_per_s: float = 10.0
    width: int = 640
    height: int = 480
    repeat_window_s: float = 2.0

    def __post_init__(self) -> None:
        if not 0.5 <= self.frames_per_s <= 60:
            raise DriverSettingsRefused(f"camera: frames_per_s {self.frames_per_s}, give 0.5 to 60")
        if not 0 <= self.repeat_window_s <= 60:
            raise DriverSettingsRefused(f"camera: repeat_window_s {self.repeat_window_s}, give 0 to 60")
        if not (64 <= self.width <= 4096 and 64 <= self.height <= 4096):
            raise DriverSettingsRefused(f"camera: {self.width} x {self.height} pixels, give 64 to 4096 a side")
        check_source_spec(self.source)


class CameraScanner:
    """A Device: emits each code once."""

    def __init__(
        self,
        settings: CameraScannerSettings,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        open_source: Callable[[str, int, int], FrameSource] = open_frames,
    ) -> None:
        self._settings = settings
        self._monotonic = monotonic
        self._open_source = open_source
        self._stopping = threading.Event()
        self._nudged = threading.Event()
        self._is_somebody_there = threading.Event()
        self._thread: threading.Thread | None = None
        self._emit: Emit | None = None
        self._is_available: bool | None = None

    def start(self, emit: Emit) -> None:
        if self._thread is not None:
            return
        self._emit = emit
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="camera-scanner", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Somebody steps up, as another sensor says: look at full rate from now on. From any thread."""
        self._is_somebody_there.set()
        self._nudged.set()

    def stop(self) -> None:
        self._stopping.set()
        self._nudged.set()
        if self._thread is not None:
            self._thread.join(STOP_WITHIN_S)
            self._thread = None

    def _run(self) -> None:
        view = View(QrReader(), self._settings.repeat_window_s)
        while not self._stopping.is_set():
            try:
                source = self._open_source(self._settings.source, self._settings.width, self._settings.height)
            except DriverUnavailable as error:
                self._report(False, NO_PICTURE, str(error))
                self._stopping.wait(REOPEN_INTERVAL_S)
                continue
            try:
                self._watch(source, view)
            except DriverUnavailable as error:
                self._report(False, NO_PICTURE, str(error))
                self._stopping.wait(1 / self._settings.frames_per_s)
            finally:
                source.close()

    def _watch(self, source: FrameSource, view: View) -> None:
        """Read frames until told to stop. Raises DriverUnavailable when no more come."""
        awake_every_s = 1 / self._settings.frames_per_s
        asleep_every_s = max(awake_every_s, min(2 * awake_every_s, 1 / SLEEPING_FRAMES_PER_S))
        every_s = awake_every_s
        broken = 0
        while not self._stopping.is_set():
            began = self._monotonic()
            self._nudged.clear()
            if self._is_somebody_there.is_set():
                self._is_somebody_there.clear()
                view.wake(Instant(began))
            try:
                frame = source.next_frame()
            except ReadingInvalid as error:
                broken += 1
                if broken >= BROKEN_FRAMES_MAX:
                    raise DriverUnavailable(f"camera: {broken} broken pictures, the last: {error}") from error
            else:
                broken = 0
                seen = view.look(frame, Instant(began), source.limits)
                source.adjust(view.exposure.asked)
                self._tell(seen)
                every_s = asleep_every_s if seen.is_asleep else awake_every_s
            self._nudged.wait(max(0.0, began + every_s - self._monotonic()))

    def _tell(self, seen: Seen) -> None:
        self._report(not seen.blind, seen.blind)
        for reading in (seen.scanned, seen.hint):
            if reading is not None and self._emit is not None:
                self._emit(reading)

    def _report(self, is_available: bool, why: str, more: str = "") -> None:
        if self._is_available is is_available or self._emit is None or self._stopping.is_set():
            return
        self._is_available = is_available
        level = logging.INFO if is_available else logging.WARNING
        log.log(level, "camera_available=%s %s %s", is_available, why, more)
        at = Instant(self._monotonic())
        self._emit(ComponentHealth(at=at, component=Component.CAMERA_SCANNER, is_available=is_available, why=why))
