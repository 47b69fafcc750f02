"""Answers the claims of gates: reserves an outing durably, or refuses it and says from when it would be allowed.

Rules. One transaction at a time (`Store.writing`), so that of two claims of one household the second sees the first. An
answer is given after its commit. A claim that holds, and one that was refused, has the same answer again; one that no
longer holds, because its lease ended or a record cancelled it, is judged afresh. Without the community's rules nothing
is answered: each gate then decides alone and says so, where a yes of a centre that knows no quota would be none.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Final

from sqlalchemy import Connection, delete, insert, update

from center.clock import NowMs, from_ms, now_ms, to_ms
from center.outings.arrivals import AnswerGiven, ClaimArrived
from center.outings.rows import DAY_MS, OutingRow, RulesSource, State, held_outings, row_of
from center.store.database import Store
from center.store.schema import HouseholdOuting
from model.outings import OutingRules, is_free, may_go_out_from, still_counts
from mqtt.messages import MAX_OUTINGS_TOLD, OutingAnswer, OutingClaim, OutingOutcome, OutingTold

LEASE_S: Final = 60.0
"""How long a reservation holds without a record: a visit at the gate and the way of its record, several times over."""
STALE_MS: Final = 30_000
"""A claim this far from our clock lay about, or its gate's clock is wrong; its gate has long decided without us."""
CLAIMS_PER_MINUTE_MAX: Final = 120
"""Of one device; a lane lets twenty people a minute through."""
REFUSALS_KEPT_MS: Final = DAY_MS
KEPT_MS: Final = 62 * DAY_MS
"""What is over is forgotten when no gate can still hold a record of it (30 days), twice over."""
_MINUTE_MS: Final = 60_000

log = logging.getLogger(__name__)


class ClaimBook:
    """The centre's book of reservations. One thread at a time."""

    def __init__(self, store: Store, rules: RulesSource, now: NowMs = now_ms, *, lease_s: float = LEASE_S) -> None:
        self.stale = 0
        self._store = store
        self._rules = rules
        self._now = now
        self._lease_ms = round(lease_s * 1000)
        self._asked: dict[str, list[int]] = {}
        self._has_told = False

    def answer(self, arrived: Sequence[ClaimArrived]) -> list[AnswerGiven]:
        """Answer these claims in their order; all reservations are durable when this returns. Raises StoreError."""
        known, now = self._rules(), self._now()
        if known is None:
            if not self._has_told:
                log.error("outing_rules_missing claims are not answered until `gatehouse rules publish` names a quota")
            self._has_told = True
            return []
        self._has_told = False
        timely = [one for one in arrived if self._is_timely(one, now)]
        if not timely:
            return []
        rules, zone = known
        answers = []
        with self._store.writing() as connection:
            for one in timely:
                answer = self._answer(connection, one, rules, zone, now)
                if answer is not None:
                    answers.append(AnswerGiven(one.compound, one.device, answer))
        return answers

    def forget_old(self) -> None:
        """Delete refusals of yesterday and what has been over for so long that no record of it can come."""
        now, table = self._now(), HouseholdOuting
        with self._store.writing() as connection:
            connection.execute(
                delete(table).where(table.state == State.REFUSED.value, table.started_at_ms < now - REFUSALS_KEPT_MS)
            )
            connection.execute(delete(table).where(table.state != State.OUT.value, table.started_at_ms < now - KEPT_MS))

    def _is_timely(self, one: ClaimArrived, now: int) -> bool:
        off_ms = to_ms(one.claim.at) - now
        if abs(off_ms) > STALE_MS:
            self.stale += 1
            log.warning("outing_claim_stale device=%s off_s=%.0f", one.device, off_ms / 1000)
            return False
        recent = [moment for moment in self._asked.get(one.device, ()) if moment > now - _MINUTE_MS]
        if len(recent) >= CLAIMS_PER_MINUTE_MAX:
            log.error("outing_claims_too_many device=%s minute_max=%d", one.device, CLAIMS_PER_MINUTE_MAX)
            return False
        self._asked[one.device] = [*recent, now]
        return True

    def _answer(
        self, connection: Connection, one: ClaimArrived, rules: OutingRules, zone: tzinfo, now: int
    ) -> OutingAnswer | None:
        claim = one.claim
        row = row_of(connection, claim.claim)
        if row is not None and (row.device, row.outing.household) != (one.device, claim.household):
            log.warning("outing_claim_not_own device=%s claim=%s", one.device, claim.claim)
            return None
        at_ms = to_ms(claim.at)
        others = held_outings(connection, claim.household, rules, now_ms=now, at_ms=at_ms, but=claim.claim)
        told = _told(others, rules, zone, now)
        if row is not None and row.state is State.REFUSED:
            return _refused(claim, row.possible_at_ms, told)
        if row is not None and row.holds(now):
            if row.state is State.RESERVED:
                _write(connection, one, {"lease_until_ms": now + self._lease_ms}, is_new=False)
            return _granted(claim, told)
        possible = claim.at
        if not is_free(rules, claim.purpose):
            possible = may_go_out_from(rules, [other.outing for other in others], claim.at, zone)
        values: dict[str, object] = {
            "household": claim.household,
            "device": one.device,
            "compound": one.compound,
            "purpose": claim.purpose.value,
            "people": claim.people,
            "started_at_ms": at_ms,
            "people_back": 0,
            "is_over_quota": False,
        }
        if possible > claim.at:
            possible_ms = to_ms(possible)
            refusal = {"state": State.REFUSED.value, "possible_at_ms": possible_ms, "lease_until_ms": None}
            _write(connection, one, values | refusal, is_new=row is None)
            return _refused(claim, possible_ms, told)
        reservation = {"state": State.RESERVED.value, "lease_until_ms": now + self._lease_ms}
        _write(connection, one, values | reservation, is_new=row is None)
        return _granted(claim, told)


def _write(connection: Connection, one: ClaimArrived, values: Mapping[str, object], *, is_new: bool) -> None:
    if is_new:
        connection.execute(insert(HouseholdOuting).values(claim=one.claim.claim, **values))
    else:
        connection.execute(update(HouseholdOuting).where(HouseholdOuting.claim == one.claim.claim).values(**values))


def _told(others: Sequence[OutingRow], rules: OutingRules, zone: tzinfo, now: int) -> tuple[OutingTold, ...]:
    at = from_ms(now)
    worth = [
        other.outing for other in others if other.state is State.OUT or still_counts(rules, other.outing, at, zone)
    ]
    return tuple(OutingTold.of(outing) for outing in worth[:MAX_OUTINGS_TOLD])


def _granted(claim: OutingClaim, told: tuple[OutingTold, ...]) -> OutingAnswer:
    return OutingAnswer(claim=claim.claim, outcome=OutingOutcome.GRANTED, outings=told)


def _refused(claim: OutingClaim, possible_at_ms: int | None, told: tuple[OutingTold, ...]) -> OutingAnswer:
    possible_at = from_ms(possible_at_ms) if possible_at_ms is not None else None
    return OutingAnswer(claim=claim.claim, outcome=OutingOutcome.REFUSED, possible_at=possible_at, outings=told)
