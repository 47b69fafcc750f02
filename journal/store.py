"""The journal: one file, one writer, every record on the disk before anything moves.

Rules. An append is one transaction with synchronous=FULL on a write-ahead log that is never checkpointed by it: exactly
one fsync. `maintain` checkpoints, trims, saves the cursors, and its own commit pays for the new log's header.
A record that the centre has not acknowledged is never deleted. One process at a time holds a journal (lock beside it).
"""

import logging
import os
import secrets
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Final, Self

from journal.body import BODY_VERSION, KIND_GAP, build_body, canonical_json, copy_text, recorded_wall_s, wall_of
from journal.consumed import ConsumedCodes, code_key
from journal.envelope import SALT_BYTES, ZERO_HASH, Envelope, seal
from journal.errors import AlreadyConsumed, JournalDamaged, JournalLost, JournalUnavailable, RecordInvalid
from journal.facts import AckOutcome, EpochState, Head, Room
from journal.file import OpenFile
from journal.high_water import HighWaterFile, Replaced, ReplacedHow
from journal.lock import lock_beside
from journal.retention import save_cursors, trim_epoch
from journal.salvage import Known, LostRange, SalvageReport, carry_over, finish_interrupted, salvage
from journal.schema import (
    COLUMNS,
    INSERT_RECORD,
    PAGE_BYTES,
    SEQ_BITS,
    add_epoch,
    first_and_last,
    from_row,
    new_epoch,
    record_id,
    sorted_errors,
    to_row,
)
from model.clock import Timestamp
from model.identities import DeviceId, Epoch, PassId, Seq
from model.records import ConsumedCode

log = logging.getLogger(__name__)

DEFAULT_MAX_BYTES: Final = 2 * 1024**3
MAX_READ: Final = 1_000
COPY_BATCH: Final = 200
_TAIL_CHECKED: Final = 200  # rows whose chain is checked at every start; the whole chain: journal.verify


class Journal:
    """A device's journal. Appends belong to one thread at a time; the rest to any.

    `is_consumed`, `note_used` and `head` never wait for the disk nor for whoever does: the gate's inbox calls them.
    """

    def __init__(self, path: Path, device: DeviceId, *, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        """Use `Journal.open`. Raises JournalDamaged, JournalUnavailable or JournalBusy."""
        self.path = path
        self.device = device
        self.salvaged: SalvageReport | None = None
        self.replaced: Replaced | None = None  # the journal that was here before, and is not this one
        self._max_bytes = max_bytes
        self._lock = threading.RLock()  # the writer
        self._read_lock = threading.Lock()
        self._head = Head(epoch=Epoch(""), seq=Seq(0), hash=ZERO_HASH)
        self._is_lost = False
        self._gone: list[LostRange] = []
        self._high_water = HighWaterFile(path, device)
        self._file = OpenFile(path, max_bytes=max_bytes)
        with ExitStack() as opened:
            opened.callback(self._high_water.close)
            opened.callback(self._file.close)
            self._load_codes()
            self._load()
            self.maintain()  # the first commit of a new log costs two fsyncs: pay it before anybody waits
            opened.pop_all()

    @classmethod
    def open(cls, path: Path, device: DeviceId, *, max_bytes: int = DEFAULT_MAX_BYTES) -> Self:
        """Open or make a journal. A damaged file is put aside and its sound records are carried over (`salvaged`).

        Raises JournalBusy when another process holds it, JournalUnavailable or JournalFull when the disk does not work.
        """
        finish_interrupted(path)
        try:
            journal = cls(path, device, max_bytes=max_bytes)
        except JournalDamaged:
            with lock_beside(path):
                report = salvage(path, device)
            journal = cls(path, device, max_bytes=max_bytes)
            journal.salvaged = report  # what it could not carry over it tells itself
        else:
            journal._compare_with_high_water()
        journal.keep_high_water()
        return journal

    def close(self) -> None:
        """Save the cursors, checkpoint and let go of the file."""
        with self._lock:
            self.keep_high_water()
            self._high_water.close()
            try:
                self._save_cursors()
            except JournalLost:
                self._move()  # the last moment at which the lost file can still be read
            finally:
                with self._read_lock:
                    self._file.close()

    def append(
        self,
        body: Mapping[str, object],
        personal: str | None = None,
        consume: Sequence[ConsumedCode] = (),
        state: Mapping[str, str] | None = None,
    ) -> Envelope:
        """Write one record, what it consumes and the state that changes with it; on the disk when this returns.

        body: from `build_body`. Raises AlreadyConsumed, JournalFull, JournalUnavailable, JournalDamaged or
        RecordInvalid, and then nothing was written.
        """
        text = canonical_json(body)
        with self._lock:
            if self._is_lost:
                self._move()
            while self._gone:
                self._append_gap(self._gone[0], body)
                del self._gone[0]
            return self._append(text, int(wall_of(body).timestamp()), personal, consume, state or {})

    def is_consumed(self, pass_id: PassId, step: int) -> bool:
        """Whether this holder's code was used, here or (as far as was heard) at another gate. At once, any thread."""
        return self._codes.holds(code_key(pass_id, step))

    def note_used(self, code: ConsumedCode) -> bool:
        """Remember a code that another gate consumed; saved with the next maintenance. At once, any thread.

        True when this gate granted it too (or is writing that record now): one code opened two gates.
        """
        return self._codes.note(code_key(code.pass_id, code.step))

    def head(self) -> Head:
        """End of the current epoch. At once, any thread."""
        return self._head

    def epochs(self) -> tuple[EpochState, ...]:
        """All epochs of the file in their order; the last is current."""
        with self._read_lock, sorted_errors(self.path):
            return tuple(self._epoch_state(number, epoch) for epoch, number in self._numbers.items())

    def read(self, from_seq: int, limit: int, epoch: Epoch | None = None) -> list[Envelope]:
        """Read up to `limit` (at most MAX_READ) records from from_seq on, of the current epoch unless one is named."""
        epoch = epoch if epoch is not None else self._head.epoch
        number = self._numbers[epoch]
        with self._read_lock, sorted_errors(self.path):
            rows = self._file.reader.execute(
                f"SELECT {COLUMNS} FROM records WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?",
                (record_id(number, max(from_seq, 1)), record_id(number, (1 << SEQ_BITS) - 1), min(limit, MAX_READ)),
            ).fetchall()
        return [from_row(row, self.device, epoch) for row in rows]

    def acked_seq(self, epoch: Epoch | None = None) -> Seq:
        """Highest seq that the centre has stored without a gap, as last heard."""
        return Seq(self._acked[epoch if epoch is not None else self._head.epoch])

    def backlog(self) -> int:
        """Records of all epochs that the centre has not acknowledged."""
        return sum(state.head_seq - state.acked_seq for state in self.epochs())

    def acknowledge(self, epoch: Epoch, seq: int, hash_at_seq: str | None = None) -> AckOutcome:
        """Take the centre's mark for an epoch. Kept in memory, saved by `maintain`: the retained mark brings it back.

        hash_at_seq: the centre's hash of that record, compared with ours while we have it.
        """
        if epoch not in self._numbers:
            return AckOutcome.UNKNOWN_EPOCH
        head_seq = self._head_seq(epoch)
        if seq > head_seq:
            if epoch == self._head.epoch or self.get_state(f"forked/{epoch}") is not None:
                return AckOutcome.AHEAD
            seq, hash_at_seq = head_seq, None  # an old epoch whose tail was lost here: the centre has all of it
        if seq > 0 and hash_at_seq is not None:
            ours = self.read(seq, 1, epoch)
            if ours and ours[0].seq == seq and ours[0].hash != hash_at_seq:
                return AckOutcome.CONFLICT
        with self._lock:
            before = self._acked[epoch]
            self._acked[epoch] = Seq(seq)
            if seq == before:
                return AckOutcome.UNCHANGED
            return AckOutcome.ADVANCED if seq > before else AckOutcome.STEPPED_BACK

    def keep_high_water(self) -> None:
        """Write the mark by which a later start sees that this journal was removed, replaced or set back. No fsync."""
        self._high_water.write(self._head)

    def probe(self) -> None:
        """Raise JournalError when the next record could not be written, as far as a look tells: nothing is written."""
        with self._lock, sorted_errors(self.path):
            try:
                self._file.prove()
            except JournalLost as error:
                self._note_loss(error)
                raise
            if os.statvfs(self.path.parent).f_flag & os.ST_RDONLY:
                raise JournalUnavailable(f"{self.path}: read-only file system: check the card and its mount")

    def range_gone(self, epoch: Epoch, from_seq: int, to_seq: int, why: str, at: Timestamp) -> Envelope:
        """Journal that records from_seq..to_seq of an epoch are gone for good; the same gap is journalled once.

        Its arrival at the centre advances the centre's mark past to_seq.
        """
        with self._lock:
            key = f"gap/{epoch}/{from_seq}/{to_seq}"
            where = self.get_state(key)
            if where is not None:
                known_epoch, known_seq = where.split("/")
                known = self.read(int(known_seq), 1, Epoch(known_epoch))
                if known and known[0].seq == int(known_seq):
                    return known[0]
            head = self._head
            fields = {"epoch": epoch, "from": from_seq, "to": to_seq, "why": why}
            return self.append(build_body(KIND_GAP, at, fields), state={key: f"{head.epoch}/{head.seq + 1}"})

    def carry_forward(self, epoch: Epoch) -> int:
        """Copy what an epoch holds beyond its mark into a new one, because the centre holds another history of it.

        The current epoch is closed by this. Each batch of copies moves the old cursor in its own transaction, so that a
        power cut doubles nothing. Copies say `copy_of`. Returns how many. Raises JournalError; call again to go on.
        """
        count = 0
        with self._lock:
            if epoch == self._head.epoch:
                self._begin_epoch({f"forked/{epoch}": "1"})
            while batch := self.read(self._acked[epoch] + 1, COPY_BATCH, epoch):
                self._copy(batch)
                count += len(batch)
        return count

    def get_state(self, key: str) -> str | None:
        """A value that was saved with an append."""
        with self._read_lock, sorted_errors(self.path):
            row = self._file.reader.execute("SELECT value FROM state WHERE key=?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def get_states(self, prefix: str) -> dict[str, str]:
        """All values whose keys begin so, by key."""
        with self._read_lock, sorted_errors(self.path):
            rows = self._file.reader.execute(
                "SELECT key, value FROM state WHERE substr(key, 1, ?) = ?", (len(prefix), prefix)
            ).fetchall()
        return {str(key): str(value) for key, value in rows}

    def room(self) -> Room:
        """How full the journal is, its disk included."""
        with self._read_lock, sorted_errors(self.path):
            pages = self._file.reader.execute("PRAGMA page_count").fetchone()[0]
            free_pages = self._file.reader.execute("PRAGMA freelist_count").fetchone()[0]
            disk = os.statvfs(self.path.parent)
        used = (pages - free_pages) * PAGE_BYTES
        disk_free = disk.f_bavail * disk.f_frsize
        limit = min(self._max_bytes, used + disk_free)
        return Room(
            used_bytes=used, max_bytes=self._max_bytes, disk_free_bytes=disk_free, used_fraction=used / max(limit, 1)
        )

    def trim(self, before: datetime) -> int:
        """Delete acknowledged records older than `before`, oldest first; each epoch's head stays. Returns the count.

        At most TRIM_BATCH of an epoch at once, so that an append does not wait long: call again.
        """
        before_s = int(before.timestamp())
        with self._lock, self._file.writing() as writer:
            cursors = [(number, self._acked[epoch]) for epoch, number in self._numbers.items()]
            return sum(trim_epoch(writer, number, acked, before_s) for number, acked in cursors)

    def purge_personal(self, epoch: Epoch, up_to_seq: int) -> int:
        """Delete personal parts and salts up to a seq, overwriting them; the chain stays whole. Returns the count."""
        with self._lock, self._read_lock, self._file.writing(may_shrink=True) as writer:
            number = self._numbers[epoch]
            purged = writer.execute(
                "UPDATE records SET personal=NULL, salt=NULL WHERE id BETWEEN ? AND ? AND personal IS NOT NULL",
                (record_id(number, 1), record_id(number, up_to_seq)),
            ).rowcount
            self._file.checkpoint("TRUNCATE")  # the log still held the old pages
            return purged

    def wal_bytes(self) -> int:
        """Size of the write-ahead log."""
        try:
            return Path(f"{self.path}-wal").stat().st_size
        except OSError:
            return 0

    def maintain(self) -> None:
        """Checkpoint, save cursors, forget old codes; this last commit pays for the new log's header.

        Runs while no append is due: an append meanwhile waits for it. Raises JournalError.
        """
        with self._lock:
            self._save_cursors()

    # below: under the writer's lock

    def _append(
        self, text: str, wall_s: int, personal: str | None, consume: Sequence[ConsumedCode], state: Mapping[str, str]
    ) -> Envelope:
        envelope = self._seal(self._head, text, personal)
        keys = self._codes.claim(consume)
        try:
            self._write(envelope, wall_s, consume, state)
        except BaseException as error:
            self._codes.give_up(keys)
            self._note_loss(error)
            raise
        self._codes.grant(keys)
        self._head = Head(epoch=envelope.epoch, seq=envelope.seq, hash=envelope.hash)
        return envelope

    def _note_loss(self, error: BaseException) -> None:
        if isinstance(error, JournalLost):
            log.error("journal_lost why=%s", error)
            self._is_lost = True

    def _move(self) -> None:
        """Go on in a new file with what can be read of the lost one, which belongs to a new epoch."""
        with self._read_lock:
            head, acked = self._head, dict(self._acked)
            own, heard = self._codes.everything()
            known = Known(head=head, own=own, heard=heard)
            records, holes = self._file.move(lambda source, new: carry_over(source, new, self.device, known))
        self._load()
        for epoch in self._numbers.keys() & acked.keys():
            self._acked[epoch] = Seq(min(acked[epoch], self._head_seq(epoch)))
        last = self._head_seq(head.epoch) if head.epoch in self._numbers else 0
        first_gone = max(last, acked[head.epoch]) + 1
        if first_gone <= head.seq:
            self._gone.append(LostRange(epoch=head.epoch, from_seq=Seq(first_gone), to_seq=head.seq))
        self._is_lost = False
        log.warning("journal_moved records=%d holes=%d gone_at_end=%d", records, len(holes), head.seq - first_gone + 1)

    def _compare_with_high_water(self) -> None:
        mark = self._high_water.read()
        if mark is None or mark.seq == 0:
            return
        how = self._replaced_how(mark)
        if how is None:
            return
        self.replaced = Replaced(epoch=mark.epoch, seq=mark.seq, hash=mark.hash, how=how)
        log.error("journal_replaced how=%s epoch=%s seq=%d", how.value, mark.epoch, mark.seq)
        if mark.epoch == self._head.epoch:
            # Going on in it would give numbers a second time that may stand at the centre already.
            self._begin_epoch({})

    def _replaced_how(self, mark: Head) -> ReplacedHow | None:
        if mark.epoch not in self._numbers:
            return ReplacedHow.GONE
        if mark.seq > self._head_seq(mark.epoch):
            return ReplacedHow.SET_BACK
        found = self.read(mark.seq, 1, mark.epoch)
        is_other = bool(found) and found[0].seq == mark.seq and found[0].hash != mark.hash
        return ReplacedHow.DIFFERENT if is_other else None

    def _append_gap(self, gone: LostRange, body: Mapping[str, object]) -> None:
        """Journal a loss with the moment of the record that follows: the journal has no clock."""
        fields = {"epoch": gone.epoch, "from": gone.from_seq, "to": gone.to_seq, "why": "journal_lost"}
        text = canonical_json({"v": BODY_VERSION, "kind": KIND_GAP, "at": body["at"], **fields})
        self._append(text, int(wall_of(body).timestamp()), None, (), {})

    def _begin_epoch(self, state: Mapping[str, str]) -> None:
        epoch = new_epoch()
        number = max(self._numbers.values(), default=0) + 1
        with self._file.transaction() as writer:
            add_epoch(writer, number, epoch, 0)
            writer.executemany("INSERT OR REPLACE INTO state VALUES(?,?)", state.items())
        self._numbers[epoch] = number
        self._acked[epoch] = Seq(0)
        self._head = Head(epoch=epoch, seq=Seq(0), hash=ZERO_HASH)

    def _copy(self, batch: Sequence[Envelope]) -> None:
        head, source = self._head, batch[0].epoch
        with self._file.transaction() as writer:
            for envelope in batch:
                copy = self._seal(head, copy_text(envelope.body, envelope.epoch, envelope.seq), envelope.personal)
                row = to_row(copy, self._numbers[head.epoch], recorded_wall_s(envelope.body))
                writer.execute(INSERT_RECORD, row)
                head = Head(epoch=copy.epoch, seq=copy.seq, hash=copy.hash)
            done = (batch[-1].seq, self._numbers[source])
            writer.execute("UPDATE epochs SET acked_seq=? WHERE number=?", done)
        self._head = head
        self._acked[source] = batch[-1].seq

    def _seal(self, head: Head, text: str, personal: str | None) -> Envelope:
        return seal(
            device=self.device,
            epoch=head.epoch,
            seq=Seq(head.seq + 1),
            prev=head.hash,
            body=text,
            salt=secrets.token_hex(SALT_BYTES) if personal is not None else None,
            personal=personal,
        )

    def _write(
        self, envelope: Envelope, wall_s: int, consume: Sequence[ConsumedCode], state: Mapping[str, str]
    ) -> None:
        with self._file.transaction() as writer:
            writer.execute(INSERT_RECORD, to_row(envelope, self._numbers[envelope.epoch], wall_s))
            for code in consume:
                self._insert_consumed(code)
            writer.executemany("INSERT OR REPLACE INTO state VALUES(?,?)", state.items())

    def _insert_consumed(self, code: ConsumedCode) -> None:
        try:
            self._file.writer.execute("INSERT INTO consumed(code) VALUES(?)", (code_key(code.pass_id, code.step),))
        except sqlite3.IntegrityError as error:
            raise AlreadyConsumed(code.pass_id, code.step) from error

    def _save_cursors(self) -> None:
        acked = {self._numbers[epoch]: int(seq) for epoch, seq in self._acked.items()}
        heard = self._codes.unsaved()
        with self._file.writing(may_shrink=True) as writer:
            self._file.checkpoint("PASSIVE")
            save_cursors(writer, acked, heard)
        self._codes.saved(heard)

    def _load_codes(self) -> None:
        with sorted_errors(self.path):
            own, heard = (
                [row[0] for row in self._file.writer.execute(f"SELECT code FROM {table} ORDER BY id")]
                for table in ("consumed", "heard")
            )
        self._codes = ConsumedCodes(own, heard)

    def _load(self) -> None:
        with self._file.writing() as writer:
            owner = writer.execute("SELECT value FROM meta WHERE key='device'").fetchone()
            if owner is None:
                writer.execute("INSERT INTO meta VALUES('device', ?)", (self.device,))
            elif owner[0] != self.device:
                raise RecordInvalid(f"{self.path} belongs to {owner[0]}, not to {self.device}: name the right file")
            epochs = writer.execute("SELECT epoch, number, acked_seq FROM epochs ORDER BY number").fetchall()
            self._numbers: dict[Epoch, int] = {Epoch(row[0]): row[1] for row in epochs}
            self._acked: dict[Epoch, Seq] = {Epoch(row[0]): Seq(row[2]) for row in epochs}
        if not self._numbers:
            self._begin_epoch({})
            return
        self._load_head(next(reversed(self._numbers)))

    def _load_head(self, epoch: Epoch) -> None:
        self._head = Head(epoch=epoch, seq=Seq(0), hash=ZERO_HASH)
        tail = self.read(max(self._head_seq(epoch) - _TAIL_CHECKED, 1), _TAIL_CHECKED + 1)
        for envelope, follower in pairwise(tail):
            if follower.prev != envelope.hash or follower.seq != envelope.seq + 1:
                raise JournalDamaged(f"{self.path}: the chain breaks at seq {follower.seq}: open it again to salvage")
        if tail:
            if not all(envelope.is_whole for envelope in tail):
                raise JournalDamaged(f"{self.path}: a record near the end was altered: open it again to salvage")
            self._head = Head(epoch=epoch, seq=tail[-1].seq, hash=tail[-1].hash)

    def _head_seq(self, epoch: Epoch) -> Seq:
        if epoch == self._head.epoch and self._head.seq:
            return self._head.seq
        with self._read_lock, sorted_errors(self.path):
            return self._epoch_state(self._numbers[epoch], epoch).head_seq

    def _epoch_state(self, number: int, epoch: Epoch) -> EpochState:
        ends = first_and_last(self._file.reader, number)
        first_seq, head_seq = (1, 0) if ends is None else (row_id & ((1 << SEQ_BITS) - 1) for row_id in ends)
        return EpochState(
            epoch=epoch,
            first_seq=Seq(first_seq),
            head_seq=Seq(head_seq),
            acked_seq=self._acked[epoch],
            is_current=epoch == self._head.epoch,
        )
