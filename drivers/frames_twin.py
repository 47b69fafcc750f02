"""A camera at its pixels: writes frames as `frames:/dir` reads them."""

import os
from pathlib import Path

from drivers.qr import GreyFrame
from drivers.scene_sensor import Radiance


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

    def show_scene(self, scene: Radiance) -> None:
        """Put a scene's light in view, cd/m² per pixel; the camera exposes it as it is told."""
        height, width = scene.shape
        next_file = self._folder / "next.pfm"
        next_file.write_bytes(b"Pf\n%d %d\n-1.0\n" % (width, height) + scene[::-1].astype("<f4").tobytes())
        os.replace(next_file, self._folder / "scene.pfm")

    def unplug(self) -> None:
        """Take the picture away."""
        for name in ("frame.pgm", "scene.pfm"):
            (self._folder / name).unlink(missing_ok=True)
