"""Make a journal that has served for a while, without waiting for a disk a hundred thousand times."""

from pathlib import Path
from typing import Final

from journal.body import build_body, canonical_json
from journal.envelope import seal
from journal.schema import connect_writer, to_row
from journal.store import DEFAULT_MAX_BYTES, Journal
from model.clock import Timestamp
from model.identities import DeviceId, Seq

_PLACE: Final = '"visit":0'
_ROWS_AT_ONCE: Final = 5_000
_PADDING: Final = "x" * 900
"""A decision with all its inputs has about 1.1 KB."""


def fill_journal(path: Path, device: DeviceId, count: int, at: Timestamp) -> None:
    """Write `count` chained records into a new journal and acknowledge them. Raises JournalError."""
    journal = Journal.open(path, device)
    head = journal.head()
    journal.close()
    template = canonical_json(build_body("decision", at, {"visit": 0, "padding": _PADDING}))
    wall_s, prev = int(at.wall.timestamp()), head.hash
    # Not durable: nobody loses anything when this file is cut short, it is made anew.
    connection = connect_writer(path, max_bytes=DEFAULT_MAX_BYTES, synchronous="OFF")
    try:
        for first in range(1, count + 1, _ROWS_AT_ONCE):
            rows = []
            for seq in range(first, min(first + _ROWS_AT_ONCE, count + 1)):
                body = template.replace(_PLACE, f'"visit":{seq}')
                envelope = seal(
                    device=device, epoch=head.epoch, seq=Seq(seq), prev=prev, body=body, salt=None, personal=None
                )
                prev = envelope.hash
                rows.append(to_row(envelope, 1, wall_s))
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT INTO records VALUES(?,?,?,?,?,?,?,?)", rows)
            connection.execute("COMMIT")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        connection.execute("UPDATE epochs SET acked_seq=?", (count,))
    finally:
        connection.close()
