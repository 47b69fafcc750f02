"""A camera at its pixels: writes frames as `frames:/dir` reads them."""

import os
from pathlib import Path

from drivers.qr import GreyFrame


class CameraTwin:
    """Shows pictures in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def show(self, frame: GreyFrame) -> None:
        """Put a picture in view: a whole file, renamed over the last one."""
        height, width = frame.shape
        next_file = self._folder / "next.pgm"
        next_file.write_bytes(b"P5\n%d %d\n255\n" % (width, height) + frame.tobytes())
        os.replace(next_file, self._folder / "frame.pgm")

    def unplug(self) -> None:
        """Take the picture away."""
        (self._folder / "frame.pgm").unlink(missing_ok=True)
