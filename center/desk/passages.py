"""Passages as the centre shows them: decisions, what came of each, and the household's place from the register."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, Select, and_, case, func, or_, select
from sqlalchemy.orm import aliased

from center.clock import from_ms, to_ms
from center.desk.notices import TwiceRow, granted_twice
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
    """One decision. moment: the gate's clock, or the moment of receipt when it told none that could be read.

    place: such as '3-2-501', None when the register doesn't know the household. end: a PassageEnd's code, None when
    nothing has been told yet or nothing was granted. holder: label of the pass's holder, masked, if it is one person's.
    """

    id: int
    device: str
    compound: str
    moment: datetime
    direction: str | None
    outcome: str
    reason: str | None
    pass_id: str | None
    household: int | None
    place: str | None
    holder: str | None
    end: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PassageFilter:
    """What to look for; None means anything. until is exclusive. before_id pages backwards."""

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
        """The newest decisions after record_id, oldest first, at most `size`."""
        query = _rows().where(Record.id > record_id).order_by(Record.id.desc()).limit(size)
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
                    )
                    .order_by(Record.seq.desc())
                    .limit(1)
                ).first()
                if decision is not None:
                    rows.append(_row(decision))
            return tuple(rows)

    def count_after(self, record_id: int) -> int:
        """How many decisions came after record_id."""
        with self._store.reading() as connection:
            query = select(func.count()).where(Record.id > record_id, Record.outcome.is_not(None))
            return int(connection.execute(query).scalar_one())

    def granted_twice(self) -> tuple[TwiceRow, ...]:
        """Codes that opened two gates, the newest of the last day."""
        return granted_twice(self._store)

    def newest_id(self) -> int:
        """Highest row of the record; 0 when it is empty."""
        with self._store.reading() as connection:
            return int(connection.execute(select(func.max(Record.id))).scalar_one() or 0)

    def detail(self, record_id: int) -> PassageDetail:
        """One decision with all its inputs. Raises NotFound."""
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
    """Decisions with their ends, places and holders."""
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
            Record.device,
            Record.compound,
            Record.received_at_ms,
            Record.wall_ms,
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
        .where(Record.outcome.is_not(None), Record.kind == KIND_DECISION)
    )


def _conditions(search: PassageFilter) -> list[Any]:
    conditions: list[Any] = []
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
        device=row.device,
        compound=row.compound,
        moment=from_ms(row.wall_ms if row.wall_ms is not None else row.received_at_ms),
        direction=row.direction,
        outcome=row.outcome,
        reason=row.reason,
        pass_id=row.pass_id,
        household=row.household,
        place=row.place,
        holder=person_label(row.holder, row.masked_id, row.phone) if row.holder is not None else None,
        end=row.end,
    )
