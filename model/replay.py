"""What passages that have happened would have been under other rules; pure.

A recorded decision is compared with what the given rules make of the same facts. A guard's decision is not replayed:
the referral that it answered is. Readings are judged again, because thresholds are rules. Under the rules that a record
names, what it states of a quota stands, so that unchanged rules change nothing.

Under other rules a quota is asked about again: from the outings that the record states, and from those that this replay
has granted before, in the order of the records. An outing that nobody claimed then is worked out the same way. Rules of
another community are tried on these passes as if they were its own.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from model.credentials import household_of
from model.facts import ClaimAnswer, ClaimedOuting, Facts
from model.facts_from_record import RecordUnreadable, facts_from
from model.identities import ClaimId, CommunityId, HouseholdId
from model.outings import Outing, OutingPurpose, may_go_out_from
from model.reasons import Outcome, Reason
from model.rule_set import RuleSet
from model.rules import Decision, decide, wants_claim
from model.temperature import (
    HandReading,
    Site,
    TemperatureJudgement,
    judge,
    judge_by_hand,
)
from model.timed_checks import counts_as_outing

_BY_PEOPLE = frozenset({Reason.SERVICE_ADMITTED, Reason.GUARD_CONFIRMED, Reason.GUARD_REFUSED})
"""Decisions that no rules have made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the rules came to."""

    outcome: Outcome
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """One decision: as it was recorded, and as the given rules have it. is_assumed: its quota was worked out here."""

    recorded: Verdict
    now: Decision
    is_assumed: bool = False

    @property
    def is_changed(self) -> bool:
        """Whether outcome or reason are others."""
        return (self.recorded.outcome, self.recorded.reason) != (self.now.outcome, self.now.reason)


class Replay:
    """Decisions one after the other, in the order in which they were made."""

    def __init__(self, rules: RuleSet) -> None:
        self._given = rules
        self._rules = rules
        self._outings: dict[HouseholdId, list[Outing]] = {}
        self._claims = 0

    def next(self, body: Mapping[str, object]) -> Replayed | None:
        """Decide a recorded one again; None where no rules decided. Raises RecordUnreadable."""
        recorded = _verdict(body)
        if recorded is None:
            return None
        named = _rules_of(body)
        self._rules = replace(self._given, community=CommunityId(named[0]))
        facts = _judged_again(facts_from(body), self._rules)
        is_assumed = False
        if named != (self._given.community, self._given.version):
            asked = self._asked(facts)
            is_assumed = asked is not facts
            facts = asked
        now = decide(facts, self._rules)
        self._note(facts, now)
        return Replayed(recorded=recorded, now=now, is_assumed=is_assumed)

    def _asked(self, facts: Facts) -> Facts:
        """The same facts, their quota answered by these rules."""
        household, outings = household_of(facts.code), self._rules.outings
        if household is None or outings is None or facts.at is None or not counts_as_outing(facts, self._rules):
            return replace(facts, outing=None) if facts.outing is not None else facts
        if facts.outing is None and not wants_claim(facts, self._rules):
            return facts
        claim = facts.outing.claim if facts.outing is not None else self._claim()
        known = {each.claim: each for each in facts.outing.outings} if facts.outing is not None else {}
        known |= {each.claim: each for each in self._outings.get(household, ())}
        known.pop(claim, None)
        allowed_from = may_go_out_from(outings, known.values(), facts.at, self._rules.zone)
        is_free = allowed_from <= facts.at
        answered = ClaimedOuting(
            claim=claim,
            answer=ClaimAnswer.GRANTED if is_free else ClaimAnswer.REFUSED,
            outings=tuple(known.values()),
            possible_at=None if is_free else allowed_from,
        )
        return replace(facts, outing=answered)

    def _note(self, facts: Facts, decision: Decision) -> None:
        household = household_of(facts.code)
        if decision.outcome is not Outcome.GRANTED or household is None or facts.at is None:
            return
        if not counts_as_outing(facts, self._rules):
            return
        gone = self._outings.setdefault(household, [])
        gone.append(
            Outing(
                claim=facts.outing.claim if facts.outing is not None else self._claim(),
                household=household,
                started_at=facts.at,
                returned_at=None,
                purpose=facts.purpose or OutingPurpose.ORDINARY,
                people=facts.people,
            )
        )

    def _claim(self) -> ClaimId:
        self._claims += 1
        return ClaimId(f"{self._claims:016x}")


def _verdict(body: Mapping[str, object]) -> Verdict | None:
    """What the rules came to in a record: of a guard's decision, what the guard was asked about."""
    reason = _reason(body, "reason")
    if reason in _BY_PEOPLE:
        if body.get("referred_for") is None:
            return None
        return Verdict(outcome=Outcome.REFERRED, reason=_reason(body, "referred_for"))
    outcome = next((each for each in Outcome if each.value == body.get("outcome")), None)
    if outcome is None:
        raise RecordUnreadable(f"outcome: expected one of {', '.join(each.value for each in Outcome)}")
    return Verdict(outcome=outcome, reason=reason)


def _reason(body: Mapping[str, object], name: str) -> Reason:
    found = next((each for each in Reason if each.value == body.get(name)), None)
    if found is None:
        raise RecordUnreadable(f"{name}: not a reason that this program knows")
    return found


def _rules_of(body: Mapping[str, object]) -> tuple[str, int]:
    named = body.get("rules")
    community = named.get("community") if isinstance(named, dict) else None
    version = named.get("version") if isinstance(named, dict) else None
    if not isinstance(community, str) or not isinstance(version, int):
        raise RecordUnreadable("rules: expected a community and a version")
    return community, version


def _judged_again(facts: Facts, rules: RuleSet) -> Facts:
    first = _judge(facts.temperature, rules) if facts.temperature is not None else None
    return replace(facts, temperature=first, others=tuple(_judge(each, rules) for each in facts.others))


def _judge(judgement: TemperatureJudgement, rules: RuleSet) -> TemperatureJudgement:
    if isinstance(judgement.reading, HandReading):
        return judge_by_hand(judgement.reading, rules.temperature)
    return (
        judge(judgement.reading, judgement.site, rules.temperature) if isinstance(judgement.site, Site) else judgement
    )


def changed(replayed: Iterable[Replayed]) -> dict[tuple[Verdict, Verdict], int]:
    """How often what became what, most frequent first."""
    counts: dict[tuple[Verdict, Verdict], int] = {}
    for each in replayed:
        if each.is_changed:
            pair = (each.recorded, Verdict(outcome=each.now.outcome, reason=each.now.reason))
            counts[pair] = counts.get(pair, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: -item[1]))
