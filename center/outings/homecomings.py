"""Brings the outings of households up to date with who came home, from the records themselves."""

from collections.abc import Collection, Iterable
from typing import Final

from sqlalchemy import Connection, func, select, update

from center.outings.news import people_in
from center.outings.returns import Departure, Homecoming, standings
from center.outings.rows import LEFT, State
from center.store.schema import HouseholdOuting, Record
from journal.body import parse_body
from journal.errors import RecordInvalid
from model.passing import Direction
from model.reasons import Outcome

_LOOKUP_MAX: Final = 500
_HOMECOMINGS_MAX: Final = 2_000
"""Of one household since its oldest open outing."""


def bring_home(connection: Connection, households: Collection[int]) -> None:
    """Work out anew which outings of these households are over; most households have none open."""
    for household in _with_open_outings(connection, list(households)):
        _bring_home(connection, household)


def _with_open_outings(connection: Connection, households: list[int]) -> Iterable[int]:
    for start in range(0, len(households), _LOOKUP_MAX):
        yield from connection.execute(
            select(HouseholdOuting.household)
            .where(
                HouseholdOuting.state == State.OUT.value,
                HouseholdOuting.household.in_(households[start : start + _LOOKUP_MAX]),
            )
            .distinct()
        ).scalars()


def _bring_home(connection: Connection, household: int) -> None:
    table = HouseholdOuting
    rows = connection.execute(
        select(
            table.claim, table.started_at_ms, table.people, table.state, table.returned_at_ms, table.people_back
        ).where(table.household == household, table.state.in_([state.value for state in LEFT]))
    ).all()
    since_ms = min(row.started_at_ms for row in rows if row.state == State.OUT.value)
    # A homecoming that ended an older outing must not end another: that outing has to be worked out with it.
    together = list(rows)
    while True:
        linked = [row for row in rows if row.returned_at_ms is not None and row.returned_at_ms >= since_ms]
        earlier = min((row.started_at_ms for row in linked), default=since_ms)
        together = [row for row in rows if row.state == State.OUT.value or row in linked]
        if earlier >= since_ms:
            break
        since_ms = earlier
    homecomings = _homecomings(connection, household, since_ms)
    departures = [Departure(claim=row.claim, at_ms=row.started_at_ms, people=row.people) for row in together]
    before = {row.claim: (row.people_back, row.returned_at_ms) for row in together}
    for standing in standings(departures, homecomings):
        if before[standing.claim] == (standing.people_back, standing.returned_at_ms):
            continue
        is_back = standing.returned_at_ms is not None
        connection.execute(
            update(table)
            .where(table.claim == standing.claim)
            .values(
                state=(State.RETURNED if is_back else State.OUT).value,
                returned_at_ms=standing.returned_at_ms,
                people_back=standing.people_back,
            )
        )


def _homecomings(connection: Connection, household: int, since_ms: int) -> list[Homecoming]:
    at_ms = func.coalesce(Record.wall_ms, Record.received_at_ms)
    rows = connection.execute(
        select(at_ms, Record.body)
        .where(
            Record.household == household,
            # Both say what the index of decisions was made for.
            Record.outcome == Outcome.GRANTED.value,
            Record.direction == Direction.IN.value,
            at_ms >= since_ms,
        )
        .order_by(at_ms)
        .limit(_HOMECOMINGS_MAX)
    )
    return [Homecoming(at_ms=moment, people=_people(body)) for moment, body in rows]


def _people(text: str) -> int:
    try:
        return people_in(parse_body(text))
    except RecordInvalid:
        return 1
