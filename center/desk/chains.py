"""The chains as the centre holds them, and their proof: every stored record hashed again."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, func, select

from center.desk.gates import contradiction, missing_tail
from center.desk.passages import envelope_of
from center.ingest.draft import Why
from center.store.database import Store
from center.store.schema import ChainHead, Gap, Quarantined, Record
from journal.envelope import ZERO_HASH, Envelope

VERIFIED_AT_ONCE_MAX: Final = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class GapRow:
    """Records that are gone for good."""

    from_seq: int
    to_seq: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainRow:
    """One journal. count: records stored. missing_tail: announced before it was closed, and never seen.

    is_whole: every record from 1 to the head is stored, names its predecessor, and hashes to what it says.
    first_fault_seq: where that fails first; a declared gap is one of the places. is_verified: all was hashed again.
    """

    device: str
    epoch: str
    compound: str
    head_seq: int
    head_hash: str | None
    count: int
    is_closed: bool
    announced_seq: int | None
    missing_tail: int
    quarantined: int
    gaps: tuple[GapRow, ...]
    is_verified: bool
    is_whole: bool
    first_fault_seq: int | None


class ChainView:
    """Reads and proves chains. Any thread; proving reads every record of the journal."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def all(self, *, device: str | None = None, verify: bool = False) -> tuple[ChainRow, ...]:
        """All journals, or those of one device."""
        query = select(
            ChainHead.device,
            ChainHead.epoch,
            ChainHead.compound,
            ChainHead.seq,
            ChainHead.hash,
            ChainHead.broken_at_seq,
            ChainHead.announced_seq,
            ChainHead.closed_at_ms,
            contradiction().label("contradicted_at_seq"),
        ).order_by(ChainHead.device, ChainHead.epoch)
        if device is not None:
            query = query.where(ChainHead.device == device)
        with self._store.reading() as connection:
            return tuple(_chain(connection, head, verify=verify) for head in connection.execute(query).all())


def _chain(connection: Connection, head: Row[*tuple[Any, ...]], *, verify: bool) -> ChainRow:
    own = (Record.device == head.device, Record.epoch == head.epoch)
    count = int(connection.execute(select(func.count()).where(*own)).scalar_one())
    gaps = tuple(
        GapRow(from_seq=gap.from_seq, to_seq=gap.to_seq, why=gap.why)
        for gap in connection.execute(
            select(Gap.from_seq, Gap.to_seq, Gap.why)
            .where(Gap.device == head.device, Gap.epoch == head.epoch)
            .order_by(Gap.from_seq)
        )
    )
    quarantined = connection.execute(
        select(func.count()).where(Quarantined.device == head.device, Quarantined.epoch == head.epoch)
    ).scalar_one()
    known = [seq for seq in (head.broken_at_seq, head.contradicted_at_seq) if seq is not None]
    fault = min(known, default=None)
    if count < head.seq or verify:
        proved = _first_fault(connection, head)
        fault = proved if fault is None or (proved is not None and proved < fault) else fault
    return ChainRow(
        device=head.device,
        epoch=head.epoch,
        compound=head.compound,
        head_seq=head.seq,
        head_hash=head.hash,
        count=count,
        is_closed=head.closed_at_ms is not None,
        announced_seq=head.announced_seq,
        missing_tail=missing_tail(head),
        quarantined=int(quarantined),
        gaps=gaps,
        is_verified=verify,
        is_whole=fault is None,
        first_fault_seq=fault,
    )


def _first_fault(connection: Connection, head: Row[*tuple[Any, ...]]) -> int | None:
    """The first number whose record is missing, altered, or out of the chain; None when all hold."""
    expected_seq, prev = 1, ZERO_HASH
    aside = _readable_in_quarantine(connection, head)
    while True:
        rows = connection.execute(
            select(
                Record.device,
                Record.epoch,
                Record.seq,
                Record.prev,
                Record.hash,
                Record.body,
                Record.personal,
                Record.salt,
                Record.personal_digest,
            )
            .where(Record.device == head.device, Record.epoch == head.epoch, Record.seq >= expected_seq)
            .order_by(Record.seq)
            .limit(VERIFIED_AT_ONCE_MAX)
        ).all()
        for envelope in map(envelope_of, rows):
            while expected_seq < envelope.seq and expected_seq in aside and aside[expected_seq].prev == prev:
                expected_seq, prev = expected_seq + 1, aside[expected_seq].hash
            if envelope.seq != expected_seq or envelope.prev != prev or not envelope.is_whole:
                return expected_seq
            expected_seq, prev = envelope.seq + 1, envelope.hash
        while expected_seq <= head.seq and expected_seq in aside and aside[expected_seq].prev == prev:
            expected_seq, prev = expected_seq + 1, aside[expected_seq].hash
        if len(rows) < VERIFIED_AT_ONCE_MAX:
            return None if expected_seq == head.seq + 1 and prev == (head.hash or prev) else expected_seq


def _readable_in_quarantine(connection: Connection, head: Row[*tuple[Any, ...]]) -> Mapping[int, Envelope]:
    """Records in order around a body that could not be read: they stand in quarantine and hold their place."""
    found: dict[int, Envelope] = {}
    for (raw,) in connection.execute(
        select(Quarantined.raw).where(
            Quarantined.device == head.device,
            Quarantined.epoch == head.epoch,
            Quarantined.why.in_((Why.BODY.value, Why.NOT_STORABLE.value)),
        )
    ):
        envelope = Envelope.from_wire(raw)
        if envelope.is_whole:
            found[envelope.seq] = envelope
    return found
