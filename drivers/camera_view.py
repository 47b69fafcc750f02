"""What the camera has in view: codes, what keeps one from being read, and when it is worth looking at all.

Rules: a code counts once while it stays in view, and again after it was out of view for repeat_window_s. More than
one different code in a frame is reported as such, once. While the lane is awake every frame is read, and thoroughly
(zbar too) the first, every THOROUGH_EVERY-th, and each miss while a code is held up. While it sleeps a frame is read
every SLEEPING_READ_S, thoroughly every SLEEPING_THOROUGH_EVERY-th, so that nothing that failed to wake it is ever
missed for longer. What looks like a code and is not read keeps it awake, for at most HELD_MAX_S.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from drivers.code_finder import LOOKS, Candidate, find_code
from drivers.exposure import ExposureLimits, ExposureState, light_of, next_exposure
from drivers.frames import Frame
from drivers.hints import HintState, after_look, after_reading, hint_for
from drivers.ports import CameraHint, CameraHintChanged, CodeScanned
from drivers.qr import FrameRead, QrReader
from drivers.repeats import Repeats
from drivers.serial_framing import CODE_BYTES_MAX
from drivers.watch import Watch
from model.clock import Instant
from model.credentials import Scanner

THOROUGH_EVERY = 3
IN_VIEW_FRAMES = 5  # frames after the last code in which every miss is read thoroughly: a code is being held up
SLEEPING_READ_S = 1.0
SLEEPING_THOROUGH_EVERY = 10
HELD_MAX_S = 20.0
LOOK_EVERY_S = 0.2
LOOK_COST_SHARE = 1 / 6  # of the time that a look may take on a slow board; looks become rarer, never dearer
START = Instant(0.0)
SCARCE_SHARE = 0.3  # of the longest exposure: long times and high gains
MISSED_LOOKS = 2  # before what was there is taken for gone
UNREAD_AFTER_MOVING_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one frame adds. is_asleep: nobody is there, frames may come more slowly. blind: why nothing can be seen."""

    scanned: CodeScanned | None = None
    hint: CameraHintChanged | None = None
    is_asleep: bool = False
    blind: str = ""


class View:
    """Looks at one frame after another. Not safe for several threads."""

    def __init__(
        self, reader: QrReader, repeat_window_s: float, *, cost_clock: Callable[[], float] = time.thread_time
    ) -> None:
        self._reader = reader
        self._repeats: Repeats[bytes | None] = Repeats(repeat_window_s)
        self._cost_clock = cost_clock
        self._watch = Watch()
        self._last = FrameRead(codes=())
        self._last_read_at: Instant | None = None
        self._frames_since_code = IN_VIEW_FRAMES
        self._reads = 0
        self._was_thorough = False
        self._was_asleep = False
        self._looks = _Looks()
        self._hints = HintState()
        self._hint_told: CameraHint | None = None
        self._exposure = ExposureState()

    @property
    def exposure(self) -> ExposureState:
        """Its `asked` is what to ask of the camera."""
        return self._exposure

    def wake(self, at: Instant) -> None:
        """Somebody steps up, as another sensor says."""
        self._watch.wake(at)

    def look(self, frame: Frame, at: Instant, limits: ExposureLimits | None = None) -> Seen:
        """What a frame adds."""
        if frame.is_new:
            self._watch.note(frame.pixels, frame.exposure, limits, at)
        is_awake = self._watch.is_awake(at) or bool(self._last.codes) or self._is_held(at)
        if frame.is_new or not self._last.codes:
            self._last = self._read(frame, at, is_awake)
        scanned = self._counted(at)
        if self._last.codes or not is_awake:
            self._looks = _Looks(next_at=self._looks.next_at)
            self._hints = after_reading()
        elif (frame.is_new or self._hints.trouble is not None) and at >= self._looks.next_at:
            # What was in trouble is looked for again also where nothing stirs: it may have gone, and its hint with it.
            self._search(frame, at, limits)
        self._expose(frame, at, limits, is_awake)
        self._was_asleep = not is_awake
        blind = "" if self._last.codes else self._watch.blind_because(at)
        return Seen(scanned=scanned, hint=self._hint_change(at), is_asleep=not is_awake, blind=blind)

    def _counted(self, at: Instant) -> CodeScanned | None:
        if self._last.several:
            # Which one was meant is nobody's to guess; None stands for "several" among the codes in view.
            if self._repeats.is_new(None, at):
                return CodeScanned(at=at, scanner=Scanner.CAMERA, text=b"", several=True)
            return None
        for code in self._last.codes:
            if self._repeats.is_new(code, at):
                return CodeScanned(at=at, scanner=Scanner.CAMERA, text=code[: CODE_BYTES_MAX + 1])
        return None

    def _read(self, frame: Frame, at: Instant, is_awake: bool) -> FrameRead:
        is_due = self._last_read_at is None or at - self._last_read_at >= SLEEPING_READ_S
        if not is_awake and not is_due:
            return FrameRead(codes=())
        if is_awake and self._was_asleep:
            self._reads = THOROUGH_EVERY - 1  # the first picture of whoever comes is read thoroughly
        self._reads += 1
        is_held_up = self._frames_since_code < IN_VIEW_FRAMES
        every = THOROUGH_EVERY if is_awake else SLEEPING_THOROUGH_EVERY
        thoroughly = is_held_up or self._reads % every == 0
        if not frame.is_new and (self._was_thorough or not thoroughly):
            return self._last  # the same pixels read the same way again would say the same
        self._was_thorough = thoroughly
        self._last_read_at = at
        read = self._reader.read(frame.pixels, thoroughly=thoroughly)
        self._frames_since_code = 0 if read.codes else min(self._frames_since_code + 1, IN_VIEW_FRAMES)
        return read

    def _is_held(self, at: Instant) -> bool:
        """Whether something code-like was seen that is worth staying awake for."""
        moved_at = self._watch.moved_at
        return self._looks.candidate is not None and moved_at is not None and at - moved_at < HELD_MAX_S

    def _search(self, frame: Frame, at: Instant, limits: ExposureLimits | None) -> None:
        """Look for what can't be read. At most every LOOK_EVERY_S, and LOOK_COST_SHARE of a slow board's time."""
        began = self._cost_clock()
        found = find_code(frame.pixels, LOOKS[self._looks.turn])
        cost_s = self._cost_clock() - began
        self._looks = self._looks.after(found, Instant(at + max(LOOK_EVERY_S, cost_s / LOOK_COST_SHARE)))
        if found is not None:
            is_scarce = (
                frame.exposure is not None
                and limits is not None
                and frame.exposure.amount >= SCARCE_SHARE * limits.amount_max
            )
            hint = hint_for(found, frame.pixels.shape[0], light_is_scarce=is_scarce)
            self._hints = after_look(self._hints, at, hint)
        elif self._looks.misses >= MISSED_LOOKS:
            self._hints = after_look(self._hints, at, None)

    def _hint_change(self, at: Instant) -> CameraHintChanged | None:
        if self._hints.shown is self._hint_told:
            return None
        self._hint_told = self._hints.shown
        return CameraHintChanged(at=at, hint=self._hint_told)

    def _expose(self, frame: Frame, at: Instant, limits: ExposureLimits | None, is_awake: bool) -> None:
        if frame.exposure is None or limits is None or not frame.is_new:
            return
        candidate, moved_at = self._looks.candidate, self._watch.moved_at
        has_moved = moved_at is not None and at - moved_at <= UNREAD_AFTER_MOVING_S
        is_unread = is_awake and not self._last.codes and (has_moved or candidate is not None)
        if not is_unread and self._exposure.asked is None:
            return  # nothing is asked, and nothing needs to be measured
        self._exposure = next_exposure(
            self._exposure,
            light=light_of(frame.pixels, None if candidate is None else candidate.light),
            taken=frame.exposure,
            limits=limits,
            is_unread=is_unread,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Looks:
    """How the search for something code-like stands. turn: index of the look that comes next."""

    candidate: Candidate | None = None
    turn: int = 0
    misses: int = 0
    next_at: Instant = START

    def after(self, found: Candidate | None, next_at: Instant) -> "_Looks":
        if found is not None:
            return _Looks(candidate=found, turn=self.turn, next_at=next_at)
        kept = None if self.misses + 1 >= MISSED_LOOKS else self.candidate
        turn = (self.turn + 1) % len(LOOKS)
        return replace(self, candidate=kept, turn=turn, misses=self.misses + 1, next_at=next_at)
