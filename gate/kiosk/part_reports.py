"""Tells the terminal of parts that belong to the kiosk, so that the record and the centre know what the screen shows.

What the terminal's screen says of them is compared with what is so: a terminal that was started anew is told again.
"""

import asyncio
import logging
from typing import Final

from gate.kiosk.board import Board
from gate.kiosk.errors import TerminalSilent
from gate.kiosk.terminal_client import TerminalClient
from gate.screens import ReportPart

log = logging.getLogger(__name__)

LOOK_INTERVAL_S: Final = 10.0
AGAIN_AFTER_S: Final = 5.0
SPEAKER: Final = "speaker"


def report_due(board: Board) -> ReportPart | None:
    """What the terminal does not know, or has wrong."""
    why = board.own_parts.get(SPEAKER)
    if board.screen is None or why is None:
        return None
    is_known_lost = any(lost.component == SPEAKER for lost in board.screen.lost)
    if is_known_lost == bool(why):
        return None
    return ReportPart(component=SPEAKER, is_available=not why, why=why or None)


async def report_parts(board: Board, terminal: TerminalClient) -> None:
    """Report until cancelled; a report that was not taken is made again."""
    shown = -1
    while not board.is_closed:
        await board.another(shown, LOOK_INTERVAL_S)
        shown = board.number
        report = report_due(board)
        if report is None:
            continue
        try:
            answer = await terminal.order(report)
            log.info("part_reported component=%s is_available=%s is_done=%s", SPEAKER, not report.why, answer.is_done)
        except TerminalSilent:
            log.warning("part_not_reported component=%s", SPEAKER)
        await asyncio.sleep(AGAIN_AFTER_S)  # the screen that follows says whether it is known now
