"""What the person in front of the gate is shown now, as one JSON object; a pure function of the board's state.

Nothing of the guard's part of a screen is read here, so nothing of it can leave.
"""

from gate.kiosk.event_stream import Content
from gate.kiosk.kiosk import Kiosk


def resident_content(kiosk: Kiosk) -> Content:
    """The newest; without a terminal only that this gate is out of order."""
    screen = kiosk.board.screen
    if screen is None:
        return {"is_alive": False}
    return {"is_alive": True, "instruction": screen.resident.instruction}
