"""What would make a code that is held up readable, said calmly: pure.

Rules: trouble must last APPEARS_AFTER_S before anything is said, so that a hand on its way in hears nothing. A hint
that is shown makes way for another only after STAYS_S, and only when the looks said nothing but the other for as
long. It goes at once when a code is read, and when nothing code-like was seen for GOES_AFTER_S. So at most one hint a
second begins.
"""

from dataclasses import dataclass, replace
from typing import Final

from drivers.code_finder import Candidate
from drivers.ports import CameraHint
from model.clock import Instant

START: Final = Instant(0.0)
APPEARS_AFTER_S: Final = 0.5
GOES_AFTER_S: Final = 0.7  # two looks at the angle at which it was seen
STAYS_S: Final = 1.5
SMALLEST_MODULE_PX: Final = 1.7  # measured: below 1.5 pixels per module zxing-cpp begins to miss
LARGEST_SHARE: Final = 0.97  # of the frame's height
BURNT_SHARE: Final = 0.06  # more white than that is not in any code's own modules
DIM_CONTRAST: Final = 30  # grey levels between the quiet zone and the darkest tenth


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Something code-like that can't be read: since when, seen last, and the hint of the last looks since when."""

    since: Instant
    seen_last: Instant
    hint: CameraHint
    hint_since: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class HintState:
    """shown: what stands on the screen, and since when."""

    shown: CameraHint | None = None
    shown_since: Instant = START
    trouble: Trouble | None = None


def hint_for(candidate: Candidate, frame_height: int, *, light_is_scarce: bool = False) -> CameraHint:
    """What to say about something that looks like a code and was not read.

    light_is_scarce: the camera exposes so long that hands and noise blur what it sees.
    """
    if candidate.is_cut or candidate.side_px > LARGEST_SHARE * frame_height:
        return CameraHint.FARTHER
    if candidate.burnt_share > BURNT_SHARE:
        return CameraHint.LESS_GLARE
    if abs(candidate.light - candidate.dark) < DIM_CONTRAST:
        return CameraHint.BRIGHTER
    if candidate.module_px < SMALLEST_MODULE_PX:
        return CameraHint.CLOSER
    return CameraHint.BRIGHTER if light_is_scarce else CameraHint.HOLD_STILL


def after_look(state: HintState, at: Instant, hint: CameraHint | None) -> HintState:
    """The state after a look found a code's trouble, or None: nothing code-like."""
    before = state.trouble
    if hint is None:
        return HintState() if before is None or at - before.seen_last > GOES_AFTER_S else state
    trouble = Trouble(
        since=at if before is None else before.since,
        seen_last=at,
        hint=hint,
        hint_since=before.hint_since if before is not None and before.hint is hint else at,
    )
    if state.shown is None:
        is_time = at - trouble.since >= APPEARS_AFTER_S
    else:
        is_time = at - state.shown_since >= STAYS_S and at - trouble.hint_since >= STAYS_S
    if is_time and hint is not state.shown:
        return HintState(shown=hint, shown_since=at, trouble=trouble)
    return replace(state, trouble=trouble)


def after_reading() -> HintState:
    """The state after a code was read: nothing to say."""
    return HintState()
