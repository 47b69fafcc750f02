"""Salvage: carry the sound records of a damaged journal over into a new file; the old file is kept aside.

Steps, each safe to be cut by a power loss: fill `NAME.salvage`; rename NAME to `NAME.damaged-N` with its log; rename
`NAME.salvage` to NAME. While NAME exists, a `.salvage` file is unfinished; once NAME is gone, it is complete.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from journal.body import recorded_wall_s
from journal.envelope import Envelope
from journal.facts import Head
from journal.schema import (
    COLUMNS,
    INSERT_RECORD,
    SEQ_BITS,
    add_epoch,
    connect_writer,
    from_row,
    new_epoch,
    record_id,
    sorted_errors,
    to_row,
)
from model.identities import DeviceId, Epoch, Seq

_SIDE_FILES: Final = ("-wal", "-shm")
SALVAGE_ENDING: Final = ".salvage"
NEW_ENDING: Final = ".new"
"""A file that is still being filled, whether or not NAME exists; worth nothing to the next start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LostRange:
    """Records of an epoch that are missing between sound ones."""

    epoch: Epoch
    from_seq: Seq
    to_seq: Seq


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a process still knows of a file that it lost: its head, the codes it granted and those it heard of."""

    head: Head
    own: list[bytes]
    heard: list[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class SalvageReport:
    """What was carried over. The tail behind an epoch's last sound record is not known here; the centre knows it."""

    kept_aside: Path
    records: int
    lost: tuple[LostRange, ...]


def salvage(path: Path, device: DeviceId) -> SalvageReport:
    """Replace a damaged journal by a new file with its sound records and a new, empty epoch.

    Raises JournalFull or JournalUnavailable when the new file cannot be written; the old one is then still in place.
    """
    fresh = beside(path, SALVAGE_ENDING)
    remove_with_side_files(fresh)
    with sorted_errors(path):
        with closing(sqlite3.connect(path, isolation_level=None)) as source:
            records, lost = carry_over(source, fresh, device)
        sync(fresh)
        aside = put_aside(path)
        fresh.rename(path)
        sync(path.parent)
    return SalvageReport(kept_aside=aside, records=records, lost=lost)


def finish_interrupted(path: Path) -> None:
    """Finish, or undo, a salvage that a power cut interrupted. Called before every opening."""
    fresh = beside(path, SALVAGE_ENDING)
    with sorted_errors(path):
        remove_with_side_files(beside(path, NEW_ENDING))
        if not fresh.exists():
            return
        if path.exists():
            remove_with_side_files(fresh)
            return
        # A log that was left behind belongs to the damaged file; replayed into the new one it would destroy it.
        put_aside(path)
        fresh.rename(path)
        sync(path.parent)


def carry_over(
    source: sqlite3.Connection, fresh: Path, device: DeviceId, known: Known | None = None
) -> tuple[int, tuple[LostRange, ...]]:
    """Fill a new file with the sound records of an old one and a new, empty epoch. Returns how many, and the holes.

    known: what the process still knows of the old file, and then nothing beyond its head is carried over: an append
    that was answered with an error must not become a record.
    """
    count = 0
    lost: list[LostRange] = []
    with closing(connect_writer(fresh, max_bytes=1 << 62)) as target:
        target.execute("BEGIN IMMEDIATE")
        target.execute("INSERT INTO meta VALUES('device', ?)", (device,))
        number = 0
        for number, (epoch, acked_seq, envelopes) in enumerate(_sound_epochs(source, device), start=1):
            add_epoch(target, number, epoch, acked_seq)
            before: Envelope | None = None
            for envelope in envelopes:
                if known is not None and epoch == known.head.epoch and envelope.seq > known.head.seq:
                    break
                if before is not None and envelope.seq > before.seq + 1:
                    lost.append(LostRange(epoch=epoch, from_seq=Seq(before.seq + 1), to_seq=Seq(envelope.seq - 1)))
                row = to_row(envelope, number, recorded_wall_s(envelope.body))
                target.execute(INSERT_RECORD, row)
                before = envelope
                count += 1
        # The damaged file may have lost its tail: its last epoch must not go on under seqs that were used.
        add_epoch(target, number + 1, new_epoch(), 0)
        _copy_state(source, target)
        for table, codes in _codes_of(source) if known is None else (("consumed", known.own), ("heard", known.heard)):
            target.executemany(f"INSERT OR IGNORE INTO {table}(code) VALUES(?)", [(code,) for code in codes])
        target.execute("COMMIT")
        target.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return count, tuple(lost)


def put_aside(path: Path) -> Path:
    """Rename what stands under a journal's name, and its log, to `NAME.damaged-N`. Returns that name."""
    number = 1
    while any(beside(path, f".damaged-{number}{ending}").exists() for ending in ("", *_SIDE_FILES)):
        number += 1
    aside = beside(path, f".damaged-{number}")
    for ending in ("", *_SIDE_FILES):
        if beside(path, ending).exists():
            beside(path, ending).rename(beside(aside, ending))
    return aside


def remove_with_side_files(path: Path) -> None:
    """Remove an unfinished file."""
    for ending in ("", *_SIDE_FILES):
        beside(path, ending).unlink(missing_ok=True)


def beside(path: Path, ending: str) -> Path:
    """A name that begins with a journal's."""
    return path.with_name(path.name + ending)


def sync(path: Path) -> None:
    """Bring a file or a folder to the disk. Not for a database that this process has open: closing would unlock it."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sound_epochs(source: sqlite3.Connection, device: DeviceId) -> Iterator[tuple[Epoch, int, Iterator[Envelope]]]:
    for number, epoch in sorted(_epoch_names(source).items()):
        acked = _rows(source, "SELECT acked_seq FROM epochs WHERE number=?", (number,))
        acked_seq = acked[0][0] if acked and isinstance(acked[0][0], int) else 0
        yield Epoch(epoch), acked_seq, _sound_records(source, device, Epoch(epoch), number)


def _epoch_names(source: sqlite3.Connection) -> dict[int, str]:
    # The epochs stand in two tables, thus on two pages: without its epoch no record can prove itself.
    names: dict[int, str] = {}
    for key, value in _rows(source, "SELECT key, value FROM meta WHERE key LIKE 'epoch/%'", ()):
        names[int(str(key).removeprefix("epoch/"))] = str(value)
    for number, epoch in _rows(source, "SELECT number, epoch FROM epochs", ()):
        if isinstance(number, int) and isinstance(epoch, str) and len(epoch) == 16:
            names[number] = epoch
    return names


def _sound_records(source: sqlite3.Connection, device: DeviceId, epoch: Epoch, number: int) -> Iterator[Envelope]:
    """Records whose own hash holds, in order: from the front until a page is unreadable, then what lies behind it."""
    low, high = record_id(number, 1), record_id(number, (1 << SEQ_BITS) - 1)
    last = low - 1
    try:
        for row in source.execute(f"SELECT {COLUMNS} FROM records WHERE id BETWEEN ? AND ? ORDER BY id", (low, high)):
            last = row[0]
            if (envelope := _sound(row, device, epoch)) is not None:
                yield envelope
    except sqlite3.DatabaseError:
        for row_id in reversed(_readable_from_the_end(source, last, high)):
            rows = _rows(source, f"SELECT {COLUMNS} FROM records WHERE id=?", (row_id,))
            if rows and (envelope := _sound(rows[0], device, epoch)) is not None:
                yield envelope


def _readable_from_the_end(source: sqlite3.Connection, last: int, high: int) -> list[int]:
    ids: list[int] = []
    try:
        for (row_id,) in source.execute(
            "SELECT id FROM records WHERE id > ? AND id <= ? ORDER BY id DESC", (last, high)
        ):
            ids.append(row_id)
    except sqlite3.DatabaseError:
        pass
    return ids


def _sound(row: Any, device: DeviceId, epoch: Epoch) -> Envelope | None:
    try:
        envelope = from_row(row, device, epoch)
        return envelope if envelope.is_whole else None
    except (TypeError, ValueError, AttributeError):  # a damaged cell of another type
        return None


def _copy_state(source: sqlite3.Connection, target: sqlite3.Connection) -> None:
    for key, value in _rows(source, "SELECT key, value FROM state", ()):
        if isinstance(key, str) and isinstance(value, str):
            target.execute("INSERT OR IGNORE INTO state VALUES(?,?)", (key, value))


def _codes_of(source: sqlite3.Connection) -> Iterator[tuple[str, list[bytes]]]:
    for table in ("consumed", "heard"):
        rows = _rows(source, f"SELECT code FROM {table} ORDER BY id", ())
        yield table, [code for (code,) in rows if isinstance(code, bytes)]


def _rows(source: sqlite3.Connection, sql: str, values: tuple[object, ...]) -> list[Any]:
    found: list[Any] = []
    try:
        for row in source.execute(sql, values):
            found.append(row)
    except sqlite3.DatabaseError:
        pass
    return found
