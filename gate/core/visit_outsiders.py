"""People and things from outside: registered visitors, what is brought, and who may pass on service.

Rules of this part:
- Whoever the rules keep out is denied at once, and nothing about them is registered; whoever may come in is registered
  first, and then asked and measured like everybody.
- A visitor who goes out at a lane that leads in is only noted: another way out is there, or none is needed.
- What is brought is noted and changes no visit. Where it is turned back, whoever brought it is told like a person.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from gate.core.effects import ClearAlarm, Effect, StoreRecord
from gate.core.events import DeliveryLogged, Event, VisitorLeaving, VisitorRegistered
from gate.core.visit_codes import vouched
from gate.core.visit_states import Closing, Idle, Surroundings, Visiting, VisitMove, VisitState, stay
from gate.core.visit_steps import abandoned
from gate.core.visit_verdict import turn_delivery_back
from model.outsiders import is_turned_back_with_a_delivery, refusal_of
from model.records import Delivery, DeliveryRecord, Record, VisitorRecord
from model.rule_set import RuleSet
from model.services import ServiceReason
from model.visitors import DeliveryStep, VisitorStep

ALWAYS_SERVED: Final = frozenset({ServiceReason.AMBULANCE, ServiceReason.POLICE, ServiceReason.FIRE_BRIGADE})
"""No rule keeps these out."""


def is_served(reason: ServiceReason, rules: RuleSet) -> bool:
    """Whether a guard may let these people through."""
    return reason in ALWAYS_SERVED or reason in rules.outsiders.services


def with_registration(
    ordinary: Callable[[VisitState, Event, Surroundings], VisitMove],
    state: VisitState,
    event: VisitorRegistered,
    around: Surroundings,
) -> VisitMove:
    """What a guard's word for a visitor leads to. ordinary: the visit's machine, without the registration."""
    if refusal_of(vouched(event).check, around.settings.direction, around.directory, around.rules) is not None:
        return ordinary(state, event, around)
    moved = ordinary(state, event, replace(around, next_number=around.next_number + 1))
    if moved.state is state and not moved.effects:
        return stay(state, around)
    record = VisitorRecord(
        number=event.number,
        step=VisitorStep.REGISTERED,
        guard=event.guard,
        host=event.host,
        purpose=event.purpose,
        limit_min=around.rules.outsiders.visit_limit_min,
    )
    return replace(moved, effects=(StoreRecord(token=around.next_number, record=record), *moved.effects))


def visitor_left(state: VisitState, event: VisitorLeaving, around: Surroundings) -> VisitMove:
    """Noted, and nothing else."""
    record = VisitorRecord(number=event.number, step=VisitorStep.LEFT, guard=event.guard)
    return _noted(record, state, around)


def delivery_logged(state: VisitState, event: DeliveryLogged, around: Surroundings) -> VisitMove:
    """What was brought is noted, or turned back."""
    if event.step is DeliveryStep.LEFT and is_turned_back_with_a_delivery(around.rules.outsiders):
        return _turned_back(state, event, around)
    delivery = Delivery(recipient=event.recipient, kind=event.kind)
    return _noted(DeliveryRecord(delivery=delivery, step=event.step, guard=event.guard), state, around)


def _turned_back(state: VisitState, event: DeliveryLogged, around: Surroundings) -> VisitMove:
    """Only while nobody else's visit is under way: whoever merely stands there is the one who brought it."""
    before: tuple[Effect, ...] = ()
    match state:
        case Idle():
            pass
        case Closing():
            before = (ClearAlarm(kind=state.alarm),) if state.alarm is not None else ()
        case Visiting() if state.code is None and not state.measured:
            before = (abandoned(state, around),)
            around = replace(around, next_number=around.next_number + 1)
        case _:
            return stay(state, around)
    turned_back = turn_delivery_back(event, state.is_present, around)
    return replace(turned_back, effects=(*before, *turned_back.effects))


def _noted(record: Record, state: VisitState, around: Surroundings) -> VisitMove:
    stored = StoreRecord(token=around.next_number, record=record)
    return VisitMove(state=state, effects=(stored,), next_number=around.next_number + 1)
