"""One visit through ask, measure, check and scan: every order, every way to fail, every way to be too slow."""

from dataclasses import replace
from itertools import permutations

import pytest

from gate.core.effects import (
    AlarmKind,
    Hint,
    Instruction,
    PublishUsed,
    ReleaseBarrier,
    ShowHint,
    ShowInstruction,
    StartMeasurement,
    StoreRecord,
)
from gate.core.visit_states import Passing, Visiting, WithGuard
from model.credentials import CheckStage, Colour, RefusalDetail
from model.passing import Direction
from model.reasons import Outcome, Reason
from model.records import PassageEnd, PassageRecord, VisitStep
from model.temperature import TemperatureOutcome
from tests.unit.core.lane_dsl import (
    ASK_MEASURE_CHECK_SCAN,
    QUESTIONS,
    SOMEBODY_ELSE,
    STEP_LIMIT_S,
    UNMEASURED,
    Scene,
    does,
    scan_only,
    scene,
    settings,
)
from tests.unit.model.builders import (
    COLD_SKIN_C,
    HIGH_SKIN_C,
    HOLDER_STEP,
    NORMAL_SKIN_C,
    PASS_ID,
    burst,
    directory,
    fault,
    refused,
    rule_set,
    verified,
)

MEASURE_SCAN = (VisitStep.MEASURE, VisitStep.SCAN)


TOLD = {
    VisitStep.ASK: Instruction.ANSWER_QUESTION,
    VisitStep.MEASURE: Instruction.HOLD_FOREHEAD,
    VisitStep.CHECK: Instruction.SHOW_CARD_TO_GUARD,
    VisitStep.SCAN: Instruction.SHOW_CODE,
}


@pytest.mark.parametrize("order", list(permutations(ASK_MEASURE_CHECK_SCAN)))
def test_steps_are_asked_for_in_the_order_of_the_settings(order: tuple[VisitStep, ...]) -> None:
    visit = scene(settings(steps=order, questions=QUESTIONS, check_by_guard=True)).comes()
    for step in order:
        assert visit.told() is TOLD[step]
        assert not visit.decisions
        does(step, visit)
    (decision,) = visit.decisions
    assert decision.decision.outcome is Outcome.GRANTED
    assert tuple(done.step for done in decision.steps) == order
    assert [done.after_s for done in decision.steps] == [1.0, 2.0, 3.0, 4.0]
    assert not visit.releases
    visit.stored().door_opens()
    assert visit.releases == [ReleaseBarrier(release_time_s=5.0, visit=decision.visit)]
    assert [passage.end for passage in visit.records(PassageRecord)] == [PassageEnd.TAKEN]


@pytest.mark.parametrize("order", list(permutations(ASK_MEASURE_CHECK_SCAN)))
def test_code_shown_first_is_kept_and_the_other_steps_are_still_asked_for(order: tuple[VisitStep, ...]) -> None:
    visit = scene(settings(steps=order, questions=QUESTIONS, check_by_guard=True)).shows()
    for step in order:
        if step is not VisitStep.SCAN:
            assert visit.told() is TOLD[step]
            does(step, visit)
    (decision,) = visit.decisions
    assert decision.decision.outcome is Outcome.GRANTED
    assert {done.step for done in decision.steps} == set(order)
    assert len(decision.steps) == 4


def test_check_without_a_guard_is_done_by_the_rules() -> None:
    visit = scene().comes().measures().shows()
    assert [(done.step, done.result) for done in visit.decisions[0].steps] == [
        (VisitStep.ASK, "no"),
        (VisitStep.MEASURE, "normal"),
        (VisitStep.CHECK, "by_rules"),
        (VisitStep.SCAN, "verified"),
    ]


def test_direction_that_is_not_measured_skips_the_thermometer() -> None:
    way_out = scene(settings(direction=Direction.OUT), rules=rule_set(measured=[Direction.IN])).comes().shows()
    assert not way_out.of(StartMeasurement)
    assert way_out.decisions[0].decision.outcome is Outcome.GRANTED


def test_record_is_ordered_before_anything_opens_and_the_barrier_moves_only_once_it_is_stored() -> None:
    visit = scene(scan_only(), rules=UNMEASURED).comes().shows()
    assert [type(effect) for effect in visit.last] == [StoreRecord, ShowInstruction]
    assert visit.told() is Instruction.WAIT
    visit.stored()
    assert visit.last == (
        ReleaseBarrier(release_time_s=5.0, visit=visit.decisions[0].visit),
        ShowInstruction(instruction=Instruction.GO, reason=Reason.ADMITTED),
        PublishUsed(pass_id=PASS_ID, step=HOLDER_STEP),
    )
    assert isinstance(visit.lane.visit, Passing)


def test_paper_pass_publishes_no_used_step() -> None:
    visit = scene(scan_only(), rules=UNMEASURED).shows(verified(holder_step=None)).stored()
    assert visit.releases
    assert not visit.of(PublishUsed)


def test_watched_household_passes_and_the_record_says_so() -> None:
    visit = scene(scan_only(), rules=UNMEASURED)
    visit.lane = replace(visit.lane, directory=directory(colour=Colour.YELLOW))
    visit.shows().stored()
    assert visit.decisions[0].decision.is_watched
    assert visit.releases


class TestTemperature:
    def visit(self) -> Scene:
        return scene(settings(steps=MEASURE_SCAN)).comes()

    def test_high_is_measured_again_after_a_rest(self) -> None:
        visit = self.visit().measures(burst(HIGH_SKIN_C))
        assert visit.told() is Instruction.REST_AND_RETRY
        assert len(visit.of(StartMeasurement)) == 1
        visit.waits(4.9)
        assert len(visit.of(StartMeasurement)) == 1
        visit.waits(0.1)
        first, second = visit.of(StartMeasurement)
        assert first.request != second.request
        assert visit.told() is Instruction.HOLD_FOREHEAD

    def test_high_twice_goes_to_the_guard_with_a_fever_alarm(self) -> None:
        visit = self.visit().measures(burst(HIGH_SKIN_C)).waits(5.0).measures(burst(HIGH_SKIN_C)).shows()
        decision = visit.decisions[0]
        assert (decision.decision.outcome, decision.decision.reason) == (Outcome.REFERRED, Reason.TEMPERATURE_HIGH)
        assert decision.first_temperature is not None
        visit.stored()
        assert AlarmKind.FEVER in visit.alarms
        assert visit.told() is Instruction.GUARD_COMES
        assert not visit.releases

    def test_high_twice_raises_the_fever_alarm_where_the_rules_deny_it_too(self) -> None:
        visit = scene(settings(steps=MEASURE_SCAN), rules=rule_set(on_failure={})).comes()
        visit.measures(burst(HIGH_SKIN_C)).waits(5.0).measures(burst(HIGH_SKIN_C)).shows().stored()
        assert visit.decisions[0].decision.outcome is Outcome.DENIED
        assert AlarmKind.FEVER in visit.alarms
        assert AlarmKind.FEVER not in visit.waits(10.0).alarms

    def test_high_then_normal_passes_and_both_are_recorded(self) -> None:
        visit = self.visit().measures(burst(HIGH_SKIN_C)).waits(5.0).measures(burst(NORMAL_SKIN_C)).shows().stored()
        decision = visit.decisions[0]
        assert visit.releases
        assert decision.first_temperature is not None
        assert decision.first_temperature.outcome is TemperatureOutcome.HIGH
        assert decision.facts.temperature is not None
        assert decision.facts.temperature.outcome is TemperatureOutcome.NORMAL
        assert not visit.alarms

    @pytest.mark.parametrize("second", [burst(COLD_SKIN_C), burst(34.5, spread_c=1.0), fault(), burst(HIGH_SKIN_C)])
    @pytest.mark.parametrize("first", [burst(COLD_SKIN_C), burst(34.5, spread_c=1.0), burst(34.5, count=3)])
    def test_indeterminate_is_measured_once_more_and_never_passes(self, first: object, second: object) -> None:
        visit = self.visit().measures(first).waits(5.0).measures(second).shows().stored()  # type: ignore[arg-type]
        assert len(visit.of(StartMeasurement)) == 2
        assert visit.decisions[0].decision.outcome is Outcome.REFERRED
        assert isinstance(visit.lane.visit, WithGuard)
        assert not visit.releases

    def test_indeterminate_then_normal_passes(self) -> None:
        visit = self.visit().measures(burst(COLD_SKIN_C)).waits(5.0).measures().shows().stored()
        assert visit.releases

    def test_fault_is_referred_at_once_without_a_second_try(self) -> None:
        visit = self.visit().shows().measures(fault())
        assert visit.decisions[0].decision.reason is Reason.TEMPERATURE_INDETERMINATE
        assert len(visit.of(StartMeasurement)) == 1
        assert not visit.stored().releases

    def test_thermometer_that_never_answers_is_referred(self) -> None:
        visit = self.visit().shows().waits(STEP_LIMIT_S[VisitStep.MEASURE])
        decision = visit.decisions[0]
        assert decision.decision.outcome is Outcome.REFERRED
        assert decision.facts.temperature is not None
        assert decision.facts.temperature.body_c is None

    def test_thermometer_that_falls_silent_before_the_second_try_is_referred(self) -> None:
        visit = self.visit().shows().measures(burst(HIGH_SKIN_C)).waits(5.0 + STEP_LIMIT_S[VisitStep.MEASURE])
        assert visit.decisions[0].decision.outcome is Outcome.REFERRED

    def test_answer_that_comes_too_late_or_to_another_request_is_not_taken(self) -> None:
        visit = self.visit()
        first = visit.of(StartMeasurement)[0]
        visit.waits(STEP_LIMIT_S[VisitStep.MEASURE]).measures(burst(NORMAL_SKIN_C)).shows()
        assert first.request == visit.of(StartMeasurement)[-1].request
        assert visit.decisions[0].decision.outcome is Outcome.REFERRED

    def test_code_shown_while_measuring_or_resting_starts_no_second_measurement(self) -> None:
        visit = self.visit().shows()
        assert len(visit.of(StartMeasurement)) == 1
        resting = self.visit().measures(burst(HIGH_SKIN_C)).shows()
        assert len(resting.of(StartMeasurement)) == 1
        assert not resting.decisions
        resting.waits(5.0).measures()
        assert resting.decisions[0].decision.outcome is Outcome.GRANTED


class TestQuestions:
    def test_each_question_is_shown_in_turn(self) -> None:
        visit = scene(settings(questions=QUESTIONS)).comes()
        asked = [visit.of(ShowInstruction)[-1].question]
        asked.append(visit.answers().of(ShowInstruction)[-1].question)
        assert tuple(asked) == QUESTIONS

    def test_yes_is_recorded_by_its_question_and_referred(self) -> None:
        visit = scene(settings(questions=QUESTIONS)).comes().answers().answers(yes=True).measures().shows().stored()
        decision = visit.decisions[0]
        assert decision.facts.answered_yes == (QUESTIONS[1],)
        assert (decision.decision.outcome, decision.decision.reason) == (
            Outcome.REFERRED,
            Reason.QUESTION_ANSWERED_YES,
        )
        assert not visit.releases

    def test_touch_on_the_idle_screen_begins_a_visit_and_answers_nothing(self) -> None:
        visit = scene(settings(questions=QUESTIONS, has_presence_contact=False)).answers(yes=True)
        assert visit.of(ShowInstruction)[-1].question == QUESTIONS[0]
        assert isinstance(visit.lane.visit, Visiting)
        assert not visit.lane.visit.answered_yes

    def test_answers_beyond_the_last_question_change_nothing(self) -> None:
        visit = scene(settings(questions=QUESTIONS)).comes().answers().answers()
        before = visit.lane
        assert visit.answers(yes=True).lane == before


class TestCodes:
    @pytest.mark.parametrize("order", list(permutations(ASK_MEASURE_CHECK_SCAN)))
    def test_refused_code_is_denied_at_once_whatever_is_left(self, order: tuple[VisitStep, ...]) -> None:
        visit = scene(settings(steps=order, questions=QUESTIONS, check_by_guard=True)).comes()
        visit.shows(refused(RefusalDetail.EXPIRED, CheckStage.TIME))
        assert visit.decisions[0].decision.reason is Reason.PASS_EXPIRED
        visit.stored()
        assert visit.told() is Instruction.REFUSED
        assert not visit.releases

    def test_forged_code_raises_an_alarm_that_ends_with_the_answer(self) -> None:
        visit = scene().shows(refused(RefusalDetail.FORGED)).stored()
        assert visit.alarms == {AlarmKind.FORGED_CODE}
        assert visit.waits(4.0).alarms == set()
        assert visit.told() is Instruction.WELCOME

    def test_alarm_of_a_forged_code_ends_when_the_person_leaves_or_the_next_code_comes(self) -> None:
        forged = scene().comes().shows(refused(RefusalDetail.FORGED)).stored()
        assert forged.leaves().alarms == set()
        forged = scene().comes().shows(refused(RefusalDetail.FORGED)).stored()
        assert forged.shows().alarms == set()

    def test_expired_pass_raises_no_alarm(self) -> None:
        assert not scene().shows(refused(RefusalDetail.EXPIRED)).stored().alarms

    def test_used_code_is_denied(self) -> None:
        visit = scene(scan_only(), rules=UNMEASURED).shows(is_used=True).stored()
        assert visit.decisions[0].decision.reason is Reason.CODE_USED
        assert not visit.releases

    def test_second_different_pass_waits_and_is_counted_but_never_replaces_the_first(self) -> None:
        visit = scene(settings(steps=MEASURE_SCAN)).comes().shows().shows(SOMEBODY_ELSE)
        assert ShowHint(hint=Hint.ONE_AT_A_TIME) in visit.last
        assert visit.told() is Instruction.HOLD_FOREHEAD  # what the first one has to do stays on the screen
        visit.measures().stored()
        (decision,) = visit.decisions
        assert decision.other_codes == 1
        assert decision.facts.code == verified()

    def test_second_forged_code_does_not_disturb_the_visit(self) -> None:
        visit = scene(settings(steps=MEASURE_SCAN)).comes().shows().shows(refused(RefusalDetail.FORGED))
        assert visit.measures().decisions[0].other_codes == 1

    def test_same_pass_shown_twice_is_one_code(self) -> None:
        visit = scene(settings(steps=MEASURE_SCAN)).comes().shows().shows(verified(holder_step=HOLDER_STEP + 1))
        (decision,) = visit.measures().decisions
        assert decision.other_codes == 0
        assert decision.facts.code == verified()

    @pytest.mark.parametrize("detail", [RefusalDetail.FORGED, RefusalDetail.EXPIRED])
    def test_code_while_recording_or_with_the_guard_waits(self, detail: RefusalDetail) -> None:
        recording = scene(scan_only(), rules=UNMEASURED).shows().shows(refused(detail))
        assert recording.last == (ShowHint(hint=Hint.ONE_AT_A_TIME),)
        assert len(recording.decisions) == 1
