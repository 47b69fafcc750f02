"""What the kiosk shows, from what the lane knows: a pure function, so that a screen never says what is not so.

`still_of` gives everything but the passing of time; two of them are equal exactly when there is nothing new to see.
`at_moment` adds the time. Nobody's name or room leaves this module but in the guard's part.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, assert_never

from gate.core.effects import Instruction, ShowInstruction
from gate.core.lane import Lane
from gate.core.visit_outsiders import is_served
from gate.core.visit_states import Closing, Idle, Passing, Recording, Visiting, VisitState, WithGuard
from gate.core.visit_vehicle import waits_to_be_seen
from gate.core.visit_verdict import is_no_guards_word, release_time_s, through_the_barrier
from gate.screens import (
    AlarmShown,
    BarrierShown,
    DutyShown,
    GateShown,
    GuardShown,
    LostShown,
    PassageShown,
    Progress,
    ResidentScreen,
    ScreenState,
    StepShown,
    StepState,
    TemperatureShown,
    VisitShown,
)
from gate.shell.vehicle_screen import vehicle_shown
from model.clock import Instant
from model.credentials import CodeCheck, RegisteredVisitor, VerifiedCode, VouchedHousehold, household_of
from model.directory import Directory
from model.facts import VehicleFacts
from model.identities import HouseholdId, VisitId
from model.outings import OutingPurpose
from model.records import StepDone, VisitStep
from model.rules import Decision
from model.services import ServiceReason
from model.temperature import HandReading, TemperatureJudgement, Viewer
from passes.sealed import GuardEntry

_NEVER: Final = datetime.fromtimestamp(0, UTC)
_AGE_ROUNDED_TO_S: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenFacts:
    """All that a screen is made of. ended: the visit whose answer still stands on the screen.

    view: masked names and rooms by household, where this gate may open them.
    """

    device: str
    has_thermometer: bool
    lane: Lane
    told: ShowInstruction
    hint: str | None = None
    ended: VisitState | None = None
    view: Mapping[HouseholdId, GuardEntry] = field(default_factory=dict)
    duty: DutyShown | None = None
    guards: tuple[GuardShown, ...] = ()
    bell_since: datetime | None = None
    passages: tuple[PassageShown, ...] = ()
    lost: tuple[LostShown, ...] = ()
    alarms: tuple[AlarmShown, ...] = ()
    backlog: int = 0
    journal_used_percent: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A wait that is going on."""

    began: Instant
    lasts_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StillScreen:
    """A screen without the time: resident_span and visit_span say what runs on it."""

    screen: ScreenState
    directory_issued_at: datetime | None
    resident_span: Span | None
    visit_span: Span | None


def still_of(facts: ScreenFacts) -> StillScreen:
    """Everything but the time. Total: whatever the lane knows can be shown."""
    lane = facts.lane
    span = _span(lane)
    is_told_to_wait = isinstance(lane.visit, (Visiting, WithGuard, Passing))
    return StillScreen(
        screen=ScreenState(
            revision=0,
            gate=_gate(facts),
            resident=_resident(facts),
            visit=_visit(facts),
            duty=facts.duty,
            guards=facts.guards,
            bell_since=facts.bell_since,
            barrier=BarrierShown(
                is_released=lane.barrier.release_until is not None,
                is_open=lane.barrier.is_open if lane.settings.has_door_contact else None,
                is_free=lane.barrier.is_free,
            ),
            passages=facts.passages,
            lost=facts.lost,
            alarms=facts.alarms,
        ),
        directory_issued_at=lane.directory.issued_at if lane.directory is not None else None,
        resident_span=span if is_told_to_wait else None,
        visit_span=span,
    )


def at_moment(still: StillScreen, *, revision: int, now: datetime, instant: Instant) -> ScreenState:
    """The screen as it is sent at this moment."""
    screen = still.screen
    visit = screen.visit
    if visit is not None and still.visit_span is not None:
        visit = visit.model_copy(update={"left": _progress(still.visit_span, instant)})
    resident = screen.resident
    if still.resident_span is not None:
        resident = resident.model_copy(update={"progress": _progress(still.resident_span, instant)})
    gate = screen.gate.model_copy(update={"now": now, "directory_age_s": directory_age_s(still, now)})
    return screen.model_copy(update={"revision": revision, "gate": gate, "resident": resident, "visit": visit})


def directory_age_s(still: StillScreen, now: datetime) -> int | None:
    """In whole minutes, so that a screen is not new each second."""
    if still.directory_issued_at is None:
        return None
    age_s = max((now - still.directory_issued_at).total_seconds(), 0.0)
    return int(age_s) // _AGE_ROUNDED_TO_S * _AGE_ROUNDED_TO_S


def visit_number(state: VisitState) -> VisitId | None:
    """The visit that an order can still mean; None when there is none, or when its answer has been given."""
    match state:
        case Visiting():
            return state.visit
        case Recording() | WithGuard() | Passing():
            return state.record.visit
        case Idle() | Closing():
            return None
        case _:
            assert_never(state)


def _progress(span: Span, instant: Instant) -> Progress:
    elapsed_s = min(max(instant - span.began, 0.0), span.lasts_s)
    return Progress(elapsed_s=round(elapsed_s, 2), lasts_s=span.lasts_s)


def _span(lane: Lane) -> Span | None:
    state, settings = lane.visit, lane.settings
    match state:
        case Visiting() if state.retest_at is not None:
            return _ending(state.retest_at, settings.retest_after_s)
        case Visiting():
            waits_for_guard = state.is_held or (state.step is VisitStep.SCAN and _has_no_scanner(lane))
            waits_for_guard |= state.step is VisitStep.MEASURE and state.measuring is None  # no thermometer
            waits_for_guard |= waits_to_be_seen(state) or (state.vehicle is not None and state.step is VisitStep.SCAN)
            lasts_s = settings.guard_limit_s if waits_for_guard else settings.step_limit_s[state.step]
            return _ending(state.step_until, lasts_s)
        case WithGuard():
            return _ending(state.until, settings.guard_limit_s)
        case Passing():
            until = lane.barrier.release_until
            people = through_the_barrier(state.record.facts)
            extra_s = release_time_s(people, settings) - release_time_s(1, settings)
            shown_s = settings.release_time_s if settings.has_barrier else settings.result_shown_s
            return _ending(until, shown_s + extra_s) if until is not None else None
        case Closing():
            return _ending(state.until, settings.result_shown_s)
        case Idle() | Recording():
            return None
        case _:
            assert_never(state)


def _has_no_scanner(lane: Lane) -> bool:
    scanners = lane.settings.scanners
    return bool(scanners) and scanners <= lane.lost.keys()


def _ending(until: Instant, lasts_s: float) -> Span:
    return Span(began=Instant(until - lasts_s), lasts_s=lasts_s)


def _gate(facts: ScreenFacts) -> GateShown:
    lane, settings = facts.lane, facts.lane.settings
    return GateShown(
        device=facts.device,
        gate_number=settings.gate,
        direction=settings.direction.value,
        has_barrier=settings.has_barrier,
        has_thermometer=facts.has_thermometer,
        steps=tuple(step.value for step in settings.steps),
        mode=lane.mode.value,
        clock=lane.clock_trust.value,
        now=_NEVER,
        rules_version=lane.rules.version,
        directory_version=lane.directory.version if lane.directory is not None else None,
        directory_age_s=None,
        backlog=facts.backlog,
        journal_used_percent=facts.journal_used_percent,
        visitors=lane.rules.outsiders.visitors.value,
        deliveries=lane.rules.outsiders.deliveries.value,
        services=tuple(each.value for each in ServiceReason if is_served(each, lane.rules)),
    )


def _resident(facts: ScreenFacts) -> ResidentScreen:
    told, state = facts.told, facts.lane.visit
    return ResidentScreen(
        instruction=told.instruction.value,
        reason=told.reason.value if told.reason is not None else None,
        question=told.question,
        hint=facts.hint,
        steps=_steps(facts.lane),
        person=state.person if isinstance(state, Visiting) else 1,
        people=_people(state),
        body_c=_resident_sees_c(state, facts.lane),
        possible_at=told.possible_at,
        due_back=told.due_back,
    )


def _people(state: VisitState) -> int:
    match state:
        case Visiting():
            return state.people
        case Recording() | WithGuard() | Passing():
            return state.record.facts.people
        case Idle() | Closing():
            return 1
        case _:
            assert_never(state)


def _resident_sees_c(state: VisitState, lane: Lane) -> float | None:
    """The number last measured, where the rules show it to whom it belongs; never one of several people."""
    if Viewer.RESIDENT not in lane.rules.temperature.shown_to or _people(state) > 1:
        return None
    match state:
        case Visiting():
            latest = state.measured
        case Recording() | WithGuard() | Passing():
            latest = state.record.facts.temperatures
        case _:
            return None
    return latest[-1].body_c if latest else None


def _steps(lane: Lane) -> tuple[StepShown, ...]:
    state = lane.visit
    done: set[VisitStep] = set()
    now: VisitStep | None = None
    if isinstance(state, Visiting):
        done, now = {each.step for each in state.steps}, state.step
    elif isinstance(state, (Recording, WithGuard, Passing)):
        done = {each.step for each in state.record.steps}
    return tuple(
        StepShown(
            step=step.value,
            state=StepState.DONE if step in done else StepState.NOW if step is now else StepState.AHEAD,
        )
        for step in lane.settings.steps
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What is known of a visit, whether it is going on or written down."""

    number: VisitId
    stage: str
    check: CodeCheck | None
    directory: Directory | None
    temperatures: tuple[TemperatureJudgement, ...]
    steps: tuple[StepDone, ...]
    answered_yes: tuple[str, ...]
    other_codes: int
    people: int
    mask_missing: bool = False
    step: VisitStep | None = None
    decision: Decision | None = None
    purpose: OutingPurpose | None = None
    vehicle: VehicleFacts | None = None


def _visit(facts: ScreenFacts) -> VisitShown | None:
    lane = facts.lane
    state = lane.visit
    is_closing = isinstance(state, Closing)
    known = _known(facts.ended if is_closing and facts.ended is not None else state, lane)
    if known is None:
        return None
    told, decision = facts.told, known.decision
    household = household_of(known.check)
    entry = facts.view.get(household) if household is not None else None
    credential = known.check.credential if isinstance(known.check, VerifiedCode) else None
    listed = known.directory.households.get(household) if known.directory and household is not None else None
    colour = listed.colour if listed is not None else credential.colour if credential is not None else None
    masked_name = entry.masked_name if entry is not None else credential.masked_name if credential is not None else None
    reason = decision.reason if decision is not None else told.reason
    return VisitShown(
        number=known.number,
        stage="closing" if is_closing else known.stage,
        step=known.step.value if known.step is not None and not is_closing else None,
        instruction=told.instruction.value,
        outcome=decision.outcome.value if decision is not None else None,
        reason=reason.value if reason is not None else None,
        room=entry.room if entry is not None else None,
        masked_name=masked_name or None,
        colour=colour.name.lower() if colour is not None else None,
        pass_kind=credential.kind.name.lower() if credential is not None else None,
        isolation=listed.isolation.name.lower() if listed is not None else None,
        identified_by_guard=isinstance(known.check, VouchedHousehold),
        temperatures=tuple(_temperature(each, lane) for each in known.temperatures),
        people=known.people,
        mask_missing=known.mask_missing,
        answered_yes=known.answered_yes,
        other_codes=known.other_codes,
        purpose=known.purpose.value if known.purpose is not None else None,
        is_confirmable=not isinstance(state, WithGuard) or not is_no_guards_word(state.record),
        vehicle=vehicle_shown(known.vehicle, known.check, known.directory, facts.view),
        visitor=known.check.number if isinstance(known.check, RegisteredVisitor) else None,
    )


def _known(state: VisitState, lane: Lane) -> _Known | None:
    match state:
        case Visiting():
            return _Known(
                number=state.visit,
                stage="visiting",
                check=state.code.check if state.code is not None else None,
                directory=lane.directory,
                temperatures=_in_order(state.first_temperature, state.superseded, state.measured),
                people=state.people,
                mask_missing=state.mask_missing,
                steps=state.steps,
                answered_yes=state.answered_yes,
                other_codes=state.other_codes,
                step=state.step,
                purpose=state.purpose,
                vehicle=state.vehicle.seen if state.vehicle is not None else None,
            )
        case Recording() | WithGuard() | Passing():
            record = state.record
            return _Known(
                number=record.visit,
                stage=_STAGES[type(state)],
                check=record.facts.code,
                directory=record.facts.directory,
                temperatures=_in_order(record.first_temperature, record.superseded, record.facts.temperatures),
                people=record.facts.people,
                mask_missing=isinstance(state, WithGuard) and state.mask_missing,
                steps=record.steps,
                answered_yes=record.facts.answered_yes,
                other_codes=record.other_codes,
                decision=record.decision,
                purpose=record.facts.purpose,
                vehicle=record.facts.vehicle,
            )
        case Idle() | Closing():
            return None
        case _:
            assert_never(state)


_STAGES: Final[Mapping[type[VisitState], str]] = {
    Recording: "recording",
    WithGuard: "with_guard",
    Passing: "passing",
}


def _in_order(
    first: TemperatureJudgement | None,
    superseded: tuple[TemperatureJudgement, ...],
    standing: tuple[TemperatureJudgement, ...],
) -> tuple[TemperatureJudgement, ...]:
    """Those that were replaced, then those that stand."""
    return (*((first,) if first is not None else ()), *superseded, *standing)


def _temperature(judgement: TemperatureJudgement, lane: Lane) -> TemperatureShown:
    return TemperatureShown(
        outcome=judgement.outcome.value,
        why=judgement.why.value if judgement.why is not None else None,
        body_c=judgement.body_c if Viewer.GUARD in lane.rules.temperature.shown_to else None,
        site=judgement.site.value,
        by_hand=isinstance(judgement.reading, HandReading),
    )


WELCOME: Final = ShowInstruction(instruction=Instruction.WELCOME)
