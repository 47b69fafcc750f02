"""The communities' own files: each encodes what its people did, and says so; none of them contradicts itself."""

from datetime import time
from pathlib import Path

import pytest

import config
from config.rule_gaps import gaps
from config.rules import load_rules, typed
from config.toml_files import read_table
from model.credentials import Colour, PassKind
from model.directory import Isolation
from model.outings import OutingPurpose, QuotaWindow
from model.passback import PassbackMode
from model.passing import Direction
from model.reasons import Outcome, Reason
from model.rule_set import Check, MaskPolicy, RuleSet, VisitPolicy
from model.services import ServiceReason
from model.windows import WindowKind

FILES = sorted((Path(config.__file__).parent / "communities").glob("*.toml"))
NAMES = ["baiyin", "default", "haida", "haigeng", "hongxing", "longcheng"]
ROOMS = ("model", "gate", "drivers", "journal", "passes", "mqtt", "center", "gatehouse", "simulator")


def rules_of(name: str) -> RuleSet:
    return load_rules(Path(config.__file__).parent / f"communities/{name}.toml")


def test_the_five_communities_and_a_default_are_shipped() -> None:
    assert [file.stem for file in FILES] == NAMES


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_shipped_community_says_nothing_in_vain_and_leaves_nothing_open(file: Path) -> None:
    rules = load_rules(file)
    assert str(rules.zone) == "Asia/Shanghai"
    assert rules.levels
    sections, problems = typed(read_table(file), file)
    assert sections is not None
    assert [problems, gaps(sections)] == [[], []]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_section_of_a_shipped_community_says_what_it_encodes(file: Path) -> None:
    lines = file.read_text(encoding="utf-8").splitlines()
    bare = []
    for number, line in enumerate(lines):
        if not line.startswith("[") or line.startswith(("[temperature.sites.wrist", "[[levels]]", "[colours.unc")):
            continue
        told = "#" in line or any("#" in near for near in lines[max(0, number - 4) : number + 2])
        bare += [] if told else [line]
    assert bare == []
    assert any("[community]" in line for line in lines)


def test_one_person_of_a_household_goes_out_every_three_days_and_everybody_is_measured() -> None:
    rules = rules_of("hongxing")
    assert rules.outings is not None
    assert rules.outings.quota is not None
    assert (rules.outings.quota.count, rules.outings.quota.period_days, rules.outings.people_max) == (1, 3, 1)
    assert rules.outings.quota.window is QuotaWindow.CALENDAR
    assert rules.outings.return_by == time(20)
    assert rules.measured_directions == set(Direction)
    assert rules.masks is MaskPolicy.REQUIRED
    assert (rules.outsiders.visitors, rules.outsiders.vehicles) == (VisitPolicy.TURNED_BACK, VisitPolicy.TURNED_BACK)
    assert len(rules.levels) == 4


def test_a_yellow_card_becomes_green_after_fifteen_days() -> None:
    rules = rules_of("haigeng")
    for colour in (Colour.YELLOW, Colour.ORANGE):
        rule = rules.colours[colour]
        assert (rule.exchange_for, rule.exchange_after_days, rule.is_watched) == (Colour.GREEN, 15, True)
    assert Check.WORK in rules.checks


def test_the_two_kinds_of_isolation_pass_by_different_windows() -> None:
    rules = rules_of("haida")
    assert rules.isolation_may_enter == {Isolation.HOME: True, Isolation.MEDICAL: False}
    assert rules.isolation_windows[Isolation.HOME] == {WindowKind.CLINIC}
    assert WindowKind.COME_HOME in rules.isolation_windows[Isolation.MEDICAL]
    assert not any(rules.isolation_may_leave.values())
    assert rules.on_failure[Reason.QUESTION_ANSWERED_YES] is Outcome.REFERRED


def test_on_the_list_and_of_normal_temperature_is_enough() -> None:
    rules = rules_of("longcheng")
    assert rules.measured_directions == {Direction.IN}
    assert rules.outings is None
    assert Check.COLOUR not in rules.checks
    assert (rules.passback.mode, rules.passback.within_min) == (PassbackMode.TIMED, 10)


def test_once_a_day_back_in_time_and_a_shift_on_every_work_certificate() -> None:
    rules = rules_of("baiyin")
    assert rules.outings is not None
    assert rules.outings.quota is not None
    assert (rules.outings.quota.count, rules.outings.quota.period_days) == (1, 1)
    assert rules.outings.return_within_min == 120
    assert OutingPurpose.MEDICAL in rules.outings.exempt
    assert rules.outing_kinds == {PassKind.HOUSEHOLD, PassKind.RESIDENT}
    assert rules.work_directions == {Direction.OUT}
    assert Reason.SHIFT_UNKNOWN not in rules.on_failure
    assert Reason.NO_CODE not in rules.on_failure
    assert rules.outsiders.deliveries is VisitPolicy.AT_THE_GATE
    assert len(rules.levels) == 3


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_an_ambulance_is_let_in_everywhere(file: Path) -> None:
    assert {ServiceReason.AMBULANCE, ServiceReason.FIRE_BRIGADE} <= load_rules(file).outsiders.services


def test_no_community_is_named_in_code() -> None:
    checkout = Path(config.__file__).parents[1]
    names = [name for name in NAMES if name != "default"]
    found = [
        f"{file.relative_to(checkout)}: {name}"
        for room in (*ROOMS, "config")
        for file in (checkout / room).rglob("*.py")
        for name in names
        if name in file.read_text(encoding="utf-8").lower()
    ]
    assert found == []
