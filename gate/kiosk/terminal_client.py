"""The kiosk's end of the terminal's socket: screens in, orders out; gate/screens.py says what is spoken.

Rules:
- Whatever is wrong with the connection (closed, silent, garbage), it is dropped and made anew, for ever.
- A terminal that closes is dead at once; one that sends no screen for SILENT_AFTER_S is as well. Dead means that the
  board has no screen: nothing old is ever shown.
- The screen of another lane is none: two lanes whose settings name one socket must not be given each other's orders.
- An order has a number and a time. What was not answered in time is not known to have happened, and is not repeated.
"""

import asyncio
import logging
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from gate.kiosk.board import Board
from gate.kiosk.errors import TerminalSilent
from gate.screens import MAX_LINE_BYTES, Answer, Order, OrderLine, Refusal, ReleaseInEmergency, TerminalLine

log = logging.getLogger(__name__)

SILENT_AFTER_S: Final = 3.0
ORDER_WITHIN_S: Final = 3.0
RECONNECT_MIN_S: Final = 0.2
RECONNECT_MAX_S: Final = 2.0
CONNECT_WITHIN_S: Final = 2.0
MAX_ORDERS_OPEN: Final = 8
"""As many as a terminal takes of one kiosk; the next is BUSY without asking it. An emergency release always goes."""


class TerminalClient:
    """One connection to the terminal, kept alive. On the loop's thread."""

    def __init__(
        self,
        path: Path,
        board: Board,
        *,
        device: str | None = None,
        silent_after_s: float = SILENT_AFTER_S,
        order_within_s: float = ORDER_WITHIN_S,
    ) -> None:
        """device: the lane whose screens these are; None: any."""
        self.board = board
        self._path = path
        self._device = device
        self._silent_after_s = silent_after_s
        self._order_within_s = order_within_s
        self._writer: asyncio.StreamWriter | None = None
        self._number = 0
        self._open: dict[int, asyncio.Future[Answer]] = {}
        self._told = ""

    async def run(self) -> None:
        """Keep connected until cancelled."""
        delay_s = RECONNECT_MIN_S
        while True:
            why, was_heard = await self._connection()
            self._tell_gone(why)
            delay_s = RECONNECT_MIN_S if was_heard else min(2 * delay_s, RECONNECT_MAX_S)
            await asyncio.sleep(delay_s)

    async def order(self, order: Order) -> Answer:
        """Have an order carried out. Raises TerminalSilent when there is no answer in time."""
        if self._writer is None or not self.board.is_alive:
            raise TerminalSilent("the terminal of this gate is not heard")
        if len(self._open) >= MAX_ORDERS_OPEN and not isinstance(order, ReleaseInEmergency):
            return Answer(is_done=False, why=Refusal.BUSY)
        self._number += 1
        number = self._number
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._open[number] = answered
        try:
            async with asyncio.timeout(self._order_within_s):
                self._writer.write(OrderLine(number=number, order=order).model_dump_json().encode() + b"\n")
                await self._writer.drain()
                return await answered
        except (TimeoutError, ConnectionError) as error:
            raise TerminalSilent("the terminal of this gate did not answer") from error
        finally:
            del self._open[number]

    async def _connection(self) -> tuple[str, bool]:
        """One connection from its beginning to its end: why it ended, and whether a screen ever came."""
        try:
            async with asyncio.timeout(CONNECT_WITHIN_S):
                reader, writer = await asyncio.open_unix_connection(self._path, limit=MAX_LINE_BYTES)
        except (OSError, TimeoutError):
            return "not_there", False
        self._writer = writer
        was_heard = False
        loop = asyncio.get_running_loop()
        silent_at = loop.time() + self._silent_after_s
        try:
            while True:
                async with asyncio.timeout_at(silent_at):
                    line = TerminalLine.model_validate_json(await reader.readuntil(b"\n"))
                if line.screen is not None and line.screen.gate.device != (self._device or line.screen.gate.device):
                    return "another_lane", was_heard
                if line.screen is not None:
                    silent_at = loop.time() + self._silent_after_s
                    was_heard = True
                    self._tell_heard()
                    self.board.take(line.screen)
                elif line.answer is not None and line.number is not None:
                    self._settle(line.number, line.answer)
        except TimeoutError:
            return "silent", was_heard
        except (asyncio.IncompleteReadError, ConnectionError):
            return "closed", was_heard
        except (asyncio.LimitOverrunError, ValidationError):
            return "not_understood", was_heard
        finally:
            self._writer = None
            writer.transport.abort()
            self.board.take(None)
            for answered in self._open.values():
                if not answered.done():
                    answered.set_exception(ConnectionResetError())

    def _settle(self, number: int, answer: Answer) -> None:
        answered = self._open.get(number)
        if answered is not None and not answered.done():
            answered.set_result(answer)

    def _tell_heard(self) -> None:
        if self._told != "heard":
            self._told = "heard"
            log.info("terminal_heard")

    def _tell_gone(self, why: str) -> None:
        if self._told != why:
            self._told = why
            log.warning("terminal_gone why=%s", why)
