"""Records that the centre knows of and does not have, each range named; nothing of it looks normal until noted.

Three kinds. The tail of a journal that another replaced (a swapped card): it can still come, with the old card. A range
that the device declared to be gone. And, from a gate that is away, what it had announced and not delivered.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from typing import Final

from sqlalchemy import Connection, insert, select

from center.clock import NowMs, from_ms, now_ms
from center.errors import NotFound, ReasonMissing
from center.store.database import Store
from center.store.schema import Audit, ChainHead, Gap, Gate

NOTED: Final = "loss_noted"
"""In the audit."""
REMARK_MIN, REMARK_MAX = 4, 200
LOSSES_OF_ONE_MAX: Final = 20
"""Ranges shown of one device, the newest; all are counted."""
_GAPS_READ_MAX: Final = 2_000


class LossKind(Enum):
    """Why records are not here."""

    REPLACED = "replaced"  # another journal took over before they came
    DECLARED = "declared"  # the device says that they are gone for good
    AWAITED = "awaited"  # announced by a gate that is away


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """One range. why: a gap's own code. since: when the centre noticed. noted_by, remark: who took note, and how."""

    device: str
    epoch: str
    from_seq: int
    to_seq: int
    kind: LossKind
    since: datetime | None
    why: str = ""
    noted_by: str | None = None
    remark: str = ""

    @property
    def count(self) -> int:
        return self.to_seq - self.from_seq + 1

    @property
    def subject(self) -> str:
        """By what the audit names it; a range that grew is another."""
        return f"{self.epoch}/{self.from_seq}-{self.to_seq}"

    @property
    def is_open(self) -> bool:
        """Whether nobody has taken note of it."""
        return self.noted_by is None and self.kind is not LossKind.AWAITED


def losses_of(connection: Connection, devices: Sequence[str]) -> Mapping[str, tuple[Loss, ...]]:
    """The newest losses of each device, those of journals first."""
    found: dict[str, list[Loss]] = {}
    heads = connection.execute(
        select(
            ChainHead.device,
            ChainHead.epoch,
            ChainHead.seq,
            ChainHead.announced_seq,
            ChainHead.closed_at_ms,
            Gate.is_online,
        )
        .outerjoin(Gate, Gate.device == ChainHead.device)
        .where(ChainHead.device.in_(devices), ChainHead.announced_seq > ChainHead.seq)
        .order_by(ChainHead.closed_at_ms.desc())
    )
    for head in heads:
        is_closed = head.closed_at_ms is not None
        if not is_closed and head.is_online:
            continue  # on its way
        found.setdefault(head.device, []).append(
            Loss(
                device=head.device,
                epoch=head.epoch,
                from_seq=head.seq + 1,
                to_seq=head.announced_seq,
                kind=LossKind.REPLACED if is_closed else LossKind.AWAITED,
                since=from_ms(head.closed_at_ms) if is_closed else None,
            )
        )
    gaps = connection.execute(
        select(Gap.device, Gap.epoch, Gap.from_seq, Gap.to_seq, Gap.why, Gap.noticed_at_ms)
        .where(Gap.device.in_(devices))
        .order_by(Gap.id.desc())
        .limit(_GAPS_READ_MAX)
    )
    for gap in gaps:
        found.setdefault(gap.device, []).append(
            Loss(
                device=gap.device,
                epoch=gap.epoch,
                from_seq=gap.from_seq,
                to_seq=gap.to_seq,
                kind=LossKind.DECLARED,
                since=from_ms(gap.noticed_at_ms),
                why=gap.why,
            )
        )
    return {device: _with_notes(connection, losses[:LOSSES_OF_ONE_MAX]) for device, losses in found.items()}


class LossBook:
    """Takes note of losses. Any thread."""

    def __init__(self, store: Store, now: NowMs = now_ms) -> None:
        self._store = store
        self._now = now

    def of(self, device: str) -> tuple[Loss, ...]:
        """The losses of a device."""
        with self._store.reading() as connection:
            return losses_of(connection, [device]).get(device, ())

    def note(self, device: str, subject: str, *, by: str, remark: str) -> None:
        """Record who took note of a loss, with words for others. Raises NotFound, ReasonMissing."""
        words = " ".join(remark.split())
        if not REMARK_MIN <= len(words) <= REMARK_MAX:
            raise ReasonMissing(f"a remark of {REMARK_MIN} to {REMARK_MAX} characters is needed")
        with self._store.writing() as connection:
            known = losses_of(connection, [device]).get(device, ())
            if not any(loss.subject == subject and loss.is_open for loss in known):
                raise NotFound("no such loss, or somebody has taken note of it already")
            line = {"at_ms": self._now(), "user_name": by, "action": NOTED, "subject": subject, "reason": words}
            connection.execute(insert(Audit).values(line))


def _with_notes(connection: Connection, losses: Sequence[Loss]) -> tuple[Loss, ...]:
    notes = {
        row.subject: (row.user_name, row.reason)
        for row in connection.execute(
            select(Audit.subject, Audit.user_name, Audit.reason).where(
                Audit.subject.in_([loss.subject for loss in losses]), Audit.action == NOTED
            )
        )
    }
    return tuple(_noted(loss, *notes[loss.subject]) if loss.subject in notes else loss for loss in losses)


def _noted(loss: Loss, by: str, remark: str) -> Loss:
    return replace(loss, noted_by=by, remark=remark)
