"""Facts that come into a lane. Past tense; each carries the instant at which it happened."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from model.clock import ClockTrust, Instant
from model.credentials import CodeCheck, Scanner
from model.directory import Directory
from model.facts import ClaimedOuting
from model.identities import GuardId, HouseholdId, VisitId, VisitNumber
from model.outings import OutingPurpose
from model.passback import LastPassage
from model.rule_set import RuleSet
from model.services import IdentifiedWhy, ServiceReason
from model.temperature import HandReading, ThermometerReading
from model.vehicles import Plate
from model.visitors import DeliveryKind, DeliveryStep, VisitPurpose


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialPresented:
    """A code was read and checked by the shell. code_is_used: its holder's step has been consumed by a grant.

    last_passage: the last grant of the same pass that this gate knows of.
    """

    at: Instant
    scanner: Scanner
    check: CodeCheck
    code_is_used: bool = False
    last_passage: LastPassage | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TemperatureMeasured:
    at: Instant
    request: int
    reading: ThermometerReading


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionAnswered:
    at: Instant
    is_yes: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PresenceChanged:
    at: Instant
    is_present: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardDecided:
    """A guard lets through or turns away. guard: None by the key switch. visit: None = whoever stands there."""

    at: Instant
    is_confirmed: bool
    guard: GuardId | None = None
    visit: VisitId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DutyChanged:
    """A guard took the gate over from whoever had it; None: nobody has it any more."""

    at: Instant
    guard: GuardId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseholdIdentified:
    """A guard vouches that this person belongs to this household; stands for the code of a visit, or begins one."""

    at: Instant
    guard: GuardId
    household: HouseholdId
    why: IdentifiedWhy


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleCounted:
    """So many came on one household card. Each of them is measured."""

    at: Instant
    guard: GuardId
    people: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PurposeStated:
    """A guard says what somebody goes out for."""

    at: Instant
    guard: GuardId
    purpose: OutingPurpose


@dataclass(frozen=True, slots=True, kw_only=True)
class OutingAnswered:
    """What came of a claim, in time or not; answers ClaimOuting with the same token."""

    at: Instant
    token: int
    claimed: ClaimedOuting


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredByHand:
    """A guard typed in what a thermometer of their own says."""

    at: Instant
    reading: HandReading


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskSeen:
    """A guard saw a person without a mask, or that one has been put on."""

    at: Instant
    guard: GuardId
    is_worn: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAdmitted:
    """A guard lets people through who have no pass: an ambulance, the police, a repair crew."""

    at: Instant
    guard: GuardId
    reason: ServiceReason
    people: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleSeen:
    """A guard read a plate and counted heads; said again, it corrects both. has_pass: or one is still to be shown."""

    at: Instant
    guard: GuardId
    plate: Plate
    people: int
    has_pass: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsiderSeen:
    """A guard saw somebody in the vehicle who belongs to nobody here."""

    at: Instant
    guard: GuardId


@dataclass(frozen=True, slots=True, kw_only=True)
class BellRung:
    """A resident wants to speak to a person."""

    at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class BellAnswered:
    at: Instant
    guard: GuardId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EmergencyReleaseOrdered:
    """guard: None by the button, or at the gate's own screen without a PIN."""

    at: Instant
    guard: GuardId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorContactChanged:
    at: Instant
    is_open: bool
    is_initial: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ObstructionChanged:
    at: Instant
    is_obstructed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseCut:
    """The output ended a release by its own maximum on-time, before the time that was ordered."""

    at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class FireChanged:
    at: Instant
    is_alarm: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakGlassChanged:
    at: Instant
    is_broken: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TamperChanged:
    at: Instant
    is_tampered: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitRequested:
    at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordStored:
    """The record with this token is on disk."""

    at: Instant
    token: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordRefused:
    """The record with this token is not on disk. code_was_used: another grant had consumed its holder's code."""

    at: Instant
    token: int
    code_was_used: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentChanged:
    """A part of the gate was lost or came back; `component` by its name in ports, or journal, link, centre."""

    at: Instant
    component: str
    is_available: bool
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockChanged:
    """wall: what a trusted clock shows at `at`, aware UTC; None while it is not trusted."""

    at: Instant
    trust: ClockTrust
    jumped_s: float = 0.0
    wall: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeTold:
    """A trusted clock was set by less than is worth a record: what it shows now, aware UTC."""

    at: Instant
    wall: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryReplaced:
    at: Instant
    directory: Directory


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatesOpened:
    """The plates of every household that has a vehicle: they come sealed with a directory, and are opened after it."""

    at: Instant
    directory_version: int
    plates: Mapping[HouseholdId, tuple[Plate, ...]] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesReplaced:
    at: Instant
    rules: RuleSet


@dataclass(frozen=True, slots=True, kw_only=True)
class TimePassed:
    """Sent by the shell at the lane's next deadline."""

    at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitorRegistered:
    """A guard registered somebody from outside, who stands for a code like a household that a guard knows.

    Who it is has been sealed to the centre: the lane knows a number and whom they visit.
    """

    at: Instant
    guard: GuardId
    number: VisitNumber
    host: HouseholdId
    purpose: VisitPurpose


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitorLeaving:
    """A visitor goes again, known by the number on the slip."""

    at: Instant
    guard: GuardId
    number: VisitNumber


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryLogged:
    """Something was brought for a household, or is no longer at the gate."""

    at: Instant
    guard: GuardId
    recipient: HouseholdId
    kind: DeliveryKind
    step: DeliveryStep


Event = (
    CredentialPresented
    | TemperatureMeasured
    | QuestionAnswered
    | PresenceChanged
    | GuardDecided
    | DutyChanged
    | HouseholdIdentified
    | PeopleCounted
    | PurposeStated
    | OutingAnswered
    | MeasuredByHand
    | MaskSeen
    | ServiceAdmitted
    | BellRung
    | BellAnswered
    | EmergencyReleaseOrdered
    | DoorContactChanged
    | ObstructionChanged
    | ReleaseCut
    | FireChanged
    | BreakGlassChanged
    | TamperChanged
    | ExitRequested
    | RecordStored
    | RecordRefused
    | ComponentChanged
    | ClockChanged
    | TimeTold
    | DirectoryReplaced
    | RulesReplaced
    | TimePassed
    | VehicleSeen
    | OutsiderSeen
    | PlatesOpened
    | VisitorRegistered
    | VisitorLeaving
    | DeliveryLogged
)
