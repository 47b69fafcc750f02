"""Open an I2C bus by its name in the settings. The only file that imports smbus2.

`1` or `/dev/i2c-1` is the kernel's own device. `unix:/path.sock` is the same library on a wire to a twin: smbus2 packs
its structures as always, and the one call that would enter the kernel, `ioctl`, is routed to a fake kernel for that
file descriptor only. The fake kernel decodes the structures and passes the raw messages on (see i2c_frames).
"""

import ctypes
import errno
import fcntl
import os
import socket
import threading
from typing import Any

import smbus2.smbus2
from smbus2 import SMBus, i2c_msg

from drivers.errors import DriverSettingsRefused
from drivers.i2c_frames import (
    MESSAGE_BYTES_MAX,
    MESSAGES_MAX,
    Message,
    pack_request,
    read_frame,
    unpack_answer,
)

WIRE_PREFIX = "unix:"
WIRE_ANSWER_WITHIN_S = 1.0  # the kernel's i2c-bcm2835 gives up after 1 s as well
_FUNCTIONS = 0x0000_0001 | 0x0EFF_0008  # I2C_FUNC_I2C | I2C_FUNC_SMBUS_EMUL, as a Pi's adapter says


class I2cBus:
    """One open bus. Not safe for several threads. Every failure is an OSError with the kernel's errno."""

    def __init__(self, bus: SMBus) -> None:
        self._bus = bus

    def write_then_read(self, address: int, payload: bytes, length: int) -> bytes:
        """Write, repeated start, read `length` bytes: one transaction. Raises OSError."""
        answer = i2c_msg.read(address, length)
        self._bus.i2c_rdwr(i2c_msg.write(address, payload), answer)
        return bytes(answer)

    def close(self) -> None:
        """Close the bus. Idempotent."""
        self._bus.close()


def open_bus(spec: int | str) -> I2cBus:
    """Open the bus that `spec` names. Raises OSError when it is not there, DriverSettingsRefused when it names none."""
    check_bus_spec(spec)
    if isinstance(spec, str) and spec.startswith(WIRE_PREFIX):
        return I2cBus(_WireSMBus(spec.removeprefix(WIRE_PREFIX)))
    return I2cBus(SMBus(int(spec) if isinstance(spec, str) and spec.isdecimal() else spec))


def check_bus_spec(spec: int | str) -> None:
    """Raise DriverSettingsRefused unless `spec` has a bus's form."""
    if isinstance(spec, int) or spec.isdecimal() or spec.startswith((WIRE_PREFIX, "/dev/")):
        return
    raise DriverSettingsRefused(f"I2C bus {spec!r}: give a number, /dev/i2c-N, or unix:/path of a twin")


class _WireSMBus(SMBus):
    def open(self, bus: int | str) -> None:
        _install_router()
        wire = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        wire.settimeout(WIRE_ANSWER_WITHIN_S)
        try:
            wire.connect(str(bus))
        except BaseException:
            wire.close()
            raise
        self._wire = wire
        self.fd = wire.fileno()
        with _routes_lock:
            _routes[self.fd] = wire
        self.funcs = self._get_funcs()  # type: ignore[attr-defined]  # private in the stubs

    def close(self) -> None:
        if self.fd is None:
            return
        with _routes_lock:
            _routes.pop(self.fd, None)
        self._wire.detach()  # the descriptor is the base class's to close
        super().close()


_routes: dict[int, socket.socket] = {}
_routes_lock = threading.Lock()


def _install_router() -> None:
    smbus2.smbus2.ioctl = _ioctl  # type: ignore[attr-defined]  # the name it imported from fcntl


def _ioctl(fd: int, request: int, argument: Any = 0) -> Any:
    with _routes_lock:
        wire = _routes.get(fd)
    if wire is None:
        return fcntl.ioctl(fd, request, argument)
    if request == smbus2.smbus2.I2C_FUNCS:
        ctypes.c_ulong.from_buffer(argument).value = _FUNCTIONS
        return 0
    if request == smbus2.smbus2.I2C_RDWR:
        return _transfer(wire, argument)
    raise OSError(errno.ENOTTY, os.strerror(errno.ENOTTY))


def _transfer(wire: socket.socket, request: Any) -> int:
    count = int(request.nmsgs)
    structures = [request.msgs[index] for index in range(count)]
    # The kernel's own limits and answers (drivers/i2c/i2c-dev.c).
    if not 0 < count <= MESSAGES_MAX or any(each.len > MESSAGE_BYTES_MAX for each in structures):
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    messages = [_message(each) for each in structures]
    try:
        wire.sendall(pack_request(messages))
        frame = read_frame(wire)
        answer = None if frame is None else unpack_answer(frame, messages)
    except TimeoutError as error:
        raise OSError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT)) from error
    except (OSError, ValueError) as error:
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV)) from error
    if answer is None:
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
    if answer.errno:
        raise OSError(answer.errno, os.strerror(answer.errno))
    reads = iter(answer.reads)
    for structure, message in zip(structures, messages, strict=True):
        if message.is_read:
            ctypes.memmove(structure.buf, next(reads), message.length)
    return count


def _message(structure: Any) -> Message:
    is_read = bool(structure.flags & smbus2.smbus2.I2C_M_RD)
    payload = b"" if is_read else ctypes.string_at(structure.buf, structure.len)
    return Message(address=structure.addr, flags=structure.flags, length=structure.len, payload=payload)
