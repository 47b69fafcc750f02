"""A lane in a long random life: total, never stuck, nothing released without its record, each visit told to its end."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase
from hypothesis import settings as effort
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from gate.core import visit_steps, visit_verdict
from gate.core.effects import Instruction, ReleaseBarrier, StartMeasurement
from gate.core.events import (
    BellAnswered,
    BellRung,
    BreakGlassChanged,
    ClockChanged,
    ComponentChanged,
    DeliveryLogged,
    DirectoryReplaced,
    DutyChanged,
    EmergencyReleaseOrdered,
    Event,
    ExitRequested,
    FireChanged,
    HouseholdIdentified,
    MaskSeen,
    MeasuredByHand,
    ObstructionChanged,
    OutsiderSeen,
    PeopleCounted,
    RecordRefused,
    RecordStored,
    RulesReplaced,
    ServiceAdmitted,
    TamperChanged,
    TemperatureMeasured,
    TimePassed,
    VehicleSeen,
    VisitorLeaving,
    VisitorRegistered,
)
from gate.core.lane import deadline
from gate.core.settings import LaneSettings
from gate.core.visit_states import (
    Closing,
    Idle,
    Passing,
    Recording,
    Surroundings,
    Visiting,
    VisitMove,
    VisitState,
    WithGuard,
)
from model.clock import ClockTrust, Instant
from model.credentials import CodeCheck, RefusalDetail
from model.directory import Directory, Isolation
from model.facts import Facts
from model.identities import GuardId, HouseholdId, VisitNumber
from model.passing import Direction
from model.reasons import Outcome, Reason
from model.records import DecisionRecord, VisitStep
from model.rule_set import RuleSet
from model.rules import Decision
from model.services import IdentifiedWhy, ServiceReason
from model.temperature import Celsius, HandReading, HandSite, HandThermometer, ThermometerReading
from model.visitors import DeliveryKind, DeliveryStep, VisitPurpose
from tests.unit.core.lane_dsl import (
    ASK_MEASURE_CHECK_SCAN,
    QUESTIONS,
    SOMEBODY_ELSE,
    UNMEASURED,
    Scene,
    does,
    lane,
    scan_only,
    scene,
    settings,
)
from tests.unit.core.lane_watch import LaneWatch
from tests.unit.model.builders import HOUSEHOLD, burst, directory, fault, refused, rule_set, verified
from tests.unit.model.test_vehicles import OWN, VEHICLE_PASS

VEHICLE = verified(credential=VEHICLE_PASS, holder_step=None)
CODES = st.sampled_from(
    [
        verified(),
        verified(),
        verified(holder_step=None),
        verified(needs_guard=True),
        SOMEBODY_ELSE,
        VEHICLE,
        refused(RefusalDetail.FORGED),
        refused(RefusalDetail.REVOKED),
    ]
)
READINGS = st.sampled_from([burst(34.5), burst(34.5), burst(36.0), burst(29.0), burst(34.5, spread_c=1.0), fault()])
RULES = st.sampled_from([rule_set(), rule_set(version=2, on_failure={}), UNMEASURED])
WITH_VEHICLE = replace(directory(), vehicles={HOUSEHOLD: (OWN,)})
DIRECTORIES = st.sampled_from(
    [directory(), WITH_VEHICLE, replace(WITH_VEHICLE, version=41), directory(isolation=Isolation.MEDICAL)]
)
ORDERS = st.one_of(st.permutations(ASK_MEASURE_CHECK_SCAN).map(tuple), st.just((VisitStep.SCAN,)))
LANES = st.builds(
    settings,
    steps=ORDERS,
    direction=st.sampled_from(Direction),
    questions=st.just(QUESTIONS),
    check_by_guard=st.booleans(),
    scanners=st.just(frozenset({"camera_scanner"})),
    approach_s=st.sampled_from([0.0, 6.0]),
    has_presence_contact=st.sampled_from([True, True, False]),
    has_barrier=st.sampled_from([True, True, False]),
    has_door_contact=st.sampled_from([True, True, False]),
    rex_is_allowed=st.booleans(),
)
UNUSUAL: st.SearchStrategy[Callable[[Instant], Event]] = st.sampled_from(
    [
        lambda at: FireChanged(at=at, is_alarm=True),
        lambda at: FireChanged(at=at, is_alarm=False),
        lambda at: BreakGlassChanged(at=at, is_broken=True),
        lambda at: BreakGlassChanged(at=at, is_broken=False),
        lambda at: EmergencyReleaseOrdered(at=at),
        lambda at: ObstructionChanged(at=at, is_obstructed=True),
        lambda at: ObstructionChanged(at=at, is_obstructed=False),
        lambda at: TamperChanged(at=at, is_tampered=True),
        lambda at: TamperChanged(at=at, is_tampered=False),
        lambda at: ExitRequested(at=at),
        lambda at: TemperatureMeasured(at=at, request=-1, reading=burst()),
        lambda at: ComponentChanged(at=at, component="journal", is_available=False, why="full"),
        lambda at: ComponentChanged(at=at, component="journal", is_available=True),
        lambda at: ComponentChanged(at=at, component="thermometer", is_available=False, why="absent"),
        lambda at: ComponentChanged(at=at, component="camera_scanner", is_available=False, why="gone"),
        lambda at: ComponentChanged(at=at, component="camera_scanner", is_available=True),
    ]
)
SLIP = VisitNumber("3-28-014-1")
LI, WANG = GuardId("li_wei"), GuardId("wang")
GUARDS_ACTS: st.SearchStrategy[Callable[[Instant], Event]] = st.sampled_from(
    [
        lambda at: DutyChanged(at=at, guard=LI),
        lambda at: DutyChanged(at=at, guard=WANG),
        lambda at: DutyChanged(at=at, guard=None),
        lambda at: HouseholdIdentified(at=at, guard=LI, household=HOUSEHOLD, why=IdentifiedWhy.NO_PHONE),
        lambda at: HouseholdIdentified(at=at, guard=LI, household=HouseholdId(77), why=IdentifiedWhy.NO_PHONE),
        lambda at: PeopleCounted(at=at, guard=LI, people=3),
        lambda at: PeopleCounted(at=at, guard=LI, people=1),
        lambda at: VehicleSeen(at=at, guard=LI, plate=OWN, people=1),
        lambda at: VehicleSeen(at=at, guard=LI, plate=OWN, people=2),
        lambda at: VehicleSeen(at=at, guard=LI, plate=OWN, people=2, has_pass=False),
        lambda at: OutsiderSeen(at=at, guard=LI),
        lambda at: MaskSeen(at=at, guard=LI, is_worn=False),
        lambda at: MaskSeen(at=at, guard=LI, is_worn=True),
        lambda at: MeasuredByHand(at=at, reading=by_hand(at, 36.5)),
        lambda at: MeasuredByHand(at=at, reading=by_hand(at, 38.5)),
        lambda at: MeasuredByHand(at=at, reading=by_hand(at, 20.0)),
        lambda at: ServiceAdmitted(at=at, guard=LI, reason=ServiceReason.REPAIR, people=2),
        lambda at: VisitorRegistered(at=at, guard=LI, number=SLIP, host=HOUSEHOLD, purpose=VisitPurpose.FAMILY),
        lambda at: VisitorRegistered(at=at, guard=LI, number=SLIP, host=HouseholdId(77), purpose=VisitPurpose.DELIVERY),
        lambda at: VisitorLeaving(at=at, guard=LI, number=SLIP),
        lambda at: DeliveryLogged(at=at, guard=LI, recipient=HOUSEHOLD, kind=DeliveryKind.MEAL, step=DeliveryStep.LEFT),
        lambda at: BellRung(at=at),
        lambda at: BellAnswered(at=at, guard=LI),
    ]
)


def by_hand(at: Instant, body_c: float) -> HandReading:
    return HandReading(at=at, body_c=Celsius(body_c), site=HandSite.EAR, thermometer=HandThermometer.CONTACT, guard=LI)


class WatchedScene(Scene):
    """A scene whose every step is seen by the watcher."""

    watch: LaneWatch

    def send(self, event: Event) -> Scene:
        before = self.lane
        super().send(event)
        self.watch.saw(before, event, self.last, self.lane)
        return self


def watched(start: Scene) -> WatchedScene:
    seen = WatchedScene(lane=start.lane, now=start.now)
    seen.watch = LaneWatch()
    return seen


def cooperates(life: Scene) -> None:
    """One act that brings a visit further."""
    match life.lane.visit:
        case Idle():
            life.comes() if life.lane.settings.has_presence_contact else life.shows()
        case Visiting() as visit if visit.retest_at is not None:
            life.waits(visit.retest_at - life.now)
        case Visiting(is_held=True):
            life.send(MaskSeen(at=life.at, guard=LI, is_worn=True))
        case Visiting() as visit:
            does(visit.step, life)
        case Recording():
            life.stored()
        case WithGuard():
            life.guard_confirms()
        case Passing() if life.lane.settings.has_door_contact:
            life.door_opens().leaves().door_closes()
        case Passing() | Closing():
            life.waits(6.0)


class LaneLife(RuleBasedStateMachine):
    """People, guards, doors, fires, a slow or broken journal, and time, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.scene = watched(scene())
        self.is_calm = True

    @initialize(built=LANES, rules=RULES, is_calm=st.sampled_from([True, True, False]))
    def built(self, built: LaneSettings, rules: RuleSet, is_calm: bool) -> None:
        self.scene = watched(Scene(lane=lane(built, rules=rules)))
        self.is_calm = is_calm

    @rule(times=st.integers(min_value=1, max_value=6))
    def goes_on(self, times: int) -> None:
        """The person, the guard, the journal and the door do what the lane waits for."""
        for _ in range(times):
            self.scene.now += 0.5
            cooperates(self.scene)

    @rule(times=st.integers(min_value=1, max_value=6))
    def goes_on_again(self, times: int) -> None:
        self.goes_on(times)

    @rule(is_present=st.booleans())
    def presence(self, is_present: bool) -> None:
        self.scene.comes() if is_present else self.scene.leaves()

    @rule(code=CODES, is_used=st.sampled_from([False, False, False, True]))
    def shows(self, code: CodeCheck, is_used: bool) -> None:
        self.scene.shows(code, is_used=is_used)

    @rule(yes=st.sampled_from([False, False, True]))
    def answers(self, yes: bool) -> None:
        self.scene.answers(yes=yes)

    @precondition(lambda self: self.scene.of(StartMeasurement))
    @rule(reading=READINGS)
    def measures(self, reading: ThermometerReading) -> None:
        self.scene.measures(reading)

    @rule(is_confirmed=st.booleans())
    def guard(self, is_confirmed: bool) -> None:
        self.scene.guard_confirms() if is_confirmed else self.scene.guard_refuses()

    @precondition(lambda self: self.scene.unanswered)
    @rule()
    def stores_everything(self) -> None:
        self.scene.stored()

    @precondition(lambda self: self.scene.unanswered)
    @rule(which=st.integers(min_value=0, max_value=5), answer=st.sampled_from(["stored", "refused", "used", "silent"]))
    def journal(self, which: int, answer: str) -> None:
        order = self.scene.unanswered.pop(which % len(self.scene.unanswered))
        if answer == "stored":
            self.scene.send(RecordStored(at=self.scene.at, token=order.token))
        elif answer != "silent":
            used = answer == "used" and isinstance(order.record, DecisionRecord)
            self.scene.send(RecordRefused(at=self.scene.at, token=order.token, code_was_used=used))

    @precondition(lambda self: self.scene.lane.settings.has_door_contact)
    @rule(is_open=st.booleans())
    def door(self, is_open: bool) -> None:
        self.scene.door_opens() if is_open else self.scene.door_closes()

    @rule(what=UNUSUAL)
    def something_unusual(self, what: Callable[[Instant], Event]) -> None:
        event = what(self.scene.at)
        if not (self.is_calm and isinstance(event, (FireChanged, BreakGlassChanged, EmergencyReleaseOrdered))):
            self.scene.send(event)

    @rule(what=GUARDS_ACTS)
    def guard_does(self, what: Callable[[Instant], Event]) -> None:
        self.scene.send(what(self.scene.at))

    @rule(rules=RULES, known=DIRECTORIES, trust=st.sampled_from(ClockTrust))
    def replaced(self, rules: RuleSet, known: Directory, trust: ClockTrust) -> None:
        self.scene.send(RulesReplaced(at=self.scene.at, rules=rules))
        self.scene.send(DirectoryReplaced(at=self.scene.at, directory=known))
        self.scene.send(ClockChanged(at=self.scene.at, trust=trust))

    @rule(seconds=st.sampled_from([0.1, 0.4, 1.0, 3.0, 5.0, 10.0, 31.0, 125.0]))
    def waits(self, seconds: float) -> None:
        self.scene.waits(seconds)

    @rule(seconds=st.sampled_from([0.05, 0.5, 2.0, 6.0]))
    def wakes_late(self, seconds: float) -> None:
        self.scene.now += seconds

    @rule()
    def wakes_early(self) -> None:
        self.scene.send(TimePassed(at=self.scene.at))

    def teardown(self) -> None:
        """When it is quiet again, the lane comes to rest by time alone."""
        at = self.scene.at
        self.scene.fire(False).obstruction(False)
        self.scene.send(BreakGlassChanged(at=at, is_broken=False)).send(TamperChanged(at=at, is_tampered=False))
        for name in ("journal", "thermometer", "camera_scanner"):
            self.scene.send(ComponentChanged(at=at, component=name, is_available=True))
        self.scene.door_closes().leaves().waits(1000.0)
        assert deadline(self.scene.lane) is None, f"never at rest: {self.scene.lane.visit} {self.scene.lane.barrier}"
        assert self.scene.lane.visit == Idle(is_present=False)
        assert self.scene.lane.barrier.release_until is None
        assert self.scene.told() in {None, Instruction.WELCOME}
        self.scene.watch.at_rest()


EFFORT = effort(
    max_examples=400,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def test_lane_keeps_its_promises_through_any_life() -> None:
    run_state_machine_as_test(LaneLife, settings=EFFORT)


def releases_at_once(
    record: DecisionRecord,
    at: Instant,
    state: VisitState,
    around: Surroundings,
    kept: object = visit_verdict.store_decision,
) -> VisitMove:
    """The core without its safeguard: a grant releases while its record is still being written."""
    moved: VisitMove = kept(record, at, state, around)  # type: ignore[operator]
    if record.decision.outcome is Outcome.GRANTED and around.settings.has_barrier:
        release = ReleaseBarrier(release_time_s=around.settings.release_time_s, visit=record.visit)
        return replace(moved, effects=(*moved.effects, release))
    return moved


def grants_whoever_is_known(facts: Facts, rules: RuleSet) -> Decision:
    """Rules without their safeguards."""
    return Decision(outcome=Outcome.GRANTED, reason=Reason.ADMITTED, check=None)


class TestAblation:
    """With a safeguard switched off the watcher objects; otherwise it would promise nothing."""

    def test_release_before_the_record_is_stored_is_seen(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(visit_verdict, "store_decision", releases_at_once)
        with pytest.raises(AssertionError, match="not on disk"):
            watched(scene(scan_only(), rules=UNMEASURED)).comes().shows()

    def test_release_before_the_record_is_stored_is_found_by_chance_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(visit_verdict, "store_decision", releases_at_once)
        with pytest.raises(AssertionError, match="not on disk"):
            run_state_machine_as_test(LaneLife, settings=effort(EFFORT, phases=[Phase.generate], database=None))

    def test_guards_word_that_stood_for_every_rule_is_seen(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(visit_verdict, "decide", grants_whoever_is_known)
        life = watched(Scene(lane=lane(scan_only(), rules=UNMEASURED, known=directory(isolation=Isolation.MEDICAL))))
        life.lane = replace(life.lane, rules=replace(UNMEASURED, isolation_may_enter={Isolation.MEDICAL: False}))
        with pytest.raises(AssertionError, match="isolated"):
            life.send(HouseholdIdentified(at=life.at, guard=LI, household=HOUSEHOLD, why=IdentifiedWhy.NO_PHONE))

    def test_fever_that_the_rules_would_let_pass_is_seen(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(visit_verdict, "decide", grants_whoever_is_known)
        life = watched(scene(settings(steps=(VisitStep.MEASURE, VisitStep.SCAN)))).comes().measures(fault())
        with pytest.raises(AssertionError, match="not normal"):
            life.shows()

    def test_visit_that_is_not_held_for_its_mask_is_seen(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(visit_steps, "_held", visit_steps.decide_visit)
        life = watched(scene(settings(steps=(VisitStep.MEASURE, VisitStep.SCAN)))).comes()
        life.send(MaskSeen(at=life.at, guard=LI, is_worn=False)).measures()
        with pytest.raises(AssertionError, match="mask"):
            life.shows()

    def test_watched_grant_passes_with_the_safeguard_on(self) -> None:
        seen = watched(scene(scan_only(), rules=UNMEASURED))
        seen.comes().shows().stored().door_opens().door_closes().leaves().waits(60.0)
        assert len(seen.releases) == 1
        seen.watch.at_rest()
