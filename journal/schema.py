"""The journal's file: tables, pragmas, and SQLite's errors sorted into ours."""

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from journal.envelope import Envelope
from journal.errors import JournalDamaged, JournalError, JournalFull, JournalUnavailable
from model.identities import DeviceId, Epoch, Seq

APPLICATION_ID: Final = 0x47484A31  # "GHJ1"
FORMAT: Final = 1
PAGE_BYTES: Final = 4096
WAL_KEPT_BYTES: Final = 1024 * 1024

CACHE_KIB: Final = 512
"""Of pages, per connection: what is read again is at the right edge. SQLite's own 2 MB would fill up within a day."""

# A record's id is its epoch's number and its seq in one integer: a single B-tree, appended at its right edge.
SEQ_BITS: Final = 40

_TABLES: Final = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE epochs(number INTEGER PRIMARY KEY, epoch TEXT NOT NULL UNIQUE, acked_seq INTEGER NOT NULL);
CREATE TABLE records(id INTEGER PRIMARY KEY, prev BLOB NOT NULL, hash BLOB NOT NULL, body TEXT NOT NULL,
                     personal_digest BLOB NOT NULL, salt BLOB, personal TEXT, wall_s INTEGER NOT NULL);
CREATE TABLE consumed(id INTEGER PRIMARY KEY, code BLOB NOT NULL UNIQUE);
CREATE TABLE state(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
# Apart, because older files do not have it: there `consumed` holds what was heard too.
_TABLE_HEARD: Final = "CREATE TABLE IF NOT EXISTS heard(id INTEGER PRIMARY KEY, code BLOB NOT NULL UNIQUE)"

_FULL = frozenset({sqlite3.SQLITE_FULL})
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


def connect_writer(path: Path, *, max_bytes: int, synchronous: str = "FULL") -> sqlite3.Connection:
    """Open the one connection that writes, and make the tables in a new file. Raises JournalError."""
    with sorted_errors(path), _closed_on_error(_connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={synchronous}")
        # A checkpoint inside an append would cost it several fsyncs: maintenance does it.
        connection.execute("PRAGMA wal_autocheckpoint=0")
        # The log keeps this size when it begins anew: overwriting allocated blocks spares the file system its own.
        connection.execute(f"PRAGMA journal_size_limit={WAL_KEPT_BYTES}")
        connection.execute("PRAGMA secure_delete=ON")  # a purged name is overwritten, not only unlinked
        connection.execute("PRAGMA temp_store=MEMORY")
        connection.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
        connection.execute(f"PRAGMA max_page_count={max(max_bytes // PAGE_BYTES, 64)}")
        if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
            connection.executescript(f"BEGIN IMMEDIATE;{_TABLES}PRAGMA application_id={APPLICATION_ID};COMMIT;")
        check_format(connection, path)
        connection.execute(_TABLE_HEARD)
        return connection


def connect_reader(path: Path) -> sqlite3.Connection:
    """Open a connection that cannot write; it may be used by any thread under the caller's lock."""
    with sorted_errors(path), _closed_on_error(_connect(path)) as connection:
        connection.execute("PRAGMA query_only=ON")
        connection.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
        check_format(connection, path)
        return connection


def check_format(connection: sqlite3.Connection, path: Path) -> None:
    """Raise JournalDamaged unless the file is a journal of this format."""
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise JournalDamaged(f"{path} is not a journal")


@contextmanager
def sorted_errors(path: Path) -> Iterator[None]:
    """Turn SQLite's and the file system's errors into JournalFull, JournalUnavailable or JournalDamaged."""
    try:
        yield
    except sqlite3.Error as error:
        raise sort_error(error, path) from error
    except OSError as error:
        raise JournalUnavailable(f"{path}: {error.strerror}: check the card and its mount") from error


def sort_error(error: sqlite3.Error, path: Path) -> JournalError:
    """What the caller does next about an error of SQLite."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF  # the extended codes keep it in the low byte
    if code in _FULL:
        return JournalFull(f"{path}: no room for another record: free the disk or raise the journal's limit")
    if code in _DAMAGED:
        return JournalDamaged(f"{path} is damaged: open it again to salvage what holds")
    return JournalUnavailable(f"{path}: {error}: check the card and its mount")


def record_id(number: int, seq: int) -> int:
    """Id of a record from its epoch's number and its seq."""
    return number << SEQ_BITS | seq


def first_and_last(connection: sqlite3.Connection, number: int) -> tuple[int, int] | None:
    """Ids of an epoch's first and last record, None when it has none; as quick in a long journal as in a short one.

    Asked for together, MIN and MAX would read every row between them: SQLite goes straight to an end for one alone.
    """
    between = f"records WHERE id BETWEEN {record_id(number, 1)} AND {record_id(number, (1 << SEQ_BITS) - 1)}"
    query = f"SELECT (SELECT MIN(id) FROM {between}), (SELECT MAX(id) FROM {between})"
    first, last = connection.execute(query).fetchone()
    return None if first is None else (first, last)


def add_epoch(connection: sqlite3.Connection, number: int, epoch: str, acked_seq: int) -> None:
    """Write an epoch, twice, on two pages: without its epoch no record of a damaged file could prove itself."""
    connection.execute("INSERT INTO epochs VALUES(?,?,?)", (number, epoch, acked_seq))
    connection.execute("INSERT OR REPLACE INTO meta VALUES(?,?)", (f"epoch/{number}", epoch))


def new_epoch() -> Epoch:
    """A random epoch."""
    return Epoch(secrets.token_hex(8))


Row = tuple[int, bytes, bytes, str, bytes, bytes | None, str | None]
INSERT_RECORD: Final = "INSERT INTO records VALUES(?,?,?,?,?,?,?,?)"
COLUMNS: Final = "id, prev, hash, body, personal_digest, salt, personal"


def to_row(envelope: Envelope, number: int, wall_s: int) -> tuple[object, ...]:
    """Write an envelope as a row: COLUMNS and wall_s."""
    return (
        record_id(number, envelope.seq),
        bytes.fromhex(envelope.prev),
        bytes.fromhex(envelope.hash),
        envelope.body,
        bytes.fromhex(envelope.personal_digest),
        bytes.fromhex(envelope.salt) if envelope.salt is not None else None,
        envelope.personal,
        wall_s,
    )


def from_row(row: Row, device: DeviceId, epoch: Epoch) -> Envelope:
    """Read a row back as its envelope."""
    row_id, prev, digest, body, personal, salt, personal_text = row
    return Envelope(
        device=device,
        epoch=epoch,
        seq=Seq(row_id & ((1 << SEQ_BITS) - 1)),
        prev=prev.hex(),
        hash=digest.hex(),
        body=body,
        personal_digest=personal.hex(),
        salt=salt.hex() if salt is not None else None,
        personal=personal_text,
    )


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5.0, cached_statements=32)


@contextmanager
def _closed_on_error(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    # Left to the garbage collector, it could write its log into a file that was put aside meanwhile.
    try:
        yield connection
    except BaseException:
        connection.close()
        raise
