"""From a decision to its end: stored first, then released, refused or handed to the guard."""

from dataclasses import replace
from typing import assert_never

from gate.core.effects import (
    AlarmKind,
    CallGuard,
    ClearAlarm,
    Effect,
    Instruction,
    PublishUsed,
    RaiseAlarm,
    ReleaseBarrier,
    ShowInstruction,
    StoreRecord,
)
from gate.core.events import CredentialPresented, Event, GuardDecided, RecordRefused, RecordStored, TimePassed
from gate.core.visit_states import (
    Closing,
    Passing,
    Recording,
    Surroundings,
    Visiting,
    VisitMove,
    VisitState,
    WithGuard,
    stay,
)
from model.clock import Instant
from model.credentials import VerifiedCode
from model.reasons import Outcome, Reason
from model.records import AbandonedRecord, DecisionRecord, PassageEnd, PassageRecord, VisitStep, consumed_by
from model.rules import Decision, Facts, decide

# Raised with the stored decision, cleared when the visit ends.
_ALARMS = {Reason.CODE_FORGED: AlarmKind.FORGED_CODE, Reason.TEMPERATURE_HIGH: AlarmKind.FEVER}


def decide_visit(state: Visiting, at: Instant, around: Surroundings) -> VisitMove:
    return store_decision(decision_record(state, None, around), at, state, around)


def decision_record(state: Visiting, decision: Decision | None, around: Surroundings) -> DecisionRecord:
    """The record of a decision; the rules decide unless a person has."""
    code = state.code
    facts = Facts(
        direction=around.settings.direction,
        gate=around.settings.gate,
        code=code.check if code is not None else None,
        directory=around.directory,
        temperature=state.temperature,
        code_is_used=code.code_is_used if code is not None else False,
        answered_yes=state.answered_yes,
    )
    return DecisionRecord(
        visit=state.visit,
        facts=facts,
        rules=around.rules,
        decision=decision or decide(facts, around.rules),
        steps=state.steps,
        scanner=code.scanner if code is not None else None,
        first_temperature=state.first_temperature,
        other_codes=state.other_codes,
    )


def store_decision(record: DecisionRecord, at: Instant, state: VisitState, around: Surroundings) -> VisitMove:
    token = around.next_number
    recording = Recording(
        record=record, token=token, until=Instant(at + around.settings.record_limit_s), is_present=state.is_present
    )
    effects = (StoreRecord(token=token, record=record), ShowInstruction(instruction=Instruction.WAIT))
    return VisitMove(state=recording, effects=effects, next_number=token + 1)


def recording(state: Recording, event: Event, around: Surroundings) -> VisitMove:
    is_grant = state.record.decision.outcome is Outcome.GRANTED
    match event:
        case RecordStored() if event.token == state.token:
            return _stored(state, event.at, around)
        case RecordRefused() if event.token == state.token and event.code_was_used and is_grant:
            used = Decision(outcome=Outcome.DENIED, reason=Reason.CODE_USED, check=None)
            facts = replace(state.record.facts, code_is_used=True)
            return store_decision(replace(state.record, facts=facts, decision=used), event.at, state, around)
        case RecordRefused() if event.token == state.token:
            return _not_stored(state, event.at, around)
        case TimePassed() if event.at >= state.until:
            move_on = _not_stored(state, event.at, around)
            if not is_grant:
                return move_on
            passing = Passing(record=state.record, is_present=state.is_present)
            ended = passage_ended(passing, PassageEnd.NOT_TAKEN, event.at, around)
            return replace(move_on, effects=(*move_on.effects, *ended.effects), next_number=ended.next_number)
        case CredentialPresented():
            return stay(state, around, ShowInstruction(instruction=Instruction.ONE_AT_A_TIME))
        case _:
            return stay(state, around)


def _stored(state: Recording, at: Instant, around: Surroundings) -> VisitMove:
    record, settings = state.record, around.settings
    reason = record.decision.reason
    alarm = _ALARMS.get(reason)
    raised = (RaiseAlarm(kind=alarm),) if alarm is not None else ()
    match record.decision.outcome:
        case Outcome.GRANTED:
            effects: list[Effect] = []
            if settings.has_barrier:
                effects.append(ReleaseBarrier(release_time_s=settings.release_time_s, visit=record.visit))
            effects.append(ShowInstruction(instruction=Instruction.GO, reason=reason))
            used = consumed_by(record)
            if used is not None:
                effects.append(PublishUsed(pass_id=used.pass_id, step=used.step))
            return stay(Passing(record=record, is_present=state.is_present), around, *effects)
        case Outcome.DENIED:
            shown = ShowInstruction(instruction=Instruction.REFUSED, reason=reason)
            closing = Closing(until=Instant(at + settings.result_shown_s), is_present=state.is_present, alarm=alarm)
            return stay(closing, around, shown, *raised)
        case Outcome.REFERRED:
            guard = WithGuard(record=record, until=Instant(at + settings.guard_limit_s), is_present=state.is_present)
            shown = ShowInstruction(instruction=Instruction.GUARD_COMES, reason=reason)
            return stay(guard, around, shown, CallGuard(reason=reason), *raised)
        case _:
            assert_never(record.decision.outcome)


def _not_stored(state: Recording, at: Instant, around: Surroundings) -> VisitMove:
    closing = Closing(until=Instant(at + around.settings.result_shown_s), is_present=state.is_present)
    return stay(
        closing,
        around,
        ShowInstruction(instruction=Instruction.GUARD_COMES, reason=Reason.JOURNAL_UNAVAILABLE),
        CallGuard(reason=Reason.JOURNAL_UNAVAILABLE),
    )


def with_guard(state: WithGuard, event: Event, around: Surroundings) -> VisitMove:
    record = state.record
    match event:
        case GuardDecided():
            outcome = Outcome.GRANTED if event.is_confirmed else Outcome.DENIED
            reason = Reason.GUARD_CONFIRMED if event.is_confirmed else Reason.GUARD_REFUSED
            decision = Decision(
                outcome=outcome, reason=reason, check=record.decision.check, is_watched=record.decision.is_watched
            )
            decided = replace(record, decision=decision, referred_for=record.decision.reason)
            answered = store_decision(decided, event.at, state, around)
            return replace(answered, effects=(*answered.effects, *_cleared(record)))
        case TimePassed() if event.at >= state.until:
            closing = Closing(until=Instant(event.at + around.settings.result_shown_s), is_present=state.is_present)
            left = guard_left(state, around)
            told = ShowInstruction(instruction=Instruction.TOO_SLOW)
            return replace(left, state=closing, effects=(*left.effects, told))
        case CredentialPresented():
            return stay(state, around, ShowInstruction(instruction=Instruction.ONE_AT_A_TIME))
        case _:
            return stay(state, around)


def guard_left(state: WithGuard, around: Surroundings) -> VisitMove:
    """Nobody answers a stored referral any more."""
    record = state.record
    abandoned = AbandonedRecord(visit=record.visit, at_step=VisitStep.CHECK, steps=record.steps)
    stored = StoreRecord(token=around.next_number, record=abandoned)
    return VisitMove(state=state, effects=(stored, *_cleared(record)), next_number=around.next_number + 1)


def _cleared(record: DecisionRecord) -> tuple[Effect, ...]:
    alarm = _ALARMS.get(record.decision.reason)
    return (ClearAlarm(kind=alarm),) if alarm is not None else ()


def passage_ended(state: Passing, end: PassageEnd, at: Instant, around: Surroundings) -> VisitMove:
    """The barrier saw how a grant ended. The next one in a queue is served without stepping back first."""
    code = state.record.facts.code
    verified = code.credential if isinstance(code, VerifiedCode) else None
    record = PassageRecord(
        visit=state.record.visit,
        end=end,
        household=verified.household if verified is not None else None,
        pass_id=verified.pass_id if verified is not None else None,
    )
    stored = StoreRecord(token=around.next_number, record=record)
    closing = Closing(
        until=Instant(at + around.settings.result_shown_s / 2),
        is_present=state.is_present,
        is_after_passage=end is PassageEnd.TAKEN,
        next_code=state.next_code,
    )
    return VisitMove(state=closing, effects=(stored,), next_number=around.next_number + 1)
