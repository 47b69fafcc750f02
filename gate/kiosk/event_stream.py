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


def encoded(content: Content) -> bytes:
    """A state as it goes over the wire; what many browsers see is encoded once for all of them."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


class EventStream:
    """A response that ends when the browser goes, takes nothing, or may not see any more.

    content(): what this browser may see now, encoded; None when it may not see anything any more: it gets `bye`.
    """

    def __init__(self, board: Board, seats: Seats, content: Callable[[], bytes | None]) -> None:
        seats.require_room()
        self._board = board
        self._seats = seats
        self._content = content
        self._waits_since: float | None = None  # for the browser to take what it was sent

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._seats.seat():
            headers = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"x-accel-buffering", b"no")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            sending = asyncio.create_task(self._send_all(send), name="events-send")
            leaving = asyncio.create_task(_gone(receive), name="events-gone")
            try:
                while not self._is_slow():
                    # One look now and then, instead of a timer for every event of every page.
                    ended, _ = await asyncio.wait(
                        (sending, leaving), timeout=SEND_WITHIN_S / 4, return_when=asyncio.FIRST_COMPLETED
                    )
                    if ended:
                        return
            finally:
                for task in (sending, leaving):
                    task.cancel()
                await asyncio.gather(sending, leaving, return_exceptions=True)

    async def _send_all(self, send: Send) -> None:
        if not await self._sent(send, b"retry: %d\n\n" % RETRY_MS):
            return
        shown = -1
        while True:
            if await self._board.another(shown, BEAT_S):
                if self._board.is_closed:
                    await self._sent(send, b"", is_last=True)
                    return
                shown = self._board.number
                content = self._content()
                if content is None:
                    await self._sent(send, event("bye"), is_last=True)
                    return
                words = event("state", content, shown)
            else:
                words = _BEAT
            if not await self._sent(send, words):
                return

    async def _sent(self, send: Send, words: bytes, *, is_last: bool = False) -> bool:
        message: Message = {"type": "http.response.body", "body": words, "more_body": not is_last}
        self._waits_since = asyncio.get_running_loop().time()
        try:
            await send(message)
        except OSError:
            return False
        self._waits_since = None
        return True

    def _is_slow(self) -> bool:
        now = asyncio.get_running_loop().time()
        return self._waits_since is not None and now - self._waits_since >= SEND_WITHIN_S


def event(name: str, content: bytes = b"{}", number: int | None = None) -> bytes:
    """One event as it goes over the wire."""
    counted = b"id: %d\n" % number if number is not None else b""
    return b"%bevent: %b\ndata: %b\n\n" % (counted, name.encode(), content)


_BEAT: Final = event("beat")


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
