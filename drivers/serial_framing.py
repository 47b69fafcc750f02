"""Bytes of a scanner into codes, pure: whole, byte by byte, after garbage, cut short, without an end.

Rules: CR, LF or both end a code; empty lines are nothing. A configured prefix or suffix is taken off where it is there.
A code longer than CODE_BYTES_MAX is cut one byte beyond, so that the checker sees that it is too long. What has no end
within LINE_BYTES_MAX is dropped up to the next end and reported once.
"""

from dataclasses import dataclass

CODE_BYTES_MAX = 600  # longest code there is: the length limit of a pass
LINE_BYTES_MAX = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Fed:
    """What a piece of input held. has_overflowed: an endless line began to be dropped in it."""

    codes: tuple[bytes, ...]
    has_overflowed: bool = False


class Framer:
    """Cuts a scanner's bytes into codes. Not safe for several threads."""

    def __init__(self, prefix: bytes = b"", suffix: bytes = b"") -> None:
        self._prefix = prefix
        self._suffix = suffix
        self._line = bytearray()
        self._is_dropping = False

    @property
    def is_dropping(self) -> bool:
        """Whether what comes now is dropped up to the next end."""
        return self._is_dropping

    def feed(self, piece: bytes) -> Fed:
        """Take in bytes as they came; returns the codes that they completed."""
        codes, has_overflowed = [], False
        for line, has_end in _split(piece):
            if not self._is_dropping:
                self._line += line
            if len(self._line) > LINE_BYTES_MAX:
                self._line.clear()
                self._is_dropping = has_overflowed = True
            if has_end:
                code = self._strip(bytes(self._line))
                self._line.clear()
                self._is_dropping = False
                if code:
                    codes.append(code[: CODE_BYTES_MAX + 1])
        return Fed(codes=tuple(codes), has_overflowed=has_overflowed)

    def reset(self) -> None:
        """Forget a code that was begun: the scanner went away, or has been silent since."""
        self._line.clear()
        self._is_dropping = False

    def _strip(self, line: bytes) -> bytes:
        return line.removeprefix(self._prefix).removesuffix(self._suffix)


def _split(piece: bytes) -> list[tuple[bytes, bool]]:
    """Lines of a piece without their ends; whether each has an end."""
    lines = piece.replace(b"\r", b"\n").split(b"\n")
    return [(line, True) for line in lines[:-1]] + [(lines[-1], False)]
