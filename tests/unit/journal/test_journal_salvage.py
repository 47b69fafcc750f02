"""Salvage: a damaged file gives up what holds, a new epoch begins, and nothing sound is lost."""

import random
import sqlite3
from pathlib import Path

import pytest
from journal_kit import DEVICE, body, code, filled

from journal.errors import JournalDamaged
from journal.salvage import finish_interrupted, salvage
from journal.schema import PAGE_BYTES
from journal.store import Journal
from journal.verify import verify


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "gate.journal"


def _change(path: Path, sql: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(sql)
    connection.close()


def test_altered_record_near_the_end_starts_a_new_epoch_and_keeps_the_rest(path: Path) -> None:
    journal = filled(path, 20)
    old = journal.head().epoch
    journal.append(body(21), consume=[code(3)], state={"last_good_time": "5"})
    journal.acknowledge(old, 4, None)
    journal.close()
    _change(path, "UPDATE records SET body=replace(body,'\"number\":7','\"number\":8') WHERE (id & 1023)=7")
    again = Journal.open(path, DEVICE)
    assert again.salvaged is not None
    assert again.salvaged.records == 20
    assert [(r.from_seq, r.to_seq) for r in again.salvaged.lost] == [(7, 7)]
    assert again.salvaged.kept_aside.exists()
    assert [state.is_current for state in again.epochs()] == [False, True]
    assert again.epochs()[0].epoch == old
    assert (again.epochs()[0].acked_seq, again.backlog()) == (4, 17)
    assert again.is_consumed(code(3).pass_id, 3)
    assert again.get_state("last_good_time") == "5"
    assert (again.head().seq, again.append(body(1)).seq) == (0, 1)
    again.close()
    assert [flaw.what for flaw in verify(path).flaws] == ["missing up to 7"]


def test_verify_names_the_altered_record(path: Path) -> None:
    filled(path, 9).close()
    assert verify(path).is_whole
    _change(path, "UPDATE records SET body=replace(body,'\"number\":5','\"number\":6') WHERE (id & 1023)=5")
    report = verify(path)
    assert [(flaw.seq, flaw.what) for flaw in report.flaws] == [(5, "hash does not fit the contents")]


def test_verify_names_removed_and_reordered_records(path: Path) -> None:
    filled(path, 9).close()
    _change(path, "DELETE FROM records WHERE (id & 1023) IN (3, 4)")
    assert [(flaw.seq, flaw.what) for flaw in verify(path).flaws] == [(3, "missing up to 4")]


def test_verify_reads_a_journal_in_use(path: Path) -> None:
    journal = filled(path, 9)
    assert verify(path).epochs[0].last_seq == 9
    journal.close()


def test_unreadable_page_in_the_middle_costs_only_its_records(path: Path) -> None:
    filled(path, 400).close()
    pages = path.stat().st_size // PAGE_BYTES
    with path.open("r+b") as stream:
        stream.seek(PAGE_BYTES * (pages // 2))
        stream.write(random.Random(1).randbytes(PAGE_BYTES))
    report = salvage(path, DEVICE)
    assert 350 <= report.records < 400
    journal = Journal.open(path, DEVICE)
    old = journal.epochs()[0]
    kept = {envelope.seq for envelope in journal.read(1, 1000, old.epoch)}
    assert {1, 400} <= kept
    lost = {seq for gone in report.lost for seq in range(gone.from_seq, gone.to_seq + 1)}
    assert kept | lost == set(range(1, 401))
    journal.close()


@pytest.mark.parametrize("garbage", [b"", b"not a database at all" * 500])
def test_file_of_garbage_is_put_aside_and_a_new_journal_begins(path: Path, garbage: bytes) -> None:
    path.write_bytes(garbage)
    journal = Journal.open(path, DEVICE)
    assert journal.append(body(1)).seq == 1
    if garbage:
        assert journal.salvaged is not None
        assert journal.salvaged.kept_aside.read_bytes() == garbage
    journal.close()


def test_foreign_database_is_not_taken_for_a_journal(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA application_id=5")
    connection.execute("CREATE TABLE t(x)")
    connection.commit()
    connection.close()
    with pytest.raises(JournalDamaged):
        verify(path)


def test_salvage_cut_before_the_rename_leaves_the_old_file_and_is_done_again(path: Path) -> None:
    filled(path, 5).close()
    (path.parent / "gate.journal.salvage").write_bytes(b"half")
    finish_interrupted(path)
    assert not (path.parent / "gate.journal.salvage").exists()
    assert verify(path).epochs[0].records == 5


def test_salvage_cut_between_the_renames_is_finished_without_the_old_log(path: Path) -> None:
    filled(path, 5).close()
    path.rename(path.parent / "gate.journal.salvage")
    (path.parent / "gate.journal-wal").write_bytes(b"log of the damaged file")
    journal = Journal.open(path, DEVICE)
    assert journal.salvaged is None
    assert journal.head().seq == 5
    assert (path.parent / "gate.journal.damaged-1-wal").read_bytes() == b"log of the damaged file"
    journal.close()


def test_damaged_epoch_table_is_recovered_from_its_copy(path: Path) -> None:
    filled(path, 5).close()
    _change(path, "UPDATE epochs SET epoch='gone'")
    report = salvage(path, DEVICE)
    assert report.records == 5
