"""One decision as sentences: what came of it, the rule that led to it, what would make it possible, and when."""

from dataclasses import dataclass
from datetime import datetime

from model.directory import Isolation
from model.explanation import (
    Moment,
    Sentence,
    Value,
    colour_sentence,
    curfew_sentence,
    fever_sentence,
    isolation_sentence,
    kind_sentence,
    passback_sentence,
    people_sentence,
    quota_sentence,
    work_sentence,
)
from model.facts import Facts
from model.reasons import Outcome, Reason
from model.rule_set import Check, RuleSet
from model.rules import Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedDecision:
    """rule: what the rules say of it; remedy: what would make it possible; due_back: until when what was granted."""

    outcome: Outcome
    reason: Reason
    rule: Sentence | None
    remedy: Sentence | None
    due_back: Sentence | None


_IN_TIME = {
    Reason.QUOTA_USED: "possible_outing",
    Reason.CURFEW: "possible_curfew",
    Reason.OUTSIDE_SHIFT: "possible_shift",
    Reason.SHOWN_TWICE: "possible_passback",
    Reason.HOUSEHOLD_ISOLATED: "possible_window",
}


def explain_decision(facts: Facts, decision: Decision, rules: RuleSet) -> ExplainedDecision:
    """Say it in sentences; total. The decision is one of these facts under these rules."""
    return ExplainedDecision(
        outcome=decision.outcome,
        reason=decision.reason,
        rule=_rule(facts, decision, rules),
        remedy=_remedy(facts, decision, rules),
        due_back=_due_back(facts, decision, rules),
    )


def _rule(facts: Facts, decision: Decision, rules: RuleSet) -> Sentence | None:
    household = facts.household
    match decision.check:
        case None:
            return _say("rule_emergency") if decision.reason is Reason.EMERGENCY_EXIT else None
        case Check.COLOUR if household is not None:
            return colour_sentence(rules, household.colour)
        case Check.ISOLATION if household is not None and household.isolation is not Isolation.NONE:
            return isolation_sentence(rules, household.isolation)
        case Check.KIND if facts.credential is not None:
            return kind_sentence(rules, facts.credential.kind)
        case Check.CURFEW:
            return curfew_sentence(rules) or _say("rule_curfew")
        case Check.WORK:
            return work_sentence(rules)
        case Check.PASSBACK:
            return passback_sentence(rules)
        case Check.TEMPERATURE:
            return fever_sentence(rules)
        case Check.OUTING if rules.outings is not None:
            if decision.reason is Reason.TOO_MANY_PEOPLE:
                return people_sentence(rules.outings)
            return quota_sentence(rules.outings)
        case check:
            return _say(f"rule_{check.value}")


def _remedy(facts: Facts, decision: Decision, rules: RuleSet) -> Sentence | None:
    if decision.outcome is Outcome.GRANTED:
        return None
    if decision.possible_at is not None and facts.at is not None:
        code = _IN_TIME.get(decision.reason, "possible_later")
        return _say(code, when=_moment(decision.possible_at, facts.at, rules))
    return _say(f"remedy_{decision.reason.value}")


def _due_back(facts: Facts, decision: Decision, rules: RuleSet) -> Sentence | None:
    if decision.due_back is None or facts.at is None:
        return None
    return _say("due_back", when=_moment(decision.due_back, facts.at, rules))


def _moment(at: datetime, now: datetime, rules: RuleSet) -> Moment:
    return Moment(at=at, now=now, zone=rules.zone)


def _say(code: str, **values: Value) -> Sentence:
    return Sentence(key="decision", code=code, values=values)
