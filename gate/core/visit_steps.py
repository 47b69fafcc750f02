"""The four steps of a visit, until there is something to decide."""

from dataclasses import replace
from typing import Final, assert_never

from gate.core.effects import CallGuard, Effect, Hint, Instruction, ShowHint, ShowInstruction, StoreRecord
from gate.core.events import (
    CredentialPresented,
    Event,
    GuardDecided,
    HouseholdIdentified,
    MaskSeen,
    MeasuredByHand,
    OutingAnswered,
    PeopleCounted,
    PurposeStated,
    QuestionAnswered,
    TemperatureMeasured,
    TimePassed,
    VehicleSeen,
    VisitorLeaving,
    VisitorRegistered,
)
from gate.core.visit_codes import is_same_pass, vouched
from gate.core.visit_measure import (
    measured_by_hand,
    measured_by_sensor,
    measuring_began,
    sensor_was_silent,
    wants_measurement,
    worst_of,
)
from gate.core.visit_states import Closing, Idle, Surroundings, VehicleVisit, Visiting, VisitMove, stay
from gate.core.visit_vehicle import (
    is_turned_back,
    scan_of_vehicle,
    taken_by_vehicle,
    waits_its_turn,
    waits_to_be_seen,
    with_vehicle,
)
from gate.core.visit_verdict import decide_visit, decision_record, outing_answered, store_decision
from model.clock import Instant
from model.credentials import CodeCheck, RefusedCode, RegisteredVisitor, VerifiedCode, VouchedHousehold
from model.identities import VisitId
from model.outings import OutingPurpose
from model.outsiders import refusal_of
from model.passing import Direction
from model.reasons import Outcome, Reason
from model.records import AbandonedRecord, StepDone, VisitStep
from model.rules import Decision
from model.services import PEOPLE_MAX

NOT_REQUIRED: Final = "not_required"
"""Result of a measurement that the rules do not want in this direction."""


def begin(
    at: Instant,
    code: CredentialPresented | None,
    is_present: bool,
    around: Surroundings,
    *,
    people: int = 1,
    vehicle: VehicleSeen | None = None,
) -> VisitMove:
    state = Visiting(
        visit=VisitId(around.next_number),
        began_at=at,
        step=around.settings.steps[0],
        step_until=at,
        is_present=is_present,
        code=code,
        people=people,
    )
    return _advance(with_vehicle(state, vehicle), at, replace(around, next_number=around.next_number + 1))


def resume(state: Visiting, at: Instant, around: Surroundings) -> VisitMove:
    """Go on with a visit that a guard has taken out of a referral."""
    return _advance(state, at, around)


def visiting(state: Visiting, event: Event, around: Surroundings) -> VisitMove:
    if state.claiming is not None:
        return _claiming(state, event, around)
    taken = taken_by_vehicle(state, event, around)
    if isinstance(taken, Hint):
        return stay(replace(state, other_codes=state.other_codes + 1), around, ShowHint(hint=taken))
    if taken is not None:
        return stay(state, around) if taken is state else _advance(taken, event.at, around)
    match event:
        case CredentialPresented():
            return _code_shown(state, event, around)
        case HouseholdIdentified() | VisitorRegistered() | VisitorLeaving():
            return _code_shown(state, vouched(event), around) if state.code is None else stay(state, around)
        case QuestionAnswered() if state.step is VisitStep.ASK and not state.is_held:
            return _answered(state, event, around)
        case TemperatureMeasured() if event.request == state.measuring:
            return _measured(measured_by_sensor(state, event.at, event.reading, around), state, event.at, around)
        case MeasuredByHand() if _is_measured_here(around):
            after = measured_by_hand(state, event.reading, around)
            return stay(state, around) if after is state else _advance(after, event.at, around)
        case PurposeStated() if around.settings.direction is Direction.OUT and event.purpose is not state.purpose:
            return _advance(replace(state, purpose=event.purpose), event.at, around)
        case PeopleCounted():
            return _counted(state, event, around)
        case MaskSeen():
            return _mask_seen(state, event, around)
        case GuardDecided() if state.vehicle is not None and not event.is_confirmed:
            return _guard_checked(state, event, around)
        case GuardDecided() if waits_to_be_seen(state):
            return stay(state, around)  # before heads are counted there is nothing to confirm
        case GuardDecided() if state.step is VisitStep.CHECK and not state.is_held:
            return _guard_checked(state, event, around)
        case GuardDecided() if event.guard is None and state.step is VisitStep.MEASURE and not around.has_thermometer:
            # Who has only a button can't type a value: nobody was measured here, and the guard decides on that.
            return _advance(sensor_was_silent(state, event.at, around), event.at, around)
        case TimePassed():
            return _time_passed(state, event.at, around)
        case _:
            return stay(state, around)


def _claiming(state: Visiting, event: Event, around: Surroundings) -> VisitMove:
    """All is done but the centre's answer; it comes in a moment, or is said not to have come."""
    match event:
        case OutingAnswered() if event.token == state.claiming:
            return outing_answered(state, event.claimed, event.at, around)
        case TimePassed() if event.at >= state.step_until:
            return outing_answered(state, None, event.at, around)
        case CredentialPresented():
            return _code_shown(state, event, around)
        case TimePassed() if state.absent_since is not None:
            return _time_passed(state, event.at, around)
        case _:
            return stay(state, around)


def parts_changed(state: Visiting, at: Instant, around: Surroundings) -> VisitMove:
    """A scanner or the thermometer was lost, or came back, while somebody stands before it."""
    is_done = state.is_held or state.claiming is not None
    if is_done or state.step not in (VisitStep.SCAN, VisitStep.MEASURE):
        return stay(state, around)
    anew = replace(state, step_until=at)
    if state.step is VisitStep.MEASURE:
        is_waiting = state.measuring is not None or state.retest_at is not None
        if is_waiting == around.has_thermometer:
            return stay(state, around)  # another part
        # A burst that is still on its way from a lost sensor counts for nothing.
        anew = replace(anew, measuring=None, retest_at=None)
    return _advance(anew, at, around)


def _code_shown(state: Visiting, event: CredentialPresented, around: Surroundings) -> VisitMove:
    if state.code is None:
        return _advance(replace(state, code=event, is_held=False), event.at, around)
    if is_same_pass(event.check, state.code.check):
        return stay(state, around)
    return stay(replace(state, other_codes=state.other_codes + 1), around, ShowHint(hint=Hint.ONE_AT_A_TIME))


def _answered(state: Visiting, event: QuestionAnswered, around: Surroundings) -> VisitMove:
    question = around.settings.questions[state.questions_answered]
    yes = (question,) if event.is_yes else ()
    answered = replace(state, questions_answered=state.questions_answered + 1, answered_yes=(*state.answered_yes, *yes))
    return _advance(answered, event.at, around)


def _measured(after: Visiting, before: Visiting, at: Instant, around: Surroundings) -> VisitMove:
    if after.retest_at is not None:
        return stay(after, around, ShowInstruction(instruction=Instruction.REST_AND_RETRY))
    if len(after.measured) == len(before.measured):
        return measuring_began(after, at, around, is_again=True)
    return _advance(after, at, around)


def _is_measured_here(around: Surroundings) -> bool:
    is_wanted = around.settings.direction in around.rules.measured_directions
    return is_wanted and VisitStep.MEASURE in around.settings.steps


def _counted(state: Visiting, event: PeopleCounted, around: Surroundings) -> VisitMove:
    if not 1 <= event.people <= PEOPLE_MAX:
        return stay(state, around)
    # Whoever has a judgement stays counted; so does one who rests before the second burst.
    people = max(event.people, len(state.measured) + state.is_retest)
    if people == state.people:
        return stay(state, around)
    counted = replace(state, people=people, is_held=False)
    if people == len(state.measured):
        counted = replace(counted, measuring=None, retest_at=None)  # a burst that was ordered is nobody's any more
    elif _is_measured_here(around):
        # Whoever was not measured yet is still to be: the step is open again.
        counted = replace(counted, steps=tuple(done for done in state.steps if done.step is not VisitStep.MEASURE))
    return _advance(counted, event.at, around)


def _mask_seen(state: Visiting, event: MaskSeen, around: Surroundings) -> VisitMove:
    if event.is_worn == (not state.mask_missing):
        return stay(state, around)
    if not event.is_worn:
        seen = replace(state, mask_missing=True, mask_was_missing=True)
        return stay(seen, around, ShowHint(hint=Hint.PUT_ON_MASK))
    worn = replace(state, mask_missing=False)
    if not state.is_held:
        return stay(worn, around)
    # A step that ran out meanwhile begins again, with its whole time.
    return _advance(replace(worn, is_held=False, step_until=event.at), event.at, around)


def _guard_checked(state: Visiting, event: GuardDecided, around: Surroundings) -> VisitMove:
    if event.visit not in (None, state.visit):
        return stay(state, around)
    if event.is_confirmed:
        confirmed = replace(_done(state, state.step, event.at, "confirmed"), checked_by=event.guard)
        return _advance(confirmed, event.at, around)
    refused = Decision(outcome=Outcome.DENIED, reason=Reason.GUARD_REFUSED, check=None)
    record = decision_record(_done(state, state.step, event.at, "refused"), refused, event.at, around)
    return store_decision(replace(record, guard=event.guard), event.at, state, around)


def _time_passed(state: Visiting, at: Instant, around: Surroundings) -> VisitMove:
    is_absent = state.absent_since is not None and state.vehicle is None
    if is_absent and state.absent_since is not None and at >= state.absent_since + around.settings.walk_away_after_s:
        # Nobody is left to be told anything: the next one to come is served at once.
        idle = Idle(is_present=False)
        return abandon(state, idle, Instruction.WELCOME, around)
    if state.retest_at is not None and at >= state.retest_at:
        return measuring_began(replace(state, retest_at=None), at, around, is_again=False)
    if at < state.step_until:
        return stay(state, around)
    if state.step is VisitStep.MEASURE and not state.is_held:
        return _measured(sensor_was_silent(state, at, around), state, at, around)
    if state.mask_missing and not state.is_held:
        return _held(state, at, around)  # whoever fetches one is not sent away for it
    if state.vehicle is not None and state.step is VisitStep.SCAN:
        record = decision_record(_done(state, VisitStep.SCAN, at, "refused"), None, at, around)
        if record.decision.outcome is not Outcome.GRANTED:
            return store_decision(record, at, state, around)  # not all of them have shown a code: the guard is told why
    closing = Closing(until=Instant(at + around.settings.result_shown_s), is_present=state.is_present)
    return abandon(state, closing, Instruction.TOO_SLOW, around)


def abandon(state: Visiting, after: Idle | Closing, told: Instruction, around: Surroundings) -> VisitMove:
    """End a visit without a decision, and record that."""
    effects = (abandoned(state, around), ShowInstruction(instruction=told))
    return VisitMove(state=after, effects=effects, next_number=around.next_number + 1)


def abandoned(state: Visiting, around: Surroundings) -> StoreRecord:
    """The record of a visit that came to no decision; uses one number."""
    record = AbandonedRecord(
        visit=state.visit, at_step=state.step, steps=state.steps, mask_was_missing=state.mask_was_missing
    )
    return StoreRecord(token=around.next_number, record=record)


def _advance(state: Visiting, at: Instant, around: Surroundings) -> VisitMove:
    """Go to the first step that is not done; without one, decide."""
    is_emergency = state.purpose is OutingPurpose.EMERGENCY and around.settings.direction is Direction.OUT
    if state.code is not None and (is_emergency or _is_refused(state.code.check, around)):
        return decide_visit(_done(state, VisitStep.SCAN, at, _scan_result(state.code.check)), at, around)
    done = {step.step for step in state.steps}
    if is_turned_back(state, around):
        refused = state if VisitStep.SCAN in done else _done(state, VisitStep.SCAN, at, "refused")
        return decide_visit(refused, at, around)
    if waits_to_be_seen(state):
        return _enter_vehicle(state, at, around)
    ended: list[StepDone] = []  # taken over at once: a visit is large, and this is the ordinary way
    for step in around.settings.steps:
        if step in done or waits_its_turn(step, state):
            continue
        result = _result_of(step, state, around)
        if result is None:
            return _enter_step(_with_done(state, ended), step, at, around)
        if result is NOT_REQUIRED and (state.measuring is not None or state.retest_at is not None):
            # Rules may be replaced during a measurement: its answer must not count for the step that follows.
            state = replace(state, measuring=None, retest_at=None)
        ended.append(StepDone(step=step, result=result, after_s=at - state.began_at))
    if state.mask_missing:
        return _held(_with_done(state, ended), at, around)
    return decide_visit(state, at, around, ended)


def _is_refused(check: CodeCheck, around: Surroundings) -> bool:
    """Whether nothing is left to measure for."""
    if isinstance(check, RefusedCode):
        return True
    return refusal_of(check, around.settings.direction, around.directory, around.rules) is not None


def _result_of(step: VisitStep, state: Visiting, around: Surroundings) -> str | None:
    """How a step ended; None: it is still to be done."""
    match step:
        case VisitStep.ASK:
            if state.questions_answered < len(around.settings.questions):
                return None
            return "yes" if state.answered_yes else "no"
        case VisitStep.MEASURE:
            if around.settings.direction not in around.rules.measured_directions:
                return NOT_REQUIRED
            return None if wants_measurement(state) else worst_of(state.measured).value
        case VisitStep.CHECK:
            return None if around.settings.check_by_guard else "by_rules"
        case VisitStep.SCAN:
            if state.vehicle is not None:
                return scan_of_vehicle(state, state.vehicle)
            return None if state.code is None else _scan_result(state.code.check)
        case _:
            assert_never(step)


def _enter_step(state: Visiting, step: VisitStep, at: Instant, around: Surroundings) -> VisitMove:
    match step:
        case VisitStep.ASK:
            return _enter_ask(state, at, around)
        case VisitStep.MEASURE:
            if state.measuring is not None or state.retest_at is not None:
                return stay(state, around)  # a code shown while measuring
            if not around.has_thermometer:
                return _enter_called(state, step, Reason.THERMOMETER_UNAVAILABLE, at, around)
            return measuring_began(state, at, around, is_again=False)
        case VisitStep.CHECK:
            return _enter(state, step, at, around, ShowInstruction(instruction=Instruction.SHOW_CARD_TO_GUARD))
        case VisitStep.SCAN:
            return _enter_scan(state, at, around)
        case _:
            assert_never(step)


def _with_done(state: Visiting, ended: list[StepDone]) -> Visiting:
    if not ended:
        return state
    return replace(state, step=ended[-1].step, steps=(*state.steps, *ended))


def _held(state: Visiting, at: Instant, around: Surroundings) -> VisitMove:
    """Everything is done but the mask, or waits until one is put on."""
    if state.is_held:
        return stay(state, around)
    until = Instant(at + around.settings.guard_limit_s)
    held = replace(state, is_held=True, step_until=until)
    return stay(held, around, ShowInstruction(instruction=Instruction.PUT_ON_MASK))


def _enter(state: Visiting, step: VisitStep, at: Instant, around: Surroundings, *shown: Effect) -> VisitMove:
    if state.step is step and state.step_until > at:
        return stay(state, around)  # evidence came for another step; this one goes on waiting
    until = Instant(at + around.settings.step_limit_s[step])
    return stay(replace(state, step=step, step_until=until), around, *shown)


def _enter_vehicle(state: Visiting, at: Instant, around: Surroundings) -> VisitMove:
    """Nothing goes on before a guard has looked at the vehicle."""
    if state.vehicle is None or state.vehicle.is_called:
        return stay(state, around)
    seen = VehicleVisit(seen=state.vehicle.seen, is_called=True)
    until = Instant(at + around.settings.guard_limit_s)
    called = replace(state, vehicle=seen, step=VisitStep.CHECK, step_until=until)
    shown = ShowInstruction(instruction=Instruction.GUARD_COMES, reason=Reason.VEHICLE_WAITS)
    return stay(called, around, shown, CallGuard(reason=Reason.VEHICLE_WAITS))


def _enter_scan(state: Visiting, at: Instant, around: Surroundings) -> VisitMove:
    if around.has_scanner:
        entered = _enter(state, VisitStep.SCAN, at, around, ShowInstruction(instruction=Instruction.SHOW_CODE))
        if state.vehicle is None or not entered.effects or not isinstance(entered.state, Visiting):
            return entered
        # A guard stands there, who may have to look people up.
        return replace(entered, state=replace(entered.state, step_until=Instant(at + around.settings.guard_limit_s)))
    return _enter_called(state, VisitStep.SCAN, Reason.SCANNER_UNAVAILABLE, at, around)


def _enter_called(state: Visiting, step: VisitStep, reason: Reason, at: Instant, around: Surroundings) -> VisitMove:
    """A step that the gate cannot do by itself any more: a guard is called, and has a guard's time."""
    shown = ShowInstruction(instruction=Instruction.GUARD_COMES, reason=reason)
    entered = _enter(state, step, at, around, shown, CallGuard(reason=reason))
    if not entered.effects or not isinstance(entered.state, Visiting):
        return entered
    return replace(entered, state=replace(entered.state, step_until=Instant(at + around.settings.guard_limit_s)))


def _enter_ask(state: Visiting, at: Instant, around: Surroundings) -> VisitMove:
    question = around.settings.questions[state.questions_answered]
    until = Instant(at + around.settings.step_limit_s[VisitStep.ASK])
    shown = ShowInstruction(instruction=Instruction.ANSWER_QUESTION, question=question)
    return stay(replace(state, step=VisitStep.ASK, step_until=until), around, shown)


def _done(state: Visiting, step: VisitStep, at: Instant, result: str) -> Visiting:
    done = StepDone(step=step, result=result, after_s=at - state.began_at)
    return replace(state, step=step, steps=(*state.steps, done))


def _scan_result(check: CodeCheck) -> str:
    match check:
        case RefusedCode():
            return "refused"
        case VerifiedCode():
            return "verified"
        case VouchedHousehold():
            return "vouched"
        case RegisteredVisitor():
            return "registered"
        case _:
            assert_never(check)
