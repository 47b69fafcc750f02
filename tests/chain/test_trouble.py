"""Trouble at a gate, with the real terminal process on its wires: what opens, who is called, what the centre knows."""

import resource
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness_trouble import JOURNAL_KNOWN_WITHIN_S, RELEASED_WITHIN_S, TroubledGate, TroubleSite

from drivers.mlx90614_twin import Mlx90614Twin, TwinFault
from drivers.twins_server import ThermometerTwinServer
from gatehouse.bench.gate_site import (
    CONFIRM_PIN,
    EMERGENCY_PIN,
    FEEDBACK_PIN,
    RED_PIN,
    RELAY_PIN,
    eventually,
)

FULL_WITHIN_CODES = 200
WRITES_UP_TO_BYTES = 8 * 1024
EMERGENCY = {"role": "guard_emergency", "pin": EMERGENCY_PIN}
CONFIRM = {"role": "guard_confirm", "pin": CONFIRM_PIN}
NORMAL_SKIN_C = 33.6
BUTTON_SEEN_S = 0.3


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TroubleSite]:
    site = TroubleSite(tmp_path_factory.mktemp("trouble"))
    yield site
    site.close()


def test_a_full_journal_opens_nothing_by_itself_calls_the_guard_and_leaves_the_emergency_release(
    site: TroubleSite,
) -> None:
    # The smallest journal that settings allow, almost full already.
    gate = site.gate({"journal": {"kept_days": 1, "records_per_day": 100}}, [EMERGENCY], old_records=130)
    assert gate.admits()
    admitted = 1
    while admitted < FULL_WITHIN_CODES and not gate.guard_is_called("journal_unavailable"):
        gate.released(gate.show_code(), within_s=0.3)
        admitted += 1
    assert gate.guard_is_called("journal_unavailable")
    assert gate.refuses_to_open()
    gate.is_known_to_have("journal", "alarm-journal", within_s=JOURNAL_KNOWN_WITHIN_S)
    assert gate.hands.pins.wait_for(RED_PIN, True, after=time.monotonic(), within_s=RELEASED_WITHIN_S)
    assert gate.released(gate.press(EMERGENCY_PIN))


def test_a_journal_whose_disk_refuses_writes_opens_nothing_and_is_trusted_again_when_it_returns(
    site: TroubleSite,
) -> None:
    gate = site.gate()
    assert gate.admits()
    pid = gate.process.pid
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    # The kernel refuses this process every write beyond a limit; even in an empty log one commit needs more.
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (WRITES_UP_TO_BYTES, before[1]))
    assert gate.refuses_to_open()
    assert gate.guard_is_called("journal_unavailable")
    gate.is_known_to_have("journal", "alarm-journal", within_s=JOURNAL_KNOWN_WITHIN_S)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
    gate.is_known_to_be_well_in("journal", "alarm-journal", within_s=20.0)
    assert gate.admits()
    eventually(gate.is_drained, "everything at the centre", within_s=10.0)


def test_a_gate_without_its_broker_decides_alone_on_time_and_delivers_later(site: TroubleSite) -> None:
    gate = site.gate()
    gate.is_known_to_be_well_in("link")
    site.broker.kill()
    try:
        assert all(gate.admits() for _ in range(10))
        gate.process.kill()
        gate.start()  # a gate that starts without a broker works as well
        assert gate.admits()
    finally:
        site.broker.start()
    eventually(gate.is_drained, "everything at the centre", within_s=20.0)
    gate.is_known_to_be_well_in("link")


def test_an_unplugged_thermometer_sends_people_to_the_guard_until_it_is_back(site: TroubleSite, tmp_path: Path) -> None:
    bus = tmp_path / "i2c.sock"
    twin = Mlx90614Twin()
    twin.show(object_temp_c=NORMAL_SKIN_C)
    server = ThermometerTwinServer(twin, bus)
    server.start()
    site.stack.callback(server.stop)
    quick = {"bus": f"unix:{bus}", "variant": "DCI", "settling_time_s": 0, "sample_interval_s": 0.02}
    gate = site.gate(
        {
            "identity": {"direction": "in"},
            "visit": {"steps": ["scan", "measure"]},
            "thermometer": {**quick, "poll_interval_s": 0.2},
        },
        [CONFIRM],
    )
    assert gate.admits()

    twin.show(fault=TwinFault.ABSENT)
    gate.is_known_to_have("thermometer")
    assert gate.refuses_to_open()
    assert gate.guard_is_called("thermometer_unavailable")
    gate.press(CONFIRM_PIN)  # a guard without a screen: not measured by this gate
    eventually(lambda: gate.guard_is_called("temperature_indeterminate"), "the guard is asked", within_s=5.0)
    gate.let_go(CONFIRM_PIN)
    time.sleep(BUTTON_SEEN_S)  # a finger's pace, not a wait for anything
    assert gate.released(gate.press(CONFIRM_PIN)), "the guard measured by hand and let the person through"
    gate.let_go(CONFIRM_PIN)

    twin.show(fault=TwinFault.NONE)
    gate.is_known_to_be_well_in("thermometer")
    assert gate.admits()


def test_an_unplugged_scanner_is_known_and_reads_again_when_it_is_back(site: TroubleSite) -> None:
    gate = site.gate()
    assert gate.admits()
    gate.hands.scanner.unplug()
    gate.is_known_to_have("serial-scanner")
    gate.hands.scanner.plug()
    gate.is_known_to_be_well_in("serial-scanner", within_s=10.0)
    assert gate.admits()


def test_a_relay_that_moves_nothing_is_known_until_the_barrier_follows_again(site: TroubleSite) -> None:
    gate = site.gate({"barrier": {"pin": RELAY_PIN, "feedback_pin": FEEDBACK_PIN}, "release": {"release_time_s": 3.5}})
    released = gate.released(gate.show_code())
    assert released is not None
    gate.is_known_to_have("barrier")
    assert gate.hands.pins.wait_for(RELAY_PIN, False, after=released.at, within_s=RELEASED_WITHIN_S)

    again = _release_with_feedback(gate)
    assert again
    gate.is_known_to_be_well_in("barrier")


def _release_with_feedback(gate: TroubledGate) -> bool:
    """The next person; this time the barrier's own contact closes behind the relay."""
    released = gate.released(gate.show_code())
    gate.hands.pins.drive(FEEDBACK_PIN, False)
    return released is not None
