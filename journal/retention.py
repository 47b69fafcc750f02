"""What is kept and what may go: cursors, consumed codes, acknowledged records."""

import secrets
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Final

from journal.consumed import MAX_HEARD, MAX_OWN
from journal.schema import first_and_last, record_id

TRIM_BATCH: Final = 2_000


def save_cursors(writer: sqlite3.Connection, acked: Mapping[int, int], heard: Sequence[bytes]) -> None:
    """Save the marks by epoch number and the codes heard from other gates, and forget the oldest codes: one commit."""
    writer.execute("BEGIN IMMEDIATE")
    try:
        writer.executemany("UPDATE epochs SET acked_seq=? WHERE number=?", [(seq, n) for n, seq in acked.items()])
        writer.executemany("INSERT OR IGNORE INTO heard(code) VALUES(?)", [(code,) for code in heard])
        writer.execute("DELETE FROM consumed WHERE id <= (SELECT MAX(id) FROM consumed) - ?", (MAX_OWN,))
        writer.execute("DELETE FROM heard WHERE id <= (SELECT MAX(id) FROM heard) - ?", (MAX_HEARD,))
        # A page changes even when nothing else did, so that this commit writes the new log's header.
        writer.execute("INSERT OR REPLACE INTO meta VALUES('maintained', ?)", (secrets.token_hex(4),))
        writer.execute("COMMIT")
    except sqlite3.Error:
        if writer.in_transaction:
            writer.execute("ROLLBACK")
        raise


def trim_epoch(writer: sqlite3.Connection, number: int, acked_seq: int, before_s: int) -> int:
    """Delete the oldest records of an epoch: acknowledged, older than before_s, never its last. Returns how many."""
    ends = first_and_last(writer, number)
    if ends is None:
        return 0
    first, last = ends
    up_to = min(last - 1, record_id(number, acked_seq), first + TRIM_BATCH - 1)
    young = writer.execute(
        "SELECT MIN(id) FROM records WHERE id BETWEEN ? AND ? AND wall_s >= ?", (first, up_to, before_s)
    ).fetchone()[0]
    # From the front only, or the chain would have a hole: one young record protects all behind it.
    up_to = up_to if young is None else young - 1
    if up_to < first:
        return 0
    # With the mark that allows it, or a file read between the two would look robbed of what nobody acknowledged.
    writer.execute("BEGIN IMMEDIATE")
    try:
        writer.execute("UPDATE epochs SET acked_seq=? WHERE number=?", (acked_seq, number))
        count = writer.execute("DELETE FROM records WHERE id BETWEEN ? AND ?", (first, up_to)).rowcount
        writer.execute("COMMIT")
    except sqlite3.Error:
        if writer.in_transaction:
            writer.execute("ROLLBACK")
        raise
    return count
