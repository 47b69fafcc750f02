"""Used codes: asked without ever waiting for the disk, own ones never displaced, a code granted twice is told."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from journal_kit import DEVICE, body, code

import journal.consumed
from journal.consumed import MAX_HEARD, MAX_OWN, ConsumedCodes, code_key
from journal.errors import AlreadyConsumed, JournalUnavailable
from journal.store import Journal
from model.records import ConsumedCode

AT_ONCE_S = 5.0  # far more than it takes; a call that waits for the hung disk never ends


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "gate.journal"


def _ends(action: Callable[[], object], within_s: float = AT_ONCE_S) -> bool:
    ended = threading.Event()

    def run() -> None:
        action()
        ended.set()

    thread = threading.Thread(target=run, daemon=True)
    _started.append(thread)
    thread.start()
    return ended.wait(within_s)


_started: list[threading.Thread] = []
"""Calls that were still waiting; they end before their journal is closed."""


@contextmanager
def _disk_that_hangs(journal: Journal) -> Iterator[threading.Event]:
    """A commit in another thread that does not come back from SQLite until the end."""
    is_inside, may_go_on = threading.Event(), threading.Event()

    def hang(sql: str) -> None:
        if sql == "COMMIT":
            is_inside.set()
            may_go_on.wait(60)

    journal._file.writer.set_trace_callback(hang)
    thread = threading.Thread(target=lambda: journal.append(body(1), consume=[code(1)]), daemon=True)
    thread.start()
    assert is_inside.wait(10)
    try:
        yield is_inside
    finally:
        may_go_on.set()
        for each in (thread, *_started):
            each.join(10)
        _started.clear()
        journal._file.writer.set_trace_callback(None)


def test_what_the_inbox_calls_returns_at_once_while_a_commit_hangs(path: Path) -> None:
    journal = Journal.open(path, DEVICE)
    with _disk_that_hangs(journal):
        assert not _ends(journal.maintain, 0.2)  # the writer's lock is really held
        assert _ends(lambda: journal.note_used(code(9)))
        assert _ends(lambda: journal.is_consumed(code(9).pass_id, 9))
        assert _ends(journal.head)
        assert journal.is_consumed(code(9).pass_id, 9)
    assert journal.is_consumed(code(1).pass_id, 1)
    journal.close()


def test_with_the_writers_lock_around_it_noting_a_code_would_wait_for_the_disk(path: Path) -> None:
    """Ablation: the codes share the lock that is held across the disk."""
    journal = Journal.open(path, DEVICE)
    journal._codes._lock = journal._lock  # type: ignore[assignment]
    with _disk_that_hangs(journal):
        assert not _ends(lambda: journal.note_used(code(9)), 0.5)
    journal.close()


def test_codes_heard_from_other_gates_survive_a_restart_after_maintenance(path: Path) -> None:
    journal = Journal.open(path, DEVICE)
    assert journal.note_used(code(9)) is False
    assert journal.is_consumed(code(9).pass_id, 9)
    with pytest.raises(AlreadyConsumed):
        journal.append(body(1), consume=[code(9)])
    journal.maintain()
    assert journal._codes.unsaved() == []
    journal.close()
    again = Journal.open(path, DEVICE)
    assert again.is_consumed(code(9).pass_id, 9)
    assert again.note_used(code(9)) is False  # heard again is no conflict
    again.close()


def test_old_own_codes_are_forgotten_by_count_not_by_clock(path: Path) -> None:
    journal = Journal.open(path, DEVICE)
    journal.append(body(1), consume=[code(step) for step in range(MAX_OWN)])
    journal.append(body(2), consume=[code(-5)])
    for _ in range(2):
        assert not journal.is_consumed(code(0).pass_id, 0)
        assert journal.is_consumed(code(-5).pass_id, -5)
        assert journal.is_consumed(code(1).pass_id, 1)
        journal.maintain()
        journal.close()
        journal = Journal.open(path, DEVICE)
    journal.close()


def _flood(journal: Journal) -> None:
    journal.append(body(1), consume=[code(7)])
    for step in range(MAX_HEARD + 10):
        journal.note_used(code(step, "f" * 16))
    journal.maintain()
    journal.close()


def test_flood_of_heard_codes_never_displaces_a_code_granted_here(path: Path) -> None:
    _flood(Journal.open(path, DEVICE))
    again = Journal.open(path, DEVICE)
    assert again.is_consumed(code(7).pass_id, 7)
    with pytest.raises(AlreadyConsumed):
        again.append(body(2), consume=[code(7)])
    assert not again.is_consumed(code(0, "f" * 16).pass_id, 0)  # the heard ones are bounded
    assert again.is_consumed(code(MAX_HEARD, "f" * 16).pass_id, MAX_HEARD)
    own, heard = again._codes.everything()
    assert (len(own), len(heard)) == (1, MAX_HEARD)
    again.close()


def test_in_one_common_memory_the_flood_would_let_a_granted_code_be_used_again() -> None:
    """Ablation: own and heard codes in the same bounded memory."""
    codes = ConsumedCodes()
    codes._own = codes._heard
    codes.grant(codes.claim([code(7)]))
    for step in range(MAX_HEARD):
        codes.note(code_key("f" * 16, step))
    assert not codes.holds(code_key(code(7).pass_id, 7))


def test_code_that_two_gates_granted_is_told(path: Path) -> None:
    journal = Journal.open(path, DEVICE)
    journal.append(body(1), consume=[code(7)])
    assert journal.note_used(code(7)) is True
    assert journal.note_used(code(8)) is False
    journal.close()
    again = Journal.open(path, DEVICE)
    assert again.note_used(code(7)) is True
    again.close()


def test_code_that_is_heard_while_its_own_grant_is_being_written_is_a_conflict(path: Path) -> None:
    journal = Journal.open(path, DEVICE)
    with _disk_that_hangs(journal):
        assert journal.note_used(code(1)) is True
    journal.close()


def test_code_of_a_refused_append_is_unused(path: Path) -> None:
    journal = Journal.open(path, DEVICE)
    journal._file.writer.execute("PRAGMA query_only=ON")
    with pytest.raises(JournalUnavailable):
        journal.append(body(1), consume=[code(1)])
    journal._file.writer.execute("PRAGMA query_only=OFF")
    assert not journal.is_consumed(code(1).pass_id, 1)
    assert journal.append(body(1), consume=[code(1)]).seq == 1
    journal.close()


def test_file_of_an_earlier_version_is_opened_and_its_codes_count_as_own(path: Path) -> None:
    journal = Journal.open(path, DEVICE)
    journal.append(body(1), consume=[code(7)])
    journal.close()
    connection = sqlite3.connect(path)
    connection.execute("DROP TABLE heard")
    connection.close()
    again = Journal.open(path, DEVICE)
    assert again.note_used(ConsumedCode(pass_id=code(7).pass_id, step=7)) is True
    again.close()


def test_unsaved_codes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal.consumed, "MAX_HEARD", 3)
    codes = ConsumedCodes()
    for step in range(10):
        codes.note(code_key("f" * 16, step))
    assert codes.unsaved() == [code_key("f" * 16, step) for step in (7, 8, 9)]
