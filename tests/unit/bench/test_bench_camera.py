"""What the camera bench measures is there to be measured: the same each time, and lost when the saving is off."""

import numpy as np
import pytest

from drivers.watch import Watch
from gatehouse.bench.camera_conditions import (
    NEVER_FRAMES,
    conditions,
    fixed_code,
    frames_until_read,
    idle_cpu,
)
from simulator.pictures import Medium, Shot, draw_frame

PHONE, PAPER = fixed_code("GD1:", 394), fixed_code("GP1:", 215)


def test_frames_and_codes_are_the_same_in_every_run() -> None:
    assert fixed_code("GD1:", 394) == PHONE
    assert (len(PHONE), len(PAPER)) == (394, 215)
    first, second = conditions(PHONE, PAPER), conditions(PHONE, PAPER)
    assert first.keys() == second.keys()
    for name, frames in first.items():
        assert len(frames) >= 18
        assert all(np.array_equal(one, other) for (one, _), (other, _) in zip(frames, second[name], strict=True))


def test_an_idle_lane_costs_less_than_zxing_on_every_frame_and_without_the_watch_it_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held = draw_frame(PHONE, Shot(medium=Medium.PHONE, seed=4))
    saving = idle_cpu(held)
    assert saving["idle_next_code_read"] is True
    monkeypatch.setattr(Watch, "is_awake", lambda *_: True)
    awake = idle_cpu(held)
    assert isinstance(saving["idle_cpu_ratio"], float)
    assert isinstance(awake["idle_cpu_ratio"], float)
    assert saving["idle_cpu_ratio"] < 1 < awake["idle_cpu_ratio"]


def test_a_phone_at_night_waits_less_with_the_exposure_loop() -> None:
    with_loop = frames_until_read(PHONE, is_phone=True, with_loop=True)
    metered = frames_until_read(PHONE, is_phone=True, with_loop=False)
    assert max(with_loop) < NEVER_FRAMES
    assert sum(with_loop) < sum(metered)
