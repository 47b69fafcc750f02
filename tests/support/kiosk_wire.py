"""A kiosk's end of the socket, as small as can be: for tests of a terminal. Blocking; call it from a thread."""

import socket
import time
from collections.abc import Callable
from pathlib import Path

from gate.screens import Answer, Order, OrderLine, ScreenState, SignIn, TerminalLine

WITHIN_S = 10.0


class KioskWire:
    """One connection. `newest` is the last screen that came."""

    def __init__(self, path: Path, *, within_s: float = WITHIN_S) -> None:
        """Connect, and wait for a terminal that is still starting."""
        self.within_s = within_s
        self.newest: ScreenState | None = None
        self._answers: dict[int, Answer] = {}
        self._number = 0
        self._rest = b""
        self._socket = _connected(path, within_s)

    def __enter__(self) -> "KioskWire":
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def send_bytes(self, raw: bytes) -> None:
        self._socket.sendall(raw)

    def send(self, order: Order) -> int:
        """Give an order; returns its number."""
        self._number += 1
        self.send_bytes(OrderLine(number=self._number, order=order).model_dump_json().encode() + b"\n")
        return self._number

    def answer(self, number: int) -> Answer:
        """The answer to this order. Raises TimeoutError, EOFError."""
        ends_at = time.monotonic() + self.within_s
        while number not in self._answers:
            self._take(self.line(ends_at))
        return self._answers.pop(number)

    def order(self, order: Order) -> Answer:
        """Give an order and wait for its answer."""
        return self.answer(self.send(order))

    def sign_in(self, guard: str, pin: str) -> str:
        """The token of a guard whose PIN is right."""
        answer = self.order(SignIn(guard=guard, pin=pin))
        assert answer.token is not None, answer
        return answer.token

    def screen(self, is_wanted: Callable[[ScreenState], object] = lambda screen: True) -> ScreenState:
        """The first screen like this, the newest that came already included. Raises TimeoutError, EOFError."""
        ends_at = time.monotonic() + self.within_s
        while self.newest is None or not is_wanted(self.newest):
            self._take(self.line(ends_at))
        return self.newest

    def line(self, ends_at: float | None = None) -> TerminalLine:
        """The next line, whatever it is. Raises EOFError when the terminal has closed, TimeoutError."""
        ends_at = ends_at if ends_at is not None else time.monotonic() + self.within_s
        while b"\n" not in self._rest:
            self._socket.settimeout(max(ends_at - time.monotonic(), 0.001))
            more = self._socket.recv(65_536)
            if not more:
                raise EOFError
            self._rest += more
        line, _, self._rest = self._rest.partition(b"\n")
        return TerminalLine.model_validate_json(line)

    def _take(self, line: TerminalLine) -> None:
        if line.screen is not None:
            self.newest = line.screen
        elif line.answer is not None and line.number is not None:
            self._answers[line.number] = line.answer


def _connected(path: Path, within_s: float) -> socket.socket:
    ends_at = time.monotonic() + within_s
    while True:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(str(path))
        except OSError:
            connection.close()
            if time.monotonic() > ends_at:
                raise
            time.sleep(0.02)
        else:
            return connection
