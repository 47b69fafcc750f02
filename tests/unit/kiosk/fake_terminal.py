"""A terminal's end of the kiosk's socket with scripted screens; records every order. For tests of the kiosk.

It speaks the protocol of gate/screens.py over a real Unix socket, in a thread of its own, and repeats its screen as a
terminal does. `answer` says what becomes of an order; None: it is never answered.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from gate.screens import (
    MAX_LINE_BYTES,
    Answer,
    BarrierShown,
    GateShown,
    Order,
    OrderLine,
    ResidentScreen,
    ScreenState,
    StepShown,
    StepState,
    TerminalLine,
)

REPEAT_S = 1.0
WITHIN_S = 10.0
NOON = datetime(2026, 2, 10, 4, 0, tzinfo=UTC)
T = TypeVar("T")


def gate(**changes: Any) -> GateShown:
    """A gate where all is well."""
    usual: dict[str, Any] = {
        "device": "gate-1-in",
        "gate_number": 1,
        "direction": "in",
        "has_barrier": True,
        "has_thermometer": True,
        "steps": ("ask", "measure", "check", "scan"),
        "mode": "ready",
        "clock": "ntp",
        "now": NOON,
        "rules_version": 3,
        "directory_version": 12,
        "directory_age_s": 600,
        "backlog": 0,
        "journal_used_percent": 4,
    }
    return GateShown(**(usual | changes))


def steps(
    now: str | None = None, order: tuple[str, ...] = ("ask", "measure", "check", "scan")
) -> tuple[StepShown, ...]:
    """The steps row with one of them going on."""
    place = order.index(now) if now is not None else -1
    states = [
        StepState.DONE if i < place else StepState.NOW if i == place else StepState.AHEAD for i in range(len(order))
    ]
    return tuple(StepShown(step=step, state=state) for step, state in zip(order, states, strict=True))


def screen(instruction: str = "welcome", *, gate_changes: dict[str, Any] | None = None, **changes: Any) -> ScreenState:
    """A whole screen. `resident`: changes of the resident's part; anything else is of the screen."""
    resident = {"steps": steps(), **changes.pop("resident", {})}
    return ScreenState(
        revision=changes.pop("revision", 1),
        gate=gate(**(gate_changes or {})),
        resident=ResidentScreen(instruction=instruction, **resident),
        barrier=changes.pop("barrier", BarrierShown(is_released=False, is_open=False, is_free=False)),
        **changes,
    )


class FakeTerminal:
    """Listens from `start` to `stop`; may be started again. Every method may be called from any thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.orders: list[Order] = []
        self.answer: Callable[[Order], Answer | None] = lambda order: Answer(is_done=True)
        self.connections = 0
        self.is_mute = False
        self._screen: ScreenState = screen()
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._changed = threading.Condition()

    def __enter__(self) -> "FakeTerminal":
        self.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self.stop()

    def start(self) -> None:
        ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready)), name="fake-terminal")
        self._thread.start()
        assert ready.wait(WITHIN_S)

    def stop(self) -> None:
        """Close every connection and the socket, as a terminal that dies."""
        loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            return
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(self._stopping.set)
        thread.join(WITHIN_S)
        assert not thread.is_alive()
        self._loop = self._thread = None

    def show(self, shown: ScreenState) -> None:
        """Send this screen to everybody, and to whoever connects."""
        self._screen = shown
        self._do(self._show_all())

    def send_bytes(self, raw: bytes) -> None:
        """Send whatever this is."""
        self._do(self._write_all(raw))

    def drop_all(self) -> None:
        """Close every connection, and go on listening."""
        self._do(self._drop_all())

    def await_that(self, is_so: Callable[[], bool], within_s: float = WITHIN_S) -> None:
        """Wait for something that an order or a connection brings about."""
        with self._changed:
            assert self._changed.wait_for(is_so, within_s), f"did not come within {within_s} s: {self.orders}"

    def _do(self, what: Coroutine[Any, Any, T]) -> T:
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(WITHIN_S)

    async def _serve(self, ready: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        self.path.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(self._serve_one, self.path, limit=MAX_LINE_BYTES)
        repeating = asyncio.create_task(self._repeat())
        ready.set()
        await self._stopping.wait()
        repeating.cancel()
        server.close()
        await self._drop_all()
        self.path.unlink(missing_ok=True)
        await asyncio.sleep(0)

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with self._changed:
            self.connections += 1
            self._changed.notify_all()
        try:
            if not self.is_mute:
                writer.write(self._line())
            while line := await reader.readline():
                self._take(OrderLine.model_validate_json(line), writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    def _take(self, given: OrderLine, writer: asyncio.StreamWriter) -> None:
        answer = self.answer(given.order)
        with self._changed:  # before whoever gave it hears the answer, and looks
            self.orders.append(given.order)
            self._changed.notify_all()
        if answer is not None:
            writer.write(TerminalLine(number=given.number, answer=answer).model_dump_json().encode() + b"\n")

    async def _repeat(self) -> None:
        while True:
            await asyncio.sleep(REPEAT_S)
            await self._show_all()

    async def _show_all(self) -> None:
        if not self.is_mute:
            await self._write_all(self._line())

    async def _write_all(self, raw: bytes) -> None:
        for writer in list(self._writers):
            writer.write(raw)

    async def _drop_all(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    def _line(self) -> bytes:
        return TerminalLine(screen=self._screen).model_dump_json().encode() + b"\n"
