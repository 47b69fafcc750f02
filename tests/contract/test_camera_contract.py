"""What every camera gives: pixels, and codes out of them."""

import io
import itertools
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import segno
from contract_parts import Listener, hardware
from PIL import Image

from drivers.camera_scanner import CameraScanner, CameraScannerSettings
from drivers.errors import ReadingInvalid
from drivers.exposure import Exposure
from drivers.frames import Frame, open_frames
from drivers.frames_twin import CameraTwin
from drivers.ports import CameraHint, CameraHintChanged, CodeScanned, Component, ComponentHealth
from drivers.qr import GreyFrame
from model.credentials import Scanner
from simulator.pictures import Light, Medium, Shot, draw_scene, empty_scene

EMPTY: GreyFrame = np.full((480, 640), 200, np.uint8)


def frame_with(*codes: bytes) -> GreyFrame:
    frame = EMPTY.copy()
    for place, code in enumerate(codes):
        png = io.BytesIO()
        segno.make(code.decode(), error="q", micro=False).save(png, kind="png", scale=5, border=4)
        picture = np.asarray(Image.open(png).convert("L"))
        left = 10 + 310 * place
        frame[20 : 20 + picture.shape[0], left : left + picture.shape[1]] = picture
    return frame


@pytest.fixture
def camera_twin(tmp_path: Path) -> CameraTwin:
    twin = CameraTwin(tmp_path)
    twin.show(EMPTY)
    return twin


@pytest.fixture
def camera(camera_twin: CameraTwin, tmp_path: Path, listener: Listener) -> Iterator[CameraScanner]:
    settings = CameraScannerSettings(source=f"frames:{tmp_path}", frames_per_s=50, repeat_window_s=0.3)
    camera = CameraScanner(settings)
    camera.start(listener)
    listener.await_nth(ComponentHealth)
    yield camera
    camera.stop()


@pytest.mark.parametrize("source", ["twin"] + (["camera"] if "camera" in hardware() else []))
def test_frames_are_grey_and_of_the_size_asked_for(source: str, camera_twin: CameraTwin, tmp_path: Path) -> None:
    frames = open_frames(hardware()["camera"] if source == "camera" else f"frames:{tmp_path}", 640, 480)
    frame = frames.next_frame()
    frames.close()
    assert frame.is_new
    assert frame.pixels.shape == (480, 640)
    assert frame.pixels.dtype == np.uint8


def test_a_code_in_view_is_emitted_once_and_again_after_it_was_away(
    camera: CameraScanner, camera_twin: CameraTwin, listener: Listener
) -> None:
    camera_twin.show(frame_with(b"GP1:FIRST"))
    scanned = listener.await_nth(CodeScanned, 1)
    assert (scanned.text, scanned.scanner, scanned.several) == (b"GP1:FIRST", Scanner.CAMERA, False)
    for _ in range(5):
        camera_twin.show(frame_with(b"GP1:FIRST"))
    camera_twin.show(frame_with(b"GP1:SECOND"))
    assert listener.await_nth(CodeScanned, 2).text == b"GP1:SECOND"
    # Long enough out of view: by then the first code's window is over.
    camera_twin.show(EMPTY)
    last = listener.of(CodeScanned)[-1].at
    listener.await_that(lambda: camera._monotonic() > last + 0.5)
    camera_twin.show(frame_with(b"GP1:SECOND"))
    assert listener.await_nth(CodeScanned, 3).text == b"GP1:SECOND"


def test_two_different_codes_in_one_frame_are_several_and_neither_is_told(
    camera: CameraScanner, camera_twin: CameraTwin, listener: Listener
) -> None:
    camera_twin.show(frame_with(b"GP1:FIRST", b"GP1:SECOND"))
    scanned = listener.await_nth(CodeScanned)
    assert scanned.several
    assert scanned.text == b""


def test_the_same_code_twice_in_one_frame_is_one_code(
    camera: CameraScanner, camera_twin: CameraTwin, listener: Listener
) -> None:
    camera_twin.show(frame_with(b"GP1:SAME", b"GP1:SAME"))
    scanned = listener.await_nth(CodeScanned)
    assert (scanned.several, scanned.text) == (False, b"GP1:SAME")


def test_a_camera_that_goes_is_reported_once_and_when_it_returns(
    camera: CameraScanner, camera_twin: CameraTwin, listener: Listener
) -> None:
    camera_twin.unplug()
    lost = listener.await_nth(ComponentHealth, 2)
    assert (lost.component, lost.is_available, lost.why) == (Component.CAMERA_SCANNER, False, "no_picture")
    camera_twin.show(frame_with(b"GP1:BACK"))
    assert listener.await_nth(ComponentHealth, 3).is_available
    assert listener.await_nth(CodeScanned).text == b"GP1:BACK"


def test_broken_pictures_are_passed_over_and_many_are_a_broken_camera(
    camera: CameraScanner, camera_twin: CameraTwin, tmp_path: Path, listener: Listener
) -> None:
    broken = tmp_path / "other"
    broken.write_bytes(b"P5\n640 480\n255\ncut short")
    broken.replace(tmp_path / "frame.pgm")
    lost = listener.await_nth(ComponentHealth, 2)
    assert not lost.is_available
    camera_twin.show(frame_with(b"GP1:WHOLE"))
    assert listener.await_nth(CodeScanned).text == b"GP1:WHOLE"


def test_a_scene_is_exposed_as_it_is_asked_and_a_picture_is_left_as_it_is(
    camera_twin: CameraTwin, tmp_path: Path
) -> None:
    frames = open_frames(f"frames:{tmp_path}", 640, 480)
    assert frames.next_frame().exposure is None
    camera_twin.show_scene(np.full((480, 640), 100.0, np.float32))
    metered = frames.next_frame()
    assert metered.is_new
    assert metered.exposure is not None
    assert frames.limits is not None
    short = frames.limits.exposure(500)
    frames.adjust(short)
    taken = [frames.next_frame() for _ in range(4)][-1]
    assert taken.exposure == short
    assert taken.pixels.mean() < metered.pixels.mean() / 2
    frames.close()


@pytest.mark.parametrize(
    "content",
    [b"", b"PF\n64 64\n-1.0\n", b"Pf\n64 64\n1.0\n" + bytes(16384), b"Pf\n64 64\n-1.0\n" + b"\xff" * 16384],
    ids=["empty", "colour", "big-endian", "not a number"],
)
def test_a_scene_that_is_none_is_a_broken_picture(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "scene.pfm").write_bytes(content)
    with pytest.raises(ReadingInvalid):
        open_frames(f"frames:{tmp_path}", 640, 480).next_frame()


def test_a_phone_held_up_at_night_is_read_from_its_light(
    camera: CameraScanner, camera_twin: CameraTwin, listener: Listener
) -> None:
    night, text = Light(street_cd=0.02, card_lux=0.1, phone_cd=400.0), "GD1:" + "6BFOXN%TSMAHN-H" * 26
    camera_twin.unplug()
    camera_twin.show_scene(empty_scene(night))
    camera_twin.show_scene(draw_scene(text, Shot(medium=Medium.PHONE, code_px=240), night))
    assert listener.await_nth(CodeScanned).text == text.encode()


def test_what_keeps_a_code_from_being_read_is_told_and_taken_back(
    camera: CameraScanner, camera_twin: CameraTwin, listener: Listener
) -> None:
    camera_twin.unplug()
    shot = Shot(medium=Medium.PHONE, code_px=260, blur_px=2.5)
    camera_twin.show_scene(draw_scene("GD1:" + "6BFOXN%TSMAHN-H" * 26, shot, Light()))
    assert listener.await_nth(CameraHintChanged).hint is CameraHint.HOLD_STILL
    camera_twin.show_scene(empty_scene(Light()))
    assert listener.await_nth(CameraHintChanged, 2).hint is None


class CountedFrames:
    """A camera that gives the same grey picture, and counts."""

    limits = None

    def __init__(self) -> None:
        self.given = 0

    def adjust(self, exposure: Exposure | None) -> None:
        assert exposure is None

    def next_frame(self) -> Frame:
        self.given += 1
        return Frame(pixels=EMPTY, is_new=True)

    def close(self) -> None:
        return


def test_a_sensor_that_sees_somebody_has_the_next_frame_taken_at_once(listener: Listener) -> None:
    frames = CountedFrames()
    settings = CameraScannerSettings(source="picamera2", frames_per_s=0.5)
    camera = CameraScanner(settings, open_source=lambda *_: frames)
    camera.start(listener)
    listener.await_that(lambda: frames.given == 1)
    began = time.monotonic()
    camera.wake()
    listener.await_that(lambda: frames.given >= 2)
    assert time.monotonic() - began < 1.5  # two seconds lie between its frames
    camera.stop()


def test_a_camera_that_shows_only_black_is_lost_and_back_when_it_sees(listener: Listener) -> None:
    frames, seconds = CountedFrames(), itertools.count(1_000)
    picture = [np.zeros((480, 640), np.uint8)]
    frames.next_frame = lambda: Frame(pixels=picture[0], is_new=True)  # type: ignore[method-assign]
    settings = CameraScannerSettings(source="picamera2", frames_per_s=50)
    camera = CameraScanner(settings, open_source=lambda *_: frames, monotonic=lambda: next(seconds) / 10)
    camera.start(listener)
    lost = listener.await_nth(ComponentHealth, 2)
    assert (lost.is_available, lost.why) == (False, "too_dark_or_covered")
    picture[0] = EMPTY
    assert listener.await_nth(ComponentHealth, 3).is_available
    camera.stop()
