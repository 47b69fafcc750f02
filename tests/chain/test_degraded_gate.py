"""What a gate itself may lose, the real process on its wires: journal, clock, a thermometer that lies, scanners."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness_trouble import JOURNAL_KNOWN_WITHIN_S, RELEASED_WITHIN_S, TroubledGate, TroubleSite
from test_degraded_link import modes_recorded, shows

from drivers.frames_twin import CameraTwin
from drivers.mlx90614_twin import Mlx90614Twin, TwinFault
from drivers.twins_server import ThermometerTwinServer
from gate.shell.records import IDLE_PROBE_INTERVAL_S, PROBE_INTERVAL_S
from gatehouse.bench.gate_site import CONFIRM_PIN, EMERGENCY_PIN, RED_PIN, eventually
from simulator.pictures import Shot, draw_frame, empty_frame

EMERGENCY = {"role": "guard_emergency", "pin": EMERGENCY_PIN}
CONFIRM = {"role": "guard_confirm", "pin": CONFIRM_PIN}
NORMAL_SKIN_C = 33.6
KNOWN_AFTER_S = 10.0


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TroubleSite]:
    site = TroubleSite(tmp_path_factory.mktemp("degraded"))
    yield site
    site.close()


def test_a_journal_that_cannot_be_opened_leaves_a_gate_that_says_so_and_goes_on_once_it_can(site: TroubleSite) -> None:
    gate = site.gate(contacts=[EMERGENCY, CONFIRM])
    gate.is_known_to_be_well_in("journal")
    gate.end()
    aside = gate.place.journal.with_suffix(".aside")
    gate.place.journal.rename(aside)
    gate.place.journal.mkdir()  # a card that can't be read: no program can make a journal of it
    began = time.monotonic()
    gate.start()
    gate.is_known_to_have("journal", "alarm-journal", within_s=JOURNAL_KNOWN_WITHIN_S + time.monotonic() - began)
    assert shows(gate, "journal", lost=True)
    assert gate.refuses_to_open()
    assert gate.guard_is_called("journal_unavailable")

    pressed = gate.press(CONFIRM_PIN)
    assert gate.hands.pins.wait_for(RED_PIN, True, after=pressed, within_s=RELEASED_WITHIN_S), "the guard is answered"
    assert gate.released(pressed, within_s=0.5) is None
    gate.let_go(CONFIRM_PIN)
    assert gate.released(gate.press(EMERGENCY_PIN)), "the way out waits for no card"
    gate.let_go(EMERGENCY_PIN)

    gate.place.journal.rmdir()
    aside.rename(gate.place.journal)
    gate.is_known_to_be_well_in("journal", "alarm-journal", within_s=PROBE_INTERVAL_S + KNOWN_AFTER_S)
    shows(gate, "journal", lost=False)
    eventually(lambda: gate.admits(), "it admits again", within_s=30.0)
    eventually(gate.is_drained, "everything at the centre", within_s=20.0)
    assert modes_recorded(site, gate, "journal") == [False, True]


def test_an_idle_gate_whose_journal_is_removed_notices_and_records_it(site: TroubleSite) -> None:
    gate = site.gate()
    assert gate.admits()
    eventually(gate.is_drained, "everything at the centre", within_s=20.0)
    for ending in ("", "-wal", "-shm"):
        Path(f"{gate.place.journal}{ending}").unlink(missing_ok=True)
    within_s = IDLE_PROBE_INTERVAL_S + PROBE_INTERVAL_S + KNOWN_AFTER_S
    eventually(lambda: modes_recorded(site, gate, "journal") == [False, True], "lost and back", within_s=within_s)
    assert gate.admits()


def test_a_journal_that_was_replaced_between_two_starts_is_named_at_the_centre(site: TroubleSite) -> None:
    gate = site.gate()
    assert gate.admits()
    eventually(gate.is_drained, "everything at the centre", within_s=20.0)
    gate.end()
    [[epoch, seq]] = site.ask("SELECT epoch, seq FROM chain_heads WHERE device=?", gate.place.device)
    for path in gate.place.state_dir.glob("journal.db*"):
        if path.suffix != ".high":
            path.unlink()
    gate.start()

    def named() -> list[dict[str, object]]:
        rows = site.ask("SELECT body FROM records WHERE device=? AND kind='journal_replaced'", gate.place.device)
        return [json.loads(str(row[0])) for row in rows]

    eventually(named, "the old journal is named", within_s=10.0)
    [body] = named()
    assert (body["epoch"], body["how"]) == (epoch, "gone")
    assert int(str(body["seq"])) >= int(str(seq))


def test_a_jumping_clock_is_known_flags_what_it_decides_and_is_believed_again(
    site: TroubleSite, tmp_path: Path
) -> None:
    clock = tmp_path / "clock"

    def put(offset_s: float, trust: str) -> None:
        fresh = clock.with_suffix(".new")
        fresh.write_text(json.dumps({"offset_s": offset_s, "trust": trust}))
        fresh.replace(clock)

    put(0.0, "ntp")
    gate = site.gate({"clock": {"source": f"twin:{clock}"}})
    assert gate.admits()
    put(400 * 86_400.0, "unknown")
    eventually(lambda: trust_at_centre(site, gate) == "unknown", "the centre knows", within_s=10.0)
    assert gate.admits(), "a paper pass goes by the last good time"
    put(0.0, "ntp")
    eventually(lambda: trust_at_centre(site, gate) == "ntp", "trusted again", within_s=10.0)
    eventually(gate.is_drained, "everything at the centre", within_s=20.0)
    bodies = [
        json.loads(str(row[0]))
        for row in site.ask("SELECT body FROM records WHERE device=? ORDER BY seq", gate.place.device)
    ]
    flagged = [body for body in bodies if body["kind"] == "decision" and "judged_at" in body]
    assert [(body["at"]["clock"], body["outcome"]) for body in flagged] == [("unknown", "granted")]
    jumps = [round(body["jumped_s"] / 86_400) for body in bodies if body["kind"] == "clock"]
    assert jumps[0] == 400
    assert [body["trust"] for body in bodies if body["kind"] == "clock"][-1] == "ntp"


def trust_at_centre(site: TroubleSite, gate: TroubledGate) -> str:
    [[state]] = site.ask("SELECT state FROM gates WHERE device=?", gate.place.device)
    return str(json.loads(str(state))["clock"]) if state is not None else ""


def test_a_frozen_thermometer_opens_nothing_by_itself_and_is_known_until_it_lives(
    site: TroubleSite, tmp_path: Path
) -> None:
    bus = tmp_path / "i2c.sock"
    twin = Mlx90614Twin()
    twin.show(object_temp_c=20.0)
    server = ThermometerTwinServer(twin, bus)
    server.start()
    site.stack.callback(server.stop)
    gate = site.gate(
        {
            "identity": {"direction": "in"},
            "visit": {"steps": ["scan", "measure"]},
            "thermometer": {
                "bus": f"unix:{bus}",
                "variant": "DCI",
                "settling_time_s": 0,
                "sample_interval_s": 0.02,
                "poll_interval_s": 0.5,
            },
        },
        [CONFIRM],
    )
    twin.show(object_temp_c=NORMAL_SKIN_C)
    assert gate.admits()
    # Frozen while a healthy forehead was before it: every later person would be as healthy.
    twin.show(fault=TwinFault.FROZEN)
    gate.is_known_to_have("thermometer", within_s=45.0)
    assert shows(gate, "thermometer", lost=True) == "frozen"
    assert gate.refuses_to_open()
    twin.show(fault=TwinFault.NONE)
    gate.is_known_to_be_well_in("thermometer")
    eventually(gate.admits, "it admits again", within_s=30.0)


def test_each_scanner_is_lost_and_comes_back_and_the_other_reads_on(site: TroubleSite, tmp_path: Path) -> None:
    frames = tmp_path / "frames"
    frames.mkdir()
    camera = CameraTwin(frames)
    camera.show(empty_frame())
    gate = site.gate({"camera_scanner": {"source": f"frames:{frames}"}})
    assert gate.admits()
    moved = frames.with_name("away")
    frames.rename(moved)
    gate.is_known_to_have("camera-scanner", within_s=20.0)
    assert shows(gate, "camera_scanner", lost=True)
    assert gate.admits(), "by the serial scanner"
    moved.rename(frames)
    gate.is_known_to_be_well_in("camera-scanner", within_s=20.0)
    gate.hands.scanner.unplug()
    gate.is_known_to_have("serial-scanner")
    assert shows(gate, "serial_scanner", lost=True)
    shown_at = time.monotonic()
    camera.show(draw_frame(site.next_code(), Shot()))
    assert gate.released(shown_at), "by the camera"
    camera.show(empty_frame())
    gate.hands.scanner.plug()
    gate.is_known_to_be_well_in("serial-scanner", within_s=10.0)
    assert gate.admits()
    eventually(
        lambda: (
            modes_recorded(site, gate, "camera_scanner")[-2:] == [False, True]
            and modes_recorded(site, gate, "serial_scanner")[-2:] == [False, True]
        ),
        "all is recorded",
        within_s=20.0,
    )
