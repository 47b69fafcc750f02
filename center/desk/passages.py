"""Passages as the centre shows them: decisions, what came of each, and the household's place from the register.

Beside them stand the events of a gate: what guards did, what the barrier did, what the gate tells of itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, and_, case, func, not_, or_, select
from sqlalchemy.orm import aliased

from center.clock import from_ms, to_ms
from center.desk.event_body import (
    KNOWN,
    NEVER_LISTED,
    ON_REQUEST,
    ROUTINE,
    UNKNOWN,
    EventBody,
    listed_as,
    read_event,
    service_in,
)
from center.desk.notices import (
    JournalNews,
    OverQuotaRow,
    TwiceRow,
    granted_twice,
    journal_news,
    outings_over_quota,
)
from center.errors import NotFound
from center.ingest.extract import KIND_DECISION, KIND_PASSAGE
from center.person_label import person_label
from center.store.database import Store
from center.store.schema import ChainHead, Household, IssuedPass, Person, Place, Record
from journal.body import parse_body
from journal.envelope import Envelope
from journal.errors import RecordInvalid
from model.identities import DeviceId, Epoch, Seq
from model.reasons import Outcome, Reason

PAGE_SIZE: Final = 50
PAGE_SIZE_MAX: Final = 500
END_WITHIN: Final = 64
"""What came of a grant stands at most this many records after its decision."""

_end_record = aliased(Record)


@dataclass(frozen=True, slots=True, kw_only=True)
class PassageRow:
    """One decision, or one event. kind: as listed; UNKNOWN for what a newer gate records, with its name in raw_kind.

    moment: the gate's clock, or the moment of receipt when it told none that could be read.

    place: such as '3-2-501', None when the register doesn't know the household. end: a PassageEnd's code, None when
    nothing has been told yet or nothing was granted. holder: label of the pass's holder, masked, if it is one person's.
    service: whom a guard let in without a pass. event: None for a decision.
    """

    id: int
    kind: str
    raw_kind: str
    device: str
    compound: str
    moment: datetime
    direction: str | None
    outcome: str | None
    reason: str | None
    service: str | None
    event: EventBody | None
    pass_id: str | None
    household: int | None
    place: str | None
    holder: str | None
    end: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PassageFilter:
    """What to look for; None means anything. until is exclusive. before_id pages backwards.

    kind: one of event_body.KINDS. Without it decisions are listed, and, while nothing else is looked for, the events
    that people cause and those that nobody here understands.
    """

    kind: str | None = None
    pass_id: str | None = None
    household: int | None = None
    place: str | None = None
    reason: Reason | None = None
    outcome: Outcome | None = None
    device: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    before_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PassageDetail:
    """All that stands in the record of one decision, its place in the chain, and whether its hash still fits."""

    row: PassageRow
    received_at: datetime
    epoch: str
    seq: int
    prev: str
    hash: str
    is_hash_right: bool
    is_chain_whole: bool
    body: Mapping[str, Any]


class PassageView:
    """Reads passages. Any thread."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def page(self, search: PassageFilter, size: int = PAGE_SIZE) -> tuple[PassageRow, ...]:
        """Newest first, at most `size`."""
        query = _rows().where(*_conditions(search)).order_by(Record.id.desc()).limit(min(size, PAGE_SIZE_MAX))
        with self._store.reading() as connection:
            return tuple(_row(row) for row in connection.execute(query))

    def after(self, record_id: int, size: int) -> tuple[PassageRow, ...]:
        """The newest decisions and events after record_id, oldest first, at most `size`."""
        query = _rows().where(Record.id > record_id, _is_news()).order_by(Record.id.desc()).limit(size)
        with self._store.reading() as connection:
            return tuple(_row(row) for row in reversed(connection.execute(query).all()))

    def ended_after(self, record_id: int, size: int) -> tuple[PassageRow, ...]:
        """Older decisions whose end has come after record_id, at most `size`."""
        with self._store.reading() as connection:
            ends = connection.execute(
                select(Record.device, Record.epoch, Record.seq, Record.visit)
                .where(Record.id > record_id, Record.kind == KIND_PASSAGE, Record.visit.is_not(None))
                .order_by(Record.id.desc())
                .limit(size)
            ).all()
            rows = []
            for end in ends:
                decision = connection.execute(
                    _rows()
                    .where(
                        Record.device == end.device,
                        Record.epoch == end.epoch,
                        Record.seq.between(end.seq - END_WITHIN, end.seq - 1),
                        Record.visit == end.visit,
                        Record.id <= record_id,
                        Record.kind == KIND_DECISION,
                    )
                    .order_by(Record.seq.desc())
                    .limit(1)
                ).first()
                if decision is not None:
                    rows.append(_row(decision))
            return tuple(rows)

    def count_after(self, record_id: int) -> int:
        """How many decisions and listed events came after record_id."""
        with self._store.reading() as connection:
            query = select(func.count()).where(Record.id > record_id, _is_listed())
            return int(connection.execute(query).scalar_one())

    def granted_twice(self) -> tuple[TwiceRow, ...]:
        """Codes that opened two gates, the newest of the last day."""
        return granted_twice(self._store)

    def outings_over_quota(self) -> tuple[OverQuotaRow, ...]:
        """Households that gates let out too often, the newest of the last day."""
        return outings_over_quota(self._store)

    def journal_news(self) -> tuple[JournalNews, ...]:
        """Gates that go on in another journal, the newest of the last day."""
        return journal_news(self._store)

    def newest_id(self) -> int:
        """Highest row of the record; 0 when it is empty."""
        with self._store.reading() as connection:
            return int(connection.execute(select(func.max(Record.id))).scalar_one() or 0)

    def detail(self, record_id: int) -> PassageDetail:
        """One decision with all its inputs, or one event. Raises NotFound."""
        with self._store.reading() as connection:
            shown = connection.execute(_rows().where(Record.id == record_id)).first()
            record = connection.execute(
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
                    Record.received_at_ms,
                    ChainHead.broken_at_seq,
                )
                .outerjoin(ChainHead, and_(ChainHead.device == Record.device, ChainHead.epoch == Record.epoch))
                .where(Record.id == record_id)
            ).first()
        if shown is None or record is None:
            raise NotFound(f"no passage {record_id}")
        try:
            body = parse_body(record.body)
        except RecordInvalid:
            body = {}
        return PassageDetail(
            row=_row(shown),
            received_at=from_ms(record.received_at_ms),
            epoch=record.epoch,
            seq=record.seq,
            prev=record.prev,
            hash=record.hash,
            is_hash_right=envelope_of(record).is_whole,
            is_chain_whole=record.broken_at_seq is None,
            body=body,
        )


def envelope_of(record: Row[*tuple[Any, ...]]) -> Envelope:
    """A stored record as the envelope that it came in."""
    return Envelope(
        device=DeviceId(record.device),
        epoch=Epoch(record.epoch),
        seq=Seq(record.seq),
        prev=record.prev,
        hash=record.hash,
        body=record.body,
        personal_digest=record.personal_digest,
        salt=record.salt,
        personal=record.personal,
    )


def _rows() -> Select[*tuple[Any, ...]]:
    """Records with what stands beside a decision: its end, place and holder."""
    end = (
        select(_end_record.passage_end)
        .where(
            _end_record.device == Record.device,
            _end_record.epoch == Record.epoch,
            _end_record.seq.between(Record.seq + 1, Record.seq + END_WITHIN),
            _end_record.visit == Record.visit,
            _end_record.kind == KIND_PASSAGE,
        )
        .order_by(_end_record.seq)
        .limit(1)
        .scalar_subquery()
    )
    return (
        select(
            Record.id,
            Record.kind,
            Record.device,
            Record.compound,
            Record.received_at_ms,
            Record.wall_ms,
            # The body of a plain decision is long, and not shown in a list.
            case(
                (or_(Record.kind != KIND_DECISION, Record.reason == Reason.SERVICE_ADMITTED.value), Record.body),
                else_=None,
            ).label("body"),
            Record.direction,
            Record.outcome,
            Record.reason,
            Record.pass_id,
            Record.household,
            Place.label.label("place"),
            Person.masked_name.label("holder"),
            Person.masked_id,
            Person.phone,
            # The guard's grant follows a referral of the same visit: what came of it belongs to the grant alone.
            case((Record.outcome == Outcome.GRANTED.value, end), else_=None).label("end"),
        )
        .outerjoin(Household, Household.id == Record.household)
        .outerjoin(Place, Place.id == Household.place_id)
        .outerjoin(IssuedPass, IssuedPass.pass_id == Record.pass_id)
        .outerjoin(Person, Person.id == IssuedPass.person_id)
        .where(Record.kind.not_in(NEVER_LISTED))
    )


def _conditions(search: PassageFilter) -> list[Any]:
    conditions: list[Any] = [_of_kind(search)]
    if search.pass_id is not None:
        conditions.append(Record.pass_id == search.pass_id)
    if search.household is not None:
        conditions.append(Record.household == search.household)
    if search.place is not None:
        conditions.append(Record.household.in_(_households_at(search.place)))
    if search.reason is not None:
        conditions.append(Record.reason == search.reason.value)
    if search.outcome is not None:
        conditions.append(Record.outcome == search.outcome.value)
    if search.device is not None:
        conditions.append(Record.device == search.device)
    if search.since is not None:
        conditions.append(Record.wall_ms >= to_ms(search.since))
    if search.until is not None:
        conditions.append(Record.wall_ms < to_ms(search.until))
    if search.before_id is not None:
        conditions.append(Record.id < search.before_id)
    return conditions


def _of_kind(search: PassageFilter) -> ColumnElement[bool]:
    if search.kind == UNKNOWN:
        return Record.kind.not_in(KNOWN)
    if search.kind is not None:
        return Record.kind == search.kind
    looked_for = (
        search.pass_id,
        search.household,
        search.place,
        search.reason,
        search.outcome,
        search.since,
        search.until,
    )
    # The indexes hold decisions: a search of years for events as well would read every record.
    return _is_listed() if all(wanted is None for wanted in looked_for) else _is_decision()


def _is_decision() -> ColumnElement[bool]:
    return and_(Record.outcome.is_not(None), Record.kind == KIND_DECISION)


def _is_listed() -> ColumnElement[bool]:
    """Decisions and the events that stand with them; the barrier's daily opening and closing apart."""
    is_routine = and_(Record.kind == "barrier", func.coalesce(Record.reason, "").in_(ROUTINE))
    return and_(Record.kind.not_in((*NEVER_LISTED, *ON_REQUEST)), not_(is_routine))


def _is_news() -> ColumnElement[bool]:
    """What a live page may be shown: whoever watches one kind alone gets it too."""
    return Record.kind.not_in(NEVER_LISTED)


def _households_at(place: str) -> Select[*tuple[Any, ...]]:
    """Households at a label as people write it: '3-2-501', or its beginning, '3-2' for a unit, '3' for a building."""
    prefix = place.strip("-").replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return (
        select(Household.id)
        .join(Place, Place.id == Household.place_id)
        .where(or_(Place.label == place, Place.label.like(prefix + "-%", escape="\\")))
    )


def _row(row: Row[*tuple[Any, ...]]) -> PassageRow:
    return PassageRow(
        id=row.id,
        kind=listed_as(row.kind),
        raw_kind=row.kind,
        device=row.device,
        compound=row.compound,
        moment=from_ms(row.wall_ms if row.wall_ms is not None else row.received_at_ms),
        direction=row.direction,
        outcome=row.outcome,
        reason=row.reason if row.kind == KIND_DECISION else None,
        service=service_in(row.body) if row.kind == KIND_DECISION else None,
        event=read_event(row.kind, row.body) if row.kind != KIND_DECISION else None,
        pass_id=row.pass_id,
        household=row.household,
        place=row.place,
        holder=person_label(row.holder, row.masked_id, row.phone) if row.holder is not None else None,
        end=row.end,
    )
