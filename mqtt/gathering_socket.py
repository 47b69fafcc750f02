"""A TLS socket that asks OpenSSL once for many small reads, and once for many small writes.

An MQTT library reads a packet in four pieces and writes a confirmation of four bytes at a time; each would be a call
into OpenSSL, a system call and a hand-over of the interpreter's lock. Non-blocking, one thread at a time. Who loops
over it calls `flush` before waiting and waits for writing while `has_unsent`.
"""

import ssl
from typing import Any, Final

READ_BYTES: Final = 64 * 1024
_RECORD_BYTES: Final = 16 * 1024
"""The longest record of TLS (RFC 8446, 5.1)."""
UNSENT_MAX_BYTES: Final = 64 * 1024


class GatheringSocket(ssl.SSLSocket):
    """Made by a context whose `sslsocket_class` it is."""

    # The base class is made without a constructor: these are where every socket begins.
    _heard = b""
    _position = 0
    _unsent = b""

    @property
    def has_unsent(self) -> bool:
        """Whether something waits for `flush`."""
        return bool(self._unsent)

    def pending(self) -> int:
        """Bytes that can be read without asking the network."""
        return len(self._heard) - self._position + super().pending()

    def recv(self, buflen: int = READ_BYTES, flags: int = 0) -> bytes:
        """At most buflen bytes; raises as the base class does when there are none yet."""
        if self._position >= len(self._heard):
            self._heard, self._position = self._gather(), 0
        began = self._position
        piece = self._heard[began : began + buflen]
        self._position = began + len(piece)
        return piece

    def _gather(self) -> bytes:
        """All that has arrived: OpenSSL gives one record at a time, and a broker makes one of each packet."""
        pieces = [self.read(_RECORD_BYTES)]
        size = len(pieces[0])
        while pieces[-1] and size < READ_BYTES:
            try:
                pieces.append(self.read(_RECORD_BYTES))
            except OSError:
                break  # nothing more now; what it means if it is a loss, the next read tells
            size += len(pieces[-1])
        return b"".join(pieces)

    def send(self, data: Any, flags: int = 0) -> int:
        """Keep it for `flush`. Raises SSLWantWriteError when the other end leaves no room for more."""
        if len(self._unsent) >= UNSENT_MAX_BYTES:
            self.flush()
            if self._unsent:
                raise ssl.SSLWantWriteError
        self._unsent += bytes(data)
        return len(data)

    def flush(self) -> None:
        """Send what is kept, as far as the network takes it now. Raises OSError when the connection is lost."""
        if self._unsent:
            try:
                # Refused, the same bytes are offered again, with more behind them: OpenSSL allows nothing else.
                self._unsent = self._unsent[super().send(self._unsent) :]
            except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
                return

    def close(self) -> None:
        """Send what is kept, if that needs no waiting, and close."""
        try:
            if self.fileno() >= 0:
                self.flush()
        except OSError:
            self._unsent = b""
        super().close()
