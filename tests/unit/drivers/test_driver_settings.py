"""Settings that can't work are refused where they are made, and edges that come late are waited for."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from drivers import contact
from drivers.alarm import AlarmSettings
from drivers.barrier import BarrierSettings
from drivers.camera_scanner import CameraScannerSettings
from drivers.contact import Contacts, ContactSettings
from drivers.errors import DriverSettingsRefused
from drivers.gpio import PinFactory, open_pin_factory
from drivers.mlx90614 import Mlx90614Settings
from drivers.mlx90614_words import Mlx90614Variant
from drivers.ports import ContactChanged, ContactRole, Reading
from drivers.serial_scanner import SerialScannerSettings
from drivers.timing import Timing

DOOR = 5
BAA = Mlx90614Variant.BAA


@pytest.mark.parametrize(
    "make",
    [
        lambda: Mlx90614Settings(bus="i2c", variant=BAA),
        lambda: Mlx90614Settings(bus=1, variant=BAA, burst_size=0),
        lambda: Mlx90614Settings(bus=1, variant=BAA, supply_v=12.0),
        lambda: Mlx90614Settings(bus=1, variant=BAA, poll_interval_s=0.0),
        lambda: Mlx90614Settings(bus=1, variant=BAA, settling_time_s=-1.0),
        lambda: Mlx90614Settings(bus=1, variant=BAA, address=0x80),
        lambda: SerialScannerSettings(port="/dev/ttyACM0", baud=115_201),
        lambda: SerialScannerSettings(port="/dev/ttyACM0", repeat_window_s=-1.0),
        lambda: CameraScannerSettings(source="webcam"),
        lambda: CameraScannerSettings(source="picamera2", frames_per_s=0.0),
        lambda: CameraScannerSettings(source="picamera2", width=0),
        lambda: BarrierSettings(pin=17, feedback_pin=17),
        lambda: AlarmSettings(green_pin=23, red_pin=23),
        lambda: AlarmSettings(buzzer_pin=25, buzzer_time_s=0.0),
        lambda: ContactSettings(role=ContactRole.DOOR, pin=5, debounce_s=0.05),
        lambda: ContactSettings(role=ContactRole.DOOR, pin=5, debounce_s=0.2),
    ],
)
def test_setting_that_can_not_work_is_refused(make: Callable[[], object]) -> None:
    with pytest.raises(DriverSettingsRefused):
        make()


class LateEdges:
    """Contacts without their thread, on a clock that stands; edges are delivered when the test says so."""

    def __init__(self, pins: PinFactory) -> None:
        self.now = 100.0
        self.changes: list[bool] = []
        self._pins = pins
        self._contacts = Contacts(
            [ContactSettings(role=ContactRole.DOOR, pin=DOOR)], pins, timing=Timing(monotonic=lambda: self.now)
        )
        self._contacts._emit = self._note
        self.put(False)
        self._contacts._reread()
        self._contacts._settle()
        assert self.changes == [False]

    def put(self, is_open: bool) -> None:
        """The line's level; its edge stays on its way."""
        self._pins.factory.drive(DOOR, is_open is False)
        self._contacts._edges.clear()

    def deliver(self, at: float, is_open: bool) -> None:
        self._contacts._edge(self._contacts._inputs[0], at, is_open is False)

    def look(self, now: float) -> None:
        self.now = now
        self._contacts._settle()

    def _note(self, reading: Reading) -> None:
        if isinstance(reading, ContactChanged):
            self.changes.append(reading.is_active)


@pytest.fixture
def door(tmp_path: Path) -> Iterator[LateEdges]:
    pins = open_pin_factory(f"wire:{tmp_path / 'pins'}")
    late = LateEdges(pins)
    yield late
    late._contacts.stop()
    pins.close()


def bounce_whose_end_is_delivered_late(door: LateEdges) -> None:
    door.deliver(100.0, True)
    door.put(False)  # over after 50 ms, but its edge is still on its way
    door.deliver(100.0, True)
    door.look(100.08)
    door.deliver(100.05, False)
    door.look(100.3)


def test_bounce_whose_end_is_delivered_late_is_not_reported(door: LateEdges) -> None:
    bounce_whose_end_is_delivered_late(door)
    assert door.changes == [False]


def test_without_waiting_for_late_edges_the_bounce_would_be_reported(
    door: LateEdges, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ablation: the line is not looked at before a change is believed."""
    monkeypatch.setattr(contact, "LATE_EDGE_S", 0.0)
    bounce_whose_end_is_delivered_late(door)
    assert door.changes != [False]


def test_opening_that_was_delivered_all_at_once_is_reported(door: LateEdges) -> None:
    door.deliver(100.0, True)
    door.deliver(100.2, False)
    door.look(109.0)
    assert door.changes == [False, True, False]


def test_opening_whose_closing_edge_got_lost_is_still_reported(door: LateEdges) -> None:
    door.deliver(100.0, True)
    door.look(100.08)
    assert door.changes == [False]
    door.look(100.3)
    assert door.changes == [False, True]
