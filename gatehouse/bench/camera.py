"""Camera frames to codes: how many are read in which condition, how long a readable one takes, what an idle lane costs.

Frames of 640x480 are drawn as a gate's camera sees them: paper and phones, near and far, tilted, turned, blurred, dim;
from easy to hopeless, and empty lanes between them. Read rate is held against zxing-cpp and pyzbar together, time
against zxing-cpp alone; every frame goes to all of them in turn, in the same run. In low light the camera's exposure is
simulated from the light of a scene on, with the terminal's exposure loop and without it. An idle lane is the terminal's
own view of an unchanging street for a minute of virtual time, beside zxing-cpp on every frame of the settings' rate.
"""

import itertools
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import zxingcpp

from drivers.qr import GreyFrame, QrReader
from gatehouse.bench.camera_conditions import (
    NEVER_FRAMES,
    conditions,
    fixed_code,
    frames_until_read,
    idle_cpu,
    stages_ms,
)
from gatehouse.bench.result import BenchResult, Figure, Limit
from simulator.pictures import Medium, Shot, draw_frame, empty_frame

RATIO_AT_MOST: Final = 1.3
IDLE_RATIO_AT_MOST: Final = 0.5
PHONE_AT_NIGHT_FRAMES: Final = 4  # at ten a second, from being held up
TIMED_ROUNDS: Final = 2
EMPTY_FRAMES: Final = 12
PHONE_CODE: Final = fixed_code("GD1:", 394)
PAPER_CODE: Final = fixed_code("GP1:", 215)
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
    held = list(_frames())
    with_code = [each for each in held if each.code is not None]
    read = {
        name: {number for number, each in enumerate(with_code) if _is_read(decode, each)}
        for name, decode in readers.items()
    }
    together = read["zxing"] | read.get("pyzbar", set())
    times_ms = _times_ms(readers, [with_code[number] for number in sorted(read["zxing"])])
    total = len(with_code)
    by_condition = _by_condition(readers)
    low_light = _low_light()
    idle = idle_cpu(with_code[0].frame)
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
        **stages_ms(with_code[0].frame),
        **by_condition,
        **low_light,
        **idle,
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
            Limit(figure="conditions_below_together", at_most=0),
            Limit(figure="phone_at_night_wait_frames", at_most=PHONE_AT_NIGHT_FRAMES),
            Limit(figure="idle_cpu_ratio", at_most=IDLE_RATIO_AT_MOST),
        ],
        conditions={
            "frame": "640x480, grey, drawn",
            "zbar": reader.why_no_zbar or "loaded",
            "rounds": TIMED_ROUNDS,
            "seeds": "fixed",
        },
    )


def _frames() -> Iterator[Held]:
    """Every medium from near to far, by day and by night, with a code as long as its passes are."""
    seeds = itertools.count(1)
    for medium in Medium:
        code = PAPER_CODE if medium is Medium.PAPER else PHONE_CODE
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


def _by_condition(readers: Mapping[str, Decode]) -> dict[str, Figure]:
    """Read rates in each condition, and how many frames all others read and we did not."""
    figures: dict[str, Figure] = {}
    below = 0
    for condition, frames in conditions(PHONE_CODE, PAPER_CODE).items():
        read = {
            name: {number for number, (frame, code) in enumerate(frames) if code in decode(frame)}
            for name, decode in readers.items()
        }
        below += len((read["zxing"] | read.get("pyzbar", set())) - read["ours"])
        for name, numbers in read.items():
            figures[f"{condition}_{name}_read_percent"] = 100 * len(numbers) / len(frames)
    return {"conditions_below_together": below, **figures}


def _low_light() -> dict[str, Figure]:
    """Frames from being held up until read: the worst, with the exposure loop and without."""
    figures: dict[str, Figure] = {}
    for name, is_phone in (("phone_at_night", True), ("card_against_light", False)):
        code = PHONE_CODE if is_phone else PAPER_CODE
        for with_loop in (True, False):
            waits = frames_until_read(code, is_phone=is_phone, with_loop=with_loop)
            suffix = "" if with_loop else "_metered"
            figures[f"{name}{suffix}_wait_frames"] = max(waits)
            figures[f"{name}{suffix}_never_read"] = sum(wait >= NEVER_FRAMES for wait in waits)
    return figures


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
