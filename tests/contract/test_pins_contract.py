"""What every barrier, lamp and contact keeps, on the wire and on real lines."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from contract_parts import Listener, Outside, hardware

from drivers.alarm import Alarm, AlarmSettings
from drivers.barrier import FEEDBACK_STUCK, NO_FEEDBACK, Barrier, BarrierSettings
from drivers.contact import Contacts, ContactSettings
from drivers.errors import DriverSettingsRefused, DriverUnavailable
from drivers.gpio import InputLine, OutputLine, PinFactory, open_pin_factory
from drivers.ports import Component, ComponentHealth, ContactChanged, ContactRole, Signal

RELAY, FEEDBACK, DOOR, FIRE = 17, 22, 5, 6


@pytest.fixture
def outside(pins: PinFactory, tmp_path: Path) -> Iterator[Outside]:
    world = Outside(tmp_path / "pins")
    world.await_that(lambda: world.events)
    yield world
    world.close()


@pytest.mark.skipif("pins" not in hardware(), reason="GATEHOUSE_HARDWARE names no looped pins")
@pytest.mark.parametrize("active_high", [True, False])
def test_a_real_output_is_seen_at_the_looped_input(active_high: bool) -> None:
    factory_spec, out, back = hardware()["pins"].split("/")
    factory = open_pin_factory(factory_spec)
    edges: list[bool] = []
    looped = InputLine(factory, int(back), pull_up=not active_high, on_edge=lambda _, level: edges.append(level))
    output = OutputLine(factory, int(out), active_high=active_high)
    assert looped.read() is not active_high
    assert edges == []  # the right level at the very claim
    output.write(True)
    assert looped.read() is active_high
    output.close()
    assert looped.read() is not active_high
    looped.close()
    factory.close()


@pytest.mark.parametrize("active_high", [True, False])
def test_relay_has_its_safe_level_from_the_claim_on_moves_when_told_and_is_safe_at_stop(
    pins: PinFactory, outside: Outside, listener: Listener, active_high: bool
) -> None:
    on, off = (1, 0) if active_high else (0, 1)
    barrier = Barrier(BarrierSettings(pin=RELAY, active_high=active_high), pins)
    barrier.start(listener)
    outside.await_levels(RELAY, off)
    barrier.release(5.0)
    outside.await_levels(RELAY, off, on)
    barrier.secure()
    outside.await_levels(RELAY, off, on, off)
    barrier.release(5.0)
    barrier.stop()
    outside.await_levels(RELAY, off, on, off, on, off)
    assert [health.is_available for health in listener.of(ComponentHealth)] == [True]


def test_relay_drops_by_itself_after_its_time_and_after_its_maximum(
    pins: PinFactory, outside: Outside, listener: Listener
) -> None:
    barrier = Barrier(BarrierSettings(pin=RELAY, max_on_time_s=0.3), pins)
    barrier.start(listener)
    barrier.release(0.05)
    outside.await_levels(RELAY, 0, 1, 0)
    barrier.release(3600.0)
    outside.await_levels(RELAY, 0, 1, 0, 1, 0)
    barrier.stop()
    ats = [event["at"] for event in outside.events if event and event.get("pin") == RELAY]
    assert 0.04 < ats[2] - ats[1] < 0.25
    assert ats[4] - ats[3] >= 0.3


def test_a_killed_terminal_is_known_outside_by_its_wire(tmp_path: Path) -> None:
    program = (
        "import sys, time\n"
        "from drivers.gpio import open_pin_factory\n"
        "from drivers.barrier import Barrier, BarrierSettings\n"
        f"barrier = Barrier(BarrierSettings(pin={RELAY}), open_pin_factory('wire:{tmp_path / 'killed'}'))\n"
        "barrier.start(lambda reading: None)\n"
        "barrier.release(10.0)\n"
        "sys.stdout.write('released\\n'); sys.stdout.flush()\n"
        "time.sleep(30)\n"
    )
    root = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=root, env=os.environ | {"PYTHONPATH": str(root)}
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == b"released\n"
        world = Outside(tmp_path / "killed")
        world.await_that(lambda: world.events == [{"snapshot": {str(RELAY): 1}}])
        process.send_signal(signal.SIGKILL)
        world.await_that(lambda: world.events[-1] is None)
        world.close()
    finally:
        process.kill()
        process.wait(5)
        process.stdout.close()


def test_a_relay_that_moves_nothing_is_noticed_and_trusted_again_once_it_moves(
    pins: PinFactory, outside: Outside, listener: Listener
) -> None:
    settings = BarrierSettings(pin=RELAY, feedback_pin=FEEDBACK, feedback_within_s=0.1)
    barrier = Barrier(settings, pins)
    barrier.start(listener)
    assert listener.await_nth(ComponentHealth, 1).is_available
    barrier.release(5.0)
    lost = listener.await_nth(ComponentHealth, 2)
    assert (lost.component, lost.is_available, lost.why) == (Component.BARRIER, False, NO_FEEDBACK)
    barrier.secure()
    barrier.release(5.0)
    outside.drive(FEEDBACK, 0)
    assert listener.await_nth(ComponentHealth, 3).is_available
    barrier.secure()
    assert listener.await_nth(ComponentHealth, 4).why == FEEDBACK_STUCK
    barrier.stop()


def test_lamps_and_buzzer_show_a_signal_and_end_by_themselves(
    pins: PinFactory, outside: Outside, listener: Listener
) -> None:
    settings = AlarmSettings(green_pin=23, red_pin=24, buzzer_pin=25, signal_time_s=0.5, buzzer_time_s=0.2)
    alarm = Alarm(settings, pins)
    alarm.start(listener)
    assert listener.await_nth(ComponentHealth).is_available
    alarm.signal(Signal.GRANTED)
    outside.await_levels(23, 0, 1, 0)
    outside.await_levels(25, 0, 1, 0)
    assert outside.levels(24) == [0]
    alarm.signal(Signal.REFUSED)
    outside.await_that(lambda: outside.levels(24) == [0, 1])
    alarm.stop()
    outside.await_levels(24, 0, 1, 0)
    outside.await_that(lambda: outside.levels(23)[-1] == outside.levels(25)[-1] == 0)


def test_contacts_report_their_start_their_changes_and_no_bounce(
    pins: PinFactory, outside: Outside, listener: Listener
) -> None:
    contacts = Contacts(
        [
            ContactSettings(role=ContactRole.DOOR, pin=DOOR),
            ContactSettings(role=ContactRole.FIRE, pin=FIRE, pull_up=None, active_low=False),
        ],
        pins,
    )
    outside.drive(FIRE, 0)
    outside.drive(DOOR, 1)
    contacts.start(listener)
    listener.await_nth(ContactChanged, 2)
    assert {(each.role, each.is_active, each.is_initial) for each in listener.of(ContactChanged)} == {
        (ContactRole.DOOR, False, True),
        (ContactRole.FIRE, False, True),
    }
    for level in (0, 1, 0, 1, 0, 1):  # a bounce
        outside.drive(DOOR, level)
    outside.drive(FIRE, 1)
    changed = listener.await_nth(ContactChanged, 3)
    assert (changed.role, changed.is_active, changed.is_initial) == (ContactRole.FIRE, True, False)
    outside.drive(DOOR, 0)
    changed = listener.await_nth(ContactChanged, 4)
    assert (changed.role, changed.is_active) == (ContactRole.DOOR, True)
    contacts.stop()
    assert len(listener.of(ContactChanged)) == 4


def test_a_pin_that_is_taken_is_said_in_words(pins: PinFactory, listener: Listener) -> None:
    line = OutputLine(pins, RELAY, active_high=True)
    with pytest.raises(DriverUnavailable, match="GPIO 17 can't be claimed"):
        OutputLine(pins, RELAY, active_high=True)
    barrier = Barrier(BarrierSettings(pin=RELAY), pins)
    barrier.start(listener)
    assert not listener.await_nth(ComponentHealth).is_available
    line.close()
    barrier.release(1.0)  # a release tries again
    assert listener.await_nth(ComponentHealth, 2).is_available
    barrier.stop()


def test_the_wire_refuses_what_makes_no_sense_and_goes_on(
    pins: PinFactory, outside: Outside, listener: Listener
) -> None:
    barrier = Barrier(BarrierSettings(pin=RELAY), pins)
    barrier.start(listener)
    nonsenses: tuple[object, ...] = (
        {"pin": RELAY, "level": 1},
        {"pin": 99, "level": 1},
        {"pin": 5},
        [],
        {"pin": "a", "level": 0},
    )
    for nonsense in nonsenses:
        outside.say(nonsense)
    outside.await_that(lambda: len([event for event in outside.events if event and "error" in event]) == 5)
    barrier.release(1.0)
    outside.await_that(lambda: outside.levels(RELAY)[:2] == [0, 1])
    barrier.stop()


@pytest.mark.parametrize("spec", ["mock", "", "lgpio:x", "rpigpio"])
def test_an_unknown_factory_is_refused_without_fallback(spec: str) -> None:
    with pytest.raises(DriverSettingsRefused, match="give lgpio"):
        open_pin_factory(spec)


@pytest.mark.skipif("pins" in hardware(), reason="this machine has real pins")
def test_lgpio_without_a_pi_says_what_is_missing() -> None:
    with pytest.raises(DriverUnavailable, match="GPIO lgpio"):
        open_pin_factory("lgpio")
