"""From a decision to its end: stored first, then released, refused or handed to the guard."""

from collections.abc import Sequence
from dataclasses import replace
from typing import assert_never

from gate.core.effects import (
    AlarmKind,
    CallGuard,
    ClaimOuting,
    ClearAlarm,
    Effect,
    Hint,
    Instruction,
    PublishUsed,
    RaiseAlarm,
    ReleaseBarrier,
    ShowHint,
    ShowInstruction,
    StoreRecord,
)
from gate.core.events import (
    CredentialPresented,
    DeliveryLogged,
    Event,
    GuardDecided,
    MaskSeen,
    MeasuredByHand,
    RecordRefused,
    RecordStored,
    ServiceAdmitted,
    TimePassed,
)
from gate.core.settings import LaneSettings
from gate.core.visit_states import (
    Closing,
    Passing,
    Recording,
    Surroundings,
    Visiting,
    VisitMove,
    WithGuard,
    stay,
)
from model.clock import Instant
from model.credentials import VerifiedCode, household_of
from model.facts import ClaimedOuting, Facts
from model.identities import GuardId, VisitId
from model.outings import OutingPurpose
from model.passing import Direction
from model.reasons import Outcome, Reason
from model.records import (
    AbandonedRecord,
    DecisionRecord,
    Delivery,
    PassageEnd,
    PassageRecord,
    StepDone,
    VisitStep,
    consumed_by,
)
from model.rules import Decision, decide, wants_claim
from model.temperature import TemperatureOutcome, judge_by_hand

# Raised with the stored decision, cleared when the visit ends.
_ALARMS = {Reason.CODE_FORGED: AlarmKind.FORGED_CODE, Reason.TEMPERATURE_HIGH: AlarmKind.FEVER}
SUPERSEDED_MAX = 16
"""Earlier values kept with a decision; each has been recorded with the referral that it led to as well."""
_FOR_A_TEMPERATURE = (Reason.TEMPERATURE_HIGH, Reason.TEMPERATURE_INDETERMINATE)


def decide_visit(state: Visiting, at: Instant, around: Surroundings, ended: Sequence[StepDone] = ()) -> VisitMove:
    """Let the rules decide; an outing that only the centre can grant is claimed first.

    ended: steps that have ended since the state was made.
    """
    record = decision_record(state, None, at, around, ended)
    household = household_of(record.facts.code)
    if household is None or record.facts.at is None or not wants_claim(record.facts, record.rules):
        return store_decision(record, at, state, around)
    token = around.next_number
    claim = ClaimOuting(
        token=token,
        household=household,
        purpose=state.purpose or OutingPurpose.ORDINARY,
        people=state.people,
        at=record.facts.at,
    )
    until = Instant(at + around.settings.record_limit_s)
    claiming = replace(state, steps=record.steps, claiming=token, step_until=until)
    effects = (claim, ShowInstruction(instruction=Instruction.WAIT))
    return VisitMove(state=claiming, effects=effects, next_number=token + 1)


def outing_answered(state: Visiting, claimed: ClaimedOuting | None, at: Instant, around: Surroundings) -> VisitMove:
    """The centre has spoken, or nobody did: None refers to the guard."""
    answered = replace(state, claiming=None, claimed=claimed)
    return store_decision(decision_record(answered, None, at, around), at, answered, around)


def decision_record(
    state: Visiting, decision: Decision | None, at: Instant, around: Surroundings, ended: Sequence[StepDone] = ()
) -> DecisionRecord:
    """The record of a decision; the rules decide unless a person has."""
    code = state.code
    facts = Facts(
        direction=around.settings.direction,
        gate=around.settings.gate,
        code=code.check if code is not None else None,
        directory=around.directory,
        temperature=state.measured[0] if state.measured else None,
        code_is_used=code.code_is_used if code is not None else False,
        answered_yes=state.answered_yes,
        people=state.people,
        others=state.measured[1:],
        at=around.wall(at),
        purpose=state.purpose,
        outing=state.claimed,
        last_passage=code.last_passage if code is not None else None,
        vehicle=state.vehicle.seen if state.vehicle is not None else None,
    )
    return DecisionRecord(
        visit=state.visit,
        facts=facts,
        rules=around.rules,
        decision=decision or decide(facts, around.rules),
        steps=(*state.steps, *ended),
        scanner=code.scanner if code is not None else None,
        first_temperature=state.first_temperature,
        other_codes=state.other_codes,
        referred_for=state.referred_for,
        guard=state.checked_by,
        superseded=state.superseded,
        mask_was_missing=state.mask_was_missing,
    )


def store_decision(
    record: DecisionRecord, at: Instant, state: Visiting | Recording | WithGuard, around: Surroundings
) -> VisitMove:
    return _store(record, at, state.began_at, state.is_present, around)


def admit_service(event: ServiceAdmitted, is_present: bool, around: Surroundings) -> VisitMove:
    """A visit of its own: nothing is asked of an ambulance, and its release waits for its record like every other."""
    record = _of_guard(event.guard, Outcome.GRANTED, Reason.SERVICE_ADMITTED, event.at, around)
    people = replace(record.facts, people=event.people)
    record = replace(record, facts=people, service=event.reason)
    around = replace(around, next_number=around.next_number + 1)
    return _store(record, event.at, event.at, is_present, around)


def turn_delivery_back(event: DeliveryLogged, is_present: bool, around: Surroundings) -> VisitMove:
    """A visit of its own: whoever brought it is told, and that it was brought stands in the record."""
    record = _of_guard(event.guard, Outcome.DENIED, Reason.DELIVERIES_TURNED_BACK, event.at, around)
    record = replace(record, delivery=Delivery(recipient=event.recipient, kind=event.kind))
    around = replace(around, next_number=around.next_number + 1)
    return _store(record, event.at, event.at, is_present, around)


def _of_guard(guard: GuardId, outcome: Outcome, reason: Reason, at: Instant, around: Surroundings) -> DecisionRecord:
    """What a guard's word decides of somebody of whom nothing is asked."""
    facts = Facts(
        direction=around.settings.direction,
        gate=around.settings.gate,
        code=None,
        directory=around.directory,
        temperature=None,
        at=around.wall(at),
    )
    return DecisionRecord(
        visit=VisitId(around.next_number),
        facts=facts,
        rules=around.rules,
        decision=Decision(outcome=outcome, reason=reason, check=None),
        steps=(),
        scanner=None,
        first_temperature=None,
        other_codes=0,
        guard=guard,
    )


def _store(record: DecisionRecord, at: Instant, began_at: Instant, is_present: bool, around: Surroundings) -> VisitMove:
    token = around.next_number
    until = Instant(at + around.settings.record_limit_s)
    recording = Recording(record=record, token=token, began_at=began_at, until=until, is_present=is_present)
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
            denied = replace(state.record, facts=facts, decision=used)
            return _with_alarm(state.alarm, store_decision(denied, event.at, state, around))
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
            return stay(state, around, ShowHint(hint=Hint.ONE_AT_A_TIME))
        case _:
            return stay(state, around)


def release_time_s(people: int, settings: LaneSettings) -> float:
    """How long the lane is free for so many who came together."""
    return settings.release_time_s + (people - 1) * settings.each_person_s


def through_the_barrier(facts: Facts) -> int:
    """How many pass one after the other: those in a vehicle are through at once."""
    return facts.people if facts.vehicle is None else 1


def _told_outside(record: DecisionRecord, instruction: Instruction) -> ShowInstruction:
    """What was not granted, as the screen outside says it. What one in a vehicle was refused for is the guard's."""
    if record.facts.vehicle is None:
        reason, possible_at = record.decision.reason, record.decision.possible_at
        return ShowInstruction(instruction=instruction, reason=reason, possible_at=possible_at)
    is_over = instruction is Instruction.REFUSED
    return ShowInstruction(
        instruction=instruction, reason=Reason.VEHICLE_TURNED_BACK if is_over else Reason.VEHICLE_WAITS
    )


def _stored(state: Recording, at: Instant, around: Surroundings) -> VisitMove:
    record, settings = state.record, around.settings
    reason = record.decision.reason
    alarm = _ALARMS.get(reason)
    raised: tuple[Effect, ...] = ()
    if alarm is not state.alarm:
        raised = (*_ended(state.alarm), *((RaiseAlarm(kind=alarm),) if alarm is not None else ()))
    match record.decision.outcome:
        case Outcome.GRANTED:
            effects: list[Effect] = [*raised]
            if settings.has_barrier:
                release_s = release_time_s(through_the_barrier(record.facts), settings)
                effects.append(ReleaseBarrier(release_time_s=release_s, visit=record.visit))
            due_back = record.decision.due_back
            effects.append(ShowInstruction(instruction=Instruction.GO, reason=reason, due_back=due_back))
            effects += (PublishUsed(pass_id=used.pass_id, step=used.step) for used in consumed_by(record))
            return stay(Passing(record=record, is_present=state.is_present), around, *effects)
        case Outcome.DENIED:
            shown = _told_outside(record, Instruction.REFUSED)
            closing = Closing(until=Instant(at + settings.result_shown_s), is_present=state.is_present, alarm=alarm)
            return stay(closing, around, shown, *raised)
        case Outcome.REFERRED:
            until = Instant(at + settings.guard_limit_s)
            guard = WithGuard(record=record, began_at=state.began_at, until=until, is_present=state.is_present)
            shown = _told_outside(record, Instruction.GUARD_COMES)
            return stay(guard, around, shown, CallGuard(reason=reason), *raised)
        case _:
            assert_never(record.decision.outcome)


def _not_stored(state: Recording, at: Instant, around: Surroundings) -> VisitMove:
    closing = Closing(
        until=Instant(at + around.settings.result_shown_s),
        is_present=state.is_present,
        lasting=Instruction.GUARD_COMES,
        alarm=state.alarm,
    )
    return stay(
        closing,
        around,
        ShowInstruction(instruction=Instruction.GUARD_COMES, reason=Reason.JOURNAL_UNAVAILABLE),
        CallGuard(reason=Reason.JOURNAL_UNAVAILABLE),
    )


def with_guard(state: WithGuard, event: Event, around: Surroundings) -> VisitMove:
    record = state.record
    match event:
        case GuardDecided() if event.is_confirmed and is_no_guards_word(record):
            return stay(state, around)
        case GuardDecided() if event.visit in (None, record.visit):
            outcome = Outcome.GRANTED if event.is_confirmed else Outcome.DENIED
            reason = Reason.GUARD_CONFIRMED if event.is_confirmed else Reason.GUARD_REFUSED
            decision = replace(record.decision, outcome=outcome, reason=reason, possible_at=None)
            decided = replace(record, decision=decision, referred_for=record.decision.reason, guard=event.guard)
            answered = store_decision(decided, event.at, state, around)
            return replace(answered, effects=(*answered.effects, *guard_alarm_cleared(record)))
        case TimePassed() if event.at >= state.until:
            closing = Closing(
                until=Instant(event.at + around.settings.result_shown_s),
                is_present=state.is_present,
                lasting=Instruction.TOO_SLOW,
            )
            left = guard_left(state, around)
            told = ShowInstruction(instruction=Instruction.TOO_SLOW)
            return replace(left, state=closing, effects=(*left.effects, told))
        case MeasuredByHand() if record.decision.reason in _FOR_A_TEMPERATURE:
            return _measured_by_hand(state, event, around)
        case MaskSeen() if event.is_worn == state.mask_missing:
            return _mask_seen(state, event, around)
        case CredentialPresented():
            return stay(state, around, ShowHint(hint=Hint.ONE_AT_A_TIME))
        case _:
            return stay(state, around)


def is_no_guards_word(record: DecisionRecord) -> bool:
    """An isolated household goes out by a window or in an emergency, which the guard states; never on a word alone."""
    return record.decision.reason is Reason.HOUSEHOLD_ISOLATED and record.facts.direction is Direction.OUT


def _mask_seen(state: WithGuard, event: MaskSeen, around: Surroundings) -> VisitMove:
    if event.is_worn:
        told = _told_outside(state.record, Instruction.GUARD_COMES)
        return stay(replace(state, mask_missing=False), around, told)
    seen = replace(state, mask_missing=True, record=replace(state.record, mask_was_missing=True))
    return stay(seen, around, ShowInstruction(instruction=Instruction.PUT_ON_MASK))


def _measured_by_hand(state: WithGuard, event: MeasuredByHand, around: Surroundings) -> VisitMove:
    """A guard's value stands for the first who was not normal; then the rules decide again."""
    record = state.record
    judgement = judge_by_hand(event.reading, around.rules.temperature)
    if judgement.outcome is TemperatureOutcome.INDETERMINATE:
        return stay(state, around)
    judgements = list(record.facts.temperatures)
    doubtful = [number for number, each in enumerate(judgements) if each.outcome is not TemperatureOutcome.NORMAL]
    superseded = record.superseded
    first = record.first_temperature
    if doubtful:
        replaced = judgements[doubtful[0]]
        if first is None:
            first = replaced
        else:
            superseded = (*superseded[1 - SUPERSEDED_MAX :], replaced)
        judgements[doubtful[0]] = judgement
    elif len(judgements) < record.facts.people:
        judgements.append(judgement)
    else:
        return stay(state, around)
    facts = replace(
        record.facts,
        temperature=judgements[0],
        others=tuple(judgements[1:]),
        directory=around.directory,
        at=around.wall(event.at),
    )
    again = replace(
        record,
        facts=facts,
        rules=around.rules,
        decision=decide(facts, around.rules),
        first_temperature=first,
        superseded=superseded,
        referred_for=record.decision.reason,
    )
    # One fever is one alarm, however often it is measured again.
    return _with_alarm(_ALARMS.get(record.decision.reason), store_decision(again, event.at, state, around))


def _with_alarm(alarm: AlarmKind | None, moved: VisitMove) -> VisitMove:
    return replace(moved, state=replace(moved.state, alarm=alarm)) if isinstance(moved.state, Recording) else moved


def guard_left(state: WithGuard, around: Surroundings) -> VisitMove:
    """Nobody answers a stored referral any more."""
    record = state.record
    abandoned = AbandonedRecord(
        visit=record.visit, at_step=VisitStep.CHECK, steps=record.steps, mask_was_missing=record.mask_was_missing
    )
    stored = StoreRecord(token=around.next_number, record=abandoned)
    return VisitMove(state=state, effects=(stored, *guard_alarm_cleared(record)), next_number=around.next_number + 1)


def guard_alarm_cleared(record: DecisionRecord) -> tuple[Effect, ...]:
    """What ends with a referral that is answered."""
    return _ended(_ALARMS.get(record.decision.reason))


def _ended(alarm: AlarmKind | None) -> tuple[Effect, ...]:
    return (ClearAlarm(kind=alarm),) if alarm is not None else ()


def passage_ended(state: Passing, end: PassageEnd, at: Instant, around: Surroundings) -> VisitMove:
    """The barrier saw how a grant ended. The next one in a queue is served without stepping back first."""
    code = state.record.facts.code
    verified = code.credential if isinstance(code, VerifiedCode) else None
    record = PassageRecord(
        visit=state.record.visit,
        end=end,
        household=household_of(code),
        pass_id=verified.pass_id if verified is not None else None,
        people=state.record.facts.people,
        outing=state.record.facts.outing.claim if state.record.facts.outing is not None else None,
    )
    stored = StoreRecord(token=around.next_number, record=record)
    # Who came together pass one after the other: the rest of them are not asked anew.
    rest_s = (
        (through_the_barrier(state.record.facts) - 1) * around.settings.each_person_s
        if end is PassageEnd.TAKEN
        else 0.0
    )
    closing = Closing(
        until=Instant(at + around.settings.result_shown_s / 2 + rest_s),
        is_present=state.is_present,
        is_after_passage=end is PassageEnd.TAKEN,
        is_shared=rest_s > 0.0,
        next_code=state.next_code,
    )
    return VisitMove(state=closing, effects=(stored,), next_number=around.next_number + 1)
