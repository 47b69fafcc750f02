"""Which version of the rules holds, from the first instant of its day on."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from builders import rule_set

from model.rule_set import RuleSet
from model.rules_in_force import in_force_at, in_force_from


def version(number: int, valid_from: str, zone: tzinfo = UTC) -> RuleSet:
    return replace(rule_set(), version=number, valid_from=date.fromisoformat(valid_from), zone=zone)


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


@pytest.mark.parametrize(
    ("zone", "first_instant"),
    [
        ("Asia/Shanghai", datetime(2026, 2, 28, 16, tzinfo=UTC)),
        ("Pacific/Auckland", datetime(2026, 2, 28, 11, tzinfo=UTC)),
        ("Pacific/Honolulu", datetime(2026, 3, 1, 10, tzinfo=UTC)),
    ],
)
def test_the_day_is_the_communitys_own(zone: str, first_instant: datetime) -> None:
    local = version(2, "2026-03-01", ZoneInfo(zone))
    assert held(first_instant - timedelta(seconds=1), SOON, local) == 1
    assert held(first_instant, SOON, local) == 2


def test_a_day_without_a_midnight_begins_with_its_first_instant() -> None:
    """In Beirut clocks leap from 00:00 to 01:00 in spring."""
    leaping = version(2, "2026-03-29", ZoneInfo("Asia/Beirut"))
    assert in_force_from(leaping) == datetime(2026, 3, 28, 22, tzinfo=UTC)
