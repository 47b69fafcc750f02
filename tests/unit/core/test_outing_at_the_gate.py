"""Going out under a quota: claimed before anything is decided, judged alone without an answer, and the ways around."""

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from gate.core.effects import ClaimOuting, Instruction, ShowInstruction
from gate.core.events import GuardDecided, OutingAnswered, PresenceChanged, PurposeStated
from gate.core.lane import Lane
from gate.core.visit_states import Visiting
from model.clock import Instant, WallCourse
from model.credentials import PassKind
from model.directory import Isolation
from model.facts import ClaimAnswer, ClaimedOuting
from model.identities import ClaimId, GuardId
from model.outings import Outing, OutingPurpose, OutingQuota, OutingRules, QuotaWindow
from model.passing import Direction
from model.reasons import Outcome, Reason
from model.records import AbandonedRecord, PassageEnd, PassageRecord, VisitStep
from model.rule_set import Check, RuleSet
from tests.unit.core.lane_dsl import Scene, lane, settings
from tests.unit.model.builders import HOUSEHOLD, burst, directory, resident_pass, rule_set, verified

ZONE = ZoneInfo("Asia/Shanghai")
NOON = datetime(2026, 11, 14, 4, tzinfo=ZoneInfo("UTC"))  # 12:00 in Shanghai
CLAIM = ClaimId("00112233445566aa")
LI_WEI = GuardId("li_wei")


def quota(*, unanswered: Outcome = Outcome.GRANTED) -> RuleSet:
    """One outing a day, back within two hours; going to a doctor, or for a delivery at the gate, costs nothing."""
    outings = OutingRules(
        quota=OutingQuota(
            count=1,
            period_days=1,
            window=QuotaWindow.CALENDAR,
            day_starts_at=time(6),
            counted_from=date(2026, 1, 1),
        ),
        people_max=1,
        return_within_min=120,
        return_by=None,
        overdue_after_min=0,
        exempt=frozenset({OutingPurpose.MEDICAL, OutingPurpose.FETCH}),
        unanswered=unanswered,
    )
    return replace(rule_set(measured=[]), zone=ZONE, outings=outings)


def way_out(rules: RuleSet | None = None, *, is_trusted: bool = True, known: Isolation = Isolation.NONE) -> Scene:
    """Somebody stands before the lane out and shows a code at noon."""
    lane_out = settings(direction=Direction.OUT, steps=(VisitStep.SCAN,))
    start: Lane = lane(lane_out, rules=rules or quota(), known=directory(isolation=known))
    course = WallCourse(since=Instant(100.0), wall=NOON) if is_trusted else None
    return Scene(lane=replace(start, course=course)).comes().shows()


def answered(scene: Scene, answer: ClaimAnswer, *outings: Outing, possible_at: datetime | None = None) -> Scene:
    claimed = ClaimedOuting(claim=CLAIM, answer=answer, outings=outings, possible_at=possible_at)
    scene.send(OutingAnswered(at=scene.at, token=scene.of(ClaimOuting)[-1].token, claimed=claimed))
    return scene


def earlier(started_at: datetime) -> Outing:
    return Outing(
        claim=ClaimId("ff00ff00ff00ff00"),
        household=HOUSEHOLD,
        started_at=started_at,
        returned_at=None,
        purpose=OutingPurpose.ORDINARY,
        people=1,
    )


def test_nothing_is_decided_before_the_centre_was_asked() -> None:
    scene = way_out()
    (claim,) = scene.of(ClaimOuting)
    assert (claim.household, claim.purpose, claim.people, claim.at) == (HOUSEHOLD, OutingPurpose.ORDINARY, 1, NOON)
    assert scene.decisions == []
    assert scene.releases == []
    assert scene.told() is Instruction.WAIT


def test_what_the_centre_grants_opens_and_says_when_to_be_back() -> None:
    scene = answered(way_out(), ClaimAnswer.GRANTED).stored()
    assert scene.decisions[-1].decision.outcome is Outcome.GRANTED
    assert len(scene.releases) == 1
    assert scene.of(ShowInstruction)[-1].due_back == NOON + timedelta(hours=2)


def test_what_the_centre_refuses_stays_shut_and_says_from_when() -> None:
    tomorrow = NOON + timedelta(hours=18)
    scene = answered(way_out(), ClaimAnswer.REFUSED, possible_at=tomorrow).stored()
    assert scene.decisions[-1].decision.reason is Reason.QUOTA_USED
    assert scene.releases == []
    assert scene.of(ShowInstruction)[-1].possible_at == tomorrow


@pytest.mark.parametrize(
    ("outings", "reason"),
    [((), Reason.ADMITTED), ((earlier(NOON - timedelta(hours=3)),), Reason.QUOTA_USED)],
)
def test_without_an_answer_the_gate_judges_by_what_it_knows(outings: tuple[Outing, ...], reason: Reason) -> None:
    scene = answered(way_out(), ClaimAnswer.UNANSWERED, *outings)
    assert scene.decisions[-1].decision.reason is reason


def test_a_community_may_want_its_guard_where_the_centre_is_silent() -> None:
    scene = answered(way_out(quota(unanswered=Outcome.REFERRED)), ClaimAnswer.UNANSWERED).stored()
    assert scene.decisions[-1].decision.reason is Reason.OUTING_UNANSWERED
    assert scene.told() is Instruction.GUARD_COMES
    assert scene.releases == []


def test_a_claim_that_nobody_answers_at_all_goes_to_the_guard() -> None:
    scene = way_out().waits(10.0)
    assert scene.decisions[-1].decision.outcome is Outcome.REFERRED
    assert scene.decisions[-1].decision.reason is Reason.OUTING_UNANSWERED


def test_an_answer_to_an_older_claim_decides_nothing() -> None:
    scene = way_out()
    claimed = ClaimedOuting(claim=CLAIM, answer=ClaimAnswer.GRANTED)
    scene.send(OutingAnswered(at=scene.at, token=scene.of(ClaimOuting)[-1].token + 1, claimed=claimed))
    assert scene.decisions == []


def test_whoever_walks_away_meanwhile_was_not_decided() -> None:
    scene = way_out()
    scene.send(PresenceChanged(at=scene.at, is_present=False)).waits(4.0)
    assert scene.decisions == []
    assert len(scene.records(AbandonedRecord)) == 1


def test_what_the_rules_refuse_anyway_is_not_claimed() -> None:
    scene = way_out(known=Isolation.HOME)
    assert scene.of(ClaimOuting) == []
    assert scene.decisions[-1].decision.reason is Reason.HOUSEHOLD_ISOLATED


def test_by_a_clock_that_is_not_trusted_nothing_is_counted_and_the_guard_decides() -> None:
    scene = way_out(is_trusted=False)
    assert scene.of(ClaimOuting) == []
    assert scene.decisions[-1].decision.reason is Reason.CLOCK_NOT_TRUSTED


@pytest.mark.parametrize("purpose", [OutingPurpose.MEDICAL, OutingPurpose.FETCH])
def test_a_purpose_that_the_rules_exempt_needs_no_claim(purpose: OutingPurpose) -> None:
    lane_out = settings(direction=Direction.OUT, steps=(VisitStep.SCAN,))
    start = replace(lane(lane_out, rules=quota()), course=WallCourse(since=Instant(100.0), wall=NOON))
    scene = Scene(lane=start).comes()
    scene.send(PurposeStated(at=scene.at, guard=LI_WEI, purpose=purpose)).shows()
    assert scene.of(ClaimOuting) == []
    assert scene.decisions[-1].decision.outcome is Outcome.GRANTED
    assert scene.decisions[-1].facts.purpose is purpose
    assert scene.decisions[-1].decision.due_back is None


def test_a_guard_may_state_the_purpose_when_the_quota_has_called_them() -> None:
    rules = quota()
    rules = replace(rules, on_failure={**rules.on_failure, Reason.QUOTA_USED: Outcome.REFERRED})
    scene = answered(way_out(rules), ClaimAnswer.REFUSED).stored()
    scene.send(PurposeStated(at=scene.at, guard=LI_WEI, purpose=OutingPurpose.MEDICAL)).stored()
    assert scene.decisions[-1].decision.reason is Reason.ADMITTED
    assert len(scene.releases) == 1


def test_fetching_a_delivery_costs_no_outing_though_the_household_has_been_out() -> None:
    rules = quota()
    rules = replace(rules, on_failure={**rules.on_failure, Reason.QUOTA_USED: Outcome.REFERRED})
    scene = answered(way_out(rules), ClaimAnswer.REFUSED, earlier(NOON - timedelta(hours=3))).stored()
    scene.send(PurposeStated(at=scene.at, guard=LI_WEI, purpose=OutingPurpose.FETCH)).stored()
    assert len(scene.of(ClaimOuting)) == 1  # the one that was refused
    assert scene.decisions[-1].facts.outing is None
    assert len(scene.releases) == 1


@pytest.mark.parametrize("known", list(Isolation))
def test_an_emergency_goes_out_at_once_whatever_the_quota_and_is_registered(known: Isolation) -> None:
    lane_out = settings(direction=Direction.OUT)
    start = lane(lane_out, rules=quota(), known=directory(isolation=known))
    scene = Scene(lane=start).comes()
    scene.send(PurposeStated(at=scene.at, guard=LI_WEI, purpose=OutingPurpose.EMERGENCY))
    assert scene.decisions == []  # nobody is known yet
    scene.shows().stored()
    assert scene.decisions[-1].decision.reason is Reason.EMERGENCY_EXIT
    assert len(scene.releases) == 1


def test_coming_home_is_never_an_emergency() -> None:
    scene = Scene(lane=lane(settings(steps=(VisitStep.SCAN,)), rules=quota())).comes()
    scene.send(PurposeStated(at=scene.at, guard=LI_WEI, purpose=OutingPurpose.EMERGENCY)).shows()
    assert scene.decisions[-1].decision.reason is Reason.ADMITTED


def test_no_guards_word_lets_an_isolated_household_out() -> None:
    rules = quota()
    rules = replace(rules, on_failure={**rules.on_failure, Reason.HOUSEHOLD_ISOLATED: Outcome.REFERRED})
    scene = way_out(rules, known=Isolation.HOME).stored()
    assert scene.told() is Instruction.GUARD_COMES
    scene.send(GuardDecided(at=scene.at, is_confirmed=True, guard=LI_WEI))
    assert scene.releases == []
    assert len(scene.decisions) == 1
    scene.send(PurposeStated(at=scene.at, guard=LI_WEI, purpose=OutingPurpose.EMERGENCY)).stored()
    assert scene.decisions[-1].decision.reason is Reason.EMERGENCY_EXIT
    assert len(scene.releases) == 1


def test_a_grant_that_was_not_taken_names_its_claim() -> None:
    scene = answered(way_out(), ClaimAnswer.GRANTED).stored().waits(20.0)
    (passage,) = scene.records(PassageRecord)
    assert (passage.end, passage.outing) == (PassageEnd.NOT_TAKEN, CLAIM)


def test_a_work_certificate_costs_no_outing() -> None:
    lane_out = settings(direction=Direction.OUT, steps=(VisitStep.SCAN,))
    start = replace(lane(lane_out, rules=quota()), course=WallCourse(since=Instant(100.0), wall=NOON))
    scene = Scene(lane=start).comes()
    scene.shows(verified(credential=replace(resident_pass(), kind=PassKind.WORK)))
    assert scene.of(ClaimOuting) == []


def test_the_visit_waits_for_nobody_else_while_it_claims() -> None:
    scene = way_out()
    assert isinstance(scene.lane.visit, Visiting)
    before = scene.lane.visit
    scene.send(PurposeStated(at=scene.at, guard=LI_WEI, purpose=OutingPurpose.MEDICAL))
    assert scene.lane.visit == before


def test_a_fever_does_not_hide_behind_an_outing_that_was_not_claimed() -> None:
    rules = replace(quota(), measured_directions=frozenset({Direction.OUT}))
    assert rules.checks.index(Check.OUTING) < rules.checks.index(Check.TEMPERATURE)
    lane_out = settings(direction=Direction.OUT, steps=(VisitStep.MEASURE, VisitStep.SCAN))
    start = replace(lane(lane_out, rules=rules), course=WallCourse(since=Instant(100.0), wall=NOON))
    scene = Scene(lane=start).comes().measures(burst(36.0)).waits(5.0).measures(burst(36.0)).shows()
    assert scene.of(ClaimOuting) == []
    assert scene.decisions[-1].decision.reason is Reason.TEMPERATURE_HIGH


def test_whoever_was_measured_by_hand_on_the_way_out_is_claimed_after_it() -> None:
    rules = replace(quota(), measured_directions=frozenset({Direction.OUT}))
    lane_out = settings(direction=Direction.OUT, steps=(VisitStep.MEASURE, VisitStep.SCAN))
    start = replace(lane(lane_out, rules=rules), course=WallCourse(since=Instant(100.0), wall=NOON))
    scene = Scene(lane=start).comes().measures(burst(36.0)).waits(5.0).measures(burst(36.0)).shows().stored()
    scene.guard_measures(36.6)
    assert len(scene.of(ClaimOuting)) == 1
    assert scene.alarms == frozenset()
    answered(scene, ClaimAnswer.GRANTED).stored()
    record = scene.decisions[-1]
    assert (record.decision.reason, record.referred_for) == (Reason.ADMITTED, Reason.TEMPERATURE_HIGH)
    assert len(scene.releases) == 1
