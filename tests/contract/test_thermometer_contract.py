"""What every MLX90614 keeps, twin or sensor; and what the driver makes of each fault at the wire."""

import errno
import itertools
import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from contract_parts import Listener, hardware

from drivers import mlx90614_words as words
from drivers import stillness
from drivers.i2c import open_bus
from drivers.mlx90614 import Mlx90614, Mlx90614Settings
from drivers.mlx90614_twin import Mlx90614Twin, TwinFault
from drivers.mlx90614_words import Mlx90614Variant
from drivers.ports import BurstDone, Component, ComponentHealth
from drivers.twins_server import ThermometerTwinServer
from model.temperature import BurstReading, SensorFault, ThermometerUnavailable

DEVICES = ["twin"] + (["sensor"] if "mlx90614" in hardware() else [])


@pytest.fixture(params=DEVICES)
def bus_spec(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sensor":
        return hardware()["mlx90614"]
    request.getfixturevalue("twin").show(object_temp_c=33.2, can_temp_c=21.0)
    return f"unix:{tmp_path / 'i2c'}"


def settings(bus: str, **changes: object) -> Mlx90614Settings:
    fixed = {"bus": bus, "variant": Mlx90614Variant.BAA, "sample_interval_s": 0.02, "poll_interval_s": 0.05}
    return Mlx90614Settings(**(fixed | changes))  # type: ignore[arg-type]


def each_word_carries_its_pec(bus_spec: str) -> None:
    """The contract: a read-word answers LSB, MSB and the PEC over the whole transaction."""
    bus = open_bus(bus_spec)
    try:
        for command in (words.RAM_CAN, words.RAM_OBJECT, words.EEPROM_EMISSIVITY, words.EEPROM_CONFIG):
            low, high, pec = bus.write_then_read(words.ADDRESS, bytes((command,)), 3)
            assert pec == words.pec_of_read(words.ADDRESS, command, low, high)
    finally:
        bus.close()


def a_burst_is_whole_and_leaves_the_emissivity(bus_spec: str, listener: Listener) -> None:
    """The contract: a burst of five, plausible for a room, and an EEPROM that is as it was."""
    before = emissivity(bus_spec)
    thermometer = Mlx90614(settings(bus_spec))
    thermometer.start(listener)
    thermometer.measure(7)
    done = listener.await_nth(BurstDone)
    thermometer.stop()
    assert isinstance(done.reading, BurstReading)
    assert done.request == 7
    assert len(done.reading.samples_c) == 5
    assert all(-20 < sample < 60 for sample in (*done.reading.samples_c, done.reading.can_c))
    assert emissivity(bus_spec) == before


def emissivity(bus_spec: str) -> int:
    bus = open_bus(bus_spec)
    answer = bus.write_then_read(words.ADDRESS, bytes((words.EEPROM_EMISSIVITY,)), 3)
    bus.close()
    return answer[1] << 8 | answer[0]


def test_each_word_carries_its_pec(bus_spec: str) -> None:
    each_word_carries_its_pec(bus_spec)


def test_a_burst_is_whole_and_leaves_the_emissivity(bus_spec: str, listener: Listener) -> None:
    a_burst_is_whole_and_leaves_the_emissivity(bus_spec, listener)


def test_the_contract_fails_on_a_twin_without_pec(twin: Mlx90614Twin, tmp_path: Path, listener: Listener) -> None:
    """Ablation: a sensor, or a bus, that carries no PEC can't pass for a thermometer."""
    twin.show(object_temp_c=33.2, fault=TwinFault.NO_PEC)
    with pytest.raises(AssertionError):
        each_word_carries_its_pec(f"unix:{tmp_path / 'i2c'}")
    with pytest.raises(AssertionError):
        a_burst_is_whole_and_leaves_the_emissivity(f"unix:{tmp_path / 'i2c'}", listener)


def test_supply_and_can_are_reported_and_the_supply_compensated(
    twin: Mlx90614Twin, tmp_path: Path, listener: Listener
) -> None:
    twin.show(
        object_temp_c=33.2, can_temp_c=21.0, noise_c=0.0
    )  # the twin leans on its 3.3 V by 0.18 °C, as the sensor does
    thermometer = Mlx90614(settings(f"unix:{tmp_path / 'i2c'}"))
    thermometer.start(listener)
    thermometer.measure(1)
    reading = listener.await_nth(BurstDone).reading
    thermometer.stop()
    assert isinstance(reading, BurstReading)
    assert reading.samples_c == pytest.approx([33.2] * 5, abs=0.021)
    assert reading.can_c == pytest.approx(21.0, abs=0.021)
    assert reading.supply_v == 3.3
    assert twin.writes == []


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (TwinFault.ABSENT, SensorFault.ABSENT),
        (TwinFault.STUCK_HIGH, SensorFault.BUS_STUCK),
        (TwinFault.STUCK_LOW, SensorFault.BUS_STUCK),
        (TwinFault.BIT_FLIPS, SensorFault.CORRUPT),
        (TwinFault.NO_PEC, SensorFault.CORRUPT),
        (TwinFault.ERROR_FLAG, SensorFault.ERROR_FLAG),
    ],
)
def test_a_fault_is_named_and_never_a_number(
    twin: Mlx90614Twin, tmp_path: Path, listener: Listener, fault: TwinFault, why: SensorFault
) -> None:
    twin.show(object_temp_c=36.6, fault=fault)
    thermometer = Mlx90614(settings(f"unix:{tmp_path / 'i2c'}"))
    thermometer.start(listener)
    thermometer.measure(1)
    reading = listener.await_nth(BurstDone).reading
    thermometer.stop()
    assert isinstance(reading, ThermometerUnavailable)
    assert reading.why is why


@pytest.mark.parametrize("number", [121, 74, 6, 19, 5, 110])
def test_whatever_an_adapter_calls_it_the_sensor_is_in_trouble_and_returns(
    twin: Mlx90614Twin, tmp_path: Path, listener: Listener, number: int
) -> None:
    thermometer = Mlx90614(settings(f"unix:{tmp_path / 'i2c'}"))
    thermometer.start(listener)
    assert listener.await_nth(ComponentHealth, 1).is_available
    twin.show(fault=TwinFault.ABSENT, absent_errno=number)
    lost = listener.await_nth(ComponentHealth, 2)
    assert (lost.component, lost.is_available) == (Component.THERMOMETER, False)
    thermometer.measure(1)
    reading = listener.await_nth(BurstDone).reading
    assert isinstance(reading, ThermometerUnavailable)
    assert reading.since <= lost.at
    assert reading.why is (SensorFault.CORRUPT if number == errno.EBADMSG else SensorFault.ABSENT)
    twin.show(fault=TwinFault.NONE)
    assert listener.await_nth(ComponentHealth, 3).is_available
    thermometer.stop()
    assert len(listener.of(ComponentHealth)) == 3  # once when it went, once when it returned


def test_a_wire_that_goes_and_returns_is_a_sensor_that_goes_and_returns(tmp_path: Path, listener: Listener) -> None:
    server = ThermometerTwinServer(Mlx90614Twin(), tmp_path / "i2c")
    server.start()
    thermometer = Mlx90614(settings(f"unix:{tmp_path / 'i2c'}"))
    thermometer.start(listener)
    assert listener.await_nth(ComponentHealth, 1).is_available
    server.stop()
    assert not listener.await_nth(ComponentHealth, 2).is_available
    server = ThermometerTwinServer(Mlx90614Twin(), tmp_path / "i2c")
    server.start()
    assert listener.await_nth(ComponentHealth, 3).is_available
    thermometer.stop()
    server.stop()


def test_the_bus_is_quiet_while_the_sensor_settles(twin: Mlx90614Twin, tmp_path: Path, listener: Listener) -> None:
    thermometer = Mlx90614(settings(f"unix:{tmp_path / 'i2c'}", settling_time_s=0.4, poll_interval_s=5.0))
    thermometer.start(listener)
    listener.await_nth(ComponentHealth)
    thermometer.measure(1)
    listener.await_nth(BurstDone)
    thermometer.stop()
    moments = [at for at, _ in twin.reads]
    longest_pause_s = max(after - before for before, after in itertools.pairwise(moments))
    assert longest_pause_s >= 0.39


def test_a_newer_request_replaces_a_waiting_one(twin: Mlx90614Twin, tmp_path: Path, listener: Listener) -> None:
    thermometer = Mlx90614(settings(f"unix:{tmp_path / 'i2c'}", poll_interval_s=5.0))
    thermometer.measure(1)
    thermometer.measure(2)
    thermometer.start(listener)
    assert listener.await_nth(BurstDone).request == 2
    thermometer.stop()
    assert [done.request for done in listener.of(BurstDone)] == [2]


def test_a_thermometer_on_no_bus_starts_and_says_so(listener: Listener) -> None:
    thermometer = Mlx90614(settings("/dev/i2c-does-not-exist"))
    thermometer.start(listener)
    thermometer.measure(1)
    reading = listener.await_nth(BurstDone).reading
    assert isinstance(reading, ThermometerUnavailable)
    assert reading.why is SensorFault.ABSENT
    thermometer.stop()


def test_the_twins_process_takes_physics_and_answers_the_bus(tmp_path: Path) -> None:
    arguments = ["--thermometer", str(tmp_path / "i2c"), str(tmp_path / "physics"), "--until-stdin-closes"]
    process = subprocess.Popen(
        [sys.executable, "-m", "drivers.twins_server", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        assert process.stdout.readline() == b"ready\n"
        with socket.socket(socket.AF_UNIX) as physics, physics.makefile("rwb") as lines:
            physics.connect(str(tmp_path / "physics"))
            for order, answer in (
                ({"object_temp_c": 38.4, "can_temp_c": 12, "noise_c": 0}, {"ok": True}),
                ({"fault": "on_fire"}, {"error": "'on_fire' is not a valid TwinFault"}),
                ({"colour": 3}, {"error": "colour: 3 is not a field of the twin or not of its kind"}),
            ):
                lines.write(json.dumps(order).encode() + b"\n")
                lines.flush()
                assert json.loads(lines.readline()) == answer
        bus = open_bus(f"unix:{tmp_path / 'i2c'}")
        answer_bytes = bus.write_then_read(words.ADDRESS, bytes((words.RAM_OBJECT,)), 3)
        bus.close()
        object_c = words.decode_temperature(words.ADDRESS, words.RAM_OBJECT, answer_bytes, words.OBJECT_RANGE_C)
        assert object_c == pytest.approx(38.4 + 0.18, abs=0.021)
        process.stdin.close()
        assert process.wait(5) == 0
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.stdout.close()
        process.wait(5)


QUICK_LIMITS = {"FROZEN_READS": 10, "FROZEN_AFTER_S": 0.2, "STILL_BEFORE_A_BURST_S": 0.1}


@pytest.fixture
def quick_stillness(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in QUICK_LIMITS.items():
        monkeypatch.setattr(stillness, name, value)


def a_living_sensor_is_never_still(bus_spec: str) -> None:
    """The contract: twenty looks are not one and the same word."""
    bus = open_bus(bus_spec)
    try:
        looks = set()
        for _ in range(20):
            looks.add(
                tuple(bus.write_then_read(words.ADDRESS, bytes((at,)), 3) for at in (words.RAM_CAN, words.RAM_OBJECT))
            )
            if not bus_spec.startswith("unix:"):
                time.sleep(0.5)  # a sensor measures a few times in a second
    finally:
        bus.close()
    assert len(looks) > 1


def test_a_living_sensor_is_never_still(bus_spec: str) -> None:
    a_living_sensor_is_never_still(bus_spec)


def test_the_contract_fails_on_a_twin_without_noise(twin: Mlx90614Twin, tmp_path: Path) -> None:
    twin.show(object_temp_c=33.2, noise_c=0.0)
    with pytest.raises(AssertionError):
        a_living_sensor_is_never_still(f"unix:{tmp_path / 'i2c'}")


@pytest.mark.usefixtures("quick_stillness")
def test_a_sensor_frozen_at_a_plausible_value_is_lost_until_it_moves(
    twin: Mlx90614Twin, tmp_path: Path, listener: Listener
) -> None:
    twin.show(object_temp_c=33.9, can_temp_c=21.0)
    thermometer = Mlx90614(settings(f"unix:{tmp_path / 'i2c'}"))
    thermometer.start(listener)
    assert listener.await_nth(ComponentHealth, 1).is_available
    twin.show(fault=TwinFault.FROZEN)
    lost = listener.await_nth(ComponentHealth, 2)
    assert (lost.is_available, lost.why) == (False, "frozen")
    thermometer.measure(1)
    reading = listener.await_nth(BurstDone).reading
    assert isinstance(reading, ThermometerUnavailable)
    assert reading.why is SensorFault.FROZEN
    twin.show(fault=TwinFault.NONE)
    assert listener.await_nth(ComponentHealth, 3).is_available
    thermometer.stop()


@pytest.mark.usefixtures("quick_stillness")
def test_a_burst_that_shows_the_empty_scenes_word_is_no_reading(
    twin: Mlx90614Twin, tmp_path: Path, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stillness, "FROZEN_READS", 10_000)
    twin.show(object_temp_c=33.9, fault=TwinFault.FROZEN)
    thermometer = Mlx90614(settings(f"unix:{tmp_path / 'i2c'}"))
    thermometer.start(listener)
    listener.await_that(lambda: len(twin.reads) >= 2 * 5)
    twin.show(object_temp_c=36.9)  # somebody steps up; the sensor does not see it
    thermometer.measure(1)
    reading = listener.await_nth(BurstDone).reading
    assert isinstance(reading, ThermometerUnavailable)
    assert reading.why is SensorFault.FROZEN
    thermometer.stop()


def test_without_the_watch_a_frozen_sensor_would_measure_everybody_alike(
    twin: Mlx90614Twin, tmp_path: Path, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ablation."""
    monkeypatch.setattr(stillness.Stillness, "_note", lambda *_: None)
    twin.show(object_temp_c=33.9, fault=TwinFault.FROZEN)
    thermometer = Mlx90614(settings(f"unix:{tmp_path / 'i2c'}"))
    thermometer.start(listener)
    listener.await_that(lambda: len(twin.reads) >= 2 * 25)
    twin.show(object_temp_c=36.9)
    thermometer.measure(1)
    reading = listener.await_nth(BurstDone).reading
    thermometer.stop()
    assert isinstance(reading, BurstReading)
    assert len(set(reading.samples_c)) == 1


def test_a_descriptor_that_is_no_wire_still_goes_to_the_kernel(twin: Mlx90614Twin, tmp_path: Path) -> None:
    wire = open_bus(f"unix:{tmp_path / 'i2c'}")
    with pytest.raises(OSError, match="ioctl") as caught:
        open_bus("/dev/null")
    assert caught.value.errno == errno.ENOTTY
    wire.close()
