"""What people on duty must hear of once: a code that opened two gates, an outing too many, a gate's other journal."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Row, select

from center.clock import NowMs, from_ms, now_ms
from center.ingest import journal_news as news
from center.ingest.granted_twice import ACTION
from center.outings.settle import ACTION as OVER_QUOTA
from center.store.database import Store
from center.store.schema import Audit, ChainHead

SHOWN_MAX: Final = 5
NEWS_READ_MAX: Final = 200
SHOWN_FOR_MS: Final = 24 * 3_600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TwiceRow:
    """A code that was granted at more than one gate. gates: those known to have granted it, one at least."""

    noticed_at: datetime
    pass_id: str
    gates: tuple[str, ...]


def granted_twice(store: Store, now: NowMs = now_ms) -> tuple[TwiceRow, ...]:
    """The newest of the last day, newest first."""
    return tuple(
        TwiceRow(noticed_at=from_ms(row.at_ms), pass_id=row.subject.partition("/")[0], gates=tuple(row.reason.split()))
        for row in _newest(store, ACTION, now)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class OverQuotaRow:
    """A household that was let out more often than its quota. gates: those that did, the last known one last."""

    noticed_at: datetime
    household: int
    gates: tuple[str, ...]


def outings_over_quota(store: Store, now: NowMs = now_ms) -> tuple[OverQuotaRow, ...]:
    """The newest of the last day, newest first."""
    return tuple(
        OverQuotaRow(
            noticed_at=from_ms(row.at_ms),
            household=int(row.subject.partition("/")[0]),
            gates=tuple(dict.fromkeys(row.reason.split())),
        )
        for row in _newest(store, OVER_QUOTA, now)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalNews:
    """A device that goes on in a new journal, or in one that was closed before. missing: what that one still lacks.

    For a new journal missing counts what never came of those before it.
    """

    noticed_at: datetime
    device: str
    is_return: bool
    missing: int


def journal_news(store: Store, now: NowMs = now_ms) -> tuple[JournalNews, ...]:
    """The newest of the last day, newest first, one for each device."""
    with store.reading() as connection:
        rows = connection.execute(
            select(Audit.at_ms, Audit.subject, Audit.action, Audit.reason)
            .where(Audit.action.in_(news.ACTIONS), Audit.at_ms > now() - SHOWN_FOR_MS)
            .order_by(Audit.id.desc())
            .limit(NEWS_READ_MAX)
        ).all()
        newest = {row.subject: row for row in reversed(rows)}
        heads = connection.execute(
            select(ChainHead.device, ChainHead.epoch, ChainHead.seq, ChainHead.announced_seq).where(
                ChainHead.device.in_(newest), ChainHead.announced_seq > ChainHead.seq
            )
        ).all()
    told = []
    for device, row in newest.items():
        is_return = row.action == news.RETURNED
        missing = sum(
            head.announced_seq - head.seq
            for head in heads
            if head.device == device and (head.epoch == row.reason) == is_return
        )
        told.append(JournalNews(noticed_at=from_ms(row.at_ms), device=device, is_return=is_return, missing=missing))
    return tuple(sorted(told, key=lambda one: one.noticed_at, reverse=True)[:SHOWN_MAX])


def _newest(store: Store, action: str, now: NowMs) -> Sequence[Row[int, str, str]]:
    with store.reading() as connection:
        return connection.execute(
            select(Audit.at_ms, Audit.subject, Audit.reason)
            .where(Audit.action == action, Audit.at_ms > now() - SHOWN_FOR_MS)
            .order_by(Audit.id.desc())
            .limit(SHOWN_MAX)
        ).all()
