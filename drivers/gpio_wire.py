"""Pins on a Unix socket: JSON, one object per line.

To the terminal: {"pin": 17, "level": 0} drives an input (BCM number; also before the terminal has claimed it).
From the terminal: on connecting {"snapshot": {"17": 1, …}} with the level of every claimed output; then, for every
change of an output from its very claim on, {"pin": 17, "level": 1, "at": seconds on the monotonic clock}. A line that
is wrong is answered with {"error": "…"}. A connection that ends means that the terminal is dead: its relays have
dropped.
"""

import json
import logging
import queue
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

from drivers.errors import DriverUnavailable

log = logging.getLogger(__name__)

LINE_MAX = 1024
CLIENTS_MAX = 16
QUEUED_LINES_MAX = 1000  # a client that reads slower than this loses its connection, never the terminal its time


class PinWire:
    """Serves the pins of one terminal to whoever plays the outside world. Threads are its own.

    drive(pin, level) puts a level on an input; it raises ValueError when that can't be. snapshot() is every claimed
    output's level. Raises DriverUnavailable when the socket can't be made.
    """

    def __init__(
        self,
        path: Path,
        drive: Callable[[int, bool], None],
        snapshot: Callable[[], dict[int, bool]],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._monotonic = monotonic
        self._drive = drive
        self._snapshot = snapshot
        self._clients: dict[socket.socket, queue.Queue[bytes | None]] = {}
        # Reentrant: a level that is driven in may be answered by an output on the same thread.
        self._lock = threading.RLock()
        self._is_closed = False
        try:
            path.unlink(missing_ok=True)  # left by a terminal that was killed
            self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._listener.bind(str(path))
            self._listener.listen(CLIENTS_MAX)
        except OSError as error:
            raise DriverUnavailable(
                f"GPIO wire {path}: {error.strerror}; give a path in a folder that exists"
            ) from error
        threading.Thread(target=self._accept, name="pin-wire", daemon=True).start()

    def announce(self, pin: int, level: bool) -> None:
        """Tell every client of an output's level. Returns at once; any thread."""
        line = _line({"pin": pin, "level": int(level), "at": self._monotonic()})
        with self._lock:
            for client in list(self._clients):
                self._put(client, line)

    def close(self) -> None:
        """Hang up and stop listening. Idempotent."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            clients = list(self._clients)
        # Wakes the thread in accept(); close() alone would not.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for client in clients:
            self._forget(client)
        self._path.unlink(missing_ok=True)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # closed
            client.settimeout(None)
            with self._lock:
                if self._is_closed or len(self._clients) >= CLIENTS_MAX:
                    client.close()
                    continue
                self._clients[client] = queue.Queue(QUEUED_LINES_MAX)
                levels = {str(pin): int(level) for pin, level in self._snapshot().items()}
                self._put(client, _line({"snapshot": levels}))
            threading.Thread(target=self._send, args=(client,), name="pin-wire-send", daemon=True).start()
            threading.Thread(target=self._receive, args=(client,), name="pin-wire-receive", daemon=True).start()

    def _send(self, client: socket.socket) -> None:
        with self._lock:
            lines = self._clients.get(client)
        if lines is None:
            return
        try:
            while (line := lines.get()) is not None:
                client.sendall(line)
        except OSError:
            self._forget(client)

    def _receive(self, client: socket.socket) -> None:
        try:
            with client.makefile("rb") as lines:
                while line := lines.readline(LINE_MAX):
                    self._obey(client, line)
        except OSError:
            log.debug("pin_wire_client_lost")
        self._forget(client)

    def _obey(self, client: socket.socket, line: bytes) -> None:
        try:
            order = json.loads(line)
            if not isinstance(order, dict) or set(order) != {"pin", "level"} or order["level"] not in (0, 1):
                raise ValueError('expected {"pin": BCM number, "level": 0 or 1}')
            if not isinstance(order["pin"], int):
                raise ValueError("pin: expected a BCM number")
            self._drive(order["pin"], bool(order["level"]))
        except ValueError as error:
            with self._lock:
                self._put(client, _line({"error": str(error)}))

    def _put(self, client: socket.socket, line: bytes | None) -> None:
        lines = self._clients.get(client)
        if lines is None:
            return
        try:
            lines.put_nowait(line)
        except queue.Full:
            self._forget(client)

    def _forget(self, client: socket.socket) -> None:
        with self._lock:
            lines = self._clients.pop(client, None)
        if lines is None:
            return
        try:
            client.shutdown(socket.SHUT_RDWR)
        except OSError:
            log.debug("pin_wire_client_was_gone")
        client.close()
        try:
            lines.put_nowait(None)
        except queue.Full:
            log.debug("pin_wire_client_was_slow")  # its sender ends at the closed socket


def _line(message: dict[str, object]) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"
