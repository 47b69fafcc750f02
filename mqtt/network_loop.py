"""Runs a paho client on the calling thread, by paho's own interface for foreign event loops.

paho's own thread waits anew for each packet and is woken for each confirmation; under a centre's load that costs twice
the work itself. Here everything that has arrived is read before anything is written, and all is written at once.
"""

import select
import socket
import threading
import time
from collections import deque
from typing import Final

from paho.mqtt.client import Client
from paho.mqtt.enums import MQTTErrorCode

from mqtt.gathering_socket import GatheringSocket

PACKETS_AT_ONCE: Final = 100
"""Read before confirmations and pings have their turn."""
MISC_EVERY_S: Final = 1.0
_AT_LEAST_ONCE: Final = 1


class NetworkLoop:
    """One connection of one client, which is connected already. `run` on one thread; the rest from any."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._woken, self._waker = socket.socketpair()
        for end in (self._woken, self._waker):
            end.setblocking(False)
        self._is_woken = False
        self._is_over = threading.Event()
        self._confirmed: deque[int] = deque()
        client.on_socket_register_write = lambda *_: self.wake()

    def wake(self) -> None:
        """There is something to do."""
        if not self._is_woken:
            self._is_woken = True
            try:
                self._waker.send(b"\0")
            except OSError:
                return  # closed: it is over

    def end(self) -> None:
        """Have `run` return."""
        self._is_over.set()
        self.wake()

    def confirm(self, packet_id: int) -> None:
        """Tell the broker that this message is in safe hands, with all others that are confirmed at the same time."""
        self._confirmed.append(packet_id)
        self.wake()

    def run(self) -> None:
        """Read and write until the connection is lost or `end`."""
        misc_at = time.monotonic()
        while not self._is_over.is_set() and (connection := self._connection()) is not None:
            has_unsent = connection.has_unsent or self._client.want_write()
            wait_s = 0.0 if connection.pending() else MISC_EVERY_S
            readable, _, _ = select.select([connection, self._woken], [connection] if has_unsent else [], [], wait_s)
            if self._woken in readable:
                self._woken.recv(1)
                # Before the work is looked at: what is added from here on wakes anew.
                self._is_woken = False
            if (connection in readable or wait_s == 0.0) and not self._read(connection):
                return
            self._write()
            if time.monotonic() - misc_at >= MISC_EVERY_S:
                misc_at = time.monotonic()
                if self._client.loop_misc() is not MQTTErrorCode.MQTT_ERR_SUCCESS:
                    return

    def close(self, *, says_goodbye: bool) -> None:
        """Close the connection and all that was opened. After `run`, on its thread.

        says_goodbye: in order, so that the broker does not publish the will.
        """
        if says_goodbye:
            self._client.disconnect()
            self._write()
        connection = self._connection()
        if connection is not None:
            connection.close()
        self._woken.close()
        self._waker.close()

    def _connection(self) -> GatheringSocket | None:
        connection = self._client.socket()
        return connection if isinstance(connection, GatheringSocket) else None

    def _read(self, connection: GatheringSocket) -> bool:
        for _ in range(PACKETS_AT_ONCE):
            if self._client.loop_read() is not MQTTErrorCode.MQTT_ERR_SUCCESS:
                return False
            if not connection.pending():
                break
        return True

    def _write(self) -> None:
        while self._confirmed:
            self._client.ack(self._confirmed.popleft(), _AT_LEAST_ONCE)
        if self._client.want_write():
            self._client.loop_write()
        connection = self._connection()
        if connection is not None:
            connection.flush()
