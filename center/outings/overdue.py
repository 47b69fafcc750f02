"""Who should be back by now."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select

from center.clock import from_ms, to_ms
from center.outings.rows import State
from center.store.database import Store
from center.store.schema import HouseholdOuting

SHOWN_MAX: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class OverdueRow:
    """An outing from which somebody is still missing. device: the gate through which they left."""

    household: int
    device: str
    started_at: datetime
    due_back: datetime
    people_missing: int


def overdue(store: Store, at: datetime, grace: timedelta) -> tuple[OverdueRow, ...]:
    """Outings beyond their time of return and the grace, the longest overdue first."""
    table = HouseholdOuting
    with store.reading() as connection:
        rows = connection.execute(
            select(
                table.household, table.device, table.started_at_ms, table.due_back_ms, table.people, table.people_back
            )
            .where(table.state == State.OUT.value, table.due_back_ms < to_ms(at - grace))
            .order_by(table.due_back_ms, table.claim)
            .limit(SHOWN_MAX)
        ).all()
    return tuple(
        OverdueRow(
            household=row.household,
            device=row.device,
            started_at=from_ms(row.started_at_ms),
            due_back=from_ms(row.due_back_ms),
            people_missing=row.people - row.people_back,
        )
        for row in rows
        if row.due_back_ms is not None
    )
