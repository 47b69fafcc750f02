"""The one function that applies a community's rules (model.rule_set) to facts.

`decide` goes through the rule set's checks in their order and stops at the first that does not pass. What a failed
check leads to (denied, or referred to the guard) is data as well: a second rules file changes an outcome without code.
A check that cannot be judged is never skipped: what is unknown refers to the guard or denies, as the rules say.

Going out in an emergency, on a guard's word, is stopped by nothing but a code that is no pass; it is registered
afterwards. What a refusal needs to end is told with it: `possible_at`, the first minute at which the same facts pass.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from model.credentials import RefusalDetail, RefusedCode, RegisteredVisitor, VouchedHousehold
from model.directory import Isolation, PassStatus
from model.facts import ClaimAnswer, Facts
from model.outings import OutingPurpose, due_back, may_go_out_from
from model.outsiders import outsider_check, visitor_checks
from model.passback import PassbackMode, is_passed_back
from model.passing import Direction
from model.reasons import Outcome, Reason
from model.rule_set import Check, RuleSet
from model.temperature import TemperatureOutcome
from model.timed_checks import (
    Unmet,
    counts_as_outing,
    curfew_check,
    outing_check,
    passback_check,
    window_check,
    work_check,
)
from model.vehicle_check import is_plate_for_the_guard, occupants_of, of_the_household, vehicle_check


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One outcome, one reason, and the check that led to it (None when all passed).

    possible_at: from when on the same would be granted, where only time is in the way. due_back: by when the household
    must be back from what was granted.
    """

    outcome: Outcome
    reason: Reason
    check: Check | None
    is_watched: bool = False
    possible_at: datetime | None = None
    due_back: datetime | None = None


_REFUSALS: Mapping[RefusalDetail, Reason] = {
    RefusalDetail.NOT_A_PASS: Reason.NOT_A_PASS,
    RefusalDetail.DAMAGED: Reason.CODE_DAMAGED,
    RefusalDetail.FORGED: Reason.CODE_FORGED,
    RefusalDetail.OTHER_COMMUNITY: Reason.OTHER_COMMUNITY,
    RefusalDetail.EXPIRED: Reason.PASS_EXPIRED,
    RefusalDetail.NOT_YET_VALID: Reason.PASS_NOT_YET_VALID,
    RefusalDetail.NOT_ON_DIRECTORY: Reason.PASS_NOT_ON_DIRECTORY,
    RefusalDetail.REVOKED: Reason.PASS_REVOKED,
    RefusalDetail.SUSPENDED: Reason.PASS_SUSPENDED,
    RefusalDetail.HOLDER_CODE_MISSING: Reason.HOLDER_CODE_MISSING,
    RefusalDetail.HOLDER_CODE_STALE: Reason.HOLDER_CODE_STALE,
    RefusalDetail.HOLDER_CODE_FORGED: Reason.CODE_FORGED,
    RefusalDetail.SEVERAL_CODES: Reason.SEVERAL_CODES,
}

_STATUSES: Mapping[PassStatus, Reason] = {
    PassStatus.UNKNOWN: Reason.PASS_NOT_ON_DIRECTORY,
    PassStatus.REVOKED: Reason.PASS_REVOKED,
    PassStatus.SUSPENDED: Reason.PASS_SUSPENDED,
}

# Reasons whose outcome a rules file cannot soften: a forged or used code never reaches a guard as "perhaps".
ALWAYS_DENIED = frozenset({Reason.CODE_FORGED, Reason.NOT_A_PASS, Reason.CODE_USED})


Finding = Reason | Unmet | None
"""What a check found: nothing in the way, a reason, or one that time will end."""

_STEPS_AHEAD: Final = 24
"""Ends of refusals that are looked at one after the other; more than a few never follow each other."""

# Judged after the rules' own checks even where those leave them out: otherwise there is nobody to grant anything to.
_ALWAYS_JUDGED = (Check.PASS, Check.DIRECTORY, Check.FRESH)

# Of a vehicle as a whole; by every other check its pass is judged, and then each who sits in it.
_OF_THE_WHOLE_VEHICLE = (Check.VEHICLE, Check.QUESTIONS, Check.TEMPERATURE)


def decide(facts: Facts, rules: RuleSet) -> Decision:
    """Apply the rules to the facts; total and pure."""
    if is_emergency_exit(facts):
        return Decision(outcome=Outcome.GRANTED, reason=Reason.EMERGENCY_EXIT, check=None, is_watched=True)
    # An outing that was not claimed yet is asked for when nothing else is in the way: a fever must not hide behind it.
    order = [check for check in _order(facts, rules) if facts.outing is not None or check is not Check.OUTING]
    if facts.outing is None and Check.OUTING in rules.checks:
        order.append(Check.OUTING)
    for check in order:
        found = _found(check, facts, rules)
        if found is None:
            continue
        reason = found.reason if isinstance(found, Unmet) else found
        possible_at = _possible_at(facts, rules) if isinstance(found, Unmet) and found.until is not None else None
        return Decision(outcome=_outcome_of(reason, facts, rules), reason=reason, check=check, possible_at=possible_at)
    if is_plate_for_the_guard(facts):
        reason = Reason.NO_DIRECTORY
        return Decision(outcome=_outcome_of(reason, facts, rules), reason=reason, check=Check.VEHICLE)
    is_watched = any(_is_watched(each, rules) for each in (facts, *occupants_of(facts)))
    reason = Reason.ADMITTED_WATCHED if is_watched else Reason.ADMITTED
    if isinstance(facts.code, VouchedHousehold):
        reason = Reason.ADMITTED_VOUCHED
    elif isinstance(facts.code, RegisteredVisitor):
        reason = Reason.VISITOR_ADMITTED
    return Decision(
        outcome=Outcome.GRANTED, reason=reason, check=None, is_watched=is_watched, due_back=_due_back(facts, rules)
    )


def _is_watched(facts: Facts, rules: RuleSet) -> bool:
    colour_rule = rules.colours.get(facts.household.colour) if facts.household is not None else None
    return (colour_rule is not None and colour_rule.is_watched) or _is_soft_passback(facts, rules)


def is_emergency_exit(facts: Facts) -> bool:
    """Whether a guard lets somebody out in an emergency whose household is known."""
    return (
        facts.direction is Direction.OUT
        and facts.purpose is OutingPurpose.EMERGENCY
        and facts.code is not None
        and not isinstance(facts.code, RefusedCode)
        and not facts.code_is_used
    )


def wants_claim(facts: Facts, rules: RuleSet) -> bool:
    """Whether the centre must be asked for this outing before anything is decided: all else lets it pass."""
    if facts.outing is not None or not counts_as_outing(facts, rules):
        return False
    return decide(facts, rules).reason is Reason.OUTING_UNANSWERED


def outcome_of(reason: Reason, rules: RuleSet) -> Outcome:
    """What a failed check leads to. Denied unless the rules name another; never granted."""
    if reason in ALWAYS_DENIED:
        return Outcome.DENIED
    outcome = rules.on_failure.get(reason, Outcome.DENIED)
    return Outcome.REFERRED if outcome is Outcome.GRANTED else outcome


def _outcome_of(reason: Reason, facts: Facts, rules: RuleSet) -> Outcome:
    if reason is Reason.TEMPERATURE_INDETERMINATE and any(each.is_fault for each in facts.temperatures):
        return Outcome.REFERRED  # the gate's fault is nobody's reason to stay outside: the guard measures
    if reason is Reason.OUTING_UNANSWERED and rules.outings is not None:
        return Outcome.DENIED if rules.outings.unanswered is Outcome.DENIED else Outcome.REFERRED
    return outcome_of(reason, rules)


def _order(facts: Facts, rules: RuleSet) -> tuple[Check, ...]:
    """The rules' checks in their order, but a refused or used code first.

    Its visit ends before anything else was asked: "never measured" would refer a forged code to a guard.
    """
    if isinstance(facts.code, RegisteredVisitor) and facts.vehicle is None:
        return visitor_checks(facts.direction, rules)
    first: tuple[Check, ...] = ()
    everybody = (facts, *occupants_of(facts))
    if any(isinstance(each.code, RefusedCode) for each in everybody):
        first = (Check.PASS,)
    elif any(each.code_is_used for each in everybody):
        first = (Check.FRESH,)
    elif any(isinstance(each.code, VouchedHousehold) for each in everybody):
        # A guard's word is no way round an isolation, even where the rules leave that check out.
        first = (Check.ISOLATION,)
    if facts.vehicle is not None:
        first = (*first, Check.VEHICLE, Check.OUTSIDER)
    return (*first, *rules.checks, *_ALWAYS_JUDGED)


def _found(check: Check, facts: Facts, rules: RuleSet) -> Finding:
    """What one check finds: of a vehicle's pass, where it has one, and then of everybody in it."""
    vehicle = facts.vehicle
    if vehicle is None or check in _OF_THE_WHOLE_VEHICLE:
        return _CHECKS[check](facts, rules)
    ours = of_the_household(facts) if check is Check.OUTING else ()  # its outing is theirs
    judged = (
        *((facts,) if facts.code is not None else ()),
        *(each for each in occupants_of(facts) if each not in ours),
    )
    return next(
        (
            found
            for each in judged
            if _is_judged_by(check, each, rules) and (found := _CHECKS[check](each, rules)) is not None
        ),
        None,
    )


def _is_judged_by(check: Check, facts: Facts, rules: RuleSet) -> bool:
    """A visitor in a vehicle is a visitor: most checks are about households and their passes."""
    return not isinstance(facts.code, RegisteredVisitor) or check in visitor_checks(facts.direction, rules)


def _possible_at(facts: Facts, rules: RuleSet) -> datetime | None:
    """The first whole minute at which all checks pass that fail only for the time; None when there is none.

    Each failing check names its own end; there the others are asked again, until none is in the way.
    """
    later = facts
    for _ in range(_STEPS_AHEAD):
        unmet = [found for check in _order(later, rules) if (found := _found(check, later, rules)) is not None]
        if not unmet:
            return later.at
        ends = [found.until for found in unmet if isinstance(found, Unmet) and found.until is not None]
        if len(ends) < len(unmet):
            return None
        later = _at(later, max(ends), rules)
    return None


def _at(facts: Facts, at: datetime, rules: RuleSet) -> Facts:
    """The same facts at a later moment: the centre's refusal holds until the moment that it named.

    What it granted now may not be granted then: a gate whose clock is ahead has noted an outing of a later period.
    """
    outing = facts.outing
    if outing is not None and outing.possible_at is not None and at >= outing.possible_at:
        outing = replace(outing, answer=ClaimAnswer.GRANTED)
    if outing is not None and outing.answer is ClaimAnswer.GRANTED and rules.outings is not None:
        others = [each for each in outing.outings if each.claim != outing.claim]
        allowed_from = may_go_out_from(rules.outings, others, at, rules.zone)
        if allowed_from > at:
            outing = replace(outing, answer=ClaimAnswer.REFUSED, possible_at=allowed_from)
    return replace(facts, at=at, outing=outing)


def _due_back(facts: Facts, rules: RuleSet) -> datetime | None:
    if rules.outings is None or facts.at is None or not counts_as_outing(facts, rules):
        return None
    return due_back(rules.outings, facts.at, rules.zone, facts.purpose or OutingPurpose.ORDINARY)


def _is_soft_passback(facts: Facts, rules: RuleSet) -> bool:
    if rules.passback.mode is not PassbackMode.SOFT or Check.PASSBACK not in rules.checks or facts.at is None:
        return False
    return is_passed_back(rules.passback, facts.last_passage, facts.direction, facts.at)


def _check_pass(facts: Facts, rules: RuleSet) -> Reason | None:
    if facts.code is None:
        return Reason.NO_CODE
    if isinstance(facts.code, RefusedCode):
        return _REFUSALS[facts.code.detail]
    if isinstance(facts.code, (VouchedHousehold, RegisteredVisitor)):
        return None  # a person looked; what the household may do is judged by the checks that follow
    if facts.code.credential.community != rules.community:
        return Reason.OTHER_COMMUNITY
    if facts.directory is not None:
        # A directory that came after the scan counts: its version stands in the record.
        reason = _STATUSES.get(facts.directory.status_of(facts.code.credential.status_index))
        if reason is not None:
            return reason
    return Reason.CLOCK_NOT_TRUSTED if facts.code.needs_guard else None


def _check_directory(facts: Facts, rules: RuleSet) -> Reason | None:
    if facts.directory is None:
        return Reason.NO_DIRECTORY
    return None if facts.household is not None else Reason.HOUSEHOLD_NOT_ON_DIRECTORY


def _check_gate(facts: Facts, rules: RuleSet) -> Reason | None:
    if isinstance(facts.code, VouchedHousehold):
        return None
    credential = facts.credential
    return None if credential is not None and credential.opens(facts.gate) else Reason.WRONG_GATE


def _check_fresh(facts: Facts, rules: RuleSet) -> Reason | None:
    return Reason.CODE_USED if facts.code_is_used else None


def _check_isolation(facts: Facts, rules: RuleSet) -> Finding:
    household = facts.household
    if household is None or household.isolation is Isolation.NONE:
        return None
    if isinstance(facts.code, VouchedHousehold):
        return Reason.HOUSEHOLD_ISOLATED  # also where its own pass would do: nobody passes because somebody knows them
    allowed = rules.isolation_may_enter if facts.direction is Direction.IN else rules.isolation_may_leave
    return None if allowed.get(household.isolation, False) else window_check(facts, rules)


def _check_colour(facts: Facts, rules: RuleSet) -> Reason | None:
    household = facts.household
    rule = rules.colours.get(household.colour) if household is not None else None
    if rule is None:
        return Reason.COLOUR_NOT_ALLOWED
    allowed = rule.may_enter if facts.direction is Direction.IN else rule.may_leave
    return None if allowed else Reason.COLOUR_NOT_ALLOWED


def _check_questions(facts: Facts, rules: RuleSet) -> Reason | None:
    return Reason.QUESTION_ANSWERED_YES if facts.answered_yes else None


def _check_temperature(facts: Facts, rules: RuleSet) -> Reason | None:
    if facts.direction not in rules.measured_directions:
        return None
    if facts.people == 1 and facts.temperature is not None and not facts.others:
        outcomes = [facts.temperature.outcome]
    else:
        outcomes = [each.outcome for each in facts.temperatures]
    if TemperatureOutcome.HIGH in outcomes:
        return Reason.TEMPERATURE_HIGH
    # Each of a family is measured: one who was not is as unknown as one who could not be read.
    if TemperatureOutcome.INDETERMINATE in outcomes or len(outcomes) < max(facts.people, 1):
        return Reason.TEMPERATURE_INDETERMINATE
    return None


def _check_kind(facts: Facts, rules: RuleSet) -> Reason | None:
    if facts.credential is None:
        return None
    rule = rules.kinds.get(facts.credential.kind)
    if rule is None:
        return None
    allowed = rule.may_enter if facts.direction is Direction.IN else rule.may_leave
    return None if allowed else Reason.KIND_NOT_ALLOWED


_CHECKS: Mapping[Check, Callable[[Facts, RuleSet], Finding]] = {
    Check.PASS: _check_pass,
    Check.DIRECTORY: _check_directory,
    Check.GATE: _check_gate,
    Check.FRESH: _check_fresh,
    Check.KIND: _check_kind,
    Check.PASSBACK: passback_check,
    Check.ISOLATION: _check_isolation,
    Check.COLOUR: _check_colour,
    Check.OUTSIDER: outsider_check,
    Check.CURFEW: curfew_check,
    Check.WORK: work_check,
    Check.OUTING: outing_check,
    Check.QUESTIONS: _check_questions,
    Check.TEMPERATURE: _check_temperature,
    Check.VEHICLE: vehicle_check,
}
