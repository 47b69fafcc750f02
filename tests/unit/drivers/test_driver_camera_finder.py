"""What looks like a code and can't be read is found; what people wear, write and build is not taken for one."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from drivers import code_finder
from drivers.code_finder import LOOKS, Candidate, Floats, Look, Sums, find_code
from drivers.hints import hint_for
from drivers.ports import CameraHint
from drivers.qr import GreyFrame, QrReader
from simulator.picture_flaws import Flaws, spoil
from simulator.pictures import Medium, Shot, draw_frame, empty_frame

PHONE_TEXT = "GD1:" + "6BFOXN%TSMAHN-H" * 26


def phone(code_px: int = 260, **how: object) -> GreyFrame:
    return draw_frame(PHONE_TEXT, Shot(**{"medium": Medium.PHONE, "code_px": code_px, **how}))


def found_by_any(frame: GreyFrame) -> Candidate | None:
    return next((found for look in LOOKS if (found := find_code(frame, look)) is not None), None)


@pytest.mark.parametrize("blur_px", [2.0, 2.5, 3.0])
@pytest.mark.parametrize("medium", [Medium.PHONE, Medium.PHONE_DARK_MODE])
def test_a_code_too_blurred_to_be_read_is_found(blur_px: float, medium: Medium) -> None:
    frame = phone(blur_px=blur_px, medium=medium)
    assert QrReader().read(frame).codes == ()
    found = found_by_any(frame)
    assert found is not None
    assert 215 <= found.side_px <= 245
    assert found.light > found.dark


@pytest.mark.parametrize("rotation_deg", [0, 15, 30, 45, 60, 75, 120, 200])
def test_a_code_is_found_whichever_way_it_is_turned(rotation_deg: float) -> None:
    assert found_by_any(phone(blur_px=2.3, rotation_deg=rotation_deg)) is not None


@pytest.mark.parametrize("code_px", [72, 80, 90])
def test_a_code_too_small_to_be_read_is_found_small(code_px: int) -> None:
    frame = phone(code_px)
    assert QrReader().read(frame).codes == ()
    found = found_by_any(frame)
    assert found is not None
    assert found.module_px < 1.7


def test_a_code_that_the_frame_cuts_off_is_found_as_cut() -> None:
    found = found_by_any(phone(640, centre=(330, 400)))
    assert found is not None
    assert found.is_cut


def test_a_code_under_a_lamp_s_reflection_is_found_burnt() -> None:
    found = []
    for seed in range(8):
        frame = spoil(phone(240, seed=seed), Flaws(glare=0.95, seed=seed))
        candidate = found_by_any(frame) if not QrReader().read(frame).codes else None
        found += [] if candidate is None else [hint_for(candidate, 480)]
    assert found.count(CameraHint.LESS_GLARE) >= 3  # where the reflection does not lie on a finder pattern
    assert set(found) == {CameraHint.LESS_GLARE}


def test_a_small_code_needs_the_close_look() -> None:
    frame = phone(76)
    assert find_code(frame, Look()) is None
    assert find_code(frame, Look(is_close=True)) is not None


def noisy(picture: Image.Image, seed: int) -> GreyFrame:
    blurred = np.asarray(picture.filter(ImageFilter.GaussianBlur(0.7)), np.float32)
    return np.clip(blurred + np.random.default_rng(seed).normal(0, 4, blurred.shape), 0, 255).astype(np.uint8)


def lane(seed: int) -> Image.Image:
    return Image.fromarray(empty_frame(seed=seed, noise=0))


def shop_sign(seed: int) -> GreyFrame:
    picks, picture = np.random.default_rng(seed), lane(seed)
    draw = ImageDraw.Draw(picture)
    for _ in range(6):
        x, y = int(picks.integers(0, 500)), int(picks.integers(0, 400))
        box = (x, y, x + int(picks.integers(60, 300)), y + int(picks.integers(30, 120)))
        draw.rectangle(box, fill=int(picks.integers(20, 230)), outline=int(picks.integers(20, 230)), width=4)
        font = ImageFont.load_default(size=int(picks.integers(14, 70)))
        draw.text((x + 8, y + 4), "OPEN 24h 688 WANG", font=font, fill=int(picks.integers(0, 255)))
    return noisy(picture, seed)


def text_page(seed: int) -> GreyFrame:
    picks, picture = np.random.default_rng(seed), Image.new("L", (640, 480), 220)
    draw, size = ImageDraw.Draw(picture), int(picks.integers(9, 28))
    letters = list(range(48, 123)) + [32] * 9
    for y in range(40, 430, int(size * 1.35)):
        line = "".join(chr(int(each)) for each in picks.choice(letters, size=900 // size))
        draw.text((60, y), line, font=ImageFont.load_default(size=size), fill=40)
    return noisy(picture.rotate(int(picks.integers(-20, 20)), fillcolor=120), seed)


def chequered_cloth(seed: int) -> GreyFrame:
    edge = 4 + 3 * seed
    y, x = np.mgrid[:480, :640]
    return noisy(Image.fromarray(((x // edge + y // edge) % 2 * 150 + 50).astype(np.uint8)), seed)


def hounds_tooth(seed: int) -> GreyFrame:
    picks = np.random.default_rng(seed)
    edge = int(picks.integers(4, 24))
    tile = np.kron((picks.random((edge, edge)) > 0.5) * 170 + 40, np.ones((3, 3)))
    return noisy(Image.fromarray(np.tile(tile, (60, 80))[:480, :640].astype(np.uint8)), seed)


def winter_coat(seed: int) -> GreyFrame:
    picks = np.random.default_rng(seed)
    stitches = picks.integers(30, 150, (480 // int(picks.integers(3, 14)), 640 // int(picks.integers(3, 14))))
    coat = Image.fromarray(stitches.astype(np.uint8)).resize((640, 480), Image.Resampling.BICUBIC)
    return noisy(coat, seed)


def face(seed: int) -> GreyFrame:
    picks, picture = np.random.default_rng(seed), lane(seed)
    draw = ImageDraw.Draw(picture)
    x, y, half = int(picks.integers(150, 450)), int(picks.integers(150, 300)), int(picks.integers(60, 140))
    draw.ellipse((x - half, y - 1.3 * half, x + half, y + 1.3 * half), fill=170)
    for side in (-0.4, 0.4):
        eye = x + side * half
        draw.ellipse((eye - 0.2 * half, y - 0.4 * half, eye + 0.2 * half, y - 0.2 * half), fill=230)
        draw.ellipse((eye - 0.08 * half, y - 0.38 * half, eye + 0.08 * half, y - 0.22 * half), fill=30)
    draw.rectangle((x - 0.5 * half, y + 0.5 * half, x + 0.5 * half, y + 1.1 * half), fill=210)
    return noisy(picture, seed)


def windows(seed: int) -> GreyFrame:
    picks, picture = np.random.default_rng(seed), Image.new("L", (640, 480), 150)
    draw, edge = ImageDraw.Draw(picture), int(picks.integers(16, 60))
    for y in range(0, 480, edge):
        for x in range(0, 640, edge):
            shade = int(picks.integers(20, 230))
            draw.rectangle((x + 3, y + 3, x + edge - 6, y + edge - 6), fill=shade, outline=230, width=2)
    return noisy(picture, seed)


@pytest.mark.parametrize(
    "scene",
    [
        lambda seed: empty_frame(seed=seed),
        shop_sign,
        text_page,
        chequered_cloth,
        hounds_tooth,
        winter_coat,
        face,
        windows,
    ],
    ids=["lane", "shop sign", "page", "chequered", "hound's tooth", "coat", "face", "windows"],
)
def test_what_is_no_code_is_not_taken_for_one(scene: Callable[[int], GreyFrame]) -> None:
    taken = [(seed, look) for seed in range(6) for look in LOOKS if find_code(scene(seed), look) is not None]
    assert taken == []


def test_without_the_quiet_zone_s_check_a_page_is_taken_for_a_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drivers.code_finder._UNEVEN_SHARE", 99.0)
    monkeypatch.setattr("drivers.code_finder._is_busy", lambda *_: True)
    scenes = [make(seed) for make in (text_page, hounds_tooth, windows) for seed in range(6)]
    assert any(find_code(scene, look) is not None for scene in scenes for look in LOOKS)


def test_a_frame_of_nothing_and_a_frame_that_is_tiny_hold_no_code() -> None:
    for shape in ((480, 640), (64, 64), (65, 67)):
        for level in (0, 128, 255):
            assert found_by_any(np.full(shape, level, np.uint8)) is None


def test_however_much_there_is_to_see_arrays_come_in_few_lengths(monkeypatch: pytest.MonkeyPatch) -> None:
    """NumPy keeps buffers of every small length that it has ever met: a lane would grow with each scene."""
    lengths = set()
    look_closely = code_finder._box_sums_at

    def noted(sums: Sums, rows: NDArray[np.intp], columns: NDArray[np.intp], size: int) -> Floats:
        lengths.add(len(rows))
        return look_closely(sums, rows, columns, size)

    monkeypatch.setattr(code_finder, "_box_sums_at", noted)
    for seed in range(12):
        find_code(spoil(phone(240 + 5 * seed, seed=seed), Flaws(glare=0.95, seed=seed)), LOOKS[seed % len(LOOKS)])
    assert lengths
    assert all(length % 256 == 0 for length in lengths)
