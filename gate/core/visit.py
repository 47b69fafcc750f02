"""One visit: 问 ask, 测 measure, 查 check, 扫 scan, in the order of the lane's settings; then decide, record, release.

Rules of this machine:
- One person at a time. A second, different code during a visit is counted and told to wait; it never replaces the
  first.
- A code may be shown at any time before the decision; the steps that are left are still asked for. One that is shown
  while somebody passes belongs to the next visit.
- A code that failed a stage ends the visit at once: there is nothing left to measure for.
- How people are measured: visit_measure. What a guard's word is worth: as much as a code, and the rules are judged all
  the same; a referral that a code would have mended goes on as a visit. An order for a visit that is over does nothing.
- Several on one household card are each measured, and pass together. Without a mask the rules let nobody pass.
- A vehicle is one visit of everybody in it: visit_vehicle.
- People on service pass on a guard's word, once it is on disk; whoever stood there before begins again.
- A visitor whom a guard registered is asked and measured like everybody: visit_outsiders.
- Nothing is released before its record is on disk. A record that is not stored in time is as good as refused; should it
  turn up later, the passage record beside it says that nothing was released.
- A guard is asked only by a stored decision, and answers with a decision that is stored as well.
- Whoever no guard came to, and whoever comes while nothing can be recorded, is told so for as long as they stand there.
- Whoever walks away, or takes too long, ends the visit; that is recorded too. An alarm that a visit raised ends with
  it, however it ends.

| state     | it worked                                   | it failed                                      |
|-----------|---------------------------------------------|------------------------------------------------|
| Idle      | presence, code or answer -> Visiting        |                                                |
| Visiting  | last step done -> Recording                 | too slow -> Closing; walked away -> Idle       |
| Recording | stored: granted -> Passing, denied -> Closing, referred -> WithGuard | refused, too slow -> Closing |
| WithGuard | confirmed, refused, measured by hand -> Recording; vouched for -> Visiting | nobody came -> Closing |
| Passing   | the barrier saw the passage -> Idle         | not taken -> Closing                           |
| Closing   | time is up, person gone or new code -> Idle |                                                |
"""

from dataclasses import replace
from typing import assert_never

from gate.core.effects import (
    CallGuard,
    ClearAlarm,
    Effect,
    Hint,
    Instruction,
    ShowHint,
    ShowInstruction,
)
from gate.core.events import (
    CredentialPresented,
    DeliveryLogged,
    Event,
    GuardDecided,
    HouseholdIdentified,
    MaskSeen,
    MeasuredByHand,
    PeopleCounted,
    PresenceChanged,
    PurposeStated,
    QuestionAnswered,
    ServiceAdmitted,
    TimePassed,
    VehicleSeen,
    VisitorLeaving,
    VisitorRegistered,
)
from gate.core.visit_codes import is_same_pass, vouched
from gate.core.visit_outsiders import delivery_logged, is_served, visitor_left, with_registration
from gate.core.visit_states import (
    Closing,
    Idle,
    Passing,
    Recording,
    Surroundings,
    VehicleVisit,
    Visiting,
    VisitMove,
    VisitState,
    WithGuard,
    stay,
)
from gate.core.visit_steps import abandoned, begin, resume, visiting
from gate.core.visit_vehicle import is_countable
from gate.core.visit_verdict import admit_service, guard_alarm_cleared, guard_left, passage_ended, recording, with_guard
from model.clock import Instant
from model.credentials import VerifiedCode
from model.passing import Direction
from model.reasons import Outcome, Reason
from model.records import DecisionRecord, PassageEnd, VisitStep
from model.rules import wants_claim
from model.services import PEOPLE_MAX

JOURNAL = "journal"
MENDED_BY_A_GUARDS_WORD = frozenset(
    {
        Reason.NO_CODE,
        Reason.NOT_A_PASS,
        Reason.CODE_DAMAGED,
        Reason.SEVERAL_CODES,
        Reason.HOLDER_CODE_MISSING,
        Reason.HOLDER_CODE_STALE,
        Reason.PASS_NOT_ON_DIRECTORY,
    }
)
"""Referrals about the code alone. A pass that was revoked or suspended is not mended by knowing its holder; a code that
was verified stays, and its holder's step is used up by whatever grant follows."""


def move(state: VisitState, event: Event, around: Surroundings) -> VisitMove:
    """Next state and orders. Total: an event that means nothing in a state changes nothing."""
    if isinstance(event, PresenceChanged):
        return _presence(state, event, around)
    if isinstance(event, ServiceAdmitted):
        return _service(state, event, around)
    if isinstance(event, DeliveryLogged):
        return stay(state, around) if JOURNAL in around.lost else delivery_logged(state, event, around)
    if isinstance(event, (VisitorRegistered, VisitorLeaving)):
        return _outsider(state, event, around)
    return _ordinary(state, event, around)


def _ordinary(state: VisitState, event: Event, around: Surroundings) -> VisitMove:
    match state:
        case Idle() | Closing():
            return _waiting(state, event, around)
        case Visiting():
            return visiting(state, event, around)
        case Recording():
            return recording(state, event, around)
        case WithGuard():
            if isinstance(event, (HouseholdIdentified, VisitorRegistered, VisitorLeaving)):
                return _identified_at_guard(state, event, around)
            if isinstance(event, PurposeStated):
                return _purpose_at_guard(state, event, around)
            if isinstance(event, MeasuredByHand):
                return _measured_at_guard(state, event, around)
            return with_guard(state, event, around)
        case Passing():
            return _passing(state, event, around)
        case _:
            assert_never(state)


def interrupted(state: VisitState, at: Instant, around: Surroundings) -> VisitMove:
    """Fire, break-glass or an emergency release: nobody is checked while the way is free."""
    idle = Idle(is_present=state.is_present)
    if isinstance(state, Visiting):
        return VisitMove(state=idle, effects=(abandoned(state, around),), next_number=around.next_number + 1)
    if isinstance(state, (Recording, Passing)) and state.record.decision.outcome is Outcome.GRANTED:
        passing = Passing(record=state.record, is_present=state.is_present)
        ended = passage_ended(passing, PassageEnd.NOT_OBSERVED, at, around)
        if isinstance(state, Recording) and state.alarm is not None:
            ended = replace(ended, effects=(*ended.effects, ClearAlarm(kind=state.alarm)))
        return replace(ended, state=idle)
    if isinstance(state, WithGuard):
        unanswered = guard_left(state, around)
        return replace(unanswered, state=idle)
    if isinstance(state, (Closing, Recording)) and state.alarm is not None:
        return stay(idle, around, ClearAlarm(kind=state.alarm))
    return stay(idle, around)


def journal_returned(state: VisitState, at: Instant, around: Surroundings) -> VisitMove:
    """Whoever was told that nothing can be recorded here, and still stands there, is served after all."""
    if not isinstance(state, (Idle, Closing)) or state.lasting is not Instruction.GUARD_COMES:
        return stay(state, around)
    if state.is_present and around.settings.has_presence_contact:
        return begin(at, None, True, around)
    return stay(Idle(is_present=state.is_present), around, ShowInstruction(instruction=Instruction.WELCOME))


def _presence(state: VisitState, event: PresenceChanged, around: Surroundings) -> VisitMove:
    match state:
        case Idle() if event.is_present and around.settings.has_presence_contact:
            return _arrived(event.at, None, True, around)
        case Idle() if state.lasting is not None and not event.is_present:
            return stay(Idle(), around, ShowInstruction(instruction=Instruction.WELCOME))
        case Visiting():
            since = state.absent_since if state.absent_since is not None else event.at
            absent_since = None if event.is_present else since
            return stay(replace(state, is_present=event.is_present, absent_since=absent_since), around)
        case Closing() if not event.is_present and state.next_code is None and not state.is_shared:
            return _to_idle(state, around, is_present=False)
        case _:
            return stay(replace(state, is_present=event.is_present), around)


def _passing(state: Passing, event: Event, around: Surroundings) -> VisitMove:
    """Whoever comes next often shows the code early; it is kept for their visit, so that no scan is lost."""
    if not isinstance(event, CredentialPresented) or is_same_pass(event.check, state.record.facts.code):
        return stay(state, around)
    return stay(replace(state, next_code=event), around)


def _waiting(state: Idle | Closing, event: Event, around: Surroundings) -> VisitMove:
    is_told = JOURNAL in around.lost and state.lasting is Instruction.GUARD_COMES
    if is_told and not isinstance(event, (TimePassed, MaskSeen)):
        return stay(state, around)  # the guard was called for this; one who scans again and again calls nobody else
    match event:
        case CredentialPresented():
            return _after(state, _arrived(event.at, event, state.is_present, around))
        case HouseholdIdentified() | VisitorRegistered() | VisitorLeaving():
            return _after(state, _arrived(event.at, vouched(event), state.is_present, around))
        case PeopleCounted() if 1 <= event.people <= PEOPLE_MAX:
            return _after(state, _arrived(event.at, None, state.is_present, around, people=event.people))
        case VehicleSeen() if is_countable(event.people):
            return _after(state, _arrived(event.at, None, state.is_present, around, vehicle=event))
        case QuestionAnswered() if isinstance(state, Idle):
            return _arrived(event.at, None, state.is_present, around)
        case MaskSeen() if not event.is_worn:
            return stay(state, around, ShowHint(hint=Hint.PUT_ON_MASK))
        case GuardDecided() if event.is_confirmed and JOURNAL in around.lost:
            return _button_refused(event.at, state, around)
        case TimePassed() if isinstance(state, Closing) and event.at >= state.until:
            if state.next_code is not None:
                return _after(state, _arrived(event.at, state.next_code, state.is_present, around))
            if state.is_after_passage and state.is_present:
                return _arrived(event.at, None, True, around)
            return _to_idle(state, around, is_present=state.is_present)
        case _:
            return stay(state, around)


def _arrived(
    at: Instant,
    code: CredentialPresented | None,
    is_present: bool,
    around: Surroundings,
    *,
    people: int = 1,
    vehicle: VehicleSeen | None = None,
) -> VisitMove:
    """Somebody wants to pass; told at once when nothing can be recorded here, and so nothing released."""
    if JOURNAL not in around.lost:
        return begin(at, code, is_present, around, people=people, vehicle=vehicle)
    reason = Reason.JOURNAL_UNAVAILABLE
    closing = Closing(
        until=Instant(at + around.settings.result_shown_s), is_present=is_present, lasting=Instruction.GUARD_COMES
    )
    told = ShowInstruction(instruction=Instruction.GUARD_COMES, reason=reason)
    return stay(closing, around, told, CallGuard(reason=reason))


def _button_refused(at: Instant, state: Idle | Closing, around: Surroundings) -> VisitMove:
    """Nothing can be recorded: a guard's button is answered all the same. What is left is the emergency release."""
    until = Instant(at + around.settings.result_shown_s)
    closing = Closing(until=until, is_present=state.is_present, lasting=state.lasting)
    told = ShowInstruction(instruction=Instruction.REFUSED, reason=Reason.JOURNAL_UNAVAILABLE)
    return _after(state, stay(closing, around, told))


def _after(state: Idle | Closing, begun: VisitMove) -> VisitMove:
    """The answer to the one before is not on the screen any more."""
    if isinstance(state, Closing) and state.alarm is not None:
        return replace(begun, effects=(ClearAlarm(kind=state.alarm), *begun.effects))
    return begun


def _service(state: VisitState, event: ServiceAdmitted, around: Surroundings) -> VisitMove:
    if JOURNAL in around.lost or not 1 <= event.people <= PEOPLE_MAX or not is_served(event.reason, around.rules):
        return stay(state, around)
    before: tuple[Effect, ...] = ()
    match state:
        case Recording() | Passing():
            return stay(state, around)
        case Visiting():
            before = (abandoned(state, around),)
            around = replace(around, next_number=around.next_number + 1)
        case WithGuard():
            left = guard_left(state, around)
            before, around = left.effects, replace(around, next_number=left.next_number)
        case Closing() if state.alarm is not None:
            before = (ClearAlarm(kind=state.alarm),)
    admitted = admit_service(event, state.is_present, around)
    return replace(admitted, effects=(*before, *admitted.effects))


def _outsider(state: VisitState, event: VisitorRegistered | VisitorLeaving, around: Surroundings) -> VisitMove:
    """A guard's word for somebody from outside; who comes in by it is on the register before anything else."""
    if JOURNAL in around.lost:
        return stay(state, around)
    is_in = around.settings.direction is Direction.IN
    if isinstance(event, VisitorLeaving):
        return visitor_left(state, event, around) if is_in else _ordinary(state, event, around)
    return with_registration(_ordinary, state, event, around) if is_in else stay(state, around)


def _identified_at_guard(
    state: WithGuard, event: HouseholdIdentified | VisitorRegistered | VisitorLeaving, around: Surroundings
) -> VisitMove:
    """What the code could not say, the guard knows: the visit goes on with what was found out so far."""
    record = state.record
    is_person = record.facts.vehicle is None
    is_mended = record.decision.reason in MENDED_BY_A_GUARDS_WORD and not isinstance(record.facts.code, VerifiedCode)
    if not is_mended or not is_person:
        return stay(state, around)
    steps = tuple(done for done in record.steps if done.step is not VisitStep.SCAN)
    again = _visiting_again(replace(state, record=replace(record, steps=steps)), vouched(event), event.at, around)
    return resume(again, event.at, around)


def _purpose_at_guard(state: WithGuard, event: PurposeStated, around: Surroundings) -> VisitMove:
    """Whoever goes out for something that the rules exempt is judged again by it; so is an emergency."""
    record = state.record
    code = _code_again(record, event.at)
    if record.facts.direction is not Direction.OUT or event.purpose is record.facts.purpose or code is None:
        return stay(state, around)
    again = replace(_visiting_again(state, code, event.at, around), purpose=event.purpose)
    cleared = guard_alarm_cleared(record)
    resumed = resume(again, event.at, around)
    return replace(resumed, effects=(*cleared, *resumed.effects))


def _code_again(record: DecisionRecord, at: Instant) -> CredentialPresented | None:
    if record.facts.code is None or record.scanner is None:
        return None
    return CredentialPresented(
        at=at,
        scanner=record.scanner,
        check=record.facts.code,
        code_is_used=record.facts.code_is_used,
        last_passage=record.facts.last_passage,
    )


def _measured_at_guard(state: WithGuard, event: MeasuredByHand, around: Surroundings) -> VisitMove:
    """What the rules would grant now waits until a mask is put on, and until the centre grants the outing."""
    moved = with_guard(state, event, around)
    if not isinstance(moved.state, Recording):
        return moved
    record = moved.state.record
    is_without_mask = state.mask_missing and record.decision.outcome is Outcome.GRANTED
    if not (is_without_mask or wants_claim(record.facts, record.rules)):
        return moved
    code = _code_again(record, event.at)
    cleared = (ClearAlarm(kind=moved.state.alarm),) if moved.state.alarm is not None else ()
    held = resume(_visiting_again(replace(state, record=record), code, event.at, around), event.at, around)
    return replace(held, effects=(*cleared, *held.effects))


def _visiting_again(state: WithGuard, code: CredentialPresented | None, at: Instant, around: Surroundings) -> Visiting:
    """A referral as the visit that it came from."""
    record = state.record
    return Visiting(
        visit=record.visit,
        began_at=state.began_at,
        step=VisitStep.SCAN,
        step_until=at,
        is_present=state.is_present,
        code=code,
        other_codes=record.other_codes,
        questions_answered=len(around.settings.questions) if _is_asked(record) else 0,
        answered_yes=record.facts.answered_yes,
        people=record.facts.people,
        measured=record.facts.temperatures,
        first_temperature=record.first_temperature,
        superseded=record.superseded,
        mask_missing=state.mask_missing,
        mask_was_missing=record.mask_was_missing,
        checked_by=record.guard,
        purpose=record.facts.purpose,
        referred_for=record.referred_for,
        steps=record.steps,
        vehicle=VehicleVisit(seen=record.facts.vehicle, is_called=True) if record.facts.vehicle is not None else None,
    )


def _is_asked(record: DecisionRecord) -> bool:
    return any(done.step is VisitStep.ASK for done in record.steps)


def _to_idle(state: Closing, around: Surroundings, *, is_present: bool) -> VisitMove:
    cleared: tuple[Effect, ...] = (ClearAlarm(kind=state.alarm),) if state.alarm is not None else ()
    if state.lasting is not None and is_present and around.settings.has_presence_contact:
        return stay(Idle(is_present=True, lasting=state.lasting), around, *cleared)
    welcome = ShowInstruction(instruction=Instruction.WELCOME)
    return stay(Idle(is_present=is_present), around, *cleared, welcome)
