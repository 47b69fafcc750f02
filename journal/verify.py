"""Verify the chain of a journal's file: every hash, every link, every hole named.

The chain alone cannot tell that its end was cut off, or its beginning too far. The centre's mark can: what it has
acknowledged was there, and only what it has acknowledged may have been trimmed. A tail that no mark has reached can be
compared with the centre's chain alone.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from journal.envelope import ZERO_HASH
from journal.reading import owner_of, read_quietly
from journal.schema import COLUMNS, SEQ_BITS, from_row, record_id
from model.identities import DeviceId, Epoch, Seq


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """Where a chain does not hold."""

    epoch: Epoch
    seq: Seq
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochReport:
    """One epoch: its rows, first and last, the last hash, and whether its beginning was trimmed."""

    epoch: Epoch
    records: int
    first_seq: Seq
    last_seq: Seq
    head_hash: str
    acked_seq: Seq


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyReport:
    """What `verify` found. A file is whole when no flaw was found."""

    device: DeviceId
    epochs: tuple[EpochReport, ...]
    flaws: tuple[Flaw, ...]

    @property
    def is_whole(self) -> bool:
        """Whether every record present holds and follows its predecessor."""
        return not self.flaws


def verify(path: Path) -> VerifyReport:
    """Check every record of a journal, also of one in use or on a medium that cannot be written; nothing is changed.

    Raises JournalDamaged when it cannot be read to its end, JournalUnavailable when the medium fails.
    """
    return read_quietly(path, lambda connection: _report(connection, path))


def _report(connection: sqlite3.Connection, path: Path) -> VerifyReport:
    device = owner_of(connection, path)
    flaws: list[Flaw] = []
    rows = connection.execute("SELECT number, epoch, acked_seq FROM epochs ORDER BY number").fetchall()
    epochs = [_verify_epoch(connection, device, Epoch(epoch), n, acked, flaws) for n, epoch, acked in rows]
    flaws += _lost_epochs(connection, {row[0] for row in rows})
    return VerifyReport(device=device, epochs=tuple(epochs), flaws=tuple(flaws))


def _verify_epoch(
    connection: sqlite3.Connection, device: DeviceId, epoch: Epoch, number: int, acked: int, flaws: list[Flaw]
) -> EpochReport:
    count, first_seq, last_seq, head_hash = 0, 1, 0, ZERO_HASH
    bounds = (record_id(number, 1), record_id(number, (1 << SEQ_BITS) - 1))
    for row in connection.execute(f"SELECT {COLUMNS} FROM records WHERE id BETWEEN ? AND ? ORDER BY id", bounds):
        envelope = from_row(row, device, epoch)
        count += 1
        if count == 1:
            first_seq = envelope.seq
            if envelope.seq == 1 and envelope.prev != ZERO_HASH:
                flaws.append(Flaw(epoch=epoch, seq=envelope.seq, what="prev of the first record is not zeros"))
        elif envelope.seq != last_seq + 1:
            flaws.append(Flaw(epoch=epoch, seq=Seq(last_seq + 1), what=f"missing up to {envelope.seq - 1}"))
        elif envelope.prev != head_hash:
            flaws.append(Flaw(epoch=epoch, seq=envelope.seq, what="does not follow its predecessor"))
        if not envelope.is_whole:
            flaws.append(Flaw(epoch=epoch, seq=envelope.seq, what="hash does not fit the contents"))
        last_seq, head_hash = envelope.seq, envelope.hash
    if last_seq < acked:
        what = f"missing up to {acked}, the end of the chain: the centre has acknowledged them"
        flaws.append(Flaw(epoch=epoch, seq=Seq(last_seq + 1), what=what))
    elif first_seq > acked + 1 and not _is_told_gone(connection, epoch, acked + 1, first_seq - 1):
        what = f"missing up to {first_seq - 1}, the beginning of the chain: the centre never acknowledged them"
        flaws.append(Flaw(epoch=epoch, seq=Seq(acked + 1), what=what))
    return EpochReport(
        epoch=epoch,
        records=count,
        first_seq=Seq(first_seq if count else 1),
        last_seq=Seq(last_seq),
        head_hash=head_hash,
        acked_seq=Seq(acked),
    )


def _is_told_gone(connection: sqlite3.Connection, epoch: Epoch, from_seq: int, to_seq: int) -> bool:
    """Whether the journal itself has told the centre that these are gone: one that was restored asked for them."""
    for (key,) in connection.execute("SELECT key FROM state WHERE key LIKE ?", (f"gap/{epoch}/%",)):
        low, high = (int(part) for part in str(key).split("/")[2:])
        if low <= from_seq and to_seq <= high:
            return True
    return False


def _lost_epochs(connection: sqlite3.Connection, known: set[int]) -> Iterator[Flaw]:
    """Epochs that were taken out of the table and still stand in its copy, or have records."""
    names = {
        int(str(key).removeprefix("epoch/")): str(epoch)
        for key, epoch in connection.execute("SELECT key, value FROM meta WHERE key LIKE 'epoch/%'")
    }
    last = connection.execute("SELECT MAX(id) FROM records").fetchone()[0]
    orphans = set(range(1, (last >> SEQ_BITS) + 1 if last is not None else 1)) | set(names)
    for number in sorted(orphans - known):
        yield Flaw(epoch=Epoch(names.get(number, "?")), seq=Seq(1), what=f"the whole epoch {number} is not listed")
