"""Follows outings by the records, in the transaction that stores them: left, stayed in, came home, over the quota.

Each record is stored once, so each is followed once; what it says of a claim is said of that claim alone, so that any
order over gates and any repetition end in the same rows. What a gate granted beyond the household's quota, because the
centre did not answer it or its reservation had run out, is entered all the same, and told to the desk: somebody is out.
"""

import logging
from collections.abc import Sequence
from typing import Final, assert_never

from sqlalchemy import Connection, func, insert, select, update

from center.clock import from_ms, to_ms
from center.outings.homecomings import bring_home
from center.outings.news import CameHome, Left, OutingNews, Passed, StayedIn
from center.outings.rows import DAY_MS, LEFT, OutingRow, RulesSource, State, held_outings, row_of
from center.store.schema import Audit, HouseholdOuting
from model.identities import HouseholdId
from model.outings import Outing, counts, exceeds_quota

ACTION: Final = "outing_over_quota"
BY: Final = "center"
HOURLY_MAX: Final = 50
"""Notices within an hour; a device that invents outings must not fill the audit."""
_HOUR_MS: Final = 3_600_000
_GATES_NAMED_MAX: Final = 5

log = logging.getLogger(__name__)


class OutingSettler:
    """Enters what records say. The ingest thread's alone."""

    def __init__(self, rules: RulesSource) -> None:
        self._rules = rules

    def settle(self, connection: Connection, news: Sequence[OutingNews], now_ms: int) -> None:
        """Follow a batch, in its order, after its records were written in the same transaction."""
        homes: set[int] = set()
        for one in news:
            match one.what:
                case Left():
                    self._enter(connection, one, one.what, now_ms)
                    homes.add(one.what.household)
                case Passed():
                    self._confirm(connection, one, one.what, now_ms)
                case StayedIn():
                    homes |= _cancel(connection, one, one.what)
                case CameHome():
                    homes.add(one.what.household)
                case _:
                    assert_never(one.what)
        bring_home(connection, homes)

    def _enter(self, connection: Connection, one: OutingNews, left: Left, now_ms: int) -> None:
        row = row_of(connection, left.claim)
        if row is not None and (row.state in LEFT or not _is_own(row, one, left.household)):
            return
        # A clock that is ahead must not block the household for longer than the outing itself.
        started_ms = min(left.at_ms if left.at_ms is not None else now_ms, now_ms)
        if row is not None and row.state is State.RESERVED:
            started_ms = to_ms(row.outing.started_at)
        outing = Outing(
            claim=left.claim,
            household=HouseholdId(left.household),
            started_at=from_ms(started_ms),
            returned_at=None,
            purpose=left.purpose,
            people=left.people,
        )
        self._take_out(connection, one, outing, row, left.due_back_ms, now_ms)

    def _confirm(self, connection: Connection, one: OutingNews, passed: Passed, now_ms: int) -> None:
        """Whoever went through is out, also where the record that let them is lost."""
        row = row_of(connection, passed.claim)
        if row is not None and row.state is State.RESERVED and _is_own(row, one, row.outing.household):
            self._take_out(connection, one, row.outing, row, None, now_ms)

    def _take_out(
        self,
        connection: Connection,
        one: OutingNews,
        outing: Outing,
        row: OutingRow | None,
        due_back_ms: int | None,
        now_ms: int,
    ) -> None:
        gates = () if row is not None and row.holds(now_ms) else self._clashing(connection, one, outing, now_ms)
        values = {
            "device": one.device,
            "compound": one.compound,
            "household": outing.household,
            "purpose": outing.purpose.value,
            "people": outing.people,
            "state": State.OUT.value,
            "started_at_ms": to_ms(outing.started_at),
            "lease_until_ms": None,
            "due_back_ms": due_back_ms,
            "returned_at_ms": None,
            "people_back": 0,
            "is_over_quota": bool(gates),
        }
        if row is None:
            connection.execute(insert(HouseholdOuting).values(claim=outing.claim, **values))
        else:
            connection.execute(update(HouseholdOuting).where(HouseholdOuting.claim == outing.claim).values(**values))
        # Who was refused and let out by a guard all the same is in that gate's record; no two gates were apart there.
        if gates and (row is None or row.state is not State.REFUSED):
            _tell(connection, f"{outing.household}/{outing.claim}", gates, now_ms)

    def _clashing(self, connection: Connection, one: OutingNews, outing: Outing, now_ms: int) -> tuple[str, ...]:
        """The gates of the outings that are too many together; none while the quota is kept or not known."""
        known = self._rules()
        if known is None or known[0].quota is None:
            return ()
        rules, zone = known
        at_ms = to_ms(outing.started_at)
        rows = held_outings(connection, outing.household, rules, now_ms=now_ms, at_ms=at_ms, but=outing.claim)
        if not exceeds_quota(rules, outing, [row.outing for row in rows], zone):
            return ()
        days = known[0].quota.period_days
        near = [
            row.device
            for row in rows
            if counts(rules, row.outing) and abs(to_ms(row.outing.started_at) - at_ms) <= days * DAY_MS
        ]
        return tuple(dict.fromkeys([*reversed(near), one.device]))[:_GATES_NAMED_MAX]


def _cancel(connection: Connection, one: OutingNews, stayed: StayedIn) -> set[int]:
    """Give the quota back; returns the household whose homecomings now belong to other outings."""
    row = row_of(connection, stayed.claim)
    if row is None or row.state in (State.REFUSED, State.CANCELLED) or not _is_own(row, one, row.outing.household):
        return set()
    connection.execute(
        update(HouseholdOuting)
        .where(HouseholdOuting.claim == stayed.claim)
        .values(state=State.CANCELLED.value, lease_until_ms=None, returned_at_ms=None, people_back=0)
    )
    return {row.outing.household}


def _is_own(row: OutingRow, one: OutingNews, household: int) -> bool:
    """A device's records settle its own claims alone, for the household that was claimed."""
    if row.device == one.device and row.outing.household == household:
        return True
    log.warning("outing_not_own device=%s claim=%s", one.device, row.outing.claim)
    return False


def _tell(connection: Connection, subject: str, gates: Sequence[str], now_ms: int) -> None:
    recent = select(func.count()).where(Audit.action == ACTION, Audit.at_ms > now_ms - _HOUR_MS)
    if connection.execute(recent).scalar_one() >= HOURLY_MAX:
        log.error("outing_over_quota_untold hourly_max=%d", HOURLY_MAX)
        return
    named = " ".join(gates)
    log.warning("outing_over_quota outing=%s gates=%s", subject, named)
    connection.execute(insert(Audit).values(at_ms=now_ms, user_name=BY, action=ACTION, subject=subject, reason=named))
