"""A community's rules as data. model.rules applies them; config.rules reads them from the community's file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, time, tzinfo
from enum import Enum

from model.credentials import Colour, PassKind
from model.directory import Isolation
from model.identities import CommunityId
from model.outings import OutingPurpose, OutingRules
from model.passback import PassbackMode, PassbackRules
from model.passing import Direction
from model.reasons import Outcome, Reason
from model.services import ServiceReason
from model.shifts import Way
from model.temperature import TemperatureRules
from model.windows import WindowKind


class Check(Enum):
    """Checks that a rule set can name, each a function of facts and rules."""

    PASS = "pass"  # genuine, in time, of this community, on the directory and neither revoked nor suspended there
    DIRECTORY = "directory"  # the household stands on the directory
    GATE = "gate"  # the pass names this gate
    FRESH = "fresh"  # this holder's code has not been used
    KIND = "kind"  # this kind of pass may go this way
    PASSBACK = "passback"  # the same pass did not just go the same way
    ISOLATION = "isolation"
    COLOUR = "colour"
    OUTSIDER = "outsider"  # visitors may come in here, and to this household
    CURFEW = "curfew"
    WORK = "work"  # a work certificate, and this is a time at which its holder works
    OUTING = "outing"  # the household's quota
    QUESTIONS = "questions"
    TEMPERATURE = "temperature"
    VEHICLE = "vehicle"  # its plate is its household's, and everybody in it was checked; judged of every vehicle


@dataclass(frozen=True, slots=True, kw_only=True)
class ColourRule:
    """What a colour may do. is_watched: passes, and the centre is told (重点关注).

    exchange_for: the colour that the card may be exchanged for after exchange_after_days full days without symptoms.
    """

    may_enter: bool
    may_leave: bool
    is_watched: bool = False
    exchange_for: Colour | None = None
    exchange_after_days: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class KindRule:
    """What a kind of pass may do, whoever holds it."""

    may_enter: bool = True
    may_leave: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class CurfewRules:
    """Nobody goes this way from `begins` to `ends` of the community's clock, but for these purposes and kinds."""

    begins: time
    ends: time
    directions: frozenset[Direction]
    exempt_purposes: frozenset[OutingPurpose] = frozenset()
    exempt_kinds: frozenset[PassKind] = frozenset()


class MaskPolicy(Enum):
    """What a gate does about masks."""

    OFF = "off"
    REMINDED = "reminded"  # shown and said to everybody
    REQUIRED = "required"  # whoever has none is held until one is put on


class VisitPolicy(Enum):
    """What becomes of people and things from outside."""

    TURNED_BACK = "turned_back"
    AT_THE_GATE = "at_the_gate"  # handed over there; nobody enters
    REGISTERED = "registered"  # enters, registered by real name


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsiderRules:
    """Who from outside may enter on a guard's word. services: those that a guard may let through."""

    visitors: VisitPolicy = VisitPolicy.REGISTERED
    deliveries: VisitPolicy = VisitPolicy.AT_THE_GATE
    vehicles: VisitPolicy = VisitPolicy.TURNED_BACK
    visit_limit_min: int = 1440
    services: frozenset[ServiceReason] = frozenset(ServiceReason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One level of responsibility, lowest first: who is told next when nobody has answered for after_min."""

    name: str
    name_en: str
    after_min: int


NO_PASSBACK = PassbackRules(mode=PassbackMode.OFF)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSet:
    """One community's rules, valid from a date. checks: in the order of judging; on_failure: outcome per reason.

    zone: of the community's wall clock. isolation_windows: the windows that let households of a kind pass a gate.
    outing_kinds: the passes whose ways out count as outings. work_directions: the ways for which a work certificate's
    shift is judged.
    """

    community: CommunityId
    version: int
    valid_from: date
    checks: tuple[Check, ...]
    colours: Mapping[Colour, ColourRule]
    isolation_may_enter: Mapping[Isolation, bool]
    isolation_may_leave: Mapping[Isolation, bool]
    measured_directions: frozenset[Direction]
    temperature: TemperatureRules
    on_failure: Mapping[Reason, Outcome]
    zone: tzinfo = UTC
    isolation_windows: Mapping[Isolation, frozenset[WindowKind]] = field(default_factory=dict)
    kinds: Mapping[PassKind, KindRule] = field(default_factory=dict)
    curfew: CurfewRules | None = None
    outings: OutingRules | None = None
    outing_kinds: frozenset[PassKind] = frozenset({PassKind.RESIDENT, PassKind.HOUSEHOLD})
    work_way: Way = field(default_factory=Way)
    work_directions: frozenset[Direction] = frozenset({Direction.OUT})
    passback: PassbackRules = NO_PASSBACK
    masks: MaskPolicy = MaskPolicy.REMINDED
    outsiders: OutsiderRules = field(default_factory=OutsiderRules)
    levels: tuple[Level, ...] = ()
