"""The doctor finds each thing that is wrong, says what to do, and finds nothing where all is well."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from config.guards import GuardEntry
from config.settings import load_settings
from drivers.mlx90614_twin import Mlx90614Twin, TwinFault
from drivers.twins_server import ThermometerTwinServer
from gate.__main__ import _visitors_seal
from gatehouse.doctor import Finding, look_over
from gatehouse.guard_commands import write_guards
from gatehouse.provisioning import provision_site
from gatehouse.street.layout import GATES, StreetFolder, Wires
from gatehouse.street.settings_text import Table, as_toml, gate_table
from model.identities import GuardId, VisitNumber
from model.visitors import VisitorRegistration
from passes.visitor_sealed import load_visitors_key, open_registration
from simulator.pictures import empty_frame
from simulator.wires import CameraWire, SerialScannerWire

PLAN = GATES[0]
LI_WEI = GuardEntry(guard=GuardId("li_wei"), name="李卫", pin_hash="$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaA")


class Gate:
    """A gate's files and wires, as a street makes them."""

    def __init__(self, folder: Path) -> None:
        self.street = StreetFolder(folder=folder / "street")
        self.wires = Wires(folder=folder)
        provision_site(
            self.street.site.folder, self.street.community, [plan.device for plan in GATES], now=datetime.now(UTC)
        )
        self.wires.frames(PLAN).mkdir()
        CameraWire(self.wires.frames(PLAN)).show(empty_frame())
        self.scanner = SerialScannerWire(self.wires.tty(PLAN))
        self.twin = Mlx90614Twin()
        self.twins = ThermometerTwinServer(self.twin, self.wires.bus(PLAN))
        self.twins.start()
        self.table: Table = gate_table(self.street, self.wires, PLAN, broker_port=1, is_hurried=False)
        self.guards = folder / "guards.toml"
        write_guards(self.guards, [LI_WEI])
        self.table["kiosk"] = {"socket_path": str(folder / "k.sock"), "guards_path": str(self.guards)}

    def look(self) -> dict[str, Finding]:
        file = self.street.folder / "terminal.toml"
        file.write_text(as_toml(self.table), encoding="utf-8")
        return {finding.part: finding for finding in look_over(file)}

    def close(self) -> None:
        self.twins.stop()
        self.scanner.close()


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    gate = Gate(tmp_path)
    yield gate
    gate.close()


def wrong(found: dict[str, Finding]) -> set[str]:
    assert all(finding.hint for finding in found.values() if not finding.is_well)
    return {part for part, finding in found.items() if not finding.is_well} - {"QR decoders"}


def test_only_the_broker_is_missing_where_no_broker_runs(gate: Gate) -> None:
    found = gate.look()
    assert wrong(found) == {"broker"}
    assert {"settings", "rules", "keys", "clock", "pins", "thermometer", "serial scanner", "camera"} <= set(found)


def test_a_gate_that_works_alone_needs_no_broker(gate: Gate) -> None:
    gate.table["bus"] = {"enabled": False}
    assert wrong(gate.look()) == set()


def test_every_problem_of_the_settings_is_told_at_once(gate: Gate) -> None:
    gate.table["barrier"]["pin"] = 99
    gate.table["colour"] = "red"
    file = gate.street.folder / "terminal.toml"
    file.write_text(as_toml(gate.table), encoding="utf-8")
    words = " ".join(finding.words for finding in look_over(file))
    assert f"{file}: barrier.pin" in words
    assert "colour" in words


def test_a_sensor_that_does_not_answer_is_told(gate: Gate) -> None:
    gate.twin.show(fault=TwinFault.ABSENT)
    found = gate.look()
    assert "thermometer" in wrong(found)
    assert "nobody answers at 0x5a" in found["thermometer"].words


def test_an_unplugged_scanner_and_a_missing_picture_folder_are_told(gate: Gate) -> None:
    gate.wires.tty(PLAN).unlink()
    gate.table["camera_scanner"]["source"] = "frames:/nonexistent"
    assert {"serial scanner", "camera"} <= wrong(gate.look())


def test_a_key_list_that_the_pinned_root_did_not_sign_is_told(gate: Gate, tmp_path: Path) -> None:
    other = provision_site(tmp_path / "other", gate.street.community, [], now=datetime.now(UTC))
    gate.street.site.key_list.write_bytes(other.key_list.read_bytes())
    assert "keys" in wrong(gate.look())
    os.unlink(gate.street.site.key_list)
    assert "keys" in wrong(gate.look())


def test_another_gates_certificate_and_a_key_that_others_read_are_told(gate: Gate) -> None:
    mine, other = gate.street.site.identity(PLAN.device), gate.street.site.identity(GATES[1].device)
    (mine / "key.pem").chmod(0o644)
    assert "can be read by others" in gate.look()["certificate"].words
    for name in ("cert.pem", "key.pem"):
        (mine / name).write_bytes((other / name).read_bytes())
    assert f"made for {GATES[1].device}" in gate.look()["certificate"].words


def test_a_disk_too_small_for_the_promised_journal_is_told(gate: Gate) -> None:
    gate.table["journal"] = {"kept_days": 365, "records_per_day": 500_000}
    found = gate.look()
    enough = "disk" not in wrong(found)
    assert enough or "promised to the journal" in found["disk"].words
    gate.table["state_dir"] = "/proc/gatehouse"
    assert "disk" in wrong(gate.look())


def test_a_state_folder_that_is_a_file_is_told(gate: Gate, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    for place in (tmp_path / "state", tmp_path / "state" / "below"):
        gate.table["state_dir"] = str(place)
        found = gate.look()
        assert "disk" in wrong(found)
        assert "is a file, not a folder" in found["disk"].words


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_told_as_what_it_is(gate: Gate, encoding: str) -> None:
    file = gate.street.folder / "terminal.toml"
    file.write_text(as_toml(gate.table), encoding=encoding)
    (finding,) = look_over(file)
    assert f"{file}: is not TOML: it begins with a byte order mark" in finding.words
    assert "without BOM" in finding.hint


def test_a_twin_that_is_not_there_is_not_looked_for_in_raspi_config(gate: Gate, tmp_path: Path) -> None:
    gate.table["thermometer"]["bus"] = f"unix:{tmp_path / 'nobody'}"
    found = gate.look()["thermometer"]
    assert not found.is_well
    assert "raspi-config" not in found.hint
    assert "twin" in found.hint


def test_hardware_that_this_machine_lacks_is_told(gate: Gate) -> None:
    gate.table["gpio"]["pin_factory"] = "lgpio:9"
    gate.table["thermometer"]["bus"] = 254
    gate.table["camera_scanner"]["source"] = "picamera2"
    gate.table["clock"]["source"] = "rtc"
    expected = {"pins", "thermometer", "camera"} | (set() if Path("/dev/rtc0").exists() else {"clock"})
    assert expected <= wrong(gate.look())


def test_guards_that_can_not_be_used_are_told_without_their_hashes(gate: Gate) -> None:
    assert gate.look()["guards"].is_well
    gate.guards.chmod(0o644)
    assert "chmod 600" in gate.look()["guards"].hint
    gate.guards.write_text('[[guards]]\nguard = "li_wei"\nname = "李卫"\npin_hash = "secret-hash"\n')
    finding = gate.look()["guards"]
    assert not finding.is_well
    assert "secret" not in finding.words
    write_guards(gate.guards, [])
    assert "guard add" in gate.look()["guards"].hint
    gate.guards.unlink()
    assert not gate.look()["guards"].is_well
    del gate.table["kiosk"]["guards_path"]
    assert "guards_path" in gate.look()["guards"].words


def test_a_socket_whose_path_is_too_long_is_told_with_its_length(gate: Gate, tmp_path: Path) -> None:
    gate.table["kiosk"]["socket_path"] = str(tmp_path / ("k" * 120))
    finding = gate.look()["kiosk"]
    assert not finding.is_well
    assert "107" in finding.words
    assert "socket_path" in finding.hint


def test_a_screen_for_phones_needs_a_certificate_and_a_lane_without_a_screen_nothing(gate: Gate) -> None:
    gate.table["kiosk"] |= {"host": "0.0.0.0"}
    assert "certificate_path" in gate.look()["kiosk"].hint
    gate.table["kiosk"] = {"enabled": False}
    found = gate.look()
    assert found["kiosk"].is_well
    assert "guards" not in found


def test_a_wrong_notice_is_told_with_its_place(gate: Gate, tmp_path: Path) -> None:
    notices = tmp_path / "notices.toml"
    gate.table["kiosk"]["notices_path"] = str(notices)
    notices.write_text('[[notices]]\nzh = "a"\nspoken = ["8 am"]\n', encoding="utf-8")
    finding = gate.look()["notices"]
    assert not finding.is_well
    assert "notices[1].spoken" in finding.words
    notices.write_text('[[notices]]\nzh = "a"\n', encoding="utf-8")
    assert gate.look()["notices"].is_well
    notices.unlink()
    assert not gate.look()["notices"].is_well


def test_a_voice_without_its_program_is_told(gate: Gate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEHOUSE_ESPEAK", str(tmp_path / "nothing"))
    finding = gate.look()["voice"]
    assert not finding.is_well
    assert "espeak-ng" in finding.hint
    gate.table["voice"]["enabled"] = False
    assert "voice" not in gate.look()


def test_a_gate_seals_what_is_typed_of_visitors_to_the_key_of_its_site(gate: Gate) -> None:
    assert gate.look()["visitors"].is_well
    settings = load_settings(gate.street.folder / "terminal.toml")
    seal = _visitors_seal(settings)
    assert seal is not None
    typed = VisitorRegistration(name="王小明", id_number="11010519491231002X", phone="13800138000")
    number = VisitNumber("3-28-014-1")
    key = load_visitors_key(gate.street.site.visitors_key)
    identity = settings.identity
    opened = open_registration(
        seal(typed, number), key, community=identity.community, device=identity.device, number=number
    )
    assert opened == typed
    gate.street.site.visitors_public.unlink()
    assert _visitors_seal(settings) is None
    assert "visitors" in wrong(gate.look())
