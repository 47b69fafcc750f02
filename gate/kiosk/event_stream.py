"""Server-sent events: the newest state of the board to one browser, and a beat while nothing changes.

Rules:
- Nothing is queued: when a browser has taken an event, the newest state is sent, whatever was skipped.
- A browser that takes nothing for SEND_WITHIN_S is let go; EventSource connects again and gets the newest.
- At most MAX_OPEN streams; the next is answered 503 in words.
"""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from starlette.types import Message, Receive, Scope, Send

from gate.kiosk.board import Board
from gate.kiosk.errors import TooManyOpen

MAX_OPEN: Final = 250
BEAT_S: Final = 1.0
"""A page that hears neither state nor beat for 3 s says that the gate is out of order."""
SEND_WITHIN_S: Final = 10.0
RETRY_MS: Final = 500

Content = dict[str, object]


class Seats:
    """How many streams are open, of all pages together."""

    def __init__(self, at_most: int = MAX_OPEN) -> None:
        self.taken = 0
        self._at_most = at_most

    @contextmanager
    def seat(self) -> Iterator[None]:
        """One place, as long as it is used. Raises TooManyOpen."""
        self.require_room()
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1

    def require_room(self) -> None:
        """Raise TooManyOpen when every place is taken."""
        if self.taken >= self._at_most:
            raise TooManyOpen(f"all {self._at_most} places are taken")


class EventStream:
    """A response that ends when the browser goes, takes nothing, or may not see any more.

    content(): what this browser may see now, None when it may not see anything any more: it gets `bye`.
    """

    def __init__(self, board: Board, seats: Seats, content: Callable[[], Content | None]) -> None:
        seats.require_room()
        self._board = board
        self._seats = seats
        self._content = content

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._seats.seat():
            headers = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"x-accel-buffering", b"no")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            sending = asyncio.create_task(self._send_all(send), name="events-send")
            leaving = asyncio.create_task(_gone(receive), name="events-gone")
            try:
                await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (sending, leaving):
                    task.cancel()
                await asyncio.gather(sending, leaving, return_exceptions=True)

    async def _send_all(self, send: Send) -> None:
        if not await _sent(send, f"retry: {RETRY_MS}\n\n"):
            return
        shown = -1
        while True:
            if await self._board.another(shown, BEAT_S):
                if self._board.is_closed:
                    await send({"type": "http.response.body", "body": b""})
                    return
                shown = self._board.number
                content = self._content()
                if content is None:
                    await send({"type": "http.response.body", "body": event("bye", {}).encode()})
                    return
                words = event("state", content, shown)
            else:
                words = event("beat", {})
            if not await _sent(send, words):
                return


def event(name: str, content: Content, number: int | None = None) -> str:
    """One event as it goes over the wire."""
    counted = f"id: {number}\n" if number is not None else ""
    return f"{counted}event: {name}\ndata: {json.dumps(content, ensure_ascii=False, separators=(',', ':'))}\n\n"


async def _sent(send: Send, words: str) -> bool:
    message: Message = {"type": "http.response.body", "body": words.encode(), "more_body": True}
    try:
        async with asyncio.timeout(SEND_WITHIN_S):
            await send(message)
    except (TimeoutError, OSError):
        return False
    return True


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
