"""Which of several versions of a community's rules holds: the newest whose first day has come, in the community's day.

A version published later overtakes every earlier one from its own first day on, also one whose day is still to come.
"""

from collections.abc import Iterable
from datetime import datetime

from model.local_time import start_of
from model.rule_set import RuleSet


def in_force_from(rules: RuleSet) -> datetime:
    """The first instant of the day from which these rules are valid, by their own zone; in UTC."""
    return start_of(rules.valid_from, rules.zone)


def in_force_at(at: datetime, known: Iterable[RuleSet]) -> RuleSet | None:
    """The rules that hold at this instant; None while the day of none has come."""
    begun = [rules for rules in known if in_force_from(rules) <= at]
    return max(begun, key=lambda rules: rules.version, default=None)
