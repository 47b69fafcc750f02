"""What a batch of events would change, worked out before anything is written. No I/O."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256
from typing import Final, assert_never

from center.ingest.arrivals import EventArrived
from center.ingest.chain import Head, Place, appended, broken, place_of, skipped
from center.ingest.copies import Copied, copied
from center.ingest.extract import DeclaredGap, columns_of, declared_gap_of, gap_in
from center.ingest.granted_twice import Use, use_of
from center.outings.news import OutingNews, news_in
from journal.body import KIND_GAP, parse_body
from journal.envelope import MAX_SEQ, MAX_WIRE_BYTES, Envelope
from journal.errors import RecordInvalid

Key = tuple[str, str]
"""A journal: device and epoch."""

Row = dict[str, object]

RECORD_COLUMNS: Final = (
    "device",
    "epoch",
    "seq",
    "prev",
    "hash",
    "body",
    "personal",
    "salt",
    "personal_digest",
    "received_at_ms",
    "compound",
    "kind",
    "wall_ms",
    "visit",
    "direction",
    "outcome",
    "reason",
    "pass_id",
    "household",
    "passage_end",
)
"""Order of a record's row in a draft."""
RAW_KEPT_MAX_BYTES: Final = MAX_WIRE_BYTES
_HASH: Final = re.compile(r"[0-9a-f]{64}")


class Why(Enum):
    """Why something stands in quarantine."""

    ENVELOPE = "envelope"  # not an envelope
    TOPIC = "topic"  # it claims another device or epoch than its topic
    BODY = "body"  # an envelope in order around a body that can't be read
    NOT_STORABLE = "not_storable"  # the database can't hold it
    ALTERED = "altered"  # its contents do not fit its hash
    FORKED = "forked"  # it names another predecessor than the one stored
    CONTRADICTION = "contradiction"  # another record is stored under this number
    LATE = "late"  # it lies in a range that was declared to be gone


TAMPERING: Final = frozenset({Why.ALTERED, Why.FORKED, Why.CONTRADICTION, Why.TOPIC})


@dataclass(frozen=True, slots=True)
class KnownAgain:
    """A record at or before the head: a duplicate if the stored hash is the same. Judged inside the transaction."""

    event: EventArrived
    envelope: Envelope


class Draft:
    """One batch in the making."""

    def __init__(self, head_of: Callable[[Key], Head], received_at_ms: int) -> None:
        self._head_of = head_of
        self._received_at_ms = received_at_ms
        self.heads: dict[Key, Head] = {}
        self.touched: dict[Key, str] = {}
        self.records: list[tuple[object, ...]] = []
        self.quarantine: list[Row] = []
        self.gaps: list[Row] = []
        self.known: list[KnownAgain] = []
        self.copies: list[Copied] = []
        self.uses: list[Use] = []
        self.outings: list[OutingNews] = []
        self.ahead = 0

    def take(self, event: EventArrived, *, is_storable: bool = True) -> None:
        """Judge one event; total. is_storable: False keeps its bytes in quarantine, whatever they say."""
        try:
            envelope = Envelope.from_wire(event.payload)
        except RecordInvalid:
            self._take_unreadable(event)
            return
        if envelope.device != event.device or envelope.epoch != event.epoch:
            self.set_aside(event, Why.TOPIC, None)
            return
        key = (envelope.device, envelope.epoch)
        self.touched[key] = event.compound
        head = self._head(key)
        place = place_of(envelope, head)
        match place:
            case Place.NEXT:
                self._append(event, envelope, key, head, is_storable=is_storable)
            case Place.KNOWN:
                self.known.append(KnownAgain(event, envelope))
            case Place.AHEAD:
                self._take_ahead(event, envelope, key)
            case Place.FORKED:
                self.set_aside(event, Why.FORKED, envelope)
            case Place.ALTERED:
                self.set_aside(event, Why.ALTERED, envelope)
                if envelope.seq == head.seq + 1:
                    self.heads[key] = broken(head, envelope)
            case _:
                assert_never(place)

    def set_aside(self, event: EventArrived, why: Why, envelope: Envelope | None) -> None:
        """Put an event into quarantine, byte for byte."""
        self.quarantine.append(
            {
                "received_at_ms": self._received_at_ms,
                "topic": f"{event.compound}/{event.device}/event/{event.epoch}",
                "device": event.device,
                "raw_hash": sha256(event.payload).hexdigest(),
                "epoch": envelope.epoch if envelope is not None else event.epoch,
                "seq": envelope.seq if envelope is not None else None,
                "hash": envelope.hash if envelope is not None else None,
                "why": why.value,
                "is_tamper": why in TAMPERING,
                "raw": event.payload[:RAW_KEPT_MAX_BYTES],
            }
        )

    def _head(self, key: Key) -> Head:
        drafted = self.heads.get(key)
        return drafted if drafted is not None else self._head_of(key)

    def _append(self, event: EventArrived, envelope: Envelope, key: Key, head: Head, *, is_storable: bool) -> None:
        self.heads[key] = appended(head, envelope)
        if not is_storable:
            self.set_aside(event, Why.NOT_STORABLE, envelope)
            return
        try:
            body = parse_body(envelope.body)
        except RecordInvalid:
            self.set_aside(event, Why.BODY, envelope)
            return
        columns = columns_of(body)
        if "copy_of" in body:
            copy = copied(len(self.records), envelope.device, body)
            if copy is not None:
                self.copies.append(copy)
        use = use_of(envelope.device, body)
        if use is not None:
            self.uses.append(use)
        what = news_in(body, columns)
        if what is not None:
            self.outings.append(OutingNews(len(self.records), envelope.device, event.compound, what))
        self.records.append(
            (
                envelope.device,
                envelope.epoch,
                envelope.seq,
                envelope.prev,
                envelope.hash,
                envelope.body,
                envelope.personal,
                envelope.salt,
                envelope.personal_digest,
                self._received_at_ms,
                event.compound,
                columns.kind,
                columns.wall_ms,
                columns.visit,
                columns.direction,
                columns.outcome,
                columns.reason,
                columns.pass_id,
                columns.household,
                columns.passage_end,
            )
        )
        if columns.kind == KIND_GAP:
            gap = gap_in(body)
            if gap is not None:
                self._skip(gap, event)

    def _take_ahead(self, event: EventArrived, envelope: Envelope, key: Key) -> None:
        """A record beyond the next number. Only a declared gap that begins right here may advance the mark."""
        gap = declared_gap_of(envelope.body) if KIND_GAP in envelope.body and envelope.is_whole else None
        if gap is not None and gap.to_seq < envelope.seq and gap.epoch in (None, envelope.epoch):
            self._skip(gap, event)
            head = self._head(key)
            if place_of(envelope, head) is Place.NEXT:
                self._append(event, envelope, key, head, is_storable=True)
                return
        self.ahead += 1

    def _skip(self, gap: DeclaredGap, event: EventArrived) -> None:
        key = (event.device, gap.epoch if gap.epoch is not None else event.epoch)
        head = self._head(key)
        if not gap.from_seq <= head.seq + 1 <= gap.to_seq:
            return  # all of it is stored here, or something before it is still to come
        self.touched[key] = event.compound
        self.gaps.append(
            {
                "device": key[0],
                "epoch": key[1],
                "from_seq": head.seq + 1,
                "to_seq": gap.to_seq,
                "why": gap.why,
                "noticed_at_ms": self._received_at_ms,
            }
        )
        self.heads[key] = skipped(head, gap.to_seq)

    def _take_unreadable(self, event: EventArrived) -> None:
        """Not an envelope of this version. If it still tells its place, the mark advances past it."""
        place = _salvaged_place(event)
        self.set_aside(event, Why.ENVELOPE, None)
        if place is None:
            return
        seq, prev, own_hash = place
        self.quarantine[-1] |= {"seq": seq, "hash": own_hash}
        key = (event.device, event.epoch)
        self.touched[key] = event.compound
        head = self._head(key)
        if seq == head.seq + 1 and head.hash in (None, prev):
            first = head.broken_at_seq if head.broken_at_seq is not None else seq
            self.heads[key] = Head(seq=seq, hash=own_hash, broken_at_seq=first)


def _salvaged_place(event: EventArrived) -> tuple[int, str, str] | None:
    """Number, predecessor and hash, if they can be made out."""
    if len(event.payload) > MAX_WIRE_BYTES:
        return None
    try:
        members = json.loads(event.payload.decode())
    except (ValueError, RecursionError):
        return None
    if not isinstance(members, dict) or (members.get("device"), members.get("epoch")) != (event.device, event.epoch):
        return None
    seq, prev, own_hash = members.get("seq"), members.get("prev"), members.get("hash")
    if type(seq) is not int or not 1 <= seq <= MAX_SEQ or not isinstance(prev, str) or not isinstance(own_hash, str):
        return None
    return (seq, prev, own_hash) if _HASH.fullmatch(own_hash) else None
