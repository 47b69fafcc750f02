"""A vehicle before the barrier: one visit of everybody in it.

- Its pass begins the visit, or a guard who saw it. Until a guard has read the plate and counted heads nothing goes on.
- Then each of them, the driver too, shows an own code or is known to the guard, and is measured, one after the other.
  Nobody is counted twice: the same code again counts for nobody.
- The rules decide once, when as many were checked as were counted; or at once, when one of them can't pass.
- A code that says nothing of anybody is asked for again. One that belongs to another vehicle waits its turn.
- Nobody walks away from a vehicle: the contact before the reader says nothing of those who sit in it.
"""

from dataclasses import replace
from typing import Final

from gate.core.effects import Hint
from gate.core.events import (
    CredentialPresented,
    Event,
    HouseholdIdentified,
    OutsiderSeen,
    PeopleCounted,
    VehicleSeen,
    VisitorLeaving,
    VisitorRegistered,
)
from gate.core.visit_codes import is_same_pass, vouched
from gate.core.visit_states import Surroundings, VehicleVisit, Visiting
from model.clock import Instant
from model.credentials import (
    CodeCheck,
    PassKind,
    RefusalDetail,
    RefusedCode,
    RegisteredVisitor,
    VerifiedCode,
    VouchedHousehold,
)
from model.facts import Occupant, VehicleFacts
from model.passing import Direction
from model.records import VisitStep
from model.rule_set import VisitPolicy
from model.services import PEOPLE_MAX
from model.vehicle_check import has_visitor

_SAYS_NOTHING: Final = frozenset(
    {
        RefusalDetail.NOT_A_PASS,
        RefusalDetail.DAMAGED,
        RefusalDetail.SEVERAL_CODES,
        RefusalDetail.HOLDER_CODE_MISSING,
        RefusalDetail.HOLDER_CODE_STALE,
    }
)
_OPEN_AGAIN: Final = (VisitStep.MEASURE, VisitStep.SCAN)


def with_vehicle(state: Visiting, seen: VehicleSeen | None = None) -> Visiting:
    """A visit that begins: of a vehicle, where its pass was shown or a guard saw it."""
    if state.code is not None and _is_vehicle_pass(state.code.check):
        state = replace(state, vehicle=VehicleVisit(seen=VehicleFacts(plate=None, declared=None)))
    return _seen(state, seen) if seen is not None else state


def is_countable(people: int) -> bool:
    """Whether so many can be in one vehicle."""
    return 1 <= people <= PEOPLE_MAX


def taken_by_vehicle(state: Visiting, event: Event, around: Surroundings) -> Visiting | Hint | None:
    """What a vehicle makes of an event; the same state where nothing. None: it is nothing that a vehicle looks at."""
    match event:
        case VehicleSeen():
            return _seen(state, event) if is_countable(event.people) else state
        case CredentialPresented() if _is_vehicle_pass(event.check):
            return _vehicle_pass_shown(state, event)
        case _ if state.vehicle is None:
            return None
        case CredentialPresented():
            return _occupant_shown(state, state.vehicle, event)
        case HouseholdIdentified() | VisitorRegistered() | VisitorLeaving():
            return _occupant_shown(state, state.vehicle, vouched(event))
        case OutsiderSeen() if around.settings.direction is Direction.IN and not state.vehicle.seen.has_outsider:
            seen = replace(state.vehicle.seen, has_outsider=True)
            return replace(state, vehicle=replace(state.vehicle, seen=seen), is_held=False)
        case PeopleCounted() if state.vehicle.seen.declared is not None and is_countable(event.people):
            return _counted(state, state.vehicle, event.people, event.at)
        case PeopleCounted() | OutsiderSeen():
            return state
        case _:
            return None


def waits_to_be_seen(state: Visiting) -> bool:
    """Whether a guard must look at the vehicle before anything else; whoever is being measured is measured."""
    is_measuring = state.measuring is not None or state.retest_at is not None
    return state.vehicle is not None and state.vehicle.seen.declared is None and not is_measuring


def is_turned_back(state: Visiting, around: Surroundings) -> bool:
    """Whether there is nothing left to check: whatever the others show, the rules turn the vehicle back."""
    if state.vehicle is None:
        return False
    seen, rules = state.vehicle.seen, around.rules
    if any(isinstance(each.check, RefusedCode) or each.code_is_used for each in seen.occupants):
        return True
    if seen.declared is not None and len(seen.occupants) > seen.declared:
        return True
    from_outside = seen.is_outside or has_visitor(seen)
    is_kept_out = from_outside and rules.outsiders.vehicles is not VisitPolicy.REGISTERED
    return around.settings.direction is Direction.IN and (seen.has_outsider or is_kept_out)


def scan_of_vehicle(state: Visiting, vehicle: VehicleVisit) -> str | None:
    """How the scanning of everybody in it ended; None: somebody is still to show a code, or the vehicle its pass."""
    seen = vehicle.seen
    if seen.declared is None or len(seen.occupants) < seen.declared or (state.code is None and not seen.is_outside):
        return None
    is_by_word = any(isinstance(each.check, (VouchedHousehold, RegisteredVisitor)) for each in seen.occupants)
    return "vouched" if is_by_word else "verified"


def waits_its_turn(step: VisitStep, state: Visiting) -> bool:
    """Whether this person has done this step, and does the other one before the next person begins."""
    if state.vehicle is None or step not in _OPEN_AGAIN:
        return False
    measured, shown = len(state.measured), len(state.vehicle.seen.occupants)
    if step is VisitStep.MEASURE:
        return measured > shown
    return shown > measured and measured < state.people and _is_measured(state)


def _is_measured(state: Visiting) -> bool:
    """Whether measuring goes on; where the rules do not want it, it was noted as done."""
    return all(done.step is not VisitStep.MEASURE for done in state.steps)


def _seen(state: Visiting, event: VehicleSeen) -> Visiting:
    vehicle = state.vehicle or VehicleVisit(seen=VehicleFacts(plate=None, declared=None, occupants=_before(state)))
    code = state.code if state.vehicle is not None else None
    seen = replace(vehicle.seen, plate=event.plate, is_outside=code is None and not event.has_pass)
    return _counted(replace(state, code=code), replace(vehicle, seen=seen), event.people, event.at)


def _counted(state: Visiting, vehicle: VehicleVisit, declared: int, at: Instant) -> Visiting:
    # Whoever has a judgement stays counted; so does one who rests before the second burst.
    people = max(declared, len(state.measured) + state.is_retest)
    counted = VehicleVisit(seen=replace(vehicle.seen, declared=declared), is_called=True)
    if counted == state.vehicle and people == state.people:
        return state
    steps = tuple(done for done in state.steps if done.step not in _OPEN_AGAIN)
    is_measuring = state.step is VisitStep.MEASURE and people > len(state.measured)
    return replace(
        state,
        vehicle=counted,
        people=people,
        steps=steps,
        is_held=False,
        measuring=state.measuring if is_measuring else None,
        retest_at=state.retest_at if is_measuring else None,
        step_until=state.step_until if is_measuring else at,
    )


def _vehicle_pass_shown(state: Visiting, event: CredentialPresented) -> Visiting | None:
    if state.code is not None and is_same_pass(event.check, state.code.check):
        return state
    if state.vehicle is None:
        vehicle = VehicleVisit(seen=VehicleFacts(plate=None, declared=None, occupants=_before(state)))
    elif state.code is None:
        vehicle = replace(state.vehicle, seen=replace(state.vehicle.seen, is_outside=False))
    else:
        return None
    return _shown(replace(state, code=event), vehicle, event.at)


def _occupant_shown(state: Visiting, vehicle: VehicleVisit, event: CredentialPresented) -> Visiting | Hint:
    check, known = event.check, vehicle.seen.occupants
    if isinstance(check, RefusedCode) and check.detail in _SAYS_NOTHING:
        return Hint.SHOW_AGAIN
    if any(is_same_pass(check, each.check) for each in known):
        return state
    if len(known) >= PEOPLE_MAX:
        return Hint.ONE_AT_A_TIME
    shown = replace(vehicle, seen=replace(vehicle.seen, occupants=(*known, _occupant(event))))
    return _shown(state, shown, event.at)


def _shown(state: Visiting, vehicle: VehicleVisit, at: Instant) -> Visiting:
    """The next one begins with the whole time of the step."""
    until = at if state.step is VisitStep.SCAN else state.step_until
    return replace(state, vehicle=vehicle, is_held=False, step_until=until)


def _before(state: Visiting) -> tuple[Occupant, ...]:
    """Whoever showed a code before the vehicle was known of sits in it."""
    return (_occupant(state.code),) if state.code is not None else ()


def _occupant(event: CredentialPresented) -> Occupant:
    return Occupant(check=event.check, code_is_used=event.code_is_used, last_passage=event.last_passage)


def _is_vehicle_pass(check: CodeCheck) -> bool:
    return isinstance(check, VerifiedCode) and check.credential.kind is PassKind.VEHICLE
