"""The terminal's end of the kiosk's Unix socket: gate/screens.py says what is spoken on it.

Rules of this server:
- It lives in the terminal's loop and waits for no client: a screen is written when the client has taken the one before,
  and then the newest is written. There is never a queue of screens.
- Who does not read for SEND_WITHIN_S is dropped, and so is who sends what is not an order; a kiosk connects again.
- So many orders of one client may be in work; the next one is answered BUSY. An emergency release never is.
- Answers that a client does not take stop it from being read.
"""

import asyncio
import contextlib
import logging
import os
import socket
import stat
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, Protocol

from pydantic import BaseModel, ConfigDict, ValidationError

from gate.screens import (
    MAX_LINE_BYTES,
    Answer,
    Number,
    Order,
    OrderLine,
    Refusal,
    ReleaseInEmergency,
    ScreenState,
    TerminalLine,
)

log = logging.getLogger(__name__)

MAX_CLIENTS: Final = 4
MAX_ORDERS_IN_WORK: Final = 8
MAX_ANSWERS_WAITING: Final = 16
SEND_WITHIN_S: Final = 5.0
SCREEN_INTERVAL_S: Final = 0.05
"""Between two screens of one cause after another; a new instruction to the resident waits only AT_ONCE_INTERVAL_S."""
AT_ONCE_INTERVAL_S: Final = 0.005
REPEAT_S: Final = 1.5
"""The screen is sent again after so long without a line: a kiosk takes silence of 3 s for a dead terminal."""
MAX_PATH_BYTES: Final = 107
"""sun_path of unix(7) has 108 bytes, the last of which is 0."""
SEND_BUFFER_BYTES: Final = 16 * 1024
"""Small, so that the kernel holds few old screens for a slow reader."""
MODE: Final = 0o600

_BACKLOG: Final = 8


class KioskPortError(Exception):
    """The socket can't be made; the lane goes on without screens. why: a short word for records."""

    def __init__(self, why: str, message: str) -> None:
        super().__init__(message)
        self.why = why


class ScreenSource(Protocol):
    """Where screens come from; the loop's thread."""

    def is_new(self) -> bool:
        """Whether there is something to see that was not there when this was last asked."""

    def newest(self) -> ScreenState:
        """The screen as it is at this moment."""


class KioskPort:
    """Serves screens to kiosks and hands their orders on. Everything runs on the loop's thread."""

    def __init__(
        self,
        path: Path,
        *,
        source: ScreenSource,
        carry_out: Callable[[Order], Awaitable[Answer]],
        send_within_s: float = SEND_WITHIN_S,
    ) -> None:
        self._path = path
        self._source = source
        self._carry_out = carry_out
        self._send_within_s = send_within_s
        self._clients: set[_Client] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._flushed_at = float("-inf")

    @property
    def has_clients(self) -> bool:
        """Whether anybody looks."""
        return bool(self._clients)

    async def serve(self) -> None:
        """Listen until cancelled. Raises KioskPortError when the socket can't be made."""
        listener = listen(self._path)
        server = await asyncio.start_unix_server(self._serve_client, sock=listener, limit=MAX_LINE_BYTES)
        try:
            await asyncio.Event().wait()
        finally:
            server.close()
            self._path.unlink(missing_ok=True)
            if self._timer is not None:
                self._timer.cancel()
            for client in list(self._clients):
                client.drop()

    def changed(self, *, at_once: bool) -> None:
        """Something may be new. at_once: the resident is told something else."""
        if not self._clients:
            return
        loop = asyncio.get_running_loop()
        due = max(loop.time(), self._flushed_at + (AT_ONCE_INTERVAL_S if at_once else SCREEN_INTERVAL_S))
        if self._timer is not None:
            if self._timer.when() <= due:
                return
            self._timer.cancel()
        self._timer = loop.call_at(due, self._flush)

    def _flush(self) -> None:
        self._timer = None
        self._flushed_at = asyncio.get_running_loop().time()
        try:
            is_new = self._source.is_new()
        except Exception as error:  # noqa: BLE001  # the words of a message that can't be made may name somebody
            log.error("screen_failed error=%s", type(error).__name__)
            return
        if is_new:
            for client in self._clients:
                client.want_screen()

    async def _serve_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._clients) >= MAX_CLIENTS:
            log.warning("kiosk_refused clients=%d", len(self._clients))
            writer.transport.abort()
            return
        client = _Client(reader, writer, self._source, self._carry_out, self._send_within_s)
        self._clients.add(client)
        log.info("kiosk_connected clients=%d", len(self._clients))
        try:
            await client.serve()
        finally:
            self._clients.discard(client)
            log.info("kiosk_gone why=%s clients=%d", client.why_gone, len(self._clients))


class _Client:
    """One connection."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        source: ScreenSource,
        carry_out: Callable[[Order], Awaitable[Answer]],
        send_within_s: float,
    ) -> None:
        self.why_gone = "closed"
        self._reader = reader
        self._writer = writer
        self._source = source
        self._carry_out = carry_out
        self._send_within_s = send_within_s
        self._answers: deque[TerminalLine] = deque()
        self._wants_screen = True
        self._is_last = False  # nothing comes after these answers
        self._news = asyncio.Event()
        self._news.set()
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._in_work: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        """Read and write until either ends."""
        self._writer.transport.set_write_buffer_limits(high=0)
        connection = self._writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        sender = asyncio.create_task(self._send(), name="kiosk-send")
        receiver = asyncio.create_task(self._receive(), name="kiosk-receive")
        try:
            await asyncio.wait((sender, receiver), return_when=asyncio.FIRST_COMPLETED)
            if self._is_last:
                await sender
        finally:
            for task in (sender, receiver):
                task.cancel()
            for ended in await asyncio.gather(sender, receiver, return_exceptions=True):
                if isinstance(ended, Exception):
                    self.why_gone = type(ended).__name__
                    log.error("kiosk_failed error=%s", self.why_gone)
            self.drop()

    def want_screen(self) -> None:
        """The newest screen is to be sent as soon as this client takes it."""
        self._wants_screen = True
        self._news.set()

    def drop(self) -> None:
        """End the connection; orders in work are carried out all the same."""
        self._writer.transport.abort()

    async def _receive(self) -> None:
        while True:
            try:
                line = await self._reader.readuntil(b"\n")
            except (asyncio.IncompleteReadError, ConnectionError):
                return
            except asyncio.LimitOverrunError:
                self._refuse_garbage(None, "line_too_long")
                return
            try:
                given = OrderLine.model_validate_json(line)
            except ValidationError:
                self._refuse_garbage(_number_of(line), "not_an_order")
                return
            await self._take(given)
            await self._has_room.wait()

    async def _take(self, given: OrderLine) -> None:
        if isinstance(given.order, ReleaseInEmergency):
            await self._work(given)  # takes one turn of the inbox; a way out waits for nobody's PIN
        elif len(self._in_work) >= MAX_ORDERS_IN_WORK:
            self._say(given.number, Answer(is_done=False, why=Refusal.BUSY))
        else:
            task = asyncio.create_task(self._work(given), name="kiosk-order")
            self._in_work.add(task)
            task.add_done_callback(self._in_work.discard)

    async def _work(self, given: OrderLine) -> None:
        try:
            answer = await self._carry_out(given.order)
        except Exception as error:  # noqa: BLE001  # what was ordered stands in the error: its type alone is logged
            log.error("order_failed kind=%s error=%s", given.order.kind, type(error).__name__)
            answer = Answer(is_done=False, why=Refusal.NOT_NOW)
        self._say(given.number, answer)

    def _say(self, number: int | None, answer: Answer) -> None:
        self._answers.append(TerminalLine(number=number, answer=answer))
        if len(self._answers) >= MAX_ANSWERS_WAITING:
            self._has_room.clear()
        self._news.set()

    def _refuse_garbage(self, number: int | None, why: str) -> None:
        log.warning("kiosk_garbage why=%s", why)
        self.why_gone = why
        self._is_last = True
        self._say(number, Answer(is_done=False, why=Refusal.INVALID))

    async def _send(self) -> None:
        while True:
            try:
                async with asyncio.timeout(REPEAT_S):
                    await self._news.wait()
            except TimeoutError:
                self._wants_screen = True
            self._news.clear()
            while self._answers or self._wants_screen:
                if not await self._send_line(self._next_line()):
                    return
            if self._is_last:
                return

    def _next_line(self) -> bytes:
        if self._answers:
            line = self._answers.popleft()
            if len(self._answers) < MAX_ANSWERS_WAITING:
                self._has_room.set()
        else:
            self._wants_screen = False
            line = TerminalLine(screen=self._source.newest())
        return line.model_dump_json().encode() + b"\n"

    async def _send_line(self, line: bytes) -> bool:
        if len(line) > MAX_LINE_BYTES:
            log.error("screen_too_long bytes=%d", len(line))
            return True
        try:
            self._writer.write(line)
            async with asyncio.timeout(self._send_within_s):
                await self._writer.drain()
        except TimeoutError:
            self.why_gone = "does_not_read"
            return False
        except ConnectionError:
            return False
        return True


class _Numbered(BaseModel):
    """What can still be read of a line that is no order."""

    model_config = ConfigDict(extra="ignore", strict=True)

    number: Number


def _number_of(line: bytes) -> int | None:
    try:
        return _Numbered.model_validate_json(line).number
    except ValidationError:
        return None


def listen(path: Path) -> socket.socket:
    """A listening socket under this path, for its owner alone. Raises KioskPortError, which says what to do."""
    length = len(os.fsencode(path))
    if length > MAX_PATH_BYTES:
        raise KioskPortError(
            "path_too_long",
            f"{path} has {length} bytes, and the path of a socket at most {MAX_PATH_BYTES}: set kiosk.socket_path to a"
            " shorter one, such as /run/gatehouse/kiosk-1.sock",
        )
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _remove_stale(path)
        # Before bind, so that nobody else can connect in between; umask would be the whole process's.
        os.fchmod(listener.fileno(), MODE)
        listener.bind(str(path))
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise KioskPortError("no_socket", f"{path}: {error.strerror}: correct kiosk.socket_path") from error
    except KioskPortError:
        listener.close()
        raise
    return listener


def _remove_stale(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise KioskPortError("not_a_socket", f"{path} is not a socket: move it away, or set kiosk.socket_path")
        if _somebody_listens(path):
            raise KioskPortError("in_use", f"{path} is served by another lane: give each its own kiosk.socket_path")
        path.unlink()


def _somebody_listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True
