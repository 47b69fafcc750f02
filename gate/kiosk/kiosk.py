"""What the pages of one kiosk share, put together by the composition root."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo

from gate.kiosk.board import Board
from gate.kiosk.event_stream import Seats
from gate.kiosk.notices import NoticeBoard
from gate.kiosk.terminal_client import TerminalClient
from gate.kiosk.words import Words


@dataclass(frozen=True, slots=True, kw_only=True)
class Kiosk:
    """words: in the order of the screen, at least one language. phones: whom to call, by role; empty ones left out.

    zone: of every time that is shown; None: the machine's own. is_https: cookies may be marked secure.
    site: where the gate's own sensor measures, forehead or wrist.
    """

    board: Board
    terminal: TerminalClient
    words: Sequence[Words]
    phones: Mapping[str, str]
    notices: NoticeBoard
    zone: tzinfo | None = None
    site: str = "forehead"
    is_https: bool = False
    hosts: tuple[str, ...] = ()
    seats: Seats = field(default_factory=Seats)
