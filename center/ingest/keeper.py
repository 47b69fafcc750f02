"""Stores a batch of records durably, or none of it, and says which marks that earns.

One transaction per batch, one keeper per database, one thread at a time. The heads of all journals are held in memory;
they change only after the commit, so that a failed batch leaves no trace and is simply offered again.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Final, TypeVar

from sqlalchemy import Connection, func, insert, select
from sqlalchemy.exc import DataError, IntegrityError, StatementError

from center.clock import NowMs, now_ms
from center.ingest.arrivals import EventArrived, Mark
from center.ingest.chain import EMPTY, Head
from center.ingest.copies import KIND_COPY, doubled
from center.ingest.draft import RECORD_COLUMNS, Draft, Key, KnownAgain, Row, Why
from center.ingest.granted_twice import GrantedTwice
from center.outings.settle import OutingSettler
from center.store.bulk import BulkInsert
from center.store.database import Store
from center.store.schema import ChainHead, Gap, Quarantined, Record

T = TypeVar("T")
Numbered = tuple[object, object, object]
"""A record's place: device, epoch, seq."""

log = logging.getLogger(__name__)

QUARANTINE_MAX_PER_DEVICE: Final = 10_000
"""A device that sends nonsense must not fill the disk; beyond this its nonsense is only counted in the log."""
QUARANTINE_MAX_BYTES_PER_DEVICE: Final = 16 * 1024 * 1024

_INSERT_RECORDS: Final = BulkInsert(Record, RECORD_COLUMNS)
_WRITE_HEADS: Final = BulkInsert(
    ChainHead,
    ("device", "epoch", "seq", "hash", "compound", "broken_at_seq"),
    changing=("seq", "hash", "compound", "broken_at_seq"),
)
_DEVICE, _EPOCH, _SEQ, _HASH, _BODY = (
    RECORD_COLUMNS.index(name) for name in ("device", "epoch", "seq", "hash", "body")
)
_SEARCHED: Final = ("visit", "direction", "outcome", "reason", "pass_id", "household", "passage_end")
_LOOKUP_MAX: Final = 500  # SQLite takes 999 parameters where it was built with the oldest limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a committed batch was."""

    marks: tuple[Mark, ...] = ()
    stored: int = 0
    duplicates: int = 0
    ahead: int = 0
    quarantined: int = 0
    tampered: int = 0


class RecordKeeper:
    """Takes in events. Not for several threads at once."""

    def __init__(self, store: Store, now: NowMs = now_ms, outings: OutingSettler | None = None) -> None:
        """outings: follows them by the community's rules; without it no outing is over a quota."""
        self._store = store
        self._now = now
        self._outings = outings if outings is not None else OutingSettler(lambda: None)
        self._heads: dict[Key, Head] = {}
        self._compounds: dict[Key, str] = {}
        self._granted = GrantedTwice()
        self._load()

    def keep(self, events: Sequence[EventArrived]) -> Kept:
        """Store a batch in one durable transaction.

        Raises StoreError when the database refuses as a whole; nothing is stored then and the batch may be offered
        again. A single record that the database can't hold goes to quarantine and its batch is stored without it.
        """
        try:
            return self._keep(events)
        except (DataError, IntegrityError, StatementError, UnicodeError) as error:
            log.error("batch_split cause=%s size=%d", type(error).__name__, len(events))
        return _together([self._keep_one(event) for event in events])

    def marks(self) -> tuple[Mark, ...]:
        """The mark of every journal, as the broker has to know them after it lost its memory."""
        return tuple(self._mark(key) for key in self._heads)

    def mark(self, compound: str, device: str, epoch: str) -> Mark:
        """The mark of one journal, 0 for one that is not known yet."""
        head = self.head(device, epoch)
        return Mark(compound=compound, device=device, epoch=epoch, seq=head.seq, hash=head.hash if head.seq else None)

    def head(self, device: str, epoch: str) -> Head:
        """Highest contiguous record of a journal."""
        return self._heads.get((device, epoch), EMPTY)

    def _load(self) -> None:
        with self._store.reading() as connection:
            for row in connection.execute(
                select(
                    ChainHead.device,
                    ChainHead.epoch,
                    ChainHead.seq,
                    ChainHead.hash,
                    ChainHead.broken_at_seq,
                    ChainHead.compound,
                )
            ):
                key = (row.device, row.epoch)
                self._heads[key] = Head(seq=row.seq, hash=row.hash, broken_at_seq=row.broken_at_seq)
                self._compounds[key] = row.compound

    def _keep_one(self, event: EventArrived) -> Kept:
        try:
            return self._keep([event])
        except (DataError, IntegrityError, StatementError, UnicodeError):
            return self._keep([event], is_storable=False)

    def _keep(self, events: Sequence[EventArrived], *, is_storable: bool = True) -> Kept:
        draft = Draft(lambda key: self._heads.get(key, EMPTY), self._now())
        for event in events:
            draft.take(event, is_storable=is_storable)
        with self._store.writing() as connection:
            duplicates = _judge_known(connection, draft)
            copies = _set_copies_apart(connection, draft) if draft.copies else frozenset()
            quarantined = _write(connection, draft)
            if draft.uses:
                self._granted.note(connection, draft.uses, self._now())
            outings = [one for one in draft.outings if one.place not in copies]
            if outings:
                self._outings.settle(connection, outings, self._now())
        self._granted.remember(draft.uses)
        self._heads.update(draft.heads)
        self._compounds.update(draft.touched)
        tampered = sum(1 for row in quarantined if row["is_tamper"])
        if quarantined:
            log.warning("quarantined count=%d tampered=%d", len(quarantined), tampered)
        return Kept(
            marks=tuple(self._mark(key) for key in draft.touched),
            stored=len(draft.records),
            duplicates=duplicates,
            ahead=draft.ahead,
            quarantined=len(quarantined),
            tampered=tampered,
        )

    def _mark(self, key: Key) -> Mark:
        return self.mark(self._compounds[key], *key)


def _write(connection: Connection, draft: Draft) -> list[Row]:
    """Write the draft; returns the rows of quarantine that were new."""
    _INSERT_RECORDS(connection, draft.records)
    if draft.gaps:
        connection.execute(insert(Gap), draft.gaps)
    _WRITE_HEADS(
        connection,
        [
            (device, epoch, head.seq, head.hash, draft.touched[device, epoch], head.broken_at_seq)
            for (device, epoch), head in draft.heads.items()
        ],
    )
    return _write_quarantine(connection, draft.quarantine) if draft.quarantine else []


def _write_quarantine(connection: Connection, rows: list[Row]) -> list[Row]:
    new = {(str(row["device"]), str(row["raw_hash"])): row for row in rows}
    for device in {device for device, _ in new}:
        hashes = [raw_hash for owner, raw_hash in new if owner == device]
        for part in _parts(hashes):
            found = connection.execute(
                select(Quarantined.raw_hash).where(Quarantined.device == device, Quarantined.raw_hash.in_(part))
            )
            for (raw_hash,) in found:
                del new[device, raw_hash]
        kept, kept_bytes = connection.execute(
            select(func.count(), func.coalesce(func.sum(func.length(Quarantined.raw)), 0)).where(
                Quarantined.device == device
            )
        ).one()
        over = []
        for key in [key for key in new if key[0] == device]:
            size = len(_raw(new[key]))
            if kept >= QUARANTINE_MAX_PER_DEVICE or kept_bytes + size > QUARANTINE_MAX_BYTES_PER_DEVICE:
                over.append(key)
            else:
                kept, kept_bytes = kept + 1, kept_bytes + size
        for key in over:
            del new[key]
        if over:
            log.error("quarantine_full device=%s dropped=%d", device, len(over))
    if new:
        connection.execute(insert(Quarantined), list(new.values()))
    return list(new.values())


def _set_copies_apart(connection: Connection, draft: Draft) -> frozenset[int]:
    """Take from a copy what is searched: it stands in its chain, and is seen and counted once, with its original.

    Returns the places of the copies in the draft.
    """
    drafted: dict[Numbered, object] = {(row[_DEVICE], row[_EPOCH], row[_SEQ]): row[_BODY] for row in draft.records}
    places = frozenset(doubled(connection, draft.copies, drafted))
    for place in places:
        named = dict(zip(RECORD_COLUMNS, draft.records[place], strict=True))
        named |= dict.fromkeys(_SEARCHED) | {"kind": KIND_COPY}
        draft.records[place] = tuple(named.values())
    return places


def _raw(row: Row) -> bytes:
    raw = row["raw"]
    assert isinstance(raw, bytes)
    return raw


def _judge_known(connection: Connection, draft: Draft) -> int:
    """Tell duplicates from contradictions; the latter join the draft's quarantine. Returns the duplicates."""
    if not draft.known:
        return 0
    # Records of this very batch are not in the tables yet.
    stored: dict[Numbered, set[object]] = {}
    for row in draft.records:
        stored.setdefault((row[_DEVICE], row[_EPOCH], row[_SEQ]), set()).add(row[_HASH])
    for aside in draft.quarantine:
        stored.setdefault((aside["device"], aside["epoch"], aside["seq"]), set()).add(aside["hash"])
    for table in (Record, Quarantined):
        # Nearly all are duplicates of records: the second table is rarely asked for anything.
        unknown: dict[Key, set[int]] = {}
        for known in draft.known:
            device, epoch, seq = place = _numbered(known)
            if known.envelope.hash not in stored.get(place, ()):
                unknown.setdefault((device, epoch), set()).add(seq)
        _add_stored(connection, stored, table, unknown)
    duplicates = 0
    for known in draft.known:
        hashes = stored.get(_numbered(known))
        if hashes is None:
            draft.set_aside(known.event, Why.LATE, known.envelope)
        elif known.envelope.hash in hashes:
            duplicates += 1
        else:
            draft.set_aside(known.event, Why.CONTRADICTION, known.envelope)
    return duplicates


def _numbered(known: KnownAgain) -> tuple[str, str, int]:
    return known.envelope.device, known.envelope.epoch, known.envelope.seq


def _add_stored(
    connection: Connection,
    stored: dict[Numbered, set[object]],
    table: type[Record | Quarantined],
    wanted: Mapping[Key, Set[int]],
) -> None:
    """Add the hashes under these numbers. One question per journal: asked for pairs or triples, SQLite reads it all."""
    for (device, epoch), numbers in wanted.items():
        for part in _parts(list(numbers)):
            rows = connection.execute(
                select(table.seq, table.hash).where(table.device == device, table.epoch == epoch, table.seq.in_(part))
            )
            for seq, own_hash in rows:
                stored.setdefault((device, epoch, seq), set()).add(own_hash)


def _together(parts: Sequence[Kept]) -> Kept:
    marks = {(mark.device, mark.epoch): mark for part in parts for mark in part.marks}
    return Kept(
        marks=tuple(marks.values()),
        stored=sum(part.stored for part in parts),
        duplicates=sum(part.duplicates for part in parts),
        ahead=sum(part.ahead for part in parts),
        quarantined=sum(part.quarantined for part in parts),
        tampered=sum(part.tampered for part in parts),
    )


def _parts(values: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), _LOOKUP_MAX):
        yield values[start : start + _LOOKUP_MAX]
