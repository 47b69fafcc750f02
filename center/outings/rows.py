"""Rows of the table of outings: their states, which of them hold a household's quota, and how they are read.

| state | what it is | holds the quota |
|---|---|---|
| refused | a claim that was refused; kept, so that the same claim has the same answer | no |
| reserved | granted, and no record has come yet | until its lease ends; then it is free by itself |
| out | a record says that the household left | yes |
| returned | as many have come home as left | yes, for its period |
| cancelled | a record says that nobody left | no |
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from enum import Enum
from typing import Final

from sqlalchemy import Connection, or_, select

from center.clock import from_ms
from center.store.schema import HouseholdOuting
from model.identities import ClaimId, HouseholdId
from model.outings import Outing, OutingPurpose, OutingRules

RulesSource = Callable[[], tuple[OutingRules, tzinfo] | None]
"""The community's rules of outings that hold now, and its time zone; None while the centre has none."""

DAY_MS: Final = 86_400_000
ROWS_READ_MAX: Final = 500
"""Of one household; more than a period can hold."""


class State(Enum):
    """Where an outing is in its life."""

    REFUSED = "refused"
    RESERVED = "reserved"
    OUT = "out"
    RETURNED = "returned"
    CANCELLED = "cancelled"


LEFT: Final = (State.OUT, State.RETURNED)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutingRow:
    """One row, in the model's words where it has them."""

    outing: Outing
    state: State
    device: str
    lease_until_ms: int | None
    possible_at_ms: int | None

    def holds(self, now_ms: int) -> bool:
        """Whether it takes up the household's quota."""
        if self.state is State.RESERVED:
            return self.lease_until_ms is not None and self.lease_until_ms > now_ms
        return self.state in LEFT


def row_of(connection: Connection, claim: str) -> OutingRow | None:
    """The row of a claim."""
    found = _read(connection, HouseholdOuting.claim == claim)
    return found[0] if found else None


def rows_of(connection: Connection, household: int, *, since_ms: int) -> Sequence[OutingRow]:
    """A household's rows, newest first: those since then, and whatever is still out."""
    recent = or_(HouseholdOuting.started_at_ms >= since_ms, HouseholdOuting.state == State.OUT.value)
    return _read(connection, HouseholdOuting.household == household, recent)


def held_outings(
    connection: Connection, household: int, rules: OutingRules, *, now_ms: int, at_ms: int, but: str
) -> list[OutingRow]:
    """What takes up a household's quota at that moment, newest first, but one claim."""
    days = rules.quota.period_days if rules.quota is not None else 0
    # A day of the community and its clock's changes at either end.
    rows = rows_of(connection, household, since_ms=at_ms - (days + 2) * DAY_MS)
    return [row for row in rows if row.outing.claim != but and row.holds(now_ms)]


def _read(connection: Connection, *where: object) -> list[OutingRow]:
    table = HouseholdOuting
    statement = (
        select(
            table.claim,
            table.household,
            table.device,
            table.purpose,
            table.people,
            table.state,
            table.started_at_ms,
            table.lease_until_ms,
            table.possible_at_ms,
            table.returned_at_ms,
        )
        .where(*where)  # type: ignore[arg-type]
        .order_by(table.started_at_ms.desc(), table.claim)
        .limit(ROWS_READ_MAX)
    )
    return [
        OutingRow(
            outing=Outing(
                claim=ClaimId(row.claim),
                household=HouseholdId(row.household),
                started_at=from_ms(row.started_at_ms),
                returned_at=from_ms(row.returned_at_ms) if row.returned_at_ms is not None else None,
                purpose=OutingPurpose(row.purpose),
                people=row.people,
            ),
            state=State(row.state),
            device=row.device,
            lease_until_ms=row.lease_until_ms,
            possible_at_ms=row.possible_at_ms,
        )
        for row in connection.execute(statement)
    ]
