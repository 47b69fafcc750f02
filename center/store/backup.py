"""Backup of the centre's database while it runs, and its restoring while it does not.

A backup is one moment of the whole database in one file that needs no log beside it. After a restore nothing has to be
told to the gates: the centre's marks stand where the backup's records end, and each gate sends again from there.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from center.clock import from_ms
from center.errors import BackupRefused
from center.store.lock import database_file, database_held, give_to_owner_of

PARTIAL_ENDING: Final = ".partial"
ASIDE_ENDING: Final = ".before-restore-"
_SIDE_FILES: Final = ("-wal", "-shm")
_BUSY_WAIT_S: Final = 30.0
NOT_A_FILE: Final = (
    "the database is not a file: PostgreSQL makes and restores its own backups "
    "(pg_dump --format=custom, pg_restore --clean --exit-on-error), see docs/operating.md"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupContents:
    """What stands in a backup. newest_at: when its newest record came in; None without a record."""

    file: Path
    size_bytes: int
    records: int
    journals: int
    newest_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What was restored. aside: where the database is now that stood there before; None when there was none."""

    contents: BackupContents
    database: Path
    aside: Path | None


def back_up(url: str, target: Path) -> BackupContents:
    """Write one consistent moment of a database, also of one in use, into a new file, on the disk when this returns.

    Writers are not held up: the log lets one reader look at one moment. Raises BackupRefused.
    """
    source = _existing(url)
    if target.exists():
        raise BackupRefused(f"{target} is there already: name a new file, an older backup is never overwritten")
    if not target.parent.is_dir():
        raise BackupRefused(f"there is no folder {target.parent}: make it, or name another")
    partial = target.with_name(target.name + PARTIAL_ENDING)
    with _in_words(target), _removed_on_failure(partial):
        _make_empty(partial)
        with closing(_reader(source)) as reader, closing(sqlite3.connect(partial)) as writer:
            reader.backup(writer)  # all pages in one step: in several, each commit would begin it anew
            # The file alone, without a log: that is what people copy.
            writer.execute("PRAGMA journal_mode = DELETE").fetchall()
        contents = read_contents(partial)
        _sync(partial)
        partial.rename(target)
        _sync(target.parent)
    return BackupContents(
        file=target,
        size_bytes=contents.size_bytes,
        records=contents.records,
        journals=contents.journals,
        newest_at=contents.newest_at,
    )


def restore(url: str, backup: Path) -> Restored:
    """Put a backup into the database's place; what stood there is put aside, never overwritten.

    Nobody is signed in afterwards. Raises DatabaseHeld while a centre runs on the database, BackupRefused.
    """
    database = database_file(url)
    if database is None:
        raise BackupRefused(NOT_A_FILE)
    if not database.parent.is_dir():
        raise BackupRefused(f"there is no folder {database.parent}: make it, or correct the database URL")
    if database.exists() and backup.exists() and database.samefile(backup):
        raise BackupRefused(f"{backup} is the database itself: name a backup")
    contents = read_contents(backup)
    partial = database.with_name(database.name + PARTIAL_ENDING)
    with database_held(url), _in_words(database), _removed_on_failure(partial):
        _make_empty(partial)
        with closing(_reader(backup)) as reader, closing(sqlite3.connect(partial)) as writer:
            reader.backup(writer)
            with writer:
                writer.execute("DELETE FROM sessions")  # a cookie of that day opens nothing today
        give_to_owner_of(database if database.exists() else database.parent, partial)
        _sync(partial)
        aside = _put_aside(database)
        partial.rename(database)
        _sync(database.parent)
    return Restored(contents=contents, database=database, aside=aside)


def read_contents(file: Path) -> BackupContents:
    """Look into a backup; every page and index is checked. Raises BackupRefused for what is none."""
    if not file.is_file():
        raise BackupRefused(f"there is no file {file}")
    try:
        with closing(_reader(file)) as connection:
            (judged,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
            if judged != "ok":
                raise BackupRefused(f"{file} is damaged ({judged}): take another backup")
            records, newest_ms = connection.execute("SELECT COUNT(*), MAX(received_at_ms) FROM records").fetchone()
            (journals,) = connection.execute("SELECT COUNT(*) FROM chain_heads").fetchone()
            connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.Error as error:
        raise BackupRefused(f"{file} is no backup of a centre ({error}): name another file") from error
    return BackupContents(
        file=file,
        size_bytes=file.stat().st_size,
        records=records,
        journals=journals,
        newest_at=from_ms(newest_ms) if newest_ms is not None else None,
    )


def _existing(url: str) -> Path:
    source = database_file(url)
    if source is None:
        raise BackupRefused(NOT_A_FILE)
    if not source.is_file():
        raise BackupRefused(f"there is no database {source}: check the database URL of the settings")
    return source


def _reader(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=_BUSY_WAIT_S)


def _make_empty(partial: Path) -> None:
    # Names and telephone numbers stand in it: closed to others before the first byte.
    _remove(partial)
    os.close(os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _put_aside(database: Path) -> Path | None:
    if not any(database.with_name(database.name + ending).exists() for ending in ("", *_SIDE_FILES)):
        return None
    number = 1
    while database.with_name(f"{database.name}{ASIDE_ENDING}{number}").exists():
        number += 1
    aside = database.with_name(f"{database.name}{ASIDE_ENDING}{number}")
    for ending in ("", *_SIDE_FILES):
        # A log that stayed would be replayed into the restored file and destroy it.
        named = database.with_name(database.name + ending)
        if named.exists():
            named.rename(aside.with_name(aside.name + ending))
    return aside


def _remove(partial: Path) -> None:
    for ending in ("", "-journal", *_SIDE_FILES):
        partial.with_name(partial.name + ending).unlink(missing_ok=True)


@contextmanager
def _removed_on_failure(partial: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        with suppress(OSError):
            _remove(partial)
        raise


@contextmanager
def _in_words(target: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise BackupRefused(
            f"{target} cannot be written ({error}): check its disk and folder, and try again"
        ) from error


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
