"""Frames of a camera: picamera2 on a Pi, files elsewhere. The only file that imports picamera2.

`frames:/dir` takes the newest picture from `/dir/frame.pgm` (P5, 8 bits) or `/dir/frame.png`. Who writes it writes
another file and renames it over this one; a file that has not changed is the same frame still in view.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

from drivers.errors import DriverSettingsRefused, DriverUnavailable, ReadingInvalid
from drivers.qr import GreyFrame

FILES_PREFIX = "frames:"
PICAMERA2 = "picamera2"
FILE_NAMES = ("frame.pgm", "frame.png")
FILE_BYTES_MAX = 16 * 1024 * 1024
SIDE_PIXELS_MAX = 4096
CAPTURE_WITHIN_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A picture. is_new: False when it is the one that was given last time."""

    pixels: GreyFrame
    is_new: bool


class FrameSource(Protocol):
    def next_frame(self) -> Frame:
        """The newest frame. Raises DriverUnavailable when there is none, ReadingInvalid for a broken picture."""

    def close(self) -> None:
        """Let the camera go. Idempotent."""


def open_frames(spec: str, width: int, height: int) -> FrameSource:
    """Open what `spec` names. Raises DriverUnavailable with what to do, DriverSettingsRefused for another spec."""
    check_source_spec(spec)
    if spec == PICAMERA2:
        return PicameraFrames(width, height)
    return FrameFiles(Path(spec.removeprefix(FILES_PREFIX)))


def check_source_spec(spec: str) -> None:
    """Raise DriverSettingsRefused unless `spec` has a source's form."""
    if spec != PICAMERA2 and not spec.startswith(FILES_PREFIX):
        raise DriverSettingsRefused(f"camera {spec!r}: give picamera2, or frames:/dir")


class FrameFiles:
    """The newest of the frame files in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: tuple[int, int, int] | None = None
        self._pixels: GreyFrame | None = None

    def next_frame(self) -> Frame:
        path, stat = self._newest()
        seen = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
        if seen == self._seen:
            if self._pixels is None:
                raise ReadingInvalid(f"{path}: still the broken picture", b"")
            return Frame(pixels=self._pixels, is_new=False)
        self._seen, self._pixels = seen, None
        if stat.st_size > FILE_BYTES_MAX:
            raise ReadingInvalid(f"{path}: {stat.st_size} bytes, at most {FILE_BYTES_MAX}", b"")
        try:
            self._pixels = _read_pgm(path) if path.suffix == ".pgm" else _read_png(path)
        except FileNotFoundError as error:
            raise DriverUnavailable(f"camera: {path} went away") from error
        return Frame(pixels=self._pixels, is_new=True)

    def close(self) -> None:
        self._pixels = None

    def _newest(self) -> tuple[Path, os.stat_result]:
        found = []
        for name in FILE_NAMES:
            path = self._folder / name
            try:
                found.append((path, path.stat()))
            except OSError:
                continue  # the other name, or none: said below
        if not found:
            raise DriverUnavailable(f"camera: no {' or '.join(FILE_NAMES)} in {self._folder}")
        return max(found, key=lambda each: each[1].st_mtime_ns)


class PicameraFrames:
    """The Pi's camera as grey frames. Raises DriverUnavailable when it can't be had."""

    def __init__(self, width: int, height: int) -> None:
        self._size = (width, height)
        try:
            from picamera2 import Picamera2
        except ImportError as error:
            raise DriverUnavailable(
                f"camera: {error}; install python3-picamera2 from apt, or use frames:/dir"
            ) from error
        try:
            self._camera: Any = Picamera2()
            # YUV420: the first `height` rows are the grey picture, nothing needs to be converted.
            main = {"size": self._size, "format": "YUV420"}
            self._camera.configure(self._camera.create_video_configuration(main=main))
            self._camera.start()
        except Exception as error:  # libcamera raises bare RuntimeErrors, an absent camera IndexError
            raise DriverUnavailable(f"camera: {error}; is the ribbon cable in, and the camera free?") from error

    def next_frame(self) -> Frame:
        try:
            job = self._camera.capture_array("main", wait=False)
            planes = job.get_result(timeout=CAPTURE_WITHIN_S)
        except Exception as error:  # a camera that hangs or is pulled shows in many ways
            raise DriverUnavailable(f"camera: no frame: {error}") from error
        width, height = self._size
        return Frame(pixels=np.ascontiguousarray(planes[:height, :width]), is_new=True)

    def close(self) -> None:
        self._camera.close()


_PGM_HEAD = re.compile(rb"P5\s+(?:#[^\n]*\n\s*)*(\d{1,5})\s+(\d{1,5})\s+255\s")


def _read_pgm(path: Path) -> GreyFrame:
    content = path.read_bytes()
    head = _PGM_HEAD.match(content)
    if head is None:
        raise ReadingInvalid(f"{path}: not a binary 8-bit PGM", content[:32])
    width, height = int(head[1]), int(head[2])
    pixels = content[head.end() :]
    if not (0 < width <= SIDE_PIXELS_MAX and 0 < height <= SIDE_PIXELS_MAX) or len(pixels) != width * height:
        raise ReadingInvalid(f"{path}: {len(pixels)} pixels, expected {width} x {height}", content[:32])
    return np.frombuffer(pixels, dtype=np.uint8).reshape(height, width)


def _read_png(path: Path) -> GreyFrame:
    try:
        with Image.open(path, formats=["PNG"]) as picture:
            if max(picture.size) > SIDE_PIXELS_MAX:
                raise ReadingInvalid(f"{path}: {picture.size} pixels, at most {SIDE_PIXELS_MAX} a side", b"")
            return np.asarray(picture.convert("L"), dtype=np.uint8)
    except FileNotFoundError:
        raise
    except (OSError, ValueError, SyntaxError) as error:  # what Pillow raises for a broken picture
        raise ReadingInvalid(f"{path}: {error}", b"") from error
