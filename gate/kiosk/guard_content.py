"""What a guard's browser is shown now, as one JSON object; a pure function of the board and of who looks.

Who is not signed in sees the gate, its guards, its faults and alarms; nothing of anybody who comes or came.
"""

from collections.abc import Mapping
from datetime import datetime, tzinfo
from enum import Enum
from typing import Final

from gate.kiosk.board import Board
from gate.kiosk.event_stream import Content
from gate.kiosk.guard_sessions import Ended

CALLS_THE_GUARD: Final = frozenset({"guard_comes", "show_card_to_guard"})
FOR_GUARDS_ALONE: Final[Mapping[str, object]] = {"visit": None, "passages": []}


def guard_content(
    board: Board, *, zone: tzinfo | None, is_signed_in: bool, is_own_screen: bool, ended: Ended | None
) -> Content:
    """The newest. Without a terminal: that it is not heard, and nothing that it once said."""
    told: Content = {
        "is_alive": board.is_alive,
        "is_signed_in": is_signed_in,
        "is_own_screen": is_own_screen,
        "ended": {"why": ended.why.value, "name": ended.name} if ended is not None else None,
        "age_s": round(board.age_s, 2),
        "somebody_waits": False,
        "screen": None,
    }
    if board.screen is None:
        return told
    screen = board.screen.model_dump(exclude={"v", "revision"})
    screen["lost"] = [lost.model_dump() for lost in board.lost]
    # Somebody was told that the guard comes; true also where no visit can be shown, because nothing can be recorded.
    told["somebody_waits"] = board.screen.resident.instruction in CALLS_THE_GUARD
    if not is_signed_in:
        screen |= FOR_GUARDS_ALONE
        screen["resident"] = {**screen["resident"], "body_c": None}
    return told | {"screen": _plain(screen, zone)}


def _plain(value: object, zone: tzinfo | None) -> object:
    """For JSON: moments in the gate's own time, so that every browser shows the same."""
    match value:
        case datetime():
            return value.astimezone(zone).isoformat(timespec="seconds")
        case Enum():
            return value.value
        case Mapping():
            return {key: _plain(each, zone) for key, each in value.items()}
        case list() | tuple():
            return [_plain(each, zone) for each in value]
        case _:
            return value
