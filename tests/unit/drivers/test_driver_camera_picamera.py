"""What is asked of picamera2, held against a stand-in that has its calls and is as strict as it is."""

import sys
from concurrent.futures import Future
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from drivers.errors import DriverUnavailable
from drivers.exposure import Exposure
from drivers.frames_picamera import PicameraFrames

FIXED_FOCUS = {
    "AeEnable": (False, True, True),
    "AeMeteringMode": (0, 3, 0),
    "AeExposureMode": (0, 3, 0),
    "ExposureTime": (130, 3_066_985, 20_000),
    "AnalogueGain": (1.0, 63.9375, 1.0),
    "FrameDurationLimits": (63_965, 3_067_365, 33_333),
}


class StandIn:
    """Picamera2 as far as it is used. Refuses unknown controls, and has as few buffers as it was made with."""

    opened: "list[StandIn]"
    listed: "dict[str, Any]"
    breaks_at: str

    def __init__(self) -> None:
        type(self).opened.append(self)
        self.camera_controls = dict(type(self).listed)
        self.sent: list[dict[str, Any]] = []
        self.out = 0
        self.is_closed = False
        self._break("open")

    def create_video_configuration(self, *, main: dict[str, Any], controls: dict[str, Any]) -> dict[str, Any]:
        return {"main": main, "controls": controls}

    def configure(self, configuration: dict[str, Any]) -> None:
        self._check(configuration["controls"])
        assert configuration["main"]["format"] == "YUV420"
        self.size = configuration["main"]["size"]

    def start(self) -> None:
        self._break("start")

    def set_controls(self, controls: dict[str, Any]) -> None:
        self._check(controls)
        self.sent.append(controls)

    def capture_request(self, wait: bool | float | None = None) -> "Job":
        assert wait is False
        self._break("capture")
        assert self.out < 4, "no buffer left: a request was not released"
        self.out += 1
        return Job(self)

    def close(self) -> None:
        self.is_closed = True

    def _check(self, controls: dict[str, Any]) -> None:
        for name in controls:
            if name not in self.camera_controls:
                raise RuntimeError(f"Control {name} is not advertised by libcamera")

    def _break(self, where: str) -> None:
        if type(self).breaks_at == where:
            raise RuntimeError("Camera frontend has timed out!")


class Job:
    def __init__(self, camera: StandIn) -> None:
        self._future: Future[Request] = Future()
        self._future.set_result(Request(camera))

    def get_result(self, timeout: float | None = None) -> "Request":
        assert timeout is not None
        return self._future.result(timeout=timeout)


class Request:
    def __init__(self, camera: StandIn) -> None:
        self._camera = camera

    def make_array(self, name: str) -> np.ndarray[Any, Any]:
        assert name == "main"
        width, height = self._camera.size
        planes = np.full((height * 3 // 2, width), 128, np.uint8)
        planes[:height] = 77
        return planes

    def get_metadata(self) -> dict[str, Any]:
        return {"ExposureTime": 9_999, "AnalogueGain": 1.5, "DigitalGain": 1.0, "Lux": 400.0}

    def release(self) -> None:
        self._camera.out -= 1


@pytest.fixture
def picamera(monkeypatch: pytest.MonkeyPatch) -> type[StandIn]:
    class Picamera2(StandIn):
        opened: "list[StandIn]" = []  # noqa: RUF012 - of this test alone
        listed = FIXED_FOCUS
        breaks_at = ""

    module = ModuleType("picamera2")
    module.Picamera2 = Picamera2  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "picamera2", module)
    return Picamera2


def test_frames_are_the_grey_plane_and_say_how_they_were_exposed(picamera: type[StandIn]) -> None:
    frames = PicameraFrames(640, 480)
    for _ in range(20):
        frame = frames.next_frame()
        assert frame.pixels.shape == (480, 640)
        assert (frame.pixels == 77).all()
        assert frame.exposure == Exposure(time_us=9_999, gain=1.5)
    assert picamera.opened[0].out == 0


def test_only_controls_that_the_camera_lists_are_sent(picamera: type[StandIn]) -> None:
    frames = PicameraFrames(640, 480)
    frames.adjust(Exposure(time_us=6_000, gain=2.0))
    frames.adjust(Exposure(time_us=6_000, gain=2.0))
    frames.adjust(None)
    assert picamera.opened[0].sent == [
        {"AeEnable": False, "ExposureTime": 6_000, "AnalogueGain": 2.0},
        {"AeEnable": True},
    ]


def test_limits_are_the_camera_s_own_within_what_a_hand_allows(picamera: type[StandIn]) -> None:
    limits = PicameraFrames(640, 480).limits
    assert limits is not None
    assert (limits.time_us_min, limits.time_us_max, limits.gain_max) == (130, 50_000, 16.0)


def test_a_camera_without_exposure_controls_is_left_to_itself(picamera: type[StandIn]) -> None:
    picamera.listed = {"FrameDurationLimits": (1, 2, 3)}
    frames = PicameraFrames(640, 480)
    assert frames.limits is None
    frames.adjust(Exposure(time_us=6_000, gain=2.0))
    assert picamera.opened[0].sent == []


@pytest.mark.parametrize("where", ["open", "start"])
def test_a_camera_that_can_t_be_had_says_what_to_do(picamera: type[StandIn], where: str) -> None:
    picamera.breaks_at = where
    with pytest.raises(DriverUnavailable, match="ribbon"):
        PicameraFrames(640, 480)
    assert picamera.opened[0].is_closed or where == "open"


def test_a_camera_that_hangs_is_unavailable_and_can_be_closed(picamera: type[StandIn]) -> None:
    frames = PicameraFrames(640, 480)
    picamera.breaks_at = "capture"
    with pytest.raises(DriverUnavailable, match="no frame"):
        frames.next_frame()
    frames.close()
    assert picamera.opened[0].is_closed


def test_without_the_library_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "picamera2", None)
    with pytest.raises(DriverUnavailable, match="python3-picamera2"):
        PicameraFrames(640, 480)
