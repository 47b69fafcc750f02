"""Process that stands in for I2C hardware: `python -m drivers.twins_server --thermometer BUS_SOCKET PHYSICS_SOCKET …`.

BUS_SOCKET speaks i2c_frames to a terminal (`bus = "unix:BUS_SOCKET"`). PHYSICS_SOCKET takes JSON, one object per
line, with any of the fields of TwinState: {"object_temp_c": 36.6, "can_temp_c": 21.0, "fault": "stuck_high"}; it
answers each line with {"ok": true} or {"error": "…"}. Both are Unix stream sockets. The process writes `ready` to
standard output once it listens, and ends on SIGTERM or SIGINT. With --until-stdin-closes it also ends when its standard
input is closed, so that it never outlives the process that started it with a pipe.
"""

import argparse
import json
import os
import select
import signal
import socket
import socketserver
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from drivers.i2c_frames import pack_answer, read_frame, unpack_request
from drivers.mlx90614_twin import Mlx90614Twin, TwinFault

PHYSICS_LINE_MAX = 4096
NUMBERS = frozenset({"object_temp_c", "can_temp_c", "drift_c_per_s", "noise_c"})


class ThermometerTwinServer:
    """Serves one twin on a bus socket and, where wanted, on a physics socket. Its threads are its own."""

    def __init__(self, twin: Mlx90614Twin, bus_path: Path, physics_path: Path | None = None) -> None:
        self._servers = [_UnixServer(bus_path, _BusHandler, twin)]
        if physics_path is not None:
            self._servers.append(_UnixServer(physics_path, _PhysicsHandler, twin))

    def start(self) -> None:
        """Begin to serve; the sockets listen since construction."""
        for server in self._servers:
            threading.Thread(target=server.serve_forever, args=(0.1,), name="twin", daemon=True).start()

    def stop(self) -> None:
        """Stop listening, drop connections, remove the sockets."""
        for server in self._servers:
            server.shutdown()
            server.drop_connections()
            server.server_close()
            server.path.unlink(missing_ok=True)


def apply_physics(twin: Mlx90614Twin, line: bytes) -> dict[str, object]:
    """Apply one line of JSON to a twin and return the answer; a bad line changes nothing."""
    try:
        changes = json.loads(line)
        if not isinstance(changes, dict):
            return {"error": "expected one JSON object per line"}
        twin.show(**{name: _checked(name, value) for name, value in changes.items()})
    except (ValueError, TypeError) as error:
        return {"error": str(error)}
    return {"ok": True}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the server until it is told to end; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="drivers.twins_server", description="Stand in for I2C thermometers at the wire"
    )
    parser.add_argument(
        "--thermometer", nargs=2, action="append", metavar=("BUS_SOCKET", "PHYSICS_SOCKET"), required=True, type=Path
    )
    parser.add_argument("--supply-v", type=float, default=3.3, help="supply that the twins' 3 V sensors see (3.3)")
    parser.add_argument("--until-stdin-closes", action="store_true", help="end when standard input is closed")
    chosen = parser.parse_args(arguments)
    stop_read, stop_write = os.pipe()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os.write(stop_write, b"x"))
    servers = [
        ThermometerTwinServer(Mlx90614Twin(supply_v=chosen.supply_v), bus_path, physics_path)
        for bus_path, physics_path in chosen.thermometer
    ]
    for server in servers:
        server.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    _wait_for_the_end(stop_read, watch_stdin=chosen.until_stdin_closes)
    for server in servers:
        server.stop()
    return 0


def _wait_for_the_end(stop_read: int, *, watch_stdin: bool) -> None:
    watched = [stop_read, sys.stdin.fileno()] if watch_stdin else [stop_read]
    while True:
        readable, _, _ = select.select(watched, [], [])
        if stop_read in readable or not os.read(sys.stdin.fileno(), 4096):
            return


def _checked(name: str, value: object) -> object:
    if name == "fault":
        return TwinFault(value)
    if name in NUMBERS and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if name == "absent_errno" and isinstance(value, int):
        return value
    raise ValueError(f"{name}: {value!r} is not a field of the twin or not of its kind")


class _UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, path: Path, handler: type["_TwinHandler"], twin: Mlx90614Twin) -> None:
        self.path = path
        self.twin = twin
        self._connections: set[socket.socket] = set()
        self._connections_lock = threading.Lock()
        path.unlink(missing_ok=True)  # left by a process that was killed
        super().__init__(str(path), handler)

    def note(self, connection: socket.socket, is_open: bool) -> None:
        with self._connections_lock:
            (self._connections.add if is_open else self._connections.discard)(connection)

    def drop_connections(self) -> None:
        with self._connections_lock:
            for connection in self._connections:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue  # it went first


class _TwinHandler(socketserver.StreamRequestHandler):
    server: _UnixServer

    def setup(self) -> None:
        super().setup()
        self.server.note(self.connection, True)

    def finish(self) -> None:
        self.server.note(self.connection, False)
        super().finish()


class _BusHandler(_TwinHandler):
    def handle(self) -> None:
        try:
            while (frame := read_frame(self.connection)) is not None:
                self.connection.sendall(pack_answer(self.server.twin.transfer(unpack_request(frame))))
        except (OSError, ValueError):
            return  # the terminal went, or spoke nonsense: hang up


class _PhysicsHandler(_TwinHandler):
    def handle(self) -> None:
        try:
            while line := self.rfile.readline(PHYSICS_LINE_MAX):
                answer = apply_physics(self.server.twin, line)
                self.connection.sendall(json.dumps(answer).encode() + b"\n")
        except OSError:
            return


if __name__ == "__main__":
    raise SystemExit(main())
