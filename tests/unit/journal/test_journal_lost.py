"""The file goes away while the gate runs: nothing is acknowledged from it, and what can be read is carried on."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from journal_kit import DEVICE, at, body, code, filled

import journal.file
from journal.body import parse_body
from journal.errors import AlreadyConsumed, JournalError, JournalLost, JournalUnavailable
from journal.presence import look
from journal.store import Journal
from journal.verify import verify


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "gate.journal"


def _log(path: Path) -> Path:
    return Path(f"{path}-wal")


def _remove_all(path: Path) -> None:
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()


def _remove_file(path: Path) -> None:
    path.unlink()


def _remove_log(path: Path) -> None:
    _log(path).unlink()


def _remove_index(path: Path) -> None:
    Path(f"{path}-shm").unlink()


def _remove_lock(path: Path) -> None:
    Path(f"{path}.lock").unlink()


def _replace_by_another(path: Path) -> None:
    other = path.with_name("other")
    filled(other, 3).close()
    other.replace(path)


def _replace_by_a_copy(path: Path) -> None:
    copy = path.with_name("copy")
    shutil.copy(path, copy)
    copy.replace(path)


INTACT = [_remove_all, _remove_file, _remove_log, _remove_index, _remove_lock, _replace_by_another, _replace_by_a_copy]


def _numbers(journal: Journal) -> list[object]:
    found = []
    for state in journal.epochs():
        found += [parse_body(envelope.body).get("number") for envelope in journal.read(1, 1000, state.epoch)]
    return found


@pytest.mark.parametrize("harm", INTACT)
def test_file_that_went_away_acknowledges_nothing_more_and_then_all_is_carried_on(
    path: Path, harm: Callable[[Path], None]
) -> None:
    journal = filled(path, 5)
    journal.append(body(6), consume=[code(6)], state={"last_good_time": "6"})
    old = journal.head()
    journal.acknowledge(old.epoch, 2, None)
    journal.note_used(code(60))
    harm(path)
    with pytest.raises(JournalLost, match=r"gone|replaced"):
        journal.append(body(7), consume=[code(7)])
    assert journal.head() == old
    assert not journal.is_consumed(code(7).pass_id, 7)
    after = journal.append(body(8), consume=[code(7)])
    assert (after.seq, after.epoch != old.epoch) == (1, True)
    assert _numbers(journal) == [1, 2, 3, 4, 5, 6, 8]
    assert (journal.acked_seq(old.epoch), journal.backlog()) == (2, 5)
    assert journal.get_state("last_good_time") == "6"
    with pytest.raises(AlreadyConsumed):
        journal.append(body(9), consume=[code(6)])
    with pytest.raises(AlreadyConsumed):
        journal.append(body(9), consume=[code(60)])
    journal.append(body(10))
    journal.close()
    assert verify(path).is_whole
    again = Journal.open(path, DEVICE)
    assert again.salvaged is None
    assert _numbers(again) == [1, 2, 3, 4, 5, 6, 8, 10]
    again.close()


def _cut_to_nothing(path: Path) -> None:
    os.truncate(_log(path), 0)


def _cut_in_the_middle(path: Path) -> None:
    os.truncate(_log(path), _log(path).stat().st_size // 2)


def _overwrite_log(path: Path) -> None:
    with _log(path).open("r+b") as log:
        log.write(bytes(200))
    os.utime(_log(path), ns=(1, 1))


@pytest.mark.parametrize("harm", [_cut_to_nothing, _cut_in_the_middle, _overwrite_log])
def test_cut_log_acknowledges_nothing_more_and_what_is_gone_is_named(path: Path, harm: Callable[[Path], None]) -> None:
    journal = filled(path, 5)
    journal.maintain()  # five are in the file itself
    for number in range(6, 31):
        journal.append(body(number), consume=[code(number)])
    old = journal.head()
    harm(path)
    with pytest.raises(JournalLost, match="was cut or changed"):
        journal.append(body(31))
    journal.append(body(32))
    kept = journal.read(1, 1000, old.epoch)
    assert 5 <= len(kept) < 30
    gap, last = journal.read(1, 10)
    assert parse_body(gap.body) | {"at": 0} == {
        "v": 1,
        "kind": "gap",
        "at": 0,
        "why": "journal_lost",
        "epoch": old.epoch,
        "from": len(kept) + 1,
        "to": 30,
    }
    assert parse_body(last.body)["number"] == 32
    with pytest.raises(AlreadyConsumed):  # the codes are still known, though their records are gone
        journal.append(body(33), consume=[code(30)])
    journal.close()
    assert verify(path).is_whole


@pytest.mark.parametrize("harm", [*INTACT, _cut_to_nothing, _cut_in_the_middle])
def test_without_the_proof_every_harm_is_answered_with_success_and_records_are_lost(
    path: Path, harm: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ablation: SQLite alone reports success."""
    monkeypatch.setattr(journal.file, "prove_untouched", lambda path, left: None)
    monkeypatch.setattr(journal.file, "prove_grown", lambda path, left, now: None)
    monkeypatch.setattr(journal.file, "prove_same_files", lambda path, left, now: None)
    monkeypatch.setattr(journal.file, "look", lambda path: None)
    store = filled(path, 5)
    harm(path)
    assert store.append(body(6)).seq == 6


def test_log_that_is_cut_while_a_record_is_written_makes_that_record_fail(path: Path) -> None:
    journal = filled(path, 5)
    journal._file.writer.set_trace_callback(lambda sql: _remove_all(path) if sql == "COMMIT" else None)
    with pytest.raises(JournalLost):
        journal.append(body(6), consume=[code(6)])
    journal._file.writer.set_trace_callback(None)
    assert not journal.is_consumed(code(6).pass_id, 6)
    journal.append(body(7), consume=[code(6)])
    assert _numbers(journal) == [1, 2, 3, 4, 5, 7]  # 6 was answered with an error: it must not come up as a record
    journal.close()


def test_maintenance_does_not_copy_a_cut_log_into_the_file(path: Path) -> None:
    journal = filled(path, 5)
    journal.maintain()
    for number in range(6, 30):
        journal.append(body(number))
    _cut_to_nothing(path)
    before = path.read_bytes()
    with pytest.raises(JournalLost):
        journal.maintain()
    assert path.read_bytes() == before
    with pytest.raises(JournalLost):
        journal.append(body(30))
    journal.append(body(31))
    journal.close()


def test_closing_saves_what_the_lost_file_still_gives(path: Path) -> None:
    journal = filled(path, 5)
    _remove_all(path)
    journal.close()
    again = Journal.open(path, DEVICE)
    assert _numbers(again) == [1, 2, 3, 4, 5]
    again.close()


def test_move_that_fails_is_tried_again_and_gives_up_nothing(path: Path) -> None:
    journal = filled(path, 5)
    folder, hidden = path.parent, path.parent.with_name("hidden")
    folder.rename(hidden)
    for _ in range(3):
        with pytest.raises(JournalUnavailable):
            journal.append(body(6))
    folder.mkdir()
    journal.append(body(7))
    assert _numbers(journal) == [1, 2, 3, 4, 5, 7]
    journal.close()


def test_move_out_of_a_cut_file_that_fails_is_tried_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = filled(path, 5)
    journal.maintain()
    journal.append(body(6))
    _cut_to_nothing(path)
    with pytest.raises(JournalLost):
        journal.append(body(7))
    in_the_way = Path(f"{path}.new")
    in_the_way.mkdir()
    for _ in range(2):
        with pytest.raises(JournalError):
            journal.append(body(7))
        with pytest.raises(JournalError):
            journal.read(1, 1)
    in_the_way.rmdir()
    journal.append(body(8))
    assert _numbers(journal) == [1, 2, 3, 4, 5, None, 8]
    journal.close()


def test_second_process_that_took_the_removed_lock_keeps_this_one_out(path: Path) -> None:
    journal = filled(path, 2)
    _remove_all(path)
    other = Journal.open(path, DEVICE)
    with pytest.raises(JournalLost):
        journal.append(body(3))
    with pytest.raises(JournalError, match="held by another process"):
        journal.append(body(3))
    other.close()
    journal.append(body(4))
    assert _numbers(journal) == [1, 2, 4]
    journal.close()


def test_file_that_stands_as_it_was_left_is_not_given_up(path: Path) -> None:
    journal = filled(path, 3)
    epoch = journal.head().epoch
    verify(path)
    journal.trim(at(1e6).wall)
    journal.maintain()
    journal.purge_personal(epoch, 2)
    before = look(path)
    journal.read(1, 10)
    assert look(path) == before
    assert journal.append(body(4)).epoch == epoch
    journal.close()
