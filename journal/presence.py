"""Whether the files under the journal's name are still those that are open, and as we left them.

SQLite goes on writing to a file that was removed, and past the hole in a log that was cut, and reports success. One
process writes these files, so between two of its writes nothing about them may change: a few `stat` calls show it.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from journal.errors import JournalLost

_NAMES = ("", "-wal", "-shm", ".lock")


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """The files by device and inode, in the order of _NAMES, and length and time of change of the file and its log."""

    identities: tuple[tuple[int, int], ...]
    file_bytes: int
    file_changed_ns: int
    log_bytes: int
    log_changed_ns: int


def look(path: Path) -> Presence:
    """Look at the files now. Raises JournalLost when one of them is gone."""
    name = os.fspath(path)
    try:
        file, log, index, lock = (os.stat(name + ending) for ending in _NAMES)
    except FileNotFoundError as error:
        raise JournalLost(
            f"{error.filename} is gone while in use: a new file is begun; find out who removed it"
        ) from error
    return Presence(
        identities=tuple((found.st_dev, found.st_ino) for found in (file, log, index, lock)),
        file_bytes=file.st_size,
        file_changed_ns=file.st_mtime_ns,
        log_bytes=log.st_size,
        log_changed_ns=log.st_mtime_ns,
    )


def prove_untouched(path: Path, left: Presence) -> None:
    """Raise JournalLost unless the files are as they were left, in length and time of change too."""
    now = look(path)
    if now == left:
        return
    prove_same_files(path, left, now)
    if (now.log_bytes, now.log_changed_ns) != (left.log_bytes, left.log_changed_ns):
        raise JournalLost(
            f"{path}-wal was cut or changed by another program ({left.log_bytes} bytes, now {now.log_bytes}): "
            "a new file is begun; find out who did it"
        )
    raise JournalLost(f"{path} was changed by another program: a new file is begun; find out who did it")


def prove_same_files(path: Path, left: Presence, now: Presence) -> None:
    """Raise JournalLost when another file stands under one of the names."""
    for ending, before, after in zip(_NAMES, left.identities, now.identities, strict=True):
        if before != after:
            raise JournalLost(f"{path}{ending} was replaced while in use: a new file is begun; find out who did it")


def prove_grown(path: Path, left: Presence, now: Presence) -> None:
    """Raise JournalLost when the log is shorter than before an append, or not the same file: its record is not safe."""
    prove_same_files(path, left, now)
    if now.log_bytes < left.log_bytes:
        raise JournalLost(f"{path}-wal was cut while a record was written: a new file is begun; find out who did it")
