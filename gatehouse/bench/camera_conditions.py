"""What the camera bench holds a reader against: frames by condition, light at night, a lane in which nobody is."""

import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
import zxingcpp

from drivers.camera_view import View
from drivers.code_finder import Look, find_code
from drivers.exposure import ExposureState, light_of, next_exposure
from drivers.frames import Frame
from drivers.qr import GreyFrame, QrReader
from drivers.scene_sensor import SceneSensor
from drivers.watch import Watch
from gatehouse.bench.result import Figure
from model.clock import Instant
from simulator.picture_flaws import Flaws, spoil
from simulator.pictures import Light, Medium, Shot, draw_frame, draw_scene, empty_frame, empty_scene

FRAMES_PER_S: Final = 10.0  # the settings' own
NEVER_FRAMES: Final = 30
IDLE_SECONDS: Final = 60
IDLE_PICTURES: Final = 20
SETTLE_S: Final = 4.0
SETTLE_FRAMES: Final = 9
STAGE_ROUNDS: Final = 15
_SIZES_PX: Final = (150, 190, 240)
_QR: Any = zxingcpp.BarcodeFormat.QRCode  # its stub asks for a class that takes no single format

Held = tuple[GreyFrame, bytes]
_FLAWLESS: Final = Flaws()
_BASE45: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"


def fixed_code(prefix: str, length: int) -> str:
    """A code as long as a pass, of the letters that passes have; the same in every run."""
    picks = np.random.default_rng(length)
    return prefix + "".join(picks.choice(list(_BASE45), size=length - len(prefix)))


def conditions(phone: str, paper: str) -> dict[str, list[Held]]:
    """Frames with their codes, by what is wrong with them; from easy to hopeless each."""
    makers: dict[str, list[Callable[[Medium, int, int], tuple[Shot, Flaws]]]] = {
        "warp": [_shot(tilt=tilt) for tilt in ((0.6, 0.2), (-0.9, 0.6), (1.0, 1.0))],
        "rotated": [_shot(rotation_deg=angle) for angle in (20.0, 45.0, 70.0)],
        "focus_blur": [_shot(blur_px=blur) for blur in (1.0, 1.4, 1.8)],
        "motion_blur": [_flawed(motion_px=length) for length in (3, 4, 6)],
        "noise": [_flawed(noise=noise) for noise in (12.0, 20.0, 30.0)],
        "glare": [_flawed(glare=glare) for glare in (0.3, 0.5, 0.8)],
        "low_contrast": [_flawed(contrast=contrast) for contrast in (0.25, 0.12, 0.08)],
        "banding": [_flawed(banding=depth) for depth in (0.4, 0.6, 0.8)],
        "dim": [_shot(brightness=brightness) for brightness in (0.25, 0.12, 0.08)],
    }
    frames = {
        name: [
            _drawn(make(medium, code_px, seed), phone, paper)
            for seed, (medium, code_px, make) in enumerate(itertools.product(_ON_LIGHT, _SIZES_PX, makes))
        ]
        for name, makes in makers.items()
    }
    plain = _shot()
    small = itertools.product(Medium, (85, 95, 105, 115, 125, 135))
    frames["small"] = [_drawn(plain(*each, seed), phone, paper) for seed, each in enumerate(small)]
    inverted = itertools.product((120, 150, 190, 240), (0.5, 1.0, 1.5), (0.0, 25.0))
    frames["inverted"] = [
        _drawn(_shot(blur_px=blur, rotation_deg=turn)(Medium.PHONE_DARK_MODE, code_px, seed), phone, paper)
        for seed, (code_px, blur, turn) in enumerate(inverted)
    ]
    return frames


_ON_LIGHT: Final = (Medium.PAPER, Medium.PHONE)


def _shot(**how: Any) -> Callable[[Medium, int, int], tuple[Shot, Flaws]]:
    return lambda medium, code_px, seed: (Shot(medium=medium, code_px=code_px, seed=seed, **how), _FLAWLESS)


def _flawed(**how: Any) -> Callable[[Medium, int, int], tuple[Shot, Flaws]]:
    return lambda medium, code_px, seed: (Shot(medium=medium, code_px=code_px, seed=seed), Flaws(seed=seed, **how))


def _drawn(made: tuple[Shot, Flaws], phone: str, paper: str) -> Held:
    shot, flaws = made
    code = paper if shot.medium is Medium.PAPER else phone
    return spoil(draw_frame(code, shot), flaws), code.encode()


def frames_until_read(code: str, *, is_phone: bool, with_loop: bool) -> list[int]:
    """Frames at FRAMES_PER_S from being held up until read, NEVER_FRAMES at most, for several lights and sizes."""
    return [_wait(code, medium, light, code_px, with_loop) for medium, light, code_px in _nights(is_phone)]


def _nights(is_phone: bool) -> Iterator[tuple[Medium, Light, int]]:
    if is_phone:
        for phone_cd, street_cd in ((150.0, 0.02), (500.0, 0.02), (300.0, 1.0)):
            light = Light(street_cd=street_cd, card_lux=10 * street_cd, phone_cd=phone_cd)
            for medium in (Medium.PHONE, Medium.PHONE_DARK_MODE):
                yield medium, light, 190
        return
    for light in (Light(street_cd=5_000.0, card_lux=200.0), Light(street_cd=0.05, card_lux=300.0)):
        yield from ((Medium.PAPER, light, code_px) for code_px in (190, 240))


def _wait(code: str, medium: Medium, light: Light, code_px: int, with_loop: bool) -> int:
    sensor, reader, state = SceneSensor(seed=code_px), QrReader(), ExposureState()
    lane = empty_scene(light, seed=code_px)
    for _ in range(SETTLE_FRAMES):
        sensor.take(lane)
    scene = draw_scene(code, Shot(medium=medium, code_px=code_px, seed=code_px), light)
    for number in range(NEVER_FRAMES):
        frame, taken = sensor.take(scene)
        if code.encode() in reader.read(frame, thoroughly=number % 3 == 0).codes:
            return number
        if with_loop:
            light_seen = light_of(frame)
            state = next_exposure(state, light=light_seen, taken=taken, limits=sensor.limits, is_unread=True)
            sensor.adjust(state.asked)
    return NEVER_FRAMES


def idle_cpu(held_frame: GreyFrame) -> dict[str, Figure]:
    """CPU of a core in which nobody is there: ours, zxing-cpp on every frame, both in the same run, frames given."""
    street = empty_frame(seed=4, noise=0).astype(np.float32)
    noise = np.random.default_rng(4)
    pictures = [
        np.clip(street + noise.normal(0, 4, street.shape), 0, 255).astype(np.uint8) for _ in range(IDLE_PICTURES)
    ]
    view, at, frames = View(QrReader(), 2.0, cost_clock=lambda: 0.0), 0.0, 0
    began = time.thread_time()
    while at < SETTLE_S + IDLE_SECONDS:
        if at < SETTLE_S:
            began = time.thread_time()
        picture = Frame(pixels=pictures[frames % IDLE_PICTURES], is_new=True)
        at += (2 if view.look(picture, Instant(at)).is_asleep else 1) / FRAMES_PER_S
        frames += 1
    seconds = time.thread_time() - began
    # Then somebody steps up: the saving is worth nothing if that code is missed.
    scanned = view.look(Frame(pixels=held_frame, is_new=True), Instant(at)).scanned
    began = time.thread_time()
    for number in range(int(IDLE_SECONDS * FRAMES_PER_S)):
        zxingcpp.read_barcodes(pictures[number % IDLE_PICTURES], formats=_QR)
    floor = time.thread_time() - began
    return {
        "idle_cpu_percent": 100 * seconds / IDLE_SECONDS,
        "idle_zxing_every_frame_cpu_percent": 100 * floor / IDLE_SECONDS,
        "idle_cpu_ratio": seconds / floor,
        "idle_next_code_read": scanned is not None,
    }


def stages_ms(frame: GreyFrame) -> dict[str, Figure]:
    """Median CPU time of each stage on one frame with a code, zxing-cpp's own beside it; all in turn."""
    watch, blurred = Watch(), spoil(frame, Flaws(motion_px=9))
    stages: dict[str, Callable[[], object]] = {
        "zxing": lambda: zxingcpp.read_barcodes(frame, formats=_QR),
        "watch": lambda: watch.note(frame, None, None, Instant(0)),
        "light": lambda: light_of(frame),
        "look": lambda: find_code(blurred, Look()),
    }
    taken: dict[str, list[float]] = {name: [] for name in stages}
    for _ in range(STAGE_ROUNDS):
        for name, stage in stages.items():
            began = time.thread_time()
            stage()
            taken[name].append(1000 * (time.thread_time() - began))
    medians = {name: float(np.median(values)) for name, values in taken.items()}
    ratios = {f"stage_{name}_per_zxing": medians[name] / medians["zxing"] for name in stages if name != "zxing"}
    return {**{f"stage_{name}_p50_ms": value for name, value in medians.items()}, **ratios}
