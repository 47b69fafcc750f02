"""A vehicle before the barrier: looked at, counted, everybody in it checked and measured, let through as one."""

from dataclasses import replace

import pytest

from gate.core import visit_vehicle
from gate.core.effects import CallGuard, Hint, Instruction, PublishUsed, ShowHint, ShowInstruction, StartMeasurement
from gate.core.events import (
    CredentialPresented,
    GuardDecided,
    HouseholdIdentified,
    OutsiderSeen,
    PeopleCounted,
    PlatesOpened,
    PurposeStated,
    VehicleSeen,
    VisitorLeaving,
    VisitorRegistered,
)
from gate.core.settings import LaneSettings
from gate.core.visit_states import Closing, Idle, Passing, Visiting, WithGuard
from model.credentials import CodeCheck, PassKind, RefusalDetail, Scanner
from model.directory import Isolation
from model.identities import GuardId, HouseholdId, PassId, VisitNumber
from model.outings import OutingPurpose
from model.passing import Direction
from model.reasons import Outcome, Reason
from model.records import AbandonedRecord, PassageEnd, PassageRecord, VisitStep
from model.rule_set import OutsiderRules, RuleSet, VisitPolicy
from model.services import IdentifiedWhy
from model.vehicles import Plate
from model.visitors import VisitPurpose
from tests.unit.core.lane_dsl import Scene, lane, settings
from tests.unit.model.builders import HOUSEHOLD, burst, directory, refused, resident_pass, rule_set, verified
from tests.unit.model.test_vehicles import NEIGHBOURS, OWN, VEHICLE_PASS, WITH_VEHICLES

LI = GuardId("li_wei")
NORMAL_SKIN_C, HIGH_SKIN_C = 33.6, 36.0
MEASURE_SCAN = (VisitStep.MEASURE, VisitStep.SCAN)
DRIVER, WIFE = resident_pass(), resident_pass(pass_id=PassId("1111111111111111"))
NEIGHBOUR = resident_pass(pass_id=PassId("2222222222222222"), household=NEIGHBOURS)
STRANGE = Plate(text="云B99999")


def gate(
    *,
    direction: Direction = Direction.IN,
    steps: tuple[VisitStep, ...] = MEASURE_SCAN,
    rules: RuleSet | None = None,
    lane_settings: LaneSettings | None = None,
) -> Scene:
    told = lane_settings or settings(direction=direction, steps=steps)
    return Scene(lane=lane(told, rules=rules or rule_set(), known=WITH_VEHICLES))


def drives_up(scene: Scene) -> Scene:
    """The vehicle pass is held to the reader."""
    return scene.shows(verified(credential=VEHICLE_PASS, holder_step=None))


def guard_sees(scene: Scene, people: int = 2, *, plate: Plate = OWN, has_pass: bool = True) -> Scene:
    return scene.send(VehicleSeen(at=scene.at, guard=LI, plate=plate, people=people, has_pass=has_pass))


def guard_sees_outsider(scene: Scene) -> Scene:
    return scene.send(OutsiderSeen(at=scene.at, guard=LI))


def guard_knows(scene: Scene, household: HouseholdId = HOUSEHOLD) -> Scene:
    why = IdentifiedWhy.FORGOTTEN_CARD
    return scene.send(HouseholdIdentified(at=scene.at, guard=LI, household=household, why=why))


def counted(people: int = 2, **how: object) -> Scene:
    """A vehicle whose plate was read and whose heads were counted."""
    return guard_sees(drives_up(gate(**how)), people)


def each(scene: Scene, *shown: CodeCheck) -> Scene:
    """Each of them is measured, then shows a code."""
    for check in shown:
        scene.now += 2.0
        scene.measures(burst(NORMAL_SKIN_C)).shows(check)
    return scene


def registers(scene: Scene) -> Scene:
    """A guard registers a visitor of this household."""
    number, purpose = VisitNumber("0123456789"), VisitPurpose.FAMILY
    return scene.send(VisitorRegistered(at=scene.at, guard=LI, number=number, host=HOUSEHOLD, purpose=purpose))


def of(credential: object, step: int = 7) -> CodeCheck:
    return verified(credential=credential, holder_step=step)


class TestOneVisit:
    def test_pass_calls_the_guard_and_nothing_goes_on_before_heads_are_counted(self) -> None:
        scene = drives_up(gate())
        assert scene.of(CallGuard) == [CallGuard(reason=Reason.VEHICLE_WAITS)]
        assert scene.told() is Instruction.GUARD_COMES
        assert not scene.of(StartMeasurement)
        guard_sees(scene)
        assert scene.told() is Instruction.HOLD_FOREHEAD

    def test_each_is_measured_and_shows_a_code_and_the_barrier_opens_once(self) -> None:
        scene = each(counted(2), of(DRIVER), of(WIFE)).stored()
        (decision,) = scene.decisions
        assert (decision.decision.outcome, decision.decision.reason) == (Outcome.GRANTED, Reason.ADMITTED)
        assert decision.facts.vehicle is not None
        assert [one.check for one in decision.facts.vehicle.occupants] == [of(DRIVER), of(WIFE)]
        assert (decision.facts.people, len(decision.facts.temperatures)) == (2, 2)
        (release,) = scene.releases
        assert release.release_time_s == scene.lane.settings.release_time_s

    def test_one_passage_counts_everybody(self) -> None:
        scene = each(counted(2), of(DRIVER), of(WIFE)).stored().door_opens()
        assert scene.records(PassageRecord) == [
            PassageRecord(
                visit=scene.decisions[0].visit,
                end=PassageEnd.TAKEN,
                household=HOUSEHOLD,
                pass_id=VEHICLE_PASS.pass_id,
                people=2,
            )
        ]

    def test_codes_of_all_are_used_up_for_the_other_gates(self) -> None:
        scene = each(counted(2), of(DRIVER, 7), of(WIFE, 8)).stored()
        assert [(used.pass_id, used.step) for used in scene.of(PublishUsed)] == [
            (DRIVER.pass_id, 7),
            (WIFE.pass_id, 8),
        ]

    def test_person_after_person_in_either_order_of_the_steps(self) -> None:
        first_foreheads = counted(2).measures(burst(NORMAL_SKIN_C))
        assert first_foreheads.told() is Instruction.SHOW_CODE
        first_foreheads.shows(of(DRIVER))
        assert first_foreheads.told() is Instruction.HOLD_FOREHEAD
        first_codes = counted(2, steps=(VisitStep.SCAN, VisitStep.MEASURE))
        assert first_codes.told() is Instruction.SHOW_CODE
        first_codes.shows(of(DRIVER))
        assert first_codes.told() is Instruction.HOLD_FOREHEAD
        first_codes.measures(burst(NORMAL_SKIN_C))
        assert first_codes.told() is Instruction.SHOW_CODE
        first_codes.shows(of(WIFE)).measures(burst(NORMAL_SKIN_C)).stored()
        assert len(first_codes.releases) == 1

    def test_codes_that_are_shown_early_are_kept_and_all_are_still_measured(self) -> None:
        scene = counted(2).shows(of(DRIVER)).shows(of(WIFE))
        assert not scene.decisions
        scene.measures(burst(NORMAL_SKIN_C))
        assert not scene.decisions
        scene.measures(burst(NORMAL_SKIN_C)).stored()
        assert len(scene.releases) == 1

    def test_where_nobody_is_measured_codes_are_enough(self) -> None:
        scene = counted(2, rules=rule_set(measured=[])).shows(of(DRIVER)).shows(of(WIFE)).stored()
        assert len(scene.releases) == 1

    def test_whoever_the_guard_knows_counts_as_one(self) -> None:
        scene = each(counted(3), of(DRIVER))
        for _ in range(2):
            guard_knows(scene.measures(burst(NORMAL_SKIN_C)))
        scene.stored()
        assert len(scene.releases) == 1
        assert scene.decisions[0].steps[-1].result == "vouched"

    def test_whoever_was_measured_on_foot_before_the_pass_was_shown_is_the_first(self) -> None:
        scene = gate().comes().measures(burst(NORMAL_SKIN_C))
        guard_sees(drives_up(scene)).shows(of(DRIVER))
        scene.measures(burst(NORMAL_SKIN_C)).shows(of(WIFE)).stored()
        assert len(scene.releases) == 1
        assert len(scene.decisions[0].facts.temperatures) == 2

    def test_own_code_shown_before_the_vehicle_pass_is_the_first_occupants(self) -> None:
        scene = drives_up(gate().comes().shows(of(DRIVER)))
        guard_sees(scene.measures(burst(NORMAL_SKIN_C)))
        each(scene, of(WIFE)).stored()
        assert len(scene.releases) == 1

    def test_guard_who_saw_it_first_begins_the_visit(self) -> None:
        scene = guard_sees(gate(), 1)
        assert isinstance(scene.lane.visit, Visiting)
        drives_up(scene)
        each(scene, of(DRIVER)).stored()
        assert len(scene.releases) == 1
        assert scene.decisions[0].facts.code == verified(credential=VEHICLE_PASS, holder_step=None)

    def test_guard_corrects_count_and_plate(self) -> None:
        scene = guard_sees(drives_up(gate()), 3, plate=STRANGE)
        each(guard_sees(scene, 1), of(DRIVER)).stored()
        assert len(scene.releases) == 1
        assert not guard_sees(scene, 1).last, "said again, when all is over, it means nothing"

    def test_people_counted_in_a_vehicle_correct_its_count(self) -> None:
        scene = counted(3)
        scene.send(PeopleCounted(at=scene.at, guard=LI, people=1))
        each(scene, of(DRIVER)).stored()
        assert len(scene.releases) == 1

    def test_nobody_walks_away_from_a_vehicle(self) -> None:
        scene = drives_up(gate().comes()).leaves().waits(60.0)
        assert isinstance(scene.lane.visit, Visiting)


class TestNobodySlipsThrough:
    def test_fewer_than_were_counted_are_never_decided_on(self) -> None:
        scene = each(counted(3), of(DRIVER), of(WIFE))
        assert not scene.decisions
        scene.measures(burst(NORMAL_SKIN_C)).waits(120.0).stored()
        (decision,) = scene.decisions
        assert (decision.decision.outcome, decision.decision.reason) == (Outcome.DENIED, Reason.OCCUPANTS_DIFFER)
        assert not scene.releases

    def test_more_than_were_counted_turn_it_back(self) -> None:
        scene = counted(1).shows(of(DRIVER)).shows(of(WIFE)).stored()
        assert scene.decisions[0].decision.reason is Reason.OCCUPANTS_DIFFER
        assert not scene.releases

    def test_same_code_again_counts_for_nobody(self) -> None:
        scene = counted(2).shows(of(DRIVER)).shows(of(DRIVER)).shows(of(DRIVER, 8))
        drives_up(scene)
        scene.measures(burst(NORMAL_SKIN_C)).measures(burst(NORMAL_SKIN_C))
        assert not scene.decisions

    def test_counting_each_scan_would_let_one_code_stand_for_two(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(visit_vehicle, "is_same_pass", lambda one, other: False)
        scene = counted(2).shows(of(DRIVER)).shows(of(DRIVER))
        scene.measures(burst(NORMAL_SKIN_C)).measures(burst(NORMAL_SKIN_C)).stored()
        assert scene.releases

    def test_vehicle_pass_of_another_vehicle_waits_its_turn(self) -> None:
        other = replace(VEHICLE_PASS, pass_id=PassId("6666666666666666"))
        scene = counted(1).shows(verified(credential=other, holder_step=None))
        assert scene.last == (ShowHint(hint=Hint.ONE_AT_A_TIME),)

    def test_outsider_inside_turns_it_back_at_once(self) -> None:
        scene = guard_sees_outsider(counted(3)).stored()
        assert scene.decisions[0].decision.reason is Reason.OUTSIDER_INSIDE
        assert not scene.releases

    def test_on_the_way_out_nobody_is_an_outsider(self) -> None:
        scene = counted(1, direction=Direction.OUT)
        before = scene.lane
        assert guard_sees_outsider(scene).lane == before

    def test_visitor_by_a_residents_vehicle_is_an_outsider(self) -> None:
        visitor = replace(WIFE, kind=PassKind.VISITOR)
        scene = each(counted(2), of(DRIVER), of(visitor)).stored()
        assert scene.decisions[0].decision.reason is Reason.OUTSIDER_INSIDE
        assert not scene.releases

    def test_outside_vehicle_is_turned_back_at_once(self) -> None:
        scene = guard_sees(gate(), has_pass=False).stored()
        assert scene.decisions[0].decision.reason is Reason.VEHICLE_UNKNOWN
        assert not scene.releases

    def test_outside_vehicle_without_its_pass_waits_and_is_turned_back(self) -> None:
        scene = each(guard_sees(gate(), 1), of(DRIVER)).waits(120.0).stored()
        assert scene.decisions[0].decision.reason is Reason.VEHICLE_UNKNOWN
        assert not scene.releases

    def test_where_they_are_registered_everybody_in_an_outside_vehicle_is_checked(self) -> None:
        rules = replace(rule_set(), outsiders=OutsiderRules(vehicles=VisitPolicy.REGISTERED))
        scene = guard_sees(gate(rules=rules), 1, has_pass=False)
        each(scene, of(replace(DRIVER, kind=PassKind.VISITOR))).stored()
        assert len(scene.releases) == 1

    def test_plates_are_those_of_the_directory_that_they_came_with(self) -> None:
        held = directory()
        scene = Scene(lane=lane(settings(steps=MEASURE_SCAN), known=held))
        for version, plates in ((held.version, {HOUSEHOLD: (OWN,)}), (held.version - 1, {HOUSEHOLD: (STRANGE,)})):
            scene.send(PlatesOpened(at=scene.at, directory_version=version, plates=plates))
        assert scene.lane.directory == replace(held, vehicles={HOUSEHOLD: (OWN,)})
        each(guard_sees(drives_up(scene), 1), of(DRIVER)).stored()
        assert len(scene.releases) == 1

    def test_visitor_registered_beside_a_vehicle_sits_in_it_and_stands_for_no_pass(self) -> None:
        seen = guard_sees(gate(), 1)
        registers(seen).stored()
        assert isinstance(seen.lane.visit, Closing)
        assert seen.decisions[0].decision.reason is Reason.OUTSIDER_INSIDE
        assert seen.decisions[0].facts.code is None
        assert not seen.releases

    def test_where_vehicles_are_registered_a_registered_visitor_comes_in_by_one(self) -> None:
        rules = replace(rule_set(), outsiders=OutsiderRules(vehicles=VisitPolicy.REGISTERED))
        scene = guard_sees(gate(rules=rules), 1, has_pass=False)
        registers(scene.measures(burst(NORMAL_SKIN_C))).stored()
        assert len(scene.releases) == 1
        kept_out = replace(rules, outsiders=replace(rules.outsiders, visitors=VisitPolicy.TURNED_BACK))
        scene = guard_sees(gate(rules=kept_out), 1, has_pass=False)
        registers(scene.measures(burst(NORMAL_SKIN_C))).stored()
        assert scene.decisions[0].decision.reason is Reason.VISITORS_TURNED_BACK
        assert not scene.releases

    def test_guest_leaves_in_the_vehicle_of_the_host(self) -> None:
        scene = each(counted(2, direction=Direction.OUT), of(DRIVER)).measures(burst(NORMAL_SKIN_C))
        scene.send(VisitorLeaving(at=scene.at, guard=LI, number=VisitNumber("0123456789"))).stored()
        assert len(scene.releases) == 1

    def test_other_plate_turns_it_back(self) -> None:
        scene = each(guard_sees(drives_up(gate()), 1, plate=STRANGE), of(DRIVER)).stored()
        assert scene.decisions[0].decision.reason is Reason.PLATE_DIFFERS
        assert not scene.releases

    @pytest.mark.parametrize("detail", [RefusalDetail.REVOKED, RefusalDetail.FORGED, RefusalDetail.EXPIRED])
    def test_pass_of_one_that_is_no_good_turns_it_back_at_once(self, detail: RefusalDetail) -> None:
        scene = counted(4).shows(refused(detail)).stored()
        assert scene.decisions[0].decision.outcome is Outcome.DENIED
        assert not scene.releases

    def test_used_code_of_one_turns_it_back_at_once(self) -> None:
        scene = counted(4).shows(of(DRIVER), is_used=True).stored()
        assert scene.decisions[0].decision.reason is Reason.CODE_USED
        assert not scene.releases

    def test_code_that_says_nothing_of_anybody_is_shown_again(self) -> None:
        scene = counted(1).shows(refused(RefusalDetail.HOLDER_CODE_STALE))
        assert scene.last == (ShowHint(hint=Hint.SHOW_AGAIN),)
        each(scene, of(DRIVER)).stored()
        assert len(scene.releases) == 1

    def test_isolated_occupant_turns_everybody_back(self) -> None:
        isolated = replace(WITH_VEHICLES.households[NEIGHBOURS], isolation=Isolation.MEDICAL)
        known = replace(WITH_VEHICLES, households={**WITH_VEHICLES.households, NEIGHBOURS: isolated})
        scene = Scene(lane=lane(settings(steps=MEASURE_SCAN), known=known))
        each(guard_sees(drives_up(scene)), of(DRIVER), of(NEIGHBOUR)).stored()
        assert scene.decisions[0].decision.reason is Reason.HOUSEHOLD_ISOLATED
        assert not scene.releases

    def test_vehicle_of_an_isolated_household_stays_out_too(self) -> None:
        known = replace(directory(isolation=Isolation.MEDICAL), vehicles=WITH_VEHICLES.vehicles)
        scene = Scene(lane=lane(settings(steps=MEASURE_SCAN), known=known))
        each(guard_sees(drives_up(scene), 1), of(DRIVER)).stored()
        assert scene.decisions[0].decision.reason is Reason.HOUSEHOLD_ISOLATED

    def test_nobody_confirms_a_vehicle_before_heads_are_counted(self) -> None:
        scene = drives_up(gate(lane_settings=settings(steps=(VisitStep.CHECK, VisitStep.SCAN), check_by_guard=True)))
        before = scene.lane
        assert scene.guard_confirms().lane == before
        assert not scene.decisions

    def test_guard_turns_it_away_at_any_moment(self) -> None:
        for scene in (drives_up(gate()), counted(2), each(counted(2), of(DRIVER))):
            scene.send(GuardDecided(at=scene.at, is_confirmed=False, guard=LI, visit=None)).stored()
            assert scene.decisions[0].decision.reason is Reason.GUARD_REFUSED
            assert scene.decisions[0].guard == LI

    def test_nobody_came_to_look(self) -> None:
        scene = drives_up(gate()).waits(120.0)
        assert scene.records(AbandonedRecord)
        assert scene.told() is Instruction.TOO_SLOW


class TestWhatIsSaid:
    def test_street_is_told_nothing_of_why(self) -> None:
        scene = counted(4).shows(refused(RefusalDetail.REVOKED)).stored()
        assert isinstance(scene.lane.visit, Closing)
        assert scene.of(ShowInstruction)[-1] == ShowInstruction(
            instruction=Instruction.REFUSED, reason=Reason.VEHICLE_TURNED_BACK
        )

    def test_guard_is_told_why(self) -> None:
        scene = counted(1).measures(burst(HIGH_SKIN_C)).waits(5.0).measures(burst(HIGH_SKIN_C)).shows(of(DRIVER))
        scene.stored()
        assert isinstance(scene.lane.visit, WithGuard)
        assert scene.of(CallGuard)[-1] == CallGuard(reason=Reason.TEMPERATURE_HIGH)
        assert scene.of(ShowInstruction)[-1] == ShowInstruction(
            instruction=Instruction.GUARD_COMES, reason=Reason.VEHICLE_WAITS
        )

    def test_fever_that_a_contact_thermometer_does_not_find_lets_everybody_through(self) -> None:
        scene = each(counted(2), of(DRIVER)).measures(burst(HIGH_SKIN_C)).waits(5.0).measures(burst(HIGH_SKIN_C))
        scene.shows(of(WIFE)).stored().guard_measures(36.6).stored()
        assert len(scene.releases) == 1
        assert scene.decisions[-1].facts.vehicle is not None
        assert len(scene.decisions[-1].facts.vehicle.occupants) == 2

    def test_emergency_waits_for_nobody(self) -> None:
        scene = drives_up(gate(direction=Direction.OUT))
        scene.send(PurposeStated(at=scene.at, guard=LI, purpose=OutingPurpose.EMERGENCY)).stored()
        assert scene.decisions[0].decision.reason is Reason.EMERGENCY_EXIT
        assert isinstance(scene.lane.visit, Passing)

    def test_next_in_the_queue_is_served_as_a_visit_of_its_own(self) -> None:
        scene = each(counted(1), of(DRIVER)).stored().door_opens()
        scene.now += 1.0
        scene.door_closes().waits(10.0)
        assert isinstance(scene.lane.visit, Idle)
        scene.send(CredentialPresented(at=scene.at, scanner=Scanner.CAMERA, check=of(WIFE), code_is_used=False))
        assert isinstance(scene.lane.visit, Visiting)
        assert scene.lane.visit.vehicle is None
