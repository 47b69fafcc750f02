"""The network cable between one gate and the broker: a relay of TCP connections that somebody may pull.

Rules: PULLED holds everything back and says nothing, as a cable on the floor: connections stay, no byte moves, none is
lost, and a new one gets no answer. CUT resets every connection and refuses new ones, as a switch that lost its
uplink and says so. Plugged in again, what is held back goes on, if both ends still want it.
"""

import asyncio
import contextlib
import socket
import struct
import threading
from enum import Enum

CONNECTIONS_MAX = 64
_CHUNK_BYTES = 65_536
_STARTS_WITHIN_S = 5.0
_CHANGES_WITHIN_S = 5.0
_LINGER_NOT = struct.pack("ii", 1, 0)  # a close that resets: socket(7), SO_LINGER
_LOOPBACK = "127.0.0.1"


class CableState(Enum):
    PLUGGED = "plugged"
    PULLED = "pulled"
    CUT = "cut"


class Cable:
    """One cable; a thread of its own. Every method may be called from any thread."""

    def __init__(self, *, listens_on: int, leads_to: int) -> None:
        """Both are ports of this machine; 0: any free one, see `port`."""
        self.port = listens_on
        self._leads_to = leads_to
        self._state = CableState.PLUGGED
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=f"cable-{listens_on}", daemon=True)
        self._is_up = threading.Event()
        self._failure: OSError | None = None

    @property
    def state(self) -> CableState:
        return self._state

    def start(self) -> None:
        """Lay it. Raises OSError when its port is taken."""
        self._thread.start()
        self._is_up.wait(_STARTS_WITHIN_S)
        if self._failure is not None:
            raise self._failure

    def put(self, state: CableState) -> None:
        """Pull, cut or plug in. The same again changes nothing."""
        if self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(self._put(state), self._loop).result(_CHANGES_WITHIN_S)

    def stop(self) -> None:
        """Take it away. Idempotent."""
        if self._thread.is_alive():
            with contextlib.suppress(RuntimeError):  # it has just ended
                self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_CHANGES_WITHIN_S)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._plugged = asyncio.Event()
        self._plugged.set()
        self._server: asyncio.Server | None = None
        self._relays: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        try:
            self._loop.run_until_complete(self._listen())
        except OSError as error:
            self._failure = error
            self._loop.close()
            return
        finally:
            self._is_up.set()
        self._loop.run_forever()
        self._loop.run_until_complete(self._take_away())
        self._loop.close()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._take, _LOOPBACK, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _put(self, state: CableState) -> None:
        if state is self._state:
            return
        if state is not CableState.PLUGGED:
            self._plugged.clear()  # first: an end that comes from hanging up is carried to nobody
        if state is CableState.CUT:
            await self._hang_up()
        elif self._state is CableState.CUT:
            await self._listen()
        if state is CableState.PLUGGED:
            self._plugged.set()
        self._state = state

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._writers) >= 2 * CONNECTIONS_MAX:
            writer.transport.abort()
            return
        task = asyncio.current_task()
        assert task is not None
        self._relays.add(task)
        self._writers.add(writer)
        far: asyncio.StreamWriter | None = None
        try:
            await self._plugged.wait()
            far_reader, far = await asyncio.open_connection(_LOOPBACK, self._leads_to)
            self._writers.add(far)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._carry(reader, far))
                both.create_task(self._carry(far_reader, writer))
        except (OSError, ExceptionGroup, asyncio.CancelledError):
            _reset(writer)
            if far is not None:
                _reset(far)
        finally:
            self._relays.discard(task)
            for each in (writer, far):
                if each is not None:
                    self._writers.discard(each)
                    each.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry bytes one way until the end of the stream, which is carried too."""
        while True:
            await self._plugged.wait()
            chunk = await reader.read(_CHUNK_BYTES)
            await self._plugged.wait()  # pulled while it waited: what came meanwhile is still on this side
            if not chunk:
                if writer.can_write_eof():
                    writer.write_eof()
                return
            writer.write(chunk)
            await writer.drain()

    async def _hang_up(self) -> None:
        """Refuse new connections, reset those that there are."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in tuple(self._writers):
            _reset(writer)
        relays = tuple(self._relays)
        for relay in relays:
            relay.cancel()
        await asyncio.gather(*relays, return_exceptions=True)

    async def _take_away(self) -> None:
        await self._hang_up()
        await self._loop.shutdown_asyncgens()


def _reset(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    if connection is not None:
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    writer.transport.abort()
