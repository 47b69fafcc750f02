"""Camera frames to codes: how many of them are read, and how long a readable one takes.

Frames of 640x480 are drawn as a gate's camera sees them: paper and phones, near and far, tilted, turned, blurred, dim;
from easy to hopeless, and empty lanes between them. Read rate is held against zxing-cpp and pyzbar together, time
against zxing-cpp alone; every frame goes to all of them in turn, in the same run.
"""

import itertools
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import zxingcpp

from drivers.qr import GreyFrame, QrReader
from gatehouse.bench.community import Community, make_community
from gatehouse.bench.result import BenchResult, Figure, Limit
from passes.holder import new_software_holder, step_at
from simulator.pictures import Medium, Shot, draw_frame, empty_frame

RATIO_AT_MOST: Final = 1.3
TIMED_ROUNDS: Final = 3
EMPTY_FRAMES: Final = 12
_QR: Any = zxingcpp.BarcodeFormat.QRCode  # its stub asks for a class that takes no single format


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A frame, and the code that is held up in it; None for an empty lane."""

    frame: GreyFrame
    code: bytes | None


Decode = Callable[[GreyFrame], Sequence[bytes]]


def run() -> BenchResult:
    """Draw, read with all, count and time."""
    reader = QrReader()
    readers: dict[str, Decode] = {"ours": lambda frame: reader.read(frame).codes, "zxing": _read_with_zxing}
    if not reader.why_no_zbar:
        readers["pyzbar"] = _pyzbar()
    with TemporaryDirectory(prefix="gatehouse-bench-") as folder:
        community = make_community(Path(folder), (), now=datetime.now(UTC), passes=1, households=1)
    held = list(_frames(community))
    with_code = [each for each in held if each.code is not None]
    read = {
        name: {number for number, each in enumerate(with_code) if _is_read(decode, each)}
        for name, decode in readers.items()
    }
    together = read["zxing"] | read.get("pyzbar", set())
    times_ms = _times_ms(readers, [with_code[number] for number in sorted(read["zxing"])])
    total = len(with_code)
    figures: dict[str, Figure] = {
        "frames": len(held),
        "frames_with_code": total,
        "ours_read_percent": 100 * len(read["ours"]) / total,
        "zxing_read_percent": 100 * len(read["zxing"]) / total,
        "pyzbar_read_percent": 100 * len(read["pyzbar"]) / total if "pyzbar" in read else None,
        "together_read_percent": 100 * len(together) / total,
        "frames_below_together": len(together - read["ours"]),
        "wrongly_read": sum(1 for each in held if each.code is None and reader.read(each.frame).codes),
        **{f"{name}_readable_p50_ms": value for name, value in times_ms.items()},
        "ours_empty_p50_ms": _empty_ms(reader, [each for each in held if each.code is None]),
    }
    return BenchResult(
        name="camera",
        ratio=times_ms["ours"] / times_ms["zxing"],
        figures=figures,
        floor="zxing-cpp alone on the frames that it reads (time); zxing-cpp and pyzbar together (read rate)",
        limits=[
            Limit(figure="ratio", at_most=RATIO_AT_MOST),
            Limit(figure="frames_below_together", at_most=0),
            Limit(figure="wrongly_read", at_most=0),
        ],
        conditions={"frame": "640x480, grey, drawn", "zbar": reader.why_no_zbar or "loaded", "rounds": TIMED_ROUNDS},
    )


def _frames(community: Community) -> Iterator[Held]:
    """Every medium in every condition, with a real pass of its kind."""
    seeds = itertools.count(1)
    holder = new_software_holder()
    phone = holder.code(community.phone(0, holder).envelope, step_at(community.now))
    for medium in Medium:
        code = community.paper(0).text if medium is Medium.PAPER else phone
        for code_px, (blur_px, noise, brightness) in itertools.product(_SIZES_PX, _LIGHTS):
            for tilt, rotation_deg in _ANGLES:
                shot = Shot(
                    medium=medium,
                    code_px=code_px,
                    tilt=tilt,
                    rotation_deg=rotation_deg,
                    blur_px=blur_px,
                    noise=noise,
                    brightness=brightness,
                    seed=next(seeds),
                )
                yield Held(frame=draw_frame(code, shot), code=code.encode())
    for _ in range(EMPTY_FRAMES):
        yield Held(frame=empty_frame(seed=next(seeds)), code=None)


_SIZES_PX: Final = (150, 190, 240, 320)
_LIGHTS: Final = ((0.5, 4.0, 1.0), (1.0, 6.0, 0.8), (1.6, 8.0, 0.45))  # blur, noise, brightness: good, usual, night
_ANGLES: Final = (((0.0, 0.0), 0.0), ((0.5, 0.2), 12.0), ((-0.7, 0.5), 40.0))


def _is_read(decode: Decode, held: Held) -> bool:
    return held.code in decode(held.frame)


def _times_ms(readers: Mapping[str, Decode], readable: Sequence[Held]) -> dict[str, float]:
    """Median CPU time per frame that zxing-cpp reads; all readers see each frame in turn."""
    taken: dict[str, list[float]] = {name: [] for name in readers}
    for _ in range(TIMED_ROUNDS):
        for held in readable:
            for name, decode in readers.items():
                began = time.thread_time()
                decode(held.frame)
                taken[name].append((time.thread_time() - began) * 1000)
    return {name: statistics.median(values) for name, values in taken.items()}


def _empty_ms(reader: QrReader, empty: Sequence[Held]) -> float:
    taken = []
    for held in empty:
        began = time.thread_time()
        reader.read(held.frame)
        taken.append((time.thread_time() - began) * 1000)
    return statistics.median(taken)


def _read_with_zxing(frame: GreyFrame) -> list[bytes]:
    return [barcode.bytes for barcode in zxingcpp.read_barcodes(frame, formats=_QR)]


def _pyzbar() -> Decode:
    """pyzbar as its own page shows it, QR codes only. After QrReader, which tells it where the library is."""
    from pyzbar import pyzbar

    def decode(frame: GreyFrame) -> list[bytes]:
        return [symbol.data for symbol in pyzbar.decode(frame, symbols=[pyzbar.ZBarSymbol.QRCODE])]

    return decode
