"""The audit: written in the same transaction as what it tells of, so that neither stands without the other."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final

from sqlalchemy import Connection, func, insert, select

from center.clock import from_ms
from center.errors import ReasonMissing
from center.store.schema import Audit

REASON_MIN: Final = 4
REASON_MAX: Final = 200


class Action(Enum):
    ID_NUMBER_REVEALED = "id_number_revealed"
    PASS_REVOKED = "pass_revoked"
    REGISTER_IMPORTED = "register_imported"
    DIRECTORY_PUBLISHED = "directory_published"
    RULES_PUBLISHED = "rules_published"
    USER_ADDED = "user_added"
    USER_REMOVED = "user_removed"
    VISITOR_REVEALED = "visitor_revealed"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    at: datetime
    user_name: str
    action: str
    subject: str
    reason: str


def stated_reason(reason: str) -> str:
    """A reason that a person gave, tidied. Raises ReasonMissing when it says nothing or too much."""
    tidy = " ".join(reason.split())
    if not REASON_MIN <= len(tidy) <= REASON_MAX:
        raise ReasonMissing(f"a reason of {REASON_MIN} to {REASON_MAX} characters is needed")
    return tidy


def note(connection: Connection, *, at_ms: int, user_name: str, action: Action, subject: str, reason: str) -> None:
    """Write one line. subject: an id, never a name or number of a person."""
    connection.execute(
        insert(Audit).values(at_ms=at_ms, user_name=user_name, action=action.value, subject=subject, reason=reason)
    )


def last_number(connection: Connection) -> int:
    """A number that rises with every line; asking is cheap. Whatever changes the register writes one."""
    return int(connection.execute(select(func.max(Audit.id))).scalar_one() or 0)


def newest(connection: Connection, count: int) -> tuple[AuditRow, ...]:
    """The newest lines, newest first."""
    rows = connection.execute(
        select(Audit.at_ms, Audit.user_name, Audit.action, Audit.subject, Audit.reason)
        .order_by(Audit.id.desc())
        .limit(count)
    )
    return tuple(
        AuditRow(
            at=from_ms(row.at_ms),
            user_name=row.user_name,
            action=row.action,
            subject=row.subject,
            reason=row.reason,
        )
        for row in rows
    )
