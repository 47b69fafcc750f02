"""The four steps of a visit, until there is something to decide."""

from dataclasses import replace
from typing import assert_never

from gate.core.effects import Effect, Instruction, ShowInstruction, StartMeasurement, StoreRecord
from gate.core.events import (
    CredentialPresented,
    Event,
    GuardDecided,
    QuestionAnswered,
    TemperatureMeasured,
    TimePassed,
)
from gate.core.visit_states import Closing, Idle, Surroundings, Visiting, VisitMove, stay
from gate.core.visit_verdict import decide_visit, decision_record, store_decision
from model.clock import Instant
from model.credentials import CodeCheck, RefusedCode, VerifiedCode
from model.identities import PassId, VisitId
from model.reasons import Outcome, Reason
from model.records import AbandonedRecord, StepDone, VisitStep
from model.rules import Decision
from model.temperature import (
    IndeterminateWhy,
    SensorFault,
    TemperatureJudgement,
    TemperatureOutcome,
    ThermometerReading,
    ThermometerUnavailable,
    judge,
)


def begin(at: Instant, code: CredentialPresented | None, is_present: bool, around: Surroundings) -> VisitMove:
    state = Visiting(
        visit=VisitId(around.next_number),
        began_at=at,
        step=around.settings.steps[0],
        step_until=at,
        is_present=is_present,
        code=code,
    )
    return _advance(state, at, replace(around, next_number=around.next_number + 1))


def visiting(state: Visiting, event: Event, around: Surroundings) -> VisitMove:
    match event:
        case CredentialPresented():
            return _code_shown(state, event, around)
        case QuestionAnswered() if state.step is VisitStep.ASK:
            return _answered(state, event, around)
        case TemperatureMeasured() if event.request == state.measuring:
            return _measured(state, event.at, event.reading, around)
        case GuardDecided() if state.step is VisitStep.CHECK:
            if event.is_confirmed:
                return _advance(_done(state, state.step, event.at, "confirmed"), event.at, around)
            refused = Decision(outcome=Outcome.DENIED, reason=Reason.GUARD_REFUSED, check=None)
            return store_decision(
                decision_record(_done(state, state.step, event.at, "refused"), refused, around), event.at, state, around
            )
        case TimePassed():
            return _time_passed(state, event.at, around)
        case _:
            return stay(state, around)


def _code_shown(state: Visiting, event: CredentialPresented, around: Surroundings) -> VisitMove:
    if state.code is None:
        return _advance(replace(state, code=event), event.at, around)
    if is_same_pass(event.check, state.code.check):
        return stay(state, around)
    wait = ShowInstruction(instruction=Instruction.ONE_AT_A_TIME)
    return stay(replace(state, other_codes=state.other_codes + 1), around, wait)


def _answered(state: Visiting, event: QuestionAnswered, around: Surroundings) -> VisitMove:
    question = around.settings.questions[state.questions_answered]
    yes = (question,) if event.is_yes else ()
    answered = replace(state, questions_answered=state.questions_answered + 1, answered_yes=(*state.answered_yes, *yes))
    return _advance(answered, event.at, around)


def _measured(state: Visiting, at: Instant, reading: ThermometerReading, around: Surroundings) -> VisitMove:
    judgement = judge(reading, around.settings.site, around.rules.temperature)
    measured = replace(state, measuring=None, temperature=judgement)
    if state.first_temperature is None and _wants_retest(judgement):
        retest_at = Instant(at + around.settings.retest_after_s)
        limit_s = around.settings.step_limit_s[VisitStep.MEASURE]
        resting = replace(
            measured, first_temperature=judgement, retest_at=retest_at, step_until=Instant(retest_at + limit_s)
        )
        return stay(resting, around, ShowInstruction(instruction=Instruction.REST_AND_RETRY))
    return _advance(_done(measured, measured.step, at, judgement.outcome.value), at, around)


def _wants_retest(judgement: TemperatureJudgement) -> bool:
    if judgement.outcome is TemperatureOutcome.INDETERMINATE:
        return judgement.why is not IndeterminateWhy.SENSOR_FAULT
    return judgement.outcome is TemperatureOutcome.HIGH


def _time_passed(state: Visiting, at: Instant, around: Surroundings) -> VisitMove:
    if state.absent_since is not None and at >= state.absent_since + around.settings.walk_away_after_s:
        # Nobody is left to be told anything: the next one to come is served at once.
        idle = Idle(is_present=False)
        return _abandon(state, idle, Instruction.WELCOME, around)
    if state.retest_at is not None and at >= state.retest_at:
        return _start_measurement(replace(state, retest_at=None), at, around)
    if at < state.step_until:
        return stay(state, around)
    if state.step is VisitStep.MEASURE:
        silent = ThermometerUnavailable(since=state.step_until, why=SensorFault.NO_BURST)
        return _measured(state, at, silent, around)
    closing = Closing(until=Instant(at + around.settings.result_shown_s), is_present=state.is_present)
    return _abandon(state, closing, Instruction.TOO_SLOW, around)


def _abandon(state: Visiting, after: Idle | Closing, told: Instruction, around: Surroundings) -> VisitMove:
    record = AbandonedRecord(visit=state.visit, at_step=state.step, steps=state.steps)
    effects = (
        StoreRecord(token=around.next_number, record=record),
        ShowInstruction(instruction=told),
    )
    return VisitMove(state=after, effects=effects, next_number=around.next_number + 1)


def _advance(state: Visiting, at: Instant, around: Surroundings) -> VisitMove:
    """Go to the first step that is not done; without one, decide."""
    if state.code is not None and isinstance(state.code.check, RefusedCode):
        return decide_visit(_done_scan(state, at), at, around)
    done = {step.step for step in state.steps}
    for step in around.settings.steps:
        if step in done:
            continue
        match step:
            case VisitStep.ASK:
                if state.questions_answered < len(around.settings.questions):
                    return _enter_ask(state, at, around)
                result = "yes" if state.answered_yes else "no"
                state = _done(state, step, at, result)
            case VisitStep.MEASURE:
                if around.settings.direction in around.rules.measured_directions:
                    if state.measuring is not None or state.retest_at is not None:
                        return stay(state, around)  # a code shown while measuring
                    return _start_measurement(state, at, around)
                # Rules may be replaced during a measurement: its answer must not count for the step that comes next.
                state = _done(replace(state, measuring=None, retest_at=None), step, at, "not_required")
            case VisitStep.CHECK:
                if around.settings.check_by_guard:
                    return _enter(state, step, at, ShowInstruction(instruction=Instruction.SHOW_CARD_TO_GUARD), around)
                state = _done(state, step, at, "by_rules")
            case VisitStep.SCAN:
                if state.code is None:
                    return _enter(state, step, at, ShowInstruction(instruction=Instruction.SHOW_CODE), around)
                state = _done_scan(state, at)
            case _:
                assert_never(step)
    return decide_visit(state, at, around)


def _enter(state: Visiting, step: VisitStep, at: Instant, shown: Effect, around: Surroundings) -> VisitMove:
    if state.step is step and state.step_until > at:
        return stay(state, around)  # evidence came for another step; this one goes on waiting
    until = Instant(at + around.settings.step_limit_s[step])
    return stay(replace(state, step=step, step_until=until), around, shown)


def _enter_ask(state: Visiting, at: Instant, around: Surroundings) -> VisitMove:
    question = around.settings.questions[state.questions_answered]
    until = Instant(at + around.settings.step_limit_s[VisitStep.ASK])
    shown = ShowInstruction(instruction=Instruction.ANSWER_QUESTION, question=question)
    return stay(replace(state, step=VisitStep.ASK, step_until=until), around, shown)


def _start_measurement(state: Visiting, at: Instant, around: Surroundings) -> VisitMove:
    request = around.next_number
    until = Instant(at + around.settings.step_limit_s[VisitStep.MEASURE])
    measuring = replace(state, step=VisitStep.MEASURE, step_until=until, measuring=request)
    effects = (ShowInstruction(instruction=Instruction.HOLD_FOREHEAD), StartMeasurement(request=request))
    return VisitMove(state=measuring, effects=effects, next_number=request + 1)


def _done(state: Visiting, step: VisitStep, at: Instant, result: str) -> Visiting:
    done = StepDone(step=step, result=result, after_s=at - state.began_at)
    return replace(state, step=step, steps=(*state.steps, done))


def _done_scan(state: Visiting, at: Instant) -> Visiting:
    assert state.code is not None
    result = "refused" if isinstance(state.code.check, RefusedCode) else "verified"
    return _done(state, VisitStep.SCAN, at, result)


def is_same_pass(one: CodeCheck, other: CodeCheck | None) -> bool:
    """Whether two codes are known to be of one pass; codes that name none never are."""
    number = _pass_id(one)
    return number is not None and other is not None and number == _pass_id(other)


def _pass_id(check: CodeCheck) -> PassId | None:
    return check.credential.pass_id if isinstance(check, VerifiedCode) else check.pass_id
