"""Verify: what was taken from either end is named, what was rightly trimmed is not, and looking leaves no trace."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from journal_kit import DEVICE, at, body, filled

from journal import reading as reading_module
from journal.errors import JournalDamaged
from journal.reading import every_record
from journal.store import Journal
from journal.verify import verify


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "gate.journal"


def acknowledged(path: Path, count: int, up_to: int) -> None:
    """A closed journal of some records, of which the centre has acknowledged some."""
    journal = filled(path, count)
    journal.acknowledge(journal.head().epoch, up_to)
    journal.close()


def change(path: Path, sql: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(sql)
    connection.close()


def flaws(path: Path) -> list[tuple[int, str]]:
    return [(flaw.seq, flaw.what.split(",")[0]) for flaw in verify(path).flaws]


def test_a_tail_that_the_centre_has_acknowledged_cannot_be_cut_off_unseen(path: Path) -> None:
    acknowledged(path, 9, 7)
    assert verify(path).is_whole
    change(path, "DELETE FROM records WHERE (id & 1023) > 5")
    assert flaws(path) == [(6, "missing up to 7")]
    change(path, "UPDATE epochs SET acked_seq=0")  # the mark switched off: the chain alone cannot know
    assert verify(path).is_whole


def test_an_epoch_emptied_after_the_centre_acknowledged_it_is_told(path: Path) -> None:
    acknowledged(path, 9, 9)
    change(path, "DELETE FROM records")
    assert flaws(path) == [(1, "missing up to 9")]


def test_an_empty_epoch_that_never_had_a_record_is_whole(path: Path) -> None:
    Journal.open(path, DEVICE).close()
    assert verify(path).is_whole


def test_a_beginning_that_nobody_acknowledged_cannot_be_trimmed_unseen(path: Path) -> None:
    acknowledged(path, 9, 2)
    change(path, "DELETE FROM records WHERE (id & 1023) < 5")
    assert flaws(path) == [(3, "missing up to 4")]


def test_trimming_takes_its_mark_along_so_that_the_file_is_whole_at_every_moment(path: Path) -> None:
    journal = filled(path, 9)
    journal.acknowledge(journal.head().epoch, 9)
    assert journal.trim(at(1e9).wall) == 8
    report = verify(path)  # before any maintenance has saved the cursors
    assert (report.is_whole, report.epochs[0].first_seq, report.epochs[0].records) == (True, 9, 1)
    journal.close()
    assert verify(path).is_whole


def test_records_that_the_journal_itself_told_gone_are_no_flaw(path: Path) -> None:
    journal = filled(path, 9)
    epoch = journal.head().epoch
    journal.acknowledge(epoch, 6)
    journal.trim(at(1e9).wall)
    journal.acknowledge(epoch, 2)  # a centre restored from a backup asks for what is not here any more
    journal.range_gone(epoch, 3, 6, "not_in_journal", at(10))
    journal.close()
    assert verify(path).is_whole
    change(path, "DELETE FROM state")
    assert flaws(path) == [(3, "missing up to 6")]


def test_an_epoch_taken_out_of_the_table_is_told(path: Path) -> None:
    filled(path, 3).close()
    change(path, "DELETE FROM epochs")
    assert flaws(path) == [(1, "the whole epoch 1 is not listed")]
    change(path, "DELETE FROM meta WHERE key LIKE 'epoch/%'")
    assert flaws(path) == [(1, "the whole epoch 1 is not listed")]


def test_looking_leaves_nothing_beside_the_file(path: Path) -> None:
    filled(path, 3).close()
    before = {each.name for each in path.parent.iterdir()}
    verify(path)
    assert {each.name for each in path.parent.iterdir()} == before


def test_a_card_from_a_gate_that_lost_power_is_read_with_its_log_and_left_as_it_is(path: Path, tmp_path: Path) -> None:
    journal = filled(path, 3)
    journal.maintain()
    journal.append(body(4))
    card = tmp_path / "card"
    card.mkdir()
    for ending in ("", "-wal"):
        shutil.copy(f"{path}{ending}", card / f"gate.journal{ending}")
    journal.close()
    before = {each.name: each.read_bytes() for each in card.iterdir()}
    assert verify(card / "gate.journal").epochs[0].last_seq == 4
    assert {each.name: each.read_bytes() for each in card.iterdir()} == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_no_hindrance(path: Path) -> None:
    filled(path, 3).close()
    path.parent.chmod(0o500)
    try:
        assert verify(path).is_whole
    finally:
        path.parent.chmod(0o700)


def test_a_writer_that_begins_while_it_is_read_is_noticed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(path, 3).close()
    writers: list[Journal] = []
    read_file = reading_module._read

    def begin_to_write(file: Path, how: str, use: Callable[[sqlite3.Connection], object]) -> object:
        report = read_file(file, how, use)
        if not writers:
            writers.append(Journal.open(path, DEVICE))
            writers[0].append(body(4))
        return report

    monkeypatch.setattr(reading_module, "_read", begin_to_write)
    assert verify(path).epochs[0].last_seq == 4
    writers[0].close()


def test_a_journal_that_names_no_device_is_told_in_words(path: Path) -> None:
    filled(path, 3).close()
    change(path, "DELETE FROM meta WHERE key='device'")
    with pytest.raises(JournalDamaged, match="whose journal"):
        verify(path)


def test_every_record_is_read_in_its_order_while_the_writer_goes_on(path: Path) -> None:
    journal = filled(path, 3)
    assert [each.seq for each in every_record(path)] == [1, 2, 3]
    journal.append(body(4))
    assert [each.seq for each in every_record(path)] == [1, 2, 3, 4]
    assert all(each.is_whole for each in every_record(path))
    journal.close()
