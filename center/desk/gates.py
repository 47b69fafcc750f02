"""Gates as the centre shows them: online or not, mode, faults, backlog, gaps, directory."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Final

from sqlalchemy import Row, ScalarSelect, func, select

from center.clock import from_ms
from center.desk.losses import Loss, losses_of
from center.store.database import Store
from center.store.schema import ChainHead, DirectoryVersion, Gap, Gate, Quarantined, Record
from mqtt.errors import MessageInvalid
from mqtt.messages import Availability, State

GATES_MAX: Final = 2_000
ALARM_PREFIX: Final = "alarm-"
RECORDS: Final = "records"
"""Not a part of the gate: its records, when some are missing and nobody has taken note."""


class Mode(Enum):
    """How a gate stands, worst first."""

    OFFLINE = "offline"
    ALARM = "alarm"
    DEGRADED = "degraded"
    NORMAL = "normal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A component that does not do its work."""

    component: str
    why: str

    @property
    def is_alarm(self) -> bool:
        """Whether the gate reports an alarm that stands, such as fire, and not a broken part."""
        return self.component.startswith(ALARM_PREFIX)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRow:
    """One device. since: of being online or offline. state: None when it has told none that can be read.

    lost: records declared gone, or announced by a journal that was closed since, and never seen. losses: the newest
    ranges of them, and what a gate that is away has not delivered.
    """

    device: str
    compound: str
    is_online: bool
    since: datetime
    mode: Mode
    faults: tuple[Fault, ...]
    state: State | None
    state_at: datetime | None
    lost: int
    quarantined: int
    tampered: int
    is_chain_whole: bool
    directory_behind: int | None
    losses: tuple[Loss, ...]
    last_event_at: datetime | None


class GateView:
    """Reads the gates. Any thread."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def all(self) -> tuple[GateRow, ...]:
        """Every device that was ever heard, by compound and name."""
        return self._read(None)

    def some(self, devices: Iterable[str]) -> tuple[GateRow, ...]:
        """These devices, as far as they are known."""
        return self._read(tuple(devices))

    def _read(self, devices: tuple[str, ...] | None) -> tuple[GateRow, ...]:
        query = select(
            Gate.device, Gate.compound, Gate.is_online, Gate.changed_at_ms, Gate.state, Gate.state_at_ms
        ).order_by(Gate.compound, Gate.device)
        if devices is not None:
            query = query.where(Gate.device.in_(devices))
        with self._store.reading() as connection:
            rows = connection.execute(query.limit(GATES_MAX)).all()
            names = [row.device for row in rows]
            newest = connection.execute(select(func.max(DirectoryVersion.version))).scalar_one()
            gaps = connection.execute(
                select(Gap.device, func.sum(Gap.to_seq - Gap.from_seq + 1))
                .where(Gap.device.in_(names))
                .group_by(Gap.device)
            )
            lost = {device: int(count) for device, count in gaps}
            kept_apart = {
                row.device: row
                for row in connection.execute(
                    select(
                        Quarantined.device,
                        func.count().label("total"),
                        func.count().filter(Quarantined.is_tamper).label("tampered"),
                    )
                    .where(Quarantined.device.in_(names))
                    .group_by(Quarantined.device)
                )
            }
            heads: dict[str, list[Row[*tuple[Any, ...]]]] = {}
            for head in connection.execute(
                select(
                    ChainHead.device,
                    ChainHead.epoch,
                    ChainHead.seq,
                    ChainHead.announced_seq,
                    ChainHead.closed_at_ms,
                    ChainHead.broken_at_seq,
                    contradiction().label("contradicted_at_seq"),
                ).where(ChainHead.device.in_(names))
            ):
                heads.setdefault(head.device, []).append(head)
            last = {
                row.device: int(row.at_ms)
                for row in connection.execute(
                    select(Record.device, func.max(Record.received_at_ms).label("at_ms"))
                    .join(
                        ChainHead,
                        (ChainHead.device == Record.device)
                        & (ChainHead.epoch == Record.epoch)
                        & (ChainHead.seq == Record.seq),
                    )
                    .where(Record.device.in_(names))
                    .group_by(Record.device)
                )
            }
            losses = losses_of(connection, names)
        return tuple(
            _gate(
                row,
                heads.get(row.device, []),
                lost.get(row.device, 0),
                losses.get(row.device, ()),
                kept_apart.get(row.device),
                last,
                newest,
            )
            for row in rows
        )


def contradiction() -> ScalarSelect[int]:
    """Column beside a chain's head: the announced number, if the device stands by another record than it sent us."""
    return (
        select(Record.seq)
        .where(
            Record.device == ChainHead.device,
            Record.epoch == ChainHead.epoch,
            Record.seq == ChainHead.announced_seq,
            Record.hash != ChainHead.announced_hash,
        )
        .scalar_subquery()
    )


def missing_tail(head: Row[*tuple[Any, ...]]) -> int:
    """How many records a closed journal had announced that never came; 0 for an open one, they are still on the way."""
    if head.closed_at_ms is None or head.announced_seq is None:
        return 0
    return max(0, int(head.announced_seq) - int(head.seq))


def _gate(
    row: Row[*tuple[Any, ...]],
    heads: list[Row[*tuple[Any, ...]]],
    lost: int,
    losses: tuple[Loss, ...],
    kept_apart: Row[*tuple[Any, ...]] | None,
    last: Mapping[str, int],
    newest_directory: int | None,
) -> GateRow:
    state = read_state(row.state)
    faults = faults_of(state)
    if any(loss.is_open for loss in losses):
        faults = (*faults, Fault(component=RECORDS, why="missing"))
    last_ms = last.get(row.device)
    behind = None
    if newest_directory is not None and state is not None:
        behind = max(0, newest_directory - (state.directory_version or 0))
    return GateRow(
        device=row.device,
        compound=row.compound,
        is_online=row.is_online,
        since=from_ms(row.changed_at_ms),
        mode=_mode(row.is_online, faults),
        faults=faults,
        state=state,
        state_at=from_ms(row.state_at_ms) if row.state_at_ms is not None else None,
        lost=lost + sum(missing_tail(head) for head in heads),
        quarantined=int(kept_apart.total) if kept_apart is not None else 0,
        tampered=int(kept_apart.tampered) if kept_apart is not None else 0,
        is_chain_whole=all(head.broken_at_seq is None and head.contradicted_at_seq is None for head in heads),
        directory_behind=behind,
        losses=losses,
        last_event_at=from_ms(last_ms) if last_ms is not None else None,
    )


def _mode(is_online: bool, faults: tuple[Fault, ...]) -> Mode:
    if not is_online:
        return Mode.OFFLINE
    if any(fault.is_alarm for fault in faults):
        return Mode.ALARM
    return Mode.DEGRADED if faults else Mode.NORMAL


def read_state(text: str | None) -> State | None:
    """A stored state message; None when there is none, or none that this version understands."""
    if text is None:
        return None
    try:
        return State.decode(text.encode())
    except MessageInvalid:
        return None


def faults_of(state: State | None) -> tuple[Fault, ...]:
    """Components out of order, and a clock that can't be trusted."""
    if state is None:
        return ()
    faults = [
        Fault(component=name, why=mode.why or "")
        for name, mode in sorted(state.modes.items())
        if mode.availability is Availability.UNAVAILABLE
    ]
    if not state.clock.is_trusted:
        faults.append(Fault(component="clock", why=state.clock.value))
    return tuple(faults)
