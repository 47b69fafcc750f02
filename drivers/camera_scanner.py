"""A scanner made of a camera: frames to QR codes to CodeScanned, on one thread.

Rules: a code counts once while it stays in view, and again after it was out of view for repeat_window_s. More than one
different code in a frame is reported as such, once. While nothing is in view only every third frame is read thoroughly.
Health is reported once when frames stop coming and once when they come again.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from drivers.errors import DriverSettingsRefused, DriverUnavailable, ReadingInvalid
from drivers.frames import Frame, FrameSource, check_source_spec, open_frames
from drivers.ports import CodeScanned, Component, ComponentHealth, Emit
from drivers.qr import FrameRead, QrReader
from drivers.repeats import Repeats
from drivers.serial_framing import CODE_BYTES_MAX
from model.clock import Instant
from model.credentials import Scanner

log = logging.getLogger(__name__)

THOROUGH_EVERY = 3
IN_VIEW_FRAMES = 5  # frames after the last code in which every miss is read thoroughly: a code is being held up
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

    def stop(self) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(STOP_WITHIN_S)
            self._thread = None

    def _run(self) -> None:
        view = View(QrReader(), self._settings.repeat_window_s)
        while not self._stopping.is_set():
            try:
                source = self._open_source(self._settings.source, self._settings.width, self._settings.height)
            except DriverUnavailable as error:
                self._report(False, str(error))
                self._stopping.wait(REOPEN_INTERVAL_S)
                continue
            try:
                self._watch(source, view)
            except DriverUnavailable as error:
                self._report(False, str(error))
                self._stopping.wait(1 / self._settings.frames_per_s)
            finally:
                source.close()

    def _watch(self, source: FrameSource, view: "View") -> None:
        """Read frames until told to stop. Raises DriverUnavailable when no more come."""
        frame_every_s = 1 / self._settings.frames_per_s
        broken = 0
        while not self._stopping.is_set():
            began = self._monotonic()
            try:
                frame = source.next_frame()
            except ReadingInvalid as error:
                broken += 1
                if broken >= BROKEN_FRAMES_MAX:
                    raise DriverUnavailable(f"camera: {broken} broken pictures, the last: {error}") from error
            else:
                broken = 0
                self._report(True, "")
                scanned = view.look(frame, Instant(began))
                if scanned is not None and self._emit is not None:
                    self._emit(scanned)
            self._stopping.wait(max(0.0, began + frame_every_s - self._monotonic()))

    def _report(self, is_available: bool, why: str) -> None:
        if self._is_available is is_available or self._emit is None or self._stopping.is_set():
            return
        self._is_available = is_available
        log.log(logging.INFO if is_available else logging.WARNING, "camera_available=%s %s", is_available, why)
        at = Instant(self._monotonic())
        self._emit(ComponentHealth(at=at, component=Component.CAMERA_SCANNER, is_available=is_available, why=why[:200]))


class View:
    """What the camera has in view. Not safe for several threads."""

    def __init__(self, reader: QrReader, repeat_window_s: float) -> None:
        self._reader = reader
        self._repeats: Repeats[bytes | None] = Repeats(repeat_window_s)
        self._last = FrameRead(codes=())
        self._frames_since_code = IN_VIEW_FRAMES
        self._frames = 0
        self._was_thorough = False

    def look(self, frame: Frame, at: Instant) -> CodeScanned | None:
        """What a frame adds: a code that came into view, or several, or nothing."""
        if frame.is_new or not self._last.codes:
            self._last = self._read(frame)
        if self._last.several:
            # Which one was meant is nobody's to guess; None stands for "several" among the codes in view.
            if self._repeats.is_new(None, at):
                return CodeScanned(at=at, scanner=Scanner.CAMERA, text=b"", several=True)
            return None
        for code in self._last.codes:
            if self._repeats.is_new(code, at):
                return CodeScanned(at=at, scanner=Scanner.CAMERA, text=code[: CODE_BYTES_MAX + 1])
        return None

    def _read(self, frame: Frame) -> FrameRead:
        self._frames += 1
        is_held_up = self._frames_since_code < IN_VIEW_FRAMES
        thoroughly = is_held_up or self._frames % THOROUGH_EVERY == 0
        if not frame.is_new and (self._was_thorough or not thoroughly):
            return self._last  # the same pixels read the same way again would say the same
        self._was_thorough = thoroughly
        read = self._reader.read(frame.pixels, thoroughly=thoroughly)
        self._frames_since_code = 0 if read.codes else min(self._frames_since_code + 1, IN_VIEW_FRAMES)
        return read
