"""Parts that are lost and come back, the clock, and rules and directory that are replaced while people pass."""

import pytest

from gate.core.effects import AlarmKind, Instruction, PublishState, ShowInstruction, StartMeasurement, StoreRecord
from gate.core.events import ClockChanged, ComponentChanged, DirectoryReplaced, RulesReplaced
from gate.core.visit_states import Visiting
from model.clock import ClockTrust
from model.directory import PassStatus
from model.reasons import Outcome, Reason
from model.records import ClockRecord, ModeRecord, VisitStep
from tests.unit.core.lane_dsl import UNMEASURED, Scene, lane, scan_only, scene, settings
from tests.unit.model.builders import burst, directory, rule_set


def loses(gate: Scene, component: str, why: str = "absent") -> Scene:
    return gate.send(ComponentChanged(at=gate.at, component=component, is_available=False, why=why))


def regains(gate: Scene, component: str) -> Scene:
    return gate.send(ComponentChanged(at=gate.at, component=component, is_available=True))


class TestComponents:
    def test_lost_part_is_recorded_and_the_centre_is_told_once(self) -> None:
        gate = loses(scene(), "thermometer")
        record = ModeRecord(component="thermometer", is_available=False, why="absent")
        assert gate.last == (StoreRecord(token=1, record=record), PublishState())
        assert gate.lane.lost == {"thermometer": "absent"}
        assert loses(gate, "thermometer").last == ()

    def test_part_that_came_back_is_recorded_and_told(self) -> None:
        gate = regains(loses(loses(scene(), "thermometer"), "link", "no route"), "thermometer")
        assert gate.lane.lost == {"link": "no route"}
        assert [record.is_available for record in gate.records(ModeRecord)] == [False, False, True]
        assert PublishState() in gate.last

    def test_part_that_was_never_lost_coming_back_is_nothing_new(self) -> None:
        assert regains(scene(), "camera").last == ()

    def test_lost_journal_raises_an_alarm_until_it_is_back(self) -> None:
        gate = loses(scene(), "journal", "disk full")
        assert gate.alarms == {AlarmKind.JOURNAL}
        assert regains(gate, "journal").alarms == set()

    def test_guards_button_without_a_journal_is_answered_and_opens_nothing(self) -> None:
        gate = loses(scene(), "journal", "disk full").guard_confirms()
        assert gate.last == (ShowInstruction(instruction=Instruction.REFUSED, reason=Reason.JOURNAL_UNAVAILABLE),)
        assert not gate.releases

    @pytest.mark.parametrize("component", ["thermometer", "link", "centre", "camera", "contact"])
    def test_other_lost_parts_raise_no_alarm_at_the_gate(self, component: str) -> None:
        assert not loses(scene(), component).alarms

    @pytest.mark.parametrize("component", ["link", "centre"])
    def test_lost_link_changes_nothing_for_whoever_stands_there(self, component: str) -> None:
        gate = loses(scene(scan_only(), rules=UNMEASURED).comes(), component)
        assert isinstance(gate.lane.visit, Visiting)
        assert gate.shows().stored().releases


class TestClock:
    def test_jump_is_recorded_and_told_and_no_wait_changes(self) -> None:
        gate = scene().comes()
        before = gate.lane.visit
        gate.send(ClockChanged(at=gate.at, trust=ClockTrust.NTP, jumped_s=3600.0))
        assert gate.records(ClockRecord) == [ClockRecord(trust=ClockTrust.NTP, jumped_s=3600.0)]
        assert PublishState() in gate.last
        assert gate.lane.visit == before

    def test_trust_is_known_from_then_on(self) -> None:
        gate = scene()
        gate.send(ClockChanged(at=gate.at, trust=ClockTrust.SAVED))
        assert gate.lane.clock_trust is ClockTrust.SAVED


class TestReplaced:
    def test_second_rule_set_changes_the_outcome_of_the_next_decision(self) -> None:
        gate = scene(scan_only(), rules=UNMEASURED).shows().stored().waits(60.0)
        everybody_is_measured = rule_set(version=2)
        gate.send(RulesReplaced(at=gate.at, rules=everybody_is_measured)).shows()
        assert [decision.decision.outcome for decision in gate.decisions] == [Outcome.GRANTED, Outcome.REFERRED]
        assert [decision.rules.version for decision in gate.decisions] == [1, 2]

    def test_directory_that_revokes_a_pass_during_its_visit_denies_it(self) -> None:
        gate = scene(settings(steps=(VisitStep.SCAN, VisitStep.MEASURE))).comes().shows()
        gate.send(DirectoryReplaced(at=gate.at, directory=directory(version=41, status=PassStatus.REVOKED)))
        gate.measures().stored()
        (decision,) = gate.decisions
        assert decision.decision.reason is Reason.PASS_REVOKED
        assert decision.facts.directory is not None
        assert decision.facts.directory.version == 41
        assert not gate.releases

    def test_gate_without_a_directory_grants_nothing_until_it_has_one(self) -> None:
        gate = Scene(lane=lane(scan_only(), rules=UNMEASURED, known=None)).shows().stored()
        assert gate.decisions[0].decision.reason is Reason.NO_DIRECTORY
        gate.send(DirectoryReplaced(at=gate.at, directory=directory())).shows().stored()
        assert gate.releases

    def test_rules_that_stop_measuring_during_a_measurement_do_not_stop_the_visit(self) -> None:
        gate = scene(settings(steps=(VisitStep.MEASURE, VisitStep.SCAN))).comes()
        gate.send(RulesReplaced(at=gate.at, rules=UNMEASURED)).shows().measures().stored()
        assert gate.decisions

    def test_measurement_that_is_no_longer_wanted_stands_for_no_other_step(self) -> None:
        order = (VisitStep.MEASURE, VisitStep.CHECK, VisitStep.SCAN)
        gate = scene(settings(steps=order, check_by_guard=True)).comes()
        gate.send(RulesReplaced(at=gate.at, rules=UNMEASURED)).shows().measures()
        assert not gate.decisions
        assert gate.told() is Instruction.SHOW_CARD_TO_GUARD
        gate.guard_confirms()
        assert [done.result for done in gate.decisions[0].steps] == ["not_required", "confirmed", "verified"]

    def test_rest_before_a_second_measurement_ends_when_it_is_no_longer_wanted(self) -> None:
        order = (VisitStep.MEASURE, VisitStep.CHECK, VisitStep.SCAN)
        gate = scene(settings(steps=order, check_by_guard=True)).comes().measures(burst(36.0))
        gate.send(RulesReplaced(at=gate.at, rules=UNMEASURED)).shows().waits(10.0).guard_confirms()
        assert len(gate.of(StartMeasurement)) == 1
        assert [done.step for done in gate.decisions[0].steps] == list(order)
