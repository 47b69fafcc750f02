"""A camera's view over time, on a virtual clock: first codes in time, hints that hold, little work for nobody."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from drivers.camera_view import SLEEPING_READ_S, SLEEPING_THOROUGH_EVERY, View
from drivers.frames import Frame
from drivers.ports import CameraHint, CameraHintChanged, CodeScanned
from drivers.qr import FrameRead, GreyFrame, QrReader
from drivers.scene_sensor import SceneSensor
from model.clock import Instant
from simulator.pictures import Light, Medium, Radiance, Shot, draw_frame, draw_scene, empty_frame, empty_scene

PHONE_TEXT = "GD1:" + "6BFOXN%TSMAHN-H" * 26
AWAKE_EVERY_S, ASLEEP_EVERY_S = 0.1, 0.2
STREET = empty_frame(seed=4, noise=0).astype(np.float32)
NIGHT = Light(street_cd=0.02, card_lux=0.1, phone_cd=400.0)


class CountingReader(QrReader):
    """Reads as QrReader does, and counts."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0
        self.thorough = 0

    def read(self, frame: GreyFrame, *, thoroughly: bool = True) -> FrameRead:
        self.reads += 1
        self.thorough += thoroughly
        return super().read(frame, thoroughly=thoroughly)


class Scene:
    """A lane before a view: frames come as the driver takes them. told: (second, what) for each thing said."""

    def __init__(self) -> None:
        self.reader = CountingReader()
        self.view = View(self.reader, 2.0, cost_clock=lambda: 0.0)
        self.at = 0.0
        self.frames = 0
        self.told: list[tuple[float, object]] = []
        self._noise = np.random.default_rng(0)

    def watch(self, picture: GreyFrame, for_s: float, *, phase_s: float = 0.0) -> None:
        """The same picture with the sensor's noise, for so long."""
        self.at += phase_s
        end = self.at + for_s
        while self.at < end:
            noisy = picture.astype(np.float32) + self._noise.normal(0, 3, picture.shape)
            self._look(Frame(pixels=np.clip(noisy, 0, 255).astype(np.uint8), is_new=True))

    def rest(self, picture: GreyFrame, for_s: float) -> None:
        """One frame that stays as it is, for so long."""
        end, is_new = self.at + for_s, True
        while self.at < end:
            self._look(Frame(pixels=picture, is_new=is_new))
            is_new = False

    def take(self, sensor: SceneSensor, scene: Radiance, for_s: float, *, with_loop: bool = True) -> None:
        """The same scene through a sensor, held by a hand, for so long."""
        end = self.at + for_s
        while self.at < end:
            pixels, exposure = sensor.take(np.roll(scene, self.frames % 3, axis=1))
            self._look(Frame(pixels=pixels, is_new=True, exposure=exposure), sensor)
            if with_loop:
                sensor.adjust(self.view.exposure.asked)

    def _look(self, frame: Frame, sensor: SceneSensor | None = None) -> None:
        self.frames += 1
        seen = self.view.look(frame, Instant(self.at), None if sensor is None else sensor.limits)
        for each in (seen.scanned, seen.hint):
            if each is not None:
                self.told.append((self.at, each))
        self.at += ASLEEP_EVERY_S if seen.is_asleep else AWAKE_EVERY_S

    def scanned_at(self) -> list[float]:
        return [at for at, each in self.told if isinstance(each, CodeScanned)]

    def hints(self) -> list[CameraHint | None]:
        return [each.hint for _, each in self.told if isinstance(each, CameraHintChanged)]


def lane() -> GreyFrame:
    return STREET.astype(np.uint8)


def held(code_px: int, **how: object) -> GreyFrame:
    return draw_frame(PHONE_TEXT, Shot(**{"medium": Medium.PHONE, "code_px": code_px, "seed": 4, "noise": 0.0, **how}))


def appearances() -> Iterator[tuple[str, GreyFrame]]:
    yield "near", held(420)
    yield "usual", held(260)
    yield "far", held(140)
    yield "dark mode", held(220, medium=Medium.PHONE_DARK_MODE)
    yield "turned", held(240, rotation_deg=35)
    yield "dim", held(260, brightness=0.5)


@pytest.mark.parametrize("picture", [pytest.param(picture, id=name) for name, picture in appearances()])
@pytest.mark.parametrize("phase_s", [0.0, 0.05, 0.13])
def test_the_first_code_on_a_sleeping_lane_is_read_within_300_ms(picture: GreyFrame, phase_s: float) -> None:
    scene = Scene()
    scene.watch(lane(), 6.0)
    appears = scene.at - ASLEEP_EVERY_S  # in the worst case just after the last frame was taken
    scene.watch(picture, 2.0, phase_s=phase_s)
    assert scene.scanned_at()
    assert scene.scanned_at()[0] - phase_s - appears <= 0.3


def test_a_lane_that_sees_no_movement_misses_the_first_code_for_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drivers.watch.has_moved", lambda *_: False)
    scene = Scene()
    scene.watch(lane(), 6.3)
    appears = scene.at
    scene.watch(held(260), 3.0)
    assert 0.3 < scene.scanned_at()[0] - appears <= SLEEPING_READ_S + ASLEEP_EVERY_S


def test_an_empty_lane_is_read_once_a_second_and_looked_at_half_as_often() -> None:
    scene = Scene()
    scene.watch(lane(), 4.0)
    scene.reader.reads = scene.reader.thorough = scene.frames = 0
    scene.watch(lane(), 30.0)
    assert scene.frames <= 30 / ASLEEP_EVERY_S + 1
    assert 25 <= scene.reader.reads <= 31
    assert 1 <= scene.reader.thorough <= scene.reader.reads / SLEEPING_THOROUGH_EVERY + 1


def test_a_code_held_for_a_minute_counts_once_though_nothing_moves() -> None:
    scene = Scene()
    scene.watch(held(260), 60.0)
    assert len(scene.scanned_at()) == 1


def test_no_code_of_a_busy_gate_is_missed_for_the_saving() -> None:
    """A code every four seconds, out of view in between: each counts, as it does when every frame is read."""
    counted = []
    for is_saving in (True, False):
        scene = Scene()
        for number in range(5):
            scene.watch(lane(), 2.6)
            if not is_saving:
                scene.view.wake(Instant(scene.at))
            scene.watch(held(150 + 50 * number, rotation_deg=10.0 * number), 1.4)
        counted.append(len(scene.scanned_at()))
    assert counted == [5, 5]


def scene_of(light: Light, **how: object) -> Radiance:
    return draw_scene(PHONE_TEXT, Shot(**{"medium": Medium.PHONE, "seed": 4, **how}), light)


@pytest.mark.parametrize("medium", [Medium.PHONE, Medium.PHONE_DARK_MODE])
def test_a_phone_at_night_is_read_within_half_a_second_of_being_held_up(medium: Medium) -> None:
    waits = {}
    for with_loop in (True, False):
        scene, sensor = Scene(), SceneSensor(seed=1)
        scene.take(sensor, empty_scene(NIGHT, seed=4), 5.0)
        appears = scene.at
        scene.take(sensor, scene_of(NIGHT, code_px=190, medium=medium), 3.0, with_loop=with_loop)
        waits[with_loop] = (scene.scanned_at() or [np.inf])[0] - appears
    assert waits[True] <= 0.5
    assert waits[False] > waits[True]


TROUBLES: list[tuple[CameraHint, Callable[[], Radiance], Light]] = [
    (CameraHint.HOLD_STILL, lambda: scene_of(Light(), code_px=260, blur_px=2.5), Light()),
    (CameraHint.HOLD_STILL, lambda: scene_of(Light(), code_px=260, blur_px=2.4, rotation_deg=40), Light()),
    (CameraHint.CLOSER, lambda: scene_of(Light(), code_px=80), Light()),
    (CameraHint.FARTHER, lambda: scene_of(Light(), code_px=640, centre=(330, 400)), Light()),
]


@pytest.mark.parametrize(("hint", "make", "light"), TROUBLES, ids=lambda each: getattr(each, "value", ""))
def test_what_keeps_a_code_from_being_read_is_said_once_and_stays(
    hint: CameraHint, make: Callable[[], Radiance], light: Light
) -> None:
    scene, sensor = Scene(), SceneSensor(seed=1)
    scene.take(sensor, empty_scene(light, seed=4), 4.0)
    appears, trouble = scene.at, make()
    scene.take(sensor, trouble, 5.0)
    assert scene.hints() == [hint]
    assert 0.5 <= scene.told[0][0] - appears <= 2.0
    scene.take(sensor, empty_scene(light, seed=4), 4.0)
    assert scene.hints() == [hint, None]


@pytest.mark.parametrize("card_lux", [0.5, 1.0])
def test_a_card_in_the_dark_asks_for_light(card_lux: float) -> None:
    dim = Light(street_cd=0.06, card_lux=card_lux)
    scene, sensor = Scene(), SceneSensor(seed=1)
    card = draw_scene(PHONE_TEXT[:200], Shot(code_px=170, seed=4), dim)
    scene.take(sensor, empty_scene(dim, seed=4), 4.0)
    scene.take(sensor, card, 4.0)
    assert CameraHint.BRIGHTER in scene.hints()


def test_a_hint_ends_with_the_reading() -> None:
    scene = Scene()
    for _ in range(12):
        scene.watch(np.roll(held(260, blur_px=2.5), scene.frames % 2, axis=1), 0.1)
    assert scene.hints() == [CameraHint.HOLD_STILL]
    scene.watch(held(260), 0.3)
    assert scene.scanned_at()
    assert scene.hints()[-1] is None


def test_a_hint_ends_though_nothing_stirs_any_more() -> None:
    scene = Scene()
    for _ in range(12):
        scene.watch(np.roll(held(260, blur_px=2.5), scene.frames % 2, axis=1), 0.1)
    assert scene.hints() == [CameraHint.HOLD_STILL]
    scene.rest(lane(), 3.0)
    assert scene.hints() == [CameraHint.HOLD_STILL, None]


def test_people_who_hold_nothing_up_are_told_nothing() -> None:
    scene = Scene()
    for number in range(40):
        scene.watch(np.roll(lane(), 9 * number, axis=1), 0.1)
    assert scene.hints() == []


def test_a_slow_board_looks_for_what_it_can_t_read_more_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[float] = []
    clock = iter(0.3 * number for number in range(10_000))
    view = View(QrReader(), 2.0, cost_clock=lambda: next(clock))  # every look costs 0.3 s
    for number in range(60):
        monkeypatch.setattr("drivers.camera_view.find_code", lambda *_, at=number / 10: looks.append(at))
        moving = np.roll(lane(), 9 * number, axis=1)
        view.look(Frame(pixels=moving, is_new=True), Instant(number / 10))
    assert len(looks) <= 6 / (0.3 * 6) + 1


def test_where_nothing_can_be_adjusted_nothing_is_asked() -> None:
    view = View(QrReader(), 2.0)
    for number in range(40):
        frame = Frame(pixels=np.roll(lane(), 9 * number, axis=1), is_new=True)
        view.look(frame, Instant(number / 10), None)
    assert view.exposure.asked is None
