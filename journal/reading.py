"""Read a journal file and change nothing: in use, after a power cut, or on a medium that cannot be written."""

import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar

from journal.envelope import Envelope
from journal.errors import JournalDamaged
from journal.schema import COLUMNS, SEQ_BITS, check_format, from_row, record_id, sorted_errors
from model.identities import DeviceId, Epoch

ResultT = TypeVar("ResultT")


def read_quietly(path: Path, use: Callable[[sqlite3.Connection], ResultT]) -> ResultT:
    """What `use` makes of one snapshot of a journal's file; nothing is changed, and a writer goes on meanwhile.

    It may be called a second time, when somebody begins to write during the first. Raises JournalDamaged when the file
    cannot be read to its end, JournalUnavailable when the medium fails.
    """
    if not path.is_file():
        raise JournalDamaged(f"{path} is not there: name a journal's file")
    with sorted_errors(path):
        log = _log_of(path)
        if not _has_pages(log):
            result = _read(path, "immutable=1", use)
            if not _has_pages(log):
                return result
            # Somebody began to write meanwhile: read once more, as a neighbour.
        try:
            if _beside(path, "-shm").exists():
                return _read(path, "mode=ro", use)
        except sqlite3.OperationalError:
            if not _has_pages(log):
                raise
        # A log that nobody has open, as after a power cut. Opened here it would need a file beside it, which a
        # read-only medium refuses and which would stay behind on any other.
        with _copied(path) as copy:
            return _read(copy, "mode=rw", use)


def owner_of(connection: sqlite3.Connection, path: Path) -> DeviceId:
    """Whose journal it is. Raises JournalDamaged when it does not say."""
    owner = connection.execute("SELECT value FROM meta WHERE key='device'").fetchone()
    if owner is None:
        raise JournalDamaged(f"{path} does not say whose journal it is: keep it as it is, and ask the maintainers")
    return DeviceId(owner[0])


def every_record(path: Path) -> list[Envelope]:
    """All records of a journal's file, in their order. Raises as `read_quietly`."""
    return read_quietly(path, lambda connection: list(_records(connection, path)))


def _records(connection: sqlite3.Connection, path: Path) -> Iterator[Envelope]:
    device = owner_of(connection, path)
    epochs = dict(connection.execute("SELECT number, epoch FROM epochs").fetchall())
    for number, epoch in sorted(epochs.items()):
        bounds = (record_id(number, 1), record_id(number, (1 << SEQ_BITS) - 1))
        for row in connection.execute(f"SELECT {COLUMNS} FROM records WHERE id BETWEEN ? AND ? ORDER BY id", bounds):
            yield from_row(row, device, Epoch(epoch))


def _read(path: Path, how: str, use: Callable[[sqlite3.Connection], ResultT]) -> ResultT:
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?{how}", uri=True, isolation_level=None)) as connection:
        check_format(connection, path)
        connection.execute("BEGIN")  # one snapshot while the writer goes on
        return use(connection)


@contextmanager
def _copied(path: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="gatehouse-verify-") as folder:
        copy = Path(folder) / path.name
        shutil.copyfile(path, copy)
        shutil.copyfile(_log_of(path), _log_of(copy))
        yield copy


def _log_of(path: Path) -> Path:
    return _beside(path, "-wal")


def _beside(path: Path, ending: str) -> Path:
    resolved = path.resolve()
    return resolved.with_name(resolved.name + ending)


def _has_pages(log: Path) -> bool:
    try:
        return log.stat().st_size > 0
    except FileNotFoundError:
        return False
