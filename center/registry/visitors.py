"""Visitors who are in: registered at a gate and let in, and not seen to leave; who they are is opened for a look.

What a guard typed comes sealed (passes.visitor_sealed), is kept sealed, and is opened with the centre's key for a page:
masked for everybody who signs in, in clear only with a reason, which the audit keeps. A purge removes it from the
records; that somebody came, when and to whom, stays.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy import Connection, select, update

from center.accounts import audit
from center.accounts.users import Account
from center.clock import NowMs, from_ms, now_ms
from center.errors import ConfigurationError, NotAllowed, NotFound
from center.store.database import Store
from center.store.schema import Household, Place, Record
from journal.body import parse_body
from journal.errors import RecordInvalid
from model.identities import CommunityId, DeviceId, VisitNumber
from model.reasons import Outcome, Reason
from model.visitors import VisitorRegistration, VisitorStep
from passes.errors import KeyFileRefused
from passes.sealed import SealedPartRefused
from passes.visitor_sealed import load_visitors_key, open_registration

KIND_VISITOR: Final = "visitor"
LOOKED_BACK: Final = timedelta(days=7)
"""Visits are short; a number comes again with the same day of the next month."""
SHOWN_MAX: Final = 500
_LETS_PASS: Final = (Reason.VISITOR_ADMITTED.value, Reason.GUARD_CONFIRMED.value)
_NAMES_A_VISITOR: Final = '%"visitor":{%'


class _Body(BaseModel):
    """What is read of a `visitor` record's body, and of a decision's `visitor`."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    number: str
    step: str = ""
    host: int | None = None
    purpose: str | None = None
    guard: str = ""
    limit_min: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Noted:
    """What a guard noted."""

    record: int
    device: str
    compound: str
    at_ms: int
    personal: str | None
    body: _Body

    @property
    def due_ms(self) -> int | None:
        """Until when the visitor may stay."""
        return self.at_ms + self.body.limit_min * 60_000 if self.body.limit_min is not None else None

    def is_overdue(self, now: int) -> bool:
        """Whether the visitor should have gone."""
        return self.due_ms is not None and now >= self.due_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitorRow:
    """Somebody who is in, masked. record: of the registration. due_at: by when they should have gone; None: no limit.

    masked_*: None where nothing can be opened here: no key, or purged.
    """

    record: int
    number: str
    device: str
    compound: str
    host: int | None
    place: str | None
    purpose: str | None
    guard: str
    registered_at: datetime
    due_at: datetime | None
    is_overdue: bool
    masked_name: str | None
    masked_id_number: str | None
    masked_phone: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RevealedVisitor:
    """Who somebody is, in clear, for one page."""

    record: int
    registration: VisitorRegistration


class VisitorBook:
    """Reads visitors from the records. Any thread."""

    def __init__(
        self,
        store: Store,
        private: EllipticCurvePrivateKey | None,
        community: CommunityId,
        now: NowMs = now_ms,
    ) -> None:
        """private: None where the centre has no key: then visitors are numbers alone."""
        self._store = store
        self._private = private
        self._community = community
        self._now = now

    def who_are_in(self) -> tuple[VisitorRow, ...]:
        """Whoever has overstayed first, then the newest; at most SHOWN_MAX."""
        now = self._now()
        with self._store.reading() as connection:
            inside = sorted(_inside(connection, now), key=lambda each: (not each.is_overdue(now), -each.at_ms))
            shown = inside[:SHOWN_MAX]
            places = _places(connection, [each.body.host for each in shown if each.body.host is not None])
        return tuple(self._row(each, places, now) for each in shown)

    def overdue(self) -> int:
        """How many stayed longer than they may; nothing is opened for it."""
        now = self._now()
        with self._store.reading() as connection:
            return sum(each.is_overdue(now) for each in _inside(connection, now))

    def reveal(self, record: int, *, account: Account, reason: str) -> RevealedVisitor:
        """Who somebody is, in clear. The audit line is durable before anything is returned.

        Raises NotAllowed without the right or a reason, NotFound when there is nothing to open.
        """
        if not account.role.may_reveal:
            raise NotAllowed("this account may not see who a visitor is")
        stated = audit.stated_reason(reason)
        with self._store.writing() as connection:
            row = connection.execute(
                select(Record.device, Record.body, Record.personal).where(
                    Record.id == record, Record.kind == KIND_VISITOR
                )
            ).first()
            body = _read(row.body) if row is not None else None
            registration = self._opened(row.device, row.personal, body.number) if row is not None and body else None
            if registration is None:
                raise NotFound(f"nothing to open in record {record}")
            audit.note(
                connection,
                at_ms=self._now(),
                user_name=account.name,
                action=audit.Action.VISITOR_REVEALED,
                subject=f"record {record}",
                reason=stated,
            )
        return RevealedVisitor(record=record, registration=registration)

    def purge(self, before: datetime) -> int:
        """Delete what was typed of visitors who registered before this; the chain stays whole. Returns the count."""
        with self._store.writing() as connection:
            purged = connection.execute(
                update(Record)
                .where(
                    Record.kind == KIND_VISITOR,
                    Record.wall_ms < int(before.timestamp() * 1000),
                    Record.personal.is_not(None),
                )
                .values(personal=None, salt=None)
            )
        return purged.rowcount

    def _row(self, noted: _Noted, places: Mapping[int, str], now: int) -> VisitorRow:
        body = noted.body
        registration = self._opened(noted.device, noted.personal, body.number)
        return VisitorRow(
            record=noted.record,
            number=body.number,
            device=noted.device,
            compound=noted.compound,
            host=body.host,
            place=places.get(body.host) if body.host is not None else None,
            purpose=body.purpose,
            guard=body.guard,
            registered_at=from_ms(noted.at_ms),
            due_at=from_ms(noted.due_ms) if noted.due_ms is not None else None,
            is_overdue=noted.is_overdue(now),
            masked_name=registration.masked_name if registration is not None else None,
            masked_id_number=registration.masked_id_number if registration is not None else None,
            masked_phone=registration.masked_phone if registration is not None else None,
        )

    def _opened(self, device: str, sealed: str | None, number: str) -> VisitorRegistration | None:
        if sealed is None or self._private is None:
            return None
        try:
            return open_registration(
                sealed,
                self._private,
                community=self._community,
                device=DeviceId(device),
                number=VisitNumber(number),
            )
        except SealedPartRefused:
            return None


def visitors_key(path: Path) -> EllipticCurvePrivateKey | None:
    """The centre's key for visitors; None where there is none. Raises ConfigurationError for one that can't be used."""
    if not path.exists():
        return None
    try:
        return load_visitors_key(path)
    except KeyFileRefused as error:
        raise ConfigurationError(f"key for visitors: {error}") from error


def _inside(connection: Connection, now: int) -> list[_Noted]:
    """Registrations of those who were let in and have not left."""
    since = now - int(LOOKED_BACK.total_seconds() * 1000)
    noted, passed = _noted(connection, since), _passed(connection, since)
    went, came = _last_went(noted), {number for number, direction, _ in passed if direction != "out"}
    for number, direction, at_ms in passed:
        if direction == "out":
            went[number] = max(at_ms, went.get(number, at_ms))
    return [
        each
        for each in noted
        if each.body.step == VisitorStep.REGISTERED.value
        and (key := (each.compound, each.body.number)) in came
        and went.get(key, -1) < each.at_ms
    ]


def _noted(connection: Connection, since: int) -> list[_Noted]:
    """What guards noted of visitors, oldest first."""
    rows = connection.execute(
        select(Record.id, Record.device, Record.compound, Record.wall_ms, Record.body, Record.personal)
        .where(Record.kind == KIND_VISITOR, Record.wall_ms >= since)
        .order_by(Record.wall_ms, Record.id)
    ).all()
    return [
        _Noted(
            record=row.id,
            device=row.device,
            compound=row.compound,
            at_ms=row.wall_ms,
            personal=row.personal,
            body=body,
        )
        for row in rows
        if row.wall_ms is not None and (body := _read(row.body)) is not None
    ]


def _last_went(noted: Sequence[_Noted]) -> dict[tuple[str, str], int]:
    """When a guard last saw each number leave, by compound and number."""
    left = [each for each in noted if each.body.step == VisitorStep.LEFT.value]
    return {(each.compound, each.body.number): each.at_ms for each in left}


def _passed(connection: Connection, since: int) -> list[tuple[tuple[str, str], str | None, int]]:
    """Grants to visitors, oldest first: compound and number, direction, moment."""
    rows = connection.execute(
        select(Record.compound, Record.direction, Record.wall_ms, Record.body)
        .where(
            Record.outcome == Outcome.GRANTED.value,
            Record.wall_ms >= since,
            Record.reason.in_(_LETS_PASS),
            Record.body.like(_NAMES_A_VISITOR),
        )
        .order_by(Record.wall_ms, Record.id)
    ).all()
    return [
        ((row.compound, body.number), row.direction, row.wall_ms)
        for row in rows
        if row.wall_ms is not None and (body := _read(row.body, "visitor")) is not None
    ]


def _places(connection: Connection, hosts: Sequence[int]) -> Mapping[int, str]:
    rows = connection.execute(
        select(Household.id, Place.label)
        .join(Place, Place.id == Household.place_id)
        .where(Household.id.in_(sorted(set(hosts))[:SHOWN_MAX]))
    ).all()
    return {row.id: row.label for row in rows}


def _read(text: str, part: str | None = None) -> _Body | None:
    try:
        body: object = parse_body(text)
        return _Body.model_validate(body[part] if part is not None and isinstance(body, Mapping) else body)
    except (RecordInvalid, ValidationError, KeyError):
        return None
