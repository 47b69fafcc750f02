"""Expose for the code and not for the lane: what to ask of the camera next, from what its frames show. Pure.

A camera's own metering serves the whole picture and takes its time: a phone held up at night is burnt out until it
has settled, a card before a bright street stays dark. Rules: while nobody is there, and as long as codes are read,
the camera meters for itself. When something is in view and not read, the frame says what to ask: a burnt-out patch is
a display, and displays are as bright at night as by day; what looks like a code is brought to the level at which
paper is read best, and at that level let be; a dark picture is exposed more. When something moves, nothing of this is
so, and nothing is read for UNREAD_FRAMES, a bracket is tried. Each exposure is judged by a frame that was taken with
it, or given up after LATE_FRAMES. After TRIES_MAX the camera meters for itself for RESTS_AFTER_FRAMES.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from drivers.qr import GreyFrame

UNREAD_FRAMES: Final = 10  # with nothing code-like to be seen, before the bracket: somebody may just stand there
LATE_FRAMES: Final = 4  # a control reaches the sensor two to three of its frames later
TRIES_MAX: Final = 8  # then the camera's own metering has its turn again
RESTS_AFTER_FRAMES: Final = 30
STEP: Final = 4.0
DISPLAY_AMOUNT: Final = 6_000.0  # 150 to 500 cd/m² behind f/1.8 to f/2.2: a third of full to full
CODE_LEVEL: Final = 170.0  # of the quiet zone
CODE_STEP_MIN: Final = 1.6  # less is not what keeps a code from being read
GAMMA: Final = 2.2  # of the display curve, near enough
BURNT_LEVEL: Final = 250
BURNT_SHARE: Final = 0.015  # of the middle: a phone at arm's length is 0.03, a lamp or a watch less
DARK_LEVEL: Final = 70  # the brightest twentieth of the picture lies below
SAME_WITHIN: Final = 0.25
LIMIT_SHARE: Final = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """How a frame was taken, or is to be. time_us: microseconds. gain: 1 = none."""

    time_us: int
    gain: float

    @property
    def amount(self) -> float:
        """What counts for brightness: microseconds at a gain of 1."""
        return self.time_us * self.gain


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposureLimits:
    """What a camera can be asked for. steady_us: longest time in which a hand does not blur a code."""

    time_us_min: int
    time_us_max: int
    gain_max: float
    steady_us: int = 8_000

    @property
    def amount_max(self) -> float:
        return self.time_us_max * self.gain_max

    def exposure(self, amount: float) -> Exposure:
        """An exposure of this amount: time first, as far as hands are steady, then gain, then time again."""
        wanted = min(max(amount, float(self.time_us_min)), self.amount_max)
        steady_us = min(self.steady_us, self.time_us_max)
        time_us = min(wanted, steady_us)
        gain = min(wanted / time_us, self.gain_max)
        time_us = min(max(time_us, wanted / gain), self.time_us_max)
        return Exposure(time_us=round(time_us), gain=gain)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameLight:
    """How bright the middle of a frame is. bright: level that a twentieth of it exceeds.

    code: level of the quiet zone of what looks like a code, where there is something.
    """

    burnt_share: float
    bright: float
    code: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposureState:
    """asked: None while the camera meters for itself. base: the amount that its metering had when it was taken over."""

    asked: Exposure | None = None
    base: float = 0.0
    unread: int = 0
    waited: int = 0
    tries: int = 0
    rests: int = 0


_BRACKET: Final[Sequence[float]] = (STEP, 1 / STEP, STEP**2, 1.0)


def light_of(frame: GreyFrame, code: float | None = None) -> FrameLight:
    """Measure the middle of a frame, where codes are held: every fourth pixel of it."""
    height, width = frame.shape
    middle = frame[height // 8 : height - height // 8 : 4, width // 8 : width - width // 8 : 4]
    bright = float(np.percentile(middle, 95))
    return FrameLight(burnt_share=float((middle >= BURNT_LEVEL).mean()), bright=bright, code=code)


def next_exposure(
    state: ExposureState, *, light: FrameLight, taken: Exposure, limits: ExposureLimits, is_unread: bool
) -> ExposureState:
    """The state after one frame; its `asked` is what to ask the camera for.

    is_unread: something moves or looks like a code, and no code was read. taken: how this frame was exposed.
    """
    if not is_unread:
        return ExposureState()
    if state.rests > 0:
        return replace(state, rests=state.rests - 1)
    state = replace(state, unread=state.unread + 1)
    if state.asked is None:
        return _ask(replace(state, base=taken.amount), light, taken, limits)
    if not _is_same(taken.amount, state.asked.amount) and state.waited + 1 < LATE_FRAMES:
        return replace(state, waited=state.waited + 1)
    if state.tries >= TRIES_MAX:
        return ExposureState(rests=RESTS_AFTER_FRAMES)
    return _ask(state, light, taken, limits)


def _ask(state: ExposureState, light: FrameLight, taken: Exposure, limits: ExposureLimits) -> ExposureState:
    amount = _better(light, taken.amount)
    if amount is None:
        if state.unread < UNREAD_FRAMES:
            return state
        amount = state.base * _BRACKET[state.tries % len(_BRACKET)]
    asked = limits.exposure(amount)
    if state.asked is None and _is_same(asked.amount, taken.amount):
        return state  # it is so already: the camera may go on metering
    return replace(state, asked=asked, waited=0, tries=state.tries + 1)


def _better(light: FrameLight, amount: float) -> float | None:
    """The amount that a frame itself asks for; None: nothing is plainly wrong with this one."""
    if light.code is not None and light.code < BURNT_LEVEL:
        factor = (CODE_LEVEL / max(light.code, 4.0)) ** GAMMA
        return amount if 1 / CODE_STEP_MIN < factor < CODE_STEP_MIN else amount * min(factor, STEP**2)
    if light.burnt_share > BURNT_SHARE:
        return min(amount / STEP, DISPLAY_AMOUNT)
    if light.bright < DARK_LEVEL:
        return amount * STEP
    return None


def is_at_limit(taken: Exposure, limits: ExposureLimits) -> bool:
    """Whether the camera can't expose (much) longer than this."""
    return taken.amount >= LIMIT_SHARE * limits.amount_max


def _is_same(one: float, other: float) -> bool:
    return abs(one - other) <= SAME_WITHIN * other
