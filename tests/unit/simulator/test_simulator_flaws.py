"""Each flaw does what it says to a picture, and the same each time."""

import numpy as np
import pytest

from simulator.picture_flaws import Flaws, spoil
from simulator.pictures import Light, Medium, Shot, draw_frame, draw_scene, empty_scene

TEXT = "GP1:" + "6BFOXN%TSMAHN-H" * 13
FRAME = draw_frame(TEXT, Shot(noise=0.0))


def test_a_frame_without_flaws_is_itself() -> None:
    assert np.array_equal(spoil(FRAME, Flaws()), FRAME)


def test_motion_smears_sideways_and_leaves_the_rows_apart() -> None:
    smeared = spoil(FRAME, Flaws(motion_px=9)).astype(float)
    sharp = FRAME.astype(float)
    assert np.abs(np.diff(smeared, axis=1)).max() < 0.5 * np.abs(np.diff(sharp, axis=1)).max()
    assert np.abs(np.diff(smeared, axis=0)).max() > 0.5 * np.abs(np.diff(sharp, axis=0)).max()
    assert smeared.shape == FRAME.shape


def test_glare_burns_out_and_mist_takes_the_contrast() -> None:
    assert (spoil(FRAME, Flaws(glare=0.8)) == 255).sum() > (FRAME == 255).sum() + 2_000
    assert spoil(FRAME, Flaws(contrast=0.1)).std() < 0.15 * FRAME.std()


def test_a_display_s_beat_is_dark_bars_across() -> None:
    rows = spoil(FRAME, Flaws(banding=0.8)).mean(axis=1) / FRAME.mean(axis=1)
    assert rows.min() < 0.4
    assert rows.max() > 0.9


@pytest.mark.parametrize("flaws", [Flaws(noise=9.0, seed=3), Flaws(glare=0.5, seed=3), Flaws(banding=0.5, seed=3)])
def test_the_same_seed_spoils_in_the_same_way(flaws: Flaws) -> None:
    assert np.array_equal(spoil(FRAME, flaws), spoil(FRAME, flaws))


@pytest.mark.parametrize("medium", list(Medium))
def test_a_scene_is_light_of_the_hour_with_what_is_held_up_in_it(medium: Medium) -> None:
    light = Light(street_cd=1.0, card_lux=30.0, phone_cd=300.0)
    lane, scene = empty_scene(light, seed=2), draw_scene(TEXT, Shot(medium=medium, seed=2, blur_px=0.0), light)
    assert scene.dtype == np.float32
    assert scene.min() >= 0
    assert np.array_equal(scene[:40, :40], lane[:40, :40])
    white = 30.0 / np.pi * 0.8 if medium is Medium.PAPER else 300.0
    assert scene.max() == pytest.approx(white, rel=0.1)
