"""Read QR codes from a grey picture: zxing-cpp first, zbar on what it misses. The only file that imports either.

zxing-cpp reads more and is ten times faster; zbar reads some that it misses. What is missed is also read with its
middle twice as large: of 261 frames from easy to hopeless that gave 31 more to the 145, small, dim, banded and noisy
ones most, for two readings' time; sharpening and stretching on top gave 6 more for twice that, another binarizer
none. zbar is used through pyzbar's bindings with one scanner for all frames, QR codes only, inverted codes on, and
bytes as they stand in the code: pyzbar's own `decode` makes a scanner per picture and lets zbar guess at a character
set.

The environment variable GATEHOUSE_LIBZBAR may name libzbar.so.0, unpacked from its package without root; the
libraries that it needs are then taken from the same folder when the machine has none.
"""

import ctypes
import logging
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zxingcpp
from numpy.typing import NDArray
from PIL import Image

log = logging.getLogger(__name__)

LIBZBAR_VARIABLE = "GATEHOUSE_LIBZBAR"
NEIGHBOURS_MAX = 64  # libzbar0 on Debian 12 needs 18 libraries
CODES_PER_FRAME_MAX = 8

GreyFrame = NDArray[np.uint8]
"""Height by width, one byte per pixel."""

_FOURCC_Y800 = int.from_bytes(b"Y800", "little")
_FORMATS: Any = zxingcpp.BarcodeFormat.QRCode  # its stub asks for a class that takes no single format
_MISSING = re.compile(r"^(\S+): cannot open shared object file")


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameRead:
    """The different codes in one frame, payload bytes as they stand in the code."""

    codes: tuple[bytes, ...]

    @property
    def several(self) -> bool:
        """Whether the frame holds more than one different code."""
        return len(self.codes) > 1


class QrReader:
    """Reads frames. Not safe for several threads. why_no_zbar: empty, or why zxing-cpp reads alone."""

    def __init__(self) -> None:
        self._zbar, self.why_no_zbar = _load_zbar()
        if self.why_no_zbar:
            log.warning("zbar_missing %s", self.why_no_zbar)

    def read(self, frame: GreyFrame, *, thoroughly: bool = True) -> FrameRead:
        """The codes in a frame. thoroughly: larger middle and zbar too where zxing-cpp finds none (20 times slower)."""
        codes = _read_with_zxing(frame)
        if not codes and thoroughly:
            codes = _read_with_zxing(_larger_middle(frame))
        if not codes and thoroughly and self._zbar is not None:
            codes = _distinct(self._zbar.scan(frame))
        return FrameRead(codes=codes)


def _read_with_zxing(frame: GreyFrame) -> tuple[bytes, ...]:
    return _distinct(barcode.bytes for barcode in zxingcpp.read_barcodes(frame, formats=_FORMATS, try_invert=True))


def _larger_middle(frame: GreyFrame) -> GreyFrame:
    """The middle of a frame, where codes are held, at twice the size: as many pixels as the frame has."""
    height, width = frame.shape
    middle = frame[height // 4 : height - height // 4, width // 4 : width - width // 4]
    size = (2 * middle.shape[1], 2 * middle.shape[0])
    return np.asarray(Image.fromarray(np.ascontiguousarray(middle)).resize(size, Image.Resampling.BICUBIC))


def _distinct(codes: Any) -> tuple[bytes, ...]:
    return tuple(dict.fromkeys(codes))[:CODES_PER_FRAME_MAX]


class _Zbar:
    def __init__(self, wrapper: Any) -> None:
        self._w = wrapper
        self._scanner = wrapper.zbar_image_scanner_create()
        if not self._scanner:
            raise OSError("zbar could not make a scanner")
        self._set(0, "enable", 0)  # symbology 0: all of them
        self._set(0, "test-inverted", 1)
        for option in ("enable", "binary"):
            self._set(wrapper.ZBarSymbol.QRCODE, option, 1)

    def scan(self, frame: GreyFrame) -> list[bytes]:
        w = self._w
        pixels = np.ascontiguousarray(frame)
        height, width = pixels.shape
        image = w.zbar_image_create()
        if not image:
            return []
        try:
            w.zbar_image_set_format(image, _FOURCC_Y800)
            w.zbar_image_set_size(image, width, height)
            w.zbar_image_set_data(image, pixels.ctypes.data_as(ctypes.c_void_p), pixels.nbytes, None)
            if w.zbar_scan_image(self._scanner, image) <= 0:
                return []
            return self._payloads(w.zbar_image_first_symbol(image))
        finally:
            w.zbar_image_destroy(image)

    def _payloads(self, symbol: Any) -> list[bytes]:
        w = self._w
        payloads: list[bytes] = []
        while symbol and len(payloads) < CODES_PER_FRAME_MAX:
            length = w.zbar_symbol_get_data_length(symbol)
            payloads.append(ctypes.string_at(w.zbar_symbol_get_data(symbol), length))
            symbol = w.zbar_symbol_next(symbol)
        return payloads

    def _set(self, symbology: int, option: str, value: int) -> None:
        """Set an option by its name: the numbers in pyzbar are of an older zbar. One that zbar has not is left."""
        kind, number, given = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
        parsed = self._w.zbar_parse_config(
            option.encode(), ctypes.byref(kind), ctypes.byref(number), ctypes.byref(given)
        )
        if parsed == 0:
            self._w.zbar_image_scanner_set_config(self._scanner, symbology, number.value, value)


def _load_zbar() -> tuple[_Zbar | None, str]:
    try:
        named = os.environ.get(LIBZBAR_VARIABLE)
        if named:
            _load_with_neighbours(Path(named))
            from pyzbar import zbar_library

            # pyzbar asks the linker's cache, which knows nothing of an unpacked package.
            zbar_library.find_library = lambda _name: named
        from pyzbar import wrapper

        return _Zbar(wrapper), ""
    except (ImportError, OSError) as error:
        return None, f"{error}; install libzbar0, or name libzbar.so.0 in {LIBZBAR_VARIABLE}"


def _load_with_neighbours(library: Path) -> None:
    """Load a library and, from its folder, those that the machine lacks for it. Raises OSError when one is nowhere.

    The linker takes a library that is already loaded under the needed name, wherever it came from.
    """
    for _ in range(NEIGHBOURS_MAX):
        missing = _try_load(library)
        if missing is None:
            return
        wanted = library.parent / missing
        for _ in range(NEIGHBOURS_MAX):
            needed_first = _try_load(wanted)
            if needed_first is None:
                break
            wanted = library.parent / needed_first
    raise OSError(f"{library} needs more than {NEIGHBOURS_MAX} libraries that are not there")


def _try_load(library: Path) -> str | None:
    """Load a library for good; returns the name of one that it lacks, None when it is loaded."""
    try:
        ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
    except OSError as error:
        found = _MISSING.match(str(error))
        if found is None or found[1] == str(library):
            raise
        return found[1]
    return None
