"""Messages between a terminal and its kiosk, over a Unix socket: JSON, one object per line, UTF-8.

The terminal listens. At once after a connection and at every change it sends the whole screen, {"screen": ScreenState};
only the newest counts, so that a kiosk that reads slowly misses pictures and never the last one. Where nothing changes
it sends the screen again at least every 2 s: a terminal that says nothing for 3 s is dead to its kiosk. The kiosk sends
{"number": N, "order": {"kind": …}} and gets one {"number": N, "answer": Answer} for each. Codes stand in the messages,
never words: words hang on them in config/texts. Masked names and rooms are for the guard's view alone; nothing of a
message is ever logged.
"""

from enum import Enum
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from model.services import ServiceReason
from model.visit_numbers import parts_of, visit_number

MAX_LINE_BYTES: Final = 64 * 1024
MAX_PEOPLE: Final = 9
"""Of one household on one card, or of one crew."""
SHOWN_PASSAGES: Final = 20
FOUND_MAX: Final = 20

Code = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,47}$")]
GuardName = Annotated[str, Field(min_length=1, max_length=40)]
Token = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
People = Annotated[int, Field(ge=1, le=MAX_PEOPLE)]
Number = Annotated[int, Field(ge=0, lt=2**53)]
ShortText = Annotated[str, Field(max_length=200)]


def _as_slip(typed: str) -> str:
    parts = parts_of(typed)
    if parts is None:
        raise ValueError("expected a visit's number as it stands on the slip: 3-28-014-1")
    return visit_number(parts)


SlipNumber = Annotated[str, Field(max_length=16), AfterValidator(_as_slip)]
"""A visit's number, as people type it; in its own form once it is read."""


class Message(BaseModel):
    """A part of a message: strict, nothing unknown, never changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


# --- from the terminal: what is to be seen ---------------------------------------------------------------------------


class Progress(Message):
    """How far the present instruction is: elapsed_s of lasts_s when the message was written."""

    elapsed_s: float
    lasts_s: float


class StepState(Enum):
    DONE = "done"
    NOW = "now"
    AHEAD = "ahead"


class StepShown(Message):
    """One of 一问、二测、三查、四扫, in the order of this gate."""

    step: Code
    state: StepState


class ResidentScreen(Message):
    """What the person in front of the gate is told now; nothing of it names anybody.

    instruction, reason, question: keys of the texts. hint: a word beside the instruction that comes and goes
    (closer, hold_still, brighter, less_glare, one_at_a_time). body_c: only where the rules let the resident see it.
    person of people: whose forehead is wanted now when several came on one household card.
    possible_at: when what was refused will be possible, where that is known. due_back: by when the household must be
    back from what was granted.
    """

    instruction: Code
    reason: Code | None = None
    question: Code | None = None
    hint: Code | None = None
    progress: Progress | None = None
    steps: tuple[StepShown, ...] = ()
    person: People = 1
    people: People = 1
    body_c: float | None = None
    possible_at: AwareDatetime | None = None
    due_back: AwareDatetime | None = None


class TemperatureShown(Message):
    """body_c is None when the rules do not let a guard see it, or when it was indeterminate. by_hand: typed in."""

    outcome: Code
    why: Code | None = None
    body_c: float | None = None
    site: Code
    by_hand: bool = False


class OccupantShown(Message):
    """Somebody in a vehicle who was checked."""

    room: str | None = None
    masked_name: str | None = None
    colour: Code | None = None
    isolation: Code | None = None
    identified_by_guard: bool = False
    is_refused: bool = False


class VehicleShown(Message):
    """plate: masked. plate_match: what comparing it with those of its household came to. declared: as counted."""

    plate: ShortText | None = None
    plate_match: Code
    declared: Number | None = None
    has_outsider: bool = False
    occupants: tuple[OccupantShown, ...] = ()


class VisitShown(Message):
    """The visit that is going on, as the guard sees it. number: given back with each order, so that none comes late.

    stage: visiting, recording, with_guard, passing or closing. reason: of the decision, or what the guard is asked.
    mask_missing: the guard said so, and the visit waits. purpose: what the guard said that this way out is for.
    is_confirmable: a guard's word is enough to let this person through. vehicle: None for people on foot. visitor: the
    number of a registered visitor.
    """

    number: Number
    stage: Code
    step: Code | None = None
    instruction: Code
    outcome: Code | None = None
    reason: Code | None = None
    room: str | None = None
    masked_name: str | None = None
    colour: Code | None = None
    pass_kind: Code | None = None
    isolation: Code | None = None
    identified_by_guard: bool = False
    temperatures: tuple[TemperatureShown, ...] = ()
    people: People = 1
    answered_yes: tuple[Code, ...] = ()
    mask_missing: bool = False
    other_codes: Number = 0
    purpose: Code | None = None
    is_confirmable: bool = True
    visitor: str | None = None
    left: Progress | None = None
    vehicle: VehicleShown | None = None


class DutyShown(Message):
    """Who has the gate."""

    guard: Code
    name: GuardName
    since: AwareDatetime


class GuardShown(Message):
    """A guard who may sign in here."""

    guard: Code
    name: GuardName


class PassageShown(Message):
    """One of the last decisions. number: of the visit; 0 where there was none."""

    at: AwareDatetime
    number: Number
    outcome: Code
    reason: Code
    room: str | None = None
    people: People = 1
    guard: Code | None = None


class LostShown(Message):
    """A part of the gate that does not work. component and why are codes; since: when it was noticed."""

    component: Code
    why: ShortText
    since: AwareDatetime


class AlarmShown(Message):
    kind: Code
    since: AwareDatetime


class BarrierShown(Message):
    """is_free: the way is free for everybody (fire, break-glass, emergency)."""

    is_released: bool
    is_open: bool | None
    is_free: bool


class GateShown(Message):
    """The gate itself. mode: ready, alone (no centre), guard_only (no automatic opening) or way_free.

    visitors, deliveries: what the rules do with them: turned_back, at_the_gate or registered. services: whom a guard
    may let through.
    """

    device: str
    gate_number: Number
    direction: Code
    has_barrier: bool
    has_thermometer: bool
    steps: tuple[Code, ...]
    mode: Code
    clock: Code
    now: AwareDatetime
    rules_version: Number
    directory_version: Number | None
    directory_age_s: Number | None
    backlog: Number
    journal_used_percent: Number
    visitors: Code = "registered"
    deliveries: Code = "registered"
    services: tuple[Code, ...] = tuple(each.value for each in ServiceReason)


class ScreenState(Message):
    """Everything that a kiosk can show.

    The resident's page gets `resident`, the gate's number, direction, mode and time, whether the bell was rung, and the
    codes of `lost`: nothing more.
    """

    v: Literal[1] = 1
    revision: Number
    gate: GateShown
    resident: ResidentScreen
    visit: VisitShown | None = None
    duty: DutyShown | None = None
    guards: tuple[GuardShown, ...] = ()
    bell_since: AwareDatetime | None = None
    barrier: BarrierShown
    passages: tuple[PassageShown, ...] = ()
    lost: tuple[LostShown, ...] = ()
    alarms: tuple[AlarmShown, ...] = ()


# --- from the kiosk: what a person wants -----------------------------------------------------------------------------


class SignIn(Message):
    """Take the gate over: whoever had it is signed out, and both are recorded."""

    kind: Literal["sign_in"] = "sign_in"
    guard: Code
    pin: Annotated[str, Field(pattern=r"^[0-9]{4,8}$", repr=False)]


class SignOut(Message):
    kind: Literal["sign_out"] = "sign_out"
    token: Token


class DecideVisit(Message):
    """Let through, or turn away, the person about whom the gate asks."""

    kind: Literal["decide"] = "decide"
    token: Token
    visit: Number
    is_confirmed: bool


class IdentifyHousehold(Message):
    """The guard knows this household: a forgotten card, no phone, a scanner that fails. Every rule is still judged."""

    kind: Literal["identify"] = "identify"
    token: Token
    visit: Number | None = None
    household: Annotated[int, Field(ge=1, lt=2**31)]
    why: Literal["forgotten_card", "no_phone", "card_unreadable", "scanner_lost"]


class CountPeople(Message):
    """How many came on one household card; each of them is measured."""

    kind: Literal["count_people"] = "count_people"
    token: Token
    visit: Number
    people: People


class StatePurpose(Message):
    """What this person goes out for; the rules say what that is worth. An emergency goes out at once."""

    kind: Literal["purpose"] = "purpose"
    token: Token
    visit: Number
    purpose: Literal["ordinary", "work", "medical", "duty", "fetch", "emergency"]


class MeasureByHand(Message):
    """A guard's own thermometer. body_c: body temperature as its display says, 30.0 to 45.0."""

    kind: Literal["measure_by_hand"] = "measure_by_hand"
    token: Token
    visit: Number
    body_c: Annotated[float, Field(ge=30.0, le=45.0)]
    site: Literal["forehead", "wrist", "ear", "armpit", "mouth"]
    thermometer: Literal["infrared", "contact", "mercury"]


class SeeMask(Message):
    """No mask, or one has been put on. Without a visit the resident's screen only reminds."""

    kind: Literal["mask"] = "mask"
    token: Token
    visit: Number | None = None
    is_worn: bool


class AdmitService(Message):
    """Let somebody through who has no pass: an ambulance, the police, a repair crew."""

    kind: Literal["admit_service"] = "admit_service"
    token: Token
    reason: Literal[
        "ambulance",
        "police",
        "fire_brigade",
        "repair",
        "utilities",
        "disinfection",
        "official",
        "helping_hand",
        "other",
    ]
    people: People = 1


class SeeVehicle(Message):
    """The plate as a guard read it, and everybody in the vehicle; said again, it corrects both."""

    kind: Literal["vehicle"] = "vehicle"
    token: Token
    visit: Number | None = None
    plate: Annotated[str, Field(min_length=1, max_length=20, repr=False)]
    people: People
    has_pass: bool = True


class SeeOutsider(Message):
    """Somebody in the vehicle belongs to nobody here: it turns back."""

    kind: Literal["outsider"] = "outsider"
    token: Token
    visit: Number


class ReleaseInEmergency(Message):
    """Free the way. Needs no PIN at the gate's own screen; from elsewhere a guard's token."""

    kind: Literal["emergency"] = "emergency"
    token: Token | None = None


class RingBell(Message):
    """A resident wants to speak to a person."""

    kind: Literal["ring"] = "ring"


class AnswerBell(Message):
    kind: Literal["answer_bell"] = "answer_bell"
    token: Token


class AnswerQuestion(Message):
    """The two large buttons, drawn on the screen. question: as it stood there when it was answered."""

    kind: Literal["answer_question"] = "answer_question"
    question: Code
    is_yes: bool


class ReportPart(Message):
    """A part that belongs to the kiosk was lost or came back: the lane records it, and the centre hears of it."""

    kind: Literal["part"] = "part"
    component: Literal["speaker"]
    is_available: bool
    why: Code | None = None


class FindHousehold(Message):
    """Look somebody up. Give a room as people write it (3-2-1201), parts of it, or the number of a pass."""

    kind: Literal["find"] = "find"
    token: Token
    building: Annotated[str, Field(max_length=16)] = ""
    unit: Annotated[str, Field(max_length=16)] = ""
    room: Annotated[str, Field(max_length=16)] = ""
    pass_id: Annotated[str, Field(pattern=r"^([0-9a-f]{16})?$")] = ""


class RegisterVisitor(Message):
    """Register somebody from outside. What is typed is sealed to the centre at once, and kept nowhere else.

    name, id_number, phone: left out where the rules let nobody in.
    """

    kind: Literal["register_visitor"] = "register_visitor"
    token: Token
    household: Annotated[int, Field(ge=1, lt=2**31)]
    purpose: Literal["family", "care", "work", "delivery", "other"]
    name: Annotated[str, Field(max_length=80, repr=False)] = ""
    id_number: Annotated[str, Field(max_length=40, repr=False)] = ""
    phone: Annotated[str, Field(max_length=40, repr=False)] = ""


class SeeVisitorLeave(Message):
    """A visitor goes again. At a lane that leads out this begins their passage."""

    kind: Literal["visitor_leaves"] = "visitor_leaves"
    token: Token
    slip: SlipNumber


class LogDelivery(Message):
    """Something was brought for a household, or is no longer at the gate."""

    kind: Literal["delivery"] = "delivery"
    token: Token
    household: Annotated[int, Field(ge=1, lt=2**31)]
    what: Literal["meal", "parcel", "food", "medicine", "other"]
    step: Literal["left", "fetched", "brought"]


Order = Annotated[
    SignIn
    | SignOut
    | DecideVisit
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
    | FindHousehold
    | SeeVehicle
    | SeeOutsider
    | RegisterVisitor
    | SeeVisitorLeave
    | LogDelivery,
    Field(discriminator="kind"),
]


class Refusal(Enum):
    """Why an order was not carried out."""

    WRONG_PIN = "wrong_pin"
    WAIT = "wait"  # too many wrong PINs: wait_s
    NOT_SIGNED_IN = "not_signed_in"
    STALE = "stale"  # that visit is over, or is not where the order thinks
    NOT_NOW = "not_now"  # the order means nothing in this state
    NOT_FOUND = "not_found"
    NO_REGISTER = "no_register"  # this gate can't look anybody up: no directory, or none sealed for it
    JOURNAL = "journal"  # cannot be recorded, so it is not done
    BUSY = "busy"
    INVALID = "invalid"
    RULES = "rules"  # the community's rules do not allow it
    NO_CENTRE_KEY = "no_centre_key"  # nothing to seal a visitor's registration to


class Found(Message):
    """A household as a guard may see it."""

    household: Annotated[int, Field(ge=1, lt=2**31)]
    room: str
    masked_name: str
    colour: Code
    isolation: Code


class Answer(Message):
    """What became of an order. is_done is False exactly when `why` is given.

    slip: the number of a visit. fault: what of a registration can't be, by model.visitors.
    """

    is_done: bool
    why: Refusal | None = None
    wait_s: float | None = None
    token: Token | None = None
    found: tuple[Found, ...] = ()
    more_found: bool = False
    slip: str | None = None
    fault: Code | None = None


class OrderLine(Message):
    """One line from a kiosk."""

    number: Number
    order: Order


class TerminalLine(Message):
    """One line from a terminal: a screen, or the answer to the order with this number."""

    screen: ScreenState | None = None
    number: Number | None = None
    answer: Answer | None = None
