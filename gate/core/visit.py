"""One visit: 问 ask, 测 measure, 查 check, 扫 scan, in the order of the lane's settings; then decide, record, release.

Rules of this machine:
- One person at a time. A second, different code during a visit is counted and told to wait; it never replaces the
  first.
- A code may be shown at any time before the decision; the steps that are left are still asked for. One that is shown
  while somebody passes belongs to the next visit.
- A code that failed a stage ends the visit at once: there is nothing left to measure for.
- HIGH, or INDETERMINATE for another cause than a fault, is measured once more after a rest. A thermometer that does not
  answer in time counts as a fault. Neither ever becomes a number.
- Nothing is released before its record is on disk. A record that is not stored in time is as good as refused; should it
  turn up later, the passage record beside it says that nothing was released.
- A guard is asked only by a stored decision, and answers with a decision that is stored as well.
- Whoever walks away, or takes too long, ends the visit; that is recorded too. An alarm that a visit raised ends with
  it, however it ends.

| state     | it worked                                   | it failed                                      |
|-----------|---------------------------------------------|------------------------------------------------|
| Idle      | presence, code or answer -> Visiting        |                                                |
| Visiting  | last step done -> Recording                 | too slow -> Closing; walked away -> Idle       |
| Recording | stored: granted -> Passing, denied -> Closing, referred -> WithGuard | refused, too slow -> Closing |
| WithGuard | confirmed or refused -> Recording           | nobody came -> Closing                         |
| Passing   | the barrier saw the passage -> Idle         | not taken -> Closing                           |
| Closing   | time is up, person gone or new code -> Idle |                                                |
"""

from dataclasses import replace
from typing import assert_never

from gate.core.effects import ClearAlarm, Effect, Instruction, ShowInstruction, StoreRecord
from gate.core.events import CredentialPresented, Event, PresenceChanged, QuestionAnswered, TimePassed
from gate.core.visit_states import (
    Closing,
    Idle,
    Passing,
    Recording,
    Surroundings,
    Visiting,
    VisitMove,
    VisitState,
    WithGuard,
    stay,
)
from gate.core.visit_steps import begin, is_same_pass, visiting
from gate.core.visit_verdict import guard_left, passage_ended, recording, with_guard
from model.clock import Instant
from model.reasons import Outcome
from model.records import AbandonedRecord, PassageEnd


def move(state: VisitState, event: Event, around: Surroundings) -> VisitMove:
    """Next state and orders. Total: an event that means nothing in a state changes nothing."""
    if isinstance(event, PresenceChanged):
        return _presence(state, event, around)
    match state:
        case Idle() | Closing():
            return _waiting(state, event, around)
        case Visiting():
            return visiting(state, event, around)
        case Recording():
            return recording(state, event, around)
        case WithGuard():
            return with_guard(state, event, around)
        case Passing():
            return _passing(state, event, around)
        case _:
            assert_never(state)


def interrupted(state: VisitState, at: Instant, around: Surroundings) -> VisitMove:
    """Fire, break-glass or an emergency release: nobody is checked while the way is free."""
    idle = Idle(is_present=state.is_present)
    if isinstance(state, Visiting):
        record = AbandonedRecord(visit=state.visit, at_step=state.step, steps=state.steps)
        effects = (StoreRecord(token=around.next_number, record=record),)
        return VisitMove(state=idle, effects=effects, next_number=around.next_number + 1)
    if isinstance(state, (Recording, Passing)) and state.record.decision.outcome is Outcome.GRANTED:
        passing = Passing(record=state.record, is_present=state.is_present)
        ended = passage_ended(passing, PassageEnd.NOT_OBSERVED, at, around)
        return replace(ended, state=idle)
    if isinstance(state, WithGuard):
        unanswered = guard_left(state, around)
        return replace(unanswered, state=idle)
    if isinstance(state, Closing) and state.alarm is not None:
        return stay(idle, around, ClearAlarm(kind=state.alarm))
    return stay(idle, around)


def _presence(state: VisitState, event: PresenceChanged, around: Surroundings) -> VisitMove:
    match state:
        case Idle() if event.is_present and around.settings.has_presence_contact:
            return begin(event.at, None, True, around)
        case Visiting():
            since = state.absent_since if state.absent_since is not None else event.at
            absent_since = None if event.is_present else since
            return stay(replace(state, is_present=event.is_present, absent_since=absent_since), around)
        case Closing() if not event.is_present and state.next_code is None:
            return _to_idle(state, around, is_present=False)
        case _:
            return stay(replace(state, is_present=event.is_present), around)


def _passing(state: Passing, event: Event, around: Surroundings) -> VisitMove:
    """Whoever comes next often shows the code early; it is kept for their visit, so that no scan is lost."""
    if not isinstance(event, CredentialPresented) or is_same_pass(event.check, state.record.facts.code):
        return stay(state, around)
    return stay(replace(state, next_code=event), around)


def _waiting(state: Idle | Closing, event: Event, around: Surroundings) -> VisitMove:
    match event:
        case CredentialPresented():
            begun = begin(event.at, event, state.is_present, around)
            if isinstance(state, Closing) and state.alarm is not None:
                return replace(begun, effects=(ClearAlarm(kind=state.alarm), *begun.effects))
            return begun
        case QuestionAnswered() if isinstance(state, Idle):
            return begin(event.at, None, state.is_present, around)
        case TimePassed() if isinstance(state, Closing) and event.at >= state.until:
            if state.next_code is not None:
                return begin(event.at, state.next_code, state.is_present, around)
            if state.is_after_passage and state.is_present:
                return begin(event.at, None, True, around)
            return _to_idle(state, around, is_present=state.is_present)
        case _:
            return stay(state, around)


def _to_idle(state: Closing, around: Surroundings, *, is_present: bool) -> VisitMove:
    cleared: tuple[Effect, ...] = (ClearAlarm(kind=state.alarm),) if state.alarm is not None else ()
    welcome = ShowInstruction(instruction=Instruction.WELCOME)
    return stay(Idle(is_present=is_present), around, *cleared, welcome)
