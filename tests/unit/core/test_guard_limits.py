"""Where a guard's word ends: isolation, codes that were verified, who is counted, and how many."""

from dataclasses import replace

import pytest

from gate.core.effects import StartMeasurement
from gate.core.events import (
    GuardDecided,
    HouseholdIdentified,
    PeopleCounted,
    ServiceAdmitted,
    TemperatureMeasured,
)
from gate.core.visit_states import Visiting
from model import rules as law
from model.credentials import VerifiedCode
from model.directory import Isolation
from model.identities import GuardId, HouseholdId
from model.passing import Direction
from model.reasons import Outcome, Reason
from model.records import VisitStep
from model.rule_set import Check, RuleSet
from model.rules import decide
from model.services import PEOPLE_MAX, IdentifiedWhy, ServiceReason
from tests.unit.core.lane_dsl import UNMEASURED, Scene, lane, scan_only, scene, settings
from tests.unit.model.builders import HIGH_SKIN_C, HOUSEHOLD, burst, directory, rule_set, verified

GUARD = GuardId("li_wei")
MEASURE_SCAN = (VisitStep.MEASURE, VisitStep.SCAN)
FEWEST_CHECKS = (Check.PASS, Check.DIRECTORY, Check.FRESH)


def identified(visit: Scene, household: HouseholdId = HOUSEHOLD) -> Scene:
    why = IdentifiedWhy.FORGOTTEN_CARD
    return visit.send(HouseholdIdentified(at=visit.at, guard=GUARD, household=household, why=why))


def counted(visit: Scene, people: int) -> Scene:
    return visit.send(PeopleCounted(at=visit.at, guard=GUARD, people=people))


def isolated(isolation: Isolation, direction: Direction, checks: tuple[Check, ...] = tuple(Check)) -> Scene:
    rules = rule_set(measured=[], checks=checks)
    one_way = replace(scan_only(), direction=direction)
    return Scene(lane=lane(one_way, rules=rules, known=directory(isolation=isolation)))


class TestVouching:
    @pytest.mark.parametrize("checks", [tuple(Check), FEWEST_CHECKS])
    @pytest.mark.parametrize("direction", Direction)
    @pytest.mark.parametrize("isolation", [Isolation.HOME, Isolation.MEDICAL])
    def test_isolated_household_never_passes_because_somebody_knows_it(
        self, isolation: Isolation, direction: Direction, checks: tuple[Check, ...]
    ) -> None:
        """Also where its own pass would do, and where the rules leave the check out."""
        visit = identified(isolated(isolation, direction, checks)).stored()
        assert visit.decisions[0].decision.reason is Reason.HOUSEHOLD_ISOLATED
        assert not visit.releases

    def test_with_that_check_off_the_isolated_would_pass(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def never(facts: law.Facts, rules: RuleSet) -> Reason | None:
            return None

        monkeypatch.setitem(law._CHECKS, Check.ISOLATION, never)  # type: ignore[index]
        assert identified(isolated(Isolation.MEDICAL, Direction.OUT)).stored().releases

    def test_code_whose_step_nobody_could_judge_stays_and_is_used_up(self) -> None:
        """With the clock in doubt the code is genuine all the same; replaced by a word, it could be used once more."""
        visit = scene(scan_only(), rules=rule_set(measured=[])).shows(verified(needs_guard=True)).stored()
        before = visit.lane
        assert identified(visit).lane == before
        assert isinstance(visit.guard_confirms().decisions[-1].facts.code, VerifiedCode)


class TestCounting:
    def family(self, people: int) -> Scene:
        return counted(scene(settings(steps=MEASURE_SCAN)).comes(), people)

    def test_whoever_was_high_once_cannot_be_counted_away_before_the_second_burst(self) -> None:
        visit = counted(self.family(2).shows().measures().measures(burst(HIGH_SKIN_C)), 1)
        assert not visit.decisions
        visit.waits(5.0).measures(burst(HIGH_SKIN_C))
        assert visit.decisions[0].decision.reason is Reason.TEMPERATURE_HIGH

    def test_burst_of_somebody_who_was_counted_away_is_nobodys(self) -> None:
        visit = self.family(2).measures()
        request = visit.of(StartMeasurement)[-1].request
        counted(visit, 1)
        visit.send(TemperatureMeasured(at=visit.at, request=request, reading=burst(HIGH_SKIN_C)))
        decision = visit.shows().decisions[0]
        assert decision.decision.outcome is Outcome.GRANTED
        assert decision.facts.others == ()

    def test_fewer_judgements_than_people_never_pass(self) -> None:
        decision = self.family(3).shows().measures().measures().measures().decisions[0]
        assert decision.decision.outcome is Outcome.GRANTED
        for others in ((), decision.facts.others[:1]):
            one_short = replace(decision.facts, others=others)
            assert decide(one_short, decision.rules).reason is Reason.TEMPERATURE_INDETERMINATE

    @pytest.mark.parametrize("people", [-1, 0, PEOPLE_MAX + 1, 1000])
    def test_number_that_nobody_can_mean_changes_nothing(self, people: int) -> None:
        crew = ServiceAdmitted(at=scene().at, guard=GUARD, reason=ServiceReason.REPAIR, people=people)
        for gate in (scene(), scene(settings(steps=MEASURE_SCAN)).comes()):
            before = gate.lane
            assert counted(gate, people).lane == before
            assert gate.send(crew).lane == before

    def test_rest_of_a_family_is_not_asked_anew_while_it_passes(self) -> None:
        visit = counted(scene(scan_only(), rules=UNMEASURED).comes(), 4).shows().stored()
        visit.door_opens().waits(1.0).door_closes().waits(8.0)
        assert not isinstance(visit.lane.visit, Visiting)
        visit.waits(4.0)
        assert isinstance(visit.lane.visit, Visiting), "whoever stands there now is the next"


def test_record_names_the_guard_who_looked_at_the_card() -> None:
    visit = scene(settings(steps=(VisitStep.CHECK, VisitStep.SCAN), check_by_guard=True), rules=UNMEASURED).comes()
    visit.send(GuardDecided(at=visit.at, is_confirmed=True, guard=GUARD)).shows()
    assert visit.decisions[0].guard == GUARD
