"""The simulator's hands on the gate's real wires: the drivers' own pins, thermometer twin, serial port and frames."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from drivers.frames import FrameFiles
from drivers.gpio import InputLine, OutputLine, PinFactory, WirePinFactory
from drivers.i2c import open_bus
from drivers.mlx90614_twin import Mlx90614Twin
from drivers.twins_server import ThermometerTwinServer
from model.temperature import Celsius
from simulator.errors import SceneRefused, WireLost
from simulator.physics import SensorView
from simulator.pictures import empty_frame
from simulator.wires import CameraWire, PhysicsWire, PinWireClient, SerialScannerWire
from simulator.wiring import GateWiring, Input, Output, Pin, Step, read_scene, write_scene

WITHIN_S = 5.0


def eventually(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + WITHIN_S
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


@pytest.fixture
def wiring(tmp_path: Path) -> GateWiring:
    return GateWiring(
        name="gate-1",
        direction="in",
        pins_socket=tmp_path / "pins",
        physics_socket=tmp_path / "physics",
        scanner_tty=tmp_path / "tty",
        frames=tmp_path,
        inputs={Input.PRESENCE: Pin(number=6, active_high=False), Input.DOOR: Pin(number=5, active_high=True)},
        outputs={Output.RELEASE: Pin(number=17, active_high=False), Output.RED: Pin(number=23, active_high=True)},
        steps=(Step.ASK, Step.SCAN),
    )


@pytest.fixture
def client(wiring: GateWiring) -> Iterator[PinWireClient]:
    client = PinWireClient(wiring)
    client.start()
    yield client
    client.stop()


def terminal(wiring: GateWiring) -> PinFactory:
    factory = WirePinFactory(wiring.pins_socket)
    return PinFactory(factory, factory.close)


def test_a_relay_that_pulls_low_is_seen_as_released_and_let_go(wiring: GateWiring, client: PinWireClient) -> None:
    pins = terminal(wiring)
    relay = OutputLine(pins, 17, active_high=False)
    assert client.wait_until_connected(WITHIN_S)
    assert not client.is_active(Output.RELEASE)
    relay.write(True)
    assert eventually(lambda: client.is_active(Output.RELEASE))
    relay.write(False)
    assert eventually(lambda: len(client.changes_since(0.0)) == 2)
    assert [change.is_active for change in client.changes_since(0.0)] == [True, False]
    pins.close()


def test_inputs_reach_the_terminal_also_when_it_starts_later_and_again(
    wiring: GateWiring, client: PinWireClient
) -> None:
    client.set_input(Input.PRESENCE, True)
    for _ in range(2):
        pins = terminal(wiring)
        presence = InputLine(pins, 6, pull_up=True)
        assert eventually(lambda presence=presence: presence.read() is False)  # active low
        pins.close()


def test_a_terminal_that_dies_lets_its_relay_go(wiring: GateWiring, client: PinWireClient) -> None:
    pins = terminal(wiring)
    relay = OutputLine(pins, 17, active_high=False)
    relay.write(True)
    assert eventually(lambda: client.is_active(Output.RELEASE))
    pins.close()
    assert eventually(lambda: not client.is_active(Output.RELEASE))
    assert [change.is_active for change in client.changes_since(0.0)] == [True, False]


def test_an_input_that_this_gate_lacks_is_passed_over(client: PinWireClient) -> None:
    client.set_input(Input.FIRE, True)


def test_the_thermometer_shows_what_the_scene_says(wiring: GateWiring, tmp_path: Path) -> None:
    twin = ThermometerTwinServer(Mlx90614Twin(supply_v=3.0), tmp_path / "bus", wiring.physics_socket)
    twin.start()
    wire, bus = PhysicsWire(wiring), open_bus(f"unix:{tmp_path / 'bus'}")
    wire.show(SensorView(object_c=Celsius(34.5), can_c=Celsius(18.0)))
    low, high, _ = bus.write_then_read(0x5A, b"\x07", 3)
    assert (low | high << 8) * 0.02 - 273.15 == pytest.approx(34.5, abs=0.25)  # a sensor has noise
    wire.close()
    bus.close()
    twin.stop()


def test_a_missing_twin_is_told_in_words(wiring: GateWiring) -> None:
    with pytest.raises(WireLost, match="nobody listens"):
        PhysicsWire(wiring).show(SensorView(object_c=Celsius(20.0), can_c=Celsius(20.0)))


def test_a_scanned_code_arrives_byte_for_byte_with_its_end(tmp_path: Path) -> None:
    wire = SerialScannerWire(tmp_path / "tty")
    reader = os.open(tmp_path / "tty", os.O_RDONLY | os.O_NOCTTY)
    wire.scan("GP1:AB CD$%")
    got = b""
    while not got.endswith(b"\r"):
        got += os.read(reader, 100)
    assert got == b"GP1:AB CD$%\r"  # not echoed, not turned into a newline
    os.close(reader)
    wire.close()
    assert not (tmp_path / "tty").is_symlink()


def test_a_frame_is_replaced_whole(tmp_path: Path) -> None:
    wire, camera = CameraWire(tmp_path), FrameFiles(tmp_path)
    for seed in (1, 2):
        frame = empty_frame(seed=seed)
        wire.show(frame)
        assert np.array_equal(camera.next_frame().pixels, frame)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["frame.pgm"]


def test_a_scene_comes_back_as_it_was_written(wiring: GateWiring, tmp_path: Path) -> None:
    path = tmp_path / "scene.json"
    write_scene(path, (wiring,))
    assert read_scene(path) == (wiring,)


@pytest.mark.parametrize("text", ["", "[]", '{"format": "x"}', '{"format": "gatehouse-scene-1", "gates": [{}]}'])
def test_an_unusable_scene_is_told_in_words(tmp_path: Path, text: str) -> None:
    path = tmp_path / "scene.json"
    path.write_text(text)
    with pytest.raises(SceneRefused, match="start the street again"):
        read_scene(path)
