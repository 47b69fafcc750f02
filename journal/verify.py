"""Verify the chain of a journal's file: every hash, every link, every hole named."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from journal.envelope import ZERO_HASH
from journal.errors import JournalDamaged
from journal.schema import COLUMNS, SEQ_BITS, check_format, from_row, record_id, sorted_errors
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
    """Check every record of a journal, also of one in use. Raises JournalDamaged when it cannot be read to its end."""
    if not path.is_file():
        raise JournalDamaged(f"{path} is not there: name a journal's file")
    with sorted_errors(path):
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)
        try:
            check_format(connection, path)
            connection.execute("BEGIN")  # one snapshot while the writer goes on
            device = DeviceId(connection.execute("SELECT value FROM meta WHERE key='device'").fetchone()[0])
            epochs: list[EpochReport] = []
            flaws: list[Flaw] = []
            for number, epoch, acked in connection.execute(
                "SELECT number, epoch, acked_seq FROM epochs ORDER BY number"
            ):
                epochs.append(_verify_epoch(connection, device, Epoch(epoch), number, acked, flaws))
        finally:
            connection.close()
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
    return EpochReport(
        epoch=epoch,
        records=count,
        first_seq=Seq(first_seq if count else 1),
        last_seq=Seq(last_seq),
        head_hash=head_hash,
        acked_seq=Seq(acked),
    )
