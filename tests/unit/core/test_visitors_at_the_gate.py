"""Visitors and deliveries at a lane: asked and measured like everybody, kept out by the rules, and never kept in."""

from dataclasses import replace

import pytest

from gate.core.effects import StoreRecord
from gate.core.events import (
    ComponentChanged,
    DeliveryLogged,
    MeasuredByHand,
    RecordRefused,
    ServiceAdmitted,
    VisitorLeaving,
    VisitorRegistered,
)
from gate.core.visit_states import Closing, Idle, Visiting, WithGuard
from model.credentials import RegisteredVisitor, Scanner
from model.directory import Isolation
from model.identities import GuardId, HouseholdId, VisitId, VisitNumber
from model.passing import Direction
from model.reasons import Outcome, Reason
from model.records import (
    Delivery,
    DeliveryRecord,
    PassageEnd,
    PassageRecord,
    VisitorRecord,
    VisitStep,
)
from model.rule_set import OutsiderRules, RuleSet, VisitPolicy
from model.services import ServiceReason
from model.temperature import Celsius, HandReading, HandSite, HandThermometer
from model.visitors import DeliveryKind, DeliveryStep, VisitorStep, VisitPurpose
from tests.unit.core.lane_dsl import Scene, lane, scan_only, scene, settings
from tests.unit.model.builders import HOUSEHOLD, burst, directory, rule_set

LI = GuardId("li_wei")
SLIP = VisitNumber("3-28-014-1")
MEASURE_SCAN = (VisitStep.MEASURE, VisitStep.SCAN)
NORMAL_SKIN_C, HIGH_SKIN_C = 33.6, 36.0


def rules(policy: VisitPolicy = VisitPolicy.REGISTERED, deliveries: VisitPolicy = VisitPolicy.REGISTERED) -> RuleSet:
    return replace(rule_set(), outsiders=OutsiderRules(visitors=policy, deliveries=deliveries))


def gate(of: RuleSet, isolation: Isolation = Isolation.NONE, direction: Direction = Direction.IN) -> Scene:
    lane_settings = settings(steps=MEASURE_SCAN, direction=direction)
    return Scene(lane=lane(lane_settings, rules=of, known=directory(isolation=isolation)))


def registers(visit: Scene, host: HouseholdId = HOUSEHOLD, purpose: VisitPurpose = VisitPurpose.FAMILY) -> Scene:
    return visit.send(VisitorRegistered(at=visit.at, guard=LI, number=SLIP, host=host, purpose=purpose))


def logs(visit: Scene, step: DeliveryStep = DeliveryStep.LEFT) -> Scene:
    return visit.send(DeliveryLogged(at=visit.at, guard=LI, recipient=HOUSEHOLD, kind=DeliveryKind.MEAL, step=step))


class TestRegistered:
    def test_visitor_is_registered_measured_and_admitted(self) -> None:
        visit = registers(gate(rules())).measures(burst(NORMAL_SKIN_C)).stored()
        assert visit.records(VisitorRecord) == [
            VisitorRecord(
                number=SLIP,
                step=VisitorStep.REGISTERED,
                guard=LI,
                host=HOUSEHOLD,
                purpose=VisitPurpose.FAMILY,
                limit_min=1440,
            )
        ]
        (decision,) = visit.decisions
        assert (decision.decision.outcome, decision.decision.reason) == (Outcome.GRANTED, Reason.VISITOR_ADMITTED)
        assert decision.scanner is Scanner.GUARD
        assert len(visit.releases) == 1
        assert visit.door_opens().records(PassageRecord) == [
            PassageRecord(visit=VisitId(2), end=PassageEnd.TAKEN, household=None, pass_id=None)
        ]

    def test_whoever_stood_there_and_was_measured_is_not_measured_again(self) -> None:
        visit = gate(rules()).comes().measures(burst(NORMAL_SKIN_C))
        assert registers(visit).stored().releases

    def test_nobody_with_a_fever_comes_in(self) -> None:
        visit = registers(gate(rules())).measures(burst(HIGH_SKIN_C)).waits(6).measures(burst(HIGH_SKIN_C)).stored()
        assert isinstance(visit.lane.visit, WithGuard)
        assert visit.decisions[-1].decision.reason is Reason.TEMPERATURE_HIGH
        assert not visit.releases

    def test_guards_thermometer_decides_of_a_visitor_too(self) -> None:
        visit = registers(gate(rules())).measures(burst(20.0)).stored()
        reading = HandReading(
            at=visit.at, body_c=Celsius(36.5), site=HandSite.EAR, thermometer=HandThermometer.INFRARED, guard=LI
        )
        visit.send(MeasuredByHand(at=visit.at, reading=reading)).stored()
        assert visit.decisions[-1].decision.reason is Reason.VISITOR_ADMITTED
        assert visit.decisions[-1].facts.code == RegisteredVisitor(
            number=SLIP, guard=LI, host=HOUSEHOLD, purpose=VisitPurpose.FAMILY
        )

    def test_quota_and_colour_of_the_host_say_nothing_of_a_visitor(self) -> None:
        strict = replace(rules(), colours={})
        assert registers(gate(strict)).measures(burst(NORMAL_SKIN_C)).stored().releases

    def test_it_is_registered_before_anything_is_released(self) -> None:
        visit = registers(gate(replace(rules(), measured_directions=frozenset())))
        kinds = [type(effect.record) for effect in visit.of(StoreRecord)]
        assert kinds.index(VisitorRecord) < len(kinds) - 1
        assert not visit.releases
        visit.stored()
        assert visit.releases

    def test_person_whose_code_is_known_is_no_visitor(self) -> None:
        visit = gate(rules()).comes().shows()
        before = visit.lane
        assert registers(visit).lane == before
        assert not visit.records(VisitorRecord)

    def test_grant_that_is_not_on_disk_admits_nobody(self) -> None:
        visit = registers(gate(rules())).measures(burst(NORMAL_SKIN_C))
        token = visit.unanswered[-1].token
        visit.send(RecordRefused(at=visit.at, token=token, code_was_used=False))
        assert not visit.releases

    def test_without_a_journal_nobody_is_registered(self) -> None:
        visit = gate(rules())
        visit.send(ComponentChanged(at=visit.at, component="journal", is_available=False, why="full"))
        before = visit.lane
        assert registers(visit).lane == before
        assert logs(visit).lane == before


class TestKeptOut:
    @pytest.mark.parametrize(
        ("policy", "purpose", "reason"),
        [
            (VisitPolicy.TURNED_BACK, VisitPurpose.FAMILY, Reason.VISITORS_TURNED_BACK),
            (VisitPolicy.AT_THE_GATE, VisitPurpose.FAMILY, Reason.VISITORS_AT_THE_GATE),
            (VisitPolicy.TURNED_BACK, VisitPurpose.DELIVERY, Reason.DELIVERIES_TURNED_BACK),
            (VisitPolicy.AT_THE_GATE, VisitPurpose.DELIVERY, Reason.DELIVERIES_AT_THE_GATE),
        ],
    )
    def test_policy_keeps_them_out_recorded_and_without_a_registration(
        self, policy: VisitPolicy, purpose: VisitPurpose, reason: Reason
    ) -> None:
        visit = registers(gate(rules(policy, policy)), purpose=purpose).stored()
        assert [each.decision.reason for each in visit.decisions] == [reason]
        assert visit.decisions[0].decision.outcome is Outcome.DENIED
        assert not visit.records(VisitorRecord)
        assert not visit.releases

    @pytest.mark.parametrize("isolation", [Isolation.HOME, Isolation.MEDICAL])
    def test_nobody_visits_a_household_in_isolation(self, isolation: Isolation) -> None:
        visit = registers(gate(rules(), isolation)).stored()
        assert visit.decisions[-1].decision.reason is Reason.HOST_ISOLATED
        assert not visit.releases

    def test_nobody_visits_a_household_that_is_not_here(self) -> None:
        visit = registers(gate(rules()), HouseholdId(77)).stored()
        assert visit.decisions[-1].decision.reason is Reason.HOUSEHOLD_NOT_ON_DIRECTORY

    def test_nobody_is_measured_for_nothing(self) -> None:
        visit = registers(gate(rules(VisitPolicy.TURNED_BACK)).comes())
        assert visit.stored().decisions[-1].facts.temperature is None


class TestLeaving:
    def test_visitor_goes_out_by_the_number_whatever_the_policy(self) -> None:
        strict = rules(VisitPolicy.TURNED_BACK, VisitPolicy.TURNED_BACK)
        visit = gate(strict, direction=Direction.OUT)
        visit.send(VisitorLeaving(at=visit.at, guard=LI, number=SLIP)).measures(burst(NORMAL_SKIN_C)).stored()
        assert visit.decisions[-1].facts.code == RegisteredVisitor(number=SLIP, guard=LI)
        assert visit.releases

    def test_at_a_lane_that_leads_in_it_is_only_noted(self) -> None:
        visit = gate(rules())
        visit.send(VisitorLeaving(at=visit.at, guard=LI, number=SLIP))
        assert visit.records(VisitorRecord) == [VisitorRecord(number=SLIP, step=VisitorStep.LEFT, guard=LI)]
        assert isinstance(visit.lane.visit, Idle)

    def test_nobody_is_registered_on_the_way_out(self) -> None:
        visit = gate(rules(), direction=Direction.OUT)
        before = visit.lane
        assert registers(visit).lane == before


class TestDeliveries:
    @pytest.mark.parametrize("step", list(DeliveryStep))
    def test_it_is_noted_and_changes_no_visit(self, step: DeliveryStep) -> None:
        visit = gate(rules(deliveries=VisitPolicy.AT_THE_GATE)).comes().shows()
        before = visit.lane.visit
        logs(visit, step)
        assert visit.lane.visit == before
        assert visit.records(DeliveryRecord) == [
            DeliveryRecord(delivery=Delivery(recipient=HOUSEHOLD, kind=DeliveryKind.MEAL), step=step, guard=LI)
        ]

    def test_where_they_are_turned_back_it_is_a_recorded_denial(self) -> None:
        visit = logs(gate(rules(deliveries=VisitPolicy.TURNED_BACK)).comes()).stored()
        (decision,) = visit.decisions
        assert (decision.decision.outcome, decision.decision.reason) == (
            Outcome.DENIED,
            Reason.DELIVERIES_TURNED_BACK,
        )
        assert decision.delivery == Delivery(recipient=HOUSEHOLD, kind=DeliveryKind.MEAL)
        assert isinstance(visit.lane.visit, Closing)
        assert not visit.records(DeliveryRecord)

    def test_turning_one_back_interrupts_nobody_elses_visit(self) -> None:
        visit = gate(rules(deliveries=VisitPolicy.TURNED_BACK)).comes().shows()
        before = visit.lane
        assert isinstance(before.visit, Visiting)
        assert logs(visit).lane == before

    def test_what_lies_here_is_fetched_even_where_they_are_turned_back_by_now(self) -> None:
        visit = logs(gate(rules(deliveries=VisitPolicy.TURNED_BACK)), DeliveryStep.FETCHED)
        assert len(visit.records(DeliveryRecord)) == 1


class TestServices:
    def test_service_that_the_rules_do_not_name_is_not_admitted(self) -> None:
        few = replace(rules(), outsiders=OutsiderRules(services=frozenset({ServiceReason.REPAIR})))
        visit = scene(scan_only(), rules=few)
        visit.send(ServiceAdmitted(at=visit.at, guard=LI, reason=ServiceReason.OTHER, people=1))
        assert not visit.decisions
        visit.send(ServiceAdmitted(at=visit.at, guard=LI, reason=ServiceReason.REPAIR, people=1)).stored()
        assert visit.releases

    @pytest.mark.parametrize("who", [ServiceReason.AMBULANCE, ServiceReason.FIRE_BRIGADE, ServiceReason.POLICE])
    def test_no_rule_keeps_an_ambulance_out(self, who: ServiceReason) -> None:
        none = replace(rules(), outsiders=OutsiderRules(services=frozenset()))
        visit = scene(scan_only(), rules=none)
        visit.send(ServiceAdmitted(at=visit.at, guard=LI, reason=who, people=1)).stored()
        assert visit.releases
