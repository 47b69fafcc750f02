"""Frames between the terminal's fake kernel and an I2C twin, over a Unix stream socket.

All numbers little-endian, as in the kernel's own structures. Each frame is preceded by its length (u32).

Request (terminal to twin): u16 count; per message u16 address, u16 flags (bit 0 = read), u16 length, and for a write
`length` bytes. Answer: u16 errno; if it is 0, the bytes of all read messages, one after another.
"""

import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass

READ_FLAG = 0x0001  # I2C_M_RD, uapi/linux/i2c.h
MESSAGES_MAX = 42  # I2C_RDWR_IOCTL_MAX_MSGS, uapi/linux/i2c-dev.h
MESSAGE_BYTES_MAX = 8192  # drivers/i2c/i2c-dev.c refuses longer messages
FRAME_BYTES_MAX = 2 + MESSAGES_MAX * (6 + MESSAGE_BYTES_MAX)

_LENGTH = struct.Struct("<I")
_SHORT = struct.Struct("<H")
_HEAD = struct.Struct("<HHH")


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One I2C message. length: bytes to read, or len(payload) of a write."""

    address: int
    flags: int
    length: int
    payload: bytes = b""

    @property
    def is_read(self) -> bool:
        return bool(self.flags & READ_FLAG)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the bus did: errno (0 = done) and the bytes of each read message."""

    errno: int
    reads: tuple[bytes, ...] = ()


def pack_request(messages: Sequence[Message]) -> bytes:
    """Frame a transfer, length in front."""
    parts = [_SHORT.pack(len(messages))]
    for message in messages:
        parts.append(_HEAD.pack(message.address, message.flags, message.length))
        parts.append(b"" if message.is_read else message.payload)
    return _with_length(b"".join(parts))


def unpack_request(frame: bytes) -> tuple[Message, ...]:
    """Parse a request without its length. Raises ValueError when it is cut short, too long or has trailing bytes."""
    try:
        (count,) = _SHORT.unpack_from(frame)
        at, messages = _SHORT.size, []
        for _ in range(count):
            address, flags, length = _HEAD.unpack_from(frame, at)
            at += _HEAD.size
            is_read = bool(flags & READ_FLAG)
            payload = b"" if is_read else frame[at : at + length]
            at += len(payload)
            if not is_read and len(payload) != length:
                raise ValueError(f"I2C frame: message of {length} bytes is cut short at {len(payload)}")
            messages.append(Message(address=address, flags=flags, length=length, payload=payload))
    except struct.error as error:
        raise ValueError(f"I2C frame is cut short: {frame.hex()}") from error
    if count > MESSAGES_MAX or at != len(frame):
        raise ValueError(f"I2C frame of {count} messages has {len(frame) - at} bytes too many")
    return tuple(messages)


def pack_answer(answer: Answer) -> bytes:
    """Frame an answer, length in front."""
    return _with_length(_SHORT.pack(answer.errno) + b"".join(answer.reads))


def unpack_answer(frame: bytes, messages: Sequence[Message]) -> Answer:
    """Parse an answer to `messages`. Raises ValueError when its length is not what they asked for."""
    if len(frame) < _SHORT.size:
        raise ValueError(f"I2C answer is cut short: {frame.hex()}")
    (errno_number,) = _SHORT.unpack_from(frame)
    if errno_number:
        return Answer(errno=errno_number)
    at, reads = _SHORT.size, []
    for message in messages:
        if message.is_read:
            reads.append(frame[at : at + message.length])
            at += message.length
    if at != len(frame):
        raise ValueError(f"I2C answer has {len(frame)} bytes, expected {at}")
    return Answer(errno=0, reads=tuple(reads))


def read_frame(connection: socket.socket) -> bytes | None:
    """Read one frame; None when the peer closed between frames.

    Raises ValueError on a broken frame, OSError on trouble with the socket.
    """
    head = _read_exactly(connection, _LENGTH.size)
    if not head:
        return None
    (length,) = _LENGTH.unpack(head) if len(head) == _LENGTH.size else (FRAME_BYTES_MAX + 1,)
    if length > FRAME_BYTES_MAX:
        raise ValueError(f"I2C frame head {head.hex()} promises more than {FRAME_BYTES_MAX} bytes")
    frame = _read_exactly(connection, length)
    if len(frame) != length:
        raise ValueError(f"I2C frame of {length} bytes ended after {len(frame)}")
    return frame


def _with_length(frame: bytes) -> bytes:
    return _LENGTH.pack(len(frame)) + frame


def _read_exactly(connection: socket.socket, length: int) -> bytes:
    got = bytearray()
    while len(got) < length:
        piece = connection.recv(length - len(got))
        if not piece:
            break
        got += piece
    return bytes(got)
