"""Many devices in one thread at the cost of almost none: MQTT 3.1.1 over TLS, written as bytes, enough for an outbox.

paho would cost the bench more than the centre costs the machine. Each device has its own certificate, publishes its
records at QoS 1, hears the centre's marks, and sends again from the mark when it makes no progress, by the times of
mqtt.publisher.
"""

import selectors
import socket
import ssl
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from journal.envelope import Envelope
from mqtt.identity import Credentials
from mqtt.messages import Ack
from mqtt.publisher import RESEND_FIRST_S, RESEND_MAX_S
from mqtt.topics import Address

_CONNECT, _CONNACK, _PUBLISH, _SUBSCRIBE, _SUBACK = 0x10, 0x20, 0x30, 0x82, 0x90
_AT_LEAST_ONCE: Final = 0x02
_KEEPALIVE_S: Final = 60
_CONNECT_WITHIN_S: Final = 10.0
_READ_BYTES: Final = 64 * 1024
_PACKET_IDS: Final = 65_535


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What one device has queued: records of one epoch, in order from seq 1."""

    address: Address
    credentials: Credentials
    records: Sequence[Envelope]


class RawDevice:
    """One connection. mark: the centre's word on its epoch. resends: how often it began again behind it."""

    def __init__(self, load: Load, port: int) -> None:
        """Connect and subscribe to the marks. Raises OSError."""
        self.mark = 0
        self.resends = 0
        self._load = load
        self._epoch = load.records[0].epoch
        topic = load.address.event(self._epoch)
        self._packets = [_publish(topic, record.to_wire(), record.seq) for record in load.records]
        self._unsent = b""
        self._heard = b""
        self._progress_at = time.monotonic()
        self._resend_s = RESEND_FIRST_S
        self.socket = _connect(load, port)

    @property
    def is_done(self) -> bool:
        """Whether the centre has stored everything."""
        return self.mark >= len(self._packets)

    def send_from_mark(self) -> None:
        """Queue everything beyond the mark."""
        self._progress_at = time.monotonic()
        self._unsent = b"".join(self._packets[self.mark :])

    def write(self) -> bool:
        """Write what the socket takes; whether more is left."""
        if self._unsent:
            try:
                self._unsent = self._unsent[self.socket.send(self._unsent[:_READ_BYTES]) :]
            except (ssl.SSLWantWriteError, ssl.SSLWantReadError, BlockingIOError):
                return True
        return bool(self._unsent)

    def read(self) -> None:
        """Take in confirmations and marks. Raises ConnectionError when the broker hung up."""
        while True:
            try:
                piece = self.socket.recv(_READ_BYTES)
            except (ssl.SSLWantReadError, BlockingIOError):
                break
            if not piece:
                raise ConnectionError(f"the broker hung up on {self._load.address.device}")
            self._heard += piece
        while (packet := _first_packet(self._heard)) is not None:
            kind, body, length = packet
            self._heard = self._heard[length:]
            if kind & 0xF0 == _PUBLISH:
                topic_length = struct.unpack_from("!H", body)[0]
                ack = Ack.decode(body[2 + topic_length :])
                if ack.epoch == self._epoch:  # marks of earlier epochs are retained and come first
                    self._follow(ack.seq)

    def resend_if_stuck(self) -> bool:
        """Send again when the centre made no progress for a while; whether it did."""
        is_stuck = not self.is_done and not self._unsent and time.monotonic() - self._progress_at > self._resend_s
        if is_stuck:
            self.resends += 1
            self._resend_s = min(self._resend_s * 2, RESEND_MAX_S)
            self.send_from_mark()
        return is_stuck

    def _follow(self, seq: int) -> None:
        if seq > self.mark:
            self.mark = seq
            self._resend_s = RESEND_FIRST_S
            self._progress_at = time.monotonic()


def deliver(devices: Sequence[RawDevice], is_over: Callable[[], bool], *, within_s: float) -> None:
    """Send everything and listen until it is over. Raises TimeoutError when time is up."""
    deadline = time.monotonic() + within_s
    with selectors.DefaultSelector() as selector:
        for device in devices:
            device.send_from_mark()
            selector.register(device.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, device)
        while not is_over():
            if time.monotonic() > deadline:
                raise TimeoutError(f"not delivered within {within_s:g} s")
            for key, ready in selector.select(0.01):
                device = key.data
                if ready & selectors.EVENT_READ:
                    device.read()
                if ready & selectors.EVENT_WRITE and not device.write():
                    selector.modify(device.socket, selectors.EVENT_READ, device)
            for device in devices:
                if device.resend_if_stuck():
                    selector.modify(device.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, device)


def _connect(load: Load, port: int) -> ssl.SSLSocket:
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=str(load.credentials.ca))
    context.load_cert_chain(str(load.credentials.certificate), str(load.credentials.key))
    plain = socket.create_connection(("127.0.0.1", port), timeout=_CONNECT_WITHIN_S)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    wrapped = context.wrap_socket(plain, server_hostname="127.0.0.1")
    name = _text(load.address.device)
    head = _text("MQTT") + bytes((4, _AT_LEAST_ONCE)) + struct.pack("!H", _KEEPALIVE_S)
    wrapped.sendall(_packet(_CONNECT, head + name))
    _expect(wrapped, _CONNACK)
    wrapped.sendall(_packet(_SUBSCRIBE, struct.pack("!H", 1) + _text(load.address.acks()) + b"\x00"))
    _expect(wrapped, _SUBACK)
    wrapped.setblocking(False)
    return wrapped


def _expect(connection: ssl.SSLSocket, kind: int) -> None:
    heard = b""
    while (packet := _first_packet(heard)) is None:
        piece = connection.recv(_READ_BYTES)
        if not piece:
            raise ConnectionError("the broker hung up: does its access list know this device?")
        heard += piece
    if packet[0] != kind or (kind == _CONNACK and packet[1][1] != 0):
        raise ConnectionError(f"the broker answered {packet[0]:#x} {packet[1].hex()}")


def _publish(topic: str, payload: bytes, seq: int) -> bytes:
    packet_id = struct.pack("!H", (seq - 1) % _PACKET_IDS + 1)
    return _packet(_PUBLISH | _AT_LEAST_ONCE, _text(topic) + packet_id + payload)


def _packet(kind: int, body: bytes) -> bytes:
    length, rest = bytearray(), len(body)
    while True:
        rest, digit = divmod(rest, 128)[0], rest % 128
        length.append(digit | (0x80 if rest else 0))
        if not rest:
            return bytes((kind,)) + bytes(length) + body


def _text(text: str) -> bytes:
    encoded = text.encode()
    return struct.pack("!H", len(encoded)) + encoded


def _first_packet(heard: bytes) -> tuple[int, bytes, int] | None:
    """Kind, body and whole length of the first packet; None while it is not whole."""
    length, shift = 0, 0
    for position in range(1, min(len(heard), 5)):
        length |= (heard[position] & 0x7F) << shift
        shift += 7
        if not heard[position] & 0x80:
            end = position + 1 + length
            return (heard[0], heard[position + 1 : end], end) if len(heard) >= end else None
    return None
