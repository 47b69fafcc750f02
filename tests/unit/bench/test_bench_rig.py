"""The rig of benches and process tests: its settings are valid, its codes are admitted, its MQTT is MQTT."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from config.settings import load_terminal
from gatehouse.bench.community import Community, make_community
from gatehouse.bench.gate_site import PRESENCE_PIN, eventually, prepare_gate
from gatehouse.bench.old_journal import fill_journal
from gatehouse.bench.raw_devices import _first_packet, _packet
from gatehouse.bench.sample_record import sample_body
from journal.verify import verify
from model.clock import ClockTrust, Timestamp
from model.identities import DeviceId
from passes.directory_file import load_last_good

DEVICE = DeviceId("gate-1")
AT = Timestamp(wall=datetime(2020, 2, 3, 8, 0, tzinfo=UTC), boot_s=12.5, boot_id="boot-1", trust=ClockTrust.NTP)


@pytest.fixture
def community(tmp_path: Path) -> Community:
    return make_community(tmp_path / "site", (DEVICE,), now=datetime.now(UTC), passes=20, households=10)


def test_a_prepared_gate_has_settings_and_a_directory_that_a_terminal_takes(
    community: Community, tmp_path: Path
) -> None:
    contacts = [{"role": "presence", "pin": PRESENCE_PIN}]
    place = prepare_gate(tmp_path / "gate", community, DEVICE, bus_port=8883, contacts=contacts)
    settings, rules = load_terminal(place.settings)
    assert rules.community == community.name
    assert settings.bus.port == 8883
    held = load_last_good(place.state_dir / "directory.bin", keys=community.keys, community=community.name)
    assert held is not None
    assert len(held.directory.households) == 10


def test_the_sample_record_is_a_grant_with_all_its_inputs(community: Community) -> None:
    body = sample_body(community)
    assert (body["kind"], body["outcome"], body["visit"]) == ("decision", "granted", 1)
    assert body["temperature"] is not None
    assert body["code"] is not None


def test_an_old_journal_is_whole(tmp_path: Path) -> None:
    fill_journal(tmp_path / "old.db", DEVICE, 250, AT)
    report = verify(tmp_path / "old.db")
    assert report.is_whole
    assert [(epoch.records, epoch.acked_seq) for epoch in report.epochs] == [(250, 250)]


@pytest.mark.parametrize("length", [0, 1, 127, 128, 16_383, 16_384, 70_000])
def test_a_packet_is_read_back_whole_and_never_before_its_last_byte(length: int) -> None:
    packet = _packet(0x32, bytes(length))
    assert _first_packet(packet) == (0x32, bytes(length), len(packet))
    assert _first_packet(packet + b"\x40\x02") == (0x32, bytes(length), len(packet))
    assert _first_packet(packet[:-1]) is None


def test_waiting_ends_in_words_when_time_is_up() -> None:
    with pytest.raises(TimeoutError, match="the relay"):
        eventually(lambda: False, "the relay", within_s=timedelta(milliseconds=20).total_seconds())
