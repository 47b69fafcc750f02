"""Long absences, shortened: a day without the broker, a centre restored from its backup, a card swapped.

The whole day: `python tests/long/outage.py`.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from harness_outage import Outage, center_keys, chain_flaws, journal_keys
from harness_restore import FORGETFUL_CENTER, RestoreSite

from center.desk.gates import Mode
from center.desk.losses import LossKind
from gatehouse.bench.bus_site import CENTER_PROGRAM
from gatehouse.bench.gate_site import eventually

SEED = 20200214
SCAN_RATIO_AT_MOST = 6.0
"""Coarse: the machine does other things. The long command holds the real figure."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RestoreSite]:
    """One for all: each test leaves a centre that runs and gates that are drained."""
    made = RestoreSite(tmp_path_factory.mktemp("restore"))
    yield made
    made.close()


def test_a_day_without_the_broker_is_drained_whole_and_in_order_while_people_pass(tmp_path: Path) -> None:
    report = Outage(tmp_path, SEED).run(600, quiet_scans=20, day_s=7_200.0)
    assert report.is_sound, report.as_json()
    assert report.backlog >= 600
    assert report.committed == report.stored > report.backlog
    assert report.scan_ratio <= SCAN_RATIO_AT_MOST


def test_a_centre_restored_from_its_backup_gets_back_what_it_lacks(site: RestoreSite, tmp_path: Path) -> None:
    backup, settings = tmp_path / "backup.db", str(site.settings)
    for gate in site.gates:
        gate.admit(5)
        gate.drained()
    assert site.command("backup", settings, str(backup))[0] == 0
    for gate in site.gates:
        gate.admit(8)
        gate.drained()
    code, _, said = site.command("restore", settings, str(backup))
    assert code == 3
    assert "end it first" in said
    before = {gate.place.device: len(center_keys(site.database, gate.place.device)) for gate in site.gates}
    site.center.kill()
    code, told, said = site.command("restore", settings, str(backup))
    assert code == 0, said
    assert "By hand: what was changed in the register" in told
    assert all(len(center_keys(site.database, gate.place.device)) < before[gate.place.device] for gate in site.gates)
    site.center.start()
    for gate in site.gates:
        gate.drained()
        stored = center_keys(site.database, gate.place.device)
        assert len(stored) == len(set(stored)) >= before[gate.place.device]
        assert set(stored) == journal_keys(gate.place.journal)
        assert chain_flaws(site.center.database_url, gate.place.device) == []


def test_a_centre_that_does_not_step_its_marks_back_is_caught_leaving_a_hole(
    site: RestoreSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness_restore.DRAINED_WITHIN_S", 3.0)
    gate = site.gates[0]
    gate.admit(4)
    gate.drained()
    assert site.command("backup", str(site.settings), str(tmp_path / "backup.db"))[0] == 0
    gate.admit(4)
    gate.drained()
    site.center.kill()
    assert site.command("restore", str(site.settings), str(tmp_path / "backup.db"))[0] == 0
    site.center.program = FORGETFUL_CENTER
    site.center.start()
    with pytest.raises(TimeoutError):
        gate.drained()
    monkeypatch.undo()
    site.center.kill()
    site.center.program = CENTER_PROGRAM
    site.center.start()
    gate.drained()  # the hole was the centre's, not the gate's


def test_what_a_restored_centre_lacks_and_the_gate_has_no_more_is_named(site: RestoreSite, tmp_path: Path) -> None:
    gate = site.gates[1]
    gate.admit(4)
    gate.drained()
    assert site.command("backup", str(site.settings), str(tmp_path / "backup.db"))[0] == 0
    stored_then = len(center_keys(site.database, gate.place.device))
    gate.admit(10)
    gate.drained()
    gate.end()
    site.center.kill()
    had = max(seq for _, seq, _ in journal_keys(gate.place.journal))
    assert gate.trim() == 1
    assert site.command("restore", str(site.settings), str(tmp_path / "backup.db"))[0] == 0
    site.center.start()
    gate.start()
    gate.admit(2)
    gate.drained()
    row = site.gate_row(gate.place.device)
    (loss,) = row.losses
    assert (loss.kind, loss.from_seq, loss.to_seq) == (LossKind.DECLARED, stored_then + 1, had - 1)
    assert loss.why == "not_in_journal"
    assert (row.mode, row.lost) == (Mode.DEGRADED, loss.count)
    assert chain_flaws(site.center.database_url, gate.place.device, gaps=1) == []


def test_the_tail_of_a_swapped_card_is_named_and_filled_when_the_old_card_is_put_back(
    site: RestoreSite, tmp_path: Path
) -> None:
    gate = site.gates[0]
    device = gate.place.device
    gate.admit(5)
    gate.drained()
    site.center.kill()
    gate.admit(6)  # the broker takes them, nobody stores them
    announced = site.wait_until_announced(gate)
    gate.end()
    gate.swap_card(tmp_path / "old card")
    site.center.start()
    eventually(lambda: bool(site.gate_row(device).losses), "what the old card announced is read", within_s=15.0)
    gate.start()
    gate.admit(3)
    eventually(lambda: any(loss.is_open for loss in site.gate_row(device).losses), "the loss is named", within_s=15.0)
    gate.drained()
    row = site.gate_row(device)
    (loss,) = row.losses
    old = {seq for _, seq, _ in journal_keys(tmp_path / "old card" / "journal.db")}
    assert (loss.kind, row.lost) == (LossKind.REPLACED, loss.count)
    assert announced <= loss.to_seq <= max(old)  # named is what the card had told before it was lost
    assert row.mode is Mode.DEGRADED

    gate.end()
    gate.swap_card(tmp_path / "new card", put_in=tmp_path / "old card")
    gate.start()
    gate.drained()
    eventually(lambda: site.gate_row(device).losses == (), "the tail is filled", within_s=15.0)
    assert site.gate_row(device).mode is Mode.NORMAL
    stored = center_keys(site.database, device)
    both = journal_keys(gate.place.journal) | journal_keys(tmp_path / "new card" / "journal.db")
    assert set(stored) == both
    assert len(stored) == len(set(stored))
    assert chain_flaws(site.center.database_url, device) == []
