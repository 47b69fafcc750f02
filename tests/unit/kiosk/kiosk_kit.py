"""A whole kiosk in a thread: its pages on a free port of this machine, before a fake terminal."""

import asyncio
import socket
import threading
from collections.abc import Sequence
from datetime import timedelta, timezone
from pathlib import Path

from fake_terminal import FakeTerminal, screen

from gate.kiosk.__main__ import make_words
from gate.kiosk.application import make_application
from gate.kiosk.board import Board
from gate.kiosk.event_stream import Seats
from gate.kiosk.kiosk import Kiosk
from gate.kiosk.notices import Notice, NoticeBoard
from gate.kiosk.security import LOOPBACK
from gate.kiosk.server import PageServer
from gate.kiosk.terminal_client import TerminalClient
from gate.screens import ScreenState

BEIJING = timezone(timedelta(hours=8))
PHONES = {"guard": "0830-555 0101", "office": "0830-555 0100", "police": "110", "ambulance": "120"}
WITHIN_S = 10.0


def make_kiosk(
    path: Path,
    *,
    languages: Sequence[str] = ("zh", "en"),
    notices: Sequence[Notice] = (),
    seats: int = 250,
    board: Board | None = None,
) -> Kiosk:
    """A kiosk that looks at this socket. Where a board with a screen is given, nothing needs to run."""
    board = board or Board()
    return Kiosk(
        board=board,
        terminal=TerminalClient(path, board),
        words=make_words(languages),
        phones=PHONES,
        notices=NoticeBoard(notices),
        zone=BEIJING,
        hosts=LOOPBACK,
        seats=Seats(seats),
    )


def board_with(shown: ScreenState | None = None) -> Board:
    """A board on which a terminal's screen has come."""
    board = Board()
    board.take(shown or screen())
    return board


class ServedKiosk:
    """Runs until `stop`. terminal: the fake at its socket, started."""

    def __init__(
        self, folder: Path, *, languages: Sequence[str] = ("zh", "en"), notices: Sequence[Notice] = ()
    ) -> None:
        self.terminal = FakeTerminal(folder / "k.sock")
        self.terminal.start()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._ready = threading.Event()
        self._languages, self._notices = languages, notices
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="kiosk")
        self._thread.start()
        assert self._ready.wait(WITHIN_S)
        self.terminal.await_that(lambda: self.terminal.connections > 0)

    def stop(self) -> None:
        """End the pages and the terminal."""
        self.stop_pages()
        self.terminal.stop()

    def stop_pages(self) -> None:
        """End the kiosk alone."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop)
            self._thread.join(WITHIN_S)
            assert not self._thread.is_alive()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.kiosk = make_kiosk(self.terminal.path, languages=self._languages, notices=self._notices)
        self._server = PageServer(make_application(self.kiosk), self._listener, None, None)
        running = asyncio.create_task(self.kiosk.terminal.run())
        self._ready.set()
        try:
            await self._server.serve()
        finally:
            running.cancel()
            self._listener.close()

    def _stop(self) -> None:
        self._server.stop()
        self.kiosk.board.close()
