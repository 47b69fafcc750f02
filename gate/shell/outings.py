"""What this gate knows of households' outings, and its claims to the centre.

It remembers what the centre told and what it granted itself; without the centre's answer it decides by that. The
memory is saved with the records it comes from, so that a restart forgets nothing.
"""

import json
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final, Protocol

from gate.core.effects import ClaimOuting
from gate.core.events import OutingAnswered
from gate.shell.wall_clock import WallClock
from journal.errors import JournalError
from journal.late import AnyJournal
from model.credentials import household_of
from model.facts import ClaimAnswer, ClaimedOuting
from model.identities import ClaimId, HouseholdId
from model.outings import Outing, OutingInvalid, OutingPurpose, fields_of_outing, outing_from
from model.passing import Direction
from model.reasons import Outcome
from model.records import DecisionRecord, PassageEnd, PassageRecord, Record
from mqtt.messages import OutingClaim, OutingOutcome
from mqtt.outing_claims import Answered, OnDone, Unanswered, new_claim_id

log = logging.getLogger(__name__)

STATE_PREFIX: Final = "outings."
HOUSEHOLDS_KEPT: Final = 10_000
OUTINGS_KEPT: Final = 16
"""Of one household; a quota counts fewer."""
KEPT: Final = timedelta(days=35)
_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


class ClaimCarrier(Protocol):
    """The way of a claim to the centre."""

    def claim_outing(self, claim: OutingClaim, on_done: OnDone) -> None:
        """Ask; on_done is called exactly once, soon, on any thread."""


class HouseholdOutings:
    """Belongs to the inbox's thread, but for the answers, which enter through `post`."""

    def __init__(self, clock: WallClock, carrier: ClaimCarrier | None, post: Callable[[OutingAnswered], None]) -> None:
        self._clock = clock
        self._carrier = carrier
        self._post = post
        self._known: OrderedDict[HouseholdId, tuple[Outing, ...]] = OrderedDict()

    def load(self, journal: AnyJournal) -> None:
        """Take up what was saved; what can't be read is left out and told."""
        try:
            saved = journal.get_states(STATE_PREFIX)
        except JournalError as error:
            log.warning("outings_not_read why=%s", error)
            return
        for text in saved.values():
            try:
                outings = tuple(outing_from(fields) for fields in json.loads(text))
            except (OutingInvalid, ValueError, TypeError, AttributeError) as error:
                log.warning("outings_not_read error=%s", type(error).__name__)
                continue
            if outings:
                self._keep(outings[0].household, outings)

    def of(self, household: HouseholdId) -> tuple[Outing, ...]:
        """What is known of a household, oldest first."""
        return self._known.get(household, ())

    def claim(self, order: ClaimOuting) -> None:
        """Ask the centre; the answer, or that there is none, enters the inbox."""
        claim = new_claim_id()
        if self._carrier is None:
            self._answer(order, claim, Unanswered.LINK_DOWN)
            return
        asked = OutingClaim(
            claim=claim, household=order.household, purpose=order.purpose, at=order.at, people=order.people
        )
        self._carrier.claim_outing(asked, lambda answered: self._answer(order, claim, answered))

    def follow(self, record: Record) -> Mapping[str, str]:
        """Learn from a record on its way to the disk; what is returned is saved with it."""
        match record:
            case DecisionRecord() if record.decision.outcome is Outcome.GRANTED:
                return self._granted(record)
            case PassageRecord() if record.end is PassageEnd.NOT_TAKEN and record.outing is not None:
                return self._forget(record.household, record.outing)
            case _:
                return _NOTHING

    def take_back(self, record: DecisionRecord) -> None:
        """This grant is not on disk, so nothing was released: nobody went out by it."""
        if record.facts.outing is not None:
            self._forget(household_of(record.facts.code), record.facts.outing.claim)

    def _answer(self, order: ClaimOuting, claim: ClaimId, answered: Answered) -> None:
        if isinstance(answered, Unanswered):
            claimed = ClaimedOuting(claim=claim, answer=ClaimAnswer.UNANSWERED, outings=self.of(order.household))
        else:
            is_granted = answered.outcome is OutingOutcome.GRANTED
            claimed = ClaimedOuting(
                claim=claim,
                answer=ClaimAnswer.GRANTED if is_granted else ClaimAnswer.REFUSED,
                outings=tuple(told.outing() for told in answered.outings),
                possible_at=answered.possible_at,
            )
        self._post(OutingAnswered(at=self._clock.instant(), token=order.token, claimed=claimed))

    def _granted(self, record: DecisionRecord) -> Mapping[str, str]:
        facts = record.facts
        household, claimed = household_of(facts.code), facts.outing
        if household is None or facts.at is None:
            return _NOTHING
        if facts.direction is Direction.IN:
            return self._came_home(household, facts.at)
        if claimed is None:
            return _NOTHING
        told = claimed.outings if claimed.answer is not ClaimAnswer.UNANSWERED else self.of(household)
        outing = Outing(
            claim=claimed.claim,
            household=household,
            started_at=facts.at,
            returned_at=None,
            purpose=facts.purpose or OutingPurpose.ORDINARY,
            people=facts.people,
        )
        return self._save(household, (*told, outing), facts.at)

    def _came_home(self, household: HouseholdId, at: datetime) -> Mapping[str, str]:
        known = self.of(household)
        if all(outing.returned_at is not None for outing in known):
            return _NOTHING
        home = tuple(replace(each, returned_at=each.returned_at or at) for each in known)
        return self._save(household, home, at)

    def _forget(self, household: HouseholdId | None, claim: ClaimId) -> Mapping[str, str]:
        if household is None:
            return _NOTHING
        return self._save(household, tuple(each for each in self.of(household) if each.claim != claim), None)

    def _save(self, household: HouseholdId, outings: tuple[Outing, ...], at: datetime | None) -> Mapping[str, str]:
        if at is not None:
            outings = tuple(each for each in outings if each.started_at > at - KEPT)
        kept = sorted(outings, key=lambda each: each.started_at)[-OUTINGS_KEPT:]
        self._keep(household, tuple(kept))
        text = json.dumps([fields_of_outing(outing) for outing in kept], separators=(",", ":"))
        return {f"{STATE_PREFIX}{household}": text}

    def _keep(self, household: HouseholdId, outings: tuple[Outing, ...]) -> None:
        self._known[household] = outings
        self._known.move_to_end(household)
        if len(self._known) > HOUSEHOLDS_KEPT:
            self._known.popitem(last=False)
