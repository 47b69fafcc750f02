"""A journal that was removed, set back or swapped while nobody ran is named, and gives no number twice."""

import shutil
from pathlib import Path

import pytest
from journal_kit import at

from journal import store
from journal.body import build_body
from journal.commits import Commits
from journal.facts import Head
from journal.high_water import ENDING, HighWaterFile, ReplacedHow
from journal.store import Journal
from model.identities import DeviceId

DEVICE = DeviceId("gate-1")


def write(path: Path, count: int, first: int = 0) -> Head:
    """One life of a device that writes so many records."""
    journal = Journal.open(path, DEVICE)
    for number in range(first, first + count):
        journal.append(build_body("decision", at(), {"number": number}))
        journal.keep_high_water()
    head = journal.head()
    journal.close()
    return head


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def test_a_journal_that_is_as_it_was_left_is_no_news(path: Path) -> None:
    write(path, 5)
    journal = Journal.open(path, DEVICE)
    assert journal.replaced is None
    journal.close()


def test_a_removed_journal_is_named_by_its_epoch_and_last_record(path: Path) -> None:
    head = write(path, 5)
    path.unlink()
    journal = Journal.open(path, DEVICE)
    replaced = journal.replaced
    assert replaced is not None
    assert (replaced.how, replaced.epoch, replaced.seq, replaced.hash) == (
        ReplacedHow.GONE,
        head.epoch,
        head.seq,
        head.hash,
    )
    journal.close()
    assert Journal.open(path, DEVICE).replaced is None  # once


def test_a_journal_that_was_set_back_gives_no_number_a_second_time(path: Path, tmp_path: Path) -> None:
    write(path, 5)
    older = shutil.copy(path, tmp_path / "image.db")
    head = write(path, 3)
    shutil.copy(older, path)
    journal = Journal.open(path, DEVICE)
    assert journal.replaced is not None
    assert (journal.replaced.how, journal.replaced.seq) == (ReplacedHow.SET_BACK, head.seq)
    assert journal.append(build_body("decision", at(), {})).epoch != head.epoch
    journal.close()


def test_another_record_under_the_same_number_is_named(path: Path, tmp_path: Path) -> None:
    write(path, 5)
    older = shutil.copy(path, tmp_path / "image.db")
    write(path, 1)
    mark = Path(f"{path}{ENDING}").read_bytes()
    shutil.copy(older, path)
    Path(f"{path}{ENDING}").unlink()
    write(path, 4, first=100)
    Path(f"{path}{ENDING}").write_bytes(mark)
    journal = Journal.open(path, DEVICE)
    assert journal.replaced is not None
    assert journal.replaced.how is ReplacedHow.DIFFERENT
    journal.close()


def test_without_the_mark_a_set_back_journal_would_fork_its_chain(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ablation."""
    monkeypatch.setattr(store.HighWaterFile, "read", lambda self: None)
    write(path, 5)
    older = shutil.copy(path, tmp_path / "image.db")
    head = write(path, 3)
    shutil.copy(older, path)
    journal = Journal.open(path, DEVICE)
    again = journal.append(build_body("decision", at(), {"number": "another"}))
    assert (again.epoch, again.seq) == (head.epoch, 6)
    journal.close()


@pytest.mark.parametrize("torn", [b"", b"\0" * 320, b"nonsense", b"0" * 64 + b' {"device": "gate-1"}'])
def test_a_mark_that_a_power_cut_tore_says_nothing(path: Path, torn: bytes) -> None:
    write(path, 5)
    Path(f"{path}{ENDING}").write_bytes(torn)
    journal = Journal.open(path, DEVICE)
    assert journal.replaced is None
    journal.close()


def test_an_older_mark_says_nothing(path: Path) -> None:
    write(path, 2)
    mark = Path(f"{path}{ENDING}").read_bytes()
    write(path, 3)
    Path(f"{path}{ENDING}").write_bytes(mark)
    journal = Journal.open(path, DEVICE)
    assert journal.replaced is None
    journal.close()


def test_the_mark_of_another_device_says_nothing(path: Path) -> None:
    head = write(path, 2)
    assert HighWaterFile(path, DeviceId("gate-9")).read() is None
    assert HighWaterFile(path, DEVICE).read() == head


def test_trouble_with_the_mark_stops_no_record(path: Path) -> None:
    Path(f"{path}{ENDING}").mkdir()
    assert write(path, 3).seq == 3


def test_the_commit_thread_keeps_the_mark_after_each_record(path: Path) -> None:
    journal = Journal.open(path, DEVICE)
    commits = Commits(journal)
    commits.start()
    commits.submit(build_body("decision", at(), {}), None, (), lambda outcome: None)
    commits.stop()
    assert HighWaterFile(path, DEVICE).read() == journal.head()
    journal.close()
