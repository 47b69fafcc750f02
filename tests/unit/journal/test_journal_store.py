"""The journal: one transaction per record, nothing twice, nothing lost, nothing overwritten."""

import resource
import shutil
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from journal_kit import DEVICE, at, body, code, filled, raises_nothing

from journal.consumed import ConsumedCodes
from journal.envelope import ZERO_HASH
from journal.errors import AlreadyConsumed, JournalBusy, JournalFull, JournalUnavailable, RecordInvalid
from journal.facts import AckOutcome
from journal.store import Journal
from journal.verify import verify
from model.identities import DeviceId

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "gate.journal"


def test_records_are_chained_and_come_back_as_they_were_written(path: Path) -> None:
    journal = Journal.open(path, DEVICE)
    written = [journal.append(body(1)), journal.append(body(2), personal="张三"), journal.append(body(3))]
    assert [envelope.seq for envelope in written] == [1, 2, 3]
    assert [envelope.prev for envelope in written] == [ZERO_HASH, written[0].hash, written[1].hash]
    assert journal.read(1, 10) == written
    assert all(envelope.is_whole for envelope in written)
    journal.close()
    again = Journal.open(path, DEVICE)
    assert again.read(1, 10) == written
    assert (again.head().seq, again.head().hash) == (3, written[2].hash)
    assert again.append(body(4)).prev == written[2].hash
    again.close()
    assert verify(path).is_whole


def test_new_files_have_different_epochs(tmp_path: Path) -> None:
    epochs = set()
    for name in ("a", "b"):
        journal = Journal.open(tmp_path / name, DEVICE)
        epochs.add(journal.head().epoch)
        journal.close()
    assert len(epochs) == 2


def test_second_process_is_kept_out(path: Path) -> None:
    journal = Journal.open(path, DEVICE)
    with pytest.raises(JournalBusy):
        Journal.open(path, DEVICE)
    journal.close()
    Journal.open(path, DEVICE).close()


def test_journal_of_another_device_is_refused(path: Path) -> None:
    filled(path, 1).close()
    with pytest.raises(RecordInvalid, match="belongs to gate-1"):
        Journal.open(path, DeviceId("gate-2"))


def test_code_is_consumed_once_and_a_refused_append_writes_nothing(path: Path) -> None:
    journal = Journal.open(path, DEVICE)
    assert not journal.is_consumed(code(7).pass_id, 7)
    journal.append(body(1), consume=[code(7)])
    assert journal.is_consumed(code(7).pass_id, 7)
    with pytest.raises(AlreadyConsumed):
        journal.append(body(2), consume=[code(8), code(7)])
    assert journal.head().seq == 1
    assert not journal.is_consumed(code(8).pass_id, 8)
    journal.close()
    again = Journal.open(path, DEVICE)
    assert again.is_consumed(code(7).pass_id, 7)
    assert not again.is_consumed(code(7).pass_id, 8)
    again.close()


def test_the_file_itself_refuses_a_code_twice_even_if_memory_forgot(path: Path) -> None:
    journal = Journal.open(path, DEVICE)
    journal.append(body(1), consume=[code(7)])
    journal._codes = ConsumedCodes()  # the safeguard in memory switched off
    with pytest.raises(AlreadyConsumed):
        journal.append(body(2), consume=[code(7)], state={"k": "v"})
    assert (journal.head().seq, journal.get_state("k")) == (1, None)
    journal.close()


def test_state_changes_with_its_record_or_not_at_all(path: Path) -> None:
    journal = Journal.open(path, DEVICE)
    journal.append(body(1), state={"last_good_time": "1"})
    with pytest.raises(RecordInvalid):
        journal.append({"v": 1, "kind": "x"}, state={"last_good_time": "2"})
    assert journal.get_state("last_good_time") == "1"
    journal.close()


def test_full_journal_says_so_and_keeps_what_it_has(path: Path) -> None:
    journal = Journal.open(path, DEVICE, max_bytes=300_000)
    big = body(1) | {"text": "x" * 20_000}
    while raises_nothing(lambda: journal.append(big, consume=[code(journal.head().seq)])):
        assert journal.head().seq < 50
    head = journal.head()
    assert head.seq > 5
    assert journal.room().is_short
    assert not journal.is_consumed(code(head.seq).pass_id, head.seq)
    with pytest.raises(JournalFull):
        journal.append(big)
    assert journal.trim(at(1e9).wall) == 0  # nothing acknowledged: nothing may go
    journal.acknowledge(head.epoch, head.seq - 1, None)
    assert journal.trim(at(1e9).wall) == head.seq - 1
    assert not journal.room().is_short
    assert journal.append(big).prev == head.hash
    journal.close()
    assert verify(path).is_whole


def test_read_only_journal_is_unavailable_and_recovers(path: Path) -> None:
    journal = Journal.open(path, DEVICE)
    journal._file.writer.execute("PRAGMA query_only=ON")  # SQLITE_READONLY, as from a card that went read-only
    with pytest.raises(JournalUnavailable):
        journal.append(body(1))
    journal._file.writer.execute("PRAGMA query_only=OFF")
    assert journal.append(body(1)).seq == 1
    journal.close()


def test_failing_write_is_unavailable_or_full_and_the_next_one_works(path: Path) -> None:
    journal = filled(path, 3)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_200, hard))  # a write beyond fails with EFBIG
    try:
        with pytest.raises((JournalUnavailable, JournalFull)):
            journal.append(body(4))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert journal.head().seq == 3
    assert journal.append(body(4)).seq == 4
    journal.close()
    assert verify(path).is_whole


def test_missing_folder_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(JournalUnavailable):
        Journal.open(tmp_path / "nowhere" / "gate.journal", DEVICE)


def test_mark_moves_the_cursor_forwards_and_back(path: Path) -> None:
    journal = filled(path, 5)
    epoch, hashes = journal.head().epoch, [envelope.hash for envelope in journal.read(1, 5)]
    assert journal.acknowledge(epoch, 4, hashes[3]) is AckOutcome.ADVANCED
    assert journal.acknowledge(epoch, 4, hashes[3]) is AckOutcome.UNCHANGED
    assert journal.acknowledge(epoch, 2, hashes[1]) is AckOutcome.STEPPED_BACK
    assert journal.acknowledge(epoch, 3, hashes[3]) is AckOutcome.CONFLICT
    assert journal.acknowledge(epoch, 6, None) is AckOutcome.AHEAD
    assert journal.acknowledge(DeviceId("f" * 16), 1, None) is AckOutcome.UNKNOWN_EPOCH
    assert (journal.acked_seq(), journal.backlog()) == (2, 3)
    journal.close()
    again = Journal.open(path, DEVICE)
    assert again.acked_seq() == 2
    again.close()


def test_unacknowledged_records_are_never_trimmed(path: Path) -> None:
    journal = filled(path, 10)
    epoch = journal.head().epoch
    journal.acknowledge(epoch, 6, None)
    assert journal.trim(at(4).wall) == 3  # older than second 4: records 1 to 3
    assert journal.trim(at(1e9).wall) == 3  # 4 to 6; 7 to 10 wait for the centre
    assert [envelope.seq for envelope in journal.read(1, 10)] == [7, 8, 9, 10]
    journal.acknowledge(epoch, 10, None)
    journal.trim(at(1e9).wall)
    assert [envelope.seq for envelope in journal.read(1, 10)] == [10]  # the head stays: the chain goes on from it
    journal.close()
    again = Journal.open(path, DEVICE)
    assert again.append(body(11)).seq == 11
    again.close()
    assert verify(path).is_whole


def test_purged_names_are_gone_from_file_and_log_and_the_chain_is_whole(path: Path) -> None:
    journal = Journal.open(path, DEVICE)
    journal.append(body(1), personal="Zhang San 13800000000")
    journal.append(body(2), personal="stays with us")
    files = [path, Path(f"{path}-wal")]
    assert any(b"Zhang San" in file.read_bytes() for file in files)
    assert journal.purge_personal(journal.head().epoch, 1) == 1
    assert not any(b"Zhang San" in file.read_bytes() for file in files if file.exists())
    assert journal.read(1, 1)[0].personal is None
    assert journal.read(2, 1)[0].personal == "stays with us"
    journal.close()
    assert verify(path).is_whole


def test_gap_is_journalled_once(path: Path) -> None:
    journal = filled(path, 3)
    epoch = journal.head().epoch
    gap = journal.range_gone(epoch, 1, 2, "trimmed", at())
    assert gap.seq == 4
    assert '"from":1' in gap.body
    assert journal.range_gone(epoch, 1, 2, "trimmed", at(5)) == gap
    assert journal.range_gone(epoch, 1, 3, "trimmed", at(5)).seq == 5
    journal.close()


def test_forked_epoch_is_carried_forward_once(path: Path) -> None:
    journal = filled(path, 450)
    old = journal.head().epoch
    journal.acknowledge(old, 10, None)
    assert journal.carry_forward(old) == 440
    assert journal.carry_forward(old) == 0
    assert journal.head().epoch != old
    assert journal.head().seq == 440
    first = journal.read(1, 1)[0]
    assert f'"copy_of":{{"epoch":"{old}","seq":11}}' in first.body
    assert [state.acked_seq for state in journal.epochs()] == [450, 0]
    journal.close()
    assert verify(path).is_whole


_FSYNC_SCRIPT = textwrap.dedent(
    """
    import os, sys
    from pathlib import Path
    sys.path[:0] = [sys.argv[3], sys.argv[4]]
    from journal_kit import DEVICE, body, code
    from journal.store import Journal
    journal = Journal.open(Path(sys.argv[1]), DEVICE)
    os.write(2, b"appends begin\\n")
    for number in range(int(sys.argv[2])):
        journal.append(body(number), personal="x", consume=[code(journal.head().seq)], state={"last": str(number)})
    os.write(2, b"appends end\\n")
    if sys.argv[5] == "maintain":
        journal.maintain()
        os.write(2, b"appends begin\\n")
        journal.append(body(1))
        os.write(2, b"appends end\\n")
    os._exit(0)
    """
)


def _fsyncs(path: Path, appends: int, then: str) -> int:
    """Count fsync and fdatasync between the marks, by strace."""
    arguments = [str(path), str(appends), str(ROOT), str(Path(__file__).parent), then]
    trace = path.parent / "trace"
    subprocess.run(
        [
            *("strace", "-f", "-o", str(trace), "-e", "trace=fsync,fdatasync,write"),
            *(sys.executable, "-c", _FSYNC_SCRIPT),
            *arguments,
        ],
        check=True,
        timeout=60,
        capture_output=True,
    )
    count, is_inside = 0, False
    for line in trace.read_text(errors="replace").splitlines():
        if "appends begin" in line or "appends end" in line:
            is_inside = "appends begin" in line
        elif is_inside and ("fsync(" in line or "fdatasync(" in line):
            count += 1
    return count


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_one_append_is_exactly_one_fsync(path: Path) -> None:
    assert _fsyncs(path, 25, "end") == 25
    assert _fsyncs(path, 25, "end") == 25  # the same on an existing file


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_maintenance_pays_for_the_new_log_so_that_the_next_append_is_one_fsync(path: Path) -> None:
    assert _fsyncs(path, 10, "maintain") == 11


def test_without_maintenances_own_commit_the_next_append_would_change_the_logs_header(path: Path) -> None:
    """Ablation: a bare checkpoint leaves the cost of the new header to the next append."""
    journal = filled(path, 3)
    wal = Path(f"{path}-wal")
    header = wal.read_bytes()[:32]
    journal.maintain()
    after_maintenance = wal.read_bytes()[:32]
    assert after_maintenance != header
    journal.append(body(4))
    assert wal.read_bytes()[:32] == after_maintenance
    with journal._file.writing(may_shrink=True):
        journal._file.checkpoint("PASSIVE")
    journal.append(body(5))
    assert wal.read_bytes()[:32] != after_maintenance
    journal.close()


def _steps(connection: sqlite3.Connection, ask: Callable[[], object]) -> int:
    """How many steps SQLite takes for what is asked, in tens."""
    count = 0

    def step() -> int:
        nonlocal count
        count += 1
        return 0

    connection.set_progress_handler(step, 10)
    ask()
    connection.set_progress_handler(None, 10)
    return count


def test_a_long_journal_says_as_quickly_how_far_it_is_as_a_short_one(tmp_path: Path) -> None:
    """The publisher asks at every record: a day's backlog must not be read for it, nor an append wait for a trim."""
    steps = []
    for count in (3, 300):
        journal = filled(tmp_path / f"{count}.journal", count)
        (state,) = journal.epochs()
        assert (state.first_seq, state.head_seq) == (1, count)
        steps.append(
            (
                _steps(journal._file.reader, journal.epochs),
                _steps(journal._file.writer, partial(journal.trim, at().wall)),
            )
        )
        journal.close()
    assert steps[0] == steps[1]


def test_reader_cannot_write(path: Path) -> None:
    journal = filled(path, 1)
    with pytest.raises(sqlite3.OperationalError):
        journal._file.reader.execute("DELETE FROM records")
    journal.close()
