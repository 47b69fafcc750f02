"""Frames of a camera: picamera2 on a Pi, files elsewhere.

`frames:/dir` takes the newest of `/dir/frame.pgm` (P5, 8 bits), `/dir/frame.png`, a picture as the camera gave it,
and `/dir/scene.pfm` (Pf, little-endian), the light of a scene, which a sensor in software exposes as it was asked to.
Who writes one writes another file and renames it over this one; a picture that has not changed is the same frame
still in view.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image

from drivers.errors import DriverSettingsRefused, DriverUnavailable, ReadingInvalid
from drivers.exposure import Exposure, ExposureLimits
from drivers.qr import GreyFrame
from drivers.scene_sensor import Radiance, SceneSensor

FILES_PREFIX = "frames:"
PICAMERA2 = "picamera2"
FILE_NAMES = ("frame.pgm", "frame.png", "scene.pfm")
FILE_BYTES_MAX = 16 * 1024 * 1024
SIDE_PIXELS_MAX = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A picture. is_new: False when it is the one that was given last time. exposure: None where it is not known."""

    pixels: GreyFrame
    is_new: bool
    exposure: Exposure | None = None


class FrameSource(Protocol):
    @property
    def limits(self) -> ExposureLimits | None:
        """What `adjust` may ask for; None where nothing can be adjusted."""

    def adjust(self, exposure: Exposure | None) -> None:
        """Ask for the exposure of the frames to come, some frames later; None: meter by yourself. Never fails."""

    def next_frame(self) -> Frame:
        """The newest frame. Raises DriverUnavailable when there is none, ReadingInvalid for a broken picture."""

    def close(self) -> None:
        """Let the camera go. Idempotent."""


def open_frames(spec: str, width: int, height: int) -> FrameSource:
    """Open what `spec` names. Raises DriverUnavailable with what to do, DriverSettingsRefused for another spec."""
    check_source_spec(spec)
    if spec == PICAMERA2:
        from drivers.frames_picamera import PicameraFrames

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
        self._shown: GreyFrame | Radiance | None = None
        self._sensor = SceneSensor()

    @property
    def limits(self) -> ExposureLimits | None:
        return self._sensor.limits

    def adjust(self, exposure: Exposure | None) -> None:
        self._sensor.adjust(exposure)

    def next_frame(self) -> Frame:
        path, stat = self._newest()
        seen = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
        is_new = seen != self._seen
        if is_new:
            self._seen, self._shown = seen, None
            self._shown = self._read(path, stat.st_size)
        if self._shown is None:
            raise ReadingInvalid(f"{path}: still the broken picture", b"")
        if self._shown.dtype == np.float32:
            pixels, exposure = self._sensor.take(self._shown.astype(np.float32, copy=False))
            return Frame(pixels=pixels, is_new=True, exposure=exposure)
        return Frame(pixels=self._shown.astype(np.uint8, copy=False), is_new=is_new)

    def close(self) -> None:
        self._shown = None

    def _read(self, path: Path, size: int) -> GreyFrame | Radiance:
        if size > FILE_BYTES_MAX:
            raise ReadingInvalid(f"{path}: {size} bytes, at most {FILE_BYTES_MAX}", b"")
        try:
            if path.suffix == ".pfm":
                return _read_pfm(path)
            return _read_pgm(path) if path.suffix == ".pgm" else _read_png(path)
        except FileNotFoundError as error:
            raise DriverUnavailable(f"camera: {path} went away") from error

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


_PFM_HEAD = re.compile(rb"Pf\s+(\d{1,5})\s+(\d{1,5})\s+-1(?:\.0+)?\s")


def _read_pfm(path: Path) -> Radiance:
    """A scene: rows from the bottom upwards, as the format has them."""
    content = path.read_bytes()
    head = _PFM_HEAD.match(content)
    if head is None:
        raise ReadingInvalid(f"{path}: not a grey little-endian PFM", content[:32])
    width, height = int(head[1]), int(head[2])
    values = content[head.end() :]
    if not (64 <= width <= SIDE_PIXELS_MAX and 64 <= height <= SIDE_PIXELS_MAX) or len(values) != 4 * width * height:
        raise ReadingInvalid(f"{path}: {len(values)} bytes, expected {width} x {height} floats", content[:32])
    scene = np.frombuffer(values, dtype="<f4").reshape(height, width)[::-1]
    if not np.isfinite(scene).all() or scene.min() < 0:
        raise ReadingInvalid(f"{path}: light is a finite number of cd/m², not below 0", content[:32])
    return np.ascontiguousarray(scene, dtype=np.float32)


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
