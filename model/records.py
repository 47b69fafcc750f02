"""What a gate records: one type per kind of record, and its fields as they stand in the body.

The format is final: kinds and field names are never renamed, new fields are added. `fields_of` gives plain JSON types.
"""

from dataclasses import dataclass
from enum import Enum
from typing import assert_never

from model.clock import ClockTrust
from model.credentials import Scanner, VerifiedCode
from model.fact_fields import (
    JsonValue,
    code_fields,
    household_fields,
    pass_status,
    temperature_fields,
    timed_fields,
    utc_text,
    visitor_fields,
)
from model.facts import Facts
from model.identities import ClaimId, Epoch, GuardId, HouseholdId, PassId, Seq, VisitId, VisitNumber
from model.reasons import Reason
from model.rule_set import RuleSet
from model.rules import Decision
from model.services import ServiceReason
from model.temperature import TemperatureJudgement
from model.vehicle_check import occupants_of
from model.vehicle_fields import vehicle_fields
from model.visitors import DeliveryKind, DeliveryStep, VisitorStep, VisitPurpose


class VisitStep(Enum):
    """The four steps of a visit: 一问、二测、三查、四扫."""

    ASK = "ask"
    MEASURE = "measure"
    CHECK = "check"
    SCAN = "scan"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDone:
    """A step that ended, and how, seconds after the visit began."""

    step: VisitStep
    result: str
    after_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumedCode:
    """One holder's code that a grant uses up."""

    pass_id: PassId
    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What was brought, and for whom."""

    recipient: HouseholdId
    kind: DeliveryKind


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRecord:
    """A decision with all its inputs. referred_for: what the guard was asked about, when a guard decided.

    guard: who decided, admitted or looked at the card; None for the rules and for the key switch. service: whom a guard
    let in without a pass. superseded: judgements that a later one of the same person replaced, after the first of them.
    mask_was_missing: the visit was held until one was put on. delivery: what was turned back, with whom it was for.
    """

    visit: VisitId
    facts: Facts
    rules: RuleSet
    decision: Decision
    steps: tuple[StepDone, ...]
    scanner: Scanner | None
    first_temperature: TemperatureJudgement | None
    other_codes: int  # different codes shown during the visit
    referred_for: Reason | None = None
    guard: GuardId | None = None
    service: ServiceReason | None = None
    superseded: tuple[TemperatureJudgement, ...] = ()
    mask_was_missing: bool = False
    delivery: Delivery | None = None


class PassageEnd(Enum):
    """What came of a grant."""

    TAKEN = "taken"
    NOT_TAKEN = "not_taken"
    NOT_OBSERVED = "not_observed"  # the lane has nothing that sees a passage


@dataclass(frozen=True, slots=True, kw_only=True)
class PassageRecord:
    """outing: the claim of the outing that this way out was, so that the centre knows what became of it."""

    visit: VisitId
    end: PassageEnd
    household: HouseholdId | None
    pass_id: PassId | None
    people: int = 1
    outing: ClaimId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AbandonedRecord:
    """A visit that ended without a decision: the person walked away, or a step took too long."""

    visit: VisitId
    at_step: VisitStep
    steps: tuple[StepDone, ...]
    mask_was_missing: bool = False


class BarrierEvent(Enum):
    FORCED_OPEN = "forced_open"
    HELD_OPEN = "held_open"
    CLOSED = "closed"  # ends forced or held open
    OBSTRUCTED = "obstructed"
    CLEARED = "cleared"
    FIRE = "fire"
    FIRE_ENDED = "fire_ended"
    BREAK_GLASS = "break_glass"
    BREAK_GLASS_ENDED = "break_glass_ended"
    EMERGENCY_RELEASE = "emergency_release"
    REQUEST_TO_EXIT = "request_to_exit"
    OBSTRUCTION_STUCK = "obstruction_stuck"  # obstructed for longer than anybody stands there
    OPENED_FREELY = "opened_freely"  # opened in a release that was not, or no longer, for one visit
    TAMPER = "tamper"
    TAMPER_ENDED = "tamper_ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class BarrierRecord:
    """guard: who ordered an emergency release, where that is known."""

    event: BarrierEvent
    visit: VisitId | None = None
    guard: GuardId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConflictRecord:
    """Another gate granted a holder's code that this gate had granted: single use did not hold in a split."""

    pass_id: PassId
    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeRecord:
    """A part of the gate was lost or came back."""

    component: str
    is_available: bool
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockRecord:
    """The wall clock changed other than by passing: its trust, or a jump of jumped_s seconds."""

    trust: ClockTrust
    jumped_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedRecord:
    """A terminal began its work; the versions with which it did."""

    program: str
    rules_version: int
    directory_version: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DutyRecord:
    """A guard took the gate over, or left it (None)."""

    guard: GuardId | None
    before: GuardId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupRecord:
    """A guard looked households up by room or pass. more_found: there were more than are named here."""

    guard: GuardId
    households: tuple[HouseholdId, ...]
    more_found: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalReplacedRecord:
    """Another journal was here before: its epoch, and its last record that is known of.

    how: `gone`, `set_back` to an older copy, or `different` under the same number.
    """

    epoch: Epoch
    seq: Seq
    hash: str
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitorRecord:
    """A guard registered a visitor, or saw one leave. What was typed goes with it, sealed: the personal part.

    limit_min: how long the rules let a visitor stay.
    """

    number: VisitNumber
    step: VisitorStep
    guard: GuardId
    host: HouseholdId | None = None
    purpose: VisitPurpose | None = None
    limit_min: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRecord:
    """Something was left at the gate, or is no longer there."""

    delivery: Delivery
    step: DeliveryStep
    guard: GuardId


Record = (
    DecisionRecord
    | PassageRecord
    | AbandonedRecord
    | BarrierRecord
    | ConflictRecord
    | ModeRecord
    | ClockRecord
    | StartedRecord
    | DutyRecord
    | LookupRecord
    | JournalReplacedRecord
    | VisitorRecord
    | DeliveryRecord
)


def fields_of(record: Record) -> tuple[str, dict[str, JsonValue]]:
    """Kind and fields of a record's body."""
    match record:
        case DecisionRecord():
            return "decision", _decision(record)
        case PassageRecord():
            return "passage", {
                "visit": record.visit,
                "end": record.end.value,
                "household": record.household,
                "pass": record.pass_id,
                "people": record.people,
                "outing": record.outing,
            }
        case AbandonedRecord():
            return "abandoned", {
                "visit": record.visit,
                "at_step": record.at_step.value,
                "steps": _steps(record.steps),
                "mask_was_missing": record.mask_was_missing,
            }
        case BarrierRecord():
            return "barrier", {"event": record.event.value, "visit": record.visit, "guard": record.guard}
        case ConflictRecord():
            return "conflict", {"pass": record.pass_id, "holder_step": record.step}
        case ModeRecord():
            return "mode", {"component": record.component, "available": record.is_available, "why": record.why}
        case ClockRecord():
            return "clock", {"trust": record.trust.value, "jumped_s": round(record.jumped_s, 3)}
        case StartedRecord():
            return "started", {
                "program": record.program,
                "rules_version": record.rules_version,
                "directory_version": record.directory_version,
            }
        case DutyRecord():
            return "duty", {"guard": record.guard, "before": record.before}
        case LookupRecord():
            return "lookup", {
                "guard": record.guard,
                "households": list(record.households),
                "more_found": record.more_found,
            }
        case JournalReplacedRecord():
            return "journal_replaced", {
                "epoch": record.epoch,
                "seq": record.seq,
                "hash": record.hash,
                "how": record.how,
            }
        case VisitorRecord():
            return "visitor", {
                "number": record.number,
                "step": record.step.value,
                "host": record.host,
                "purpose": record.purpose.value if record.purpose is not None else None,
                "guard": record.guard,
                "limit_min": record.limit_min,
            }
        case DeliveryRecord():
            return "delivery", {**_delivery(record.delivery), "step": record.step.value, "guard": record.guard}
        case _:
            assert_never(record)


def consumed_by(record: Record) -> tuple[ConsumedCode, ...]:
    """The holders' codes that this record uses up: those of a grant, of everybody in a vehicle too."""
    if not isinstance(record, DecisionRecord) or record.decision.outcome.value != "granted":
        return ()
    codes = (record.facts.code, *(each.code for each in occupants_of(record.facts)))
    return tuple(
        ConsumedCode(pass_id=code.credential.pass_id, step=code.holder_step)
        for code in codes
        if isinstance(code, VerifiedCode) and code.holder_step is not None
    )


def _decision(record: DecisionRecord) -> dict[str, JsonValue]:
    facts, directory = record.facts, record.facts.directory
    return {
        "visit": record.visit,
        "direction": facts.direction.value,
        "gate": facts.gate,
        "outcome": record.decision.outcome.value,
        "reason": record.decision.reason.value,
        "check": record.decision.check.value if record.decision.check is not None else None,
        "watched": record.decision.is_watched,
        "referred_for": record.referred_for.value if record.referred_for is not None else None,
        "scanner": record.scanner.value if record.scanner is not None else None,
        "code": code_fields(facts.code),
        "code_used": facts.code_is_used,
        "household_entry": household_fields(facts),
        "pass_status": pass_status(facts),
        "answered_yes": list(facts.answered_yes),
        "temperature": temperature_fields(facts.temperature),
        "first_temperature": temperature_fields(record.first_temperature),
        "temperature_model": record.rules.temperature.model,
        "steps": _steps(record.steps),
        "other_codes": record.other_codes,
        "rules": {"community": record.rules.community, "version": record.rules.version},
        "directory_version": directory.version if directory is not None else None,
        "people": facts.people,
        "other_temperatures": [temperature_fields(each) for each in facts.others],
        "superseded_temperatures": [temperature_fields(each) for each in record.superseded],
        "guard": record.guard,
        "service": record.service.value if record.service is not None else None,
        "mask_was_missing": record.mask_was_missing,
        **timed_fields(facts),
        "possible_at": utc_text(record.decision.possible_at),
        "due_back": utc_text(record.decision.due_back),
        "vehicle": vehicle_fields(facts),
        "visitor": visitor_fields(facts.code),
        "delivery": _delivery(record.delivery) if record.delivery is not None else None,
    }


def _delivery(delivery: Delivery) -> dict[str, JsonValue]:
    return {"recipient": delivery.recipient, "what": delivery.kind.value}


def _steps(steps: tuple[StepDone, ...]) -> list[JsonValue]:
    return [{"step": done.step.value, "result": done.result, "after_s": round(done.after_s, 3)} for done in steps]
