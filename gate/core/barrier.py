"""What moves, and what the door says about it: release, taken or not taken, forced, held open, and the free way out.

Rules of this machine:
- Fire, break-glass and a guard's emergency release free the barrier first and are recorded after; they wait for
  nothing. By wiring they free it without us; this is the second way, and it is renewed for as long as the cause
  stands, because the output ends each release by its own maximum on-time.
- A door that opens while nothing released it was forced. At the start of the program an open door is only open.
- A grant ends as taken when the door opens; as not taken when the release time passes with the door shut; and as not
  observed in a lane that has nothing to see it with. A contact reports late by its debounce, and a door rebounds:
  for a moment after securing, a door that opens was still let go by us.
- After a taken passage the barrier is secured when the door has closed; after that of several, when their time is up.
  While an obstruction is seen the release is
  renewed: stopping a moving barrier is the hardware's work, beginning no new movement is ours. After so many renewals
  the sensor is not believed any more: an alarm says so, the passage is given up, the way stays free until it clears.
- The output ends a release by its own maximum on-time. What was ordered for longer (an emergency pressed again, a fire
  during a release) is ordered anew at that moment.
- A door that opens in a release that is nobody's is recorded.
- An open door is held open after its time; each release lengthens that time. A free way out is never held open.
"""

from dataclasses import dataclass, replace

from gate.core.effects import (
    AlarmKind,
    ClearAlarm,
    Effect,
    Instruction,
    RaiseAlarm,
    ReleaseBarrier,
    SecureBarrier,
    ShowInstruction,
)
from gate.core.events import (
    BreakGlassChanged,
    DoorContactChanged,
    EmergencyReleaseOrdered,
    Event,
    FireChanged,
    ObstructionChanged,
    ReleaseCut,
    TamperChanged,
    TimePassed,
)
from gate.core.settings import LaneSettings
from model.clock import Instant
from model.identities import VisitId
from model.records import BarrierEvent, PassageEnd

OBSTRUCTED_RENEWALS_MAX = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class BarrierState:
    """release_until: None = secured. awaited: the visit whose passage is still to be seen.

    people: for whom it was released; the rest of several passes after the first, for as long as the release lasts.
    was_shut: the door was shut when the release began; otherwise its contact can't tell whether somebody passed.
    settling_until: until then a door that opens was released by us, though the barrier is secured.
    renewals: of this release because of an obstruction.
    """

    is_open: bool = False
    release_until: Instant | None = None
    awaited: VisitId | None = None
    people: int = 1
    was_shut: bool = True
    settling_until: Instant | None = None
    renewals: int = 0
    held_open_at: Instant | None = None
    is_forced: bool = False
    is_held: bool = False
    is_obstructed: bool = False
    is_stuck: bool = False  # obstructed for so long that the sensor is not believed any more
    is_emergency: bool = False
    is_fire: bool = False
    is_broken: bool = False
    is_tampered: bool = False

    @property
    def is_free(self) -> bool:
        """Whether the way out is free for everybody: nobody is checked meanwhile."""
        return self.is_alarmed or self.is_emergency

    @property
    def is_alarmed(self) -> bool:
        """Whether a cause stands for which the release is renewed until it ends."""
        return self.is_fire or self.is_broken


@dataclass(frozen=True, slots=True, kw_only=True)
class BarrierMove:
    """Orders that wait for nothing come first; then what is to be recorded, and how a passage ended."""

    state: BarrierState
    effects: tuple[Effect, ...] = ()
    recorded: tuple[BarrierEvent, ...] = ()
    ended: PassageEnd | None = None


def barrier_deadline(state: BarrierState) -> Instant | None:
    """When this state wants TimePassed at the latest."""
    deadlines = (state.release_until, state.settling_until, state.held_open_at)
    return min((instant for instant in deadlines if instant is not None), default=None)


def released(
    state: BarrierState,
    at: Instant,
    release_time_s: float,
    visit: VisitId | None,
    settings: LaneSettings,
    *,
    people: int = 1,
) -> BarrierState:
    """The state once a release has been ordered."""
    until = Instant(max(at + release_time_s, state.release_until or at))
    held_open_at = state.held_open_at
    if held_open_at is not None:
        held_open_at = Instant(max(held_open_at, until + settings.held_open_after_s))
    return replace(
        state,
        release_until=until,
        awaited=visit,
        people=people,
        was_shut=not state.is_open,
        settling_until=None,
        renewals=0,
        held_open_at=held_open_at,
    )


def move_barrier(state: BarrierState, event: Event, settings: LaneSettings) -> BarrierMove:
    """Next state and orders. Total: an event that means nothing here changes nothing."""
    match event:
        case ReleaseCut() if state.release_until is not None and event.at < state.release_until:
            return BarrierMove(state=state, effects=_release(state.release_until - event.at, settings))
        case FireChanged():
            if event.is_alarm == state.is_fire:
                return BarrierMove(state=state)
            kinds = (BarrierEvent.FIRE, BarrierEvent.FIRE_ENDED, AlarmKind.FIRE)
            return _freed(replace(state, is_fire=event.is_alarm), event.at, event.is_alarm, kinds, settings)
        case BreakGlassChanged():
            if event.is_broken == state.is_broken:
                return BarrierMove(state=state)
            kinds = (BarrierEvent.BREAK_GLASS, BarrierEvent.BREAK_GLASS_ENDED, AlarmKind.BREAK_GLASS)
            return _freed(replace(state, is_broken=event.is_broken), event.at, event.is_broken, kinds, settings)
        case EmergencyReleaseOrdered():
            release_s = settings.emergency_release_s
            return BarrierMove(
                state=replace(released(state, event.at, release_s, None, settings), is_emergency=True),
                effects=(
                    *_release(release_s, settings),
                    ShowInstruction(instruction=Instruction.WAY_OUT_IS_FREE),
                    RaiseAlarm(kind=AlarmKind.EMERGENCY_RELEASE),
                ),
                recorded=(BarrierEvent.EMERGENCY_RELEASE,),
            )
        case DoorContactChanged():
            if event.is_open == state.is_open:
                return BarrierMove(state=state)
            return _opened(state, event, settings) if event.is_open else _closed(state, event.at, settings)
        case ObstructionChanged() if event.is_obstructed != state.is_obstructed:
            recorded = BarrierEvent.OBSTRUCTED if event.is_obstructed else BarrierEvent.CLEARED
            cleared: tuple[Effect, ...] = (ClearAlarm(kind=AlarmKind.OBSTRUCTION_STUCK),) if state.is_stuck else ()
            changed = replace(state, is_obstructed=event.is_obstructed, is_stuck=False)
            return BarrierMove(state=changed, effects=cleared, recorded=(recorded,))
        case TamperChanged() if event.is_tampered != state.is_tampered:
            alarm: Effect = ClearAlarm(kind=AlarmKind.TAMPER)
            if event.is_tampered:
                alarm = RaiseAlarm(kind=AlarmKind.TAMPER)
            recorded = BarrierEvent.TAMPER if event.is_tampered else BarrierEvent.TAMPER_ENDED
            return BarrierMove(
                state=replace(state, is_tampered=event.is_tampered), effects=(alarm,), recorded=(recorded,)
            )
        case TimePassed():
            return _time_passed(state, event.at, settings)
        case _:
            return BarrierMove(state=state)


def _release(release_time_s: float, settings: LaneSettings) -> tuple[Effect, ...]:
    return (ReleaseBarrier(release_time_s=release_time_s, visit=None),) if settings.has_barrier else ()


def _freed(
    state: BarrierState,
    at: Instant,
    is_on: bool,
    kinds: tuple[BarrierEvent, BarrierEvent, AlarmKind],
    settings: LaneSettings,
) -> BarrierMove:
    began, ended, alarm = kinds
    if is_on:
        effects = (
            *_release(settings.release_time_s, settings),
            ShowInstruction(instruction=Instruction.WAY_OUT_IS_FREE),
            RaiseAlarm(kind=alarm),
        )
        # A door that was forced or held stays so until it closes: its alarm is cleared then.
        freed = released(state, at, settings.release_time_s, None, settings)
        return BarrierMove(state=freed, effects=effects, recorded=(began,))
    # The release runs out by itself, so that nothing moves at the very moment at which the alarm is reset.
    shown = () if state.is_free else (ShowInstruction(instruction=Instruction.WELCOME),)
    return BarrierMove(state=state, effects=(ClearAlarm(kind=alarm), *shown), recorded=(ended,))


def _opened(state: BarrierState, event: DoorContactChanged, settings: LaneSettings) -> BarrierMove:
    opened = replace(state, is_open=True)
    if state.release_until is not None or state.settling_until is not None or state.is_free:
        allowed_until = max(event.at, state.release_until or event.at)
        opened = replace(
            opened, awaited=None, settling_until=None, held_open_at=Instant(allowed_until + settings.held_open_after_s)
        )
        if state.awaited is not None:
            return BarrierMove(state=opened, ended=PassageEnd.TAKEN)
        # After a passage the door may rebound; in any other release somebody passed whom nobody checked.
        is_rebound = state.settling_until is not None or event.is_initial or state.people > 1
        return BarrierMove(state=opened, recorded=() if is_rebound else (BarrierEvent.OPENED_FREELY,))
    if event.is_initial:
        return BarrierMove(state=replace(opened, held_open_at=Instant(event.at + settings.held_open_after_s)))
    return BarrierMove(
        state=replace(opened, is_forced=True),
        effects=(RaiseAlarm(kind=AlarmKind.DOOR_FORCED_OPEN),),
        recorded=(BarrierEvent.FORCED_OPEN,),
    )


def _closed(state: BarrierState, at: Instant, settings: LaneSettings) -> BarrierMove:
    closed = replace(state, is_open=False, is_forced=False, is_held=False, held_open_at=None)
    effects: list[Effect] = []
    is_over = state.awaited is None and state.people == 1  # several share one release, and its end secures
    if state.release_until is not None and is_over and not (state.is_free or state.is_obstructed):
        closed = replace(closed, release_until=None, renewals=0)
        effects += [SecureBarrier()] if settings.has_barrier else []
    if closed.release_until is None and not state.is_forced:
        closed = replace(closed, settling_until=Instant(at + settings.door_settle_s))
    if state.is_forced:
        effects.append(ClearAlarm(kind=AlarmKind.DOOR_FORCED_OPEN))
    if state.is_held:
        effects.append(ClearAlarm(kind=AlarmKind.DOOR_HELD_OPEN))
    recorded = (BarrierEvent.CLOSED,) if state.is_forced or state.is_held else ()
    return BarrierMove(state=closed, effects=tuple(effects), recorded=recorded)


def _time_passed(state: BarrierState, at: Instant, settings: LaneSettings) -> BarrierMove:
    moved = BarrierMove(state=state)
    if state.release_until is not None and at >= state.release_until:
        is_renewed = state.is_alarmed or state.is_obstructed
        moved = _renewed(state, at, settings) if is_renewed else _run_out(state, at, settings)
    elif state.settling_until is not None and at >= state.settling_until:
        settled = replace(state, settling_until=None, awaited=None)
        moved = BarrierMove(state=settled, ended=PassageEnd.NOT_TAKEN if state.awaited is not None else None)
    state = moved.state
    if state.held_open_at is None or at < state.held_open_at:
        return moved
    if state.is_free:
        # Asked again later: the door may still be open when the way is no longer free.
        return replace(moved, state=replace(state, held_open_at=Instant(at + settings.held_open_after_s)))
    return replace(
        moved,
        state=replace(state, held_open_at=None, is_held=True),
        effects=(*moved.effects, RaiseAlarm(kind=AlarmKind.DOOR_HELD_OPEN)),
        recorded=(BarrierEvent.HELD_OPEN,),
    )


def _renewed(state: BarrierState, at: Instant, settings: LaneSettings) -> BarrierMove:
    renewed = replace(state, release_until=Instant(at + settings.release_time_s))
    effects = _release(settings.release_time_s, settings)
    if state.is_alarmed:
        return BarrierMove(state=renewed, effects=effects)
    if state.is_emergency:
        # The order's time is over; what goes on is for the obstruction alone, and the next one is checked again.
        effects = (*effects, ClearAlarm(kind=AlarmKind.EMERGENCY_RELEASE))
    renewed = replace(renewed, renewals=state.renewals + 1, is_emergency=False)
    if renewed.renewals <= OBSTRUCTED_RENEWALS_MAX or state.is_stuck:
        return BarrierMove(state=renewed, effects=effects)
    ended = PassageEnd.NOT_OBSERVED if state.awaited is not None else None
    return BarrierMove(
        state=replace(renewed, awaited=None, is_stuck=True),
        effects=(*effects, RaiseAlarm(kind=AlarmKind.OBSTRUCTION_STUCK)),
        recorded=(BarrierEvent.OBSTRUCTION_STUCK,),
        ended=ended,
    )


def _run_out(state: BarrierState, at: Instant, settings: LaneSettings) -> BarrierMove:
    secured = replace(state, release_until=None, is_emergency=False, renewals=0, people=1)
    effects: list[Effect] = [SecureBarrier()] if settings.has_barrier else []
    if state.is_emergency:
        effects.append(ClearAlarm(kind=AlarmKind.EMERGENCY_RELEASE))
    if settings.has_door_contact and state.was_shut and not state.is_open:
        settling = replace(secured, settling_until=Instant(at + settings.door_settle_s))
        return BarrierMove(state=settling, effects=tuple(effects))
    ended = PassageEnd.NOT_OBSERVED if state.awaited is not None else None
    return BarrierMove(state=replace(secured, awaited=None), effects=tuple(effects), ended=ended)
