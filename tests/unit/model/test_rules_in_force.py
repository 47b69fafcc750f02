"""Which version of the rules holds, from the first instant of its day on."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from builders import rule_set

from model.rule_set import RuleSet
from model.rules_in_force import in_force_at, in_force_from


def version(number: int, valid_from: str) -> RuleSet:
    return replace(rule_set(), version=number, valid_from=date.fromisoformat(valid_from))


def held(at: datetime, *known: RuleSet) -> int | None:
    found = in_force_at(at, known)
    return found.version if found is not None else None


SOON, LATER = version(1, "2026-02-01"), version(2, "2026-03-01")
MARCH = datetime(2026, 3, 1, tzinfo=UTC)


def test_rules_hold_from_the_first_instant_of_their_day_and_not_a_moment_sooner() -> None:
    assert in_force_from(LATER) == MARCH
    assert held(MARCH - timedelta(microseconds=1), LATER, SOON) == 1
    assert held(MARCH, LATER, SOON) == 2


def test_before_the_first_day_of_all_none_holds() -> None:
    assert held(in_force_from(SOON) - timedelta(seconds=1), SOON, LATER) is None
    assert held(MARCH) is None


def test_a_later_version_with_an_earlier_day_overtakes_what_was_planned() -> None:
    hurried = version(3, "2026-02-10")
    assert held(MARCH - timedelta(days=1), SOON, LATER, hurried) == 3
    assert held(MARCH + timedelta(days=300), SOON, LATER, hurried) == 3
