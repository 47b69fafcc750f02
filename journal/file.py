"""The journal's open file: its connections, the lock beside it, and the proof before and after each write.

Rules. `writing` proves before and after that the files under the name are ours and untouched (journal.presence).
`move` leaves a file that is lost. A removed or replaced one is still readable through the open connection. A changed
one is renamed first: when the last connection closes, SQLite copies a log's frames into the file without looking at
them, and deletes the log by its name, unless it sees that its file has moved.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from journal.errors import JournalLost
from journal.lock import lock_beside
from journal.presence import Presence, look, prove_grown, prove_same_files, prove_untouched
from journal.salvage import NEW_ENDING, SALVAGE_ENDING, beside, put_aside, remove_with_side_files, sync
from journal.schema import connect_reader, connect_writer, sorted_errors

_T = TypeVar("_T")


class OpenFile:
    """Writer, reader and lock of one journal. Under the caller's locks."""

    def __init__(self, path: Path, *, max_bytes: int) -> None:
        """Raises JournalDamaged, JournalUnavailable or JournalBusy."""
        self.path = path
        self._max_bytes = max_bytes
        self._left_behind: Path | None = None
        self._presence: Presence
        with ExitStack() as opened:
            self._lock_file = opened.enter_context(lock_beside(path))
            self._connect()
            opened.pop_all()

    def close(self) -> None:
        """Let go of the file; one that was touched is put aside as it is, so that SQLite does not work on it."""
        try:
            with sorted_errors(self.path), suppress(JournalLost):
                self.prove()
                self._close_connections()
                return
            with sorted_errors(self.path):
                put_aside(self.path)
        finally:
            self._close_connections()
            self._lock_file.close()

    def prove(self) -> None:
        """Raise JournalLost unless the files are as this process left them."""
        prove_untouched(self.path, self._presence)

    @contextmanager
    def writing(self, *, may_shrink: bool = False) -> Iterator[sqlite3.Connection]:
        """Write inside; the files are proven before and after. may_shrink: a checkpoint, which cuts the log itself.

        After JournalLost at the end something may stand in the lost file that was reported as not written: `move`
        with the head that was known leaves it behind.
        """
        with sorted_errors(self.path):
            self.prove()
            before = self._presence
            try:
                yield self.writer
            except BaseException:
                with suppress(JournalLost, OSError):
                    now = look(self.path)
                    prove_same_files(self.path, before, now)
                    self._presence = now  # what a failed write left in the log is ours
                raise
            now = look(self.path)
            (prove_same_files if may_shrink else prove_grown)(self.path, before, now)
            self._presence = now

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Commit what happens inside, or nothing of it."""
        with self.writing() as writer:
            writer.execute("BEGIN IMMEDIATE")
            try:
                yield writer
                writer.execute("COMMIT")
            except BaseException:
                if writer.in_transaction:
                    writer.execute("ROLLBACK")
                raise

    def checkpoint(self, mode: str) -> None:
        """Copy the log into the file; inside `writing(may_shrink=True)`."""
        self.writer.execute(f"PRAGMA wal_checkpoint({mode})").fetchall()

    def move(self, fill: Callable[[sqlite3.Connection, Path], _T]) -> _T:
        """Put aside what stands under the name and go on in a file that `fill` makes from a connection to the old.

        Raises JournalError, and then nothing that can still be read was given up: call again.
        """
        with sorted_errors(self.path):
            self._lock_again()
            new = beside(self.path, NEW_ENDING)
            remove_with_side_files(new)
            if self._left_behind is None and self._is_ours_but_changed():
                self._left_behind = put_aside(self.path)
                self._close_connections()
            if self._left_behind is None:
                filled = fill(self.reader, new)
            else:
                with closing(sqlite3.connect(self._left_behind, isolation_level=None)) as source:
                    filled = fill(source, new)
            sync(new)
            complete = new.rename(beside(self.path, SALVAGE_ENDING))  # from here on the next start would finish it
            put_aside(self.path)
            self._close_connections()
            complete.rename(self.path)
            sync(self.path.parent)
            self._connect()
            self._left_behind = None
            return filled

    def _connect(self) -> None:
        with ExitStack() as opened:
            self.writer = opened.enter_context(closing(connect_writer(self.path, max_bytes=self._max_bytes)))
            self.reader = opened.enter_context(closing(connect_reader(self.path)))
            with sorted_errors(self.path):
                self._presence = look(self.path)
            opened.pop_all()

    def _close_connections(self) -> None:
        self.reader.close()
        self.writer.close()

    def _is_ours_but_changed(self) -> bool:
        try:
            prove_same_files(self.path, self._presence, look(self.path))
        except JournalLost:
            return False
        return True

    def _lock_again(self) -> None:
        # The lock may have been removed with the rest: another process could hold the name by now.
        held = os.fstat(self._lock_file.fileno())
        try:
            named = Path(f"{self.path}.lock").stat()
        except FileNotFoundError:
            named = None
        if named is None or (named.st_dev, named.st_ino) != (held.st_dev, held.st_ino):
            lock_file = lock_beside(self.path)
            self._lock_file.close()
            self._lock_file = lock_file
