"""People who are too slow, walk away, queue or linger."""

import pytest

from gate.core.effects import Instruction
from gate.core.visit_states import Idle, Visiting
from model.credentials import RefusalDetail
from model.reasons import Outcome
from model.records import AbandonedRecord, PassageEnd, PassageRecord, VisitStep
from tests.unit.core.lane_dsl import (
    ASK_MEASURE_CHECK_SCAN,
    QUESTIONS,
    SOMEBODY_ELSE,
    STEP_LIMIT_S,
    UNMEASURED,
    does,
    scan_only,
    scene,
    settings,
)
from tests.unit.model.builders import refused

MEASURE_SCAN = (VisitStep.MEASURE, VisitStep.SCAN)


class TestTooSlow:
    @pytest.mark.parametrize("slow", [VisitStep.ASK, VisitStep.CHECK, VisitStep.SCAN])
    def test_step_that_takes_too_long_ends_the_visit_and_is_recorded(self, slow: VisitStep) -> None:
        visit = scene(settings(questions=QUESTIONS, check_by_guard=True)).comes()
        for step in ASK_MEASURE_CHECK_SCAN[: ASK_MEASURE_CHECK_SCAN.index(slow)]:
            does(step, visit)
        visit.waits(STEP_LIMIT_S[slow] - 0.1)
        assert not visit.records(AbandonedRecord)
        visit.waits(0.1)
        (abandoned,) = visit.records(AbandonedRecord)
        assert abandoned.at_step is slow
        assert visit.told() is Instruction.TOO_SLOW
        assert visit.waits(4.0).told() is Instruction.WELCOME
        assert visit.lane.visit == Idle(is_present=True)
        assert not visit.releases

    def test_questions_have_their_time_each(self) -> None:
        visit = scene(settings(questions=QUESTIONS)).comes().waits(19.0).answers().waits(19.0)
        assert not visit.records(AbandonedRecord)
        assert visit.waits(1.0).records(AbandonedRecord)

    def test_other_evidence_does_not_lengthen_a_step(self) -> None:
        order = (VisitStep.CHECK, VisitStep.SCAN)
        visit = scene(settings(steps=order, check_by_guard=True)).comes().waits(29.0).shows().waits(1.0)
        assert visit.records(AbandonedRecord)[0].at_step is VisitStep.CHECK


class TestPresence:
    def test_person_who_walks_away_ends_the_visit_and_is_recorded(self) -> None:
        visit = scene().comes().leaves().waits(2.9)
        assert not visit.records(AbandonedRecord)
        visit.waits(0.1)
        assert visit.records(AbandonedRecord)[0].at_step is VisitStep.MEASURE
        assert visit.told() is Instruction.WELCOME

    def test_step_aside_and_back_goes_on_with_the_visit(self) -> None:
        visit = scene(settings(steps=MEASURE_SCAN)).comes().leaves().waits(2.0).comes().waits(5.0).measures().shows()
        assert not visit.records(AbandonedRecord)
        assert visit.decisions

    def test_absence_reported_twice_counts_from_the_first_time(self) -> None:
        visit = scene().comes().leaves().waits(2.0).leaves().waits(1.0)
        assert visit.records(AbandonedRecord)

    def test_next_person_after_one_who_walked_away_is_served_at_once(self) -> None:
        visit = scene().comes().leaves().waits(3.0)
        visit.now += 0.5
        visit.comes()
        assert isinstance(visit.lane.visit, Visiting)
        assert visit.told() is Instruction.HOLD_FOREHEAD

    def test_next_in_the_queue_is_served_after_a_passage_without_stepping_back(self) -> None:
        visit = scene(scan_only(), rules=UNMEASURED).comes().shows().stored().door_opens()
        visit.waits(2.0)
        assert isinstance(visit.lane.visit, Visiting)
        assert visit.told() is Instruction.SHOW_CODE
        assert visit.shows(SOMEBODY_ELSE).decisions[1].visit != visit.decisions[0].visit

    def test_nobody_behind_the_one_who_passed_leaves_the_lane_idle(self) -> None:
        visit = scene(scan_only(), rules=UNMEASURED).comes().shows().stored().door_opens().leaves()
        assert visit.waits(2.0).lane.visit == Idle(is_present=False)
        assert visit.told() is Instruction.WELCOME

    def test_person_who_stays_after_a_refusal_starts_no_new_visit_by_standing_there(self) -> None:
        visit = scene().comes().shows(refused(RefusalDetail.REVOKED)).stored().waits(60.0)
        assert visit.lane.visit == Idle(is_present=True)
        assert visit.told() is Instruction.WELCOME
        assert len(visit.decisions) == 1
        assert not visit.records(AbandonedRecord)

    def test_person_who_did_not_pass_after_a_grant_starts_no_new_visit_by_standing_there(self) -> None:
        visit = scene(scan_only(), rules=UNMEASURED).comes().shows().stored().waits(60.0)
        assert visit.lane.visit == Idle(is_present=True)
        assert [passage.end for passage in visit.records(PassageRecord)] == [PassageEnd.NOT_TAKEN]

    def test_new_code_while_the_answer_is_shown_begins_the_next_visit(self) -> None:
        visit = scene(scan_only(), rules=UNMEASURED).comes().shows(refused(RefusalDetail.REVOKED)).stored().shows()
        assert [decision.decision.outcome for decision in visit.decisions] == [Outcome.DENIED, Outcome.GRANTED]

    def test_lane_without_a_presence_contact_begins_with_the_code(self) -> None:
        tent = scene(scan_only(has_presence_contact=False), rules=UNMEASURED)
        assert tent.comes().lane.visit == Idle(is_present=True)
        assert tent.leaves().shows().stored().releases
