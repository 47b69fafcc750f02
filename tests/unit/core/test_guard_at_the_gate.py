"""What a guard can do beside the rules, and cannot: vouch, count, measure by hand, masks, services, the bell."""

from dataclasses import replace

import pytest

from gate.core import visit_steps
from gate.core.effects import AlarmKind, CallGuard, Hint, Instruction, ShowHint, ShowInstruction, StartMeasurement
from gate.core.events import (
    BellAnswered,
    BellRung,
    ComponentChanged,
    DutyChanged,
    EmergencyReleaseOrdered,
    GuardDecided,
    HouseholdIdentified,
    MaskSeen,
    MeasuredByHand,
    PeopleCounted,
    RecordStored,
    ServiceAdmitted,
)
from gate.core.lane import GateMode
from gate.core.visit_states import Idle, Recording, Visiting, WithGuard
from gate.core.visit_verdict import SUPERSEDED_MAX
from model.credentials import RefusalDetail, Scanner, VouchedHousehold
from model.directory import Isolation
from model.identities import GuardId, HouseholdId, VisitId
from model.reasons import Outcome, Reason
from model.records import AbandonedRecord, BarrierRecord, DutyRecord, PassageEnd, PassageRecord, VisitStep
from model.services import IdentifiedWhy, ServiceReason
from model.temperature import Celsius, HandReading, HandSite, HandThermometer, TemperatureOutcome
from tests.unit.core.lane_dsl import UNMEASURED, Scene, lane, scan_only, scene, settings, with_guard_scene
from tests.unit.model.builders import HOUSEHOLD, burst, directory, fault, refused, rule_set

LI, WANG = GuardId("li_wei"), GuardId("wang")
MEASURE_SCAN = (VisitStep.MEASURE, VisitStep.SCAN)
NORMAL_SKIN_C, HIGH_SKIN_C, WALL_C = 33.6, 36.0, 20.0


def identifies(visit: Scene, household: HouseholdId = HOUSEHOLD) -> Scene:
    why = IdentifiedWhy.FORGOTTEN_CARD
    return visit.send(HouseholdIdentified(at=visit.at, guard=LI, household=household, why=why))


def types_in(visit: Scene, body_c: float) -> Scene:
    reading = HandReading(
        at=visit.at, body_c=Celsius(body_c), site=HandSite.EAR, thermometer=HandThermometer.INFRARED, guard=LI
    )
    return visit.send(MeasuredByHand(at=visit.at, reading=reading))


def counts(visit: Scene, people: int) -> Scene:
    return visit.send(PeopleCounted(at=visit.at, guard=LI, people=people))


def sees_mask(visit: Scene, *, is_worn: bool) -> Scene:
    return visit.send(MaskSeen(at=visit.at, guard=LI, is_worn=is_worn))


def admits(visit: Scene, people: int = 1) -> Scene:
    return visit.send(ServiceAdmitted(at=visit.at, guard=LI, reason=ServiceReason.AMBULANCE, people=people))


def loses(visit: Scene, component: str, *, is_available: bool = False) -> Scene:
    return visit.send(ComponentChanged(at=visit.at, component=component, is_available=is_available, why="gone"))


class TestDuty:
    def test_taking_over_is_recorded_once_with_who_had_it_before(self) -> None:
        shift = scene()
        for guard in (LI, LI, WANG, None):
            shift.send(DutyChanged(at=shift.at, guard=guard))
        assert shift.records(DutyRecord) == [
            DutyRecord(guard=LI, before=None),
            DutyRecord(guard=WANG, before=LI),
            DutyRecord(guard=None, before=WANG),
        ]

    def test_decision_names_the_guard_and_the_key_switch_names_nobody(self) -> None:
        asked = with_guard_scene()
        asked.send(GuardDecided(at=asked.at, is_confirmed=True, guard=WANG, visit=VisitId(1)))
        assert asked.decisions[-1].guard == WANG
        assert with_guard_scene().guard_confirms().decisions[-1].guard is None

    def test_press_that_comes_late_never_hits_the_next_person(self) -> None:
        asked = with_guard_scene()
        before = asked.lane
        asked.send(GuardDecided(at=asked.at, is_confirmed=True, guard=LI, visit=VisitId(99)))
        assert asked.lane == before
        assert not asked.releases

    def test_emergency_release_records_who_ordered_it(self) -> None:
        gate = scene()
        gate.send(EmergencyReleaseOrdered(at=gate.at, guard=LI))
        assert gate.records(BarrierRecord)[0].guard == LI


class TestForgottenCard:
    def test_known_household_is_measured_and_admitted_by_the_rules(self) -> None:
        visit = scene(settings(steps=MEASURE_SCAN)).comes().measures(burst(NORMAL_SKIN_C))
        identifies(visit).stored()
        (decision,) = visit.decisions
        assert (decision.decision.outcome, decision.decision.reason) == (Outcome.GRANTED, Reason.ADMITTED_VOUCHED)
        assert decision.scanner is Scanner.GUARD
        assert decision.facts.code == VouchedHousehold(household=HOUSEHOLD, guard=LI, why=IdentifiedWhy.FORGOTTEN_CARD)
        assert visit.door_opens().records(PassageRecord) == [
            PassageRecord(visit=VisitId(1), end=PassageEnd.TAKEN, household=HOUSEHOLD, pass_id=None)
        ]

    def test_isolated_household_does_not_leave_because_somebody_knows_it(self) -> None:
        rules = replace(UNMEASURED, isolation_may_enter={Isolation.MEDICAL: False})
        visit = Scene(lane=lane(scan_only(), rules=rules, known=directory(isolation=Isolation.MEDICAL)))
        identifies(visit).stored()
        assert visit.decisions[-1].decision.reason is Reason.HOUSEHOLD_ISOLATED
        assert not visit.releases

    def test_household_nobody_knows_is_not_admitted(self) -> None:
        visit = identifies(scene(scan_only(), rules=UNMEASURED), HouseholdId(77)).stored()
        assert visit.decisions[-1].decision.reason is Reason.HOUSEHOLD_NOT_ON_DIRECTORY
        assert not visit.releases

    def test_it_begins_a_visit_when_nobody_was_noticed(self) -> None:
        visit = identifies(scene(settings(steps=MEASURE_SCAN)))
        assert isinstance(visit.lane.visit, Visiting)
        assert visit.measures(burst(NORMAL_SKIN_C)).stored().releases

    def test_code_that_was_shown_is_not_replaced(self) -> None:
        visit = scene(settings(steps=MEASURE_SCAN)).comes().shows()
        before = visit.lane
        assert identifies(visit, HouseholdId(77)).lane == before

    def test_referral_about_the_code_goes_on_with_what_was_found_out(self) -> None:
        rules = rule_set(on_failure={Reason.SEVERAL_CODES: Outcome.REFERRED, Reason.TEMPERATURE_HIGH: Outcome.REFERRED})
        visit = scene(settings(steps=MEASURE_SCAN), rules=rules).comes().measures(burst(NORMAL_SKIN_C))
        visit.shows(refused(RefusalDetail.SEVERAL_CODES)).stored()
        assert isinstance(visit.lane.visit, WithGuard)
        identifies(visit).stored()
        assert visit.decisions[-1].decision.reason is Reason.ADMITTED_VOUCHED
        assert len(visit.of(StartMeasurement)) == 1
        assert len(visit.releases) == 1

    def test_revoked_pass_is_not_mended_by_knowing_its_holder(self) -> None:
        rules = rule_set(measured=[], on_failure={Reason.PASS_REVOKED: Outcome.REFERRED})
        visit = scene(scan_only(), rules=rules).shows(refused(RefusalDetail.REVOKED)).stored()
        before = visit.lane
        assert identifies(visit).lane == before


class TestFamily:
    def family(self, *skins_c: float) -> Scene:
        visit = counts(scene(settings(steps=MEASURE_SCAN)).comes(), len(skins_c))
        for skin_c in skins_c:
            visit.now += 2.0
            visit.measures(burst(skin_c))
        return visit

    def test_each_is_measured_and_all_pass_on_one_card(self) -> None:
        visit = self.family(NORMAL_SKIN_C, 33.9, 34.0).shows().stored()
        (decision,) = visit.decisions
        assert decision.decision.outcome is Outcome.GRANTED
        assert (decision.facts.people, len(decision.facts.temperatures)) == (3, 3)
        (release,) = visit.releases
        assert release.release_time_s == 5.0 + 2 * 3.0

    def test_nobody_passes_before_the_last_is_measured(self) -> None:
        visit = counts(scene(settings(steps=MEASURE_SCAN)).comes(), 3).shows()
        visit.measures(burst(NORMAL_SKIN_C)).measures(burst(NORMAL_SKIN_C))
        assert not visit.decisions
        assert isinstance(visit.lane.visit, Visiting)
        assert visit.lane.visit.person == 3

    def test_fever_of_one_holds_all(self) -> None:
        visit = self.family(NORMAL_SKIN_C, HIGH_SKIN_C)
        visit.waits(5.0).measures(burst(HIGH_SKIN_C)).shows().stored()
        assert visit.decisions[-1].decision.reason is Reason.TEMPERATURE_HIGH
        assert not visit.releases

    def test_counted_after_the_first_was_measured_the_others_still_are(self) -> None:
        visit = scene(settings(steps=MEASURE_SCAN)).comes().measures(burst(NORMAL_SKIN_C))
        assert visit.told() is Instruction.SHOW_CODE
        counts(visit, 2)
        assert visit.told() is Instruction.HOLD_FOREHEAD
        visit.measures(burst(NORMAL_SKIN_C)).shows().stored()
        assert len(visit.decisions[-1].facts.temperatures) == 2

    def test_those_who_were_measured_stay_counted(self) -> None:
        visit = counts(self.family(NORMAL_SKIN_C, NORMAL_SKIN_C), 1)
        assert isinstance(visit.lane.visit, Visiting)
        assert visit.lane.visit.people == 2

    def test_door_that_falls_shut_behind_the_first_keeps_nobody_of_them_out(self) -> None:
        visit = self.family(NORMAL_SKIN_C, NORMAL_SKIN_C).shows().stored()
        visit.now += 1.0
        visit.door_opens().door_closes()
        assert visit.lane.barrier.release_until is not None
        visit.now += 2.0
        visit.door_opens().door_closes()
        assert not visit.records(BarrierRecord), "the second of a family is not somebody nobody checked"
        visit.waits(10.0)
        assert visit.lane.barrier.release_until is None
        visit.waits(1.0).door_opens()
        assert AlarmKind.DOOR_FORCED_OPEN in visit.alarms

    def test_counting_after_the_decision_changes_nothing(self) -> None:
        visit = self.family(NORMAL_SKIN_C).shows()
        assert isinstance(visit.lane.visit, Recording)
        before = visit.lane
        assert counts(visit, 4).lane == before

    def test_rules_see_who_was_not_measured(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """With the step's own safeguard off, the rules still refer whom nobody measured."""
        monkeypatch.setattr(visit_steps, "wants_measurement", lambda state: not state.measured)
        visit = counts(scene(settings(steps=MEASURE_SCAN)).comes(), 3).measures(burst(NORMAL_SKIN_C)).shows()
        assert visit.decisions[-1].decision.reason is Reason.TEMPERATURE_INDETERMINATE


class TestMeasuredByHand:
    def test_normal_value_lets_the_rules_admit_and_both_values_are_kept(self) -> None:
        asked = types_in(with_guard_scene(burst(29.0)), 36.6).stored()
        decision = asked.decisions[-1]
        assert (decision.decision.outcome, decision.decision.reason) == (Outcome.GRANTED, Reason.ADMITTED)
        assert decision.facts.temperature is not None
        assert decision.facts.temperature.body_c == 36.6
        assert isinstance(decision.facts.temperature.reading, HandReading)
        assert decision.first_temperature is not None
        assert decision.superseded[-1].outcome is TemperatureOutcome.INDETERMINATE
        assert decision.referred_for is Reason.TEMPERATURE_INDETERMINATE
        assert len(asked.releases) == 1

    def test_fever_by_hand_stays_with_the_guard_and_never_opens_by_itself(self) -> None:
        asked = types_in(with_guard_scene(), 38.2).stored()
        assert asked.decisions[-1].decision.reason is Reason.TEMPERATURE_HIGH
        assert isinstance(asked.lane.visit, WithGuard)
        assert AlarmKind.FEVER in asked.alarms
        assert not asked.releases
        assert asked.guard_refuses().stored().alarms == frozenset()

    @pytest.mark.parametrize("body_c", [33.9, 43.1, 0.0, float("nan")])
    def test_value_that_no_living_body_has_changes_nothing(self, body_c: float) -> None:
        asked = with_guard_scene()
        before = asked.lane
        assert types_in(asked, body_c).lane == before

    def test_guard_measures_at_once_where_the_sensor_has_not_yielded(self) -> None:
        visit = types_in(scene(settings(steps=MEASURE_SCAN)).comes(), 36.5).shows().stored()
        assert visit.decisions[-1].decision.outcome is Outcome.GRANTED
        late = visit.measures(burst(HIGH_SKIN_C))
        assert len(late.decisions) == 1

    def test_in_a_family_it_stands_for_the_one_in_doubt(self) -> None:
        visit = counts(scene(settings(steps=MEASURE_SCAN)).comes(), 2).measures(burst(NORMAL_SKIN_C))
        visit.measures(fault()).shows().stored()
        types_in(visit, 36.4).stored()
        temperatures = visit.decisions[-1].facts.temperatures
        assert [isinstance(each.reading, HandReading) for each in temperatures] == [False, True]
        assert len(visit.releases) == 1

    def test_fault_of_the_gate_is_referred_even_where_rules_would_turn_away(self) -> None:
        visit = scene(settings(steps=MEASURE_SCAN), rules=rule_set(on_failure={})).comes().measures(fault()).shows()
        assert visit.decisions[-1].decision.outcome is Outcome.REFERRED


class TestSteppingUp:
    def test_sensor_that_sees_a_wall_is_asked_again_at_once(self) -> None:
        visit = scene(replace(settings(steps=MEASURE_SCAN), approach_s=6.0)).comes().measures(burst(WALL_C))
        assert visit.told() is Instruction.HOLD_FOREHEAD
        assert len(visit.of(StartMeasurement)) == 2
        visit.measures(burst(NORMAL_SKIN_C)).shows().stored()
        assert visit.decisions[-1].decision.outcome is Outcome.GRANTED
        assert visit.decisions[-1].first_temperature is None

    def test_forehead_that_stays_cold_rests_and_is_referred(self) -> None:
        visit = scene(replace(settings(steps=MEASURE_SCAN), approach_s=6.0)).comes().measures(burst(27.0))
        visit.now += 6.5
        visit.measures(burst(27.0))
        assert visit.told() is Instruction.REST_AND_RETRY
        visit.waits(5.0).measures(burst(27.0)).shows().stored()
        assert visit.decisions[-1].decision.reason is Reason.TEMPERATURE_INDETERMINATE

    def test_fever_is_never_measured_away_while_stepping_up(self) -> None:
        visit = scene(replace(settings(steps=MEASURE_SCAN), approach_s=6.0)).comes().measures(burst(HIGH_SKIN_C))
        assert visit.told() is Instruction.REST_AND_RETRY


class TestMask:
    def test_visit_is_held_until_one_is_put_on_and_loses_nothing(self) -> None:
        visit = sees_mask(scene(settings(steps=MEASURE_SCAN)).comes(), is_worn=False)
        assert ShowHint(hint=Hint.PUT_ON_MASK) in visit.last
        visit.measures(burst(NORMAL_SKIN_C)).shows()
        assert visit.told() is Instruction.PUT_ON_MASK
        assert not visit.decisions
        sees_mask(visit, is_worn=True).stored()
        assert visit.decisions[-1].mask_was_missing
        assert len(visit.releases) == 1

    def test_whoever_puts_none_on_does_not_pass(self) -> None:
        visit = sees_mask(scene(settings(steps=MEASURE_SCAN)).comes(), is_worn=False)
        visit.measures(burst(NORMAL_SKIN_C)).shows().waits(121.0)
        assert visit.records(AbandonedRecord)[0].mask_was_missing
        assert not visit.decisions

    def test_without_a_visit_it_is_a_reminder(self) -> None:
        visit = sees_mask(scene(), is_worn=False)
        assert visit.last == (ShowHint(hint=Hint.PUT_ON_MASK),)
        assert isinstance(visit.lane.visit, Idle)

    def test_with_the_hold_off_it_would_pass(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(visit_steps, "_held", visit_steps.decide_visit)
        visit = sees_mask(scene(settings(steps=MEASURE_SCAN)).comes(), is_worn=False)
        visit.measures(burst(NORMAL_SKIN_C)).shows().stored()
        assert visit.releases, "or the test above would hold without its safeguard"


class TestServices:
    def test_crew_passes_once_it_is_on_disk(self) -> None:
        gate = admits(scene(), people=2)
        assert not gate.releases
        gate.stored()
        (decision,) = gate.decisions
        assert (decision.service, decision.guard) == (ServiceReason.AMBULANCE, LI)
        assert gate.told() is Instruction.GO
        assert gate.releases[0].release_time_s == 8.0
        assert gate.door_opens().records(PassageRecord)[0].people == 2

    def test_whoever_stood_there_before_is_recorded_as_left(self) -> None:
        gate = admits(scene(settings(steps=MEASURE_SCAN)).comes())
        assert len(gate.records(AbandonedRecord)) == 1
        assert len(gate.stored().releases) == 1

    def test_pressed_twice_it_opens_once(self) -> None:
        gate = admits(admits(scene())).stored()
        assert len(gate.decisions) == len(gate.releases) == 1

    def test_without_a_journal_nothing_opens_but_the_emergency(self) -> None:
        gate = loses(scene(), "journal")
        before = gate.lane
        assert admits(gate).lane == before
        assert gate.guard_frees_everybody().releases


class TestBell:
    def test_rings_once_however_often_it_is_pressed(self) -> None:
        gate = scene()
        for _ in range(50):
            gate.send(BellRung(at=gate.at))
        assert gate.of(CallGuard) == [CallGuard(reason=Reason.RESIDENT_CALLS)]
        assert gate.alarms == {AlarmKind.BELL}
        assert not gate.send(BellAnswered(at=gate.at, guard=LI)).alarms

    def test_ends_by_itself(self) -> None:
        gate = scene()
        assert not gate.send(BellRung(at=gate.at)).waits(121.0).alarms


class TestLostParts:
    def with_scanners(self) -> Scene:
        return scene(replace(settings(steps=MEASURE_SCAN), scanners=frozenset({"serial_scanner", "camera_scanner"})))

    def test_one_scanner_is_enough(self) -> None:
        gate = loses(self.with_scanners(), "serial_scanner").comes().measures(burst(NORMAL_SKIN_C))
        assert gate.told() is Instruction.SHOW_CODE
        assert gate.lane.mode is GateMode.READY

    def test_without_a_scanner_the_guard_looks_people_up(self) -> None:
        gate = loses(loses(self.with_scanners(), "serial_scanner"), "camera_scanner")
        assert gate.lane.mode is GateMode.GUARD_ONLY
        gate.comes().measures(burst(NORMAL_SKIN_C))
        assert gate.of(ShowInstruction)[-1] == ShowInstruction(
            instruction=Instruction.GUARD_COMES, reason=Reason.SCANNER_UNAVAILABLE
        )
        assert len(identifies(gate).stored().releases) == 1

    def test_a_code_that_a_lost_scanner_still_reads_is_decided(self) -> None:
        gate = loses(loses(self.with_scanners(), "serial_scanner"), "camera_scanner")
        gate.comes().measures(burst(NORMAL_SKIN_C)).shows()
        assert len(gate.stored().releases) == 1

    def test_scanner_that_comes_back_is_used_again(self) -> None:
        gate = self.with_scanners().comes().measures(burst(NORMAL_SKIN_C))
        loses(loses(gate, "serial_scanner"), "camera_scanner")
        assert gate.told() is Instruction.GUARD_COMES
        loses(gate, "serial_scanner", is_available=True)
        assert gate.told() is Instruction.SHOW_CODE

    def test_lost_journal_is_told_on_arrival_and_opens_nothing(self) -> None:
        gate = loses(scene(scan_only(), rules=UNMEASURED), "journal").comes()
        assert gate.of(ShowInstruction)[-1].reason is Reason.JOURNAL_UNAVAILABLE
        gate.shows()
        for order in tuple(gate.unanswered):
            gate.send(RecordStored(at=gate.at, token=order.token))
        assert not gate.releases
        assert gate.lane.mode is GateMode.GUARD_ONLY

    def test_lost_thermometer_or_directory_leaves_it_to_the_guard(self) -> None:
        gate = scene(settings(steps=MEASURE_SCAN))
        assert gate.lane.mode is GateMode.READY
        assert loses(gate, "link").lane.mode is GateMode.ALONE
        assert loses(gate, "thermometer").lane.mode is GateMode.GUARD_ONLY
        assert Scene(lane=lane(scan_only(), known=None)).lane.mode is GateMode.GUARD_ONLY
        assert gate.fire(True).lane.mode is GateMode.WAY_FREE


def test_values_typed_over_and_over_make_no_record_too_large() -> None:
    asked = with_guard_scene()
    for number in range(60):
        types_in(asked, 38.0 + number / 100).stored()
    assert len(asked.decisions[-1].superseded) == SUPERSEDED_MAX
    assert asked.decisions[-1].first_temperature == asked.decisions[0].first_temperature


def test_screen_says_go_no_longer_than_the_barrier_is_released() -> None:
    visit = scene(scan_only(), rules=UNMEASURED).comes().shows().stored()
    assert visit.told() is Instruction.GO
    visit.waits(5.4)  # nobody walks through
    assert visit.lane.barrier.release_until is None
    assert visit.told() is Instruction.TOO_SLOW


def test_screen_of_a_crew_says_go_until_the_last_of_them_had_time() -> None:
    gate = admits(scene().comes(), people=3).stored()
    gate.now += 1.0
    gate.door_opens().door_closes().leaves()
    assert gate.told() is Instruction.GO
    assert gate.waits(12.0).told() is Instruction.WELCOME
