"""The worked examples of "How the rules work" are what the shipped communities decide, to the minute."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

import config
from config.rule_check import check_files
from config.rule_texts import rule_texts
from config.rules import load_rules
from model.credentials import Colour, PassKind
from model.decision_explained import explain_decision
from model.directory import HouseholdEntry, Isolation
from model.facts import ClaimAnswer, ClaimedOuting, Facts
from model.identities import ClaimId, CommunityId
from model.outings import Outing, OutingPurpose
from model.passback import LastPassage
from model.passing import Direction
from model.reasons import Outcome
from model.rule_set import RuleSet
from model.rules import decide
from model.shifts import EmployerId, Schedule, ScheduleId, Shift
from model.temperature import Site, judge
from model.windows import Window, WindowKind
from tests.unit.model.builders import HOUSEHOLD, burst, directory, facts, resident_pass, verified
from tests.unit.model.worlds import asked

COMMUNITIES = Path(config.__file__).parent / "communities"
HANDBOOK = Path(config.__file__).parents[1] / "docs/handbook"
PAGES = {language: (HANDBOOK / f"rules.{language}.md").read_text(encoding="utf-8") for language in ("zh", "en")}
NIGHTS = Schedule(schedule=ScheduleId(4), employer=EmployerId(1), shifts=(Shift(begins=time(22), ends=time(6)),))


def at(day: int, clock: str) -> datetime:
    """The moment at which a clock in China shows this, in February 2020."""
    hour, minute = (int(part) for part in clock.split(":"))
    return datetime(2020, 2, day, hour, minute, tzinfo=UTC) - timedelta(hours=8)


WINDOWS = (
    Window(kind=WindowKind.COME_HOME, begins=at(14, "10:00"), ends=at(14, "12:00")),
    Window(kind=WindowKind.CLINIC, begins=at(15, "08:00"), ends=at(15, "11:00")),
)
OUT_AT_NINE = Outing(
    claim=ClaimId("b" * 16),
    household=HOUSEHOLD,
    started_at=at(14, "09:00"),
    returned_at=None,
    purpose=OutingPurpose.ORDINARY,
    people=1,
)


def person(rules: RuleSet, direction: Direction, moment: datetime, **changes: Any) -> Facts:
    """Somebody healthy with a static card; changes: kind, schedule, colour, isolation, purpose, outings, last."""
    card = replace(
        resident_pass(community=CommunityId(rules.community)),
        kind=changes.get("kind", PassKind.HOUSEHOLD),
        schedule=changes.get("schedule", 0),
    )
    entry = HouseholdEntry(
        colour=changes.get("colour", Colour.GREEN),
        isolation=changes.get("isolation", Isolation.NONE),
    )
    known = replace(
        directory(),
        community=rules.community,
        households={HOUSEHOLD: entry} if changes.get("is_listed", True) else {},
        windows={HOUSEHOLD: WINDOWS},
        schedules={NIGHTS.schedule: NIGHTS},
    )
    claimed = ClaimedOuting(claim=ClaimId("a" * 16), answer=ClaimAnswer.GRANTED, outings=changes.get("outings", ()))
    found = facts(
        direction=direction,
        code=verified(credential=card, holder_step=None),
        known=known,
        temperature=judge(burst(33.5), Site.FOREHEAD, rules.temperature),
    )
    found = replace(found, at=moment, purpose=changes.get("purpose"), outing=claimed, last_passage=changes.get("last"))
    return asked(found, rules)


IN, OUT = Direction.IN, Direction.OUT
GRANTED, DENIED, REFERRED = Outcome.GRANTED, Outcome.DENIED, Outcome.REFERRED
BEEN_OUT: Mapping[str, Any] = {"outings": (OUT_AT_NINE,)}
MEDICAL: Mapping[str, Any] = {"isolation": Isolation.MEDICAL}
SHOWN: Mapping[str, Any] = {"last": LastPassage(direction=IN, at=at(14, "09:00")), "kind": PassKind.RESIDENT}
NIGHT: Mapping[str, Any] = {"kind": PassKind.WORK, "schedule": 4}
EXAMPLES: list[tuple[str, Direction, tuple[int, str], Mapping[str, Any], Outcome, tuple[int, str] | None]] = [
    ("hongxing", OUT, (14, "09:00"), {}, GRANTED, (14, "20:00")),
    ("hongxing", OUT, (14, "15:00"), BEEN_OUT, DENIED, (16, "00:00")),
    ("hongxing", OUT, (15, "10:00"), {**BEEN_OUT, "purpose": OutingPurpose.MEDICAL}, GRANTED, None),
    ("hongxing", OUT, (15, "23:59"), BEEN_OUT, DENIED, (16, "00:00")),
    ("hongxing", OUT, (16, "00:00"), BEEN_OUT, GRANTED, (16, "20:00")),
    ("haigeng", IN, (13, "18:00"), {"colour": Colour.YELLOW}, GRANTED, None),
    ("haigeng", OUT, (14, "08:00"), {"colour": Colour.YELLOW}, GRANTED, None),
    ("haigeng", OUT, (14, "08:00"), {"colour": Colour.ORANGE}, REFERRED, None),
    ("haida", IN, (14, "09:59"), MEDICAL, REFERRED, (14, "10:00")),
    ("haida", IN, (14, "10:00"), MEDICAL, GRANTED, None),
    ("haida", OUT, (15, "07:59"), MEDICAL, REFERRED, (15, "08:00")),
    ("haida", OUT, (15, "08:00"), MEDICAL, GRANTED, None),
    ("haida", OUT, (15, "11:00"), MEDICAL, REFERRED, None),
    ("longcheng", IN, (14, "09:00"), {}, GRANTED, None),
    ("longcheng", IN, (14, "09:04"), SHOWN, REFERRED, (14, "09:10")),
    ("longcheng", IN, (14, "09:10"), SHOWN, GRANTED, None),
    ("longcheng", IN, (14, "09:00"), {"is_listed": False}, REFERRED, None),
    ("baiyin", OUT, (14, "09:00"), {}, GRANTED, (14, "11:00")),
    ("baiyin", OUT, (14, "14:00"), BEEN_OUT, DENIED, (15, "00:00")),
    ("baiyin", OUT, (14, "20:59"), NIGHT, DENIED, (14, "21:00")),
    ("baiyin", OUT, (14, "21:00"), NIGHT, GRANTED, None),
    ("baiyin", OUT, (14, "21:00"), {"kind": PassKind.WORK}, DENIED, None),
]


@pytest.mark.parametrize(("name", "direction", "when", "changes", "outcome", "told"), EXAMPLES)
def test_a_worked_example_is_what_the_community_decides(
    name: str,
    direction: Direction,
    when: tuple[int, str],
    changes: Mapping[str, Any],
    outcome: Outcome,
    told: tuple[int, str] | None,
) -> None:
    rules = load_rules(COMMUNITIES / f"{name}.toml")
    found = person(rules, direction, at(*when), **changes)
    decision = decide(found, rules)
    assert decision.outcome is outcome
    assert (decision.due_back or decision.possible_at) == (at(*told) if told is not None else None)
    explained = explain_decision(found, decision, rules)
    assert (explained.remedy is None) == (outcome is GRANTED)
    for language, page in PAGES.items():
        day = f"2月{when[0]}日 {when[1]}" if language == "zh" else f"{when[0]} Feb {when[1]}"
        (section,) = (part for part in page.split("\n## ") if name in part.partition("\n")[0].lower())
        row = next((line for line in section.splitlines() if line.startswith(f"| {day} |")), None)
        assert row is not None, (language, day)
        assert told is None or any(told[1] in line for line in section.splitlines() if line.startswith(f"| {day} |"))


def test_no_card_is_denied_where_the_page_says_so() -> None:
    rules = load_rules(COMMUNITIES / "baiyin.toml")
    found = replace(person(rules, IN, at(14, "12:00")), code=None)
    assert decide(found, rules).outcome is DENIED


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_table_of_the_page_is_one_that_a_rules_file_may_have(language: str, tmp_path: Path) -> None:
    (table,) = re.findall(r"```toml\n(.*?)```", PAGES[language], re.DOTALL)
    text = (COMMUNITIES / "hongxing.toml").read_text(encoding="utf-8")
    head, _, rest = text.partition("[outings]")
    file = tmp_path / "rules.toml"
    file.write_text(head + table + "\n" + rest[rest.index("\n[passback]") :], encoding="utf-8")
    assert tomllib.loads(table)["outings"]["per_days"] == 3
    assert check_files([file], rule_texts("en")) == []
