"""Salvage: carry the sound records of a damaged journal over into a new file; the old file is kept aside.

Steps, each safe to be cut by a power loss: fill `NAME.salvage`; rename NAME to `NAME.damaged-N` with its log; rename
`NAME.salvage` to NAME. While NAME exists, a `.salvage` file is unfinished; once NAME is gone, it is complete.
"""

import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from journal.body import recorded_wall_s
from journal.envelope import Envelope
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
_BATCH: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class LostRange:
    """Records of an epoch that are missing between sound ones."""

    epoch: Epoch
    from_seq: Seq
    to_seq: Seq


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
    fresh = _beside(path, ".salvage")
    _remove(fresh)
    with sorted_errors(path):
        records, lost = _carry_over(path, fresh, device)
        aside = _free_name(path)
        _sync(fresh)
        path.rename(aside)
        _put_side_files_aside(path, aside)
        fresh.rename(path)
        _sync(path.parent)
    return SalvageReport(kept_aside=aside, records=records, lost=lost)


def finish_interrupted(path: Path) -> None:
    """Finish, or undo, a salvage that a power cut interrupted. Called before every opening."""
    fresh = _beside(path, ".salvage")
    with sorted_errors(path):
        if not fresh.exists():
            return
        if path.exists():
            _remove(fresh)
            return
        # A log that was left behind belongs to the damaged file; replayed into the new one it would destroy it.
        _put_side_files_aside(path, _free_name(path))
        fresh.rename(path)
        _sync(path.parent)


def _carry_over(path: Path, fresh: Path, device: DeviceId) -> tuple[int, tuple[LostRange, ...]]:
    source = sqlite3.connect(path, isolation_level=None)
    target = connect_writer(fresh, max_bytes=1 << 62)
    count = 0
    lost: list[LostRange] = []
    try:
        target.execute("BEGIN IMMEDIATE")
        target.execute("INSERT INTO meta VALUES('device', ?)", (device,))
        number = 0
        for number, (epoch, acked_seq, envelopes) in enumerate(_sound_epochs(source, device), start=1):
            add_epoch(target, number, epoch, acked_seq)
            before: Envelope | None = None
            for envelope in envelopes:
                if before is not None and envelope.seq > before.seq + 1:
                    lost.append(LostRange(epoch=epoch, from_seq=Seq(before.seq + 1), to_seq=Seq(envelope.seq - 1)))
                row = to_row(envelope, number, recorded_wall_s(envelope.body))
                target.execute(INSERT_RECORD, row)
                before = envelope
                count += 1
        # The damaged file may have lost its tail: its last epoch must not go on under seqs that were used.
        add_epoch(target, number + 1, new_epoch(), 0)
        _copy_side_tables(source, target)
        target.execute("COMMIT")
        target.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        source.close()
        target.close()
    return count, tuple(lost)


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


def _copy_side_tables(source: sqlite3.Connection, target: sqlite3.Connection) -> None:
    for table in ("consumed", "heard"):
        for (code,) in _rows(source, f"SELECT code FROM {table} ORDER BY id", ()):
            if isinstance(code, bytes):
                target.execute(f"INSERT OR IGNORE INTO {table}(code) VALUES(?)", (code,))
    for key, value in _rows(source, "SELECT key, value FROM state", ()):
        if isinstance(key, str) and isinstance(value, str):
            target.execute("INSERT OR IGNORE INTO state VALUES(?,?)", (key, value))


def _rows(source: sqlite3.Connection, sql: str, values: tuple[object, ...]) -> list[Any]:
    found: list[Any] = []
    try:
        for row in source.execute(sql, values):
            found.append(row)
    except sqlite3.DatabaseError:
        pass
    return found


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def _free_name(path: Path) -> Path:
    number = 1
    while _beside(path, f".damaged-{number}").exists():
        number += 1
    return _beside(path, f".damaged-{number}")


def _put_side_files_aside(path: Path, aside: Path) -> None:
    for ending in _SIDE_FILES:
        side = _beside(path, ending)
        if side.exists():
            side.rename(_beside(aside, ending))


def _remove(path: Path) -> None:
    for ending in ("", *_SIDE_FILES):
        _beside(path, ending).unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
