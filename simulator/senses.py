"""What people make of a gate's lamps: opened, refused, an alarm, or a guard comes. Pure.

People know no signal names. They see lamps: a steady red is no, a blinking red is an alarm, red and green in turn call
the guard, an open barrier is an open barrier. The times are those that it takes to tell one from the other by eye.
"""

from collections.abc import Sequence
from enum import Enum

from simulator.wires import OutputChange
from simulator.wiring import Output

# Longer than any red within the alternating pattern (0.5 s), so that it can only be the steady one.
_STEADY_S = 0.65
_IN_TURN_WITHIN_S = 1.3
_BLINKS_WITHIN_S = 0.7


class GateAnswer(Enum):
    """What the gate said, as a person understands it."""

    OPENED = "opened"
    REFUSED = "refused"
    ALARM = "alarm"
    GUARD_CALLED = "guard_called"
    NOTHING = "nothing"


def perceive(changes: Sequence[OutputChange], now: float, *, has_barrier: bool = True) -> GateAnswer:
    """What the lamps say now. changes: since the person began to look, oldest first; now on the same clock."""
    if any(change.output is Output.RELEASE and change.is_active for change in changes):
        return GateAnswer.OPENED
    last_red, last_green = _last_rise(changes, Output.RED), _last_rise(changes, Output.GREEN)
    if last_red is None and last_green is None:
        return GateAnswer.NOTHING
    if last_red is not None and last_green is not None and now - min(last_red, last_green) <= _IN_TURN_WITHIN_S:
        return GateAnswer.GUARD_CALLED
    if last_red is None or (last_green is not None and last_green > last_red):
        is_open = not has_barrier and _is_steady(changes, Output.GREEN, now)
        return GateAnswer.OPENED if is_open else GateAnswer.NOTHING
    if _is_steady(changes, Output.RED, now):
        return GateAnswer.REFUSED
    return GateAnswer.ALARM if _is_blinking(changes, last_green, now) else GateAnswer.NOTHING


def _last_rise(changes: Sequence[OutputChange], lamp: Output) -> float | None:
    rises = [change.at for change in changes if change.output is lamp and change.is_active]
    return rises[-1] if rises else None


def _is_steady(changes: Sequence[OutputChange], lamp: Output, now: float) -> bool:
    of_lamp = [change for change in changes if change.output is lamp]
    return bool(of_lamp) and of_lamp[-1].is_active and now - of_lamp[-1].at >= _STEADY_S


def _is_blinking(changes: Sequence[OutputChange], last_green: float | None, now: float) -> bool:
    reds = [
        change for change in changes if change.output is Output.RED and (last_green is None or change.at > last_green)
    ]
    rises = [change for change in reds if change.is_active]
    return len(rises) >= 2 and now - reds[-1].at <= _BLINKS_WITHIN_S
