"""Cheap watching: what moves wakes, noise and the camera's own metering do not; black for long is said, and why."""

import itertools

import numpy as np
import pytest

from drivers.exposure import Exposure
from drivers.qr import GreyFrame
from drivers.scene_sensor import LIMITS, SceneSensor
from drivers.watch import AWAKE_S, COVERED, COVERED_AFTER_S, DARK_AFTER_S, TOO_DARK, Watch, has_moved, thumbnail
from model.clock import Instant
from simulator.pictures import Light, Medium, Shot, draw_frame, empty_frame, empty_scene

PHONE_TEXT = "GD1:" + "6BFOXN%TSMAHN-H" * 26
STREET = empty_frame(seed=4, noise=0).astype(np.float32)


def lane(number: int, noise: float = 4.0) -> GreyFrame:
    """The same lane again, with new noise."""
    return np.clip(STREET + np.random.default_rng(number).normal(0, noise, STREET.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("noise", [0.0, 2.0, 4.0, 8.0, 16.0])
def test_noise_alone_wakes_nobody(noise: float) -> None:
    pictures = [thumbnail(lane(number, noise)) for number in range(30)]
    assert not any(has_moved(before, now) for before, now in itertools.pairwise(pictures))


@pytest.mark.parametrize("code_px", [100, 150, 300, 440, 600])
@pytest.mark.parametrize("medium", list(Medium))
def test_a_code_that_comes_into_view_wakes(code_px: int, medium: Medium) -> None:
    text = PHONE_TEXT if medium is not Medium.PAPER else PHONE_TEXT[:200]
    held = draw_frame(text, Shot(medium=medium, code_px=code_px, seed=4))
    assert has_moved(thumbnail(lane(1)), thumbnail(held))


def test_the_lane_sleeps_when_nothing_has_moved_and_a_sensor_can_wake_it() -> None:
    watch = Watch()
    for number in range(40):
        watch.note(lane(number), None, None, Instant(number / 10))
    assert not watch.is_awake(Instant(AWAKE_S + 0.1))
    watch.wake(Instant(4.0))
    assert watch.is_awake(Instant(4.1))


def test_a_change_of_exposure_is_no_movement() -> None:
    watch = Watch()
    watch.note(lane(1), Exposure(time_us=8_000, gain=1.0), LIMITS, Instant(0))
    watch.note(lane(2) // 2, Exposure(time_us=4_000, gain=1.0), LIMITS, Instant(0.1))
    assert watch.moved_at is None
    watch.note(lane(3), Exposure(time_us=4_000, gain=1.0), LIMITS, Instant(0.2))
    assert watch.moved_at == 0.2


def blind_reasons(lights: list[tuple[float, Light]]) -> list[tuple[float, str]]:
    """Each change of the reason for which nothing is seen, as these lights follow each other for so many seconds."""
    watch, sensor, at, told = Watch(), SceneSensor(), 0.0, [(0.0, "")]
    for lasts_s, light in lights:
        scene, end = empty_scene(light, seed=4), at + lasts_s
        while at < end:
            frame, exposure = sensor.take(scene)
            watch.note(frame, exposure, LIMITS, Instant(at))
            why = watch.blind_because(Instant(at))
            if why != told[-1][1]:
                told.append((at, why))
            at = round(at + 0.2, 3)
    return told[1:]


DAY, LIT_NIGHT, UNLIT_NIGHT = Light(), Light(street_cd=1.0, card_lux=10.0), Light(street_cd=0.0, card_lux=0.0)


def test_a_lens_covered_by_day_is_covered_within_seconds_and_sees_again_at_once() -> None:
    covered, back = blind_reasons([(4, DAY), (12, UNLIT_NIGHT), (3, DAY)])
    assert covered[1] == COVERED
    assert COVERED_AFTER_S <= covered[0] - 4 <= COVERED_AFTER_S + 1
    assert back[1] == ""
    assert back[0] - 16 <= 1.0


def test_a_lane_that_goes_dark_at_night_is_too_dark_or_covered_and_nothing_more_is_claimed() -> None:
    ((at, why),) = blind_reasons([(6, LIT_NIGHT), (40, UNLIT_NIGHT)])
    assert why == TOO_DARK
    assert DARK_AFTER_S <= at - 6 <= DARK_AFTER_S + 1


def test_a_lit_lane_at_night_and_a_short_darkness_are_nothing_to_report() -> None:
    assert blind_reasons([(3, DAY), (40, LIT_NIGHT), (3, UNLIT_NIGHT), (5, LIT_NIGHT)]) == []


def test_a_black_picture_counts_only_when_the_camera_can_expose_no_longer() -> None:
    watch, black = Watch(), np.zeros((480, 640), np.uint8)
    for second in range(100):
        watch.note(black, Exposure(time_us=500, gain=1.0), LIMITS, Instant(second))
    assert watch.blind_because(Instant(100)) == ""
