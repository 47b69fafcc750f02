"""Whether somebody from outside may come in at all, before anything is asked or measured.

Nobody is kept from leaving.
"""

from typing import Final

from model.credentials import CodeCheck, RegisteredVisitor
from model.directory import Directory, Isolation
from model.facts import Facts
from model.passing import Direction
from model.reasons import Reason
from model.rule_set import Check, OutsiderRules, RuleSet, VisitPolicy
from model.visitors import VisitPurpose

JUDGED_OF_VISITORS: Final = frozenset({Check.CURFEW, Check.QUESTIONS, Check.TEMPERATURE})
"""Of the rules' own checks; the others are about households and their passes."""

_VISITORS: Final = {
    VisitPolicy.TURNED_BACK: Reason.VISITORS_TURNED_BACK,
    VisitPolicy.AT_THE_GATE: Reason.VISITORS_AT_THE_GATE,
}
_DELIVERIES: Final = {
    VisitPolicy.TURNED_BACK: Reason.DELIVERIES_TURNED_BACK,
    VisitPolicy.AT_THE_GATE: Reason.DELIVERIES_AT_THE_GATE,
}


def visitor_checks(direction: Direction, rules: RuleSet) -> tuple[Check, ...]:
    """What is judged of a visitor, in the rules' order. A curfew keeps nobody in who does not live here."""
    left_out = {Check.CURFEW} if direction is Direction.OUT else set()
    own = tuple(check for check in rules.checks if check in JUDGED_OF_VISITORS - left_out)
    return (Check.OUTSIDER, *own)


def outsider_check(facts: Facts, rules: RuleSet) -> Reason | None:
    """What keeps a visitor out."""
    return refusal_of(facts.code, facts.direction, facts.directory, rules)


def refusal_of(
    check: CodeCheck | None, direction: Direction, directory: Directory | None, rules: RuleSet
) -> Reason | None:
    """What keeps this visitor out, known before anything is asked or measured; None for everybody else."""
    if not isinstance(check, RegisteredVisitor) or direction is Direction.OUT:
        return None
    if check.purpose is VisitPurpose.DELIVERY:
        refused = _DELIVERIES.get(rules.outsiders.deliveries)
    else:
        refused = _VISITORS.get(rules.outsiders.visitors)
    if refused is not None:
        return refused
    if directory is None:
        return Reason.NO_DIRECTORY
    host = directory.households.get(check.host) if check.host is not None else None
    if host is None:
        return Reason.HOUSEHOLD_NOT_ON_DIRECTORY
    return None if host.isolation is Isolation.NONE else Reason.HOST_ISOLATED


def is_turned_back_with_a_delivery(rules: OutsiderRules) -> bool:
    """Whether deliveries are not even handed over at the gate."""
    return rules.deliveries is VisitPolicy.TURNED_BACK
