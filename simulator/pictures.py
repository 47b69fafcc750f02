"""Draw what a gate's camera sees when somebody holds a QR code before it: a real code, a real frame.

A frame is a uint8 array of shape (480, 640), grey. The scene has a winter street as background, a phone or a sheet of
paper with the code on it, perspective, blur of hand and lens, noise of the chip and the brightness of the hour.
"""

from dataclasses import dataclass, field
from enum import Enum

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from passes.qr import Medium as CardMedium
from passes.qr import qr_matrix

Frame = NDArray[np.uint8]
FRAME_WIDTH, FRAME_HEIGHT = 640, 480
_QUIET_MODULES = 4  # ISO/IEC 18004: four modules of quiet zone
_MODULE_PX = 8
_PHONE_GLOW = 235
_PHONE_DARK = 18
_PAPER = 225


class Medium(Enum):
    """What carries the code."""

    PAPER = "paper"
    PHONE = "phone"
    PHONE_DARK_MODE = "phone_dark_mode"  # light modules on a dark screen


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """How a code is held and seen.

    code_px: edge of the code with its quiet zone in the frame. tilt: -1 to 1, perspective to the side and up.
    rotation_deg: in the plane. blur_px, noise: standard deviations. brightness: 1.0 = well lit; 0.3 = a dim lane.
    """

    medium: Medium = Medium.PAPER
    code_px: int = 300
    centre: tuple[int, int] = (FRAME_WIDTH // 2, FRAME_HEIGHT // 2)
    tilt: tuple[float, float] = (0.0, 0.0)
    rotation_deg: float = 0.0
    blur_px: float = 0.6
    noise: float = 4.0
    brightness: float = 1.0
    seed: int = 0
    others: tuple[tuple[str, tuple[int, int]], ...] = field(default=())  # further codes in the same frame


def draw_frame(text: str, shot: Shot) -> Frame:
    """One camera frame with this text as a QR code in it."""
    scene = _background(shot.seed)
    for code, centre in ((text, shot.centre), *shot.others):
        _hold_into(scene, _card(code, shot), centre, shot)
    return _through_lens(scene, shot)


def empty_frame(*, seed: int = 0, brightness: float = 1.0, noise: float = 4.0) -> Frame:
    """The lane with nobody before the camera."""
    return _through_lens(_background(seed), Shot(seed=seed, brightness=brightness, noise=noise))


Radiance = NDArray[np.float32]
"""Height by width, cd/m²: what a scene sends towards the camera before the camera exposes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Light:
    """The light of an hour.

    street_cd: how bright the lane is. card_lux: what falls on card and display. phone_cd: white of its display. A clear
    winter day has 3,000 cd/m² and more, a lit lane at night 1, an unlit one 0.02. A phone has 100 to 500.
    """

    street_cd: float = 100.0
    card_lux: float = 300.0
    phone_cd: float = 300.0


_PAPER_REFLECTS, _INK_REFLECTS, _GLASS_REFLECTS = 0.8, 0.05, 0.05
_PHONE_CONTRAST = 800.0


def draw_scene(text: str, shot: Shot, light: Light) -> Radiance:
    """A scene with this text as a QR code in it; the camera adds noise, clipping and tremor by itself."""
    is_phone = shot.medium is not Medium.PAPER
    held = _held_alone(text, shot)
    code = np.clip((held - 30.0) / (_PHONE_GLOW - 30.0), 0, 1)
    lit_cd = light.card_lux / np.pi
    if is_phone:
        code_cd = light.phone_cd * (code + 1 / _PHONE_CONTRAST) + _GLASS_REFLECTS * lit_cd
    else:
        code_cd = lit_cd * (_INK_REFLECTS + (_PAPER_REFLECTS - _INK_REFLECTS) * code)
    scene = np.where(held >= 0, code_cd, empty_scene(light, seed=shot.seed))
    return _softened(scene.astype(np.float32), shot.blur_px)


def empty_scene(light: Light, *, seed: int = 0) -> Radiance:
    """The lane with nobody before the camera."""
    return np.asarray(_background(seed), dtype=np.float32) / np.float32(115.0) * np.float32(light.street_cd)


def _held_alone(text: str, shot: Shot) -> NDArray[np.float32]:
    """Grey levels of what is held up, and -1 around it."""
    white, black = (Image.new("L", (FRAME_WIDTH, FRAME_HEIGHT), fill) for fill in (255, 0))
    for canvas in (white, black):
        _hold_into(canvas, _card(text, shot), shot.centre, shot)
    seen, other = np.asarray(white, np.float32), np.asarray(black, np.float32)
    return np.where(np.abs(seen - other) < 64, (seen + other) / 2, np.float32(-1))


def _softened(scene: Radiance, blur_px: float) -> Radiance:
    """A scene behind a lens: blurred in its own units, row by row and column by column."""
    if blur_px <= 0:
        return scene
    reach = max(1, round(3 * blur_px))
    weights = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * blur_px**2)).astype(np.float32)
    weights /= weights.sum()
    for axis in (0, 1):
        padded = np.pad(scene, [(reach, reach) if each == axis else (0, 0) for each in (0, 1)], mode="edge")
        length = scene.shape[axis]
        parts = (np.take(padded, range(at, at + length), axis=axis) * weight for at, weight in enumerate(weights))
        scene = np.sum(list(parts), axis=0, dtype=np.float32)
    return scene


def _card(text: str, shot: Shot) -> Image.Image:
    is_phone = shot.medium is not Medium.PAPER
    modules = np.array(qr_matrix(text, CardMedium.PHONE if is_phone else CardMedium.PAPER), dtype=np.uint8)
    modules = np.pad(modules, _QUIET_MODULES)
    dark, light = (_PHONE_DARK, _PHONE_GLOW) if is_phone else (30, _PAPER)
    if shot.medium is Medium.PHONE_DARK_MODE:
        dark, light = light, dark
    pixels = np.where(modules == 1, dark, light).astype(np.uint8)
    card = Image.fromarray(np.kron(pixels, np.ones((_MODULE_PX, _MODULE_PX), dtype=np.uint8)))
    # Shrunk by averaging first: a perspective transform alone would skip pixels, as no lens does.
    edge = max(2, min(shot.code_px, card.width))
    return card.resize((edge, edge), Image.Resampling.BOX)


def _hold_into(scene: Image.Image, card: Image.Image, centre: tuple[int, int], shot: Shot) -> None:
    corners = _corners(centre, shot)
    coefficients = _perspective(corners, card.size)
    size = (FRAME_WIDTH, FRAME_HEIGHT)
    warped = card.transform(size, Image.Transform.PERSPECTIVE, coefficients, Image.Resampling.BICUBIC)
    mask = Image.new("L", card.size, 255).transform(size, Image.Transform.PERSPECTIVE, coefficients)
    frame_corners = _corners(centre, shot, grown=1.12)
    ImageDraw.Draw(scene).polygon([(float(x), float(y)) for x, y in frame_corners], fill=_surround(shot.medium))
    scene.paste(warped, (0, 0), mask)


def _surround(medium: Medium) -> int:
    return {Medium.PAPER: _PAPER, Medium.PHONE: _PHONE_GLOW, Medium.PHONE_DARK_MODE: _PHONE_DARK}[medium]


def _corners(centre: tuple[int, int], shot: Shot, grown: float = 1.0) -> list[tuple[float, float]]:
    """Where the card's corners fall in the frame: top left, top right, bottom right, bottom left."""
    half = shot.code_px / 2 * grown
    turn = np.deg2rad(shot.rotation_deg)
    corners = []
    for x, y in ((-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)):
        depth = 1.0 + 0.18 * (shot.tilt[0] * x + shot.tilt[1] * y)  # 0.18: a card tilted by about 45° at arm's length
        flat_x, flat_y = half * x * (1 - 0.25 * abs(shot.tilt[0])), half * y * (1 - 0.25 * abs(shot.tilt[1]))
        seen_x = (flat_x * np.cos(turn) - flat_y * np.sin(turn)) / depth
        seen_y = (flat_x * np.sin(turn) + flat_y * np.cos(turn)) / depth
        corners.append((centre[0] + float(seen_x), centre[1] + float(seen_y)))
    return corners


def _perspective(corners: list[tuple[float, float]], card_size: tuple[int, int]) -> tuple[float, ...]:
    """The eight coefficients that lead from a pixel of the frame to a pixel of the card (Pillow's PERSPECTIVE)."""
    width, height = card_size
    rows, targets = [], []
    for (x, y), (u, v) in zip(corners, ((0, 0), (width, 0), (width, height), (0, height)), strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y])
        targets += [u, v]
    solution = np.linalg.solve(np.array(rows, dtype=float), np.array(targets, dtype=float))
    return tuple(float(value) for value in solution)


def _background(seed: int) -> Image.Image:
    random_source = np.random.default_rng(seed)
    coarse = random_source.integers(60, 170, size=(6, 8), dtype=np.uint8)
    return Image.fromarray(coarse).resize((FRAME_WIDTH, FRAME_HEIGHT), Image.Resampling.BICUBIC)


def _through_lens(scene: Image.Image, shot: Shot) -> Frame:
    if shot.blur_px > 0:
        scene = scene.filter(ImageFilter.GaussianBlur(shot.blur_px))
    light = np.asarray(scene, dtype=np.float32) * shot.brightness
    light += np.random.default_rng(shot.seed + 1).normal(0.0, shot.noise, size=light.shape).astype(np.float32)
    frame: Frame = np.clip(light, 0, 255).astype(np.uint8)
    return frame
