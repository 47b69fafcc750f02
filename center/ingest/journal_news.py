"""A device that goes on in another journal: told once each time, in the audit, for those who are on duty."""

from typing import Final

from sqlalchemy import Connection, func, insert, select

from center.store.schema import Audit

REPLACED: Final = "journal_replaced"
RETURNED: Final = "journal_returned"
ACTIONS: Final = (REPLACED, RETURNED)
BY: Final = "center"
HOURLY_MAX: Final = 16
"""Of one device; one that swaps its journals for ever must not fill the audit."""
_HOUR_MS: Final = 3_600_000


def tell(connection: Connection, action: str, device: str, epoch: str, now_ms: int) -> None:
    """Write down that a device goes on in this epoch, in the transaction that took note of it."""
    recent = select(func.count()).where(
        Audit.subject == device, Audit.action.in_(ACTIONS), Audit.at_ms > now_ms - _HOUR_MS
    )
    if connection.execute(recent).scalar_one() < HOURLY_MAX:
        line = {"at_ms": now_ms, "user_name": BY, "action": action, "subject": device, "reason": epoch}
        connection.execute(insert(Audit).values(line))
