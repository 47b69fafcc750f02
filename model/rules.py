"""A community's rules as data, and the one function that applies them.

`decide` goes through the rule set's checks in their order and stops at the first that does not pass. What a failed
check leads to (denied, or referred to the guard) is data as well: a second rules file changes an outcome without code.
A check that cannot be judged is never skipped: what is unknown refers to the guard or denies, as the rules say.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import Enum

from model.credentials import (
    CodeCheck,
    Colour,
    Pass,
    RefusalDetail,
    RefusedCode,
    VerifiedCode,
    VouchedHousehold,
    household_of,
)
from model.directory import Directory, HouseholdEntry, Isolation, PassStatus
from model.identities import CommunityId, GateNumber
from model.reasons import Outcome, Reason
from model.temperature import TemperatureJudgement, TemperatureOutcome, TemperatureRules


class Direction(Enum):
    """Way through an access point, seen from the compound."""

    IN = "in"
    OUT = "out"


class Check(Enum):
    """Checks that a rule set can name, each a function of facts and rules."""

    PASS = "pass"  # genuine, in time, of this community, on the directory and neither revoked nor suspended there
    DIRECTORY = "directory"  # the household stands on the directory
    GATE = "gate"  # the pass names this gate
    FRESH = "fresh"  # this holder's code has not been used
    ISOLATION = "isolation"
    COLOUR = "colour"
    QUESTIONS = "questions"
    TEMPERATURE = "temperature"


@dataclass(frozen=True, slots=True, kw_only=True)
class ColourRule:
    """What a colour may do. is_watched: passes, and the centre is told (重点关注)."""

    may_enter: bool
    may_leave: bool
    is_watched: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSet:
    """One community's rules, valid from a date. checks: in the order of judging; on_failure: outcome per reason."""

    community: CommunityId
    version: int
    valid_from: date
    checks: tuple[Check, ...]
    colours: Mapping[Colour, ColourRule]
    isolation_may_enter: Mapping[Isolation, bool]
    isolation_may_leave: Mapping[Isolation, bool]
    measured_directions: frozenset[Direction]
    temperature: TemperatureRules
    on_failure: Mapping[Reason, Outcome]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that a decision rests on; recorded with it, so that it can be replayed.

    code: None when none was shown. temperature: None when nobody measured. code_is_used: a grant has consumed this
    (cti, step).
    answered_yes: the questions that were answered with yes.
    people: how many came on one household card. others: temperatures of all but the first, as far as measured.
    """

    direction: Direction
    gate: GateNumber
    code: CodeCheck | None
    directory: Directory | None
    temperature: TemperatureJudgement | None
    code_is_used: bool = False
    answered_yes: tuple[str, ...] = ()
    people: int = 1
    others: tuple[TemperatureJudgement, ...] = ()

    @property
    def temperatures(self) -> tuple[TemperatureJudgement, ...]:
        """Of everybody who was measured, in their order."""
        return (self.temperature, *self.others) if self.temperature is not None else self.others


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One outcome, one reason, and the check that led to it (None when all passed)."""

    outcome: Outcome
    reason: Reason
    check: Check | None
    is_watched: bool = False


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


# Judged after the rules' own checks even where those leave them out: otherwise there is nobody to grant anything to.
_ALWAYS_JUDGED = (Check.PASS, Check.DIRECTORY, Check.FRESH)


def decide(facts: Facts, rules: RuleSet) -> Decision:
    """Apply the rules to the facts; total and pure."""
    for check in _order(facts, rules):
        reason = _CHECKS[check](facts, rules)
        if reason is not None:
            outcome = outcome_of(reason, rules)
            if reason is Reason.TEMPERATURE_INDETERMINATE and any(each.is_fault for each in facts.temperatures):
                outcome = Outcome.REFERRED  # the gate's fault is nobody's reason to stay outside: the guard measures
            return Decision(outcome=outcome, reason=reason, check=check)
    household = _household(facts)
    colour_rule = rules.colours.get(household.colour) if household is not None else None
    is_watched = colour_rule is not None and colour_rule.is_watched
    reason = Reason.ADMITTED_WATCHED if is_watched else Reason.ADMITTED
    if isinstance(facts.code, VouchedHousehold):
        reason = Reason.ADMITTED_VOUCHED
    return Decision(outcome=Outcome.GRANTED, reason=reason, check=None, is_watched=is_watched)


def outcome_of(reason: Reason, rules: RuleSet) -> Outcome:
    """What a failed check leads to. Denied unless the rules name another; never granted."""
    if reason in ALWAYS_DENIED:
        return Outcome.DENIED
    outcome = rules.on_failure.get(reason, Outcome.DENIED)
    return Outcome.REFERRED if outcome is Outcome.GRANTED else outcome


def _order(facts: Facts, rules: RuleSet) -> tuple[Check, ...]:
    """The rules' checks in their order, but a refused or used code first.

    Its visit ends before anything else was asked: "never measured" would refer a forged code to a guard.
    """
    first: tuple[Check, ...] = ()
    if isinstance(facts.code, RefusedCode):
        first = (Check.PASS,)
    elif facts.code_is_used:
        first = (Check.FRESH,)
    elif isinstance(facts.code, VouchedHousehold):
        # A guard's word is no way round an isolation, even where the rules leave that check out.
        first = (Check.ISOLATION,)
    return (*first, *rules.checks, *_ALWAYS_JUDGED)


def _credential(facts: Facts) -> Pass | None:
    return facts.code.credential if isinstance(facts.code, VerifiedCode) else None


def _household(facts: Facts) -> HouseholdEntry | None:
    household = household_of(facts.code)
    if household is None or facts.directory is None:
        return None
    return facts.directory.households.get(household)


def _check_pass(facts: Facts, rules: RuleSet) -> Reason | None:
    if facts.code is None:
        return Reason.NO_CODE
    if isinstance(facts.code, RefusedCode):
        return _REFUSALS[facts.code.detail]
    if isinstance(facts.code, VouchedHousehold):
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
    return None if _household(facts) is not None else Reason.HOUSEHOLD_NOT_ON_DIRECTORY


def _check_gate(facts: Facts, rules: RuleSet) -> Reason | None:
    if isinstance(facts.code, VouchedHousehold):
        return None
    credential = _credential(facts)
    return None if credential is not None and credential.opens(facts.gate) else Reason.WRONG_GATE


def _check_fresh(facts: Facts, rules: RuleSet) -> Reason | None:
    return Reason.CODE_USED if facts.code_is_used else None


def _check_isolation(facts: Facts, rules: RuleSet) -> Reason | None:
    household = _household(facts)
    if household is None or household.isolation is Isolation.NONE:
        return None
    if isinstance(facts.code, VouchedHousehold):
        return Reason.HOUSEHOLD_ISOLATED  # also where its own pass would do: nobody passes because somebody knows them
    allowed = rules.isolation_may_enter if facts.direction is Direction.IN else rules.isolation_may_leave
    return None if allowed.get(household.isolation, False) else Reason.HOUSEHOLD_ISOLATED


def _check_colour(facts: Facts, rules: RuleSet) -> Reason | None:
    household = _household(facts)
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


_CHECKS: Mapping[Check, Callable[[Facts, RuleSet], Reason | None]] = {
    Check.PASS: _check_pass,
    Check.DIRECTORY: _check_directory,
    Check.GATE: _check_gate,
    Check.FRESH: _check_fresh,
    Check.ISOLATION: _check_isolation,
    Check.COLOUR: _check_colour,
    Check.QUESTIONS: _check_questions,
    Check.TEMPERATURE: _check_temperature,
}
