"""What a guard or a resident orders at the screen, as an event of the lane; or why it is not carried out. Pure.

The core itself says whether an order means anything: it is asked with the event, and an event that changes nothing and
orders nothing is answered NOT_NOW.
"""

from dataclasses import dataclass
from typing import Final, assert_never

from gate.core import events as ev
from gate.core.lane import JOURNAL, Lane, Step, step
from gate.core.visit_outsiders import is_served
from gate.core.visit_states import Visiting, WithGuard
from gate.screens import (
    AdmitService,
    AnswerBell,
    AnswerQuestion,
    CountPeople,
    DecideVisit,
    IdentifyHousehold,
    LogDelivery,
    MeasureByHand,
    Order,
    Refusal,
    ReleaseInEmergency,
    ReportPart,
    RingBell,
    SeeMask,
    SeeOutsider,
    SeeVehicle,
    SeeVisitorLeave,
    SignIn,
    StatePurpose,
)
from gate.shell.screen_state import visit_number
from model.clock import Instant
from model.identities import GuardId, HouseholdId, VisitId, VisitNumber
from model.outings import OutingPurpose
from model.records import VisitStep
from model.services import IdentifiedWhy, ServiceReason
from model.temperature import Celsius, HandReading, HandSite, HandThermometer
from model.vehicles import plate_of
from model.visitors import DeliveryKind, DeliveryStep

LaneOrder = (
    DecideVisit
    | IdentifyHousehold
    | CountPeople
    | StatePurpose
    | MeasureByHand
    | SeeMask
    | AdmitService
    | ReleaseInEmergency
    | RingBell
    | AnswerBell
    | AnswerQuestion
    | ReportPart
    | SeeVehicle
    | SeeOutsider
    | SeeVisitorLeave
    | LogDelivery
)
"""Orders that the lane carries out; the others (signing in and out, looking up, visitors) are the shell's own."""

_OF_A_VISIT: Final = (
    DecideVisit,
    IdentifyHousehold,
    CountPeople,
    StatePurpose,
    MeasureByHand,
    SeeMask,
    SeeVehicle,
    SeeOutsider,
)
_NEEDS_RECORD: Final = (DecideVisit, AdmitService, SeeVisitorLeave, LogDelivery)
_DECIDES_A_REFERRAL: Final = (MeasureByHand, IdentifyHousehold, StatePurpose)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """The lane takes the order: the event, and where it leads to."""

    event: ev.Event
    moved: Step


def token_of(order: Order) -> str | None:
    """The token that an order carries."""
    match order:
        case SignIn() | RingBell() | AnswerQuestion() | ReportPart():
            return None
        case _:
            return order.token


def needs_guard(order: Order) -> bool:
    """Whether only a guard may order it. An emergency release at the gate's own screen comes without a token."""
    match order:
        case SignIn() | RingBell() | AnswerQuestion() | ReportPart():
            return False
        case ReleaseInEmergency():
            return order.token is not None
        case _:
            return True


def take_order(order: LaneOrder, guard: GuardId | None, lane: Lane, at: Instant) -> Taken | Refusal:
    """What the lane makes of an order. guard: whose token it came with."""
    if is_stale(order, lane):
        return Refusal.STALE
    is_a_decision = isinstance(order, _NEEDS_RECORD) or (
        isinstance(order, _DECIDES_A_REFERRAL) and isinstance(lane.visit, WithGuard)
    )
    if is_a_decision and JOURNAL in lane.lost:
        return Refusal.JOURNAL
    if isinstance(order, SeeVehicle) and plate_of(order.plate) is None:
        return Refusal.INVALID
    if isinstance(order, AdmitService) and not is_served(ServiceReason(order.reason), lane.rules):
        return Refusal.RULES
    event = _event_of(order, guard, at)
    if event is None:
        return Refusal.NOT_SIGNED_IN
    return _what_comes_of(event, lane)


def take_event(event: ev.VisitorRegistered, lane: Lane) -> Taken | Refusal:
    """What the lane makes of an event that only a record can carry out."""
    return Refusal.JOURNAL if JOURNAL in lane.lost else _what_comes_of(event, lane)


def _what_comes_of(event: ev.Event, lane: Lane) -> Taken | Refusal:
    moved = step(lane, event)
    if not moved.effects and moved.lane == lane:
        return Refusal.NOT_NOW
    return Taken(event=event, moved=moved)


def is_stale(order: LaneOrder, lane: Lane) -> bool:
    """Whether the screen on which the order was given is no longer true."""
    if isinstance(order, _OF_A_VISIT):
        return order.visit != visit_number(lane.visit)
    if isinstance(order, AnswerQuestion):
        return order.question != question_asked(lane)
    return False


def question_asked(lane: Lane) -> str | None:
    """The question that stands on the screen."""
    state = lane.visit
    if not isinstance(state, Visiting) or state.step is not VisitStep.ASK:
        return None
    asked = lane.settings.questions[state.questions_answered : state.questions_answered + 1]
    return asked[0] if asked else None


def _event_of(order: LaneOrder, guard: GuardId | None, at: Instant) -> ev.Event | None:
    match order:
        case ReleaseInEmergency():
            return ev.EmergencyReleaseOrdered(at=at, guard=guard)
        case RingBell():
            return ev.BellRung(at=at)
        case AnswerQuestion():
            return ev.QuestionAnswered(at=at, is_yes=order.is_yes)
        case ReportPart():
            why = order.why or ""
            return ev.ComponentChanged(at=at, component=order.component, is_available=order.is_available, why=why)
        case _ if guard is None:
            return None
        case DecideVisit():
            visit = VisitId(order.visit)
            return ev.GuardDecided(at=at, is_confirmed=order.is_confirmed, guard=guard, visit=visit)
        case IdentifyHousehold():
            household, identified = HouseholdId(order.household), IdentifiedWhy(order.why)
            return ev.HouseholdIdentified(at=at, guard=guard, household=household, why=identified)
        case CountPeople():
            return ev.PeopleCounted(at=at, guard=guard, people=order.people)
        case StatePurpose():
            return ev.PurposeStated(at=at, guard=guard, purpose=OutingPurpose(order.purpose))
        case MeasureByHand():
            return ev.MeasuredByHand(at=at, reading=_reading(order, guard, at))
        case SeeMask():
            return ev.MaskSeen(at=at, guard=guard, is_worn=order.is_worn)
        case AdmitService():
            reason = ServiceReason(order.reason)
            return ev.ServiceAdmitted(at=at, guard=guard, reason=reason, people=order.people)
        case AnswerBell():
            return ev.BellAnswered(at=at, guard=guard)
        case SeeVehicle():
            plate = plate_of(order.plate)
            if plate is None:
                return None
            return ev.VehicleSeen(at=at, guard=guard, plate=plate, people=order.people, has_pass=order.has_pass)
        case SeeOutsider():
            return ev.OutsiderSeen(at=at, guard=guard)
        case SeeVisitorLeave():
            return ev.VisitorLeaving(at=at, guard=guard, number=VisitNumber(order.slip))
        case LogDelivery():
            kind, ended = DeliveryKind(order.what), DeliveryStep(order.step)
            recipient = HouseholdId(order.household)
            return ev.DeliveryLogged(at=at, guard=guard, recipient=recipient, kind=kind, step=ended)
        case _:
            assert_never(order)


def _reading(order: MeasureByHand, guard: GuardId, at: Instant) -> HandReading:
    return HandReading(
        at=at,
        body_c=Celsius(order.body_c),
        site=HandSite(order.site),
        thermometer=HandThermometer(order.thermometer),
        guard=guard,
    )
