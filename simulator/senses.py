"""What people make of a gate's lamps: opened, refused, or a guard comes. Pure.

People know no signal names. They see lamps: a steady red is no, red and green in turn call the guard, an open barrier is
an open barrier. The times are those that it takes to tell one from the other by eye.
"""

from collections.abc import Sequence
from enum import Enum

from simulator.wires import OutputChange
from simulator.wiring import Output

# Longer than any red within the alternating pattern (0.5 s), so that it can only be the steady one.
_STEADY_S = 0.65
_IN_TURN_WITHIN_S = 1.3
_BLINKS_WITHIN_S = 0.4


class GateAnswer(Enum):
    """What the gate said, as a person understands it."""

    OPENED = "opened"
    REFUSED = "refused"
    GUARD_CALLED = "guard_called"
    NOTHING = "nothing"


def perceive(changes: Sequence[OutputChange], now: float, *, has_barrier: bool = True) -> GateAnswer:
    """What the lamps say now. changes: since the person began to look, oldest first; now on the same clock."""
    if any(change.output is Output.RELEASE and change.is_active for change in changes):
        return GateAnswer.OPENED
    reds = [change for change in changes if change.output is Output.RED and change.is_active]
    greens = [change for change in changes if change.output is Output.GREEN and change.is_active]
    if reds and greens and _in_turn(reds[-1].at, greens[-1].at, now):
        return GateAnswer.GUARD_CALLED
    if not has_barrier and greens and now - greens[-1].at >= _STEADY_S:
        return GateAnswer.OPENED
    if _is_red_alone(changes, reds, greens, now):
        return GateAnswer.REFUSED
    return GateAnswer.NOTHING


def _is_red_alone(
    changes: Sequence[OutputChange], reds: Sequence[OutputChange], greens: Sequence[OutputChange], now: float
) -> bool:
    """Whether red has been alone for long enough, and has not gone out since."""
    last_green_at = greens[-1].at if greens else float("-inf")
    alone = [red for red in reds if red.at > last_green_at]
    if not alone or now - alone[0].at < _STEADY_S:
        return False
    went_out = [change for change in changes if change.output is Output.RED and not change.is_active]
    return not went_out or went_out[-1].at < reds[-1].at or now - went_out[-1].at <= _BLINKS_WITHIN_S


def _in_turn(red_at: float, green_at: float, now: float) -> bool:
    return now - min(red_at, green_at) <= _IN_TURN_WITHIN_S and red_at != green_at
