"""The whole lane: visit, barrier and modes as one pure machine. `step` is the only way in."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from gate.core.barrier import BarrierMove, BarrierState, barrier_deadline, move_barrier, released
from gate.core.effects import (
    AlarmKind,
    CallGuard,
    ClearAlarm,
    Effect,
    Instruction,
    PublishState,
    RaiseAlarm,
    ReleaseBarrier,
    ShowInstruction,
    StoreRecord,
)
from gate.core.events import (
    BellAnswered,
    BellRung,
    ClockChanged,
    ComponentChanged,
    DirectoryReplaced,
    DutyChanged,
    EmergencyReleaseOrdered,
    Event,
    ExitRequested,
    PlatesOpened,
    PresenceChanged,
    RecordRefused,
    RecordStored,
    RulesReplaced,
    TimePassed,
    TimeTold,
)
from gate.core.settings import LaneSettings
from gate.core.visit import JOURNAL, interrupted, journal_returned, move
from gate.core.visit_states import (
    THERMOMETER,
    Idle,
    Passing,
    Surroundings,
    Visiting,
    VisitMove,
    VisitState,
    visit_deadline,
)
from gate.core.visit_steps import parts_changed
from gate.core.visit_verdict import passage_ended, release_time_s, through_the_barrier
from model.clock import ClockTrust, Instant, WallCourse
from model.directory import Directory
from model.identities import GuardId, VisitId
from model.reasons import Reason
from model.records import BarrierEvent, BarrierRecord, ClockRecord, DutyRecord, ModeRecord, PassageEnd, VisitStep
from model.rule_set import RuleSet

__all__ = ["JOURNAL", "GateMode", "Lane", "Step", "deadline", "step"]

# Parts that can be lost, by name; each is named in the state that the centre sees.
_WAYS_TO_THE_CENTRE = frozenset({"link", "centre"})


class GateMode(Enum):
    """What a gate can do by itself, in one word."""

    READY = "ready"
    ALONE = "alone"  # decides by itself, the centre hears of it later
    GUARD_ONLY = "guard_only"  # nothing opens without a person
    WAY_FREE = "way_free"  # fire, break-glass or emergency: nobody is checked


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """Everything a lane knows. lost: parts that are not available, and why. duty: the guard who has the gate."""

    settings: LaneSettings
    rules: RuleSet
    directory: Directory | None
    clock_trust: ClockTrust
    course: WallCourse | None = None  # of the wall clock, while it is trusted
    visit: VisitState = field(default_factory=Idle)
    barrier: BarrierState = field(default_factory=BarrierState)
    lost: Mapping[str, str] = field(default_factory=dict)
    duty: GuardId | None = None
    bell_until: Instant | None = None  # somebody calls the guard
    exit_token: int | None = None  # a request to exit whose record is not on disk yet
    exit_until: Instant | None = None  # when the door opens at the latest, recorded or not
    next_number: int = 1

    @property
    def mode(self) -> GateMode:
        """What this gate can do by itself now."""
        if self.barrier.is_free:
            return GateMode.WAY_FREE
        settings = self.settings
        is_measured = settings.direction in self.rules.measured_directions and VisitStep.MEASURE in settings.steps
        around = _around(self)
        cannot_measure = is_measured and not around.has_thermometer
        if JOURNAL in self.lost or cannot_measure or not around.has_scanner or self.directory is None:
            return GateMode.GUARD_ONLY
        return GateMode.ALONE if _WAYS_TO_THE_CENTRE & self.lost.keys() else GateMode.READY


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    lane: Lane
    effects: tuple[Effect, ...]


def deadline(lane: Lane) -> Instant | None:
    """When the lane wants TimePassed at the latest; None while nothing runs."""
    of_visit, of_barrier = visit_deadline(lane.visit, lane.settings), barrier_deadline(lane.barrier)
    deadlines = (of_visit, of_barrier, lane.exit_until, lane.bell_until)
    return min((instant for instant in deadlines if instant is not None), default=None)


def step(lane: Lane, event: Event) -> Step:
    """Take one event: the barrier first, because the way out waits for nothing; then the visit."""
    if isinstance(event, (ComponentChanged, ClockChanged, DirectoryReplaced, RulesReplaced)):
        return _changed(lane, event)
    if isinstance(event, TimeTold):
        # Neither a record nor a screen: nothing changed but what the next decision is judged by.
        return Step(lane=replace(lane, course=WallCourse(since=event.at, wall=event.wall)), effects=())
    if isinstance(event, PlatesOpened):
        known = lane.directory
        if known is None or known.version != event.directory_version:
            return Step(lane=lane, effects=())  # another one came meanwhile, with plates of its own
        return Step(lane=replace(lane, directory=replace(known, vehicles=event.plates)), effects=())
    if isinstance(event, ExitRequested):
        return _exit_requested(lane, event.at)
    if isinstance(event, (DutyChanged, BellRung, BellAnswered)):
        return _about_the_guard(lane, event)
    if isinstance(event, TimePassed) and lane.bell_until is not None and event.at >= lane.bell_until:
        after = step(replace(lane, bell_until=None), event)
        return replace(after, effects=(ClearAlarm(kind=AlarmKind.BELL), *after.effects))
    was_free = lane.barrier.is_free
    lane, effects = _move_barrier(lane, event)
    if _answers_exit(lane, event):
        return _exit_answered(lane, event.at, effects)
    if lane.barrier.is_free:
        if not was_free:
            lane, effects = _apply(lane, interrupted(lane.visit, event.at, _around(lane)), effects, event.at)
        if isinstance(event, PresenceChanged):
            lane = replace(lane, visit=Idle(is_present=event.is_present))
        return Step(lane=lane, effects=effects)
    lane, effects = _apply(lane, move(lane.visit, event, _around(lane)), effects, event.at)
    return Step(lane=lane, effects=effects)


def _around(lane: Lane) -> Surroundings:
    return Surroundings(
        settings=lane.settings,
        rules=lane.rules,
        directory=lane.directory,
        next_number=lane.next_number,
        lost=lane.lost,
        course=lane.course,
    )


def _move_barrier(lane: Lane, event: Event) -> tuple[Lane, tuple[Effect, ...]]:
    moved: BarrierMove = move_barrier(lane.barrier, event, lane.settings)
    if moved.state is lane.barrier and not (moved.effects or moved.recorded or moved.ended):
        return lane, ()
    visit_id = lane.visit.record.visit if isinstance(lane.visit, Passing) else None
    lane = replace(lane, barrier=moved.state)
    effects = moved.effects
    guard = event.guard if isinstance(event, EmergencyReleaseOrdered) else None
    for kind in moved.recorded:
        lane, stored = _store_barrier(lane, kind, visit_id, guard)
        effects = (*effects, stored)
    if moved.ended is not None and isinstance(lane.visit, Passing):
        ended = passage_ended(lane.visit, moved.ended, event.at, _around(lane))
        lane = replace(lane, visit=ended.state, next_number=ended.next_number)
        effects = (*effects, *ended.effects)
        if moved.ended is PassageEnd.NOT_TAKEN:
            # The barrier is shut again: the screen must not go on saying "go".
            effects = (*effects, ShowInstruction(instruction=Instruction.TOO_SLOW))
    if ClearAlarm(kind=AlarmKind.EMERGENCY_RELEASE) in effects and isinstance(lane.visit, Idle):
        effects = (*effects, ShowInstruction(instruction=Instruction.WELCOME))
    return lane, effects


def _store_barrier(
    lane: Lane, kind: BarrierEvent, visit_id: VisitId | None, guard: GuardId | None = None
) -> tuple[Lane, StoreRecord]:
    stored = StoreRecord(token=lane.next_number, record=BarrierRecord(event=kind, visit=visit_id, guard=guard))
    return replace(lane, next_number=lane.next_number + 1), stored


def _apply(lane: Lane, moved: VisitMove, effects: tuple[Effect, ...], at: Instant) -> tuple[Lane, tuple[Effect, ...]]:
    """Take over a visit's move. A release that it ordered is known to the barrier from now on."""
    barrier = lane.barrier
    people = through_the_barrier(moved.state.record.facts) if isinstance(moved.state, Passing) else 1
    for effect in moved.effects:
        if isinstance(effect, ReleaseBarrier):
            barrier = released(barrier, at, effect.release_time_s, effect.visit, lane.settings, people=people)
    if isinstance(moved.state, Passing) and not lane.settings.has_barrier and barrier.awaited is None:
        shown_s = (
            lane.settings.result_shown_s + release_time_s(people, lane.settings) - release_time_s(1, lane.settings)
        )
        barrier = released(barrier, at, shown_s, moved.state.record.visit, lane.settings, people=people)
    if moved.state is lane.visit and barrier is lane.barrier and moved.next_number == lane.next_number:
        return lane, (*effects, *moved.effects)
    lane = replace(lane, visit=moved.state, barrier=barrier, next_number=moved.next_number)
    return lane, (*effects, *moved.effects)


def _answers_exit(lane: Lane, event: Event) -> bool:
    if isinstance(event, (RecordStored, RecordRefused)):
        return event.token == lane.exit_token
    return isinstance(event, TimePassed) and lane.exit_until is not None and event.at >= lane.exit_until


def _exit_requested(lane: Lane, at: Instant) -> Step:
    if not (lane.settings.rex_is_allowed and lane.settings.has_barrier) or lane.barrier.release_until is not None:
        return Step(lane=lane, effects=())
    if lane.exit_until is not None and at < lane.exit_until:
        return Step(lane=lane, effects=())  # pressed again while the first request is being recorded
    token, until = lane.next_number, Instant(at + lane.settings.record_limit_s)
    lane, stored = _store_barrier(lane, BarrierEvent.REQUEST_TO_EXIT, None)
    return Step(lane=replace(lane, exit_token=token, exit_until=until), effects=(stored,))


def _exit_answered(lane: Lane, at: Instant, effects: tuple[Effect, ...]) -> Step:
    """The request is on disk, or the disk fails: nobody is kept in by a full card. The record is written later."""
    lane = replace(lane, exit_token=None, exit_until=None)
    release_s = lane.settings.release_time_s
    order = ReleaseBarrier(release_time_s=release_s, visit=None)
    barrier = released(lane.barrier, at, release_s, lane.barrier.awaited, lane.settings)
    return Step(lane=replace(lane, barrier=barrier), effects=(*effects, order))


def _about_the_guard(lane: Lane, event: DutyChanged | BellRung | BellAnswered) -> Step:
    match event:
        case DutyChanged() if event.guard != lane.duty:
            stored = StoreRecord(token=lane.next_number, record=DutyRecord(guard=event.guard, before=lane.duty))
            return Step(lane=replace(lane, duty=event.guard, next_number=lane.next_number + 1), effects=(stored,))
        case BellRung() if lane.bell_until is None:
            ringing = replace(lane, bell_until=Instant(event.at + lane.settings.guard_limit_s))
            called = (RaiseAlarm(kind=AlarmKind.BELL), CallGuard(reason=Reason.RESIDENT_CALLS))
            return Step(lane=ringing, effects=called)
        case BellAnswered() if lane.bell_until is not None:
            return Step(lane=replace(lane, bell_until=None), effects=(ClearAlarm(kind=AlarmKind.BELL),))
        case _:
            return Step(lane=lane, effects=())


def _changed(lane: Lane, event: ComponentChanged | ClockChanged | DirectoryReplaced | RulesReplaced) -> Step:
    match event:
        case DirectoryReplaced():
            return Step(lane=replace(lane, directory=event.directory), effects=(PublishState(),))
        case RulesReplaced():
            return Step(lane=replace(lane, rules=event.rules), effects=(PublishState(),))
        case ClockChanged():
            clock = ClockRecord(trust=event.trust, jumped_s=event.jumped_s)
            stored = StoreRecord(token=lane.next_number, record=clock)
            course = WallCourse(since=event.at, wall=event.wall) if event.wall is not None else None
            lane = replace(lane, clock_trust=event.trust, course=course, next_number=lane.next_number + 1)
            return Step(lane=lane, effects=(stored, PublishState()))
        case ComponentChanged():
            return _component_changed(lane, event)


def _component_changed(lane: Lane, event: ComponentChanged) -> Step:
    if event.is_available == (event.component not in lane.lost):
        return Step(lane=lane, effects=())
    lost = {name: why for name, why in lane.lost.items() if name != event.component}
    if not event.is_available:
        lost[event.component] = event.why
    record = ModeRecord(component=event.component, is_available=event.is_available, why=event.why)
    effects: tuple[Effect, ...] = (StoreRecord(token=lane.next_number, record=record), PublishState())
    if event.component == JOURNAL:
        alarm: Effect = ClearAlarm(kind=AlarmKind.JOURNAL) if event.is_available else RaiseAlarm(kind=AlarmKind.JOURNAL)
        effects = (alarm, *effects)
    lane = replace(lane, lost=lost, next_number=lane.next_number + 1)
    if event.component == JOURNAL and event.is_available and not lane.barrier.is_free:
        lane, effects = _apply(lane, journal_returned(lane.visit, event.at, _around(lane)), effects, event.at)
    is_needed = event.component == THERMOMETER or event.component in lane.settings.scanners
    if isinstance(lane.visit, Visiting) and is_needed and not lane.barrier.is_free:
        lane, effects = _apply(lane, parts_changed(lane.visit, event.at, _around(lane)), effects, event.at)
    return Step(lane=lane, effects=effects)
