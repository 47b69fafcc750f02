"""What people on duty must hear of once: one code that opened two gates."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select

from center.clock import NowMs, from_ms, now_ms
from center.ingest.granted_twice import ACTION
from center.store.database import Store
from center.store.schema import Audit

SHOWN_MAX: Final = 5
SHOWN_FOR_MS: Final = 24 * 3_600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TwiceRow:
    """A code that was granted at more than one gate. gates: those known to have granted it, one at least."""

    noticed_at: datetime
    pass_id: str
    gates: tuple[str, ...]


def granted_twice(store: Store, now: NowMs = now_ms) -> tuple[TwiceRow, ...]:
    """The newest of the last day, newest first."""
    with store.reading() as connection:
        rows = connection.execute(
            select(Audit.at_ms, Audit.subject, Audit.reason)
            .where(Audit.action == ACTION, Audit.at_ms > now() - SHOWN_FOR_MS)
            .order_by(Audit.id.desc())
            .limit(SHOWN_MAX)
        ).all()
    return tuple(
        TwiceRow(noticed_at=from_ms(row.at_ms), pass_id=row.subject.partition("/")[0], gates=tuple(row.reason.split()))
        for row in rows
    )
