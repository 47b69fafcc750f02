"""A serial scanner at the wire: a pseudo-terminal under a name that stays, plugged and unplugged at will."""

import os
import tty
from pathlib import Path


class SerialScannerTwin:
    """Types into a pty whose terminal side is linked at `path`. Not safe for several threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ours: int | None = None
        self._theirs: int | None = None

    def plug(self) -> None:
        """Appear at the path."""
        self.unplug()
        self._ours, self._theirs = os.openpty()
        tty.setraw(self._theirs)
        self._path.symlink_to(os.ttyname(self._theirs))

    def unplug(self) -> None:
        """Vanish: the name goes, and who reads meets an I/O error. Idempotent."""
        self._path.unlink(missing_ok=True)
        for end in (self._ours, self._theirs):
            if end is not None:
                os.close(end)
        self._ours = self._theirs = None

    def type(self, bytes_of_code: bytes) -> None:
        """Send bytes as a scanner does; blocks while the terminal does not read. Raises OSError when unplugged."""
        if self._ours is None:
            raise OSError("the twin is unplugged")
        while bytes_of_code:
            bytes_of_code = bytes_of_code[os.write(self._ours, bytes_of_code) :]
