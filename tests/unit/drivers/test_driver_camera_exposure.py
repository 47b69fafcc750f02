"""Exposed for the code: what is asked of the camera, and that a phone at night is read sooner for it."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.exposure import (
    LATE_FRAMES,
    RESTS_AFTER_FRAMES,
    TRIES_MAX,
    UNREAD_FRAMES,
    Exposure,
    ExposureLimits,
    ExposureState,
    FrameLight,
    light_of,
    next_exposure,
)
from drivers.qr import QrReader
from drivers.scene_sensor import LIMITS, SceneSensor
from simulator.pictures import Light, Medium, Shot, draw_scene, empty_scene

PLAIN = FrameLight(burnt_share=0.0, bright=180.0)
BURNT = FrameLight(burnt_share=0.1, bright=255.0)
DARK = FrameLight(burnt_share=0.0, bright=30.0)
USUAL = Exposure(time_us=8_000, gain=2.0)
PHONE_TEXT = "GD1:" + "6BFOXN%TSMAHN-H" * 26


def after(light: FrameLight, *, frames: int = 1, taken: Exposure = USUAL, is_unread: bool = True) -> ExposureState:
    state = ExposureState()
    for _ in range(frames):
        state = next_exposure(state, light=light, taken=taken, limits=LIMITS, is_unread=is_unread)
    return state


def test_nothing_is_asked_while_codes_are_read_or_nobody_is_there() -> None:
    assert after(BURNT, frames=50, is_unread=False).asked is None


def test_a_burnt_out_patch_is_exposed_as_a_display_at_once() -> None:
    asked = after(BURNT, taken=Exposure(time_us=50_000, gain=16.0)).asked
    assert asked is not None
    assert asked.amount <= 6_000


def test_a_dark_picture_is_exposed_more_up_to_the_limit_and_not_beyond() -> None:
    asked = after(DARK).asked
    assert asked is not None
    assert asked.amount > USUAL.amount
    brightest = LIMITS.exposure(1e12)
    assert after(DARK, taken=brightest, frames=30).asked is None


def test_a_code_in_the_dark_is_brought_to_its_level_and_one_at_its_level_is_let_be() -> None:
    asked = after(FrameLight(burnt_share=0.0, bright=200.0, code=60.0)).asked
    assert asked is not None
    assert asked.amount > 3 * USUAL.amount
    assert after(FrameLight(burnt_share=0.0, bright=200.0, code=165.0), frames=60).asked is None


def test_what_no_frame_explains_is_tried_longer_and_shorter_but_only_after_a_second() -> None:
    assert after(PLAIN, frames=UNREAD_FRAMES - 1).asked is None
    state, amounts = after(PLAIN, frames=UNREAD_FRAMES), set()
    for _ in range(TRIES_MAX):
        assert state.asked is not None
        amounts.add(state.asked.amount > USUAL.amount)
        state = next_exposure(state, light=PLAIN, taken=state.asked, limits=LIMITS, is_unread=True)
    assert amounts == {True, False}
    assert state.asked is None
    assert state.rests == RESTS_AFTER_FRAMES


def test_a_camera_that_never_obeys_is_not_waited_for_for_ever() -> None:
    state = after(BURNT, frames=1)
    for _ in range(TRIES_MAX * LATE_FRAMES + 1):
        state = next_exposure(state, light=BURNT, taken=USUAL, limits=LIMITS, is_unread=True)
    assert state.asked is None


@given(st.floats(0, 1e12), st.integers(1, 500), st.integers(600, 100_000), st.floats(1, 64))
def test_what_is_asked_lies_within_what_the_camera_can(amount: float, least: int, most: int, gain: float) -> None:
    limits = ExposureLimits(time_us_min=least, time_us_max=most, gain_max=gain)
    asked = limits.exposure(amount)
    assert least <= asked.time_us <= most
    assert 1.0 <= asked.gain <= gain
    if least <= amount <= limits.amount_max:
        assert asked.amount == pytest.approx(amount, rel=0.02, abs=2 * gain)


def test_gain_comes_before_a_time_in_which_hands_blur() -> None:
    asked = LIMITS.exposure(40_000)
    assert asked.time_us <= LIMITS.steady_us
    assert asked.gain > 4


def frames_to_read(light: Light, medium: Medium, *, with_loop: bool) -> int:
    """Frames from the moment a code is held up, at ten a second, until it is read; 30 when it never is."""
    sensor, reader, state = SceneSensor(seed=2), QrReader(), ExposureState()
    for _ in range(14):
        sensor.take(empty_scene(light, seed=2))
    scene = draw_scene(PHONE_TEXT, Shot(medium=medium, code_px=190, seed=2), light)
    for number in itertools.count():
        frame, taken = sensor.take(scene)
        is_read = bool(reader.read(frame).codes)
        if is_read or number == 30:
            return number
        if with_loop:
            state = next_exposure(state, light=light_of(frame), taken=taken, limits=LIMITS, is_unread=True)
            sensor.adjust(state.asked)
    raise AssertionError("unreachable")


@pytest.mark.parametrize("medium", [Medium.PHONE, Medium.PHONE_DARK_MODE])
@pytest.mark.parametrize("phone_cd", [150.0, 500.0])
def test_a_phone_at_night_is_read_within_half_a_second_and_without_the_loop_it_is_not(
    medium: Medium, phone_cd: float
) -> None:
    night = Light(street_cd=0.02, card_lux=0.1, phone_cd=phone_cd)
    assert frames_to_read(night, medium, with_loop=True) <= 4
    assert frames_to_read(night, medium, with_loop=False) > 4


@pytest.mark.parametrize("medium", [Medium.PHONE, Medium.PHONE_DARK_MODE])
def test_by_day_the_loop_costs_no_frame(medium: Medium) -> None:
    assert frames_to_read(Light(), medium, with_loop=True) == frames_to_read(Light(), medium, with_loop=False) <= 1


def test_the_sensor_obeys_some_frames_later_clips_and_is_noisy_in_the_dark() -> None:
    sensor = SceneSensor()
    sensor.adjust(Exposure(time_us=1_000, gain=1.0))
    grey = np.full((480, 640), 100.0, np.float32)
    times = [sensor.take(grey)[1].amount for _ in range(4)]
    assert times[0] != 1_000
    assert times[-1] == 1_000
    assert sensor.take(np.full((480, 640), 1e5, np.float32))[0].min() == 255
    sensor.adjust(LIMITS.exposure(1e9))
    night = [sensor.take(np.full((480, 640), 0.1, np.float32))[0] for _ in range(4)][-1]
    assert 0 < night.std() < 40
