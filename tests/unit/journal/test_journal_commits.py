"""The commit thread: in order, never blocking, answering when it is full."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from journal_kit import DEVICE, Answers, body, code

import journal.commits
from journal.commits import Commits
from journal.envelope import Envelope
from journal.errors import AlreadyConsumed, JournalBusy, RecordInvalid
from journal.facts import Room
from journal.schema import WAL_KEPT_BYTES
from journal.store import Journal


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Journal]:
    store = Journal.open(tmp_path / "gate.journal", DEVICE)
    yield store
    store.close()


def test_records_are_committed_in_order_and_answered(store: Journal) -> None:
    woken, answers = threading.Event(), Answers()
    commits = Commits(store, on_appended=woken.set)
    commits.start()
    for number in range(20):
        commits.submit(body(number), None, (), answers)
    seqs = [envelope.seq for envelope in (answers.take() for _ in range(20)) if isinstance(envelope, Envelope)]
    assert seqs == list(range(1, 21))
    assert woken.is_set()
    commits.stop()


def test_errors_are_answers_and_the_thread_goes_on(store: Journal) -> None:
    answers, commits = Answers(), Commits(store)
    commits.start()
    commits.submit(body(1), None, [code(1)], answers)
    commits.submit(body(2), None, [code(1)], answers)
    commits.submit(body(3), None, [code(2)], answers)
    assert isinstance(answers.take(), Envelope)
    assert isinstance(answers.take(), AlreadyConsumed)
    assert isinstance(answers.take(), Envelope)
    commits.stop()


def test_callback_that_raises_does_not_end_the_thread(store: Journal, caplog: pytest.LogCaptureFixture) -> None:
    answers, commits = Answers(), Commits(store)
    commits.start()
    commits.submit(body(1), None, (), lambda answer: 1 / 0)  # type: ignore[arg-type, return-value]
    commits.submit(body(2), None, (), answers)
    assert isinstance(answers.take(), Envelope)
    commits.stop()
    assert "journal_callback_failed" in caplog.text


def test_body_that_can_not_be_made_is_answered_and_does_not_end_the_thread(store: Journal) -> None:
    answers, commits = Answers(), Commits(store)
    commits.start()
    commits.submit(lambda: {"v": 1 // 0}, None, (), answers)
    commits.submit(body(2), None, (), answers)
    assert isinstance(answers.take(), RecordInvalid)
    assert isinstance(answers.take(), Envelope)
    commits.stop()


def test_full_queue_answers_at_once(store: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal.commits, "MAX_WAITING", 2)
    answers, commits = Answers(), Commits(store)  # not started: the disk that never answers
    for number in range(3):
        commits.submit(body(number), None, (), answers)
    assert isinstance(answers.take(), JournalBusy)
    assert answers.is_empty()


def test_stop_does_not_wait_for_ever_behind_a_full_queue(store: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal.commits, "MAX_WAITING", 1)
    commits = Commits(store)  # not started: the disk that never answers
    commits.submit(body(1), None, (), Answers())
    stopping = threading.Thread(target=lambda: commits.stop(join_within_s=0.05), daemon=True)
    stopping.start()
    stopping.join(10)
    assert not stopping.is_alive()


def test_stop_commits_what_waits(store: Journal) -> None:
    answers, commits = Answers(), Commits(store)
    for number in range(10):
        commits.submit(body(number), None, (), answers)
    commits.start()
    commits.stop()
    assert store.head().seq == 10


def maintained(store: Journal) -> list[int]:
    """What is left of two acknowledged records of long ago, and two more, after a maintenance between the two."""
    store.append(body(1))
    store.append(body(2))
    store.acknowledge(store.head().epoch, 2, None)
    answers, commits = Answers(), Commits(store, maintenance_interval_s=0.0)
    commits.start()
    for number in (3, 4):
        commits.submit(body(number), None, (), answers)
        answers.take()
    commits.stop()
    return [envelope.seq for envelope in store.read(1, 10)]


def test_maintenance_deletes_nothing_by_a_clock_that_nobody_may_trust(store: Journal) -> None:
    assert maintained(store) == [1, 2, 3, 4]


def test_short_of_room_acknowledged_records_go_before_their_time(
    store: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = Room(used_bytes=9, max_bytes=10, disk_free_bytes=1, used_fraction=0.9)
    monkeypatch.setattr(store, "room", lambda: full)
    assert maintained(store) == [3, 4]


def test_long_log_is_cut_by_maintenance_so_that_it_does_not_run_after_every_record(store: Journal) -> None:
    large = body(1) | {"text": "x" * 30_000}
    while store.wal_bytes() < 2 * WAL_KEPT_BYTES:
        store.append(large)
    store.maintain()
    assert store.wal_bytes() <= WAL_KEPT_BYTES
