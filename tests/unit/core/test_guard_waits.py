"""While the gate waits for a guard: a thermometer or journal that is lost, a mask that is missing, nobody who comes."""

import pytest

from gate.core import visit
from gate.core.effects import AlarmKind, CallGuard, Instruction, RaiseAlarm, ShowInstruction, StartMeasurement
from gate.core.events import ComponentChanged, MaskSeen, PeopleCounted
from gate.core.visit_states import Idle, Visiting, WithGuard
from gate.core.visit_verdict import with_guard
from model.identities import GuardId
from model.reasons import Outcome, Reason
from model.records import AbandonedRecord, VisitStep
from model.temperature import HandReading
from tests.unit.core.lane_dsl import STEP_LIMIT_S, UNMEASURED, Scene, scan_only, scene, settings, with_guard_scene
from tests.unit.model.builders import COLD_SKIN_C, HIGH_SKIN_C, burst, fault

GUARD = GuardId("li_wei")
MEASURE_SCAN = (VisitStep.MEASURE, VisitStep.SCAN)


def loses(gate: Scene, component: str, *, is_available: bool = False) -> Scene:
    return gate.send(ComponentChanged(at=gate.at, component=component, is_available=is_available, why="gone"))


def mask(gate: Scene, *, is_worn: bool) -> Scene:
    return gate.send(MaskSeen(at=gate.at, guard=GUARD, is_worn=is_worn))


def arrived() -> Scene:
    return scene(settings(steps=MEASURE_SCAN)).comes()


class TestLostThermometer:
    CALLED = ShowInstruction(instruction=Instruction.GUARD_COMES, reason=Reason.THERMOMETER_UNAVAILABLE)

    def without(self) -> Scene:
        return loses(scene(settings(steps=MEASURE_SCAN)), "thermometer").comes()

    def test_guard_is_called_at_once_and_has_a_guards_time(self) -> None:
        gate = self.without()
        assert gate.last == (self.CALLED, CallGuard(reason=Reason.THERMOMETER_UNAVAILABLE))
        assert not gate.of(StartMeasurement)
        gate.waits(119.0).guard_measures().shows().stored()
        assert gate.releases
        (decision,) = gate.decisions
        assert decision.facts.temperature is not None
        assert isinstance(decision.facts.temperature.reading, HandReading)

    def test_nobody_is_let_through_because_nobody_came(self) -> None:
        gate = self.without().shows().waits(120.0).stored()
        assert gate.decisions[0].decision.outcome is Outcome.REFERRED
        assert not gate.waits(1000.0).releases

    def test_guard_with_only_a_button_is_asked_at_the_first_press_and_decides_by_the_second(self) -> None:
        gate = self.without().shows().guard_confirms().stored()
        assert gate.decisions[0].decision.reason is Reason.TEMPERATURE_INDETERMINATE
        assert not gate.releases
        assert gate.guard_confirms().stored().releases

    def test_family_does_not_wait_once_for_each(self) -> None:
        gate = self.without()
        gate.send(PeopleCounted(at=gate.at, guard=GUARD, people=9)).shows().waits(120.0).stored()
        assert isinstance(gate.lane.visit, WithGuard)
        for _ in range(9):
            assert not gate.releases
            gate.guard_measures().stored()
        assert gate.releases

    def test_measuring_goes_on_when_it_comes_back(self) -> None:
        gate = loses(self.without().waits(60.0), "thermometer", is_available=True)
        assert gate.told() is Instruction.HOLD_FOREHEAD
        assert gate.measures().shows().stored().releases

    @pytest.mark.parametrize("late", [fault(), burst(), burst(HIGH_SKIN_C)])
    def test_burst_that_comes_from_a_lost_thermometer_counts_for_nothing(self, late: object) -> None:
        gate = loses(arrived(), "thermometer")
        assert gate.of(ShowInstruction)[-1] == self.CALLED
        before = gate.lane
        assert gate.measures(late).lane == before  # type: ignore[arg-type]
        assert gate.guard_measures().shows().stored().releases

    def test_rest_before_the_second_burst_ends_with_the_guard(self) -> None:
        gate = loses(arrived().measures(burst(HIGH_SKIN_C)), "thermometer").waits(20.0)
        assert len(gate.of(StartMeasurement)) == 1
        gate.guard_measures(38.0).shows().stored()
        assert gate.decisions[0].decision.reason is Reason.TEMPERATURE_HIGH

    def test_another_part_that_is_lost_disturbs_no_measurement(self) -> None:
        gate = arrived()
        before = gate.lane.visit
        assert loses(gate, "link").lane.visit == before


class TestMask:
    def test_whoever_fetches_one_is_not_sent_away_by_a_step_s_limit(self) -> None:
        gate = mask(arrived().measures(), is_worn=False).waits(STEP_LIMIT_S[VisitStep.SCAN] + 60.0)
        assert gate.told() is Instruction.PUT_ON_MASK
        mask(gate, is_worn=True)
        assert gate.told() is Instruction.SHOW_CODE
        gate.waits(STEP_LIMIT_S[VisitStep.SCAN] - 1.0).shows().stored()
        assert gate.releases

    def test_code_that_is_shown_meanwhile_is_not_lost(self) -> None:
        gate = mask(arrived().measures(), is_worn=False).waits(60.0).shows()
        assert not gate.decisions
        assert mask(gate, is_worn=True).stored().releases

    def test_wait_for_a_mask_has_an_end(self) -> None:
        gate = mask(arrived().measures(), is_worn=False).waits(STEP_LIMIT_S[VisitStep.SCAN] + 120.0)
        assert gate.records(AbandonedRecord)[0].mask_was_missing
        assert not isinstance(gate.lane.visit, Visiting)

    def without_mask(self) -> Scene:
        return mask(with_guard_scene(burst(COLD_SKIN_C)), is_worn=False).guard_measures().stored()

    def test_normal_value_by_hand_lets_nobody_pass_without_one(self) -> None:
        gate = self.without_mask()
        assert gate.told() is Instruction.PUT_ON_MASK
        assert not gate.releases
        mask(gate, is_worn=True).stored()
        assert gate.decisions[-1].mask_was_missing
        assert len(gate.releases) == 1

    def test_without_that_hold_it_would(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(visit, "_measured_at_guard", with_guard)
        assert self.without_mask().releases

    def test_guard_is_asked_again_once_it_is_on(self) -> None:
        gate = mask(with_guard_scene(), is_worn=False)
        assert gate.told() is Instruction.PUT_ON_MASK
        mask(gate, is_worn=True)
        assert gate.of(ShowInstruction)[-1].reason is Reason.TEMPERATURE_HIGH


class TestLostJournal:
    def arrived(self) -> Scene:
        return loses(scene(scan_only(), rules=UNMEASURED), "journal").comes()

    def test_whoever_scans_again_and_again_calls_the_guard_once(self) -> None:
        gate = self.arrived()
        for _ in range(50):
            gate.shows().waits(1.0)
        assert gate.of(CallGuard) == [CallGuard(reason=Reason.JOURNAL_UNAVAILABLE)]
        assert gate.told() is Instruction.GUARD_COMES
        assert not gate.decisions

    def test_it_is_told_for_as_long_as_somebody_stands_there(self) -> None:
        gate = self.arrived().waits(600.0)
        assert gate.told() is Instruction.GUARD_COMES
        assert gate.leaves().told() is Instruction.WELCOME
        assert gate.lane.visit == Idle()

    def test_whoever_still_stands_there_is_served_when_it_is_back(self) -> None:
        gate = loses(self.arrived().waits(60.0), "journal", is_available=True)
        assert gate.told() is Instruction.SHOW_CODE
        assert gate.shows().stored().releases

    def test_lane_without_a_presence_contact_welcomes_the_next(self) -> None:
        gate = loses(scene(scan_only(has_presence_contact=False), rules=UNMEASURED), "journal").shows()
        assert gate.told() is Instruction.GUARD_COMES
        assert gate.waits(10.0).told() is Instruction.WELCOME

    def test_record_that_failed_is_told_until_the_journal_is_back(self) -> None:
        gate = loses(scene(scan_only(), rules=UNMEASURED).comes().shows().refused(), "journal").waits(60.0)
        assert gate.told() is Instruction.GUARD_COMES
        loses(gate, "journal", is_available=True).shows().stored()
        assert len(gate.releases) == 1


class TestNobodyComes:
    def test_it_is_told_for_as_long_as_somebody_stands_there(self) -> None:
        gate = with_guard_scene().waits(600.0)
        assert gate.told() is Instruction.TOO_SLOW
        assert gate.leaves().told() is Instruction.WELCOME

    def test_code_begins_anew(self) -> None:
        gate = with_guard_scene().waits(600.0)
        gate.shows()
        assert isinstance(gate.lane.visit, Visiting)


class TestFever:
    def test_one_fever_is_one_alarm_however_often_it_is_measured_again(self) -> None:
        gate = with_guard_scene()
        for _ in range(3):
            gate.guard_measures(38.5).stored()
        assert gate.of(RaiseAlarm) == [RaiseAlarm(kind=AlarmKind.FEVER)]
        assert gate.guard_measures(36.6).stored().releases
        assert not gate.alarms

    def test_it_ends_with_a_visit_whose_answer_could_not_be_recorded(self) -> None:
        gate = with_guard_scene().guard_measures(38.5).refused()
        assert gate.alarms == {AlarmKind.FEVER}
        assert not gate.leaves().alarms

    def test_it_ends_when_the_way_is_freed_while_the_answer_is_recorded(self) -> None:
        gate = with_guard_scene().guard_measures(36.6).guard_frees_everybody()
        assert AlarmKind.FEVER not in gate.alarms
